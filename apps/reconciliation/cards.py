"""The figures of a cycle arranged for reading: by usage type, and the ports that licences bring. Plain calculation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from apps.catalogue.domain.kinds import UsageType
from apps.reconciliation.detail_export import DetailRecord
from apps.reconciliation.domain.detail import Billed, Family, Row
from apps.reconciliation.domain.overage import BUNDLED_PORTS


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """One usage type through a cycle, with the vendor's words for it. At least one row, in order of days."""

    usage_type: UsageType
    name: str
    unit: str
    rows: tuple[Row, ...]
    billed: Billed

    @property
    def family(self) -> Family:
        """Its family."""
        return self.rows[0].family

    @property
    def last(self) -> Row:
        """The last day used."""
        return self.rows[-1]

    @property
    def peak(self) -> Row:
        """The day whose overage is billed; where nothing is, the first with the highest use."""
        if self.billed.day is not None:
            return next(row for row in self.rows if row.day == self.billed.day)
        return max(self.rows, key=lambda row: row.used)

    @property
    def days_like_billed(self) -> int:
        """How many days have the overage of the billed day: the first of them is the one that counts."""
        return sum(1 for row in self.rows if row.overage == self.peak.overage) if self.billed.quantity else 0

    @property
    def used(self) -> list[int]:
        """Units used on each day."""
        return [row.used for row in self.rows]

    @property
    def committed(self) -> list[int]:
        """Units committed on each day."""
        return [row.committed for row in self.rows]


def by_type(records: Iterable[DetailRecord], billed: dict[UsageType, Billed]) -> list[TypeFigures]:
    """Rows of the Daily Detail by usage type, in the order in which the types stand on a day."""
    held: dict[UsageType, list[DetailRecord]] = {}
    for record in records:
        held.setdefault(record.row.usage_type, []).append(record)
    return [
        TypeFigures(
            usage_type=usage_type,
            name=of_type[0].usage_type,
            unit=of_type[0].unit,
            rows=tuple(record.row for record in of_type),
            billed=billed.get(usage_type, Billed(0, None)),
        )
        for usage_type, of_type in held.items()
    ]


@dataclass(frozen=True, slots=True)
class PortBundle:
    """The IVR ports of a day: two with every agent licence, committed or incurred as overage, and the rest (R8)."""

    committed_agents: int
    overage_agents: int
    additional: int

    @property
    def agents(self) -> int:
        """Licences that bring ports."""
        return self.committed_agents + self.overage_agents

    @property
    def bundled(self) -> int:
        """Ports that come with them."""
        return BUNDLED_PORTS * self.agents

    @property
    def ports(self) -> int:
        """All ports."""
        return self.bundled + self.additional


def ports_of_day(rows: Sequence[Row], day: date) -> PortBundle:
    """The ports on ``day``, with the agent overage of that day."""
    agents = [row for row in rows if row.day == day and row.family is Family.AGENTS]
    ivr = next(row for row in rows if row.day == day and row.family is Family.IVR)
    committed, overage = sum(row.committed for row in agents), sum(row.overage for row in agents)
    return PortBundle(committed, overage, ivr.committed - BUNDLED_PORTS * (committed + overage))


def ports_billed_against(rows: Sequence[Row], billed: dict[UsageType, Billed], day: date) -> PortBundle:
    """The ports on ``day`` as billing sees them: with the agent overage billed for the cycle."""
    of_day = ports_of_day(rows, day)
    types = {row.usage_type for row in rows if row.family is Family.AGENTS}
    overage = sum(billed[usage_type].quantity for usage_type in types if usage_type in billed)
    return PortBundle(of_day.committed_agents, overage, of_day.additional)
