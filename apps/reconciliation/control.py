"""Control totals fetched and compared: a vendor's paper about a cycle against our figures of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, Service, SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core.domain.periods import Period
from apps.core.problems import Refusal
from apps.organisations.models import Customer
from apps.reconciliation.domain.closing import Closed, quantities
from apps.reconciliation.domain.control import compare
from apps.reconciliation.domain.control_rows import Column, Columns, Comparison, TheirRow
from apps.reconciliation.domain.control_terms import Terms
from apps.reconciliation.domain.control_world import TOGETHER, Counted, Recorded, World
from apps.reconciliation.domain.detail import Row
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.selectors import as_named, get_figures, model_of
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import closed_as, cycles_of, find_cycle, list_lines
from apps.usage.domain.records import Kind
from apps.usage.recorded import RecordedRecords, read_recorded

_AROUND = timedelta(days=31)  # another bill day's cycle begins so much earlier or ends so much later at most
_KINDS = (Kind.AGENT_SESSION, Kind.WFO_SESSION, Kind.IVR_LEG)


class NoCycleOfPaper(Refusal):
    """The days of a paper lie in no billing cycle of the customer."""


@dataclass(frozen=True)
class PaperComparison:
    """A paper's cycle, the last day compared, how the two compare, and when the cycle was closed, if it is."""

    cycle: Cycle
    until: date
    comparison: Comparison
    closed_at: datetime | None


@dataclass(frozen=True)
class _Ours:
    """Our figures of a cycle: those of its closing, whatever came since, or what they are now."""

    days: Period
    licence_model: LicenceModel
    settings: Settings
    rows: Sequence[Row]
    billed: Mapping[UsageType, int]
    closed_at: datetime | None = None


def list_paper_cycles(customer: Customer, *, today: date) -> list[Cycle]:
    """The contact-centre cycles that a paper can be about: those with a day that is over."""
    return [
        cycle for cycle in cycles_of(customer, Service.CONTACT_CENTRE, until=today) if cycle.first < today
    ]


def cycle_of_days(cycles: Sequence[Cycle], days: Sequence[date], *, ref: str) -> Cycle:
    """The cycle in which most of the days lie; of several the earliest.

    Raises:
        NoCycleOfPaper: none lies in any.
    """
    counts: dict[date, int] = {}
    for day in days:
        if cycle := find_cycle(cycles, day):
            counts[cycle.first] = counts.get(cycle.first, 0) + 1
    if not counts:
        raise NoCycleOfPaper(
            _("None of the days of this paper lies in a billing cycle of %(ref)s that has begun.")
            % {"ref": ref}
        )
    first = min(counts, key=lambda first: (-counts[first], first))
    return next(cycle for cycle in cycles if cycle.first == first)


def type_names() -> dict[str, str]:
    """The usage types by their names in a Daily Detail, in lower case, and by the portal's own."""
    names = {sku.detail_name.casefold(): sku.usage_type for sku in Sku.objects.filter(kind=SkuKind.COMMITTED)}
    return names | {each.value: each.value for each in UsageType if each is not UsageType.DIGITAL}


def compare_rows(
    customer: Customer,
    cycle: Cycle,
    rows: Sequence[TheirRow],
    *,
    today: date,
    as_of: datetime | None = None,
) -> PaperComparison:
    """Hold a paper's rows against our figures of a cycle, up to the last day of both. The records are read once.

    A paper of an open cycle ends where its figures did then: ours are taken as they stood on that day (R3). A closed
    cycle's are those of its closing, which its invoice stands on (R13).

    Raises:
        NothingToUse: no day of the cycle is complete.
    """
    last = max((row.day for row in rows if row.day in cycle.period), default=None)
    own = _closing(customer, cycle) or _figures_now(customer, cycle, today=today, until=last)
    until = min(own.days.last, last or own.days.last)
    world = _read_world(customer, own)
    model = own.licence_model
    billed = sum(own.billed.get(each, 0) for each in (PREMIUM[model], STANDARD[model]))
    terms = Terms(own.days, model, list_lines(customer, Service.CONTACT_CENTRE), billed)
    if any(row.key == TOGETHER for row in rows):
        ours: Mapping[str, Columns] = {TOGETHER: _together(world)}
    else:
        ours = _as_columns(own.rows, own.days)
    comparison = compare(world=world, terms=terms, ours=ours, rows=rows, as_of=as_of, last=until)
    return PaperComparison(cycle, until, comparison, own.closed_at)


def _closing(customer: Customer, cycle: Cycle) -> _Ours | None:
    """What a closed cycle came to; None while it is open, or where that was not kept."""
    row = closed_as(customer, Service.CONTACT_CENTRE, cycle.first).first()
    if row is None or "inputs" not in row.snapshot:
        return None
    closed = Closed.of(row.snapshot, licence_model=model_of(cycle))
    return _Ours(
        closed.period, closed.licence_model, closed.settings, closed.rows, closed.billed, row.closed_at
    )


def _figures_now(customer: Customer, cycle: Cycle, *, today: date, until: date | None) -> _Ours:
    figures = get_figures(customer, cycle, today=today, until=until)
    return _Ours(
        Period(cycle.first, figures.until),
        model_of(cycle),
        figures.settings,
        figures.rows,
        quantities(figures.billed),
    )


def _read_world(customer: Customer, own: _Ours) -> World:
    """The records of now; of a closed cycle that came out otherwise with them, those of its closing too."""
    longest = own.settings.longest_open
    around = Period(own.days.first - _AROUND, own.days.last + _AROUND)
    found = read_recorded(customer.pk, _KINDS, around, longest_open=longest)
    agents, wfo, ivr = (_as_recorded(found.get(kind), longest) for kind in _KINDS)
    world = World(own.days, own.licence_model, own.settings, agents, wfo, ivr)
    if own.closed_at is None or _gives(world, own):
        return world
    agents, wfo, ivr = (each.before(own.closed_at) for each in (agents, wfo, ivr))
    return replace(world, agents=agents, wfo=wfo, ivr=ivr, now=world)


def _gives(world: World, own: _Ours) -> bool:
    """The records come to what the days used."""
    used = {key: columns[Column.USED] for key, columns in _as_columns(own.rows, own.days).items()}
    return all(
        np.array_equal(values, used.get(key, np.zeros_like(values)))
        for counted in (Counted.AGENTS, Counted.WFO, Counted.IVR)
        for key, values in world.count(counted, world.recorded(counted).named).items()
    )


def _as_recorded(found: RecordedRecords | None, longest_open: timedelta) -> Recorded:
    """Records of one kind as theories take them."""
    if found is None:
        return Recorded.none()
    return Recorded(as_named(found.records, longest_open), found.recorded_at, found.source)


def _together(world: World) -> Columns:
    """The most agents at once, which a closing does not keep: from its records."""
    used = world.count(Counted.TOGETHER, world.agents.named)[TOGETHER]
    nothing = np.zeros_like(used)
    return {column: used if column is Column.USED else nothing for column in Column}


def _as_columns(rows: Sequence[Row], days: Period) -> dict[str, Columns]:
    """Rows of the Daily Detail as arrays of the days, by usage type."""
    columns: dict[str, dict[Column, Any]] = {}
    for row in rows:
        of_type = columns.setdefault(
            row.usage_type, {column: np.zeros(days.days, np.int64) for column in Column}
        )
        position = (row.day - days.first).days
        of_type[Column.USED][position] = row.used
        of_type[Column.COMMITTED][position] = row.committed
        of_type[Column.SUBSTITUTED][position] = row.substituted
        of_type[Column.OVERAGE][position] = row.overage
        of_type[Column.MARK][position] = row.is_overage_peak
    return dict(columns)


def as_plain(compared: PaperComparison) -> dict[str, Any]:
    """A comparison as plain values, to be kept and to go out as JSON."""
    comparison = compared.comparison
    return {
        "kind": "daily-detail",
        "rules": RULES_VERSION,
        "until": compared.until.isoformat(),
        "after": (compared.cycle.last - compared.until).days,
        "closed_at": compared.closed_at and compared.closed_at.isoformat(),
        "agree": not comparison.differing_days,
        "days": len(comparison.days),
        "differing_days": len(comparison.differing_days),
        "unexplained_days": len(comparison.unexplained_days),
        "outside": comparison.outside,
        "left_out": list(comparison.left_out),
        "explanations": [
            {
                "cause": each.cause.value,
                "certainty": each.certainty.value,
                "column": each.column.value,
                "about": each.about,
                "reproduced": each.reproduced,
                "of": each.of,
                "details": dict(each.details),
            }
            for each in comparison.explanations
        ],
        "rows": [
            {
                "day": row.day.isoformat(),
                "type": row.key,
                "line": row.line,
                "ours": {column.value: value for column, value in row.ours.items()},
                "theirs": None
                if row.theirs is None
                else {column.value: value for column, value in row.theirs.items()},
                "differs": {column.value: list(found) for column, found in row.differs.items()},
            }
            for row in comparison.rows
        ],
    }
