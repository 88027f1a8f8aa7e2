"""How many contacts are there at once: IVR ports by clock minute or by instant (R8), voice calls by instant (R9)."""

from __future__ import annotations

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    Lanes,
    blocks,
    reached_before,
    sharing,
    start_of,
)
from apps.reconciliation.domain.steps import Steps

MINUTES_A_DAY = 1440


def contacts_by_minute(legs: Intervals, period: Period) -> Steps:
    """Distinct contacts that touch each clock minute (R8): 1,440 slots a day.

    Legs may lie anywhere. Two legs of one contact in a minute are one: its legs are united by the minutes they touch.
    Memory is proportional to legs. A million contacts can be counted in 4,000 days at once and more in
    fewer; ``OverflowError`` where there are too many.
    """
    origin, minutes = start_of(period.first), MINUTES_A_DAY * period.days
    longest = int((legs.end - legs.start).max(initial=0)) // MICROSECONDS_A_MINUTE + 2
    lanes = Lanes(minutes, longest=min(longest, minutes))

    def touched(legs: Intervals) -> Int64:
        come, gone = _there(legs, origin, width=MICROSECONDS_A_MINUTE, slots=minutes)
        lane = lanes.starts(legs.actor)
        return lanes.pack(lane + come, lane + gone)

    packed = np.concatenate([touched(legs.take(block)) for block in blocks(len(legs))])
    come, gone = map(lanes.places, lanes.united(packed))
    return Steps.depth(come, gone, minutes)


def contacts_by_instant(legs: Intervals, period: Period) -> Steps:
    """The most distinct contacts at one instant of each clock minute (R8, setting ``ivr_peak``; R9): 1,440 slots a day.

    Legs may lie anywhere; ``OverflowError`` where contacts × legs exceed 2**62.
    """
    minutes = MINUTES_A_DAY * period.days
    # A moment occupies the single microsecond it falls on; times are whole microseconds.
    come, gone = _there(legs, start_of(period.first), width=1, slots=minutes * MICROSECONDS_A_MINUTE)
    # Each leg counts from where the earlier ones of its contact end. Most contacts have one, which needs no order.
    several = sharing(legs.actor, come)
    beyond = gone.take(several)
    fresh = np.maximum(come.take(several), reached_before(legs.actor.take(several), beyond))
    come[several] = fresh
    gone[several] = np.maximum(fresh, beyond)

    first, last = (-(-edges // MICROSECONDS_A_MINUTE) for edges in (come, gone))
    most = Steps.depth(
        first, last, minutes + 1
    ).dense()  # as each minute begins; then it rises only where contacts come
    # At one instant some go before others come: the count after the last who comes is that of the instant.
    changes = np.concatenate([gone * 2, come * 2 + 1])
    changes.sort()
    there = np.cumsum((changes & 1) * 2 - 1)
    comes = np.flatnonzero(changes & 1)
    np.maximum.at(most, changes.take(comes) // (2 * MICROSECONDS_A_MINUTE), there.take(comes))
    return Steps.of(most[:minutes])


def _there(legs: Intervals, origin: int, *, width: int, slots: int) -> tuple[Int64, Int64]:
    """The slot (of ``width`` microseconds from ``origin``) in which each leg comes and the first one after it.

    Cut to 0..``slots``, so that what lies outside is empty.
    """
    come = (legs.start - origin) // width
    # Rounded up: an end on the edge of a slot does not touch the next; but a moment on the edge touches its slot.
    gone = np.maximum((legs.end - (origin - width + 1)) // width, come + 1)
    return np.clip(come, 0, slots, out=come), np.clip(gone, 0, slots, out=gone)
