"""Usage in a workbook (XLSX): the first sheet, its first row the header."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import IO, Any

from openpyxl import load_workbook

from apps.usage.domain.blocks import LONGEST_CELL, LONGEST_TEXT, Block, bar_forbidden
from apps.usage.domain.contents import UnreadableFileError

ROWS_A_BLOCK = 5_000
MOST_UNPACKED = 1_000_000_000
MOST_SHARED_TEXT = 100_000_000  # the texts of a workbook are held in memory
MOST_COLUMNS = 200


class Workbook:
    """An opened workbook.

    Raises:
        UnreadableFileError: it is damaged, too large to be held, or has no header.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        try:
            with zipfile.ZipFile(raw) as archive:
                sizes = {each.filename: each.file_size for each in archive.infolist()}
            if sum(sizes.values()) > MOST_UNPACKED or sizes.get("xl/sharedStrings.xml", 0) > MOST_SHARED_TEXT:
                raise UnreadableFileError("the workbook is too large: save it as CSV")
            raw.seek(0)
            sheet = load_workbook(raw, read_only=True, data_only=True).worksheets[0]
            # The size that a sheet says it has is often wrong.
            sheet.reset_dimensions()
            self._rows = enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), start=1)
            header = next((row for _number, row in self._rows if any(map(_text, row))), ())
        except UnreadableFileError:
            raise
        except Exception as error:  # the library raises whatever the parts of a broken file lead it to
            raise UnreadableFileError(f"the workbook cannot be read: {type(error).__name__}") from error
        if not header:
            raise UnreadableFileError("the file is empty")
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
                raise UnreadableFileError(f"the workbook cannot be read: {type(error).__name__}") from error
            if not read:
                return
            rows = [(number, [_text(cell)[:LONGEST_CELL] for cell in row]) for number, row in read]
            rows = [(number, row) for number, row in rows if any(row)]
            yield bar_forbidden(
                Block(
                    [number for number, _row in rows],
                    [",".join(row).rstrip(",")[:LONGEST_TEXT] for _number, row in rows],
                    {
                        name: [
                            row[places[name]] if name in places and places[name] < len(row) else ""
                            for _n, row in rows
                        ]
                        for name in wanted
                    },
                )
            )


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, times in ISO 8601 (a workbook's know no zone)."""
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell).strip()
