"""Which subscription is primary when, and the billing cycles that follow from it (R1, R10)."""

from __future__ import annotations

from collections import deque
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from apps.catalogue.domain.kinds import LicenceModel
from apps.core.domain.periods import ONE_DAY, Period, monthly_period

_HORIZON = date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Term:
    """A subscription as the rules see it: active from ``starts_on`` to ``ends_on`` (None: no end), both included."""

    number: str
    starts_on: date
    ends_on: date | None
    bill_day: int
    licence_model: LicenceModel | None
    offer: str

    def active_on(self, day: date) -> bool:
        """Active on that day."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

    @property
    def seniority(self) -> tuple[date, str]:
        """Oldest first: earliest start, then the number that comes first as text (R10)."""
        return (self.starts_on, self.number)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A billing cycle of a customer's service, and the subscription on which its overage falls."""

    period: Period
    primary: Term

    @property
    def first(self) -> date:
        """First day."""
        return self.period.first

    @property
    def last(self) -> date:
        """Last day."""
        return self.period.last


def primary_on(terms: Iterable[Term], day: date) -> Term | None:
    """The oldest subscription active on ``day``, None where there is none (R10)."""
    return min((term for term in terms if term.active_on(day)), key=lambda term: term.seniority, default=None)


def list_cycles(terms: Sequence[Term], *, until: date, closed: Sequence[Cycle] = ()) -> list[Cycle]:
    """The cycles of one service that start on or before ``until``, in order (R1, R10).

    ``closed`` cycles, in order, stand as they are: a subscription entered later, even an older one, changes none of
    them. A cycle starts no earlier than its subscription became primary and ends no later than its last day.
    """
    cycles: list[Cycle] = []
    waiting = deque(closed)
    starts = sorted({term.starts_on for term in terms} | {cycle.first for cycle in closed})
    day = starts[0] if starts else None
    while day is not None and day <= until:
        if waiting and waiting[0].first == day:
            cycle = waiting.popleft()
        elif primary := primary_on(terms, day):
            cycle = _open_cycle(primary, day, before=waiting[0] if waiting else None)
        else:
            day = next((start for start in starts if start > day), None)
            continue
        cycles.append(cycle)
        day = cycle.last + ONE_DAY
    return cycles


def _open_cycle(primary: Term, day: date, *, before: Cycle | None) -> Cycle:
    """The cycle that starts on ``day``: to its bill day, its primary's last day, or the closed cycle ``before`` it."""
    whole = monthly_period(day, primary.bill_day)
    last = min(
        end for end in (whole.last, primary.ends_on, before and before.first - ONE_DAY) if end is not None
    )
    return Cycle(Period(day, last), primary)


def find_second_licence_model(terms: Sequence[Term]) -> tuple[Term, Term] | None:
    """Two subscriptions that are active together with different licence models, None where all agree (R10)."""
    for position, term in enumerate(terms):
        for other in terms[position + 1 :]:
            together = term.starts_on <= (other.ends_on or date.max) and other.starts_on <= (
                term.ends_on or date.max
            )
            if together and term.licence_model != other.licence_model:
                return term, other
    return None
