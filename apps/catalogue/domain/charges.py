"""A charge: so many of a SKU for a period, before any price. What sources of money hand to invoicing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from apps.core.domain.periods import Period


class ChargeKind(StrEnum):
    """How a charge comes about, in the order in which a subscription's lines stand on an invoice."""

    OVERAGE = "overage"
    USAGE = "usage"
    RECURRING = "recurring"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Charge:
    """``quantity × the price of price_day × share``, on a subscription, for a period (R14).

    ``share`` is the part of a whole billing period that is charged, 1 for all that is not in proportion.
    """

    kind: ChargeKind
    sku: str
    subscription: str
    offer: str
    period: Period
    quantity: int
    price_day: date
    share: Fraction = Fraction(1)
