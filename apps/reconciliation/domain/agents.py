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
    Ranges,
    depth,
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

    Nothing is counted sample by sample: an agent's presence is a few runs of samples, found from the edges of its
    sessions, and a run that lasts is counted from its fourth sample on. Samples of all agents lie on one axis, agent
    by agent, ``stride`` apart.
    """
    samples = LOOK_BACK + SAMPLES_A_DAY * period.days
    origin = start_of(period.first) - LOOK_BACK * SAMPLE
    stride = samples + LOOK_BACK + 1  # a look-back never reaches into the samples of the agent before
    seen = sessions.within(origin, origin + samples * SAMPLE)

    present = _present(seen, origin, stride)
    lasting = present.last - present.first >= LOOK_BACK
    counted = Ranges(present.first[lasting] + LOOK_BACK, present.last[lasting])

    premium = seen.take(seen.premium)
    first, last = premium.slots(origin, SAMPLE)
    axis = premium.actor * stride
    # A touch makes its own sample Premium and the three that look back at it.
    as_premium = counted.common(Ranges(axis + first, axis + last + LOOK_BACK).united())

    def count(ranges: Ranges) -> Int64:
        by_sample = ranges.first % stride, ranges.last % stride
        return depth(*by_sample, samples)[LOOK_BACK:].reshape(period.days, SAMPLES_A_DAY)

    premium_count = count(as_premium)
    return AgentsUsed(premium=premium_count, standard=count(counted) - premium_count)


def _present(sessions: Intervals, origin: int, stride: int) -> Ranges:
    """Runs of samples in which an agent's union of sessions lasts 60 s, on the axis of all agents.

    A sample between two edges of a united session is full. A sample at an edge may be shared by several sessions of
    the agent, which stand next to each other, so their pieces are added up.
    """
    far = stride * SAMPLE
    axis = Ranges(
        sessions.actor * far + sessions.start - origin, sessions.actor * far + sessions.end - origin
    )
    united = axis.united()
    united = united.take(united.last > united.first)
    first, last = united.first // SAMPLE, (united.last - 1) // SAMPLE

    edges = np.empty(2 * len(first), np.int64)
    edges[0::2], edges[1::2] = first, last
    time = np.empty(2 * len(first), np.int64)
    time[0::2] = np.minimum(united.last, (first + 1) * SAMPLE) - united.first
    time[1::2] = np.where(last > first, united.last - last * SAMPLE, 0)
    opens = np.flatnonzero(np.diff(edges, prepend=-1))
    enough = np.add.reduceat(time, opens) >= PRESENT_FROM if len(opens) else np.zeros(0, np.bool_)
    at_edges = edges[opens][enough]

    inner = last - first > 1
    return Ranges(
        np.concatenate([at_edges, first[inner] + 1]), np.concatenate([at_edges, last[inner] - 1])
    ).united(touching=True)


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
