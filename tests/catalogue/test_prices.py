"""R14: a price means unit price and discount in force on a day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.prices import MissingPriceError, Price, PriceList


def price(sku: str, valid_from: str, unit_price: str, discount: str = "0") -> Price:
    return Price(sku, date.fromisoformat(valid_from), Decimal(unit_price), Decimal(discount))


FIRST = price("A", "2024-01-01", "10", "5")
SECOND = price("A", "2024-07-01", "12", "0")
OTHER = price("B", "2023-01-01", "99")
PRICES = PriceList.of("EUR", [SECOND, OTHER, FIRST])


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-01-01", FIRST),
        ("2024-06-30", FIRST),
        ("2024-07-01", SECOND),
        ("2999-12-31", SECOND),
    ],
)
def test_R14_a_price_is_in_force_from_its_day_until_the_next_price_of_the_sku(
    day: str, expected: Price
) -> None:
    assert PRICES.on("A", date.fromisoformat(day)) == expected


@pytest.mark.parametrize(("sku", "day"), [("A", "2023-12-31"), ("C", "2024-06-01")])
def test_R14_a_missing_price_names_the_sku_and_the_day(sku: str, day: str) -> None:
    with pytest.raises(MissingPriceError) as missing:
        PRICES.on(sku, date.fromisoformat(day))
    assert (missing.value.sku, missing.value.day) == (sku, date.fromisoformat(day))


start = date(2024, 1, 1)
days = st.integers(0, 60).map(lambda days: start + timedelta(days=days))


@settings(max_examples=100)
@given(
    entered=st.dictionaries(st.tuples(st.sampled_from("AB"), days), st.integers(0, 9), max_size=8),
    sku=st.sampled_from("AB"),
    day=days,
    data=st.data(),
)
def test_R14_the_order_in_which_prices_are_entered_does_not_matter(
    entered: dict[tuple[str, date], int], sku: str, day: date, data: st.DataObject
) -> None:
    prices = [Price(code, first, Decimal(amount), Decimal(0)) for (code, first), amount in entered.items()]
    shuffled = PriceList.of("EUR", data.draw(st.permutations(prices)))
    known = [each for each in prices if each.sku == sku and each.valid_from <= day]
    if known:
        assert shuffled.on(sku, day) == max(known, key=lambda each: each.valid_from)
    else:
        with pytest.raises(MissingPriceError):
            shuffled.on(sku, day)
