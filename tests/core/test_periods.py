"""R1: periods of days, and the months that follow from a bill day."""

from datetime import date
from itertools import pairwise

import pytest

from apps.core.domain.periods import ONE_DAY, Period, anchored, monthly_period


def day(text: str) -> date:
    return date.fromisoformat(text)


def period(first: str, last: str) -> Period:
    return Period(day(first), day(last))


JUNE = period("2024-06-09", "2024-07-08")


def test_a_period_holds_its_first_and_its_last_day_and_none_beside_them() -> None:
    assert [
        text for text in ("2024-06-08", "2024-06-09", "2024-07-08", "2024-07-09") if day(text) in JUNE
    ] == [
        "2024-06-09",
        "2024-07-08",
    ]


def test_a_period_is_walked_day_by_day_over_the_end_of_a_month() -> None:
    walked = list(JUNE)
    assert (walked[0], walked[-1], len(walked), JUNE.days) == (JUNE.first, JUNE.last, 30, 30)
    assert all(later - earlier == ONE_DAY for earlier, later in pairwise(walked))


def test_a_period_of_one_day_has_one_day() -> None:
    assert list(period("2024-06-09", "2024-06-09")) == [day("2024-06-09")]


def test_a_period_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match=r"2024-06-08.*2024-06-09"):
        period("2024-06-09", "2024-06-08")


@pytest.mark.parametrize(
    ("first", "last", "met"),
    [
        (None, None, JUNE),
        ("2024-01-01", "2024-12-31", JUNE),
        ("2024-06-20", None, period("2024-06-20", "2024-07-08")),
        (None, "2024-06-20", period("2024-06-09", "2024-06-20")),
        ("2024-06-20", "2024-06-20", period("2024-06-20", "2024-06-20")),
        ("2024-07-08", None, period("2024-07-08", "2024-07-08")),
        ("2024-07-09", None, None),
        (None, "2024-06-08", None),
    ],
)
def test_the_part_of_a_period_between_two_days(
    first: str | None, last: str | None, met: Period | None
) -> None:
    assert JUNE.meet(day(first) if first else None, day(last) if last else None) == met


@pytest.mark.parametrize(
    ("year", "month", "bill_day", "falls_on"),
    [
        (2024, 2, 31, "2024-02-29"),
        (2023, 2, 31, "2023-02-28"),
        (2023, 2, 29, "2023-02-28"),
        (2024, 2, 29, "2024-02-29"),
        (2024, 4, 31, "2024-04-30"),
        (2024, 4, 30, "2024-04-30"),
        (2024, 5, 31, "2024-05-31"),
        (1900, 2, 30, "1900-02-28"),
        (2000, 2, 30, "2000-02-29"),
    ],
)
def test_R1_a_bill_day_that_a_month_lacks_falls_on_its_last_day(
    year: int, month: int, bill_day: int, falls_on: str
) -> None:
    assert anchored(year, month, bill_day) == day(falls_on)


@pytest.mark.parametrize(
    ("on", "bill_day", "expected"),
    [
        ("2024-06-09", 9, JUNE),
        ("2024-06-30", 9, JUNE),
        ("2024-07-08", 9, JUNE),
        ("2024-06-08", 9, period("2024-05-09", "2024-06-08")),
        ("2024-01-08", 9, period("2023-12-09", "2024-01-08")),
        ("2024-12-31", 1, period("2024-12-01", "2024-12-31")),
        ("2024-12-31", 31, period("2024-12-31", "2025-01-30")),
        ("2025-01-01", 31, period("2024-12-31", "2025-01-30")),
        ("2024-02-29", 30, period("2024-02-29", "2024-03-29")),
        ("2023-02-28", 29, period("2023-02-28", "2023-03-28")),
    ],
)
def test_R1_the_period_goes_from_the_bill_day_to_the_day_before_the_next(
    on: str, bill_day: int, expected: Period
) -> None:
    assert monthly_period(day(on), bill_day) == expected


def test_R1_bill_day_31_keeps_its_anchor_through_february() -> None:
    chain = [monthly_period(day("2023-01-31"), 31)]
    while len(chain) < 4:
        chain.append(monthly_period(chain[-1].last + ONE_DAY, 31))
    assert chain == [
        period("2023-01-31", "2023-02-27"),
        period("2023-02-28", "2023-03-30"),
        period("2023-03-31", "2023-04-29"),
        period("2023-04-30", "2023-05-30"),
    ]


@pytest.mark.parametrize("bill_day", range(1, 32))
def test_R1_every_day_lies_in_exactly_one_period_over_eight_years(bill_day: int) -> None:
    today, end = date(2020, 1, 1), date(2027, 12, 31)
    before = monthly_period(today - ONE_DAY, bill_day)
    while today <= end:
        found = monthly_period(today, bill_day)
        assert today in found
        assert found == before or found.first == today == before.last + ONE_DAY
        is_last_of_month = (found.first + ONE_DAY).day == 1
        assert found.first.day == bill_day or (is_last_of_month and found.first.day < bill_day)
        assert 28 <= found.days <= 31
        before, today = found, today + ONE_DAY
