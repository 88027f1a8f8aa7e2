"""Reading the papers that control totals come on: a vendor's Daily Detail, or days with their concurrent peaks.

A paper is read whole or refused with the line that stands in the way. The order of day and month is one for the whole
paper: what only fits one way is read that way, and what fits both ways is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zipfile import ZipFile

from apps.core.domain.periods import LONGEST_CYCLE, Period
from apps.reconciliation.domain.control_rows import TheirRow
from apps.reconciliation.domain.control_world import TOGETHER
from apps.reconciliation.domain.detail import HEADER
from apps.usage.domain.blocks import is_storable
from apps.usage.domain.contents import UnreadableFileError
from apps.usage.domain.controls import LARGEST_PAPER
from apps.usage.domain.refusals import marked as _
from apps.usage.domain.workbooks import ROWS_A_BLOCK, Workbook

MOST_ROWS = 5_000
MOST_COLUMNS = 100
LONGEST_CELL = 1_000
DETAIL_HEADER = HEADER
PEAK_HEADER = ("day", "peak")
_MARK = "overage peak"
_MARK_OF_ZIP = b"PK\x03\x04"
_LARGEST_UNPACKED = 4 * LARGEST_PAPER
_MOST_ELEMENTS = 100 * MOST_ROWS  # their beginnings and ends, of a workbook
_MOST_LINES = 20 * MOST_ROWS  # empty ones too
_MOST_UNITS = 10**9
_GROUPED = re.compile(r"[0-9]{1,3}(?:[.,' \u00a0\u202f\u2019][0-9]{3})+", re.ASCII)
_WHOLE = re.compile(r"([0-9]{1,12})(?:[.,]0+)?", re.ASCII)
_PARTS = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})", re.ASCII)
_ISO = re.compile(
    r"([0-9]{4})[/.\-]([0-9]{1,2})[/.\-]([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?", re.ASCII
)


class PaperFault(StrEnum):
    """What stands in the way of reading a paper, as it is told; pages translate it."""

    TOO_LARGE = _("The file is larger than 5 MB.")
    TOO_MANY_ROWS = _("The file has more than 5,000 rows.")
    TOO_MANY_COLUMNS = _("The file has more than 100 columns.")
    NO_TEXT = _("The file is neither text nor a workbook.")
    BROKEN_WORKBOOK = _("The workbook cannot be read.")
    BROKEN_QUOTES = _("A quotation mark is not closed.")
    CELL_TOO_LONG = _("A cell is longer than 1,000 characters.")
    EMPTY = _("The file has no rows.")
    OTHER_COLUMNS = _("The columns are not those of a Daily Detail, of invoice lines or of days and peaks.")
    WRONG_NUMBER_OF_CELLS = _("The row has more or fewer cells than the header.")
    NO_DAY = _("A day was expected.")
    AMBIGUOUS_DAYS = _(
        "Its days can be read as day and month or as month and day. Choose the cycle, or write days like 2024-06-09."
    )
    NO_UNITS = _("A whole number of units was expected.")
    NO_AMOUNT = _("An amount was expected.")
    UNKNOWN_TYPE = _("A usage type was expected.")
    NO_JSON = _("The JSON is not that of invoices with their lines.")


class PaperRefused(ValueError):
    """A paper cannot be read: the fault, the line (0: the whole of it) and the text that was found there."""

    def __init__(self, fault: PaperFault, line: int = 0, found: str = "") -> None:
        super().__init__(fault, line, found)
        self.fault, self.line, self.found = fault, line, found[:60]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The header of a paper and its rows, each with its line. One that ``knows_numbers`` writes them with a dot."""

    header: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    knows_numbers: bool = False

    def has(self, columns: Sequence[str]) -> bool:
        """Exactly these columns, in any order and case."""
        return sorted(map(str.casefold, self.header)) == sorted(map(str.casefold, columns))

    def cells(self) -> Iterable[tuple[int, dict[str, str]]]:
        """The rows as cells by the columns' names in lower case.

        Raises:
            PaperRefused: a row has another number of cells than the header.
        """
        names = [name.casefold() for name in self.header]
        for line, cells in self.rows:
            if len(cells) != len(names):
                raise PaperRefused(PaperFault.WRONG_NUMBER_OF_CELLS, line)
            yield line, dict(zip(names, cells, strict=True))


def read_sheet(content: bytes) -> Sheet:
    """A paper as a table: CSV with commas, semicolons or tabs in UTF-8 or UTF-16, or the first sheet of a workbook.

    Raises:
        PaperRefused: it is none, or too large.
        UnreadableFileError: it is a workbook without anything in it, or too large to be held.
    """
    if len(content) > LARGEST_PAPER:
        raise PaperRefused(PaperFault.TOO_LARGE)
    is_workbook = content.startswith(_MARK_OF_ZIP)
    lines = _of_workbook(content) if is_workbook else _of_text(text_of(content))
    filled: list[tuple[int, list[str]]] = []
    for line, cells in lines:
        if len(cells) > MOST_COLUMNS:
            raise PaperRefused(PaperFault.TOO_MANY_COLUMNS, line)
        stripped = [cell.strip() for cell in cells]
        if not all(map(is_storable, stripped)):
            raise PaperRefused(PaperFault.NO_TEXT, line)
        if any(len(cell) > LONGEST_CELL for cell in stripped):
            raise PaperRefused(PaperFault.CELL_TOO_LONG, line)
        if any(stripped):
            filled.append((line, stripped))
        if len(filled) > MOST_ROWS + 1 or line > _MOST_LINES:
            raise PaperRefused(PaperFault.TOO_MANY_ROWS)
    if len(filled) < 2:
        raise PaperRefused(PaperFault.EMPTY)
    return Sheet(filled[0][1], filled[1:], is_workbook)


def text_of(content: bytes) -> str:
    """The text of a paper.

    Raises:
        PaperRefused: it is none.
    """
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise PaperRefused(PaperFault.NO_TEXT) from None
    if "\x00" in text:
        raise PaperRefused(PaperFault.NO_TEXT)
    return text.lstrip("\ufeff")


def _of_text(text: str) -> Iterable[tuple[int, list[str]]]:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        is_long = "field larger" in str(error)
        raise PaperRefused(PaperFault.CELL_TOO_LONG if is_long else PaperFault.BROKEN_QUOTES, line) from None


def _of_workbook(content: bytes) -> Iterable[tuple[int, list[str]]]:
    """The header and the rows of the first sheet, by a reader that holds no more than it must."""
    try:
        _refuse_bomb(content)
        book = Workbook(io.BytesIO(content))
        names = [*book.names]
        while not names[-1]:
            names.pop()
        yield 1, names
        for blocks, block in enumerate(book.rows(names), start=1):
            if blocks * ROWS_A_BLOCK > _MOST_LINES:
                raise PaperRefused(PaperFault.TOO_MANY_ROWS)
            for number, line in enumerate(block.line_numbers):
                if number in block.broken:
                    raise PaperRefused(PaperFault.NO_TEXT, line)
                yield line, [block.columns[name][number] for name in names]
    except (PaperRefused, UnreadableFileError):
        raise
    except Exception:  # whatever the parts of a broken archive lead its reader to
        raise PaperRefused(PaperFault.BROKEN_WORKBOOK) from None


def _refuse_bomb(content: bytes) -> None:
    """Little that is packed can be much: so many bytes, and elements, as the largest paper has none."""
    elements = 0
    with ZipFile(io.BytesIO(content)) as packed:
        if sum(each.file_size for each in packed.infolist()) > _LARGEST_UNPACKED:
            raise PaperRefused(PaperFault.TOO_LARGE)
        for each in packed.infolist():
            with packed.open(each) as part:
                while piece := part.read(2**20):
                    elements += piece.count(b"<")
    if elements > _MOST_ELEMENTS:
        raise PaperRefused(PaperFault.TOO_MANY_ROWS)


def read_daily_detail(
    sheet: Sheet, types: Mapping[str, str], *, cycles: Iterable[Period] = ()
) -> list[TheirRow]:
    """The rows of a vendor's Daily Detail, the eight columns. ``types``: usage types by their names in lower case.

    ``cycles`` tell the order of day and month where the days alone do not.

    Raises:
        PaperRefused: another header, or a row that cannot be read.
    """
    if not sheet.has(DETAIL_HEADER):
        raise PaperRefused(PaperFault.OTHER_COLUMNS, 1, ", ".join(sheet.header))
    cells = list(sheet.cells())
    days = read_days([(line, of["usage date"]) for line, of in cells], cycles)
    has_marks = any(of["comment"] for _line, of in cells)
    return [
        TheirRow(
            line=line,
            day=day,
            key=_type_of(line, of["usage type"], types),
            used=_units(line, of["units used"]),
            committed=_units_or_none(line, of["units commitment"]),
            substituted=_units_or_none(line, of["units substituted"]),
            overage=_units_or_none(line, of["units overage"]),
            mark=_MARK in of["comment"].casefold() if has_marks else None,
        )
        for (line, of), day in zip(cells, days, strict=True)
    ]


def read_peaks(sheet: Sheet, *, cycles: Iterable[Period] = ()) -> list[TheirRow]:
    """Days with the most agents at once, whatever their licence (``day, peak``).

    Raises:
        PaperRefused: another header, or a row that cannot be read.
    """
    if not sheet.has(PEAK_HEADER):
        raise PaperRefused(PaperFault.OTHER_COLUMNS, 1, ", ".join(sheet.header))
    cells = list(sheet.cells())
    days = read_days([(line, of["day"]) for line, of in cells], cycles)
    return [
        TheirRow(line, day, TOGETHER, _units(line, of["peak"]))
        for (line, of), day in zip(cells, days, strict=True)
    ]


def read_days(texts: Sequence[tuple[int, str]], cycles: Iterable[Period] = ()) -> list[date]:
    """Days as they are written, by line: ISO, or day and month in an order that is one for all.

    Raises:
        PaperRefused: one is no day, or all can be read both ways.
    """
    parted = [(line, text, _PARTS.fullmatch(text)) for line, text in texts]
    if not any(parts for _line, _text, parts in parted):
        return [_iso(line, text) for line, text in texts]
    readings: list[list[date]] = []
    fault: PaperRefused | None = None
    for day_at, month_at in ((1, 2), (2, 1)):
        try:
            readings.append([_day(line, text, parts, day_at, month_at) for line, text, parts in parted])
        except PaperRefused as refused:
            fault = fault if fault and fault.line >= refused.line else refused
    if not readings:
        assert fault is not None  # both ways have failed
        raise fault
    if len(readings) == 2 and readings[0] != readings[1]:
        return _likelier(readings, list(cycles))
    return readings[0]


def _likelier(readings: Sequence[list[date]], cycles: Sequence[Period]) -> list[date]:
    """The reading whose days lie in one month's span, or in one cycle, where the other's do not."""
    tests: tuple[Callable[[list[date]], bool], ...] = (
        lambda days: max(days) - min(days) < LONGEST_CYCLE,
        lambda days: any(all(day in cycle for day in days) for cycle in cycles),
    )
    for test in tests:
        fitting = [days for days in readings if test(days)]
        if len(fitting) == 1:
            return fitting[0]
    raise PaperRefused(PaperFault.AMBIGUOUS_DAYS)


def _day(line: int, text: str, parts: re.Match[str] | None, day_at: int, month_at: int) -> date:
    if parts is None:
        return _iso(line, text)
    try:
        return date(int(parts[3]), int(parts[month_at]), int(parts[day_at]))
    except ValueError:
        raise PaperRefused(PaperFault.NO_DAY, line, text) from None


def _iso(line: int, text: str) -> date:
    found = _ISO.fullmatch(text)
    try:
        if found:
            return date(*map(int, found.groups()))
    except ValueError:
        pass
    raise PaperRefused(PaperFault.NO_DAY, line, text)


def _type_of(line: int, text: str, types: Mapping[str, str]) -> str:
    found = types.get(" ".join(text.casefold().split()))
    if found is None:
        raise PaperRefused(PaperFault.UNKNOWN_TYPE, line, text)
    return found


def _units_or_none(line: int, text: str) -> int | None:
    return _units(line, text) if text else None


def _units(line: int, text: str) -> int:
    """A whole number, its thousands grouped or not."""
    if _GROUPED.fullmatch(text):
        units = int(re.sub(r"[^0-9]", "", text, flags=re.ASCII))
    elif whole := _WHOLE.fullmatch(text):
        units = int(whole[1])
    else:
        raise PaperRefused(PaperFault.NO_UNITS, line, text)
    if units > _MOST_UNITS:
        raise PaperRefused(PaperFault.NO_UNITS, line, text)
    return units
