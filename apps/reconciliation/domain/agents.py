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
    blocks,
    depth,
    ensure_fits,
    reached_before,
    sharing,
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

    Returns arrays of shape ``(days, 96)``. Sessions may lie anywhere; the look-back crosses the period's start. Memory
    is proportional to sessions and days. A million agents can be counted in 4,000 days at once and more in fewer;
    ``OverflowError`` where there are too many.

    Nothing is counted sample by sample: an agent's presence is a few runs of samples, found from the edges of its
    sessions, and a run that lasts is counted from its fourth sample on.
    """
    lanes = _Lanes.of(period)
    ensure_fits(sessions.actor, 2 * lanes.width)
    premium = lanes.united(_premium(sessions.take(np.flatnonzero(sessions.premium)), lanes))
    first, beyond = lanes.united(_present(sessions, lanes))
    lasting = np.flatnonzero(beyond - first > LOOK_BACK)
    counted = first.take(lasting) + LOOK_BACK, beyond.take(lasting)
    either = lanes.united(np.concatenate([lanes.pack(*counted), lanes.pack(*premium)]))

    def count(ranges: tuple[Int64, Int64]) -> Int64:
        return lanes.depth(*ranges).reshape(period.days, SAMPLES_A_DAY)

    # Counted but not Premium: with the sizes of unions alone no two lists of ranges need be compared.
    standard = count(either) - count(premium)
    return AgentsUsed(premium=count(counted) - standard, standard=standard)


@dataclass(frozen=True, slots=True)
class _Lanes:
    """One axis for the samples of all agents: each has a lane of ``2**width`` numbers, one lane after another.

    Sample 0 of a lane stands for all time before the look-back and sample ``end`` for all after the period; neither is
    read. Ranges of samples are half-open. Packed, a range is one number; numbers are sorted faster than pairs.
    """

    origin: int
    end: int
    width: int

    @classmethod
    def of(cls, period: Period) -> _Lanes:
        end = 1 + LOOK_BACK + SAMPLES_A_DAY * period.days
        # A range that goes up to ``end`` must not touch the next lane.
        return cls(start_of(period.first) - (1 + LOOK_BACK) * SAMPLE, end, (end + 1).bit_length())

    @property
    def in_lane(self) -> int:
        """The bits that tell the place in a lane."""
        return (1 << self.width) - 1

    def pack(self, first: Int64, beyond: Int64) -> Int64:
        return (first << self.width) + (beyond - first)

    def ranges(self, agent: Int64, first: Int64, beyond: Int64) -> Int64:
        """Packed ranges of samples, each in its agent's lane."""
        lane = agent << self.width
        return self.pack(lane + np.clip(first, 0, self.end), lane + np.clip(beyond, 1, self.end + 1))

    def united(self, packed: Int64) -> tuple[Int64, Int64]:
        """Packed ranges in order, those that overlap or touch made one: first and beyond. Sorts ``packed``."""
        packed.sort()
        firsts, beyonds, reached = [], [], np.full(1, -1)
        for block in blocks(len(packed)):
            first = packed[block] >> self.width
            # How far the ranges before each one reach: where that is not up to it, the run before ends and one opens.
            reached = np.append(reached[-1:], first + (packed[block] & self.in_lane))
            np.maximum.accumulate(reached, out=reached)
            opens = np.flatnonzero(first > reached[:-1])
            firsts.append(first.take(opens))
            beyonds.append(reached.take(opens))
        return np.concatenate(firsts), np.concatenate([*beyonds, reached[-1:]])[1:]

    def depth(self, first: Int64, beyond: Int64) -> Int64:
        """How many agents have a range at each sample of the period."""
        return depth(first & self.in_lane, beyond & self.in_lane, self.end)[1 + LOOK_BACK :]


def _premium(sessions: Intervals, lanes: _Lanes) -> Int64:
    """Packed ranges of the samples that a Premium session makes Premium: those it touches and the three after."""
    start, end = sessions.start - lanes.origin, sessions.end - lanes.origin
    last = np.maximum(start, end - 1) // SAMPLE
    return lanes.ranges(sessions.actor, start // SAMPLE, last + (1 + LOOK_BACK))


def _present(sessions: Intervals, lanes: _Lanes) -> Int64:
    """Packed ranges of the samples in which an agent's union of sessions lasts 60 s.

    Mostly one session lasts that long by itself. Only the pieces of sessions in other samples need to be added up.
    """
    found = [_present_by_itself(sessions.take(block), lanes) for block in blocks(len(sessions))]
    whole, sample, start, end = zip(*found, strict=True)
    together = _present_together(np.concatenate(sample), np.concatenate(start), np.concatenate(end))
    return np.concatenate([*whole, lanes.pack(together, together + 1)])


def _present_by_itself(sessions: Intervals, lanes: _Lanes) -> tuple[Int64, Int64, Int64, Int64]:
    """Packed ranges of the samples in which a session lasts 60 s, and its pieces in others: sample, start and end."""
    agent, start, end = sessions.actor, sessions.start - lanes.origin, sessions.end - lanes.origin
    first = (start + (PRESENT_FROM - 1)) // SAMPLE
    beyond = (end - PRESENT_FROM) // SAMPLE + 1
    # One below 60 s has no such sample: it is a piece before the next edge and, where it passes that, another after it.
    brief = np.flatnonzero(end - start < PRESENT_FROM)
    first[brief] = beyond[brief] = start.take(brief) // SAMPLE + 1
    whole = np.flatnonzero(first < beyond)

    opens, closes = first * SAMPLE, beyond * SAMPLE
    before, after = np.flatnonzero(start < opens), np.flatnonzero(closes < end)
    sample = np.concatenate([first.take(before) - 1, beyond.take(after)])
    lane = agent.take(np.concatenate([before, after])) << lanes.width
    return (
        lanes.ranges(agent, first, beyond).take(whole),
        lane + np.clip(sample, 0, lanes.end),
        np.concatenate([start.take(before), closes.take(after)]),
        np.concatenate([np.minimum(end, opens).take(before), end.take(after)]),
    )


def _present_together(sample: Int64, start: Int64, end: Int64) -> Int64:
    """The samples in which the union of pieces lasts 60 s; no piece does by itself."""
    several = sharing(sample, start)
    sample, start, end = sample.take(several), start.take(several), end.take(several)
    fresh = np.maximum(end - np.maximum(start, reached_before(sample, end)), 0)
    opens = np.flatnonzero(np.diff(sample, prepend=-1))
    lasts = np.add.reduceat(fresh, opens) if len(opens) else fresh
    return sample.take(opens[lasts >= PRESENT_FROM])


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
