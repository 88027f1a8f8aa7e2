"""A day's counts as a compact array: 96 quarter-hours or 1,440 minutes.

Packed, a day begins with a byte: how many bytes each count takes, or 0 where it is the changes that are told, because
that is shorter: pairs of a slot (2 bytes) and by how much the count rises there (4 bytes). Little-endian.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from apps.reconciliation.domain.agents import SAMPLES_A_DAY
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.ports import MINUTES_A_DAY

_CHANGE = np.dtype([("slot", "<u2"), ("by", "<i4")])
_CHANGES_FOLLOW = b"\0"


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


def pack_days(counts: Int64) -> list[bytes]:
    """Each day of ``counts``, shape ``(days, slots)``, packed; an empty text for a day without any count."""
    rises = np.diff(counts, axis=1, prepend=0)
    day, slot = np.nonzero(rises)
    changes = np.empty(len(day), _CHANGE)
    changes["slot"], changes["by"] = slot, rises[day, slot]
    edges = np.searchsorted(day, np.arange(len(counts) + 1)).tolist()
    widths = [np.min_scalar_type(highest).itemsize for highest in counts.max(axis=1).tolist()]
    packed = []
    for number, width in enumerate(widths):
        first, last = edges[number], edges[number + 1]
        if first == last:
            packed.append(b"")
        elif (last - first) * _CHANGE.itemsize < width * counts.shape[1]:
            packed.append(_CHANGES_FOLLOW + changes[first:last].tobytes())
        else:
            packed.append(bytes([width]) + counts[number].astype(f"<u{width}").tobytes())
    return packed


def unpack(packed: bytes, measure: Measure) -> Int64:
    """The counts of a day: int64, shape ``(slots,)``."""
    width = packed[0]
    if width:
        return np.frombuffer(packed, f"<u{width}", offset=1).astype(np.int64)
    changes = np.frombuffer(packed, _CHANGE, offset=1)
    rises = np.zeros(measure.slots, np.int64)
    rises[changes["slot"]] = changes["by"]
    return np.cumsum(rises)
