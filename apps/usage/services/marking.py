"""Marking the days whose figures are no longer what the records say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, timedelta

from django.db.models import Max

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import mark_late, mark_stale
from apps.usage.domain.days import days_changed
from apps.usage.domain.records import Content, Kind


def mark_days(changed: Iterable[tuple[Customer, Content]], *, kind: Kind, cause: StaleCause) -> None:
    """The days whose figures these records can change are stale, run by run.

    Units of digital channels make none stale: they are counted when their figures are asked for. But late they can be.
    """
    customers: dict[int, Customer] = {}
    contents: dict[int, list[Content]] = {}
    for customer, content in changed:
        customers[customer.pk] = customer
        contents.setdefault(customer.pk, []).append(content)
    if kind is Kind.DIGITAL_USAGE:
        for customer_id, of_customer in contents.items():
            days = {content.started_at.astimezone(UTC).date() for content in of_customer}
            mark_late(
                customer=customers[customer_id],
                service=Service.DIGITAL,
                days=[Period(day, day) for day in days],
            )
        return
    if not contents:
        return
    hours = Offer.objects.aggregate(longest=Max("longest_open_hours"))["longest"]
    longest_open = timedelta(hours=hours)
    for customer_id, of_customer in contents.items():
        mark_stale(
            customer=customers[customer_id],
            days=days_changed(of_customer, longest_open=longest_open),
            cause=cause,
        )
