"""Which days' figures records can change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from apps.core.domain.periods import ONE_DAY, Period
from apps.usage.domain.records import Content

_MOMENT = timedelta(microseconds=1)


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
