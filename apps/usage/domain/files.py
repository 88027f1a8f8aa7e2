"""Rows of a usage file, CSV or NDJSON, with their line number and their text (formats.md, "Usage files")."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from apps.usage.domain.records import Fault, KindOfFile, RejectedRowError

LONGEST_TEXT = 2_000
_LARGEST_CELL = 10_000_000
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
csv.field_size_limit(_LARGEST_CELL)


class UnreadableFileError(ValueError):
    """The file as a whole is not one of its kind; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row with the number of its first line, its text as it came (shortened), and its cells or what is wrong."""

    line_number: int
    text: str
    cells: dict[str, str] | RejectedRowError


@dataclass(frozen=True, slots=True)
class UsageFile:
    """An opened file: its rows, and columns that are not known and are ignored (CSV only)."""

    rows: Iterator[FileRow]
    unknown_columns: Sequence[str] = ()


def read_usage_file(lines: Iterable[str], described: KindOfFile) -> UsageFile:
    """Recognise CSV or NDJSON by the first line and read the rows one by one.

    ``lines`` are lines of text with their ends; bytes that are no UTF-8 come as lone surrogates.

    Raises:
        UnreadableFileError: empty, or a column is missing or stands twice.
    """
    iterator = iter(lines)
    numbered = enumerate(iterator, start=1)
    number, first = next(((n, line) for n, line in numbered if line.strip("\ufeff \t\r\n")), (0, ""))
    if not first:
        raise UnreadableFileError("the file is empty")
    first = first.lstrip("\ufeff")
    everything = chain([first], iterator)
    if first.lstrip().startswith("{"):
        return UsageFile(_ndjson_rows(everything, described, number))
    return _csv_file(everything, described, number)


class _Remembering:
    """Hands lines on and keeps those of the row being read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._kept: list[str] = []
        self._again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._kept.append(line)
        return line

    def forget(self) -> tuple[int, str]:
        """How many lines the row had, and its text."""
        count, text = len(self._kept), "".join(self._kept)
        self._kept.clear()
        return count, text

    def give_back(self) -> None:
        """All lines of the row but its first are to be read again: a quote that is never closed costs one line."""
        self._again.extendleft(reversed(self._kept[1:]))
        del self._kept[1:]


def _csv_file(lines: Iterator[str], described: KindOfFile, line_number: int) -> UsageFile:
    remembering = _Remembering(lines)
    reader = csv.reader(remembering, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as error:
        raise UnreadableFileError(f"the header cannot be read: {error}") from None
    missing = [name for name in described.columns if name not in header]
    if missing:
        raise UnreadableFileError(f"the header lacks the column {', '.join(missing)}")
    known = {*described.columns, "customer"}
    twice = sorted({name for name in header if name in known and header.count(name) > 1})
    if twice:
        raise UnreadableFileError(f"the header has the column {', '.join(twice)} twice")
    before, _ = remembering.forget()
    return UsageFile(
        _csv_rows(reader, remembering, header, known, line_number + before),
        tuple(dict.fromkeys(name for name in header if name not in known)),
    )


def _csv_rows(
    reader: Iterator[list[str]],
    remembering: _Remembering,
    header: Sequence[str],
    known: set[str],
    line_number: int,
) -> Iterator[FileRow]:
    while True:
        cells: dict[str, str] | RejectedRowError
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            remembering.give_back()
            cells = RejectedRowError(Fault.NOT_A_ROW)
        else:
            if len(values) == len(header):
                cells = {
                    name: value.strip() for name, value in zip(header, values, strict=True) if name in known
                }
            else:
                cells = RejectedRowError(Fault.NOT_A_ROW)
        count, text = remembering.forget()
        if text.strip():
            yield FileRow(line_number, text.rstrip("\r\n")[:LONGEST_TEXT], _checked(text, cells))
        line_number += count


def _ndjson_rows(lines: Iterator[str], described: KindOfFile, first: int) -> Iterator[FileRow]:
    for line_number, text in enumerate(lines, start=first):
        if text.strip():
            yield FileRow(
                line_number,
                text.rstrip("\r\n")[:LONGEST_TEXT],
                _checked(text, _ndjson_cells(text, described)),
            )


def _ndjson_cells(text: str, described: KindOfFile) -> dict[str, str] | RejectedRowError:
    if len(text) > _LARGEST_CELL:
        return RejectedRowError(Fault.NOT_A_ROW)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return RejectedRowError(Fault.NOT_A_ROW)
    if not isinstance(values, dict):
        return RejectedRowError(Fault.NOT_A_ROW)
    cells = {}
    for name in (*described.columns, "customer"):
        value = values.get(name)
        if (value is not None and not isinstance(value, str | int)) or isinstance(value, bool):
            return RejectedRowError(Fault.NOT_A_ROW)
        cells[name] = "" if value is None else str(value).strip()
    return cells


def _checked(text: str, cells: dict[str, str] | RejectedRowError) -> dict[str, str] | RejectedRowError:
    """Cells that the database can hold: no NUL, no broken UTF-8, neither in the text nor behind an escape of JSON."""
    if isinstance(cells, dict) and (
        _FORBIDDEN.search(text) or ("\\" in text and any(map(_FORBIDDEN.search, cells.values())))
    ):
        return RejectedRowError(Fault.FORBIDDEN_CHARACTER)
    return cells
