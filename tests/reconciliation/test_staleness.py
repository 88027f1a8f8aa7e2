"""What is done again: only what is stale, and what depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from apps.catalogue.domain.kinds import LicenceModel
from apps.core.domain.periods import Period
from apps.reconciliation.domain.staleness import Basis, Stale, Stored, Work, merge, plan
from apps.subscriptions.domain.cycles import Cycle, Term

TERM = Term("Sub-1", date(2024, 1, 1), None, 1, LicenceModel.CONCURRENT, "A-FLEX-3-CC")


def june(day: int) -> date:
    return date(2024, 6, day)


def july(day: int) -> date:
    return date(2024, 7, day)


JUNE, JULY, AUGUST = (
    Cycle(Period(date(2024, month, 1), date(2024, month, last)), TERM)
    for month, last in ((6, 30), (7, 31), (8, 31))
)
CYCLES = (JUNE, JULY, AUGUST)
USAGE = Period(june(3), july(20))
YESTERDAY = date(2024, 8, 10)


def basis(cycle: Cycle, *, number: str = "Sub-1") -> Basis:
    return (cycle.last, number, {"ivr_peak": "minute"}, "2026.1")


def stored(
    cycle: Cycle, *, until: date | None = None, logins: bool = False, number: str = "Sub-1"
) -> dict[date, Stored]:
    return {cycle.first: Stored(until or cycle.last, basis(cycle, number=number), keeps_logins=logins)}


def stale(first: date, last: date | None = None, *, recounts: bool = True, replaces: bool = False) -> Stale:
    return Stale(first, last or first, recounts=recounts, replaces=replaces)


def planned(
    *marked: Stale,
    known: dict[date, Stored] | None = None,
    usage: Period | None = USAGE,
    last_day: date = YESTERDAY,
    cycles: Sequence[Cycle] = CYCLES,
) -> list[Work]:
    return plan(
        cycles,
        stored=known or {},
        basis={cycle.first: basis(cycle) for cycle in cycles},
        stale=marked,
        usage=usage,
        last_day=last_day,
    )


BOTH = stored(JUNE) | stored(JULY)


def test_nothing_is_done_where_nothing_is_stale() -> None:
    assert planned(known=BOTH) == []
    assert planned() == []


def test_the_days_that_are_marked_are_counted_again_and_their_cycle_is_settled() -> None:
    assert planned(stale(june(10), june(11)), known=BOTH) == [
        Work(JUNE, june(30), (Period(june(10), june(11)),), is_whole=False)
    ]


def test_R2_a_mark_over_the_cycles_end_reaches_the_next_one() -> None:
    assert planned(stale(june(30), july(1)), known=BOTH) == [
        Work(JUNE, june(30), (Period(june(30), june(30)),), is_whole=False),
        Work(JULY, july(31), (Period(july(1), july(1)),), is_whole=False),
    ]


def test_a_change_of_terms_counts_nothing_again() -> None:
    assert planned(stale(june(1), date(9999, 12, 31), recounts=False), known=BOTH) == [
        Work(JUNE, june(30), (), is_whole=False),
        Work(JULY, july(31), (), is_whole=False),
    ]


def test_a_cycle_that_is_not_stored_is_made_from_its_records() -> None:
    assert planned(stale(june(10)), known=stored(JULY)) == [Work.whole(JUNE, june(30))]
    assert Work.whole(JUNE, june(30)).recount == (Period(june(1), june(30)),)


def test_a_cycle_beyond_all_usage_is_not_made() -> None:
    everything = stale(date(2024, 1, 1), date(9999, 12, 31), recounts=False)
    assert [work.cycle for work in planned(everything)] == [JUNE, JULY]
    assert [work.cycle for work in planned(everything, usage=Period(july(1), july(1)))] == [JULY]
    assert [work.cycle for work in planned(everything, usage=Period(june(30), june(30)))] == [JUNE]
    assert planned(everything, usage=None) == []


def test_a_cycle_on_another_basis_is_made_from_its_records_even_without_a_mark() -> None:
    other = stored(JUNE, number="Sub-0") | stored(JULY)
    assert planned(known=other) == [Work.whole(JUNE, june(30))]


@pytest.mark.parametrize(
    ("logins", "replaces", "whole"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_R3_first_logins_that_are_kept_are_made_anew_where_a_record_was_replaced(
    logins: bool, replaces: bool, whole: bool
) -> None:
    (work,) = planned(stale(june(10), replaces=replaces), known=stored(JUNE, logins=logins))
    assert work.is_whole is whole
    assert (work.recount == (Period(june(10), june(10)),)) is not whole


def test_the_days_that_passed_since_are_counted() -> None:
    known = BOTH | stored(AUGUST, until=date(2024, 8, 7))
    assert planned(known=known) == [
        Work(AUGUST, YESTERDAY, (Period(date(2024, 8, 8), YESTERDAY),), is_whole=False)
    ]
    assert planned(stale(date(2024, 8, 6), date(2024, 8, 7)), known=known) == [
        Work(AUGUST, YESTERDAY, (Period(date(2024, 8, 6), YESTERDAY),), is_whole=False)
    ]


def test_a_result_that_went_further_is_settled_for_the_day_asked_for() -> None:
    assert planned(known=BOTH, last_day=july(10)) == [Work(JULY, july(10), (), is_whole=False)]


def test_a_cycle_that_has_not_begun_is_left_alone() -> None:
    everything = stale(june(1), date(9999, 12, 31))
    assert [work.cycle for work in planned(everything, last_day=june(30))] == [JUNE]
    assert [work.cycle for work in planned(everything, last_day=july(1))] == [JUNE, JULY]


def test_periods_that_touch_are_one() -> None:
    within = Period(june(5), june(20))
    days = [
        Period(june(18), july(9)),
        Period(june(1), june(6)),
        Period(june(7), june(7)),
        Period(june(9), june(9)),
    ]
    assert merge(days, within=within) == (
        Period(june(5), june(7)),
        Period(june(9), june(9)),
        Period(june(18), june(20)),
    )
    assert merge([Period(june(6), june(15)), Period(june(7), june(8))], within=within) == (
        Period(june(6), june(15)),
    )
    assert merge([Period(june(1), june(4))], within=within) == ()
