"""How many of a SKU are in force on a day (R10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from apps.catalogue.domain.kinds import SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.subscriptions.domain.cycles import Term


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a SKU on a subscription; ``first`` and ``last`` None mean the subscription's own."""

    term: Term
    sku: str
    kind: SkuKind
    usage_type: UsageType | None
    quantity: int
    first: date | None = None
    last: date | None = None

    def in_force_on(self, day: date) -> bool:
        """In force on that day; a line lasts no longer than its subscription."""
        return (
            self.term.active_on(day)
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )


def quantity_on(lines: Iterable[Line], day: date) -> int:
    """The sum of the quantities in force on ``day``."""
    return sum(line.quantity for line in lines if line.in_force_on(day))


def committed_by_day(lines: Iterable[Line], period: Period) -> dict[UsageType, list[int]]:
    """For each usage type with a line, the quantity committed on each day of ``period``, over all subscriptions."""
    by_type: dict[UsageType, list[Line]] = {}
    for line in lines:
        if line.kind is SkuKind.COMMITTED and line.usage_type is not None:
            by_type.setdefault(line.usage_type, []).append(line)
    return {usage_type: [quantity_on(held, day) for day in period] for usage_type, held in by_type.items()}
