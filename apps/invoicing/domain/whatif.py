"""What a cycle's overage and commitments cost as they are, and what they would cost: before tax (R14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.prices import PriceList
from apps.core.domain.periods import monthly_period
from apps.invoicing.domain.papers import line_amount
from apps.subscriptions.domain.cycles import Cycle


class Side(StrEnum):
    """Whose prices: what a partner pays to the provider, and what its customer pays to it."""

    WHOLESALE = "wholesale"
    RETAIL = "retail"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a SKU comes to in a cycle. ``quantity`` is None where it is not the same on every day."""

    quantity: int | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """What a SKU of a cycle costs as it is, and under the change."""

    kind: ChargeKind
    sku: str
    before: Cost
    after: Cost


@dataclass(frozen=True, slots=True)
class Sums:
    """Amounts added up."""

    before: Decimal
    after: Decimal

    @classmethod
    def of(cls, positions: Iterable[Position]) -> Sums:
        """The sum of some positions."""
        listed = list(positions)
        return cls(
            sum((each.before.amount for each in listed), Decimal(0)),
            sum((each.after.amount for each in listed), Decimal(0)),
        )

    @property
    def difference(self) -> Decimal:
        """What it would cost more; negative: less."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Committed:
    """The quantity of a committed SKU on each day of a cycle, as it is and under the change."""

    sku: str
    before: Sequence[int]
    after: Sequence[int]


def price_overage(
    before: Iterable[Charge], after: Iterable[Charge], prices: PriceList, changed: PriceList
) -> list[Position]:
    """What overage costs, by SKU: quantities billed at the price of the cycle's last day (R6, R14).

    ``before`` and ``after`` charge the same SKUs in the same order; one of which nothing is charged either way is left
    out.

    Raises:
        MissingPriceError: a SKU of which something is charged has no price on that day.
    """
    return [
        Position(one.kind, one.sku, _cost(one, prices), _cost(other, changed))
        for one, other in zip(before, after, strict=True)
        if one.quantity or other.quantity
    ]


def price_commitments(
    cycle: Cycle, committed: Iterable[Committed], prices: PriceList, changed: PriceList
) -> list[Position]:
    """What commitments cost for a cycle, by SKU: the price in force on its first day is that of a full billing period.

    Each day costs its quantity's part of it, so a cycle cut short, or a quantity that changes inside one, costs in
    proportion. Invoices charge the same by the periods of each subscription (R14); this is about the cycle alone.

    Raises:
        MissingPriceError: a SKU of which something is committed has no price on that day.
    """
    share = Fraction(1, monthly_period(cycle.first, cycle.primary.bill_day).days)

    def cost(sku: str, by_day: Sequence[int], of: PriceList) -> Cost:
        charge = Charge(
            kind=ChargeKind.RECURRING,
            sku=sku,
            subscription=cycle.primary.number,
            offer=cycle.primary.offer,
            period=cycle.period,
            quantity=sum(by_day),
            price_day=cycle.first,
            share=share,
        )
        return Cost(by_day[0] if len(set(by_day)) == 1 else None, _cost(charge, of).amount)

    return [
        Position(
            ChargeKind.RECURRING,
            each.sku,
            cost(each.sku, each.before, prices),
            cost(each.sku, each.after, changed),
        )
        for each in committed
    ]


def _cost(charge: Charge, prices: PriceList) -> Cost:
    if not charge.quantity:
        return Cost(0, Decimal(0))
    price = prices.on(charge.sku, charge.price_day)
    return Cost(charge.quantity, line_amount(charge, price, prices.currency))
