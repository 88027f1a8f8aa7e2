"""Which days' figures records can change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np

from apps.core.domain.day_runs import DayRuns, Int64s
from apps.core.domain.periods import ONE_DAY, Period
from apps.usage.domain.records import Content

_MOMENT = timedelta(microseconds=1)
DAY = 86_400_000_000

_MOST_DAYS = 10_000_000


def days_changed(contents: Iterable[Content], *, longest_open: timedelta) -> list[Period]:
    """The days that records touch, each with the one after: the look-back of R2 reaches over midnight.

    A record that ends at midnight sharp does not touch the day that begins then, unless that is all of it. One without
    an end lasts ``longest_open`` at most. Returns runs of days with gaps between them, in order.
    """
    touched = set()
    for content in contents:
        started_at, ended_at = content.started_at, content.ended_at
        if ended_at is None:
            ended_at = started_at + longest_open
        last = ended_at - _MOMENT if ended_at > started_at else started_at
        touched.add((started_at.date(), last.date()))
    runs: list[tuple[date, date]] = []
    for first, last_touched in sorted(touched):
        last_changed = last_touched + ONE_DAY
        if runs and first <= runs[-1][1] + ONE_DAY:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last_changed))
        else:
            runs.append((first, last_changed))
    return [Period(first, last) for first, last in runs]


def days_changed_of(owners: Int64s, start: Int64s, end: Int64s) -> DayRuns:
    """The same for records of several owners, as columns of microseconds since 1970; shapes ``(n,)``."""
    first = start // DAY
    last = np.where(end > start, end - 1, start) // DAY + 1
    order = np.argsort(owners * _MOST_DAYS + first, kind="stable")
    owners, first, last = owners[order], first[order], last[order]
    # How far the days of an owner reach up to each record; the owners are kept apart by more days than there are.
    apart = np.cumsum(np.concatenate([[0], owners[1:] != owners[:-1]])) * (last.max() - first.min() + 2)
    reach = np.maximum.accumulate(last + apart)
    begins = np.concatenate([[True], first[1:] + apart[1:] > reach[:-1] + 1])
    starts = np.flatnonzero(begins)
    ends = np.concatenate([starts[1:], [len(first)]]) - 1
    return DayRuns(owners[starts], first[starts], (reach - apart)[ends])


def single_days(owners: Int64s, start: Int64s) -> DayRuns:
    """The days on which records of several owners start, each once."""
    owners, days = np.unique(np.stack([owners, start // DAY]), axis=1)
    return DayRuns(owners, days, days)
