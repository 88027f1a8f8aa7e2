"""R14: recurring charges in advance, per subscription and its own periods; changes inside a period are settled."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import LicenceModel, SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.subscriptions.domain.commitments import Line
from apps.subscriptions.domain.cycles import Term
from apps.subscriptions.domain.recurring import recurring_charges

Told = tuple[str, int, str, str, Fraction]


def day(text: str) -> date:
    return date.fromisoformat(text)


def period(first: str, last: str) -> Period:
    return Period(day(first), day(last))


def term(
    starts_on: str = "2024-01-09", ends_on: str | None = None, *, bill_day: int = 9, number: str = "Sub-1"
) -> Term:
    return Term(
        number, day(starts_on), day(ends_on) if ends_on else None, bill_day, LicenceModel.NAMED, "A-FLEX-3-CC"
    )


def line(
    quantity: int,
    first: str | None = None,
    last: str | None = None,
    *,
    of: Term | None = None,
    sku: str = "P",
    kind: SkuKind = SkuKind.COMMITTED,
) -> Line:
    return Line(
        of or term(),
        sku,
        kind,
        UsageType.PREMIUM_NAMED,
        quantity,
        day(first) if first else None,
        day(last) if last else None,
    )


def told(charges: list[Charge]) -> list[Told]:
    assert all(charge.kind is ChargeKind.RECURRING for charge in charges)
    assert all(charge.price_day == charge.period.first for charge in charges)
    return [
        (
            charge.subscription,
            charge.quantity,
            str(charge.period.first),
            str(charge.period.last),
            charge.share,
        )
        for charge in charges
    ]


WHOLE = Fraction(1)
# The days that the invoice of the cycle 9 June – 8 July looks at.
LOOKED_AT = period("2024-06-10", "2024-07-09")


def test_R14_a_period_that_starts_on_a_day_looked_at_is_charged_in_advance() -> None:
    assert told(recurring_charges([line(5)], LOOKED_AT)) == [("Sub-1", 5, "2024-07-09", "2024-08-08", WHOLE)]


def test_R14_each_subscription_is_charged_by_its_own_bill_day() -> None:
    lines = [line(5), line(2, of=term("2024-03-15", bill_day=31, number="Sub-2"))]
    assert told(recurring_charges(lines, LOOKED_AT)) == [
        ("Sub-1", 5, "2024-07-09", "2024-08-08", WHOLE),
        ("Sub-2", 2, "2024-06-30", "2024-07-30", WHOLE),
    ]


def test_R14_a_period_cut_short_by_the_subscriptions_start_is_charged_in_proportion() -> None:
    started = line(5, of=term("2024-06-20"))
    assert told(recurring_charges([started], period("2024-06-20", "2024-06-20"))) == [
        ("Sub-1", 5, "2024-06-20", "2024-07-08", Fraction(19, 30))
    ]


def test_R14_a_period_cut_short_by_the_subscriptions_end_is_charged_in_proportion() -> None:
    ending = line(5, of=term(ends_on="2024-07-15"))
    assert told(recurring_charges([ending], LOOKED_AT)) == [
        ("Sub-1", 5, "2024-07-09", "2024-07-15", Fraction(7, 31))
    ]


def test_R14_a_rise_inside_a_period_is_settled_from_that_day_to_the_periods_end() -> None:
    lines = [line(5), line(3, "2024-06-20")]
    assert told(recurring_charges(lines, LOOKED_AT)) == [
        ("Sub-1", 3, "2024-06-20", "2024-07-08", Fraction(19, 30)),
        ("Sub-1", 8, "2024-07-09", "2024-08-08", WHOLE),
    ]


def test_R14_a_fall_inside_a_period_is_settled_with_a_negative_quantity() -> None:
    lines = [line(5, last="2024-06-19"), line(2, "2024-06-20")]
    assert told(recurring_charges(lines, LOOKED_AT)) == [
        ("Sub-1", -3, "2024-06-20", "2024-07-08", Fraction(19, 30)),
        ("Sub-1", 2, "2024-07-09", "2024-08-08", WHOLE),
    ]


def test_R14_a_change_is_settled_to_the_end_of_a_period_that_the_subscriptions_end_cuts() -> None:
    lines = [line(5, of=term(ends_on="2024-06-25")), line(1, "2024-06-20", of=term(ends_on="2024-06-25"))]
    assert told(recurring_charges(lines, LOOKED_AT)) == [
        ("Sub-1", 1, "2024-06-20", "2024-06-25", Fraction(6, 30))
    ]


def test_R14_a_line_that_ends_settles_the_rest_of_its_period() -> None:
    assert told(recurring_charges([line(5, last="2024-06-30")], LOOKED_AT)) == [
        ("Sub-1", -5, "2024-07-01", "2024-07-08", Fraction(8, 30))
    ]


def test_R14_the_end_of_the_subscription_itself_settles_nothing() -> None:
    assert recurring_charges([line(5, of=term(ends_on="2024-06-25"))], LOOKED_AT) == []


def test_R14_a_line_replaced_by_one_of_the_same_quantity_settles_nothing() -> None:
    lines = [line(5, last="2024-06-19"), line(5, "2024-06-20")]
    assert told(recurring_charges(lines, period("2024-06-10", "2024-07-08"))) == []


def test_R14_a_change_on_the_bill_day_is_no_settlement_but_the_periods_quantity() -> None:
    lines = [line(5, last="2024-07-08"), line(7, "2024-07-09")]
    assert told(recurring_charges(lines, LOOKED_AT)) == [("Sub-1", 7, "2024-07-09", "2024-08-08", WHOLE)]


def test_R14_quantity_0_is_no_charge() -> None:
    assert recurring_charges([line(0)], LOOKED_AT) == []


def test_R12_a_digital_skus_line_is_included_units_and_never_a_charge() -> None:
    assert recurring_charges([line(1000, kind=SkuKind.DIGITAL_USAGE)], LOOKED_AT) == []


def test_R14_a_recurring_sku_is_charged_like_a_licence() -> None:
    assert len(recurring_charges([line(1, kind=SkuKind.RECURRING)], LOOKED_AT)) == 1


@pytest.mark.parametrize("bill_day", [1, 9, 15, 30, 31])
def test_R14_all_that_is_charged_for_a_year_is_what_was_held_day_by_day(bill_day: int) -> None:
    of = term("2024-01-20", "2024-12-17", bill_day=bill_day)
    lines = [
        line(5, of=of, last="2024-05-13"),
        line(8, "2024-05-14", "2024-09-02", of=of),
        line(2, "2024-09-03", of=of),
    ]
    charges = recurring_charges(lines, period("2024-01-01", "2025-01-31"))

    charged: dict[date, int] = {}
    for charge in charges:
        for each in charge.period:
            charged[each] = charged.get(each, 0) + charge.quantity
    held = {
        each: sum(part.quantity for part in lines if part.in_force_on(each))
        for each in period("2024-01-20", "2024-12-17")
    }
    assert charged == held
    assert all(charge.share <= 1 for charge in charges)
