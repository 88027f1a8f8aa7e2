"""Recalculating what is stale. Results may be made again until their cycle is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from django.db import transaction
from django.utils import timezone

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, Service
from apps.core.domain.periods import Period
from apps.core.problems import Refusal
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import BilledQuantity, CycleResult, DayFigure, DayProfile, Run, RunItem
from apps.reconciliation.selectors import Calculated, calculate_cycle, last_day_used
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle, StaleSpan, Subscription
from apps.subscriptions.selectors import cycles_of
from apps.subscriptions.services import lock_customer
from apps.usage.selectors import days_with_usage, last_day_reached


@transaction.atomic
def reconcile_customer(
    *, customer: Customer, today: date, cycle: Cycle | None = None, until: date | None = None
) -> int:
    """Recalculate the cycles of a customer that are stale and not closed; one named cycle whatever its state.

    Returns how many days were calculated. Two runs of one customer are kept apart by a lock; running it again
    changes nothing.
    """
    lock_customer(customer.pk)
    spans = list(StaleSpan.objects.filter(customer=customer))
    cycles = [] if cycle is None else [cycle]
    if cycle is None:
        cycles = _stale_cycles(customer, spans, today)
    closed = set(
        ClosedCycle.objects.filter(customer=customer, service=Service.CONTACT_CENTRE).values_list(
            "first_day", flat=True
        )
    )
    days = 0
    for each in cycles:
        if each.first not in closed and (until is None or each.first <= until):
            last = last_day_used(each, today=today, until=until)
            _store(customer, each, last, calculate_cycle(customer, each, until=last))
            days += (last - each.first).days + 1
    if cycle is None:
        done = [span.pk for span in spans if until is None or span.last_day <= until]
        StaleSpan.objects.filter(pk__in=done).delete()
    return days


def _stale_cycles(customer: Customer, spans: Sequence[StaleSpan], today: date) -> list[Cycle]:
    """Cycles that have begun, with a stale day, up to the last that usage reaches. Results of cycles no more go."""
    all_cycles = cycles_of(customer, Service.CONTACT_CENTRE, until=today)
    _forget_vanished(customer, all_cycles)
    usage = days_with_usage(customer)
    if usage is None or not spans:
        return []
    reached = last_day_reached(customer, usage)
    return [
        cycle
        for cycle in all_cycles
        if cycle.first < today
        and cycle.first <= reached
        and cycle.last >= usage.first
        and any(span.first_day <= cycle.last and cycle.first <= span.last_day for span in spans)
    ]


def _forget_vanished(customer: Customer, cycles: Sequence[Cycle]) -> None:
    """A subscription that was changed can move the cycles: results of days cut otherwise are no longer true."""
    kept = {(cycle.first, cycle.last, cycle.primary.number) for cycle in cycles}
    for result in CycleResult.objects.filter(customer=customer).select_related("primary"):
        if (result.first_day, result.last_day, result.primary.number) not in kept:
            result.delete()


def _store(customer: Customer, cycle: Cycle, until: date, calculated: Calculated) -> None:
    figures = calculated.figures
    model = cycle.primary.licence_model
    assert model is not None  # a contact-centre subscription has one
    agents = (PREMIUM[model], STANDARD[model])
    by_day: dict[date, int] = {}
    for row in figures.rows:
        if row.family is Family.AGENTS:
            by_day[row.day] = by_day.get(row.day, 0) + row.used
    owner = {"partner_id": customer.partner_id, "customer": customer}
    CycleResult.objects.filter(
        customer=customer, service=Service.CONTACT_CENTRE, first_day=cycle.first
    ).delete()
    result = CycleResult.objects.create(
        **owner,
        service=Service.CONTACT_CENTRE,
        first_day=cycle.first,
        last_day=cycle.last,
        until=until,
        primary=Subscription.objects.get(number=cycle.primary.number),
        rules_version=RULES_VERSION,
        inputs_hash=calculated.inputs_hash,
        has_usage=calculated.has_usage,
        agent_overage=sum(figures.billed[usage_type].quantity for usage_type in agents),
        daily_agents=[by_day[day] for day in sorted(by_day)],
    )
    position: dict[date, int] = {}
    rows = []
    for row in figures.rows:
        position[row.day] = position.get(row.day, -1) + 1
        rows.append(
            DayFigure(
                **owner,
                result=result,
                day=row.day,
                position=position[row.day],
                usage_type=row.usage_type,
                used=row.used,
                committed=row.committed,
                substituted=row.substituted,
                overage=row.overage,
                peak_at=row.peak_at,
                is_overage_peak=row.is_overage_peak,
            )
        )
    DayFigure.objects.bulk_create(rows)
    BilledQuantity.objects.bulk_create(
        BilledQuantity(
            **owner, result=result, usage_type=usage_type, quantity=billed.quantity, day=billed.day
        )
        for usage_type, billed in figures.billed.items()
    )
    DayProfile.objects.bulk_create(
        DayProfile(
            **owner,
            result=result,
            day=day,
            usage_type=usage_type,
            counts=counts[index].astype(np.uint32).tobytes(),
        )
        for usage_type, counts in figures.profiles.items()
        for index, day in enumerate(Period(cycle.first, until))
        if counts[index].any()
    )


@transaction.atomic
def open_run(*, until: date | None = None) -> Run:
    """Write down what is to be done: one item for each customer with stale days."""
    run = Run.objects.create(until=until)
    RunItem.objects.bulk_create(
        RunItem(run=run, customer_id=customer_id)
        for customer_id in StaleSpan.objects.values_list("customer_id", flat=True)
        .distinct()
        .order_by("customer_id")
    )
    return run


@transaction.atomic
def work_item(*, run_id: int, customer_id: int, today: date) -> None:
    """Do one item of a run; a refusal parks it with its reason, and the others go on."""
    item = (
        RunItem.objects.select_for_update(of=("self",))
        .select_related("run")
        .get(run_id=run_id, customer_id=customer_id)
    )
    if item.state != RunItem.State.WAITING:
        return
    try:
        with transaction.atomic():
            item.days = reconcile_customer(
                customer=Customer.objects.get(pk=customer_id), today=today, until=item.run.until
            )
        item.state = RunItem.State.DONE
    except Refusal as refusal:
        item.state, item.reason = RunItem.State.PARKED, str(refusal)
    item.save(update_fields=["state", "days", "reason"])


def park_item(*, run_id: int, customer_id: int, reason: str) -> None:
    """A customer that fails again and again is set aside and listed."""
    RunItem.objects.filter(run_id=run_id, customer_id=customer_id, state=RunItem.State.WAITING).update(
        state=RunItem.State.PARKED, reason=reason
    )


def finish_run(*, run: Run) -> None:
    """No item is waiting any more."""
    Run.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())
