"""How many of a SKU are in force on a day (R10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

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

    def in_force_during(self, period: Period) -> Period | None:
        """The days of ``period`` on which it is in force, None where there are none."""
        of_term = period.meet(self.term.starts_on, self.term.ends_on)
        return None if of_term is None else of_term.meet(self.first, self.last)


def quantity_on(lines: Iterable[Line], day: date) -> int:
    """The sum of the quantities in force on ``day``."""
    return sum(line.quantity for line in lines if line.in_force_on(day))


def committed_by_day(lines: Iterable[Line], period: Period) -> dict[UsageType, list[int]]:
    """For each usage type with a line, the quantity committed on each day of ``period``, over all subscriptions."""
    changes: dict[UsageType, list[int]] = {}
    for line in lines:
        if line.kind is SkuKind.COMMITTED and line.usage_type is not None:
            of_type = changes.setdefault(line.usage_type, [0] * (period.days + 1))
            in_force = line.in_force_during(period)
            if in_force is not None:
                of_type[(in_force.first - period.first).days] += line.quantity
                of_type[(in_force.last - period.first).days + 1] -= line.quantity
    return {usage_type: list(accumulate(of_type[:-1])) for usage_type, of_type in changes.items()}
