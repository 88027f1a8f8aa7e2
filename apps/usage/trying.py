"""Trying a description with a few pasted rows: how they would be read. Nothing is stored."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from apps.core.formatting import day
from apps.usage.domain.blocks import Block, gather
from apps.usage.domain.columns import Reading, read_columns
from apps.usage.domain.controls import ControlLine, read_control_totals
from apps.usage.domain.files import OpenedFile, open_usage_file
from apps.usage.domain.formats import Format, choose, hold_once
from apps.usage.domain.translation import Context, translate
from apps.usage.reasons import told

ROWS_SHOWN = 10


class _AnySku:
    """SKUs are not looked up: a trial says nothing of the catalogue."""

    def __contains__(self, sku: object) -> bool:
        return bool(sku)


@dataclass(frozen=True, slots=True)
class TriedRow:
    """A row as it would be read; ``reason`` is why it would be kept aside, or empty."""

    line_number: int
    cells: Sequence[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Trial:
    """The first rows of a sample, how many there are, and how many the format does not ask for."""

    columns: Sequence[str]
    rows: Sequence[TriedRow]
    count: int
    left_out: int


def try_format(*, format_: Format, sample: str, now: datetime) -> Trial:
    """Read a sample by a format. Licences are not looked up, and times without a zone are kept aside.

    Raises:
        TellingError: the sample is no file, or lacks columns of the format.
    """
    raw = sample.encode("utf-8", "replace")
    opened = open_usage_file(io.BytesIO(raw), len(raw))
    missing = [name for name in format_.recognise if name not in opened.names]
    if missing:
        choose(opened.names, [format_], name=format_.name)
    hold_once(format_, opened.names)
    if format_.is_control:
        return _control_trial(opened, format_)
    return _usage_trial(opened, format_, now)


def _usage_trial(opened: OpenedFile, format_: Format, now: datetime) -> Trial:
    context = Context()
    plain = replace(format_, from_licence_list=False)
    blocks = translate(opened.rows(format_.wanted, plain=False), plain, context)
    described = format_.described
    columns = [name for name in (*described.columns, "customer") if name != "licence" or not _joined(format_)]
    reading = Reading(described, now, digital_skus=_AnySku())
    rows: list[TriedRow] = []
    count = 0
    for block in gather(blocks, size=1_000):
        count += len(block)
        if len(rows) < ROWS_SHOWN:
            rows += islice(_tried(block, columns, format_, reading), ROWS_SHOWN - len(rows))
    return Trial(columns, rows, count, context.left_out)


def _joined(format_: Format) -> bool:
    return format_.from_licence_list


def _tried(block: Block, columns: Sequence[str], format_: Format, reading: Reading) -> Iterator[TriedRow]:
    if _joined(format_):
        block.columns["licence"] = ["standard"] * len(block)
    faults = read_columns(block, reading).faults
    for index in range(len(block)):
        fault = faults.get(index)
        yield TriedRow(
            block.line_numbers[index],
            [block.columns[name][index] for name in columns],
            told(fault.value) if fault else "",
        )


def _control_trial(opened: OpenedFile, format_: Format) -> Trial:
    found = list(read_control_totals(opened.rows(format_.wanted, plain=False), format_))
    columns = ["day", "usage_type", "used", "committed", "substituted", "overage"]
    rows = [
        TriedRow(line_number, _control_cells(line), "")
        if isinstance(line, ControlLine)
        else TriedRow(line_number, [""] * len(columns), told(line.value))
        for line_number, line in found[:ROWS_SHOWN]
    ]
    return Trial(columns, rows, len(found), 0)


def _control_cells(line: ControlLine) -> list[str]:
    numbers = (line.used, line.committed, line.substituted, line.overage)
    return [
        str(day(line.day)),
        line.usage_type_label,
        *("" if each is None else str(each) for each in numbers),
    ]
