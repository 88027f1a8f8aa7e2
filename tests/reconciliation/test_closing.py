"""What is kept of a closed cycle, read again and compared with a later calculation, value by value (R13, R15).

Hashes are those of texts and bytes written out here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.closing import (
    Cause,
    Closed,
    Difference,
    compare_billed,
    compare_committed,
    compare_rows,
    compare_values,
    hash_logins,
    hash_profiles,
    plain_days,
    plain_rows,
    quantities,
    use_of,
)
from apps.reconciliation.domain.detail import Billed, Family, Figures, Row, TypeDetail, Use, settle
from apps.reconciliation.domain.logins import NEVER, Logins
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings

P_NAMED, S_NAMED = UsageType.PREMIUM_NAMED, UsageType.STANDARD_NAMED
P_CONCURRENT, S_CONCURRENT = UsageType.PREMIUM_CONCURRENT, UsageType.STANDARD_CONCURRENT
WFO, PORTS = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT

FIRST, SECOND = date(2024, 6, 1), date(2024, 6, 2)
TWO_DAYS = Period(FIRST, SECOND)


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def column(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


# Differences


@pytest.mark.parametrize(
    ("cause", "is_error"),
    [
        (Cause.RECORDS, False),
        (Cause.COMMITMENTS, False),
        (Cause.STORED, True),
        (Cause.INVOICED, True),
        (Cause.RULES, True),
        (Cause.SNAPSHOT, True),
    ],
)
def test_R13_what_came_later_is_in_order_and_all_else_must_never_happen(cause: Cause, is_error: bool) -> None:
    assert cause.is_error is is_error


@pytest.mark.parametrize(("day", "text"), [(SECOND, "2024-06-02"), (None, None)])
def test_a_difference_is_stored_and_printed_as_plain_values(day: date | None, text: str | None) -> None:
    assert Difference(Cause.STORED, "premium-named used", day, 3, 4).plain() == {
        "cause": "stored",
        "name": "premium-named used",
        "day": text,
        "before": 3,
        "after": 4,
    }


def test_R15_only_cells_of_the_detail_that_differ_are_named() -> None:
    kept = [
        Row(FIRST, S_NAMED, 7, 5, 1, 1, None, True),
        Row(FIRST, P_NAMED, 4, 5, 0, 0),
        Row(SECOND, S_NAMED, 7, 5, 1, 1),
    ]
    now = [
        replace(kept[2], used=8, committed=4, substituted=2, overage=3),
        replace(kept[1], peak_at=600),
        replace(kept[0], is_overage_peak=False),
    ]
    assert list(compare_rows(Cause.RULES, kept, kept)) == []
    assert list(compare_rows(Cause.RULES, kept, now)) == [
        Difference(Cause.RULES, "premium-named peak_at", FIRST, None, 600),
        Difference(Cause.RULES, "standard-named is_overage_peak", FIRST, True, False),
        Difference(Cause.RULES, "standard-named used", SECOND, 7, 8),
        Difference(Cause.RULES, "standard-named committed", SECOND, 5, 4),
        Difference(Cause.RULES, "standard-named substituted", SECOND, 1, 2),
        Difference(Cause.RULES, "standard-named overage", SECOND, 1, 3),
    ]


def test_R15_a_row_of_one_side_only_is_named_with_its_use_and_the_others_are_still_compared() -> None:
    shared = Row(SECOND, PORTS, 3, 2, 0, 1, 600)
    kept = [Row(FIRST, WFO, 2, 0, 0, 2), Row(FIRST, P_NAMED, 0, 1, 0, 0), shared]
    now = [Row(SECOND, WFO, 5, 0, 0, 5), replace(shared, peak_at=601)]
    assert list(compare_rows(Cause.STORED, kept, now)) == [
        Difference(Cause.STORED, "premium-named row", FIRST, 0, None),
        Difference(Cause.STORED, "workforce-optimization row", FIRST, 2, None),
        Difference(Cause.STORED, "ivr-port peak_at", SECOND, 600, 601),
        Difference(Cause.STORED, "workforce-optimization row", SECOND, None, 5),
    ]


def test_R15_of_billed_quantities_none_is_the_same_as_nothing() -> None:
    kept = {S_NAMED: 3, P_NAMED: 0, WFO: 2, PORTS: 7}
    now = {PORTS: 7, S_NAMED: 4, P_CONCURRENT: 1}
    assert list(compare_billed(Cause.INVOICED, kept, now)) == [
        Difference(Cause.INVOICED, "billed standard-named", None, 3, 4),
        Difference(Cause.INVOICED, "billed premium-concurrent", None, 0, 1),
        Difference(Cause.INVOICED, "billed workforce-optimization", None, 2, 0),
    ]


def test_R13_each_day_whose_commitment_is_another_now_is_named() -> None:
    kept = {P_NAMED: [5, 5], S_NAMED: [0, 0], WFO: [2, 0]}
    now = {P_NAMED: [5, 6], PORTS: [0, 4]}
    assert list(compare_committed(TWO_DAYS, kept, now)) == [
        Difference(Cause.COMMITMENTS, "premium-named committed", SECOND, 5, 6),
        Difference(Cause.COMMITMENTS, "workforce-optimization committed", FIRST, 2, 0),
        Difference(Cause.COMMITMENTS, "ivr-port committed", SECOND, 0, 4),
    ]


@pytest.mark.parametrize(("kept", "now"), [([5], [5, 5]), ([5, 5], [5, 5, 5])])
def test_R13_commitments_must_be_of_the_days_of_the_cycle(kept: list[int], now: list[int]) -> None:
    with pytest.raises(ValueError, match="zip"):
        list(compare_committed(TWO_DAYS, {P_NAMED: kept}, {P_NAMED: now}))


def test_R15_named_values_that_differ_are_listed_by_name() -> None:
    kept = {"same": 1, "wfo": {"count": 2}, "gone": "a"}
    now = {"wfo": {"count": 3}, "same": 1, "fresh": "b"}
    assert list(compare_values(Cause.STORED, "first logins of", kept, now)) == [
        Difference(Cause.STORED, "first logins of fresh", None, None, "b"),
        Difference(Cause.STORED, "first logins of gone", None, "a", None),
        Difference(Cause.STORED, "first logins of wfo", None, {"count": 2}, {"count": 3}),
    ]


# What is kept


def test_R15_rows_are_kept_as_plain_values() -> None:
    rows = [Row(FIRST, P_CONCURRENT, 12, 10, 0, 2, 645, True), Row(SECOND, WFO, 1, 0, 0, 1)]
    assert plain_rows(rows) == [
        {
            "day": "2024-06-01",
            "usage_type": "premium-concurrent",
            "used": 12,
            "committed": 10,
            "substituted": 0,
            "overage": 2,
            "peak_at": 645,
            "is_overage_peak": True,
        },
        {
            "day": "2024-06-02",
            "usage_type": "workforce-optimization",
            "used": 1,
            "committed": 0,
            "substituted": 0,
            "overage": 1,
            "peak_at": None,
            "is_overage_peak": False,
        },
    ]


BILLED = {
    S_NAMED: Billed(3, SECOND),
    PORTS: Billed(0, None),
    P_NAMED: Billed(2, FIRST),
}


def test_R6_billed_quantities_are_kept_with_the_first_day_that_gives_each() -> None:
    assert quantities(BILLED) == {S_NAMED: 3, PORTS: 0, P_NAMED: 2}
    assert list(plain_days(BILLED).items()) == [
        ("premium-named", "2024-06-01"),
        ("standard-named", "2024-06-02"),
    ]


def test_R15_of_first_logins_a_family_s_number_and_one_hash_are_kept_and_no_agent_s_id() -> None:
    kept = hash_logins(
        {
            Family.WFO: Logins(("c",), column(19875), column(NEVER)),
            Family.IVR: Logins.none(),
            Family.AGENTS: Logins(("a", "b"), column(19875, 19876), column(NEVER, 19880)),
        }
    )
    assert list(kept.items()) == [
        (
            "agents",
            {"count": 2, "sha256": sha256(b'[["a", "b"], [19875, 19876], [2147483647, 19880]]')},
        ),
        ("wfo", {"count": 1, "sha256": sha256(b'[["c"], [19875], [2147483647]]')}),
    ]


def test_R15_of_day_profiles_one_hash_over_the_counts_as_eight_bytes_each_is_kept() -> None:
    kept = hash_profiles(
        {
            Measure.STANDARD_AGENTS: np.array([[0, 258], [1, 0]], np.int64),
            Measure.IVR_PORTS: np.zeros((2, 2), np.int64),
            Measure.PREMIUM_AGENTS: np.array([[3]], np.int64),
        }
    )
    assert list(kept.items()) == [
        ("premium-concurrent", sha256(b"\3\0\0\0\0\0\0\0")),
        (
            "standard-concurrent",
            sha256(
                b"\0\0\0\0\0\0\0\0"  # 0
                b"\2\1\0\0\0\0\0\0"  # 258: the lowest byte first
                b"\1\0\0\0\0\0\0\0"
                b"\0\0\0\0\0\0\0\0"
            ),
        ),
    ]


# First logins


def plain(logins: Logins) -> list[tuple[str, int, int]]:
    return list(zip(logins.agents, logins.first.tolist(), logins.premium.tolist(), strict=True))


def test_R3_of_an_agent_in_both_logins_the_earlier_days_count() -> None:
    one = Logins(("b", "d"), column(7, 5), column(9, NEVER))
    other = Logins(("a", "b", "c", "d"), column(6, 8, 4, 4), column(NEVER, 8, 4, 6))
    both = [("a", 6, NEVER), ("b", 7, 8), ("c", 4, 4), ("d", 4, 6)]
    assert plain(one.merged(other)) == both
    assert plain(other.merged(one)) == both


def test_R3_with_nobody_the_logins_of_the_other_are_those_of_both() -> None:
    nobody, one = Logins.none(), Logins(("a",), column(6), column(NEVER))
    assert plain(one.merged(nobody)) == plain(nobody.merged(one)) == [("a", 6, NEVER)]
    assert plain(nobody.merged(Logins.none())) == plain(nobody) == []
    assert len(nobody) == 0
    assert {nobody.first.dtype, nobody.premium.dtype} == {np.dtype(np.int64)}


# Settings


def test_R15_settings_are_read_from_a_snapshot_and_what_it_has_not_is_as_it_always_was() -> None:
    instant = Settings(billed_peak="combined_day", ivr_peak="instant", longest_open_hours=12)
    kept = instant.snapshot(LicenceModel.NAMED)
    assert kept == {
        "licence_model": "named",
        "billed_peak": "combined_day",
        "ivr_peak": "instant",
        "longest_open_hours": 12,
    }
    assert Settings.of_snapshot(kept) == instant
    assert Settings.of_snapshot({"ivr_peak": "instant"}) == Settings("per_type", "instant", 24)


# The hash over all that figures follow from


def detail(usage_type: UsageType, *used: int) -> TypeDetail:
    nothing = column(*(0 for _ in used))
    return TypeDetail(usage_type, column(*used), None, nothing, nothing, nothing, None)


def test_R15_the_hash_of_figures_is_over_the_inputs_and_what_every_day_used_of_every_type() -> None:
    figures = Figures(TWO_DAYS, [detail(P_NAMED, 1, 256), detail(WFO, 0, 2)], {})
    expected = sha256(
        b'{"cycle": ["2024-06-01", "2024-06-02"], "rules": {"a": 1, "b": 2}}'
        b"premium-named"
        b"\1\0\0\0\0\0\0\0"
        b"\0\1\0\0\0\0\0\0"
        b"workforce-optimization"
        b"\0\0\0\0\0\0\0\0"
        b"\2\0\0\0\0\0\0\0"
    )
    assert figures.hash_of({"rules": {"b": 2, "a": 1}, "cycle": ["2024-06-01", "2024-06-02"]}) == expected


# The snapshot, read again


def snapshot(*, settings: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Of two days with 5 Premium and 1 additional port committed.

    Premium used 6 and 8, Standard nothing, ports 13 and 20: with 12 and 16 bundled, as 1 and 3 agents are overage.
    """
    kept_settings = {"licence_model": "concurrent"} if settings is None else settings
    return {
        "inputs": {
            "rules": "2026.1",
            "settings": kept_settings,
            "cycle": ["2024-06-01", "2024-06-02", "Sub-1"],
            "committed": {"premium-concurrent": [5, 5], "ivr-port": [1, 1]},
        },
        "rows": plain_rows(ROWS),
        "billed": {"premium-concurrent": 3, "standard-concurrent": 0, "ivr-port": 3},
        **more,
    }


ROWS = [
    Row(FIRST, P_CONCURRENT, 6, 5, 0, 1, 600),
    Row(FIRST, S_CONCURRENT, 0, 0, 0, 0),
    Row(FIRST, PORTS, 13, 13, 0, 0, 601),
    Row(SECOND, P_CONCURRENT, 8, 5, 0, 3, 610, True),
    Row(SECOND, S_CONCURRENT, 0, 0, 0, 0),
    Row(SECOND, PORTS, 20, 17, 0, 3, 611, True),
]


def closed(**more: Any) -> Closed:
    return Closed.of(snapshot(**more), licence_model=LicenceModel.CONCURRENT)


def test_R15_a_snapshot_is_read_again_as_it_was_kept() -> None:
    kept = snapshot(
        settings={"licence_model": "concurrent", "billed_peak": "combined_day", "longest_open_hours": 12},
        billed_on={"ivr-port": "2024-06-02"},
        facts={"count": 3, "sha256": "f"},
        logins={"agents": {"count": 1, "sha256": "l"}},
        profiles={"voice": "p"},
    )
    assert Closed.of(kept, licence_model=LicenceModel.NAMED) == Closed(
        period=TWO_DAYS,
        licence_model=LicenceModel.CONCURRENT,
        settings=Settings(billed_peak="combined_day", longest_open_hours=12),
        inputs=kept["inputs"],
        committed={P_CONCURRENT: [5, 5], PORTS: [1, 1]},
        rows=ROWS,
        billed={P_CONCURRENT: 3, S_CONCURRENT: 0, PORTS: 3},
        billed_on={"ivr-port": "2024-06-02"},
        facts={"count": 3, "sha256": "f"},
        logins={"agents": {"count": 1, "sha256": "l"}},
        profiles={"voice": "p"},
    )


def test_R15_the_values_of_a_read_snapshot_are_of_their_types_again() -> None:
    read = closed()
    assert {type(each.usage_type) for each in read.rows} == {UsageType}
    assert {type(each.day) for each in read.rows} == {date}
    assert {type(name) for name in (*read.committed, *read.billed)} == {UsageType}
    assert read.licence_model is LicenceModel.CONCURRENT


@pytest.mark.parametrize("model", LicenceModel)
def test_R15_a_snapshot_from_before_the_licence_model_was_kept_has_that_of_its_primary_subscription(
    model: LicenceModel,
) -> None:
    read = Closed.of(snapshot(settings={"ivr_peak": "instant"}), licence_model=model)
    assert read.licence_model is model
    assert read.settings == Settings(ivr_peak="instant")


def test_R15_what_was_not_kept_yet_when_a_cycle_was_closed_is_none() -> None:
    read = closed()
    assert (read.billed_on, read.facts, read.logins, read.profiles) == (None, None, None, None)


def as_lists(use: dict[UsageType, Use]) -> dict[UsageType, tuple[list[int], list[int] | None]]:
    return {
        usage_type: (each.used.tolist(), None if each.peak_at is None else each.peak_at.tolist())
        for usage_type, each in use.items()
    }


def test_R15_what_each_day_used_is_read_from_the_rows_with_its_peaks() -> None:
    use = closed().use
    assert as_lists(use) == {
        P_CONCURRENT: ([6, 8], [600, 610]),
        S_CONCURRENT: ([0, 0], None),
        PORTS: ([13, 20], [601, 611]),
    }
    dtypes = {each.used.dtype for each in use.values()}
    dtypes |= {each.peak_at.dtype for each in use.values() if each.peak_at is not None}
    assert dtypes == {np.dtype(np.int64)}


def test_R15_a_type_of_which_a_day_has_no_peak_has_none() -> None:
    rows = [*ROWS[:3], replace(ROWS[3], peak_at=None), *ROWS[4:]]
    use = closed(rows=plain_rows(rows)).use
    assert as_lists(use)[P_CONCURRENT] == ([6, 8], None)


def test_R15_a_snapshot_s_own_inputs_come_to_its_own_rows_and_quantities() -> None:
    """Billed are 3 agents, so 17 ports on both days: 3 ports above them."""
    read = closed()
    own = read.settle(read.use, read.committed)
    assert own.period == TWO_DAYS
    assert own.rows == ROWS
    assert own.billed == {
        P_CONCURRENT: Billed(3, SECOND),
        S_CONCURRENT: Billed(0, None),
        PORTS: Billed(3, SECOND),
    }


def test_R13_the_use_of_a_closed_cycle_is_settled_against_other_commitments() -> None:
    """With 7 Premium and no additional port: 14 bundled ports, and 16 where 1 agent is overage."""
    read = closed()
    settled = read.settle(read.use, {P_CONCURRENT: [7, 7]})
    assert [(row.committed, row.overage, row.is_overage_peak) for row in settled.rows] == [
        (7, 0, False),
        (0, 0, False),
        (14, 0, False),
        (7, 1, True),
        (0, 0, False),
        (16, 4, True),
    ]
    assert quantities(settled.billed) == {P_CONCURRENT: 1, S_CONCURRENT: 0, PORTS: 4}


@pytest.mark.parametrize(("billed_peak", "standard"), [("per_type", 4), ("combined_day", 3)])
def test_R6_a_closed_cycle_is_settled_by_the_settings_and_licence_model_of_its_closing(
    billed_peak: str, standard: int
) -> None:
    """Overage of Premium 0 and 2, of Standard 4 and 3: the second day is marked."""
    read = Closed.of(snapshot(settings={"billed_peak": billed_peak}), licence_model=LicenceModel.NAMED)
    use = {P_NAMED: Use(column(1, 3)), S_NAMED: Use(column(4, 3))}
    settled = read.settle(use, {P_NAMED: [1, 1]})
    assert [row.overage for row in settled.rows if row.usage_type is not PORTS] == [0, 4, 2, 3]
    assert quantities(settled.billed) == {P_NAMED: 2, S_NAMED: standard, PORTS: 0}


def figures(use: dict[UsageType, Use], committed: dict[UsageType, Sequence[int]]) -> Figures:
    return settle(
        period=TWO_DAYS,
        licence_model=LicenceModel.CONCURRENT,
        committed=committed,
        use=use,
        settings=Settings(),
    )


def test_R13_the_use_of_figures_is_that_of_each_day_whatever_is_committed() -> None:
    use = {
        P_CONCURRENT: Use(column(6, 8), column(600, 610)),
        S_CONCURRENT: Use(column(2, 0)),
        PORTS: Use(column(13, 20), column(601, 611)),
    }
    found = use_of(figures(use, {P_CONCURRENT: [5, 5]}))
    assert as_lists(found) == {
        P_CONCURRENT: ([6, 8], [600, 610]),
        S_CONCURRENT: ([2, 0], None),
        PORTS: ([13, 20], [601, 611]),
    }
