"""What a decision about a conflict would do to the figures; nothing of it is stored (R13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from apps.catalogue.domain.charges import Charge
from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.reconciliation.digital import calculate_digital, usage_charges
from apps.reconciliation.domain.closing import quantities
from apps.reconciliation.domain.detail import Row
from apps.reconciliation.domain.digital import Units
from apps.reconciliation.selectors import calculate_cycle, charge_overage, last_day_used, settings_at_closing
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import cycles_of, list_closed_cycles
from apps.usage.conflict_sides import days_touched, service_of
from apps.usage.models import Conflict
from apps.usage.services import as_if_taken


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cycle comes to on one side: its Daily Detail, what it bills by usage type, its units, its charges."""

    rows: Mapping[tuple[date, UsageType], Row]
    billed: Mapping[UsageType, int]
    units: Mapping[str, Units]
    charges: Sequence[Charge]


@dataclass(frozen=True, slots=True)
class Run:
    """Days in a row on which a usage type would have been used so often in place of so often."""

    days: Period
    usage_type: UsageType
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class CycleEffect:
    """A cycle as it counts now and as it would with the arriving content, up to ``until``.

    A closed cycle stays as it is closed: the difference becomes an adjustment of a later invoice.
    """

    service: Service
    cycle: Cycle
    until: date
    is_closed: bool
    before: Outcome
    after: Outcome

    @property
    def rows(self) -> list[tuple[Row, Row]]:
        """The rows of the Daily Detail that would be others, before and after, in their order."""
        was, now = self.before.rows, self.after.rows
        return [(was[key], now[key]) for key in was if key in now and _cells(was[key]) != _cells(now[key])]

    @property
    def runs(self) -> list[Run]:
        """The use that would be another, days with the same change together, by their first day."""
        found: list[Run] = []
        last: dict[UsageType, int] = {}
        for was, now in self.rows:
            if was.used == now.used:
                continue
            place = last.get(was.usage_type, -1)
            run = Run(Period(was.day, was.day), was.usage_type, was.used, now.used)
            if place >= 0 and _goes_on(found[place], run):
                found[place] = replace(found[place], days=Period(found[place].days.first, was.day))
            else:
                last[was.usage_type] = len(found)
                found.append(run)
        return found

    @property
    def billed(self) -> list[tuple[UsageType, int, int]]:
        """The billed quantities that would be others, before and after."""
        was, now = self.before.billed, self.after.billed
        return [
            (each, was.get(each, 0), now.get(each, 0))
            for each in UsageType
            if was.get(each, 0) != now.get(each, 0)
        ]

    @property
    def units(self) -> list[tuple[str, Units, Units]]:
        """The SKUs of digital usage whose units would be others, before and after (R12)."""
        was, now = self.before.units, self.after.units
        pairs = (
            (sku, was.get(sku, Units(sku, 0, 0)), now.get(sku, Units(sku, 0, 0)))
            for sku in sorted(was.keys() | now.keys())
        )
        return [(sku, one, other) for sku, one, other in pairs if one != other]

    @property
    def changes(self) -> bool:
        """Whether anything would be otherwise."""
        return bool(self.rows or self.billed or self.units)


def list_effects(conflict: Conflict, *, today: date) -> list[CycleEffect]:
    """The cycles that the records of both sides lie in, as they are and as they would be, in order.

    Calculated from the records of now: once as they are stored, once with the arriving content in its place. A closed
    cycle by the settings of its closing. Days in no cycle, or not complete yet, give none.
    """
    customer, service = conflict.customer, service_of(conflict)
    days = days_touched(conflict)
    closed = {cycle.first for cycle in list_closed_cycles(customer, service)}
    cycles = [
        cycle
        for cycle in cycles_of(customer, service, until=today)
        if cycle.first < today and any(each.meet(cycle.first, cycle.last) is not None for each in days)
    ]
    before = [_calculate(customer, service, cycle, cycle.first in closed, today=today) for cycle in cycles]
    with as_if_taken(conflict):
        after = [_calculate(customer, service, cycle, cycle.first in closed, today=today) for cycle in cycles]
    return [
        CycleEffect(service, cycle, last_day_used(cycle, today=today), cycle.first in closed, was, now)
        for cycle, was, now in zip(cycles, before, after, strict=True)
    ]


def _calculate(
    customer: Customer, service: Service, cycle: Cycle, is_closed: bool, *, today: date
) -> Outcome:
    until = last_day_used(cycle, today=today)
    if service is Service.DIGITAL:
        digital = calculate_digital(customer, cycle, until=until)
        return Outcome({}, {}, {each.sku: each for each in digital.units}, usage_charges(digital))
    settings = settings_at_closing(customer, cycle) if is_closed else None
    figures = calculate_cycle(customer, cycle, until=until, settings=settings).figures
    return Outcome(
        {(row.day, row.usage_type): row for row in figures.rows},
        quantities(figures.billed),
        {},
        charge_overage(cycle, figures.billed),
    )


def _goes_on(run: Run, another: Run) -> bool:
    return run.days.last + ONE_DAY == another.days.first and (run.before, run.after) == (
        another.before,
        another.after,
    )


def _cells(row: Row) -> tuple[int, ...]:
    return (row.used, row.committed, row.substituted, row.overage)
