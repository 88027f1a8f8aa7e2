"""Intervals of usage as arrays: the form in which every kernel takes them.

Times are whole microseconds since 1970-01-01 UTC. Intervals are half-open; one of no length is the moment it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
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
_BLOCK = 2**14


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

    def take(self, chosen: Bool | Int64 | slice) -> Intervals:
        """Those that ``chosen`` picks, as a mask, as positions or as a slice (then without copying)."""
        return Intervals(self.actor[chosen], self.start[chosen], self.end[chosen], self.premium[chosen])

    def within(self, first: int, last: int) -> Intervals:
        """Those that overlap ``[first, last)``, cut to it."""
        moment = self.start == self.end
        overlaps = (self.start < last) & ((self.end > first) | (moment & (self.start >= first)))
        found = self.take(overlaps)
        return Intervals(
            found.actor, np.maximum(found.start, first), np.minimum(found.end, last), found.premium
        )


def blocks(length: int) -> Iterator[slice]:
    """Slices of ``length`` items, at least one: what is worked out of a slice stays in the processor's cache."""
    return (slice(first, first + _BLOCK) for first in range(0, max(1, length), _BLOCK))


@dataclass(frozen=True, slots=True)
class Lanes:
    """One axis for the slots of all actors: each has a lane for its slots 0..``end`` − 1, one lane after another.

    Ranges of slots are half-open and ``longest`` slots long at most. Packed, a range is one number: numbers are sorted
    several times faster than pairs or positions.
    """

    end: int
    longest: int

    @property
    def _width(self) -> int:
        """The bits of a place in a lane: a range up to ``end`` does not touch the next lane."""
        return self.end.bit_length()

    @property
    def _length(self) -> int:
        """The bits of a range's length."""
        return self.longest.bit_length()

    def starts(self, actor: Int64) -> Int64:
        """Where the lane of each actor starts; ``OverflowError`` where its ranges would not fit into a number."""
        _ensure_fits(actor, self._width + self._length)
        return actor << self._width

    def pack(self, first: Int64, beyond: Int64) -> Int64:
        """Ranges on the axis, each as one number."""
        return (first << self._length) + (beyond - first)

    def united(self, packed: Int64) -> tuple[Int64, Int64]:
        """Packed ranges in order, those that overlap or touch made one: first and beyond. Sorts ``packed``."""
        packed.sort()
        firsts, beyonds, reached = [], [], np.full(1, -1)
        for block in blocks(len(packed)):
            first = packed[block] >> self._length
            # How far the ranges before each one reach: where that is not up to it, the run before ends and one opens.
            reached = np.append(reached[-1:], first + (packed[block] & ((1 << self._length) - 1)))
            np.maximum.accumulate(reached, out=reached)
            opens = np.flatnonzero(first > reached[:-1])
            firsts.append(first.take(opens))
            beyonds.append(reached.take(opens))
        return np.concatenate(firsts), np.concatenate([*beyonds, reached[-1:]])[1:]

    def places(self, edges: Int64) -> Int64:
        """The slots of edges on the axis, each in its actor's lane. Overwrites ``edges``."""
        edges &= (1 << self._width) - 1
        return edges


def sharing(group: Int64, start: Int64) -> Int64:
    """The positions of the intervals whose group has others, by group and, within a group, by start.

    The largest group times the number of intervals must stay below 2**62; otherwise ``OverflowError``.
    """
    width = len(group).bit_length()
    position = (1 << width) - 1
    packed = _in_order(group, width)
    in_order = packed >> width
    is_next = np.ones(len(group) + 1, np.bool_)
    np.not_equal(in_order[1:], in_order[:-1], out=is_next[1:-1])
    several = packed.take(np.flatnonzero(~(is_next[1:] & is_next[:-1]))) & position
    groups, starts = group.take(several), start.take(several)
    if np.any((starts[1:] < starts[:-1]) & (groups[1:] == groups[:-1])):  # mostly all came in order of start
        several = several.take(np.argsort(starts))
        several = several.take(_in_order(group.take(several), width) & position)
    return several


def _in_order(group: Int64, width: int) -> Int64:
    """The groups in order, those that are equal as they came, each with its position in the lower ``width`` bits."""
    _ensure_fits(group, width)
    packed = group << width
    packed |= np.arange(len(group))
    packed.sort()
    return packed


def reached_before(group: Int64, end: Int64) -> Int64:
    """The latest end among those before each one in its group; the lowest number there is for a group's first.

    Equal groups stand next to each other. Each pass looks back twice as far as the last. A running maximum over groups
    moved apart by the length of the axis would take one, but in microseconds overflow for many actors in many days.
    """
    reached = np.full_like(end, np.iinfo(np.int64).min)
    np.copyto(reached[1:], end[:-1], where=group[1:] == group[:-1])
    back = 1
    while (is_same := group[back:] == group[:-back]).any():
        np.maximum(reached[back:], reached[:-back], out=reached[back:], where=is_same)
        back *= 2
    return reached


def _ensure_fits(codes: Int64, bits: int) -> None:
    """Codes and ``bits`` more must fit into the 63 of a number: refused rather than miscounted."""
    if int(codes.max(initial=0)).bit_length() + bits > 63:
        raise OverflowError("too many actors for so many intervals or days at once")
