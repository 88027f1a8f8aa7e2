"""From charges to the lines and the total of a paper (R14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.prices import Price, PriceList
from apps.core.domain.money import round_to_minor_unit
from apps.core.domain.periods import ONE_DAY, Period

_ORDER = {kind: position for position, kind in enumerate(ChargeKind)}


@dataclass(frozen=True, slots=True)
class Line:
    """A charge with its price and what it comes to, rounded once.

    An adjustment has ``original_period``, the period that it corrects, and ``corrects``, the key of that paper.
    """

    charge: Charge
    price: Price
    amount: Decimal
    original_period: Period | None = None
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sum of the lines, tax on it, and both together."""

    subtotal: Decimal
    taxes: Decimal

    @property
    def total(self) -> Decimal:
        """What is to be paid; negative: what is paid back."""
        return self.subtotal + self.taxes


def line_amount(charge: Charge, price: Price, currency: str) -> Decimal:
    """``quantity × unit price × (1 − discount) × share``, exact until it is rounded once (R14)."""
    exact = (
        Fraction(charge.quantity)
        * Fraction(price.unit_price)
        * (1 - Fraction(price.discount_pct) / 100)
        * charge.share
    )
    return round_to_minor_unit(exact, currency)


def price_charges(charges: Iterable[Charge], prices: PriceList) -> list[Line]:
    """The lines in the order in which they stand on a paper; charges of quantity 0 are left out and need no price.

    Raises:
        MissingPriceError: a SKU has no price on the day that counts.
    """
    return in_order(
        Line(charge, price, line_amount(charge, price, prices.currency))
        for charge in charges
        if charge.quantity
        for price in (prices.on(charge.sku, charge.price_day),)
    )


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By subscription, then overage, usage, recurring, other, then SKU, then first day; else as they come."""
    return sorted(
        lines,
        key=lambda line: (
            line.charge.subscription,
            _ORDER[line.charge.kind],
            line.charge.sku,
            line.charge.period.first,
        ),
    )


def add_up(lines: Sequence[Line], *, tax_rate_pct: Decimal, currency: str) -> Totals:
    """Tax is calculated once, on the sum of the rounded lines (R14)."""
    subtotal = sum((line.amount for line in lines), round_to_minor_unit(Decimal(0), currency))
    return Totals(subtotal, round_to_minor_unit(subtotal * tax_rate_pct / 100, currency))


def days_looked_at(cycle: Period, previous: Period | None, *, active: Sequence[Period]) -> Period:
    """The days whose recurring charges the invoice of ``cycle`` carries (R14).

    From the day after its first to the day after its last; its first day too when nothing was active on the day
    before. ``previous`` is the cycle invoiced before, None where there is none: then from the customer's first day on.
    So every day is looked at once, whatever the services. ``active``: the cycles of all services; a day without a
    subscription lies in none.
    """
    if previous is None:
        first = min([cycle.first, *(each.first for each in active)])
    elif previous.last + ONE_DAY < cycle.first and not any(
        each.first < cycle.first and previous.last < each.last for each in active
    ):
        first = cycle.first
    else:
        first = previous.last + 2 * ONE_DAY
    return Period(first, cycle.last + ONE_DAY)
