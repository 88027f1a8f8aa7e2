"""Proofs of figures: what is stated, and the records and commitments it must follow from, read and worked out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.domain.periods import Period
from apps.core.problems import NotFoundRefusal
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Row
from apps.reconciliation.domain.proof import (
    BilledProof,
    CellProof,
    Ground,
    find_difference,
    marked_on,
    marked_overage,
)
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.domain.workings import (
    Commitment,
    Step,
    billed_steps,
    commitments_on,
    mark_steps,
    row_steps,
    types_behind,
)
from apps.reconciliation.recounting import Recounting
from apps.reconciliation.selectors import CycleFigures, get_figures, model_of
from apps.subscriptions.domain.commitments import Line
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import closed_as, list_lines


class NoSuchFigure(NotFoundRefusal):
    """The Daily Detail has no row of that usage type on that day."""


@dataclass(frozen=True)
class _Case:
    """A customer's cycle as it is stated, and the commitments that it is held against."""

    customer: Customer
    figures: CycleFigures
    ground: Ground
    lines: Sequence[Line]

    @property
    def recounting(self) -> Recounting:
        return Recounting(self.customer, self.ground)

    def row(self, day: date, usage_type: UsageType) -> Row:
        return next(row for row in self.figures.rows if (row.day, row.usage_type) == (day, usage_type))

    def of_type(self, usage_type: UsageType) -> list[Row]:
        return [row for row in self.figures.rows if row.usage_type is usage_type]


def prove_cell(
    customer: Customer,
    cycle: Cycle,
    day: date | None,
    usage_type: UsageType | None,
    *,
    today: date,
    until: date | None = None,
) -> CellProof:
    """The proof of a row of the Daily Detail. Left out, ``day`` is the last day used, ``usage_type`` its first.

    Only the day's records are read, with the look-back before it; of named agents and of workforce optimization the
    first logins of the cycle.

    Raises:
        NothingToUse: no day of the cycle is complete.
        NoSuchFigure: there is no such row.
    """
    case = _open_case(customer, cycle, today=today, until=until)
    for row in case.figures.rows:
        if row.day == (day or case.figures.until) and usage_type in (None, row.usage_type):
            return _prove(case, row)
    raise NoSuchFigure(_("The Daily Detail has no such figure."))


def prove_billed(
    customer: Customer, cycle: Cycle, usage_type: UsageType, *, today: date, until: date | None = None
) -> BilledProof:
    """The proof of what a cycle bills of a usage type. All its records are read and counted again.

    Raises:
        NothingToUse: no day of the cycle is complete.
        NoSuchFigure: nothing of the usage type is billed or could be.
    """
    case = _open_case(customer, cycle, today=today, until=until)
    rows = case.of_type(usage_type)
    if not rows:
        raise NoSuchFigure(_("The Daily Detail has no such figure."))
    stated, ground = case.figures.billed[usage_type], case.ground
    counted = case.recounting.cycle(case.lines)
    steps = billed_steps(usage_type, counted, ground.settings) if usage_type in counted.billed else []
    marked = marked_on(case.figures.rows, usage_type)
    deciding = stated.day or _telling_day(rows)
    return BilledProof(
        ground=ground,
        usage_type=usage_type,
        stated=stated,
        steps=steps,
        rows=rows,
        marked_day=None if marked is None else marked.day,
        marked_overage=marked_overage(case.figures.rows, usage_type),
        of_day=_prove(case, case.row(deciding, usage_type)),
        difference=None
        if counted.billed.get(usage_type) == stated
        else ground.difference(
            records=_used_of(counted.rows) != _used_of(case.figures.rows),
            terms=_committed_of(counted.rows) != _committed_of(case.figures.rows),
        ),
    )


def _telling_day(rows: Sequence[Row]) -> date:
    """Where nothing is billed: the marked day, or the first with the highest use."""
    marked = next((row for row in rows if row.is_overage_peak), None)
    return (marked or max(rows, key=lambda row: row.used)).day


def _used_of(rows: Sequence[Row]) -> list[tuple[date, UsageType, int]]:
    return [(row.day, row.usage_type, row.used) for row in rows]


def _committed_of(rows: Sequence[Row]) -> list[tuple[date, UsageType, int]]:
    return [(row.day, row.usage_type, row.committed) for row in rows]


def _open_case(customer: Customer, cycle: Cycle, *, today: date, until: date | None) -> _Case:
    figures = get_figures(customer, cycle, today=today, until=until)
    closing = closed_as(customer, Service.CONTACT_CENTRE, cycle.first).first()
    inputs = closing.snapshot.get("inputs", {}) if closing else {}
    ground = Ground(
        period=Period(cycle.first, figures.until),
        licence_model=model_of(cycle),
        settings=figures.settings,
        rules_version=inputs.get("rules", RULES_VERSION),
        closed_at=closing.closed_at if closing else None,
    )
    return _Case(customer, figures, ground, list_lines(customer, Service.CONTACT_CENTRE))


def _prove(case: _Case, row: Row) -> CellProof:
    ground, usage_type = case.ground, row.usage_type
    types = types_behind(usage_type, ground.licence_model)
    commitments = commitments_on(case.lines, row.day, types)
    day = case.recounting.day(row.day, usage_type, types)
    steps = row_steps(usage_type, ground.licence_model, day.used, commitments)
    return CellProof(
        ground=ground,
        stated=row,
        steps=steps,
        peak=day.peak,
        witnesses=day.witnesses,
        commitments=commitments,
        mark=_mark(case, row) if row.is_overage_peak else [],
        billed=case.figures.billed[usage_type],
        difference=find_difference(
            ground,
            row,
            steps,
            day.peak,
            witnesses=len(day.witnesses),
            counted=day.used,
            committed=_by_type(commitments),
            rows={behind: case.row(row.day, behind) for behind in types},
        ),
    )


def _by_type(commitments: Iterable[Commitment]) -> Counter[UsageType]:
    quantities: Counter[UsageType] = Counter()
    for each in commitments:
        quantities[each.usage_type] += each.quantity
    return quantities


def _mark(case: _Case, row: Row) -> Sequence[Step]:
    """Why the row is marked: what every day of the cycle shows of its family."""
    by_type: dict[UsageType, list[int]] = {}
    for each in case.figures.rows:
        if each.family is row.family:
            by_type.setdefault(each.usage_type, []).append(each.overage)
    return mark_steps(by_type)
