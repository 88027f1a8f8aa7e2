"""Runs of days of many owners, column by column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from apps.core.domain.periods import Period

Int64s = NDArray[np.int64]
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DayRuns:
    """Days from ``first`` to ``last``, both included and counted since 1970, and whose they are; shapes ``(n,)``."""

    owners: Int64s
    first: Int64s
    last: Int64s

    def __len__(self) -> int:
        return len(self.owners)

    @classmethod
    def of(cls, owner: int, periods: Iterable[Period]) -> DayRuns:
        """Those of one owner."""
        days = [(_number(period.first), _number(period.last)) for period in periods]
        first, last = np.array(days, np.int64).reshape(-1, 2).T
        return cls(np.full(len(days), owner), first, last)


def _number(day: date) -> int:
    return (day - _FIRST_DAY).days
