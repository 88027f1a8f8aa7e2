"""Usage in a workbook (XLSX): the first sheet, its first row the header."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import IO, Any

from openpyxl import load_workbook

from apps.usage.domain.blocks import LONGEST_CELL, LONGEST_TEXT, Block, bar_forbidden
from apps.usage.domain.contents import BLOCK, UnreadableFileError
from apps.usage.domain.refusals import marked as _

ROWS_A_BLOCK = 5_000
MOST_UNPACKED = 1_000_000_000
MOST_SHARED_TEXT = 100_000_000  # the texts of a workbook are held in memory
MOST_COLUMNS = 200
MOST_ROWS = 1_048_576  # of a sheet, in any program
MOST_GROWTH = 50  # what is packed grows tenfold or twentyfold, and is held as many times larger than it is
_GROWS_UNSEEN = 20_000_000
_SHARED_TEXT = "xl/sharedStrings.xml"
# What may stand between the beginnings of two rows, or in a part without any: it is held in memory.
_LONGEST_WITHOUT_A_ROW = 5_000_000
_ROW = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]")
_LONGEST_MARK = 100
_QUOTED = re.compile(r'[",\r\n]')
_DAMAGED = _("the workbook cannot be read: it is damaged")


class Workbook:
    """An opened workbook.

    Raises:
        UnreadableFileError: it is damaged, too large to be held, or has no header.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        try:
            with zipfile.ZipFile(raw) as archive:
                _refuse_too_large(archive, packed=raw.seek(0, 2))
            raw.seek(0)
            sheet = load_workbook(raw, read_only=True, data_only=True).worksheets[0]
            # The size that a sheet says it has is often wrong.
            sheet.reset_dimensions()
            self._rows = enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), start=1)
            first = (row for _number, row in islice(self._rows, MOST_ROWS) if row.count(None) < len(row))
            header = next((row for row in first if any(map(_text, row))), ())
        except UnreadableFileError:
            raise
        except Exception as error:  # the library raises whatever the parts of a broken file lead it to
            raise UnreadableFileError(_DAMAGED) from error
        if not header:
            raise UnreadableFileError(_("the file is empty"))
        self.names = tuple(_text(cell) for cell in header)

    def rows(self, wanted: Sequence[str]) -> Iterator[Block]:
        """The rows in blocks, with the numbers of the sheet's rows.

        Raises:
            UnreadableFileError: the workbook is damaged further down.
        """
        places = {name: self.names.index(name) for name in wanted if name in self.names}
        while True:
            try:
                read = list(islice(self._rows, ROWS_A_BLOCK))
            except Exception as error:  # as above
                raise UnreadableFileError(_DAMAGED) from error
            if not read:
                return
            if read[-1][0] > MOST_ROWS:
                raise UnreadableFileError(_("the sheet has more rows than a workbook can have"))
            rows = [
                (number, [_text(cell)[:LONGEST_CELL] for cell in row])
                for number, row in read
                if row.count(None) < len(row)  # a row that is not there is as wide as the widest can be
            ]
            rows = [(number, row) for number, row in rows if any(row)]
            yield bar_forbidden(
                Block(
                    [number for number, _row in rows],
                    [_written(row)[:LONGEST_TEXT] for _number, row in rows],
                    {
                        name: [
                            row[places[name]] if name in places and places[name] < len(row) else ""
                            for _n, row in rows
                        ]
                        for name in wanted
                    },
                    knows_numbers=True,
                )
            )


def _written(row: Sequence[str]) -> str:
    """A row as CSV would have it."""
    cells = (cell.replace('"', '""') if _QUOTED.search(cell) else cell for cell in row)
    return ",".join(f'"{cell}"' if _QUOTED.search(cell) else cell for cell in cells).rstrip(",")


def _refuse_too_large(archive: zipfile.ZipFile, *, packed: int) -> None:
    """The library holds every part but the sheet as a whole, and of the sheet a row.

    Raises:
        UnreadableFileError: one of them is too large for that, or all of them.
    """
    sizes = {each.filename: each.file_size for each in archive.infolist()}
    most = min(MOST_UNPACKED, max(_GROWS_UNSEEN, packed * MOST_GROWTH))
    if (
        sum(sizes.values()) > most
        or sizes.get(_SHARED_TEXT, 0) > MOST_SHARED_TEXT
        or any(
            _is_too_long_without_a_row(archive, name)
            for name, size in sizes.items()
            if size > _LONGEST_WITHOUT_A_ROW and name != _SHARED_TEXT
        )
    ):
        raise UnreadableFileError(_("the workbook is too large: save it as CSV"))


def _is_too_long_without_a_row(archive: zipfile.ZipFile, name: str) -> bool:
    since, rest = 0, b""
    with archive.open(name) as part:
        while piece := part.read(BLOCK):
            window = rest + piece
            since += len(piece)
            for mark in _ROW.finditer(window):
                since = len(window) - mark.start()
            if since > _LONGEST_WITHOUT_A_ROW:
                return True
            rest = piece[-_LONGEST_MARK:]
    return False


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, times in ISO 8601 (a workbook's know no zone)."""
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell).strip()
