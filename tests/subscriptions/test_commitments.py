"""R10: a day is judged by the quantities in force on it, added up over the subscriptions active on it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import LicenceModel, SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.subscriptions.domain.commitments import Line, committed_by_day, quantity_on
from apps.subscriptions.domain.cycles import Term


def day(text: str) -> date:
    return date.fromisoformat(text)


def term(starts_on: str = "2024-06-01", ends_on: str | None = None, number: str = "Sub-1") -> Term:
    return Term(
        number, day(starts_on), day(ends_on) if ends_on else None, 1, LicenceModel.NAMED, "A-FLEX-3-CC"
    )


def line(
    quantity: int,
    first: str | None = None,
    last: str | None = None,
    *,
    of: Term | None = None,
    kind: SkuKind = SkuKind.COMMITTED,
    usage_type: UsageType | None = UsageType.STANDARD_NAMED,
) -> Line:
    return Line(
        of or term(),
        "A-FLEX-WCC-S-N",
        kind,
        usage_type,
        quantity,
        day(first) if first else None,
        day(last) if last else None,
    )


@pytest.mark.parametrize(
    ("on", "quantity"),
    [
        ("2024-05-31", 0),
        ("2024-06-01", 10),
        ("2024-06-14", 10),
        ("2024-06-15", 12),
        ("2024-06-30", 12),
        ("2024-07-01", 2),
    ],
)
def test_R10_of_a_skus_lines_in_force_together_the_sum_counts(on: str, quantity: int) -> None:
    lines = [line(10, last="2024-06-30"), line(2, "2024-06-15")]
    assert quantity_on(lines, day(on)) == quantity


@pytest.mark.parametrize(
    ("on", "quantity"), [("2024-05-31", 0), ("2024-06-01", 7), ("2024-06-20", 7), ("2024-06-21", 0)]
)
def test_R10_a_line_lasts_no_longer_than_its_subscription(on: str, quantity: int) -> None:
    lasting = line(7, "2024-01-01", "2024-12-31", of=term("2024-06-01", "2024-06-20"))
    assert quantity_on([lasting], day(on)) == quantity


def test_R10_commitments_are_added_up_over_the_subscriptions_active_on_each_day() -> None:
    lines = [
        line(10, of=term("2024-06-01")),
        line(3, of=term("2024-06-03", "2024-06-04", number="Sub-2")),
        line(4, "2024-06-04", of=term("2024-06-02", number="Sub-3"), usage_type=UsageType.PREMIUM_NAMED),
    ]
    assert committed_by_day(lines, Period(day("2024-06-01"), day("2024-06-05"))) == {
        UsageType.STANDARD_NAMED: [10, 10, 13, 13, 10],
        UsageType.PREMIUM_NAMED: [0, 0, 0, 4, 4],
    }


def test_only_committed_skus_are_commitments() -> None:
    lines = [
        line(5, kind=SkuKind.RECURRING, usage_type=None),
        line(500, kind=SkuKind.DIGITAL_USAGE, usage_type=UsageType.DIGITAL),
    ]
    assert committed_by_day(lines, Period(day("2024-06-01"), day("2024-06-05"))) == {}


june = Period(day("2024-06-01"), day("2024-06-30"))
some_days = st.none() | st.integers(-5, 35).map(lambda days: june.first + timedelta(days=days))


@settings(max_examples=60)
@given(
    parts=st.lists(st.tuples(st.integers(0, 9), some_days, some_days), max_size=5),
    cut=st.integers(1, 28).map(lambda days: june.first + timedelta(days=days)),
)
def test_R10_a_line_cut_in_two_commits_the_same(
    parts: list[tuple[int, date | None, date | None]], cut: date
) -> None:
    lines = [Line(term(), "S", SkuKind.COMMITTED, UsageType.IVR_PORT, *part) for part in parts]
    pieces = [
        piece
        for quantity, first, last in parts
        for piece in (
            (quantity, first, min(last or date.max, cut)),
            (quantity, max(first or date.min, cut + timedelta(days=1)), last),
        )
    ]
    cut_lines = [Line(term(), "S", SkuKind.COMMITTED, UsageType.IVR_PORT, *piece) for piece in pieces]
    assert committed_by_day(lines, june) == committed_by_day(cut_lines, june)
