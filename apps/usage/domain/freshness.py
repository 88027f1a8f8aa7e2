"""Whether a source is on time: how often it usually delivers, when its silence is an alarm, which days are gaps.

| deliveries came | usual interval | silent since | alarm |
|---|---|---|---|
| every night | 1 day | 47 hours | no: up to twice the interval is patience |
| every night | 1 day | 49 hours | yes |
| every minute | 1 hour: what comes within an hour is one delivery | 5 hours | no: never within a day |
| on the 1st of each month | 30 or 31 days | 40 days | no |
| twice in all | unknown | a year | no: two say nothing of what is usual |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from apps.core.domain.periods import ONE_DAY, Period

TOGETHER = timedelta(hours=1)  # files that come within it are one delivery: five kinds, one after the other
LOOKED_AT = 10  # deliveries, the newest
ENOUGH = 3  # deliveries, before anything is usual
PATIENCE = 2  # usual intervals
SHORTEST_ALARM = timedelta(days=1)
MOST_RESTING = 3  # days of the week; a source that delivers on fewer than the others has gaps


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a source delivered last, how often it does, and whether its silence is an alarm. None: not known."""

    last: datetime | None
    interval: timedelta | None
    is_silent: bool


def rhythm(arrivals: Iterable[datetime], *, now: datetime) -> Rhythm:
    """The rhythm of a source by the moments at which its files came, in any order."""
    moments = sorted(arrivals)
    if not moments:
        return Rhythm(None, None, is_silent=False)
    interval = usual_interval(moments)
    is_silent = interval is not None and now - moments[-1] > max(PATIENCE * interval, SHORTEST_ALARM)
    return Rhythm(moments[-1], interval, is_silent)


def usual_interval(arrivals: Iterable[datetime]) -> timedelta | None:
    """The median time between the newest deliveries; ``arrivals`` in their order. None: too few to tell."""
    deliveries = list(_deliveries(arrivals))[-LOOKED_AT:]
    if len(deliveries) < ENOUGH:
        return None
    seconds = median((later - earlier).total_seconds() for earlier, later in pairwise(deliveries))
    return timedelta(seconds=seconds)


def _deliveries(arrivals: Iterable[datetime]) -> Iterator[datetime]:
    """The first arrival of each delivery."""
    begun: datetime | None = None
    for moment in arrivals:
        if begun is None or moment - begun >= TOGETHER:
            begun = moment
            yield moment


class DayState(StrEnum):
    """What a day of a source's calendar shows."""

    RECORDS = "records"
    GAP = "gap"
    USUAL = "usual"  # without records, as nearly always on that day of the week
    BEFORE = "before"  # before its first record
    AHEAD = "ahead"  # today, not over, or still to come


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day, how many records speak of it, and what that means."""

    day: date
    records: int
    state: DayState


def calendar(
    records: Mapping[date, int], window: Period, *, first: date | None, today: date
) -> list[CalendarDay]:
    """Each day of ``window``: a day without records is a gap, unless it is before ``first``, not over, or a day of the
    week that has none in most weeks of the window (a Sunday, say).

    ``records`` by day; ``first`` is the first day with any at all, None when there is none.
    """
    resting = _resting_weekdays(records, window, first=first, today=today)
    return [
        CalendarDay(
            day,
            records.get(day, 0),
            _state(day, records.get(day, 0), first=first, today=today, is_resting=day.weekday() in resting),
        )
        for day in window
    ]


def _state(day: date, records: int, *, first: date | None, today: date, is_resting: bool) -> DayState:
    if records:
        return DayState.RECORDS
    if day >= today:
        return DayState.AHEAD
    if first is None or day < first:
        return DayState.BEFORE
    return DayState.USUAL if is_resting else DayState.GAP


def _resting_weekdays(
    records: Mapping[date, int], window: Period, *, first: date | None, today: date
) -> set[int]:
    """Days of the week on which there are usually no records, judged up to the last day that has some."""
    last = max((day for day in window if day < today and records.get(day)), default=None)
    judged = window.meet(first, last) if last else None
    if first is None or judged is None:
        return set()
    weekdays: dict[int, list[bool]] = {}
    for day in judged:
        weekdays.setdefault(day.weekday(), []).append(bool(records.get(day)))
    resting = {weekday for weekday, had in weekdays.items() if len(had) >= ENOUGH and 2 * sum(had) < len(had)}
    return resting if len(resting) <= MOST_RESTING else set()


def gaps(days: Iterable[CalendarDay]) -> list[Period]:
    """The gaps as runs of days."""
    found: list[Period] = []
    for each in days:
        if each.state is not DayState.GAP:
            continue
        if found and found[-1].last + ONE_DAY == each.day:
            found[-1] = Period(found[-1].first, each.day)
        else:
            found.append(Period(each.day, each.day))
    return found
