"""The figures of a cycle arranged for reading: by usage type, and the ports that licences bring. Plain calculation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from apps.catalogue.domain.kinds import UsageType
from apps.reconciliation.detail_export import DetailRecord
from apps.reconciliation.domain.detail import Billed, Family, Row, family_of
from apps.reconciliation.domain.overage import BUNDLED_PORTS
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.selectors import CycleFigures


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """One usage type through a cycle, with the vendor's words for it. At least one row, in order of days.

    ``is_first_of_several``: the billed quantity is reached on other days too, and the billed day is the first.
    """

    usage_type: UsageType
    name: str
    unit: str
    rows: tuple[Row, ...]
    billed: Billed
    is_first_of_several: bool = False

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
    def used(self) -> list[int]:
        """Units used on each day."""
        return [row.used for row in self.rows]

    @property
    def committed(self) -> list[int]:
        """Units committed on each day."""
        return [row.committed for row in self.rows]


@dataclass(frozen=True, slots=True)
class PortBundle:
    """The IVR ports of a day: two with every agent licence, committed or incurred as overage, and the rest (R8).

    ``is_of_cycle``: the overage is that billed for the whole cycle, not the day's.
    """

    committed_agents: int
    overage_agents: int
    additional: int
    is_of_cycle: bool = False

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


def ports_of_day(figures: CycleFigures, day: date) -> PortBundle:
    """The ports on ``day``, with the agent overage of that day."""
    of_day = [row for row in figures.rows if row.day == day]
    agents = [row for row in of_day if row.family is Family.AGENTS]
    ivr = next(row for row in of_day if row.family is Family.IVR)
    committed, overage = sum(row.committed for row in agents), sum(row.overage for row in agents)
    return PortBundle(committed, overage, ivr.committed - BUNDLED_PORTS * (committed + overage))


def ports_billed_against(figures: CycleFigures, day: date, settings: Settings) -> PortBundle:
    """The ports on ``day`` as billing sees them: with the agent overage billed for the cycle (R8).

    Where the marked day is billed, it is billed as it stands.
    """
    of_day = ports_of_day(figures, day)
    if settings.billed_peak != "per_type":
        return of_day
    billed = sum(
        billed.quantity
        for usage_type, billed in figures.billed.items()
        if family_of(usage_type) is Family.AGENTS
    )
    return replace(of_day, overage_agents=billed, is_of_cycle=True)


def by_type(figures: CycleFigures, records: Iterable[DetailRecord], settings: Settings) -> list[TypeFigures]:
    """All rows of the Daily Detail by usage type, in the order in which the types stand on a day."""
    held: dict[UsageType, list[DetailRecord]] = {}
    for record in records:
        held.setdefault(record.row.usage_type, []).append(record)
    return [
        TypeFigures(
            usage_type=usage_type,
            name=of_type[0].usage_type,
            unit=of_type[0].unit,
            rows=tuple(record.row for record in of_type),
            billed=figures.billed[usage_type],
            is_first_of_several=_is_first_of_several(figures, usage_type, settings),
        )
        for usage_type, of_type in held.items()
    ]


def _is_first_of_several(figures: CycleFigures, usage_type: UsageType, settings: Settings) -> bool:
    """Only where the largest is billed: a marked day is one."""
    billed = figures.billed[usage_type]
    if billed.day is None or settings.billed_peak != "per_type":
        return False
    rows = [row for row in figures.rows if row.usage_type is usage_type]
    if usage_type is not UsageType.IVR_PORT:
        return sum(row.overage == billed.quantity for row in rows) > 1
    above = [row.used - ports_billed_against(figures, row.day, settings).ports for row in rows]
    return above.count(billed.quantity) > 1
