"""Units of digital channels against those that are included (R12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Units:
    """What a cycle came to for one SKU: the provider's raw count, and the units that the subscriptions include."""

    sku: str
    raw: int
    included: int

    @property
    def billable(self) -> int:
        """The units above those included; what is left of these is nobody's (R12)."""
        return max(0, self.raw - self.included)


def settle_units(*, raw: Mapping[str, int], included: Mapping[str, int]) -> list[Units]:
    """The units of each SKU that was used or is included, in the order of the SKUs (R12)."""
    return [
        Units(sku, raw.get(sku, 0), included.get(sku, 0))
        for sku in sorted({*raw, *included})
        if raw.get(sku) or included.get(sku)
    ]
