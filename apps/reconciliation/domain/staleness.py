"""What has to be done again of a customer's cycles: only what is stale, and what depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from apps.core.domain.periods import ONE_DAY, Period
from apps.subscriptions.domain.cycles import Cycle

Basis = tuple[date, str, dict[str, str | int], str]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a cycle: how far, on which basis, and whether first logins are kept.

    ``basis``: last day, primary subscription, settings, rules' version; on another one nothing stored is of use.
    """

    until: date
    basis: Basis
    keeps_logins: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """Days that were marked. ``recounts``: records came; ``replaces``: what was counted before may be less now."""

    first: date
    last: date
    recounts: bool
    replaces: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done of a cycle up to ``until``: ``recount`` these days, in order, then settle all of them.

    ``is_whole``: nothing that is stored is used.
    """

    cycle: Cycle
    until: date
    recount: tuple[Period, ...]
    is_whole: bool

    @property
    def period(self) -> Period:
        """The days used."""
        return Period(self.cycle.first, self.until)

    @classmethod
    def whole(cls, cycle: Cycle, until: date) -> Work:
        """All of it, from the records."""
        return cls(cycle, until, (Period(cycle.first, until),), is_whole=True)


def plan(
    cycles: Iterable[Cycle],
    *,
    stored: Mapping[date, Stored],
    basis: Mapping[date, Basis],
    stale: Sequence[Stale],
    usage: Period | None,
    last_day: date,
    used: Period | None = None,
) -> list[Work]:
    """The work on cycles that are not closed, up to ``last_day``, the last that may be used.

    ``stored`` and ``basis`` (as it is now) are by the cycles' first days. ``usage``: from the first day on which a
    record starts to the last that one may touch; cycles elsewhere are zeros that nobody stores. ``used``: to the last
    on which one starts; of the cycles there each is stored, marked or not, in whatever order records arrive (R15).
    """
    found = []
    for cycle in cycles:
        if cycle.first > last_day:
            continue
        until = min(cycle.last, last_day)
        marked = [each for each in stale if each.first <= cycle.last and cycle.first <= each.last]
        known = stored.get(cycle.first)
        if known is None:
            if _meets(used, cycle) or (marked and _meets(usage, cycle)):
                found.append(Work.whole(cycle, until))
        elif known.basis != basis[cycle.first] or (
            known.keeps_logins and any(each.replaces for each in marked)
        ):
            found.append(Work.whole(cycle, until))
        elif marked or known.until != until:
            days = [Period(each.first, each.last) for each in marked if each.recounts]
            if known.until < until:
                days.append(Period(known.until + ONE_DAY, until))
            found.append(Work(cycle, until, merge(days, within=Period(cycle.first, until)), is_whole=False))
    return found


def _meets(usage: Period | None, cycle: Cycle) -> bool:
    return usage is not None and cycle.first <= usage.last and usage.first <= cycle.last


def merge(days: Iterable[Period], *, within: Period) -> tuple[Period, ...]:
    """Periods cut to ``within``, in order, those that touch or overlap as one."""
    merged: list[Period] = []
    for period in sorted(days):
        cut = within.meet(period.first, period.last)
        if cut is None:
            continue
        if merged and cut.first <= merged[-1].last + ONE_DAY:
            merged[-1] = Period(merged[-1].first, max(merged[-1].last, cut.last))
        else:
            merged.append(cut)
    return tuple(merged)
