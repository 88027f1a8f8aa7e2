"""A vendor's own Daily Detail against ours, row by row, and why the two differ as far as can be told.

What days used is explained by counting our records under other theories (``control_theories``), commitments by other
readings of the lines (``control_terms``); what their own row makes of it follows or does not (``control_reasons``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel
from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_reasons import (
    Case,
    around,
    counted_as,
    explain_commitments,
    explain_marks,
    explain_repeated,
    explain_the_rest,
    explain_use,
    fits,
)
from apps.reconciliation.domain.control_rows import (
    UNSAID,
    Column,
    Columns,
    ComparedRow,
    Comparison,
    Known,
    TheirRow,
    said,
)
from apps.reconciliation.domain.control_terms import Terms
from apps.reconciliation.domain.control_theories import Cause
from apps.reconciliation.domain.control_world import TOGETHER, World
from apps.reconciliation.domain.intervals import Int64


def compare(
    *,
    world: World,
    terms: Terms,
    ours: Mapping[str, Columns],
    rows: Sequence[TheirRow],
    as_of: datetime | None = None,
    last: date | None = None,
) -> Comparison:
    """Hold the rows of their paper against ours; ``ours`` by usage type or ``TOGETHER``, arrays of shape ``(days,)``.

    Types that their paper does not have at all are left out. Rows of other days are counted and not looked at; what
    they have no row of after ``last`` is not missing.
    """
    known, repeated, outside = _sorted_out(rows, world.days, world.licence_model)
    keys = list(dict.fromkeys(key for key, _position in known))
    nothing = np.zeros(world.days.days, np.int64)
    case = Case(
        world,
        terms,
        {key: ours.get(key) or dict.fromkeys(Column, nothing) for key in keys},
        {key: _columns(known, key, world.days.days) for key in keys},
        last or world.days.last,
    )
    explain_use(case, as_of)
    explain_commitments(case)
    explain_the_rest(case)
    explain_marks(case)
    explain_repeated(case, known, repeated)
    compared = _rows(case, known, repeated)
    left_out = [key for key in ours if key not in keys and TOGETHER not in (key, *keys)]
    return Comparison(compared, case.explanations, outside, left_out)


def _sorted_out(
    rows: Iterable[TheirRow], days: Period, model: LicenceModel
) -> tuple[Known, dict[tuple[str, int], list[TheirRow]], int]:
    """The first row of each type and day, those that repeat one, and how many lie on other days."""
    known: Known = {}
    repeated: dict[tuple[str, int], list[TheirRow]] = {}
    outside = 0
    for row in rows:
        if row.day not in days:
            outside += 1
            continue
        place = (_as_ours(row.key, model), (row.day - days.first).days)
        if place in known:
            repeated.setdefault(place, []).append(row)
        else:
            known[place] = row
    return known, repeated, outside


def _as_ours(key: str, model: LicenceModel) -> str:
    """Their name of a licence model that is not ours stands for the same licence."""
    for types in (PREMIUM, STANDARD):
        if key in types.values():
            return types[model]
    return key


def _columns(known: Known, key: str, days: int) -> dict[Column, Int64]:
    columns = {column: np.full(days, UNSAID, np.int64) for column in Column}
    for (of, position), row in known.items():
        if of == key:
            for column, value in said(row).items():
                columns[column][position] = value
    return columns


def _rows(
    case: Case, known: Known, repeated: Mapping[tuple[str, int], Sequence[TheirRow]]
) -> list[ComparedRow]:
    compared = []
    for position, day in enumerate(Period(case.world.days.first, case.last)):
        for key, columns in case.ours.items():
            ours = {column: int(values[position]) for column, values in columns.items()}
            row = known.get((key, position))
            if row is None:
                differs = _missing(case, key, position) if ours[Column.USED] else {}
                compared.append(ComparedRow(day, key, None, ours, None, differs))
                continue
            theirs = said(row)
            differs = {
                column: case.found.get((key, column, position), ())
                for column, value in theirs.items()
                if value != ours[column] or (column is Column.USED and (key, position) in repeated)
            }
            compared.append(ComparedRow(day, key, row.line, ours, theirs, differs))
    return compared


def _missing(case: Case, key: str, position: int) -> dict[Column, Sequence[int]]:
    """They have no row of a day on which we count somebody."""
    counted = counted_as(key)
    there = case.world.latest.records_of_days(counted)
    details = around(case, position, there)
    number = case.add(fits(Cause.MISSING_ROW, Column.USED, counted.value, details))
    return {Column.USED: (number,)}
