"""Day profiles: whatever was counted comes back, and takes little room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.profiles import Measure, pack_days, unpack


def day(measure: Measure, counts: dict[int, int], *, level: int = 0) -> Int64:
    """A day with ``level`` in every slot but those given."""
    return np.array([counts.get(slot, level) for slot in range(measure.slots)], np.int64)


@st.composite
def days(draw: st.DrawFn) -> tuple[Measure, Int64]:
    measure = draw(st.sampled_from(Measure))
    highest = draw(st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 2**31 - 1]))
    counts = st.dictionaries(st.integers(0, measure.slots - 1), st.integers(0, highest), max_size=8)
    held = draw(st.lists(counts, min_size=1, max_size=4))
    level = draw(st.sampled_from([0, min(3, highest)]))
    if draw(st.booleans()):  # busy days, whose every slot is another
        random = np.random.default_rng(draw(st.integers(0, 9)))
        return measure, random.integers(0, highest + 1, (len(held), measure.slots))
    return measure, np.array([day(measure, each, level=level) for each in held])


@settings(max_examples=150, deadline=None)
@given(counted=days())
def test_what_is_packed_comes_back(counted: tuple[Measure, Int64]) -> None:
    measure, counts = counted
    packed = pack_days(counts)
    assert len(packed) == len(counts)
    for of_day, told in zip(counts, packed, strict=True):
        if of_day.any():
            assert unpack(told, measure).tolist() == of_day.tolist()
        else:
            assert told == b""


@settings(max_examples=50, deadline=None)
@given(counted=days())
def test_the_same_counts_give_the_same_bytes_alone_and_among_others(counted: tuple[Measure, Int64]) -> None:
    _measure, counts = counted
    assert pack_days(counts) == [told for of_day in counts for told in pack_days(of_day[np.newaxis])]


@pytest.mark.parametrize(
    ("counts", "length"),
    [
        ({}, 0),
        ({600: 1}, 1 + 2 * 6),  # it rises and falls
        ({600: 1, 601: 1}, 1 + 2 * 6),
        ({0: 5}, 1 + 2 * 6),
        ({1439: 5}, 1 + 6),
        (dict.fromkeys(range(0, 1440, 12), 1), 1 + 1440),  # 240 changes would take as much
        (dict.fromkeys(range(0, 1440, 2), 300), 1 + 2 * 1440),
        (dict.fromkeys(range(0, 1440, 2), 70000), 1 + 4 * 1440),
    ],
)
def test_a_quiet_day_takes_a_few_bytes_and_a_busy_one_no_more_than_its_numbers(
    counts: dict[int, int], length: int
) -> None:
    (packed,) = pack_days(day(Measure.IVR_PORTS, counts)[np.newaxis])
    assert len(packed) == length


def test_a_measure_knows_its_slots() -> None:
    assert {measure: (measure.slots, measure.minutes_a_slot) for measure in Measure} == {
        Measure.PREMIUM_AGENTS: (96, 15),
        Measure.STANDARD_AGENTS: (96, 15),
        Measure.IVR_PORTS: (1440, 1),
        Measure.VOICE_CALLS: (1440, 1),
    }
