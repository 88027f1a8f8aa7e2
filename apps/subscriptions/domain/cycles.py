"""Which subscription is primary when, and the billing cycles that follow from it (R1, R10)."""

from __future__ import annotations

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
    them, and the cycles around them make room. A cycle starts no earlier than its subscription became primary and
    ends no later than its last day. None is listed that starts beyond the year 2999: the calendar has an end.
    """
    cycles: list[Cycle] = []
    until = min(until, _HORIZON)
    standing = deque(closed)
    day = _next_start(terms, standing, date.min)
    while day is not None and day <= until:
        if standing and standing[0].first <= day:
            cycles.append(standing.popleft())
        else:
            primary = primary_on(terms, day)
            if primary is None:
                day = _next_start(terms, standing, day)
                continue
            cut = monthly_period(day, primary.bill_day).meet(day, primary.ends_on)
            if standing and cut is not None:
                cut = cut.meet(None, standing[0].first - ONE_DAY)
            assert cut is not None  # the day itself is in it
            cycles.append(Cycle(cut, primary))
        day = cycles[-1].last + ONE_DAY
    return cycles


def _next_start(terms: Iterable[Term], closed: Iterable[Cycle], day: date) -> date | None:
    """The first day from ``day`` on at which a subscription or a closed cycle starts, None where none does."""
    starts = [term.starts_on for term in terms] + [cycle.first for cycle in closed]
    return min((start for start in starts if start >= day), default=None)


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
