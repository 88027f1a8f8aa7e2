"""The voice calls of each day against the most that were accepted at once (R9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.reconciliation.domain.intervals import Int64


@dataclass(frozen=True, slots=True)
class CallsByDay:
    """Int64 arrays of shape ``(days,)``.

    ``peak``: the most simultaneous calls, ``peak_at``: the minute of the day in which there were so many first;
    ``most_above``: by how many they were above what was accepted; ``minutes_above``: the minutes that held more.
    """

    peak: Int64
    peak_at: Int64
    most_above: Int64
    minutes_above: Int64


def judge_calls(calls: Int64, accepted: Int64) -> CallsByDay:
    """``calls``: the most simultaneous of each minute, shape ``(days, 1440)``; ``accepted`` a day: ``(days,)`` (R9)."""
    above = np.maximum(calls - accepted[:, np.newaxis], 0)
    return CallsByDay(
        peak=calls.max(axis=1),
        peak_at=calls.argmax(axis=1).astype(np.int64),
        most_above=above.max(axis=1),
        minutes_above=np.count_nonzero(above, axis=1).astype(np.int64),
    )
