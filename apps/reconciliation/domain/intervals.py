"""Intervals of usage as arrays: the form in which every kernel takes them.

Times are whole microseconds since 1970-01-01 UTC. Intervals are half-open; one of no length is the moment it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

MICROSECONDS_A_MINUTE = 60_000_000
MICROSECONDS_A_DAY = 86_400_000_000

Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def start_of(day: date) -> int:
    """Midnight UTC at which ``day`` starts, in microseconds since 1970."""
    return (day - _EPOCH.date()).days * MICROSECONDS_A_DAY


@dataclass(frozen=True, slots=True)
class Intervals:
    """Parallel arrays. ``actor`` are small codes of agents or contacts, ``premium`` says whose licence a session used.

    Shapes: all ``(n,)``; int64 but ``premium``, which is bool.
    """

    actor: Int64
    start: Int64
    end: Int64
    premium: Bool

    def __len__(self) -> int:
        return len(self.actor)

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[int, int, int | None, bool]],
        *,
        longest_open: timedelta,
    ) -> Intervals:
        """From rows of (actor's code, start, end or None, premium). One still open lasts ``longest_open`` at most.

        It lasts to the end of the last day used too, but no later sample or minute is looked at anyway.
        """
        longest = longest_open // _MICROSECOND
        return cls(
            actor=np.fromiter((row[0] for row in rows), np.int64, len(rows)),
            start=np.fromiter((row[1] for row in rows), np.int64, len(rows)),
            end=np.fromiter(
                (row[1] + longest if row[2] is None else row[2] for row in rows), np.int64, len(rows)
            ),
            premium=np.fromiter((row[3] for row in rows), np.bool_, len(rows)),
        )

    def take(self, chosen: Bool | Int64) -> Intervals:
        """Those that ``chosen`` picks, as a mask or as positions."""
        return Intervals(self.actor[chosen], self.start[chosen], self.end[chosen], self.premium[chosen])

    def within(self, first: int, last: int) -> Intervals:
        """Those that overlap ``[first, last)``, cut to it."""
        moment = self.start == self.end
        overlaps = (self.start < last) & ((self.end > first) | (moment & (self.start >= first)))
        found = self.take(overlaps)
        return Intervals(
            found.actor, np.maximum(found.start, first), np.minimum(found.end, last), found.premium
        )

    def slots(self, first: int, width: int) -> tuple[Int64, Int64]:
        """The first and the last slot (``width`` microseconds each, counted from ``first``) that each one touches.

        An end that falls on the edge of a slot does not touch the next; a moment touches its slot.
        """
        last_moment = np.maximum(self.start, self.end - 1)
        return (self.start - first) // width, (last_moment - first) // width


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of whole numbers ``first[i]..last[i]``, both included: parallel int64 arrays of shape ``(n,)``."""

    first: Int64
    last: Int64

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: Bool | Int64) -> Ranges:
        """Those that ``chosen`` picks, as a mask or as positions."""
        return Ranges(self.first[chosen], self.last[chosen])

    def united(self, *, touching: bool = False) -> Ranges:
        """In order and disjoint; ranges that only touch (3..4, 5..6) are one where ``touching``."""
        if not len(self):
            return self
        first, last = self.first, self.last
        if np.any(first[1:] < first[:-1]):
            order = np.argsort(first)
            first, last = first[order], last[order]
        reached = np.maximum.accumulate(last)
        opens = np.flatnonzero(first[1:] > reached[:-1] + (1 if touching else 0)) + 1
        starts = np.concatenate([[0], opens])
        return Ranges(first[starts], reached[np.append(opens, len(first)) - 1])

    def common(self, other: Ranges) -> Ranges:
        """The parts that both have; each must be in order and disjoint."""
        begin = np.searchsorted(other.last, self.first)
        end = np.searchsorted(other.first, self.last, side="right")
        meets = np.maximum(end - begin, 0)
        mine = np.repeat(np.arange(len(self)), meets)
        theirs = np.arange(len(mine)) - np.repeat(np.cumsum(meets) - meets - begin, meets)
        return Ranges(
            np.maximum(self.first[mine], other.first[theirs]), np.minimum(self.last[mine], other.last[theirs])
        )


def depth(first: Int64, last: Int64, length: int) -> Int64:
    """How many ranges ``first[i]..last[i]`` hold each of the numbers 0..length − 1: shape ``(length,)``."""
    change = np.bincount(first, minlength=length + 1) - np.bincount(last + 1, minlength=length + 1)
    return np.cumsum(change[:length])
