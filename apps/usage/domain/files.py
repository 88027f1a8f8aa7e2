"""Opening a usage file, whatever it is written in: CSV, JSON or XLSX, plain, gzip or zip."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Protocol

import numpy as np

from apps.usage.domain.blocks import LONGEST_CELL, LONGEST_TEXT, Block, bar_forbidden
from apps.usage.domain.contents import (
    LONGEST_LINE,
    UnreadableFileError,
    is_workbook,
    read_lines,
    read_text,
    unpack,
)
from apps.usage.domain.documents import NOTHING, Lines, Records, parse_json, records_in
from apps.usage.domain.faults import Fault
from apps.usage.domain.refusals import marked as _
from apps.usage.domain.workbooks import Workbook

LONGEST_HEADER = 100_000
MOST_LINES_A_ROW = 100
MOST_BLANKS = 2_000_000  # before the first character
MOST_BLANK_LINES = 10_000  # of a block, that are made into rows to see that they are none
DELIMITERS = ",;\t|"
_LINE_END, _SPACE = ord("\n"), ord(" ")
csv.field_size_limit(LONGEST_LINE + 2)


class OpenedFile(Protocol):
    """A file that can be read.

    ``names`` are those of its columns; where there is no header, those that the first records have.
    """

    names: tuple[str, ...]
    has_header: bool

    def rows(self, wanted: Sequence[str], *, plain: bool) -> Iterator[Block]:
        """All rows in blocks, with the columns ``wanted``, in order. Read once.

        ``plain``: records of JSON must have texts and whole numbers alone.
        """


def open_usage_file(raw: IO[bytes], size: int) -> OpenedFile:
    """Recognise what a file is written in, and open it. ``size`` is that of the file as it came, in bytes.

    Raises:
        UnreadableFileError: it is empty, damaged, or none of these.
    """
    if is_workbook(raw):
        return _Sheet(Workbook(raw))
    texts = read_text(unpack(raw, size))
    beginning = ""
    for text in texts:
        beginning += text
        if (beginning and not beginning.isspace()) or len(beginning) > MOST_BLANKS:
            break
    if not beginning.strip():
        raise UnreadableFileError(_("the file is empty"))
    beginning = beginning.removeprefix("\ufeff")
    started = beginning.lstrip()
    before = _lines_of(beginning[: len(beginning) - len(started)])
    texts = chain([started], texts)
    if started.startswith("[") or (started.startswith("{") and not _has_a_record_a_line(started)):
        return Records(texts)
    lines = read_lines(texts)
    if started.startswith("{"):
        return Lines(lines, before + 1)
    return _Csv(lines, before + 1)


def _is_filled(line: str) -> bool:
    return bool(line) and not line.isspace()


def _lines_of(text: str) -> int:
    return sum(map(len, read_lines(iter([text])))) if text else 0


def _has_a_record_a_line(text: str) -> bool:
    """Whether the first line is a record, or at least looks like one that is broken."""
    line = text.split("\n", 1)[0].strip()
    value = parse_json(line)
    if value is NOTHING:
        return line.endswith("}") and "}{" not in line
    return len(records_in(value)) == 1


class _Sheet:
    has_header = True

    def __init__(self, workbook: Workbook) -> None:
        self.names = workbook.names
        self._workbook = workbook

    def rows(self, wanted: Sequence[str], *, plain: bool) -> Iterator[Block]:
        return self._workbook.rows(wanted)


class _Csv:
    """Comma, semicolon, tab or bar between the cells: whichever the header has most of."""

    has_header = True

    def __init__(self, lines: Iterator[list[str]], line_number: int) -> None:
        self._source = _Source(lines)
        first = self._source.peek()
        if len(first) > LONGEST_HEADER:
            raise UnreadableFileError(_("the header is too long"))
        self._delimiter = max(DELIMITERS, key=first.count)
        self._source.read = 0
        try:
            header = next(csv.reader(self._source.one_by_one(), delimiter=self._delimiter, strict=True))
        except csv.Error:
            raise UnreadableFileError(_("the header cannot be read: its quotes do not match")) from None
        self.names = tuple(name.strip() for name in header)
        self._places = {name: place for place, name in reversed(list(enumerate(self.names)))}
        self._line_number = line_number + self._source.read

    def rows(self, wanted: Sequence[str], *, plain: bool) -> Iterator[Block]:
        """All rows; those with more or fewer cells than the header are none."""
        number = self._line_number
        while lines := self._source.block():
            if sum(map(str.isspace, lines)) > MOST_BLANK_LINES and '"' not in "".join(lines):
                filled = [(at, line) for at, line in enumerate(lines, number) if _is_filled(line)]
                number += len(lines)
                if filled:
                    yield self._block(
                        [(at, line, line.rstrip("\r\n").split(self._delimiter)) for at, line in filled],
                        wanted,
                    )
                continue
            block = self._plain_block(lines, number, wanted)
            if block is not None:
                number += len(lines)
                yield block
                continue
            found = self._a_row_a_line(lines)
            if found is None:
                numbered = list(self._row_by_row(lines, number))
                number += self._source.read
            else:
                numbered = [
                    (at, line, row) for at, (line, row) in enumerate(zip(lines, found, strict=True), number)
                ]
                number += len(lines)
            yield self._block([each for each in numbered if each[1].strip()], wanted)

    def _plain_block(self, lines: list[str], number: int, wanted: Sequence[str]) -> Block | None:
        """The rows, when no cell has quotes and each line has its cells: then all are split at once."""
        if max(map(len, lines)) > LONGEST_TEXT:
            return None
        text = "".join(lines).replace("\r\n", "\n")
        if not text.endswith("\n"):
            text += "\n"
        if '"' in text or "\r" in text:
            return None
        symbols = np.frombuffer(text.encode(errors="surrogateescape"), np.uint8)
        is_end = symbols == _LINE_END
        places = np.flatnonzero(is_end | (symbols == ord(self._delimiter)))
        width = len(self.names)
        if len(places) != width * len(lines) or np.count_nonzero(is_end) != len(lines):
            return None
        if not is_end[places[width - 1 :: width]].all():
            return None
        cells = text.replace("\n", self._delimiter).split(self._delimiter)
        is_ascii = text.isascii()
        has_spaces = not is_ascii or np.count_nonzero(symbols <= _SPACE) > len(lines)
        columns: dict[str, Sequence[str]] = {}
        for name in wanted:
            place = self._places.get(name)
            column = [""] * len(lines) if place is None else cells[place : width * len(lines) : width]
            columns[name] = list(map(str.strip, column)) if has_spaces else column
        block = Block(range(number, number + len(lines)), lines, columns)
        return block if is_ascii and symbols.all() else bar_forbidden(block)

    def _a_row_a_line(self, lines: list[str]) -> list[list[str]] | None:
        """The rows, when each is a line: so are nearly all files."""
        try:
            rows = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        return rows if len(rows) == len(lines) else None

    def _row_by_row(self, lines: list[str], number: int) -> Iterator[tuple[int, str, list[str] | None]]:
        """The rows that begin in these lines, with the number of their first; those that are none are None.

        A quote that is never closed costs its own line only.
        """
        source = self._source
        source.give_back(lines)
        source.read = 0
        while source.read < len(lines):
            at, start = source.read, number + source.read
            kept: list[str] = []
            row: list[str] | None
            try:
                row = next(csv.reader(source.keeping(kept), delimiter=self._delimiter, strict=True), None)
            except csv.Error:
                row = None
                source.give_back(kept[1:])
                del kept[1:]
            source.read = at + len(kept)
            yield start, "".join(kept), row

    def _block(self, numbered: list[tuple[int, str, list[str] | None]], wanted: Sequence[str]) -> Block:
        width = len(self.names)
        broken = {
            index: Fault.NOT_A_ROW
            for index, (_number, text, row) in enumerate(numbered)
            if row is None or len(row) != width or len(text) > LONGEST_LINE
        }
        nothing = [""] * width
        rows = [
            nothing if row is None or index in broken else row for index, (*_, row) in enumerate(numbered)
        ]
        return bar_forbidden(
            Block(
                [number for number, _text, _row in numbered],
                [text[:LONGEST_TEXT] for _number, text, _row in numbered],
                {
                    name: [row[self._places[name]].strip()[:LONGEST_CELL] for row in rows]
                    if name in self._places
                    else [""] * len(rows)
                    for name in wanted
                },
                broken,
            )
        )


class _Source:
    """Lines that can be taken in blocks or one by one, and given back. ``read`` counts those taken one by one."""

    def __init__(self, lines: Iterator[list[str]]) -> None:
        self._blocks = lines
        self._waiting: deque[str] = deque()
        self.read = 0

    def peek(self) -> str:
        """The next line."""
        if not self._waiting:
            self._waiting.extend(next(self._blocks, []))
        return self._waiting[0] if self._waiting else ""

    def block(self) -> list[str]:
        """The lines that are there, or those of the next block; none at the end."""
        if not self._waiting:
            return next(self._blocks, [])
        lines = list(self._waiting)
        self._waiting.clear()
        return lines

    def one_by_one(self) -> Iterator[str]:
        """Lines as somebody asks for them."""
        while self.peek():
            self.read += 1
            yield self._waiting.popleft()

    def keeping(self, kept: list[str]) -> Iterator[str]:
        """As ``one_by_one``, each kept too; a row has so many lines at most."""
        for line in self.one_by_one():
            if len(kept) == MOST_LINES_A_ROW:
                self.give_back([line])
                return
            kept.append(line)
            yield line

    def give_back(self, lines: Sequence[str]) -> None:
        """These come again."""
        self._waiting.extendleft(reversed(lines))
