"""R14: money is decimal, rounded once, halves away from zero."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.domain.money import minor_digits, money_text, plain_text, round_to_minor_unit


@pytest.mark.parametrize(
    ("currency", "digits"),
    [
        ("EUR", 2),
        ("USD", 2),
        ("SEK", 2),
        ("JPY", 0),
        ("ISK", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("XYZ", 2),
    ],
)
def test_R14_a_currency_has_the_minor_digits_of_ISO_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.025", "EUR", "0.03"),
        ("0.0049999999", "EUR", "0.00"),
        ("2.675", "EUR", "2.68"),
        ("1.005", "EUR", "1.01"),
        ("-0.005", "EUR", "-0.01"),
        ("-2.675", "EUR", "-2.68"),
        ("288", "USD", "288.00"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),
        ("-2.5", "JPY", "-3"),
        ("1234.49999", "JPY", "1234"),
        ("0.0005", "KWD", "0.001"),
        ("0.0125", "KWD", "0.013"),
        ("-0.0125", "KWD", "-0.013"),
        ("0.00005", "CLF", "0.0001"),
        ("99999999999999999999.995", "EUR", "100000000000000000000.00"),
    ],
)
def test_R14_halves_are_rounded_away_from_zero_to_the_minor_unit(
    amount: str, currency: str, rounded: str
) -> None:
    assert str(round_to_minor_unit(Decimal(amount), currency)) == rounded


@pytest.mark.parametrize("amount", ["0", "-0", "-0.00", "-0.0004", "-0.0000001"])
@pytest.mark.parametrize(("currency", "nothing"), [("EUR", "0.00"), ("JPY", "0"), ("KWD", "0.000")])
def test_R14_nothing_is_never_minus_zero(amount: str, currency: str, nothing: str) -> None:
    assert str(round_to_minor_unit(Decimal(amount), currency)) == nothing


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (Fraction(1, 3), "0.33"),
        (Fraction(2, 3), "0.67"),
        (Fraction(1, 200), "0.01"),
        (Fraction(-1, 200), "-0.01"),
    ],
)
def test_R14_a_fraction_is_rounded_from_its_exact_value(amount: Fraction, rounded: str) -> None:
    assert str(round_to_minor_unit(amount, "EUR")) == rounded


amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)


@settings(max_examples=200)
@given(amount=amounts, currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_R14_rounding_moves_an_amount_by_half_a_minor_unit_at_most(amount: Decimal, currency: str) -> None:
    rounded = round_to_minor_unit(amount, currency)
    distance = abs(rounded - amount)
    half = Decimal(5).scaleb(-minor_digits(currency) - 1)

    assert rounded.as_tuple().exponent == -minor_digits(currency)
    assert distance < half or (distance == half and abs(rounded) > abs(amount))
    assert round_to_minor_unit(rounded, currency) == rounded
    assert round_to_minor_unit(-amount, currency) == -rounded


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("288", "USD", "288.00"),
        ("288.0000", "USD", "288.00"),
        ("160.000000", "USD", "160.00"),
        ("0.012500", "USD", "0.0125"),
        ("93.75", "JPY", "93.75"),
        ("100.0000", "JPY", "100"),
        ("12.5", "KWD", "12.500"),
        ("-0.00", "EUR", "0.00"),
        ("-5.5", "EUR", "-5.50"),
        ("1E+3", "EUR", "1000.00"),
        ("0E-6", "JPY", "0"),
        ("99999999999999999999.99", "EUR", "99999999999999999999.99"),
    ],
)
def test_money_is_written_with_the_minor_digits_and_more_only_where_a_price_has_more(
    amount: str, currency: str, text: str
) -> None:
    assert money_text(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("10", "10"),
        ("100", "100"),
        ("10.000000", "10"),
        ("12.5000", "12.5"),
        ("0.000000", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1E+2", "100"),
        ("1E-7", "0.0000001"),
        ("-12.50", "-12.5"),
    ],
)
def test_a_number_is_written_without_needless_zeros_and_without_an_exponent(number: str, text: str) -> None:
    assert plain_text(Decimal(number)) == text
