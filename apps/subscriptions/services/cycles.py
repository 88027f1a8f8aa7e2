"""Staleness and closing of cycles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from apps.catalogue.domain.kinds import Service
from apps.core.domain.periods import LONGEST_CYCLE, Period
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle, LateChange, StaleCause, StaleSpan, Subscription

_CUSTOMER_LOCK = 1


def lock_customer(customer_id: int) -> None:
    """Keep two changes of one customer's figures apart, until the transaction ends."""
    lock_customers([customer_id])


def lock_customers(customer_ids: Iterable[int]) -> None:
    """The same for many, always in one order, so that two who want the same ones never wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, wanted) FROM unnest(%s::int[]) AS wanted",
            [_CUSTOMER_LOCK, sorted(customer_ids)],
        )


def mark_stale(*, customer: Customer, days: Iterable[Period], cause: StaleCause) -> None:
    """These days must be calculated again, because of ``cause``.

    Records that touch closed cycles are late; of other changes the portfolio tells itself which are.
    """
    days = list(days)
    if cause is not StaleCause.TERMS:
        mark_late(customer=customer, service=Service.CONTACT_CENTRE, days=days)
    StaleSpan.objects.bulk_create(
        StaleSpan(
            partner_id=customer.partner_id,
            customer=customer,
            cause=cause,
            first_day=period.first,
            last_day=period.last,
        )
        for period in days
    )


def mark_late(*, customer: Customer, service: Service, days: Iterable[Period]) -> None:
    """Records of a service came or went on these days: closed cycles whose invoices look at them are late (R13).

    A contact-centre invoice carries the digital cycles that end in its cycle (R10): their records can be a month older.
    """
    days = list(days)
    if not days:
        return
    reach = LONGEST_CYCLE if service is Service.DIGITAL else timedelta(0)
    near = ClosedCycle.objects.filter(
        customer=customer,
        service__in={service, Service.CONTACT_CENTRE},
        first_day__lte=max(period.last for period in days) + reach,
        last_day__gte=min(period.first for period in days),
    )
    mark_cycles_late(
        closed
        for closed in near.defer("snapshot")
        if any(period.meet(closed.first_day - reach, closed.last_day) is not None for period in days)
    )


def mark_cycles_late(closed_cycles: Iterable[ClosedCycle]) -> None:
    """Something arrived for these cycles: the next paper says what it comes to (R13)."""
    LateChange.objects.bulk_create(
        (
            LateChange(partner_id=closed.partner_id, customer_id=closed.customer_id, closed_id=closed.pk)
            for closed in closed_cycles
        ),
        batch_size=5_000,
    )


def forget_late(changes: Iterable[LateChange]) -> None:
    """What these came to is issued, or nothing."""
    LateChange.objects.filter(pk__in=[change.pk for change in changes]).delete()


@transaction.atomic
def close_cycle(
    *,
    customer: Customer,
    service: Service,
    cycle: Cycle,
    inputs_hash: str,
    snapshot: dict[str, Any],
    looked_at: Period | None = None,
) -> ClosedCycle:
    """Freeze a cycle: its days and its primary stay for ever, whatever is entered later (R10, R13).

    ``looked_at``: the days whose recurring charges its invoice carries; None where it has none of its own.
    """
    closed, _ = ClosedCycle.objects.get_or_create(
        customer=customer,
        service=service,
        first_day=cycle.first,
        defaults={
            "partner_id": customer.partner_id,
            "last_day": cycle.last,
            "looked_from": looked_at.first if looked_at else None,
            "looked_to": looked_at.last if looked_at else None,
            "primary": Subscription.objects.get(number=cycle.primary.number),
            "inputs_hash": inputs_hash,
            "snapshot": snapshot,
        },
    )
    return closed
