"""What a decision about a conflict would come to in money, wholesale and before tax (R13, R14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apps.catalogue.domain.charges import Charge
from apps.catalogue.domain.prices import MissingPriceError, PriceList
from apps.invoicing.domain.papers import price_charges
from apps.invoicing.selectors import NoPriceBook, wholesale_terms
from apps.reconciliation.conflict_effect import CycleEffect, list_effects
from apps.usage.models import Conflict


@dataclass(frozen=True, slots=True)
class PricedEffect:
    """A cycle's effect with the charges of both sides in ``currency``; empty and None where a price is missing."""

    effect: CycleEffect
    currency: str
    before: Decimal | None
    after: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """What would be charged more; negative: less."""
        return None if self.before is None or self.after is None else self.after - self.before


def list_priced_effects(conflict: Conflict, *, today: date) -> list[PricedEffect]:
    """The effect on each cycle, priced by the partner's price book as its invoice is, by the prices of now."""
    try:
        prices = wholesale_terms(conflict.customer).prices
    except NoPriceBook:
        prices = None
    return [
        PricedEffect(
            effect,
            "" if prices is None else prices.currency,
            _sum(effect.before.charges, prices),
            _sum(effect.after.charges, prices),
        )
        for effect in list_effects(conflict, today=today)
    ]


def _sum(charges: Iterable[Charge], prices: PriceList | None) -> Decimal | None:
    if prices is None:
        return None
    try:
        return sum((line.amount for line in price_charges(charges, prices)), Decimal(0))
    except MissingPriceError:
        return None
