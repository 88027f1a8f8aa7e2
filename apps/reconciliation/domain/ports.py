"""How many contacts are there at once: IVR ports by clock minute or by instant (R8), voice calls by instant (R9)."""

from __future__ import annotations

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    depth,
    reached_before,
    sharing,
    start_of,
)

MINUTES_A_DAY = 1440


def contacts_by_minute(legs: Intervals, period: Period) -> Int64:
    """Distinct contacts that touch each clock minute (R8): int64, shape ``(days, 1440)``.

    Legs may lie anywhere. Two legs of one contact in a minute are one: its legs are united by the minutes they touch.
    Memory is proportional to legs and minutes; ``OverflowError`` where contacts × legs exceed 2**62.
    """
    minutes = MINUTES_A_DAY * period.days
    come, gone = _there(legs, start_of(period.first), width=MICROSECONDS_A_MINUTE, slots=minutes)
    return depth(come, gone, minutes).reshape(period.days, MINUTES_A_DAY)


def contacts_by_instant(legs: Intervals, period: Period) -> Int64:
    """The most distinct contacts at one instant of each clock minute (R8, setting ``ivr_peak``).

    Returns int64, shape ``(days, 1440)``.
    """
    minutes = MINUTES_A_DAY * period.days
    # A moment occupies the single microsecond it falls on; times are whole microseconds.
    come, gone = _there(legs, start_of(period.first), width=1, slots=minutes * MICROSECONDS_A_MINUTE)
    first, beyond = (-(-edges // MICROSECONDS_A_MINUTE) for edges in (come, gone))
    most = depth(first, beyond, minutes + 1)  # as each minute begins; then it rises only where contacts come
    # At one instant some go before others come: the count after the last who comes is that of the instant.
    changes = np.concatenate([gone * 2, come * 2 + 1])
    changes.sort()
    there = np.cumsum((changes & 1) * 2 - 1)
    comes = np.flatnonzero(changes & 1)
    np.maximum.at(most, changes.take(comes) // (2 * MICROSECONDS_A_MINUTE), there.take(comes))
    return most[:minutes].reshape(period.days, MINUTES_A_DAY)


def _there(legs: Intervals, origin: int, *, width: int, slots: int) -> tuple[Int64, Int64]:
    """The slot (of ``width`` microseconds) in which each leg comes and the first one after it, from 0 to ``slots``.

    Legs of one contact share no slot: each counts from where the earlier ones end. What lies outside becomes empty.
    """
    come = legs.start - origin
    come //= width
    gone = legs.end - (origin - width + 1)  # rounded up: an end on the edge of a slot does not touch the next
    gone //= width
    np.maximum(gone, come + 1, out=gone)  # but a moment on the edge touches its slot

    several = sharing(legs.actor, come)  # few: most contacts have one leg
    beyond = gone.take(several)
    fresh = np.maximum(come.take(several), reached_before(legs.actor.take(several), beyond))
    come[several] = fresh
    gone[several] = np.maximum(fresh, beyond)
    return np.clip(come, 0, slots, out=come), np.clip(gone, 0, slots, out=gone)
