"""A measure's counts through a cycle as a compact array: 96 quarter-hours or 1,440 minutes a day, by their changes.

Packed, a profile begins with two bytes: how many bytes each slot takes and how many each count. The slots at which the
counts change follow, then the counts that hold from there on. Where that would be longer than all counts, the first
byte is 0 and all counts follow. Little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from apps.reconciliation.domain.agents import SAMPLES_A_DAY
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.ports import MINUTES_A_DAY


class Measure(StrEnum):
    """What is counted through a day. The first three are the usage types that they give the peak of."""

    PREMIUM_AGENTS = "premium-concurrent"
    STANDARD_AGENTS = "standard-concurrent"
    IVR_PORTS = "ivr-port"
    VOICE_CALLS = "voice"

    @property
    def slots(self) -> int:
        """How many counts a day has."""
        is_agents = self in (Measure.PREMIUM_AGENTS, Measure.STANDARD_AGENTS)
        return SAMPLES_A_DAY if is_agents else MINUTES_A_DAY

    @property
    def minutes_a_slot(self) -> int:
        """How long each is counted for."""
        return MINUTES_A_DAY // self.slots


@dataclass(frozen=True, slots=True)
class Steps:
    """Counts along ``length`` slots: from slot ``at[i]`` on there are ``counts[i]``, which differs from those before.

    Shapes ``(n,)``, int64; ``at`` rises from 0.
    """

    length: int
    at: Int64
    counts: Int64

    @classmethod
    def of(cls, counts: Int64) -> Steps:
        """The steps of counts told one by one, of any shape but an empty one."""
        flat = counts.reshape(-1)
        at = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        return cls(len(flat), at, flat.take(at))

    @classmethod
    def none(cls, length: int) -> Steps:
        """Nobody there, all along."""
        return cls(length, np.zeros(1, np.int64), np.zeros(1, np.int64))

    @property
    def is_empty(self) -> bool:
        """Nobody is there at any time."""
        return not self.counts.any()

    def dense(self) -> Int64:
        """All counts, one by one: int64, shape ``(length,)``."""
        return np.repeat(self.counts, np.diff(self.at, append=self.length))

    def cut(self, first: int, beyond: int) -> Steps:
        """Those of the slots ``first`` … ``beyond`` − 1, counted from ``first``."""
        begin, end = np.searchsorted(self.at, (first + 1, beyond)) - (1, 0)
        at = np.maximum(self.at[begin:end] - first, 0)
        return Steps(beyond - first, at, self.counts[begin:end])

    @classmethod
    def joined(cls, parts: Sequence[Steps]) -> Steps:
        """Parts one after another; at least one."""
        if len(parts) == 1:
            return parts[0]
        offsets = np.cumsum([0, *(part.length for part in parts)])
        at = np.concatenate([part.at + offset for part, offset in zip(parts, offsets, strict=False)])
        counts = np.concatenate([part.counts for part in parts])
        changes = np.flatnonzero(np.diff(counts, prepend=-1))
        return cls(int(offsets[-1]), at.take(changes), counts.take(changes))

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


def _bytes_for(highest: int) -> int:
    return np.min_scalar_type(highest).itemsize


def _told(numbers: Int64, width: int) -> bytes:
    return numbers.astype(f"<u{width}").tobytes()
