"""A price list with other prices for some SKUs, as if they had been agreed (R14)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from apps.catalogue.domain.prices import MissingPriceError, NewPrice, Price, PriceList


def price(sku: str, valid_from: str, unit_price: str, discount: str = "0") -> Price:
    return Price(sku, date.fromisoformat(valid_from), Decimal(unit_price), Decimal(discount))


PRICES = PriceList.of(
    "JPY",
    [
        price("A", "2024-01-01", "10", "5"),
        price("A", "2024-07-01", "12", "20"),
        price("B", "2024-01-01", "99", "1"),
    ],
)


def new(unit_price: str, discount: str | None = None) -> NewPrice:
    return NewPrice(Decimal(unit_price), None if discount is None else Decimal(discount))


@pytest.mark.parametrize(
    ("change", "day", "expected"),
    [
        (new("8"), "2024-06-30", price("A", "2024-01-01", "8", "5")),
        (new("8"), "2024-07-01", price("A", "2024-07-01", "8", "20")),
        (new("8", "7"), "2024-06-30", price("A", "2024-01-01", "8", "7")),
        (new("8", "7"), "2024-07-01", price("A", "2024-07-01", "8", "7")),
        (new("8", "0"), "2024-07-01", price("A", "2024-07-01", "8", "0")),
        (new("0"), "2024-07-01", price("A", "2024-07-01", "0", "20")),
    ],
)
def test_R14_another_price_counts_on_every_day_and_without_a_discount_each_day_s_own_stays(
    change: NewPrice, day: str, expected: Price
) -> None:
    assert PRICES.changed({"A": change}).on("A", date.fromisoformat(day)) == expected


@pytest.mark.parametrize(("change", "discount"), [(new("8"), "0"), (new("8", "7"), "7")])
@pytest.mark.parametrize("day", [date.min, date(2024, 6, 1), date.max])
def test_R14_a_sku_that_had_no_price_has_the_new_one_on_every_day(
    change: NewPrice, discount: str, day: date
) -> None:
    expected = Price("C", date.min, Decimal(8), Decimal(discount))
    assert PRICES.changed({"C": change}).on("C", day) == expected


def test_R14_the_other_prices_and_the_currency_stay_and_the_list_itself_is_as_it_was() -> None:
    changed = PRICES.changed({"A": new("8"), "C": new("9")})
    assert changed.currency == "JPY"
    assert changed.on("B", date(2024, 6, 1)) == price("B", "2024-01-01", "99", "1")
    with pytest.raises(MissingPriceError) as missing:
        changed.on("A", date(2023, 12, 31))
    assert missing.value.args == ("A", date(2023, 12, 31))
    assert PRICES.on("A", date(2024, 6, 1)) == price("A", "2024-01-01", "10", "5")
    with pytest.raises(MissingPriceError):
        PRICES.on("C", date(2024, 6, 1))


def test_R14_without_changes_it_is_the_same_list() -> None:
    assert PRICES.changed({}) == PRICES
