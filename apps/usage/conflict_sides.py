"""The two sides of a conflict: what is stored, what arrived, and which days they touch (R13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.periods import LONGEST_CYCLE, Period
from apps.subscriptions.models import ClosedCycle
from apps.usage.domain.days import days_changed
from apps.usage.domain.records import Content, Kind
from apps.usage.models import Conflict, Event, Interval


@dataclass(frozen=True, slots=True)
class StoredSide:
    """What is stored under a conflict's identity, and since when."""

    content: Content
    recorded_at: datetime


def get_stored(conflict: Conflict) -> StoredSide:
    """The content that counts now.

    Raises:
        Interval.DoesNotExist, Event.DoesNotExist: nothing is stored any more.
    """
    identity = {
        "customer_id": conflict.customer_id,
        "source_id": conflict.source_id,
        "record_id": conflict.record_id,
    }
    if conflict.kind == Kind.DIGITAL_USAGE:
        event = Event.objects.get(**identity)
        content = Content(event.sku, None, event.occurred_at, event.occurred_at, event.quantity)
        return StoredSide(content, event.recorded_at)
    interval = Interval.objects.get(**identity, kind=conflict.kind)
    content = Content(interval.actor, interval.premium, interval.started_at, interval.ended_at)
    return StoredSide(content, interval.recorded_at)


def service_of(conflict: Conflict) -> Service:
    """The service whose cycles a record counts in."""
    return Service.DIGITAL if conflict.kind == Kind.DIGITAL_USAGE else Service.CONTACT_CENTRE


def days_touched(conflict: Conflict) -> list[Period]:
    """The days whose figures the decision can change: those of both sides, as runs."""
    contents = [get_stored(conflict).content, conflict.content]
    if conflict.kind == Kind.DIGITAL_USAGE:
        days = sorted({content.started_at.astimezone(UTC).date() for content in contents})
        return [Period(day, day) for day in days]
    hours = Offer.objects.aggregate(longest=Max("longest_open_hours"))["longest"]
    return days_changed(contents, longest_open=timedelta(hours=hours))


def list_closed_cycles_touched(conflict: Conflict) -> list[Period]:
    """The closed cycles whose invoices look at one of these days, in order.

    A contact-centre invoice carries the digital cycles that end in its cycle (R10): their records can be a month older.
    """
    days = days_touched(conflict)
    service = service_of(conflict)
    reach = LONGEST_CYCLE if service is Service.DIGITAL else timedelta(0)
    near = ClosedCycle.objects.filter(
        customer=conflict.customer_id,
        service__in={service, Service.CONTACT_CENTRE},
        first_day__lte=max(period.last for period in days) + reach,
        last_day__gte=min(period.first for period in days),
    )
    return [
        Period(first, last)
        for first, last in near.order_by("first_day").values_list("first_day", "last_day")
        if any(period.meet(first - reach, last) is not None for period in days)
    ]
