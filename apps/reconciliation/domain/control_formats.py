"""Papers of other systems: their columns as a format of control totals describes them, told in ours."""

from __future__ import annotations

from collections.abc import Sequence

from apps.reconciliation.domain.control_papers import (
    DETAIL_HEADER,
    PEAK_HEADER,
    PaperFault,
    PaperRefused,
    Sheet,
)
from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import RejectedRowError
from apps.usage.domain.formats import Format, hold_once, recognise
from apps.usage.domain.numbers import whole_units

_DETAIL = ("day", "usage_type", "used", "committed", "substituted", "overage", "", "")


def as_own_columns(sheet: Sheet, formats: Sequence[Format]) -> Sheet:
    """The paper with the columns of a Daily Detail, or of days and peaks where it names no usage types.

    One that no format fits stays as it is. Numbers are read as in any file of the format.

    Raises:
        FormatError: several formats fit alike, or a column that is read stands there twice.
        PaperRefused: a row is wider or narrower than the header, or has no number of units where one belongs.
    """
    found = recognise(sheet.header, [each for each in formats if each.is_control])
    if found is None:
        return sheet
    hold_once(found, sheet.header)
    is_detail = "usage_type" in found.columns
    block = _block_of(sheet)
    columns = [_told(block, found, name, sheet) for name in (_DETAIL if is_detail else ("day", "used"))]
    rows = zip(*columns, strict=True)
    return Sheet(DETAIL_HEADER if is_detail else PEAK_HEADER, [*zip(block.line_numbers, rows, strict=True)])


def _block_of(sheet: Sheet) -> Block:
    for line, cells in sheet.rows:
        if len(cells) != len(sheet.header):
            raise PaperRefused(PaperFault.WRONG_NUMBER_OF_CELLS, line)
    lines = [line for line, _cells in sheet.rows]
    columns = zip(*(cells for _line, cells in sheet.rows), strict=True)
    return Block(lines, [""] * len(lines), dict(zip(sheet.header, columns, strict=True)))


def _told(block: Block, found: Format, name: str, sheet: Sheet) -> Sequence[str]:
    """A column of ours; empty where the format has none."""
    if name not in found.columns:
        return [""] * len(block)
    column = found.columns[name].of(block)
    if name == "usage_type":
        meanings = found.values.get(name, {})
        return [meanings.get(text.casefold(), text) for text in column]
    if name == "day":
        return column
    decimal = "" if sheet.knows_numbers else found.decimal
    return [_units(line, text, decimal) for line, text in zip(block.line_numbers, column, strict=True)]


def _units(line: int, text: str, decimal: str) -> str:
    try:
        return whole_units(text, decimal) if text else ""
    except RejectedRowError:
        raise PaperRefused(PaperFault.NO_UNITS, line, text) from None
