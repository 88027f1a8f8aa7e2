"""Numbers, money and days as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import translation

from apps.core import formatting
from apps.core.domain.periods import Period


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (-42059, "−42,059"),
        (Decimal("12.50"), "12.5"),
        (Decimal("-0.00"), "0"),
        (Decimal("0.0450"), "0.045"),
        (Decimal("1E+3"), "1,000"),
    ],
)
def test_numbers_are_grouped_and_have_a_true_minus(value: int | Decimal, shown: str) -> None:
    with translation.override("en"):
        assert formatting.number(value) == shown


def test_a_number_rounded_to_nothing_has_no_sign() -> None:
    with translation.override("en"):
        assert formatting.number(Decimal("-0.001"), decimals=2) == "0.00"


@pytest.mark.parametrize(("value", "shown"), [(3, "+3"), (0, "0"), (-3, "−3")])
def test_differences_carry_their_sign(value: int, shown: str) -> None:
    assert formatting.signed(value) == shown


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (Decimal("12480.5"), "USD", "12,480.50"),
        (Decimal("12480"), "JPY", "12,480"),
        (Decimal("1.5"), "KWD", "1.500"),
        (Decimal("0.0450"), "USD", "0.045"),
        (Decimal("-101.25"), "USD", "−101.25"),
    ],
)
def test_R14_amounts_have_the_minor_digits_of_their_currency(
    value: Decimal, currency: str, shown: str
) -> None:
    with translation.override("en"):
        assert formatting.amount(value, currency) == shown
        assert formatting.money(value, currency) == f"{shown}\N{NO-BREAK SPACE}{currency}"


def test_days_are_written_out() -> None:
    day = date(2024, 6, 9)
    with translation.override("en"):
        assert formatting.day(day) == "9 Jun 2024"
        assert formatting.day_short(day) == "9 Jun"
        assert formatting.day_long(day) == "Sunday 9 June 2024"
        assert formatting.moment(datetime(2024, 6, 9, 14, 5, tzinfo=UTC)) == "9 Jun 2024, 14:05 UTC"


def test_the_days_of_other_languages_are_their_own() -> None:
    with translation.override("fr"):
        assert formatting.day_long(date(2024, 6, 9)).startswith("dimanche 9 juin")
        assert formatting.number(42059) == "42\N{NO-BREAK SPACE}059"


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (date(2024, 6, 9), date(2024, 7, 8), "9 Jun – 8 Jul 2024"),
        (date(2024, 12, 9), date(2025, 1, 8), "9 Dec 2024 – 8 Jan 2025"),
        (date(2024, 6, 9), date(2024, 6, 9), "9 Jun 2024"),
    ],
)
def test_a_period_names_the_year_once(first: date, last: date, shown: str) -> None:
    with translation.override("en"):
        assert formatting.period(Period(first, last)) == shown


def test_papers_write_days_as_the_trade_does_in_every_language() -> None:
    with translation.override("sv"):
        assert formatting.paper_day(date(2023, 4, 17)) == "17-APR-2023"
