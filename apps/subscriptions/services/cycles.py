"""Staleness and closing of cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from apps.catalogue.domain.kinds import Service
from apps.core.bulk import Ints, array_cursor
from apps.core.domain.day_runs import DayRuns
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle, LateChange, StaleCause, Subscription
from apps.subscriptions.selectors import closed_cycles_looking_at, days_sent

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
    """These days of a customer must be calculated again, because of ``cause``."""
    mark_all_stale(
        days=DayRuns.of(customer.pk, days), partners={customer.pk: customer.partner_id}, cause=cause
    )


def mark_all_stale(*, days: DayRuns, partners: Mapping[int, int], cause: StaleCause) -> None:
    """These days of customers, by their ids, must be calculated again. ``partners`` are the ids of theirs.

    Records that touch closed cycles are late; of other changes the portfolio tells itself which are.
    """
    if not len(days):
        return
    if cause is not StaleCause.TERMS:
        mark_all_late(service=Service.CONTACT_CENTRE, days=days)
    with array_cursor() as cursor:  # a file may touch thousands of customers at once
        cursor.execute(
            """
            INSERT INTO subscriptions_stalespan (partner_id, customer_id, first_day, last_day, cause, marked_at)
            SELECT partner_id, customer_id, date '1970-01-01' + first, date '1970-01-01' + last, %(cause)s, %(now)s
            FROM unnest(%(partners)s::int[], %(customers)s::int[], %(first)s::int[], %(last)s::int[])
                 AS changed (partner_id, customer_id, first, last)
            """,
            {
                "cause": int(cause),
                "now": timezone.now(),
                "partners": Ints(np.array([partners[owner] for owner in days.owners.tolist()])),
                **days_sent(days),
            },
        )


def mark_late(*, customer: Customer, service: Service, days: Iterable[Period]) -> None:
    """Records of a service came or went on these days of a customer."""
    mark_all_late(service=service, days=DayRuns.of(customer.pk, days))


def mark_all_late(*, service: Service, days: DayRuns) -> None:
    """Records of a service came or went on these days: closed cycles whose invoices look at them are late (R13)."""
    mark_cycles_late(closed_cycles_looking_at(service=service, days=days).defer("snapshot"))


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
