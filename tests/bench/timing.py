"""How a measurement is taken and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

REPEAT = 5


@dataclass(frozen=True)
class Measured:
    """A figure; ``ratio`` is None where there is nothing to compare with in the same run."""

    value: float
    unit: str
    ratio: float | None = None


def once(work: Callable[[], object]) -> float:
    """The time of ``work``, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def seconds(
    work: Callable[[], object], *, repeat: int = REPEAT, before: Callable[[], object] = lambda: None
) -> float:
    """The median time of ``work``; ``before`` is not counted."""
    took = []
    for _ in range(repeat):
        before()
        took.append(once(work))
    return median(took)
