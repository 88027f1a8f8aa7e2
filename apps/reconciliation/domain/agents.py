"""How many agents are there at once (R2)."""

from __future__ import annotations

from dataclasses import dataclass

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
from apps.reconciliation.domain.steps import Steps, depth

SAMPLES_A_DAY = 96
SAMPLE = 15 * MICROSECONDS_A_MINUTE
LOOK_BACK = 3
PRESENT_FROM = MICROSECONDS_A_MINUTE


@dataclass(frozen=True, slots=True)
class AgentSteps:
    """Agents counted, Premium and Standard."""

    premium: Steps
    standard: Steps


def concurrent_samples(sessions: Intervals, period: Period) -> AgentSteps:
    """Agents counted in each quarter-hour of each day of ``period`` (R2): 96 slots a day.

    Sessions may lie anywhere; the look-back crosses the period's start. Memory
    is proportional to sessions and days. A million agents can be counted in 4,000 days at once and more in fewer;
    ``OverflowError`` where there are too many.

    Nothing is counted sample by sample: an agent's presence is a few runs of samples, found from the edges of its
    sessions, and a run that lasts is counted from its fourth sample on.
    """
    samples = _Samples.of(period)
    lanes = samples.lanes
    premium = lanes.united(_premium(sessions.take(np.flatnonzero(sessions.premium)), samples))
    first, beyond = lanes.united(_present(sessions, samples))
    lasting = np.flatnonzero(beyond - first > LOOK_BACK)
    counted = first.take(lasting) + LOOK_BACK, beyond.take(lasting)
    either = lanes.united(np.concatenate([lanes.pack(*counted), lanes.pack(*premium)]))

    # Counted as Standard: either one but not Premium. As Premium: the others. No two lists need be compared.
    standard = samples.depth(*either) - samples.depth(*premium)
    return AgentSteps(premium=Steps.of(samples.depth(*counted) - standard), standard=Steps.of(standard))


@dataclass(frozen=True, slots=True)
class _Samples:
    """The samples of a period: 0 stands for all time before the look-back, the last for all after the period.

    Neither is counted. Sample 1 is the first that the look-back reaches; ``origin`` is the start of sample 0.
    """

    origin: int
    lanes: Lanes

    @classmethod
    def of(cls, period: Period) -> _Samples:
        number = 1 + LOOK_BACK + SAMPLES_A_DAY * period.days + 1
        origin = start_of(period.first) - (1 + LOOK_BACK) * SAMPLE
        return cls(origin, Lanes(number, longest=number))

    def ranges(self, agent: Int64, first: Int64, beyond: Int64) -> Int64:
        """Packed ranges of samples of agents."""
        lane, end = self.lanes.starts(agent), self.lanes.end
        return self.lanes.pack(lane + np.clip(first, 0, end - 1), lane + np.clip(beyond, 1, end))

    def depth(self, first: Int64, beyond: Int64) -> Int64:
        """How many agents have one of the ranges, which it overwrites, at each sample of the period."""
        come, gone = self.lanes.places(first), self.lanes.places(beyond)
        return depth(come, gone, self.lanes.end)[1 + LOOK_BACK : -1]


def _premium(sessions: Intervals, samples: _Samples) -> Int64:
    """Packed ranges of the samples that a Premium session makes Premium: those it touches and the three after."""
    start, end = sessions.start - samples.origin, sessions.end - samples.origin
    last = np.maximum(start, end - 1) // SAMPLE
    return samples.ranges(sessions.actor, start // SAMPLE, last + (1 + LOOK_BACK))


def _present(sessions: Intervals, samples: _Samples) -> Int64:
    """Packed ranges of the samples in which an agent's union of sessions lasts 60 s.

    Mostly one session lasts that long by itself. Only the pieces of sessions in other samples need to be added up.
    """
    found = [_present_by_itself(sessions.take(block), samples) for block in blocks(len(sessions))]
    whole, sample, start, end = zip(*found, strict=True)
    together = _present_together(np.concatenate(sample), np.concatenate(start), np.concatenate(end))
    return np.concatenate([*whole, samples.lanes.pack(together, together + 1)])


def _present_by_itself(sessions: Intervals, samples: _Samples) -> tuple[Int64, Int64, Int64, Int64]:
    """Packed ranges of the samples in which a session lasts 60 s, and its pieces in others: sample, start and end."""
    agent, start, end = sessions.actor, sessions.start - samples.origin, sessions.end - samples.origin
    first = (start + (PRESENT_FROM - 1)) // SAMPLE
    beyond = (end - PRESENT_FROM) // SAMPLE + 1
    # One below 60 s has no such sample: it is a piece before the next edge and, where it passes that, another after it.
    brief = np.flatnonzero(end - start < PRESENT_FROM)
    first[brief] = beyond[brief] = start.take(brief) // SAMPLE + 1
    whole = np.flatnonzero(first < beyond)

    opens, closes = first * SAMPLE, beyond * SAMPLE
    before, after = np.flatnonzero(start < opens), np.flatnonzero(closes < end)
    sample = np.concatenate([first.take(before) - 1, beyond.take(after)])
    lane = samples.lanes.starts(agent.take(np.concatenate([before, after])))
    return (
        samples.ranges(agent, first, beyond).take(whole),
        lane + np.clip(sample, 0, samples.lanes.end - 1),
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
