"""Staleness and closing of cycles."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection, transaction

from apps.catalogue.domain.kinds import Service
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle, StaleSpan, Subscription

_CUSTOMER_LOCK = 1


def lock_customer(customer_id: int) -> None:
    """Keep two changes of one customer's figures apart, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CUSTOMER_LOCK, customer_id])


def mark_stale(*, customer: Customer, first_day: date, last_day: date) -> None:
    """These days must be calculated again."""
    StaleSpan.objects.create(
        partner_id=customer.partner_id, customer=customer, first_day=first_day, last_day=last_day
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
