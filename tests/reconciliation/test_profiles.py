"""Profiles: whatever was counted comes back, cut and joined as it was, and takes little room."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.steps import Steps

SLOTS = 1440


@st.composite
def profiles(draw: st.DrawFn) -> Int64:
    """Quiet days, busy ones whose every slot is another, and counts on the edges of what bytes hold."""
    length = draw(st.sampled_from([1, 2, 96, 96 * 3, SLOTS, 48 * SLOTS]))
    highest = draw(st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 2**31 - 1]))
    if draw(st.booleans()):
        return np.random.default_rng(draw(st.integers(0, 9))).integers(0, highest + 1, length)
    counts = np.full(length, draw(st.sampled_from([0, min(3, highest)])), np.int64)
    for slot, count in draw(
        st.lists(st.tuples(st.integers(0, length - 1), st.integers(0, highest)), max_size=8)
    ):
        counts[slot:] = count
    return counts


def told(steps: Steps) -> tuple[int, list[int], list[int]]:
    return steps.length, steps.at.tolist(), steps.counts.tolist()


@settings(max_examples=150)
@given(counts=profiles())
def test_what_is_packed_comes_back(counts: Int64) -> None:
    steps = Steps.of(counts)
    assert steps.dense().tolist() == counts.tolist()
    assert steps.at[0] == 0
    assert np.all(np.diff(steps.counts) != 0)
    assert steps.is_empty != counts.any()
    packed = steps.pack()
    assert told(Steps.unpack(packed, len(counts))) == told(steps)
    assert len(packed) <= 2 + len(counts) * np.min_scalar_type(int(counts.max())).itemsize


@settings(max_examples=150)
@given(counts=profiles(), data=st.data())
def test_pieces_are_cut_and_joined_to_the_same_steps(counts: Int64, data: st.DataObject) -> None:
    edges = data.draw(st.lists(st.integers(1, len(counts)), max_size=4, unique=True).map(sorted))
    edges = [0, *(edge for edge in edges if edge < len(counts)), len(counts)]
    whole = Steps.of(counts)
    pieces = [whole.cut(first, beyond) for first, beyond in pairwise(edges)]
    for piece, (first, beyond) in zip(pieces, pairwise(edges), strict=True):
        assert told(piece) == told(Steps.of(counts[first:beyond]))
    assert told(Steps.joined(pieces)) == told(whole)
    assert Steps.joined(pieces).pack() == whole.pack()


PLACES = st.integers(0, 200)


@settings(max_examples=200)
@given(ranges=st.lists(st.tuples(PLACES, PLACES)), length=st.sampled_from([1, 96, 192, 200_000]))
def test_ranges_laid_over_each_other_are_counted_slot_by_slot(
    ranges: list[tuple[int, int]], length: int
) -> None:
    ranges = [(min(edges), max(edges)) for edges in ranges]
    literal = [sum(first <= slot < beyond for first, beyond in ranges) for slot in range(min(length, 300))]
    rises, falls = (np.array([edges[side] for edges in ranges], np.int64) for side in (0, 1))
    steps = Steps.depth(rises, falls, length)
    assert told(steps) == told(Steps.of(np.array(literal + [0] * (length - len(literal)), np.int64)))


@settings(max_examples=150)
@given(counts=profiles(), slots=st.sampled_from([1, 2, 96, SLOTS]))
def test_the_peak_of_each_day_is_its_first_highest_count(counts: Int64, slots: int) -> None:
    days = np.resize(counts, (-(-len(counts) // slots), slots))
    highest, at = Steps.of(days).peaks(slots)
    assert highest.tolist() == days.max(axis=1).tolist()
    assert at.tolist() == days.argmax(axis=1).tolist()


def test_nobody_all_along() -> None:
    assert told(Steps.none(96)) == told(Steps.of(np.zeros(96, np.int64)))
    assert Steps.none(96).is_empty


@pytest.mark.parametrize(
    ("counts", "days", "length"),
    [
        ({600: 1}, 1, 2 + 3 * 3),  # from 0, from 600 and from 601 on: two bytes a slot and one a count
        ({600: 1, 601: 1}, 1, 2 + 3 * 3),
        ({0: 5}, 1, 2 + 2 * 3),
        ({600: 300}, 1, 2 + 3 * 4),
        ({600: 1}, 30, 2 + 3 * 3),
        ({600: 1}, 46, 2 + 3 * 5),  # more slots than two bytes tell
        (dict.fromkeys(range(0, 1440, 3), 1), 1, 2 + 1440),  # 960 changes would take twice as much
        (dict.fromkeys(range(0, 1440, 2), 300), 1, 2 + 2 * 1440),
        (dict.fromkeys(range(0, 1440, 2), 70000), 1, 2 + 4 * 1440),
    ],
)
def test_a_quiet_cycle_takes_a_few_bytes_and_a_busy_one_no_more_than_its_numbers(
    counts: dict[int, int], days: int, length: int
) -> None:
    profile = np.zeros(days * SLOTS, np.int64)
    profile[list(counts)] = list(counts.values())
    assert len(Steps.of(profile).pack()) == length


def test_a_measure_knows_its_slots() -> None:
    assert {measure: (measure.slots, measure.minutes_a_slot) for measure in Measure} == {
        Measure.PREMIUM_AGENTS: (96, 15),
        Measure.STANDARD_AGENTS: (96, 15),
        Measure.IVR_PORTS: (1440, 1),
        Measure.VOICE_CALLS: (1440, 1),
    }
