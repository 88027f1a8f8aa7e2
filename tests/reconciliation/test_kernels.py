"""The kernels against the rules R2 and R8 written out literally: by sample, by minute, by instant.

Times are whole microseconds, as the kernels take them. Most worlds lie on the edges of samples and minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core.domain.periods import Period
from apps.reconciliation.domain import intervals
from apps.reconciliation.domain.agents import LOOK_BACK, SAMPLE, SAMPLES_A_DAY
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_DAY,
    MICROSECONDS_A_MINUTE,
    Int64,
    Intervals,
    reached_before,
    sharing,
    start_of,
)
from apps.reconciliation.domain.ports import MINUTES_A_DAY
from tests.factories.counts import concurrent_samples, contacts_by_instant, contacts_by_minute

DAY = date(2024, 6, 10)
SECOND = 1_000_000
MINUTE = MICROSECONDS_A_MINUTE
Kernel = Callable[[Intervals, Period], Int64]


class Record(NamedTuple):
    """A session or leg; ``start`` and ``end`` count from the first midnight of the world's period."""

    actor: int
    start: int
    end: int
    premium: bool = False

    def overlaps(self, begin: int, end: int) -> bool:
        """Half-open; one of no length is the moment it starts."""
        if self.start == self.end:
            return begin <= self.start < end
        return self.start < end and begin < self.end


# The rules, literally


def time_inside(sessions: Iterable[Record], begin: int, end: int) -> int:
    """How long the union of the sessions is inside ``[begin, end)``."""
    total, reached = 0, begin
    for session in sorted(sessions, key=lambda each: each.start):
        fresh_from, fresh_to = max(session.start, reached), min(session.end, end)
        if fresh_from < fresh_to:
            total += fresh_to - fresh_from
            reached = fresh_to
    return total


def literal_samples(sessions: Sequence[Record], days: int) -> tuple[list[int], list[int]]:
    """R2: the agents counted as Premium and as Standard in each sample of the days."""
    premium, standard = [0] * (SAMPLES_A_DAY * days), [0] * (SAMPLES_A_DAY * days)
    for agent in {session.actor for session in sessions}:
        own = [session for session in sessions if session.actor == agent]
        present = {
            sample: time_inside(own, sample * SAMPLE, (sample + 1) * SAMPLE) >= 60 * SECOND
            for sample in range(-3, SAMPLES_A_DAY * days)
        }
        for sample in range(SAMPLES_A_DAY * days):
            four = range(sample - 3, sample + 1)
            if not all(present[each] for each in four):
                continue
            is_premium = any(
                session.premium and session.overlaps(each * SAMPLE, (each + 1) * SAMPLE)
                for session in own
                for each in four
            )
            (premium if is_premium else standard)[sample] += 1
    return premium, standard


def literal_minutes(legs: Sequence[Record], days: int) -> list[int]:
    """R8: the distinct contacts that touch each clock minute."""
    return [
        len({leg.actor for leg in legs if leg.overlaps(minute * MINUTE, (minute + 1) * MINUTE)})
        for minute in range(MINUTES_A_DAY * days)
    ]


def literal_instants(legs: Sequence[Record], days: int) -> list[int]:
    """R8, setting ``instant``: the most distinct contacts at one microsecond of each clock minute."""
    counts = []
    for minute in range(MINUTES_A_DAY * days):
        begin, end = minute * MINUTE, (minute + 1) * MINUTE
        touching = [leg for leg in legs if leg.overlaps(begin, end)]
        # Between two starts contacts only go.
        instants = {begin, *(leg.start for leg in touching if leg.start >= begin)}
        counts.append(
            max(len({leg.actor for leg in touching if leg.overlaps(at, at + 1)}) for at in instants)
        )
    return counts


# Worlds

NEAR = st.one_of(st.integers(-5, 7), st.integers(91, 98))  # samples around the midnights
ANYWHERE = st.integers(-400, 600)
OFFSETS = st.sampled_from([0, 20, 40, 60, 80, 7 * 60, 14 * 60, 14 * 60 + 20, 14 * 60 + 40]).map(
    lambda seconds: seconds * SECOND
)
SLIPS = st.sampled_from([0, 0, 0, 0, 1, -1])
MARKS = st.builds(
    lambda sample, offset, slip: sample * SAMPLE + offset + slip,
    st.one_of(NEAR, NEAR, NEAR, ANYWHERE),
    OFFSETS,
    SLIPS,
)
LICENCES = st.sampled_from([None, False, False, True])


@st.composite
def stays(draw: st.DrawFn) -> list[Record]:
    """Records of one actor from mark to mark: they touch, leave gaps or have no length."""
    actor = draw(st.integers(0, 2))
    marks = sorted(draw(st.lists(MARKS, min_size=2, max_size=9)))
    licences = draw(st.lists(LICENCES, min_size=len(marks) - 1, max_size=len(marks) - 1))
    return [
        Record(actor, start, end, premium)
        for start, end, premium in zip(marks, marks[1:], licences, strict=False)
        if premium is not None
    ]


@st.composite
def worlds(draw: st.DrawFn) -> list[Record]:
    """Records of a few actors that may overlap, in any order or, as the database gives them, by start."""
    records = [record for stay in draw(st.lists(stays(), max_size=5)) for record in stay]
    if draw(st.booleans()):
        return sorted(records, key=lambda each: each.start)
    return draw(st.permutations(records))


def period_of(days: int, first: date = DAY) -> Period:
    return Period(first, first + timedelta(days=days - 1))


def as_arrays(records: Iterable[Record], first: date = DAY, spread: int = 1) -> Intervals:
    """Records as the kernels take them; codes of actors ``spread`` apart."""
    rows = list(records)
    columns = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    return Intervals(
        actor=columns[:, 0] * spread,
        start=columns[:, 1] + start_of(first),
        end=columns[:, 2] + start_of(first),
        premium=np.array([row.premium for row in rows], np.bool_),
    )


def premium_samples(sessions: Intervals, period: Period) -> Int64:
    return concurrent_samples(sessions, period).premium


def standard_samples(sessions: Intervals, period: Period) -> Int64:
    return concurrent_samples(sessions, period).standard


KERNELS: list[tuple[Kernel, int]] = [
    (contacts_by_minute, MINUTES_A_DAY),
    (contacts_by_instant, MINUTES_A_DAY),
    (premium_samples, SAMPLES_A_DAY),
    (standard_samples, SAMPLES_A_DAY),
]

SIXTY_SECONDS = [
    # An agent each: from 60 s before an edge and a microsecond later, to 60 s after one and a microsecond less.
    Record(0, SAMPLE - MINUTE, 6 * SAMPLE),
    Record(1, SAMPLE - MINUTE + 1, 6 * SAMPLE),
    Record(2, 0, 6 * SAMPLE + MINUTE),
    Record(3, 0, 6 * SAMPLE + MINUTE - 1),
    # 60 s and a little less in the third sample of four: in one session, in two and in two that overlap.
    *(
        Record(actor, start, end)
        for actor, short in ((4, 0), (5, 1))
        for start, end in (
            (0, 2 * SAMPLE),
            (2 * SAMPLE + 5 * MINUTE, 2 * SAMPLE + 6 * MINUTE - short),
            (3 * SAMPLE, 5 * SAMPLE),
        )
    ),
    *(
        Record(actor, start, end)
        for actor, overlap in ((6, 0), (7, 1))
        for start, end in (
            (0, 2 * SAMPLE + 40 * SECOND),
            (2 * SAMPLE + 40 * SECOND - overlap, 2 * SAMPLE + 60 * SECOND - overlap),
            (3 * SAMPLE, 5 * SAMPLE),
        )
    ),
]
TOUCHES_OF_PREMIUM = [
    record
    for actor, (start, end) in enumerate(
        [
            (8 * SAMPLE, 8 * SAMPLE),
            (8 * SAMPLE - 1, 8 * SAMPLE),
            (8 * SAMPLE - 1, 8 * SAMPLE + 1),
            (-SAMPLE, -SAMPLE),
            (-3 * SAMPLE - 1, -3 * SAMPLE),
            (96 * SAMPLE, 96 * SAMPLE),
        ]
    )
    for record in (Record(actor, -8 * SAMPLE, 104 * SAMPLE), Record(actor, start, end, premium=True))
]
OUTSIDE = [
    # Two agents with pieces before and after the day: in another's lane, one would fill the third agent's gap.
    *(
        Record(actor, sample * SAMPLE + start, sample * SAMPLE + start + 40 * SECOND)
        for actor, samples in ((0, range(100, 300, 2)), (2, range(-300, -10, 2)))
        for sample in samples
        for start in (0, MINUTE)
    ),
    Record(1, 8 * SAMPLE, 10 * SAMPLE),
    Record(1, 11 * SAMPLE, 14 * SAMPLE),
]

DAYS = st.integers(1, 2)
BLOCKS = st.sampled_from([1, 2, 3, 2**14])


@settings(max_examples=150)
@given(sessions=worlds(), days=DAYS, block=BLOCKS)
@example(sessions=[], days=1, block=1)
@example(sessions=SIXTY_SECONDS, days=1, block=2)
@example(sessions=TOUCHES_OF_PREMIUM, days=1, block=2)
@example(sessions=OUTSIDE, days=1, block=2**14)
def test_R2_agents_are_counted_as_sample_by_sample(sessions: list[Record], days: int, block: int) -> None:
    with mock.patch.object(intervals, "_BLOCK", block):
        used = concurrent_samples(as_arrays(sessions), period_of(days))
    premium, standard = literal_samples(sessions, days)
    assert used.premium.ravel().tolist() == premium
    assert used.standard.ravel().tolist() == standard


@settings(max_examples=80)
@given(legs=worlds(), days=DAYS)
@example(legs=[], days=1)
def test_R8_contacts_are_counted_as_minute_by_minute(legs: list[Record], days: int) -> None:
    assert contacts_by_minute(as_arrays(legs), period_of(days)).ravel().tolist() == literal_minutes(
        legs, days
    )


@settings(max_examples=80)
@given(legs=worlds(), days=DAYS)
@example(legs=[], days=1)
@example(legs=[Record(0, -MINUTE, MINUTE), Record(1, -MINUTE, MINUTE)], days=1)  # both are gone before 00:01
def test_R8_contacts_are_counted_as_instant_by_instant(legs: list[Record], days: int) -> None:
    assert contacts_by_instant(as_arrays(legs), period_of(days)).ravel().tolist() == literal_instants(
        legs, days
    )


def crowd(seed: int, *, actors: int, records: int, longest: int) -> list[Record]:
    """A crowded day and the hours around it; every fifth record is Premium."""
    random = np.random.default_rng(seed)
    starts = random.integers(-4 * 60 * MINUTE, MICROSECONDS_A_DAY + 60 * MINUTE, records)
    lengths = random.integers(0, longest, records)
    return [
        Record(int(actor), int(start), int(start + length), bool(premium))
        for actor, start, length, premium in zip(
            random.integers(0, actors, records), starts, lengths, random.random(records) < 0.2, strict=True
        )
    ]


@pytest.mark.parametrize("longest", [2 * MINUTE, 40 * MINUTE, 300 * MINUTE])
def test_R2_R8_a_crowded_day(longest: int) -> None:
    day = crowd(longest, actors=20, records=400, longest=longest)
    used = concurrent_samples(as_arrays(day), period_of(1))
    assert (used.premium[0].tolist(), used.standard[0].tolist()) == literal_samples(day, 1)
    assert contacts_by_minute(as_arrays(day), period_of(1))[0].tolist() == literal_minutes(day, 1)
    assert contacts_by_instant(as_arrays(day), period_of(1))[0].tolist() == literal_instants(day, 1)


# Many customers on one axis


def laid_end_to_end(customers: Sequence[list[Record]], days: int) -> tuple[Intervals, list[slice]]:
    """Each customer's records cut to its days and the look-back, moved behind those of the customer before.

    A day is left between two customers, so that no look-back reaches from one into the other. Also the days of each.
    """
    parts, where, actors = [], [], 0
    for number, records in enumerate(customers):
        offset = number * (days + 1)
        own = as_arrays(records).within(
            start_of(DAY) - LOOK_BACK * SAMPLE, start_of(DAY) + days * MICROSECONDS_A_DAY
        )
        moved = offset * MICROSECONDS_A_DAY
        parts.append(Intervals(own.actor + actors, own.start + moved, own.end + moved, own.premium))
        where.append(slice(offset, offset + days))
        actors += 3
    columns = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("actor", "start", "end", "premium")
    )
    return Intervals(*columns), where


@pytest.mark.parametrize(("kernel", "slots"), KERNELS)
@settings(max_examples=40)
@given(customers=st.lists(worlds(), min_size=1, max_size=4), days=DAYS)
def test_R2_R8_customers_laid_end_to_end_are_counted_as_each_alone(
    kernel: Kernel, slots: int, customers: list[list[Record]], days: int
) -> None:
    together, where = laid_end_to_end(customers, days)
    counted = kernel(together, period_of((days + 1) * len(customers)))
    for records, own_days in zip(customers, where, strict=True):
        alone = kernel(as_arrays(records), period_of(days))
        assert alone.shape == (days, slots)
        assert alone.dtype == counted.dtype == np.int64
        assert np.array_equal(counted[own_days], alone)


@pytest.mark.parametrize(("kernel", "slots"), KERNELS)
@pytest.mark.parametrize("at_day", [0, 1999, 3999])
def test_R2_R8_a_million_actors_and_4000_days_count_the_same_as_a_few_in_one(
    kernel: Kernel, slots: int, at_day: int
) -> None:
    first = DAY - timedelta(days=at_day)
    day = crowd(at_day, actors=100, records=2_000, longest=120 * MINUTE)
    counted = kernel(as_arrays(day, spread=10_000), Period(first, first + timedelta(days=3_999)))
    assert np.array_equal(counted[at_day], kernel(as_arrays(day), period_of(1))[0])
    assert counted[at_day].any()
    assert not counted[: max(0, at_day - 1)].any()
    assert not counted[at_day + 2 :].any()


@pytest.mark.parametrize(
    ("kernel", "largest"),
    [
        (
            contacts_by_minute,
            2**43,
        ),  # beside 11 bits for the minute and 8 for how many, 182 at most, a leg touches
        (contacts_by_instant, 2**59),  # beside 3 for the position of each of four
        (premium_samples, 2**48),  # beside 7 for the sample and 7 for how many a session touches
        (standard_samples, 2**48),
    ],
)
def test_actors_beyond_what_a_number_holds_are_refused_not_miscounted(kernel: Kernel, largest: int) -> None:
    records = [Record(1, 0, 180 * MINUTE)] * 2 + [Record(1, 0, 60 * MINUTE, premium=True)] * 2
    fits, too_large = (as_arrays(records, spread=each) for each in (largest, 2 * largest))
    assert np.array_equal(kernel(fits, period_of(1)), kernel(as_arrays(records), period_of(1)))
    with pytest.raises(OverflowError, match="too many actors"):
        kernel(too_large, period_of(1))


# The helpers


def grouped(values: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for group in sorted({group for group, _ in values}):
        yield from ((each, value) for each, value in values if each == group)


SMALL = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)))


@given(values=SMALL)
def test_sharing_finds_those_with_others_in_their_group_in_order(values: list[tuple[int, int]]) -> None:
    group = np.array([each for each, _ in values], np.int64)
    start = np.array([value for _, value in values], np.int64)
    found = sharing(group, start)
    groups = [each for each, _ in values]
    assert [values[position] for position in found] == sorted(
        value for value in values if groups.count(value[0]) > 1
    )
    assert len(set(found.tolist())) == len(found)


@given(values=SMALL)
def test_reached_before_is_the_latest_end_among_those_before_in_the_group(
    values: list[tuple[int, int]],
) -> None:
    rows = list(grouped(values))
    found = reached_before(
        np.array([group for group, _ in rows], np.int64), np.array([end for _, end in rows], np.int64)
    )
    lowest = np.iinfo(np.int64).min
    assert found.tolist() == [
        max([end for other, end in rows[:position] if other == group], default=lowest)
        for position, (group, _) in enumerate(rows)
    ]
