"""How many contacts are there at once: IVR ports by clock minute or by instant (R8), voice calls by instant (R9)."""

from __future__ import annotations

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_DAY,
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    start_of,
)

MINUTES_A_DAY = 1440


def contacts_by_minute(legs: Intervals, period: Period) -> Int64:
    """Distinct contacts that touch each clock minute (R8): shape ``(days, 1440)``.

    Two legs of one contact in a minute are one: a contact's legs are united by the minutes that they touch.
    """
    first = start_of(period.first)
    minutes = MINUTES_A_DAY * period.days
    seen = legs.within(first, first + minutes * MICROSECONDS_A_MINUTE)
    begin, end = _united_ranges(seen.actor, *seen.slots(first, MICROSECONDS_A_MINUTE))
    change = np.bincount(begin, minlength=minutes + 1) - np.bincount(end + 1, minlength=minutes + 1)
    return np.cumsum(change[:minutes]).reshape(period.days, MINUTES_A_DAY).astype(np.int64)


def contacts_by_instant(legs: Intervals, period: Period) -> Int64:
    """The most distinct contacts at one instant of each clock minute (R8, setting ``ivr_peak``): ``(days, 1440)``."""
    first = start_of(period.first)
    minutes = MINUTES_A_DAY * period.days
    seen = legs.within(first, first + minutes * MICROSECONDS_A_MINUTE)
    # A moment occupies the single microsecond it falls on; times are whole microseconds.
    begin, end = _united_ranges(seen.actor, *seen.slots(first, 1))
    moments = np.concatenate([begin, end + 1, np.arange(minutes) * MICROSECONDS_A_MINUTE])
    changes = np.concatenate([np.ones_like(begin), -np.ones_like(end), np.zeros(minutes, np.int64)])
    order = np.argsort(moments, kind="stable")
    moments, changes = moments[order], changes[order]
    present = np.cumsum(changes)
    settled = np.append(moments[1:] != moments[:-1], True)
    moments, present = moments[settled], present[settled]
    inside = moments < minutes * MICROSECONDS_A_MINUTE
    most = np.zeros(minutes, np.int64)
    np.maximum.at(most, moments[inside] // MICROSECONDS_A_MINUTE, present[inside])
    return most.reshape(period.days, MINUTES_A_DAY)


def _united_ranges(actor: Int64, first: Int64, last: Int64) -> tuple[Int64, Int64]:
    """Ranges of whole slots, those of one actor that overlap united: (first, last) slots."""
    if not len(actor):
        return first, last
    order = np.lexsort((first, actor))
    shift = actor[order] * (int(last.max()) + 2)
    begin, end = first[order] + shift, last[order] + shift
    reached = np.maximum.accumulate(end)
    opens = np.ones(len(begin), np.bool_)
    opens[1:] = begin[1:] > reached[:-1]
    groups = np.flatnonzero(opens)
    ends = np.append(groups[1:], len(begin)) - 1
    return begin[groups] - shift[groups], reached[ends] - shift[ends]


assert MICROSECONDS_A_DAY == MINUTES_A_DAY * MICROSECONDS_A_MINUTE
