"""Reads of digital usage: units of SKUs, and the days on which there are some."""

from __future__ import annotations

from datetime import UTC

from django.db.models import Max, Min, Sum

from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.usage.models import Event
from apps.usage.selectors import midnight


def count_units(customer: Customer, period: Period) -> dict[str, int]:
    """How many units of each SKU a customer used on the days of ``period``; none of it: left out (R12)."""
    rows = (
        Event.objects.filter(
            customer_id=customer.pk,
            occurred_at__gte=midnight(period.first),
            occurred_at__lt=midnight(period.last + ONE_DAY),
        )
        .values_list("sku")
        .annotate(units=Sum("quantity"))
    )
    return {sku: int(units) for sku, units in rows}


def days_with_units(customer: Customer) -> Period | None:
    """From the first to the last day with a record of digital usage, None where there is none."""
    found = Event.objects.filter(customer_id=customer.pk).aggregate(
        first=Min("occurred_at"), last=Max("occurred_at")
    )
    if found["first"] is None:
        return None
    return Period(found["first"].astimezone(UTC).date(), found["last"].astimezone(UTC).date())
