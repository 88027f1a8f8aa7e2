"""Which price is in force on a day (R14)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """A unit price and a discount in per cent, from a day on until the next price of the SKU."""

    sku: str
    valid_from: date
    unit_price: Decimal
    discount_pct: Decimal


@dataclass(frozen=True, slots=True)
class NewPrice:
    """Another price for a SKU, whatever the day; without ``discount_pct`` each day's discount stays."""

    unit_price: Decimal
    discount_pct: Decimal | None = None


class MissingPriceError(LookupError):
    """No price of a SKU is in force on a day."""

    def __init__(self, sku: str, day: date) -> None:
        super().__init__(sku, day)
        self.sku = sku
        self.day = day


@dataclass
class PriceList:
    """The prices of one price book. A price means unit price and discount of that day."""

    currency: str
    _by_sku: dict[str, list[Price]] = field(default_factory=dict)

    @classmethod
    def of(cls, currency: str, prices: Iterable[Price]) -> PriceList:
        """Arrange ``prices`` by SKU and first day."""
        by_sku: dict[str, list[Price]] = {}
        for price in sorted(prices, key=lambda price: (price.sku, price.valid_from)):
            by_sku.setdefault(price.sku, []).append(price)
        return cls(currency, by_sku)

    def on(self, sku: str, day: date) -> Price:
        """The price in force on ``day``.

        Raises:
            MissingPriceError: the SKU has no price from that day or before.
        """
        prices = self._by_sku.get(sku, [])
        position = bisect_right(prices, day, key=lambda price: price.valid_from)
        if position == 0:
            raise MissingPriceError(sku, day)
        return prices[position - 1]

    def changed(self, prices: Mapping[str, NewPrice]) -> PriceList:
        """The same list with other prices for some SKUs; one that had no price has the new one on every day."""
        changed = {
            sku: [
                Price(
                    sku,
                    price.valid_from,
                    new.unit_price,
                    price.discount_pct if new.discount_pct is None else new.discount_pct,
                )
                for price in self._by_sku.get(sku) or [Price(sku, date.min, new.unit_price, Decimal(0))]
            ]
            for sku, new in prices.items()
        }
        return PriceList(self.currency, self._by_sku | changed)
