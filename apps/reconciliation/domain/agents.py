"""How many agents a day used: concurrent (R2) and named (R3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_DAY,
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    ranges,
    start_of,
)

SAMPLES_A_DAY = 96
SAMPLE = 15 * MICROSECONDS_A_MINUTE
LOOK_BACK = 3
PRESENT_FROM = MICROSECONDS_A_MINUTE


@dataclass(frozen=True, slots=True)
class AgentsUsed:
    """Agents counted, Premium and Standard: int64 arrays of one shape."""

    premium: Int64
    standard: Int64


def concurrent_samples(sessions: Intervals, period: Period) -> AgentsUsed:
    """Agents counted in each quarter-hour of each day of ``period`` (R2).

    Returns arrays of shape ``(days, 96)``. Sessions may lie anywhere; the look-back crosses the period's start.
    """
    origin = start_of(period.first) - LOOK_BACK * SAMPLE
    samples = LOOK_BACK + SAMPLES_A_DAY * period.days
    seen = sessions.within(origin, origin + samples * SAMPLE)
    stride = samples + LOOK_BACK + 1  # keys of one agent never lie within a look-back of another's

    present = _present(seen, origin, stride)
    three_before = present[:-LOOK_BACK] if len(present) > LOOK_BACK else present[:0]
    counted = present[LOOK_BACK:][present[LOOK_BACK:] - three_before == LOOK_BACK]
    counted = counted[counted % stride >= LOOK_BACK]

    premium_touches = _touched(seen.take(seen.premium), origin, stride)
    nearest = np.searchsorted(premium_touches, counted, side="right") - 1
    is_premium = np.zeros(len(counted), np.bool_)
    found = nearest >= 0
    is_premium[found] = counted[found] - premium_touches[nearest[found]] <= LOOK_BACK

    def count(keys: Int64) -> Int64:
        by_sample = np.bincount(keys % stride - LOOK_BACK, minlength=samples - LOOK_BACK)
        return by_sample.reshape(period.days, SAMPLES_A_DAY).astype(np.int64)

    return AgentsUsed(premium=count(counted[is_premium]), standard=count(counted[~is_premium]))


def _present(sessions: Intervals, origin: int, stride: int) -> Int64:
    """Sorted keys ``agent × stride + sample`` of the samples in which an agent's union of sessions lasts 60 s."""
    united = _united(sessions)
    first, last = united.slots(origin, SAMPLE)
    owner, sample = ranges(first, last)
    sample_start = origin + sample * SAMPLE
    time = np.minimum(united.end[owner], sample_start + SAMPLE) - np.maximum(
        united.start[owner], sample_start
    )
    keys, position = np.unique(united.actor[owner] * stride + sample, return_inverse=True)
    total = np.zeros(len(keys), np.int64)
    np.add.at(total, position, time)
    present: Int64 = keys[total >= PRESENT_FROM]
    return present


def _united(sessions: Intervals) -> Intervals:
    """Each agent's sessions as disjoint intervals, by agent and start; licences do not matter."""
    if not len(sessions):
        return sessions
    order = np.lexsort((sessions.start, sessions.actor))
    ordered = sessions.take(order)
    # Shifted so far apart by agent that a running maximum of ends never reaches into the next agent's sessions.
    far = int(ordered.end.max() - ordered.start.min()) + 1
    shift = ordered.actor * far
    reached = np.maximum.accumulate(ordered.end + shift)
    opens = np.ones(len(ordered), np.bool_)
    opens[1:] = ordered.start[1:] + shift[1:] > reached[:-1]
    groups = np.flatnonzero(opens)
    ends = np.append(groups[1:], len(ordered)) - 1
    return Intervals(
        ordered.actor[groups], ordered.start[groups], reached[ends] - shift[ends], ordered.premium[groups]
    )


def _touched(sessions: Intervals, origin: int, stride: int) -> Int64:
    """Sorted keys ``agent × stride + sample`` of the samples that a session overlaps, however short."""
    first, last = sessions.slots(origin, SAMPLE)
    owner, sample = ranges(first, last)
    return np.unique(sessions.actor[owner] * stride + sample)


def named_by_day(sessions: Intervals, period: Period) -> AgentsUsed:
    """Distinct agents who logged in from the period's first day up to and including each day (R3, R11).

    Returns arrays of shape ``(days,)``. An agent with any Premium session in the period is Premium from its first
    login on, so earlier days are restated when ``period`` ends later. Codes of agents must be small.
    """
    first = start_of(period.first)
    seen = sessions.within(first, first + period.days * MICROSECONDS_A_DAY)
    agents = int(seen.actor.max()) + 1 if len(seen) else 0
    first_day = np.full(agents, period.days, np.int64)
    np.minimum.at(first_day, seen.actor, (seen.start - first) // MICROSECONDS_A_DAY)
    is_premium = np.zeros(agents, np.bool_)
    is_premium[seen.actor[seen.premium]] = True

    def count(days: Int64) -> Int64:
        logged_in = np.bincount(days, minlength=period.days + 1)[: period.days]
        return np.cumsum(logged_in).astype(np.int64)

    return AgentsUsed(premium=count(first_day[is_premium]), standard=count(first_day[~is_premium]))
