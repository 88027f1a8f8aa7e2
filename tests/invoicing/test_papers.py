"""R14: from charges to the lines and the total of a paper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.prices import MissingPriceError, Price, PriceList
from apps.core.domain.money import minor_digits
from apps.core.domain.periods import Period
from apps.invoicing.domain.adjustments import adjust
from apps.invoicing.domain.papers import Line, add_up, days_looked_at, line_amount, price_charges


def day(text: str) -> date:
    return date.fromisoformat(text)


JUNE = Period(day("2024-06-09"), day("2024-07-08"))


def charge(
    quantity: int = 1,
    sku: str = "A",
    *,
    kind: ChargeKind = ChargeKind.RECURRING,
    subscription: str = "Sub-1",
    share: Fraction = Fraction(1),
    period: Period = JUNE,
    price_day: date | None = None,
) -> Charge:
    return Charge(kind, sku, subscription, "A-FLEX-3-CC", period, quantity, price_day or period.first, share)


def price(unit_price: str, discount: str = "0", *, sku: str = "A", first: str = "2024-01-01") -> Price:
    return Price(sku, day(first), Decimal(unit_price), Decimal(discount))


@pytest.mark.parametrize(
    ("quantity", "unit_price", "discount", "share", "currency", "amount"),
    [
        (2, "160.00", "10", Fraction(1), "USD", "288.00"),
        (20, "90.00", "20", Fraction(1), "USD", "1440.00"),
        (1, "0.005", "0", Fraction(1), "EUR", "0.01"),
        (-1, "0.005", "0", Fraction(1), "EUR", "-0.01"),
        (1, "2.675", "0", Fraction(1), "EUR", "2.68"),
        (3, "100.00", "0", Fraction(19, 30), "EUR", "190.00"),
        (-3, "100.00", "0", Fraction(19, 31), "EUR", "-183.87"),
        (1, "10.00", "33.3333", Fraction(1, 3), "EUR", "2.22"),
        (7, "0.01", "50", Fraction(1), "EUR", "0.04"),
        (1, "99.99", "100", Fraction(1), "EUR", "0.00"),
        (-1, "0.001", "0", Fraction(1), "EUR", "0.00"),
        (5, "150.5", "0", Fraction(1, 7), "JPY", "108"),
        (1, "1.0005", "0", Fraction(1), "KWD", "1.001"),
        (10_000_000, "999999999999.999999", "0", Fraction(1), "EUR", "9999999999999999990.00"),
    ],
)
def test_R14_a_line_is_quantity_times_price_less_discount_in_proportion_rounded_once(
    quantity: int, unit_price: str, discount: str, share: Fraction, currency: str, amount: str
) -> None:
    assert str(line_amount(charge(quantity, share=share), price(unit_price, discount), currency)) == amount


def test_R14_a_line_is_not_rounded_on_the_way() -> None:
    # 1/3 of 0.10, three times: rounded before the quantity it would be 0.09.
    assert line_amount(charge(3, share=Fraction(1, 3)), price("0.10"), "EUR") == Decimal("0.10")


PRICES = PriceList.of("EUR", [price("1.00"), price("2.00", first="2024-07-01"), price("5.00", sku="B")])


def test_R14_each_line_is_priced_by_the_day_that_counts() -> None:
    first, second = price_charges(
        [
            charge(price_day=day("2024-06-30")),
            charge(sku="A", price_day=day("2024-07-01"), period=Period(JUNE.last, JUNE.last)),
        ],
        PRICES,
    )
    assert (first.amount, second.amount) == (Decimal("1.00"), Decimal("2.00"))


def test_R14_lines_of_quantity_0_are_left_out_and_need_no_price() -> None:
    assert price_charges([charge(0), charge(0, "UNPRICED")], PRICES) == []


def test_R14_a_missing_price_names_sku_and_day() -> None:
    with pytest.raises(MissingPriceError) as missing:
        price_charges([charge(sku="A", price_day=day("2023-12-31"))], PRICES)
    assert (missing.value.sku, missing.value.day) == ("A", day("2023-12-31"))


@settings(max_examples=30)
@given(data=st.data())
def test_lines_stand_by_subscription_then_kind_then_sku_then_first_day(data: st.DataObject) -> None:
    ordered = [
        charge(subscription="Sub-10", kind=ChargeKind.RECURRING, sku="B"),
        charge(subscription="Sub-9", kind=ChargeKind.OVERAGE, sku="B"),
        charge(subscription="Sub-9", kind=ChargeKind.USAGE, sku="A"),
        charge(subscription="Sub-9", kind=ChargeKind.RECURRING, sku="A"),
        charge(subscription="Sub-9", kind=ChargeKind.RECURRING, sku="A", period=Period(JUNE.last, JUNE.last)),
        charge(subscription="Sub-9", kind=ChargeKind.RECURRING, sku="B"),
        charge(subscription="Sub-9", kind=ChargeKind.OTHER, sku="A"),
        charge(subscription="sub-1", kind=ChargeKind.OVERAGE, sku="A"),
    ]
    shuffled = data.draw(st.permutations(ordered))
    assert [line.charge for line in price_charges(shuffled, PRICES)] == ordered


def lines(*amounts: str) -> list[Line]:
    return [Line(charge(), price("1"), Decimal(amount)) for amount in amounts]


@pytest.mark.parametrize(
    ("amounts", "rate", "currency", "subtotal", "taxes", "total"),
    [
        (["0.05", "0.05"], "25", "EUR", "0.10", "0.03", "0.13"),
        (["0.02", "0.02", "0.02"], "25", "EUR", "0.06", "0.02", "0.08"),
        (["288.00", "1440.00"], "0", "USD", "1728.00", "0.00", "1728.00"),
        (["100.00"], "7.7", "CHF", "100.00", "7.70", "107.70"),
        (["-10.00", "3.00"], "25", "EUR", "-7.00", "-1.75", "-8.75"),
        (["-0.02"], "25", "EUR", "-0.02", "-0.01", "-0.03"),
        (["105"], "10", "JPY", "105", "11", "116"),
        (["104"], "10", "JPY", "104", "10", "114"),
        (["1.001"], "5", "KWD", "1.001", "0.050", "1.051"),
        ([], "25", "EUR", "0.00", "0.00", "0.00"),
    ],
)
def test_R14_tax_is_calculated_once_on_the_sum_of_the_rounded_lines(
    amounts: list[str], rate: str, currency: str, subtotal: str, taxes: str, total: str
) -> None:
    totals = add_up(lines(*amounts), tax_rate_pct=Decimal(rate), currency=currency)
    assert tuple(map(str, (totals.subtotal, totals.taxes, totals.total))) == (subtotal, taxes, total)


@settings(max_examples=60)
@given(
    quantities=st.lists(st.integers(-1000, 1000), max_size=6),
    unit_price=st.decimals(0, 10_000, places=6),
    rate=st.decimals(0, 100, places=2),
    share=st.fractions(0, 1, max_denominator=31),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    data=st.data(),
)
def test_R14_the_total_is_the_sum_of_lines_and_taxes_exactly_in_any_order(
    quantities: list[int],
    unit_price: Decimal,
    rate: Decimal,
    share: Fraction,
    currency: str,
    data: st.DataObject,
) -> None:
    prices = PriceList.of(currency, [Price("A", day("2024-01-01"), unit_price, Decimal(0))])
    charges = [charge(quantity, share=share) for quantity in quantities]
    priced = price_charges(charges, prices)
    totals = add_up(priced, tax_rate_pct=rate, currency=currency)
    again = add_up(
        price_charges(data.draw(st.permutations(charges)), prices), tax_rate_pct=rate, currency=currency
    )

    assert totals == again
    assert totals.total == sum((line.amount for line in priced), Decimal(0)) + totals.taxes
    smallest = Decimal(1).scaleb(-minor_digits(currency))
    for line in priced:
        exact = Fraction(line.charge.quantity) * Fraction(unit_price) * share
        assert abs(Fraction(line.amount) - exact) <= Fraction(smallest) / 2


# R13, adjustments


def test_R13_an_unchanged_price_gives_one_line_and_a_changed_one_two() -> None:
    invoiced = price_charges([charge(2), charge(3, "B")], PRICES)
    more = adjust(price_charges([charge(5), charge(3, "B")], PRICES), invoiced)
    assert [(line.charge.sku, line.charge.quantity, str(line.amount)) for line in more] == [("A", 3, "3.00")]
    (line,) = more
    assert (line.charge.kind, line.charge.period, line.original_period) == (ChargeKind.OTHER, JUNE, JUNE)
    dearer = PriceList.of("EUR", [price("1.50"), price("5.00", sku="B")])
    assert [
        (line.charge.quantity, str(line.price.unit_price), str(line.amount))
        for line in adjust(price_charges([charge(2), charge(3, "B")], dearer), invoiced)
    ] == [(-2, "1.00", "-2.00"), (2, "1.50", "3.00")]


@settings(max_examples=60)
@given(data=st.data())
def test_R13_however_often_a_paper_is_corrected_all_its_lines_come_to_what_is_right(
    data: st.DataObject,
) -> None:
    def lines_of_some_day() -> list[Line]:
        prices = PriceList.of(
            "EUR", [price(data.draw(st.sampled_from(["0.333", "1.005"])), sku=sku) for sku in "AB"]
        )
        charges = st.builds(
            charge,
            st.integers(0, 9),
            st.sampled_from("AB"),
            share=st.sampled_from([Fraction(1), Fraction(11, 30)]),
        )
        return price_charges(data.draw(st.lists(charges, max_size=4)), prices)

    invoiced: list[Line] = []
    now: list[Line] = []
    for _ in range(3):
        now = lines_of_some_day()
        invoiced += adjust(now, invoiced)
    assert adjust(now, invoiced) == []
    assert sum(line.amount for line in invoiced) == sum(line.amount for line in now)
    assert sum(line.charge.quantity for line in invoiced) == sum(line.charge.quantity for line in now)


@pytest.mark.parametrize(
    ("cycle", "previous", "others", "looked_at"),
    [
        # The cycle before ended on the day before: its invoice looked at this one's first day.
        (("2024-06-09", "2024-07-08"), ("2024-05-09", "2024-06-08"), [], ("2024-06-10", "2024-07-09")),
        # Nothing was active on the day before.
        (("2024-06-09", "2024-07-08"), None, [], ("2024-06-09", "2024-07-09")),
        (("2024-06-09", "2024-07-08"), ("2024-04-09", "2024-05-20"), [], ("2024-06-09", "2024-07-09")),
        (("2024-06-09", "2024-07-08"), ("2024-04-09", "2024-06-07"), [], ("2024-06-09", "2024-07-09")),
        # Another service was active between: a digital cycle that this one's invoice carries, or on one day of it.
        (
            ("2024-06-09", "2024-07-08"),
            ("2024-04-09", "2024-05-20"),
            [("2024-05-01", "2024-05-21")],
            ("2024-05-22", "2024-07-09"),
        ),
        (
            ("2024-06-09", "2024-07-08"),
            ("2024-04-09", "2024-05-20"),
            [("2024-06-08", "2024-07-07")],
            ("2024-05-22", "2024-07-09"),
        ),
        # Or only before and only after.
        (
            ("2024-06-09", "2024-07-08"),
            ("2024-04-09", "2024-05-20"),
            [("2024-04-20", "2024-05-20"), ("2024-06-09", "2024-07-08")],
            ("2024-06-09", "2024-07-09"),
        ),
        # The first of all begins with the oldest subscription.
        (("2024-06-09", "2024-07-08"), None, [("2024-05-20", "2024-06-19")], ("2024-05-20", "2024-07-09")),
        # A cycle of one day.
        (("2024-06-09", "2024-06-09"), ("2024-05-09", "2024-06-08"), [], ("2024-06-10", "2024-06-10")),
        (("2024-06-09", "2024-06-09"), None, [], ("2024-06-09", "2024-06-10")),
    ],
)
def test_R14_the_invoice_of_a_cycle_looks_at_the_days_after_its_first_to_the_day_after_its_last(
    cycle: tuple[str, str],
    previous: tuple[str, str] | None,
    others: list[tuple[str, str]],
    looked_at: tuple[str, str],
) -> None:
    its_own, expected = Period(*map(day, cycle)), Period(*map(day, looked_at))
    before = Period(*map(day, previous)) if previous else None
    active = [its_own, *(Period(*map(day, other)) for other in others), *([before] if before else [])]
    assert days_looked_at(its_own, before, active=active) == expected
