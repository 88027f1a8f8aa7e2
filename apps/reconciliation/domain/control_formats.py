"""Papers of other systems: their columns as a format of control totals describes them, told in ours."""

from __future__ import annotations

from collections.abc import Sequence

from apps.reconciliation.domain.control_papers import DETAIL_HEADER, PEAK_HEADER, Sheet
from apps.usage.domain.formats import Format, recognise

_DETAIL = ("day", "usage_type", "used", "committed", "substituted", "overage", "", "")


def as_own_columns(sheet: Sheet, formats: Sequence[Format]) -> Sheet:
    """The paper with the columns of a Daily Detail, or of days and peaks where it names no usage types.

    One that no format fits stays as it is.

    Raises:
        FormatError: several formats fit alike.
    """
    found = recognise(sheet.header, [each for each in formats if each.is_control])
    if found is None:
        return sheet
    is_detail = "usage_type" in found.columns
    wanted = _DETAIL if is_detail else ("day", "used")
    meanings = found.values.get("usage_type", {})
    places = {name: place for place, name in enumerate(sheet.header)}

    def told(name: str, cells: Sequence[str]) -> str:
        cell = found.columns.get(name)
        if cell is None:
            return ""
        here = (cells[places[each]] for each in cell.columns if each in places and places[each] < len(cells))
        text = next(filter(None, here), "") if cell.columns else cell.constant
        return meanings.get(text.casefold(), text) if name == "usage_type" else text

    return Sheet(
        DETAIL_HEADER if is_detail else PEAK_HEADER,
        [(line, [told(name, cells) for name in wanted]) for line, cells in sheet.rows],
    )
