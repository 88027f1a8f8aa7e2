"""Reads of runs: what there is to do, how far each has come, and which customers are parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Least

from apps.organisations.models import Customer
from apps.reconciliation.models import CycleResult, Run, RunItem
from apps.subscriptions.models import ClosedCycle, StaleSpan

State = RunItem.State


@dataclass(frozen=True, slots=True)
class Tally:
    """Customers of a run in one state: how many, the records expected of them, those read, and days settled."""

    customers: int = 0
    expected: int = 0
    records: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come ``seconds`` after its start; one that has ended, how far it came in that time."""

    run: Run
    tallies: Mapping[str, Tally]
    seconds: float

    def count(self, state: str) -> int:
        """How many customers are in a state."""
        return self._of(state).customers

    @property
    def customers(self) -> int:
        """All of them."""
        return sum(tally.customers for tally in self.tallies.values())

    @property
    def finished(self) -> int:
        """Those that were tried: done and parked ones."""
        return self.done + self.parked

    @property
    def done(self) -> int:
        return self.count(State.DONE)

    @property
    def waiting(self) -> int:
        return self.count(State.WAITING)

    @property
    def parked(self) -> int:
        return self.count(State.PARKED)

    @property
    def cancelled(self) -> int:
        return self.count(State.CANCELLED)

    @property
    def is_over(self) -> bool:
        """Nothing more will happen."""
        return self.run.finished_at is not None

    @property
    def expected(self) -> int:
        """Records that there were to read when it began, roughly."""
        return sum(tally.expected for tally in self.tallies.values())

    @property
    def records(self) -> int:
        """Records read."""
        return sum(tally.records for tally in self.tallies.values())

    @property
    def days(self) -> int:
        """Days settled."""
        return sum(tally.days for tally in self.tallies.values())

    @property
    def records_per_second(self) -> float:
        """Records read each second, on average."""
        return self.records / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes if it goes on like this; None when that cannot be said. A customer weighs as much as
        a record, so that those without any count too.
        """
        left = self._of(State.WAITING)
        worked = self.expected + self.customers - left.expected - left.customers
        if self.is_over or not worked:
            return None
        return self.seconds * (left.expected + left.customers) / worked

    def _of(self, state: str) -> Tally:
        return self.tallies.get(state, Tally())


def list_progress(runs: Iterable[Run], *, now: datetime) -> list[Progress]:
    """How far each of these runs has come, in one query."""
    listed = list(runs)
    tallies: dict[int, dict[str, Tally]] = {}
    for run_id, state, *figures in (
        RunItem.objects.filter(run__in=listed)
        .values_list("run_id", "state")
        .annotate(Count("pk"), Sum("expected"), Sum("records"), Sum("days"))
        .order_by()
    ):
        tallies.setdefault(run_id, {})[state] = Tally(*figures)
    return [
        Progress(run, tallies.get(run.pk, {}), ((run.finished_at or now) - run.started_at).total_seconds())
        for run in listed
    ]


def get_progress(run: Run, *, now: datetime) -> Progress:
    """How far a run has come."""
    (progress,) = list_progress([run], now=now)
    return progress


def parked_customers(run: Run) -> QuerySet[RunItem, Any]:
    """The ``ref`` and ``name`` of each customer that a run has parked, with the ``reason``; by reference."""
    customer = Customer.objects.filter(pk=OuterRef("customer_id"))
    return (
        run.items.filter(state=State.PARKED)
        .annotate(ref=Subquery(customer.values("ref")), name=Subquery(customer.values("name")))
        .order_by("ref")
        .values("ref", "name", "reason")
    )


def list_stale(last_day: date) -> dict[int, date]:
    """The customers with stale days, or with days up to ``last_day`` that passed since, and from when on."""
    since: dict[int, date] = {}
    for customer_id, day in (
        *StaleSpan.objects.values_list("customer_id", "first_day"),
        *_behind(last_day).values_list("customer_id", "until"),
    ):
        since[customer_id] = min(day, since.get(customer_id, day))
    return since


def _behind(last_day: date) -> QuerySet[CycleResult]:
    """Results of open cycles that end before a day that could be used."""
    closed = ClosedCycle.objects.filter(
        customer=OuterRef("customer"), service=OuterRef("service"), first_day=OuterRef("first_day")
    )
    return CycleResult.objects.filter(until__lt=Least(F("last_day"), last_day)).exclude(Exists(closed))


def list_waiting(last_day: date) -> set[int]:
    """The customers that wait in a run which goes on and calculates them up to ``last_day``."""
    reaching = Q(run__until=None) | Q(run__until__gte=last_day)
    return set(
        RunItem.objects.filter(reaching, run__finished_at=None, state=State.WAITING).values_list(
            "customer_id", flat=True
        )
    )


def list_set_aside() -> set[int]:
    """The customers that were parked or cancelled last, and for whom nothing was marked since.

    They would be parked again, or somebody did not want them now: no run begins with them by itself.
    """
    done = RunItem.objects.filter(
        customer_id=OuterRef("customer_id"), state=State.DONE, run_id__gt=OuterRef("run_id")
    )
    marked = StaleSpan.objects.filter(
        customer=OuterRef("customer_id"), marked_at__gt=OuterRef("run__started_at")
    )
    found = RunItem.objects.filter(state__in=(State.PARKED, State.CANCELLED))
    return set(
        found.exclude(Exists(done)).exclude(Exists(marked)).values_list("customer_id", flat=True).distinct()
    )


def list_due(*, last_day: date) -> set[int]:
    """The customers that a run takes which nobody asked for: all with stale days but those that are set aside."""
    stale = list_stale(last_day)
    return set(stale) - list_set_aside() if stale else set()
