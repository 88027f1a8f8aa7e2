"""R14: what overage and commitments cost as they are, and what they would cost, before tax."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.prices import MissingPriceError, NewPrice, Price, PriceList
from apps.core.domain.periods import Period
from apps.invoicing.domain.whatif import (
    Committed,
    Cost,
    Position,
    Sums,
    price_commitments,
    price_overage,
)
from apps.subscriptions.domain.cycles import Cycle, Term

Amounts = tuple[int | None, str]


def day(text: str) -> date:
    return date.fromisoformat(text)


def price(sku: str, unit_price: str, discount: str = "0", first: str = "2024-01-01") -> Price:
    return Price(sku, day(first), Decimal(unit_price), Decimal(discount))


# A new price of STD holds from the last day of the whole cycle below.
PRICES = PriceList.of(
    "EUR",
    [
        price("PRE", "150.00", "10"),
        price("STD", "100.00"),
        price("STD", "120.00", "0", "2024-07-08"),
        price("LATE", "30.00", "0", "2024-06-10"),
    ],
)
CHANGED = PRICES.changed({"STD": NewPrice(Decimal("90.00")), "PRE": NewPrice(Decimal(200), Decimal(25))})


# Overage, at the price of the cycle's last day


def overage(sku: str, quantity: int, on: str = "2024-07-08") -> Charge:
    period = Period(day("2024-06-09"), day(on))
    return Charge(ChargeKind.OVERAGE, sku, "Sub-1", "A-FLEX-3-CC", period, quantity, day(on))


def cost(amounts: Amounts) -> Cost:
    return Cost(amounts[0], Decimal(amounts[1]))


def position(kind: ChargeKind, sku: str, before: Amounts, after: Amounts) -> Position:
    return Position(kind, sku, cost(before), cost(after))


@pytest.mark.parametrize(
    ("sku", "before", "after", "prices", "expected"),
    [
        ("PRE", 2, 2, PRICES, ((2, "270.00"), (2, "270.00"))),
        ("PRE", 2, 5, PRICES, ((2, "270.00"), (5, "675.00"))),
        ("PRE", 2, 5, CHANGED, ((2, "270.00"), (5, "750.00"))),
        ("STD", 3, 0, CHANGED, ((3, "360.00"), (0, "0"))),
        ("STD", 0, 1, CHANGED, ((0, "0"), (1, "90.00"))),
    ],
)
def test_R14_overage_costs_its_quantity_at_the_price_of_the_last_day_as_it_is_and_as_changed(
    sku: str, before: int, after: int, prices: PriceList, expected: tuple[Amounts, Amounts]
) -> None:
    found = price_overage([overage(sku, before)], [overage(sku, after)], PRICES, prices)
    assert found == [position(ChargeKind.OVERAGE, sku, *expected)]


def test_R14_a_sku_of_which_nothing_is_charged_either_way_is_left_out_and_needs_no_price() -> None:
    before = [overage("NONE", 0), overage("STD", 1, "2024-07-07"), overage("PRE", 1)]
    after = [overage("NONE", 0), overage("STD", 2, "2024-07-07"), overage("PRE", 0)]
    assert price_overage(before, after, PRICES, PRICES) == [
        position(ChargeKind.OVERAGE, "STD", (1, "100.00"), (2, "200.00")),
        position(ChargeKind.OVERAGE, "PRE", (1, "135.00"), (0, "0")),
    ]


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1)])
def test_R14_overage_of_a_sku_without_a_price_names_it_and_the_day(before: int, after: int) -> None:
    with pytest.raises(MissingPriceError) as missing:
        price_overage([overage("NONE", before)], [overage("NONE", after)], PRICES, PRICES)
    assert (missing.value.sku, missing.value.day) == ("NONE", day("2024-07-08"))


def test_the_same_skus_are_charged_on_both_sides() -> None:
    with pytest.raises(ValueError, match="zip"):
        price_overage([overage("PRE", 1)], [], PRICES, PRICES)


# Commitments, at the price of the cycle's first day


def cycle(first: str, last: str) -> Cycle:
    primary = Term("Sub-1", day("2023-06-09"), None, 9, None, "A-FLEX-3-CC")
    return Cycle(Period(day(first), day(last)), primary)


WHOLE = cycle("2024-06-09", "2024-07-08")  # 30 days
SHORT = cycle("2024-06-20", "2024-07-08")  # 19 days of those 30
JULY = cycle("2024-07-09", "2024-07-26")  # 18 days of 31
ONE_DAY = cycle("2024-07-09", "2024-07-09")


@pytest.mark.parametrize(
    ("of", "sku", "before", "after", "expected"),
    [
        (WHOLE, "PRE", [5] * 30, [6] * 30, ((5, "675.00"), (6, "900.00"))),
        (WHOLE, "STD", [5] * 30, [5] * 30, ((5, "500.00"), (5, "450.00"))),
        # 20 × 3 + 10 × 6 of 30 days: 4 prices
        (WHOLE, "STD", [3] * 20 + [6] * 10, [0] * 20 + [6] * 10, ((None, "400.00"), (None, "180.00"))),
        (SHORT, "STD", [3] * 19, [7] * 19, ((3, "190.00"), (7, "399.00"))),
        # 18 × 3 / 31 of 120 and of 90: 209.032…, 156.774…
        (JULY, "STD", [3] * 18, [3] * 18, ((3, "209.03"), (3, "156.77"))),
        # 3 / 31 of them: 11.612…, 8.709…
        (ONE_DAY, "STD", [3], [3], ((3, "11.61"), (3, "8.71"))),
        (SHORT, "NONE", [0] * 19, [0] * 19, ((0, "0"), (0, "0"))),
        (SHORT, "STD", [0] * 19, [2] * 18 + [0], ((0, "0"), (None, "108.00"))),
    ],
)
def test_R14_each_day_of_a_commitment_costs_its_part_of_a_full_billing_period(
    of: Cycle, sku: str, before: Sequence[int], after: Sequence[int], expected: tuple[Amounts, Amounts]
) -> None:
    found = price_commitments(of, [Committed(sku, before, after)], PRICES, CHANGED)
    assert found == [position(ChargeKind.RECURRING, sku, *expected)]


def test_R14_commitments_are_priced_one_by_one_in_their_order() -> None:
    committed = [Committed("STD", [1] * 30, [2] * 30), Committed("PRE", [1] * 30, [1] * 30)]
    assert price_commitments(WHOLE, committed, PRICES, PRICES) == [
        position(ChargeKind.RECURRING, "STD", (1, "100.00"), (2, "200.00")),
        position(ChargeKind.RECURRING, "PRE", (1, "135.00"), (1, "135.00")),
    ]


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1)])
def test_R14_a_commitment_whose_price_begins_after_the_first_day_has_none(before: int, after: int) -> None:
    committed = Committed("LATE", [before] * 30, [after] * 30)
    with pytest.raises(MissingPriceError) as missing:
        price_commitments(WHOLE, [committed], PRICES, PRICES)
    assert (missing.value.sku, missing.value.day) == ("LATE", day("2024-06-09"))


def test_R14_amounts_have_the_minor_unit_of_the_price_list_s_currency() -> None:
    """Half a yen is a whole one."""
    yen = PriceList.of("JPY", [price("A", "33")])
    (found,) = price_commitments(WHOLE, [Committed("A", [1] * 15 + [0] * 15, [1] * 30)], yen, yen)
    assert (str(found.before.amount), str(found.after.amount)) == ("17", "33")


# Sums


def test_amounts_are_added_up_on_both_sides() -> None:
    positions = (
        position(ChargeKind.OVERAGE, sku, (1, before), (None, after))
        for sku, before, after in (("A", "10.10", "0.05"), ("B", "0", "7"), ("C", "5.35", "3.20"))
    )
    sums = Sums.of(positions)
    assert sums == Sums(Decimal("15.45"), Decimal("10.25"))
    assert sums.difference == Decimal("-5.20")


def test_without_positions_there_is_a_sum_of_money_all_the_same() -> None:
    nothing = Sums.of([])
    assert [repr(nothing.before), repr(nothing.after)] == ["Decimal('0')", "Decimal('0')"]
