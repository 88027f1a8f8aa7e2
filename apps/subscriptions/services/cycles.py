"""Staleness and closing of cycles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from apps.catalogue.domain.kinds import Service
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle, StaleCause, StaleSpan, Subscription

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
    """These days must be calculated again, because of ``cause``."""
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


@transaction.atomic
def close_cycle(
    *, customer: Customer, service: Service, cycle: Cycle, inputs_hash: str, snapshot: dict[str, Any]
) -> ClosedCycle:
    """Freeze a cycle: its days and its primary stay for ever, whatever is entered later (R10, R13)."""
    closed, _ = ClosedCycle.objects.get_or_create(
        customer=customer,
        service=service,
        first_day=cycle.first,
        defaults={
            "partner_id": customer.partner_id,
            "last_day": cycle.last,
            "primary": Subscription.objects.get(number=cycle.primary.number),
            "inputs_hash": inputs_hash,
            "snapshot": snapshot,
        },
    )
    return closed
