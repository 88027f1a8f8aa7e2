"""A compared paper as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import translation

from apps.core.spreadsheets import FILE_LANGUAGE, harmless
from apps.invoicing.control_words import column_name as line_column_name
from apps.invoicing.control_words import reasons
from apps.invoicing.domain.control import LineColumn
from apps.reconciliation.control_causes import joined, short_reason
from apps.reconciliation.control_words import column_name, type_name
from apps.reconciliation.domain.control_rows import Column
from apps.reconciliation.models import ControlPaper

Plain = Mapping[str, Any]
_FIGURES = (Column.USED, Column.COMMITTED, Column.SUBSTITUTED, Column.OVERAGE)
_CELLS = ("sku", "subscription", "period", "quantity", "unit_price", "discount_pct", "amount")


@translation.override(FILE_LANGUAGE)
def control_csv(paper: ControlPaper) -> str:
    """Every row of both sides with what differs and why."""
    if paper.kind == ControlPaper.Kind.INVOICE_LINES:
        return _written(_lines_heading(), (_line(row) for row in paper.result["rows"]))
    explanations = paper.result["explanations"]
    return _written(_rows_heading(), (_row(row, explanations) for row in paper.result["rows"]))


def _rows_heading() -> list[str]:
    sides = [f"{side} {column_name(column)}" for column in _FIGURES for side in ("Their", "Our")]
    return ["Usage Date", "Usage Type", "Line", *sides, "Differs", "Explanation"]


def _row(row: Plain, explanations: Sequence[Plain]) -> list[Any]:
    theirs = row["theirs"] or {}
    figures = [
        value for column in _FIGURES for value in (theirs.get(column.value, ""), row["ours"][column.value])
    ]
    reason = {
        column: joined(short_reason(explanations[number]) for number in found) if found else "not explained"
        for column in Column
        if (found := row["differs"].get(column)) is not None
    }
    return [
        row["day"],
        type_name(row["type"]),
        row["line"] or "",
        *figures,
        "; ".join(column_name(column) for column in reason),
        "; ".join(harmless(text) for text in dict.fromkeys(reason.values())),
    ]


def _lines_heading() -> list[str]:
    sides = [f"{side} {line_column_name(cell)}" for cell in _CELLS for side in ("Their", "Our")]
    return ["Line", *sides, "Differs", "Explanation"]


def _line(row: Plain) -> list[Any]:
    sides = [_told(row[side], cell) for cell in _CELLS for side in ("theirs", "ours")]
    return [
        row["line"] or "",
        *sides,
        "; ".join(line_column_name(column) for column in LineColumn if column in row["differs"]),
        "; ".join(
            dict.fromkeys(
                reasons(row["differs"][column]) or "not explained"
                for column in LineColumn
                if column in row["differs"]
            )
        ),
    ]


def _told(side: Plain | None, cell: str) -> Any:
    value = None if side is None else side[cell]
    if value is None:
        return ""
    if cell == "period":
        return f"{value[0]}/{value[1]}"
    return harmless(value) if cell in ("sku", "subscription") else value


def _written(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return out.getvalue()
