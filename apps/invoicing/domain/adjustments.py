"""What an issued paper must be corrected by: what is right now minus what was last invoiced (R13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from apps.catalogue.domain.charges import ChargeKind
from apps.core.domain.periods import Period
from apps.invoicing.domain.papers import Line


@dataclass(frozen=True, slots=True)
class _What:
    """What is charged and at which price: quantities and amounts of the same can be subtracted."""

    subscription: str
    sku: str
    period: Period
    unit_price: Decimal
    discount_pct: Decimal
    share: Fraction


@dataclass(slots=True)
class _Sum:
    first: Line
    quantity: int = 0
    amount: Decimal = Decimal(0)


def adjust(now: Iterable[Line], invoiced: Iterable[Line]) -> list[Line]:
    """The lines that make ``invoiced`` come to ``now``; none where it does.

    An unchanged price gives one line with the difference, a changed price two: the old taken back, the new charged.
    Amounts are differences of rounded amounts, so one may miss quantity × price by a minor unit, and however often a
    paper is corrected, all its lines together come to what is right. Each names the period that it corrects.
    """
    sums: dict[_What, _Sum] = {}
    for sign, lines in ((-1, invoiced), (1, now)):
        for line in lines:
            found = sums.setdefault(_what(line), _Sum(line))
            found.quantity += sign * line.charge.quantity
            found.amount += sign * line.amount
    return [
        Line(
            charge=replace(found.first.charge, kind=ChargeKind.OTHER, quantity=found.quantity),
            price=found.first.price,
            amount=found.amount,
            original_period=found.first.charge.period,
        )
        for found in sums.values()
        if found.quantity or found.amount
    ]


def _what(line: Line) -> _What:
    charge, price = line.charge, line.price
    return _What(
        charge.subscription, charge.sku, charge.period, price.unit_price, price.discount_pct, charge.share
    )
