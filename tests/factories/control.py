"""Control totals: a small world of records, and a vendor's paper that follows from it with a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_rows import Column, Columns, TheirRow
from apps.reconciliation.domain.control_terms import Terms
from apps.reconciliation.domain.control_world import Recorded, World
from apps.reconciliation.domain.counting import Facts, Named, calculate
from apps.reconciliation.domain.detail import Figures
from apps.reconciliation.domain.intervals import MICROSECONDS_A_DAY, Intervals, start_of
from apps.reconciliation.domain.settings import Settings
from apps.subscriptions.domain.commitments import Line, committed_by_day
from apps.subscriptions.domain.cycles import Term

CYCLE = Period(date(2024, 6, 9), date(2024, 7, 8))
HOUR = 3_600_000_000
TERM = Term("Sub-1", date(2024, 1, 9), None, 9, LicenceModel.NAMED, "A-FLEX-3-CC")
SKUS = {
    UsageType.PREMIUM_NAMED: "A-FLEX-WCC-P-N",
    UsageType.STANDARD_NAMED: "A-FLEX-WCC-S-N",
    UsageType.PREMIUM_CONCURRENT: "A-FLEX-WCC-P-C",
    UsageType.STANDARD_CONCURRENT: "A-FLEX-WCC-S-C",
    UsageType.IVR_PORT: "A-FLEX-WCC-IVR",
    UsageType.WORKFORCE_OPTIMIZATION: "A-FLEX-WCC-WFO",
}


@dataclass(frozen=True, slots=True)
class Use:
    """A record: who, from which hour to which, counted from the cycle's first midnight; recorded so many days after
    its start's midnight, by a source."""

    who: str
    start: float
    end: float
    premium: bool = False
    recorded_after: float = 0.5
    source: int = 1


def shift(day: int, since: float = 8, hours: float = 8) -> tuple[float, float]:
    """Hours of a shift on a day of the cycle, 1 is its first."""
    start = 24 * (day - 1) + since
    return start, start + hours


def recorded(uses: Sequence[Use]) -> Recorded:
    """Records as theories take them."""
    codes: dict[str, int] = {}
    midnight = start_of(CYCLE.first)
    start = np.array([midnight + round(each.start * HOUR) for each in uses], np.int64)
    end = np.array([midnight + round(each.end * HOUR) for each in uses], np.int64)
    return Recorded(
        Named(
            Intervals(
                np.array([codes.setdefault(each.who, len(codes)) for each in uses], np.int64),
                start,
                end,
                np.array([each.premium for each in uses], np.bool_),
            ),
            list(codes),
        ),
        start // MICROSECONDS_A_DAY * MICROSECONDS_A_DAY
        + np.array([round(each.recorded_after * MICROSECONDS_A_DAY) for each in uses], np.int64),
        np.array([each.source for each in uses], np.int64),
    )


def world(
    agents: Sequence[Use] = (),
    *,
    wfo: Sequence[Use] = (),
    ivr: Sequence[Use] = (),
    model: LicenceModel = LicenceModel.NAMED,
    days: Period = CYCLE,
) -> World:
    """The records of a cycle."""
    return World(days, model, Settings(), recorded(agents), recorded(wfo), recorded(ivr))


def line(usage_type: UsageType, quantity: int, *, first: date | None = None, number: str = "Sub-1") -> Line:
    """So many committed."""
    return Line(
        replace(TERM, number=number), SKUS[usage_type], SkuKind.COMMITTED, usage_type, quantity, first
    )


def lines_of(model: LicenceModel, premium: int = 2, standard: int = 2) -> list[Line]:
    return [line(PREMIUM[model], premium), line(STANDARD[model], standard)]


def figures(of: World, lines: Sequence[Line]) -> Figures:
    """What a world comes to, by the rules."""
    return calculate(
        period=of.days,
        licence_model=of.licence_model,
        committed=committed_by_day(lines, of.days),
        facts=Facts(of.agents.named, of.wfo.named, of.ivr.named, Named.none()),
        settings=of.settings,
    )


def columns(found: Figures) -> dict[str, Columns]:
    """Figures as control totals compare them."""
    days = found.period.days
    return {
        each.usage_type: {
            Column.USED: each.used,
            Column.COMMITTED: each.committed,
            Column.SUBSTITUTED: each.substituted,
            Column.OVERAGE: each.overage,
            Column.MARK: (np.arange(days) == (-1 if each.marked is None else each.marked)).astype(np.int64),
        }
        for each in found.types
    }


def paper(of: Mapping[str, Columns], days: Period = CYCLE) -> list[TheirRow]:
    """A vendor's paper that says these figures."""
    rows: list[TheirRow] = []
    for position, day in enumerate(days):
        for key, values in of.items():
            said = {column: int(values[column][position]) for column in Column}
            rows.append(
                TheirRow(
                    line=len(rows) + 2,
                    day=day,
                    key=key,
                    used=said[Column.USED],
                    committed=said[Column.COMMITTED],
                    substituted=said[Column.SUBSTITUTED],
                    overage=said[Column.OVERAGE],
                    mark=bool(said[Column.MARK]),
                )
            )
    return rows


def terms(of: World, lines: Sequence[Line]) -> Terms:
    """What the days of a world are held against."""
    billed = figures(of, lines).billed
    model = of.licence_model
    agents = sum(billed[each].quantity for each in (PREMIUM[model], STANDARD[model]))
    return Terms(of.days, model, lines, agents)


def day_of(number: int) -> date:
    """A day of the cycle, 1 is its first."""
    return CYCLE.first + timedelta(days=number - 1)
