"""Control totals: apply a fault to our world, and the comparison names it; and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.control import compare
from apps.reconciliation.domain.control_rows import Column, Columns, Comparison, TheirRow
from apps.reconciliation.domain.control_theories import Cause, Certainty
from apps.reconciliation.domain.control_world import TOGETHER, Counted, World
from apps.subscriptions.domain.commitments import Line
from tests.factories.control import (
    CYCLE,
    Use,
    columns,
    day_of,
    figures,
    line,
    lines_of,
    paper,
    shift,
    terms,
    world,
)

NAMED, CONCURRENT = LicenceModel.NAMED, LicenceModel.CONCURRENT
STANDARD, IVR = UsageType.STANDARD_NAMED, UsageType.IVR_PORT
WFO = UsageType.WORKFORCE_OPTIMIZATION
FEW = settings(max_examples=25)


def held(
    ours: World,
    theirs: Sequence[TheirRow] | World,
    lines: Sequence[Line] | None = None,
    *,
    as_of: datetime | None = None,
) -> Comparison:
    """Our world against their paper, or against the paper of their world."""
    lines = lines_of(ours.licence_model) if lines is None else lines
    rows = paper(columns(figures(theirs, lines)), theirs.days) if isinstance(theirs, World) else theirs
    return compare(
        world=ours, terms=terms(ours, lines), ours=columns(figures(ours, lines)), rows=rows, as_of=as_of
    )


def exact(found: Comparison, column: Column = Column.USED) -> dict[Cause, Any]:
    """What reproduces all figures, by its cause; of several with one cause the details of all."""
    causes: dict[Cause, list[Any]] = {}
    for each in found.explanations:
        if each.column is column and each.certainty is Certainty.EXACT:
            causes.setdefault(each.cause, []).append(dict(each.details))
    return causes


def bill_days(found: Comparison) -> set[int]:
    """The bill days that reproduce all figures."""
    return {day for details in exact(found)[Cause.BILL_DAY] for day in details["bill_days"]}


def all_explained(found: Comparison) -> bool:
    return bool(found.differing_days) and not found.unexplained_days


# A shop in which somebody new comes nearly every day, at hours that tell one zone from another.
SHOP = [
    Use("anna", *shift(1, 1, 2)),
    Use("bo", *shift(2, 22, 1.5)),
    Use("cia", *shift(4, 12, 3), premium=True),
    Use("anna", *shift(5, 9)),
    Use("dag", *shift(7, 23.5, 2)),
    Use("eva", *shift(9, 0.25, 1)),
    Use("fia", *shift(12, 18, 2), premium=True),
    Use("bo", *shift(12, 18, 2)),
    Use("gun", *shift(20, 21, 2)),
    Use("hal", *shift(29, 3, 4)),
]


def test_equal_papers_agree() -> None:
    found = held(world(SHOP), world(SHOP))
    assert not found.differing_days
    assert not found.explanations
    assert len(found.days) == 30


LATER = [Use(f"late-{day}", *shift(day, 8, 8), recorded_after=40) for day in (3, 8, 21)]


def test_what_came_after_the_closing_explains_a_paper_that_has_it() -> None:
    closing, now = world(SHOP), world([*SHOP, *LATER])
    assert not held(replace(closing, now=now), closing).differing_days
    found = held(replace(closing, now=now), now)
    assert all_explained(found)
    assert {*exact(found)} == {Cause.RECORDS_SINCE}


def test_other_reasons_are_told_of_the_records_of_the_closing() -> None:
    theirs = world([replace(each, start=each.start + 5, end=each.end + 5) for each in SHOP])
    found = held(replace(world(SHOP), now=world([*SHOP, *LATER])), theirs)
    assert {"minutes": 300} in exact(found)[Cause.TIME_ZONE]
    assert Cause.RECORDS_SINCE not in exact(found)


def test_lines_entered_after_the_closing_explain_commitments_alone() -> None:
    ours, lines = world(SHOP), lines_of(NAMED)
    now = [*lines, line(STANDARD, 7)]
    found = compare(
        world=ours,
        terms=terms(ours, now),
        ours=columns(figures(ours, lines)),
        rows=paper(columns(figures(ours, now)), ours.days),
    )
    assert {Cause.LINES_SINCE} <= {*exact(found, Column.COMMITTED)}
    assert not found.unexplained_days


MODELS = [NAMED, CONCURRENT]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("hours", [-12, -5, -1, 1, 2, 5.5, 14])
def test_a_time_zone_is_found_by_its_shift(model: LicenceModel, hours: float) -> None:
    theirs = [replace(each, start=each.start + hours, end=each.end + hours) for each in SHOP]
    found = held(world(SHOP, model=model), world(theirs, model=model))
    if found.differing_days:
        assert {"minutes": int(hours * 60)} in exact(found)[Cause.TIME_ZONE]
        assert all_explained(found)
    else:
        assert (model, abs(hours) <= 1) == (CONCURRENT, True)  # no peak crosses a midnight by so little


def test_of_shifts_that_do_the_same_the_smallest_comes_first() -> None:
    theirs = [replace(each, start=each.start + 2, end=each.end + 2) for each in SHOP]
    shifts = [each["minutes"] for each in exact(held(world(SHOP), world(theirs)))[Cause.TIME_ZONE]]
    assert 120 in shifts
    assert shifts == sorted(shifts, key=lambda minutes: (minutes % 60 != 0, abs(minutes)))


def test_a_shift_that_explains_agents_and_ports_is_preferred_to_one_that_explains_ports_alone() -> None:
    legs = [Use(f"c{n}", *shift(1 + 3 * n, 23, 0.5)) for n in range(8)]
    ours = world(SHOP, ivr=legs)
    theirs = world(
        [replace(each, start=each.start + 5, end=each.end + 5) for each in SHOP],
        ivr=[replace(each, start=each.start + 5, end=each.end + 5) for each in legs],
    )
    found = held(ours, theirs)
    by_about: dict[str, set[int]] = {}
    for each in found.explanations:
        if each.cause is Cause.TIME_ZONE:
            by_about.setdefault(each.about, set()).add(each.details["minutes"])
    assert by_about["ivr"] == by_about["agents"]
    assert 300 in by_about["ivr"]
    alone = held(
        world(ivr=legs), world(ivr=[replace(each, start=each.start + 5, end=each.end + 5) for each in legs])
    )
    assert by_about["ivr"] < {each["minutes"] for each in exact(alone)[Cause.TIME_ZONE]}


@pytest.mark.parametrize("bill_day", [1, 5, 15, 28, 31])
def test_counts_that_start_on_another_bill_day_are_found(bill_day: int) -> None:
    uses = [Use(f"a{day}", *shift(day)) for day in range(-28, 31, 2)] + [Use("x", *shift(3), premium=True)]
    ours = world(uses)
    theirs = columns(figures(ours, lines_of(NAMED)))
    counted = ours.count_by_bill_day(Counted.AGENTS, bill_day, whole=True)
    rows = paper(
        {key: {**theirs[key], Column.USED: counted.get(key, theirs[key][Column.USED])} for key in theirs}
    )
    found = held(ours, rows)
    assert bill_day in bill_days(found)


def test_another_bill_day_restarts_workforce_optimization_too() -> None:
    uses = [Use(f"a{day}", *shift(day)) for day in range(-10, 20)]
    ours = world(uses, wfo=uses)
    theirs = columns(figures(ours, lines_of(NAMED)))
    theirs[WFO] = {
        **theirs[WFO],
        Column.USED: ours.count_by_bill_day(Counted.WFO, 20, whole=True)[WFO],
    }
    found = held(ours, paper(theirs))
    assert 20 in bill_days(found)
    assert {each.about for each in found.explanations if each.cause is Cause.BILL_DAY} == {"wfo"}


@pytest.mark.parametrize("model", MODELS)
def test_a_day_whose_records_they_lack_is_named_with_its_neighbours(model: LicenceModel) -> None:
    found = held(
        world(SHOP, model=model),
        world([each for each in SHOP if not 24 * 11 <= each.start < 24 * 12], model=model),
    )
    (details,) = exact(found)[Cause.MISSING_DAY]
    assert details["days"] == [day_of(12).isoformat()]
    assert (details["records"], details["before"], details["after"]) == (2, 0, 0)


def test_several_days_that_they_lack_are_named() -> None:
    uses = [Use(f"a{day}-{n}", *shift(day)) for day in range(1, 29) for n in range(2)]
    gone = (3, 4, 17)
    theirs = [each for each in uses if int(each.start // 24) + 1 not in gone]
    found = held(world(uses), world(theirs))
    assert exact(found)[Cause.MISSING_DAY][0]["days"] == [day_of(day).isoformat() for day in gone]


def test_a_row_that_they_do_not_have_is_a_difference_where_something_was_used() -> None:
    rows = [row for row in paper(columns(figures(world(SHOP), lines_of(NAMED)))) if row.day != day_of(13)]
    found = held(world(SHOP), rows)
    assert found.differing_days == {day_of(13)}
    (missing,) = found.explanations
    assert (missing.cause, missing.certainty) == (Cause.MISSING_ROW, Certainty.FITS)
    assert dict(missing.details) == {"day": day_of(13).isoformat(), "records": 0, "before": 2, "after": 0}


def test_a_day_without_records_of_ours_is_told() -> None:
    uses = [Use("a", *shift(day)) for day in range(1, 11)]
    ours = [each for each in uses if int(each.start // 24) + 1 != 5]
    found = held(world(ours, model=CONCURRENT), world(uses, model=CONCURRENT))
    assert found.differing_days == {day_of(5)}
    (none,) = (each for each in found.explanations if each.cause is Cause.NO_RECORDS)
    assert none.certainty is Certainty.FITS
    assert (none.details["records"], none.details["before"], none.details["after"]) == (0, 1, 1)


def test_late_records_are_found_by_the_moment_at_which_they_counted() -> None:
    late = [replace(each, recorded_after=25) if each.who in ("bo", "fia") else each for each in SHOP]
    as_of = datetime(2024, 7, 2, 6, tzinfo=UTC)
    on_time = [each for each in late if _recorded_at(each) < as_of]
    assert len(on_time) < len(late)
    found = held(world(late), world(on_time), as_of=as_of)
    assert as_of.isoformat() in [each["until"] for each in exact(found)[Cause.LATE_RECORDS]]
    assert all_explained(found)
    # Without being told when they counted, a night is found after which the same records were there.
    assert Cause.LATE_RECORDS in exact(held(world(late), world(on_time)))


def _recorded_at(use: Use) -> datetime:
    day = datetime(CYCLE.first.year, CYCLE.first.month, CYCLE.first.day, tzinfo=UTC)
    return day + timedelta(days=int(use.start // 24) + use.recorded_after)


def test_days_that_were_counted_when_they_ended_are_found() -> None:
    uses = [Use(f"a{day}", *shift(day), recorded_after=3 if day % 4 == 0 else 0.8) for day in range(1, 29)]
    ours = world(uses, model=CONCURRENT)
    theirs = world([each for each in uses if each.recorded_after < 1], model=CONCURRENT)
    assert Cause.DAILY_COUNT in exact(held(ours, theirs))


def test_an_agent_counted_once_for_each_source_is_found() -> None:
    uses = [*SHOP, *(replace(each, source=2) for each in SHOP[:6])]
    theirs = [*SHOP, *(replace(each, who=f"2-{each.who}") for each in SHOP[:6])]
    assert Cause.PER_SOURCE in exact(held(world(uses), world(theirs)))


def test_ids_that_differ_in_capitals_alone_are_found() -> None:
    uses = [*SHOP, Use("ANNA", *shift(6)), Use("Bo ", *shift(8))]
    theirs = [*SHOP, Use("anna", *shift(6)), Use("bo", *shift(8))]
    assert Cause.ONE_SPELLING in exact(held(world(uses), world(theirs)))


def test_contacts_whose_legs_are_counted_are_found() -> None:
    legs = [Use(f"c{n}", 30 + n, 30.5 + n) for n in range(6)]
    legs += [Use("c1", 31.25, 31.5), Use("c3", 33, 33.1)]
    theirs = [replace(each, who=f"leg-{number}") for number, each in enumerate(legs)]
    found = held(world(ivr=legs), world(ivr=theirs))
    assert Cause.PER_RECORD in exact(found)
    assert {each.about for each in found.explanations if each.column is Column.USED} == {"ivr"}


def test_figures_twice_ours_are_found() -> None:
    ours = columns(figures(world(SHOP), lines_of(NAMED)))
    doubled = {key: {**values, Column.USED: 2 * values[Column.USED]} for key, values in ours.items()}
    assert Cause.TWICE in exact(held(world(SHOP), paper(doubled)))


def test_the_other_licence_model_is_found() -> None:
    ours = world(SHOP, model=CONCURRENT)
    theirs = paper(columns(figures(world(SHOP), lines_of(NAMED))))
    found = held(
        ours, [replace(row, committed=None, substituted=None, overage=None, mark=None) for row in theirs]
    )
    assert exact(found)[Cause.LICENCE_MODEL] == [{"model": "named"}]


def test_a_row_that_stands_twice_counts_once_and_is_told() -> None:
    rows = paper(columns(figures(world(SHOP), lines_of(NAMED))))
    found = held(world(SHOP), [*rows, rows[10]])
    assert found.differing_days == {rows[10].day}
    (repeated,) = found.explanations
    assert repeated.cause is Cause.REPEATED_ROW
    assert repeated.details == {"lines": [rows[10].line, rows[10].line], "same": True}


def test_rows_of_other_days_are_counted_and_types_left_out_are_named() -> None:
    rows = [row for row in paper(columns(figures(world(SHOP), lines_of(NAMED)))) if row.key != IVR]
    found = held(world(SHOP), [*rows, replace(rows[0], day=date(9999, 12, 31))])
    assert (found.outside, list(found.left_out), found.differing_days) == (1, [IVR], set())


def test_what_no_theory_gives_is_not_explained() -> None:
    rows = paper(columns(figures(world(SHOP), lines_of(NAMED))))
    odd = next(row for row in rows if row.day == day_of(12) and row.key == STANDARD)
    found = held(world(SHOP), [replace(row, used=row.used + 90) if row is odd else row for row in rows])
    assert found.unexplained_days == {day_of(12)}


# Commitments, substitution, overage, ports


def two_lines() -> list[Line]:
    return [*lines_of(NAMED), line(STANDARD, 7, first=day_of(10), number="Sub-2")]


def committed_otherwise(values: Any, key: UsageType = STANDARD) -> list[TheirRow]:
    ours = columns(figures(world(SHOP), two_lines()))
    changed = {**ours, key: {**ours[key], Column.COMMITTED: np.array(values, np.int64)}}
    return [replace(row, substituted=None, overage=None, mark=None) for row in paper(changed)]


COMMITMENTS = [
    ("a line left out", [2] * 30, Cause.LINE_LEFT_OUT, "Sub-2"),
    ("a line on all days", [9] * 30, Cause.LINE_ALWAYS, "Sub-2"),
    ("one subscription", [0] * 9 + [7] * 21, Cause.ONE_SUBSCRIPTION, "Sub-2"),
]


@pytest.mark.parametrize(
    ("values", "cause", "number"), [case[1:] for case in COMMITMENTS], ids=[c[0] for c in COMMITMENTS]
)
def test_a_commitment_read_otherwise_names_the_line(values: list[int], cause: Cause, number: str) -> None:
    found = held(world(SHOP), committed_otherwise(values), two_lines())
    causes = exact(found, Column.COMMITTED)
    assert number in {details.get("subscription") for details in causes[cause]}
    assert all_explained(found)


def test_a_commitment_of_one_day_on_all_is_found() -> None:
    found = held(world(SHOP), committed_otherwise([9] * 30), two_lines())
    assert {"day": day_of(10).isoformat()} in exact(found, Column.COMMITTED)[Cause.OF_ANOTHER_DAY]


def test_a_commitment_that_is_no_lines_stays_open() -> None:
    found = held(world(SHOP), committed_otherwise([37] * 30), two_lines())
    assert len(found.unexplained_days) == 30


PORTS = [
    ("additional alone", Cause.NO_BUNDLED_PORTS, lambda additional, _billed: additional),
    ("committed licences", Cause.PORTS_OF_COMMITTED, lambda additional, _billed: 2 * 4 + additional),
    ("billed overage", Cause.PORTS_OF_BILLED, lambda additional, billed: 2 * (4 + billed) + additional),
]


@pytest.mark.parametrize(("cause", "ports"), [case[1:] for case in PORTS], ids=[case[0] for case in PORTS])
def test_bundled_ports_read_otherwise_are_found(cause: Cause, ports: Any) -> None:
    lines = [*lines_of(NAMED), line(IVR, 3)]
    ours = columns(figures(world(SHOP), lines))
    billed = terms(world(SHOP), lines).billed_agents
    assert billed
    changed: dict[str, Columns] = {
        IVR: {**ours[IVR], Column.COMMITTED: np.full(30, ports(3, billed), np.int64)}
    }
    rows = [replace(row, overage=None) for row in paper(changed)]
    assert cause in exact(held(world(SHOP), rows, lines), Column.COMMITTED)


def test_a_vendor_that_substitutes_nothing_is_found_and_its_overage_follows() -> None:
    lines = lines_of(NAMED, premium=9, standard=2)
    ours = columns(figures(world(SHOP), lines))
    assert ours[STANDARD][Column.SUBSTITUTED].any()
    over = np.maximum(ours[STANDARD][Column.USED] - 2, 0)
    changed = {
        **ours,
        STANDARD: {**ours[STANDARD], Column.SUBSTITUTED: np.zeros(30, np.int64), Column.OVERAGE: over},
    }
    found = held(world(SHOP), [replace(row, mark=None) for row in paper(changed) if row.key != IVR], lines)
    assert Cause.NO_SUBSTITUTION in exact(found, Column.SUBSTITUTED)
    assert Cause.FOLLOWS in exact(found, Column.OVERAGE)
    assert all_explained(found)


def test_what_follows_from_other_figures_of_theirs_says_so() -> None:
    theirs = [replace(each, start=each.start + 3, end=each.end + 3) for each in SHOP]
    found = held(world(SHOP), world(theirs))
    for column in (Column.OVERAGE, Column.COMMITTED):
        assert set(exact(found, column)) <= {Cause.FOLLOWS}
    assert all_explained(found)


# Concurrent peaks, whatever the licence


def peaks(of: World) -> list[TheirRow]:
    used = of.count(Counted.TOGETHER, of.agents.named)[TOGETHER]
    return [TheirRow(n + 2, day, TOGETHER, int(used[n])) for n, day in enumerate(of.days)]


def test_peaks_of_both_licences_together_are_compared_and_shifted() -> None:
    ours = world(SHOP)
    theirs = world([replace(each, start=each.start + 4, end=each.end + 4) for each in SHOP])
    used = ours.count(Counted.TOGETHER, ours.agents.named)[TOGETHER]
    zeros = np.zeros(30, np.int64)
    found = compare(
        world=ours,
        terms=terms(ours, lines_of(NAMED)),
        ours={TOGETHER: {column: used if column is Column.USED else zeros for column in Column}},
        rows=peaks(theirs),
    )
    assert {"minutes": 240} in exact(found)[Cause.TIME_ZONE]


# Generated: apply the fault, and it is named


HOURS = st.integers(0, 24 * 30 * 4 - 1).map(lambda quarter: quarter / 4)
USES = st.lists(
    st.builds(
        lambda who, start, length, premium, after, source: Use(
            f"w{who}", start, start + length, premium, after, source
        ),
        st.integers(0, 5),
        HOURS,
        st.sampled_from([0.25, 1, 1.5, 4, 9]),
        st.booleans(),
        st.sampled_from([0.2, 0.9, 1.5, 4, 12]),
        st.integers(1, 2),
    ),
    min_size=2,
    max_size=14,
)


@FEW
@given(
    uses=USES, model=st.sampled_from(MODELS), minutes=st.integers(-24, 28).filter(bool).map(lambda n: 30 * n)
)
def test_any_shift_of_any_world_is_named(uses: list[Use], model: LicenceModel, minutes: int) -> None:
    theirs = [replace(each, start=each.start + minutes / 60, end=each.end + minutes / 60) for each in uses]
    found = held(world(uses, model=model), world(theirs, model=model))
    assume(any(each.column is Column.USED for each in found.explanations) or found.differing_days)
    assert {"minutes": minutes} in exact(found)[Cause.TIME_ZONE]
    assert not found.unexplained_days


@FEW
@given(uses=USES, model=st.sampled_from(MODELS), which=st.integers(0, 13))
def test_any_day_that_they_lack_is_named(uses: list[Use], model: LicenceModel, which: int) -> None:
    day = int(uses[which % len(uses)].start // 24)
    theirs = [each for each in uses if int(each.start // 24) != day]
    found = held(world(uses, model=model), world(theirs, model=model))
    if found.differing_days:  # whoever logged in then may have done so before
        days = [details["days"] for details in exact(found).get(Cause.MISSING_DAY, [])]
        assert [day_of(day + 1).isoformat()] in days
        assert not found.unexplained_days


@FEW
@given(uses=USES, model=st.sampled_from(MODELS), hour=st.integers(1, 24 * 35))
def test_records_that_came_after_any_moment_are_named(
    uses: list[Use], model: LicenceModel, hour: int
) -> None:
    as_of = datetime(2024, 6, 9, tzinfo=UTC) + timedelta(hours=hour)
    on_time = [each for each in uses if _recorded_at(each) < as_of]
    assume(on_time)
    found = held(world(uses, model=model), world(on_time, model=model), as_of=as_of)
    assume(found.differing_days)
    assert as_of.isoformat() in [each["until"] for each in exact(found)[Cause.LATE_RECORDS]]
    assert not found.unexplained_days


@FEW
@given(uses=USES, bill_day=st.integers(1, 31))
def test_any_other_bill_day_is_named(uses: list[Use], bill_day: int) -> None:
    ours = world(uses)
    theirs = columns(figures(ours, lines_of(NAMED)))
    counted = ours.count_by_bill_day(Counted.AGENTS, bill_day, whole=True)
    for key, used in counted.items():
        theirs[key] = {**theirs[key], Column.USED: used}
    found = held(ours, [replace(row, overage=None, substituted=None, mark=None) for row in paper(theirs)])
    assume(found.differing_days)
    assert bill_day in bill_days(found)
    assert not found.unexplained_days


@FEW
@given(uses=USES, model=st.sampled_from(MODELS))
def test_agents_counted_for_each_source_are_named(uses: list[Use], model: LicenceModel) -> None:
    theirs = [replace(each, who=f"{each.source} {each.who}") for each in uses]
    found = held(world(uses, model=model), world(theirs, model=model))
    assume(found.differing_days)
    assert Cause.PER_SOURCE in exact(found)


@FEW
@given(uses=USES, model=st.sampled_from(MODELS))
def test_a_world_agrees_with_itself(uses: list[Use], model: LicenceModel) -> None:
    assert not held(world(uses, model=model), world(uses, model=model)).differing_days


def test_a_period_of_one_day_is_compared() -> None:
    days = Period(CYCLE.first, CYCLE.first)
    uses = [Use("a", *shift(1, 23, 0.5))]
    theirs = [replace(each, start=each.start + 2, end=each.end + 2) for each in uses]
    found = held(world(uses, days=days), world(theirs, days=days))
    assert Cause.TIME_ZONE in exact(found)
