"""Control totals: what a vendor's own count came to, to be compared with ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.formats import Format
from apps.usage.domain.numbers import decimal_of, whole_units

LARGEST_PAPER = 5 * 2**20


@dataclass(frozen=True, slots=True)
class ControlLine:
    """The total of one day and usage type. None is what a vendor does not tell; an empty label as well."""

    day: date
    usage_type_label: str
    used: int
    committed: int | None = None
    substituted: int | None = None
    overage: int | None = None


def read_control_totals(
    blocks: Iterator[Block], format_: Format
) -> Iterator[tuple[int, ControlLine | Fault]]:
    """The totals of a file of a control format, each with its line number, or what is wrong with the line.

    Days are written like 2024-06-09; of a time its day is taken as it stands.
    """
    for block in blocks:
        columns = {ours: cell.of(block) for ours, cell in format_.columns.items()}
        for number, line_number in enumerate(block.line_numbers):
            if number in block.broken:
                yield line_number, block.broken[number]
                continue
            cells = {ours: column[number] for ours, column in columns.items()}
            try:
                yield line_number, _line(cells, format_, decimal_of(block, format_.decimal))
            except RejectedRowError as error:
                yield line_number, error.fault


def _line(cells: dict[str, str], format_: Format, decimal: str) -> ControlLine:
    label = cells.get("usage_type", "")
    used, committed, substituted, overage = (
        whole_units(text, decimal) if text else None
        for text in (cells.get(name, "") for name in ("used", "committed", "substituted", "overage"))
    )
    if used is None:
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    meanings = format_.values.get("usage_type", {})
    return ControlLine(
        _day(cells["day"]),
        meanings.get(label.casefold(), label),
        int(used),
        *(None if each is None else int(each) for each in (committed, substituted, overage)),
    )


def _day(text: str) -> date:
    try:
        found = datetime.fromisoformat(text)
        return (found.astimezone(UTC) if found.tzinfo else found).date()
    except (ValueError, OverflowError):
        raise RejectedRowError(Fault.NOT_A_TIME) from None
