"""Which days' figures records can change: those that they touch, and the one after (R2's look-back)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.core.domain.periods import Period
from apps.usage.domain.days import days_changed
from apps.usage.domain.records import Content

A_DAY = timedelta(hours=24)


def content(start: str, end: str | None) -> Content:
    """From a time of June 2024 to another, as ``day hour:minute``."""
    return Content("a", False, moment(start), None if end is None else moment(end))


def moment(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-06-{int(day):02}T{clock}").replace(tzinfo=UTC)


def june(*runs: tuple[int, int]) -> list[Period]:
    return [Period(date(2024, 6, first), date(2024, 6, last)) for first, last in runs]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("10 08:00", "10 16:00", 10, 11),
        ("10 22:00", "11 06:00", 10, 12),
        ("10 22:00", "11 00:00", 10, 11),
        ("10 22:00", "11 00:00:00.000001", 10, 12),
        ("10 00:00", "11 00:00", 10, 11),
        ("10 00:00", "10 00:00", 10, 11),
        ("10 23:59:59.999999", "10 23:59:59.999999", 10, 11),
        ("10 08:00", "13 08:00", 10, 14),
        ("10 08:00", None, 10, 12),
        ("10 00:00", None, 10, 11),
    ],
    ids=[
        "inside a day",
        "over midnight",
        "to midnight sharp",
        "a moment beyond it",
        "a whole day",
        "no length, at midnight",
        "no length, before midnight",
        "several days",
        "open: a day at most",
        "open from midnight: that day",
    ],
)
def test_a_record_changes_the_days_that_it_touches_and_the_one_after(
    start: str, end: str | None, first: int, last: int
) -> None:
    assert days_changed([content(start, end)], longest_open=A_DAY) == june((first, last))


def test_an_open_record_lasts_as_long_as_the_setting_says() -> None:
    two_days = days_changed([content("10 08:00", None)], longest_open=timedelta(hours=48))
    assert two_days == june((10, 13))


def test_days_that_follow_one_another_are_one_run_and_gaps_stay_gaps() -> None:
    found = days_changed(
        [
            content("20 08:00", "20 09:00"),
            content("1 08:00", "1 09:00"),
            content("3 08:00", "3 09:00"),
            content("6 08:00", "9 09:00"),
            content("7 08:00", "7 09:00"),
            content("1 10:00", "1 11:00"),
        ],
        longest_open=A_DAY,
    )
    assert found == june((1, 4), (6, 10), (20, 21))


def test_without_records_no_day_changes() -> None:
    assert days_changed([], longest_open=A_DAY) == []
