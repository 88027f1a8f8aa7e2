"""Recurring charges: in advance, per subscription and its own periods (R14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import SkuKind
from apps.core.domain.periods import ONE_DAY, Period, monthly_period
from apps.subscriptions.domain.commitments import Line, quantity_on
from apps.subscriptions.domain.cycles import Term


def recurring_charges(lines: Iterable[Line], days: Period | Sequence[date]) -> list[Charge]:
    """What falls due on ``days``: periods that start there, and quantities that change there inside a period (R14).

    A digital SKU's line is its included units, never a charge (R12).
    """
    held: dict[tuple[Term, str], list[Line]] = {}
    for line in lines:
        if line.kind in (SkuKind.COMMITTED, SkuKind.RECURRING):
            held.setdefault((line.term, line.sku), []).append(line)
    return [
        charge
        for (term, sku), of_sku in held.items()
        for day in days
        for charge in _due_on(day, term, sku, of_sku)
    ]


def _due_on(day: date, term: Term, sku: str, lines: Sequence[Line]) -> Iterator[Charge]:
    if not term.active_on(day):
        return
    whole = monthly_period(day, term.bill_day)
    cut = whole.meet(term.starts_on, term.ends_on)
    assert cut is not None  # the subscription is active on the day
    quantity = quantity_on(lines, day)
    if cut.first != day:
        quantity -= quantity_on(lines, day - ONE_DAY)
    if quantity:
        charged = Period(day, cut.last)
        yield Charge(
            kind=ChargeKind.RECURRING,
            sku=sku,
            subscription=term.number,
            offer=term.offer,
            period=charged,
            quantity=quantity,
            price_day=day,
            share=Fraction(charged.days, whole.days),
        )
