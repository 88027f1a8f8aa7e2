"""Which subscription is primary when, and the billing cycles that follow from it (R1, R10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from apps.catalogue.domain.kinds import LicenceModel
from apps.core.domain.periods import ONE_DAY, Period, monthly_period


@dataclass(frozen=True, slots=True)
class Term:
    """A subscription as the rules see it: active from ``starts_on`` to ``ends_on`` (None: without end), both included."""

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
    cycles = list(closed)
    day = cycles[-1].last + ONE_DAY if cycles else min((term.starts_on for term in terms), default=None)
    while day is not None and day <= until:
        primary = primary_on(terms, day)
        if primary is None:
            day = min((term.starts_on for term in terms if term.starts_on > day), default=None)
            continue
        whole = monthly_period(day, primary.bill_day)
        cut = whole.meet(day, primary.ends_on)
        assert cut is not None  # the day itself is in it
        cycles.append(Cycle(cut, primary))
        day = cut.last + ONE_DAY
    return cycles


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
