"""Periods of days and the monthly anchor of a bill day (R1)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)
LONGEST_CYCLE = timedelta(days=31)  # a billing cycle is a month at most (R1)
LAST_DAY = date(9999, 12, 31)  # of what has no end


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a period cannot end ({self.last}) before it starts ({self.first})")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(self.days))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def meet(self, first: date | None, last: date | None) -> Period | None:
        """The part between ``first`` and ``last`` (None: open), or None where there is none."""
        start = max(self.first, first or self.first)
        end = min(self.last, last or self.last)
        return Period(start, end) if start <= end else None


def anchored(year: int, month: int, bill_day: int) -> date:
    """The bill day in a month; one that the month lacks falls on its last day (R1)."""
    return date(year, month, min(bill_day, monthrange(year, month)[1]))


def monthly_period(day: date, bill_day: int) -> Period:
    """The whole billing period that ``day`` lies in: from a bill day to the day before the next (R1)."""
    first = anchored(day.year, day.month, bill_day)
    if first > day:
        year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
        return Period(anchored(year, month, bill_day), first - ONE_DAY)
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    return Period(first, anchored(year, month, bill_day) - ONE_DAY)
