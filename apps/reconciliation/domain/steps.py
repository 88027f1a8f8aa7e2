"""Counts along slots of time, told by their changes: as few numbers as there are comings and goings.

Packed, they begin with two bytes: how many bytes each slot takes and how many each count. The slots at which the counts
change follow, then the counts that hold from there on. Where that would be longer than all counts, the first byte is 0
and all counts follow. Little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.reconciliation.domain.intervals import Int64

_SLOTS_A_CHANGE = 4  # with fewer it takes less time to count slot by slot than to sort the changes


@dataclass(frozen=True, slots=True)
class Steps:
    """Counts of ``length`` slots: from slot ``at[i]`` on there are ``counts[i]``, which differs from those before.

    Shapes ``(n,)``, int64; ``at`` rises from 0.
    """

    length: int
    at: Int64
    counts: Int64

    @classmethod
    def none(cls, length: int) -> Steps:
        """Nobody there, all along."""
        return cls(length, np.zeros(1, np.int64), np.zeros(1, np.int64))

    @classmethod
    def of(cls, counts: Int64) -> Steps:
        """The steps of counts told one by one, of any shape but an empty one."""
        flat = counts.reshape(-1)
        at = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        return cls(len(flat), at, flat.take(at))

    @classmethod
    def depth(cls, rises: Int64, falls: Int64, length: int) -> Steps:
        """One more from each slot of ``rises`` on, one less from each of ``falls``; together never below 0.

        In any order. None lies below slot 0; what lies from ``length`` on is left out.
        """
        if length < _SLOTS_A_CHANGE * (len(rises) + len(falls)):
            return cls.of(depth(rises, falls, length))
        packed = np.concatenate([rises << 1, (falls << 1) | 1])
        packed.sort()
        packed = packed[: np.searchsorted(packed, length << 1)]
        at = packed >> 1
        last = np.flatnonzero(
            np.diff(at, append=length)
        )  # in its slot: the count there is that after all changes
        counts = np.cumsum(1 - ((packed & 1) << 1)).take(last)
        at = at.take(last)
        if not len(at) or at[0]:
            at, counts = np.concatenate([[0], at]), np.concatenate([[0], counts])
        return cls._without_repeats(length, at, counts)

    @classmethod
    def joined(cls, parts: Sequence[Steps]) -> Steps:
        """Parts one after another; at least one."""
        if len(parts) == 1:
            return parts[0]
        offsets = np.cumsum([0, *(part.length for part in parts)])
        at = np.concatenate([part.at + offset for part, offset in zip(parts, offsets, strict=False)])
        return cls._without_repeats(int(offsets[-1]), at, np.concatenate([part.counts for part in parts]))

    @classmethod
    def _without_repeats(cls, length: int, at: Int64, counts: Int64) -> Steps:
        changes = np.flatnonzero(np.diff(counts, prepend=-1))
        return cls(length, at.take(changes), counts.take(changes))

    @property
    def is_empty(self) -> bool:
        """Nobody is there at any time."""
        return not self.counts.any()

    def dense(self) -> Int64:
        """All counts, one by one: int64, shape ``(length,)``."""
        return np.repeat(self.counts, np.diff(self.at, append=self.length))

    def cut(self, first: int, beyond: int) -> Steps:
        """Those of the slots ``first`` … ``beyond`` − 1, counted from ``first``."""
        begin = np.searchsorted(self.at, first, side="right") - 1
        end = np.searchsorted(self.at, beyond)
        return Steps(beyond - first, np.maximum(self.at[begin:end] - first, 0), self.counts[begin:end])

    def peaks(self, slots: int) -> tuple[Int64, Int64]:
        """The highest count of each ``slots`` slots and the first of them that has it: shapes ``(length / slots,)``."""
        begins = np.arange(0, self.length, slots)
        before = np.searchsorted(self.at, begins)
        there = self.counts.take(np.searchsorted(self.at, begins, side="right") - 1)
        # Each part begins with the count that holds there, so that none is without.
        at, counts = np.insert(self.at, before, begins), np.insert(self.counts, before, there)
        parts = before + np.arange(len(begins))
        highest = np.maximum.reduceat(counts, parts)
        has_it = np.flatnonzero(counts == np.repeat(highest, np.diff(parts, append=len(counts))))
        return highest, at.take(has_it.take(np.searchsorted(has_it, parts))) - begins

    def pack(self) -> bytes:
        """As bytes, the same for the same counts."""
        slot, count = _bytes_for(self.length - 1), _bytes_for(int(self.counts.max()))
        if len(self.at) * (slot + count) < self.length * count:
            return bytes([slot, count]) + _told(self.at, slot) + _told(self.counts, count)
        return bytes([0, count]) + _told(self.dense(), count)

    @classmethod
    def unpack(cls, packed: bytes, length: int) -> Steps:
        """What was packed of so many slots."""
        slot, count = packed[:2]
        if not slot:
            return cls.of(np.frombuffer(packed, f"<u{count}", offset=2).astype(np.int64))
        changes = (len(packed) - 2) // (slot + count)
        at = np.frombuffer(packed, f"<u{slot}", changes, offset=2)
        counts = np.frombuffer(packed, f"<u{count}", changes, offset=2 + changes * slot)
        return cls(length, at.astype(np.int64), counts.astype(np.int64))


def depth(rises: Int64, falls: Int64, length: int) -> Int64:
    """The counts of ``Steps.depth`` one by one: int64, shape ``(length,)``."""
    change = np.bincount(rises, minlength=length)[:length]
    change -= np.bincount(falls, minlength=length)[:length]
    return np.cumsum(change, out=change)


def _bytes_for(highest: int) -> int:
    return np.min_scalar_type(highest).itemsize


def _told(numbers: Int64, width: int) -> bytes:
    return numbers.astype(f"<u{width}").tobytes()
