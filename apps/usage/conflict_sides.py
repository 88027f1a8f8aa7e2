"""The two sides of a conflict: what is stored, what arrived, and which days they touch (R13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.day_runs import DayRuns
from apps.core.domain.periods import Period
from apps.subscriptions.selectors import closed_cycles_looking_at
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
    return days_of([get_stored(conflict).content, conflict.content], Kind(conflict.kind))


def days_of(contents: Sequence[Content], kind: Kind) -> list[Period]:
    """The days whose figures records of a customer can change, as runs."""
    if kind is Kind.DIGITAL_USAGE:
        days = sorted({content.started_at.astimezone(UTC).date() for content in contents})
        return [Period(day, day) for day in days]
    return days_changed(contents, longest_open=longest_open())


def longest_open() -> timedelta:
    """How long a record without an end may count, by the most patient offer."""
    hours: int = Offer.objects.aggregate(longest=Max("longest_open_hours"))["longest"]
    return timedelta(hours=hours)


def list_closed_cycles_touched(conflict: Conflict) -> list[Period]:
    """The closed cycles whose invoices look at one of these days, in order."""
    days = DayRuns.of(conflict.customer_id, days_touched(conflict))
    found = closed_cycles_looking_at(service=service_of(conflict), days=days)
    return [Period(*ends) for ends in found.order_by("first_day").values_list("first_day", "last_day")]
