"""A day's counts as a compact array: 96 quarter-hours or 1,440 minutes."""

from __future__ import annotations

import zlib
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


def pack(counts: Int64) -> bytes:
    """Counts of a day, shape ``(slots,)``, in the smallest unsigned numbers that hold them; minutes are compressed."""
    numbers = counts.astype(np.min_scalar_type(int(counts.max()))).tobytes()
    return numbers if len(counts) == SAMPLES_A_DAY else zlib.compress(numbers, 1)


def unpack(packed: bytes, measure: Measure) -> Int64:
    """What ``pack`` was given: int64, shape ``(slots,)``."""
    numbers = packed if measure.slots == SAMPLES_A_DAY else zlib.decompress(packed)
    return np.frombuffer(numbers, f"<u{len(numbers) // measure.slots}").astype(np.int64)
