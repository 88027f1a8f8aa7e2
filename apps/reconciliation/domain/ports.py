"""How many contacts are there at once: IVR ports by clock minute or by instant (R8), voice calls by instant (R9)."""

from __future__ import annotations

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    Ranges,
    depth,
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
    touched = _of_distinct_contacts(seen.actor, Ranges(*seen.slots(first, MICROSECONDS_A_MINUTE)))
    return depth(touched.first, touched.last, minutes).reshape(period.days, MINUTES_A_DAY)


def contacts_by_instant(legs: Intervals, period: Period) -> Int64:
    """The most distinct contacts at one instant of each clock minute (R8, setting ``ivr_peak``): ``(days, 1440)``."""
    first = start_of(period.first)
    minutes = MINUTES_A_DAY * period.days
    seen = legs.within(first, first + minutes * MICROSECONDS_A_MINUTE)
    # A moment occupies the single microsecond it falls on; times are whole microseconds.
    touched = _of_distinct_contacts(seen.actor, Ranges(*seen.slots(first, 1)))
    begin, end = touched.first, touched.last
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


def _of_distinct_contacts(actor: Int64, touched: Ranges) -> Ranges:
    """Ranges of slots, those of one contact that overlap united. Most contacts have one leg and need no sorting."""
    if not len(actor):
        return touched
    is_alone = np.bincount(actor)[actor] == 1
    several = ~is_alone
    if not several.any():
        return touched
    far = int(touched.last.max()) + 2
    axis = actor[several] * far
    united = Ranges(axis + touched.first[several], axis + touched.last[several]).united()
    return Ranges(
        np.concatenate([touched.first[is_alone], united.first % far]),
        np.concatenate([touched.last[is_alone], united.last % far]),
    )
