"""Files made to occupy whoever reads them: refused with a line before they cost memory or time."""

from __future__ import annotations

import gzip
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
from openpyxl import Workbook

from apps.usage.domain.contents import UnreadableFileError
from apps.usage.domain.files import open_usage_file
from apps.usage.domain.workbooks import MOST_ROWS

HEADER = ("record_id", "contact_id", "started_at", "ended_at")
SHEET, STYLES = "xl/worksheets/sheet1.xml", "xl/styles.xml"


def read(content: bytes) -> int:
    """How many rows the file has."""
    file = open_usage_file(io.BytesIO(content), len(content))
    return sum(map(len, file.rows(HEADER, plain=True)))


def workbook(part: str = "", edited: Callable[[bytes], bytes] = bytes) -> bytes:
    """A workbook of one row, one part of it edited."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADER)
    sheet.append(("L-1", "K-1", "2024-06-09T09:00:00Z", ""))
    made, changed = io.BytesIO(), io.BytesIO()
    book.save(made)
    with (
        zipfile.ZipFile(made) as before,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, edited(content) if name == part else content)
    return changed.getvalue()


def in_sheet(more: bytes) -> bytes:
    return workbook(SHEET, lambda content: content.replace(b"</sheetData>", more + b"</sheetData>"))


def test_a_workbook_with_gaps_is_read() -> None:
    assert read(workbook()) == 1
    assert read(in_sheet(b'<row r="9000"><c r="A9000"><v>7</v></c></row>')) == 2


@pytest.mark.parametrize(
    "more",
    [
        f'<row r="{MOST_ROWS + 1}"><c r="A{MOST_ROWS + 1}"><v>1</v></c></row>'.encode(),
        b'<row r="2000000000"/>',
    ],
)
def test_rows_that_no_workbook_has_are_not_waited_for(more: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="more rows than a workbook can have"):
        read(in_sheet(more))


def test_a_header_that_never_comes_is_not_waited_for() -> None:
    far = b'<sheetData><row r="2000000000"><c r="A2000000000"><v>1</v></c></row></sheetData>'
    with pytest.raises(UnreadableFileError, match="the file is empty"):
        read(workbook(SHEET, lambda content: re.sub(b"<sheetData>.*</sheetData>", far, content)))


@pytest.mark.parametrize(
    "content",
    [
        lambda: in_sheet(b"<row>" + b"<c><v>1</v></c>" * 500_000 + b"</row>"),
        lambda: workbook(
            STYLES, lambda content: content.replace(b"<fonts", b"<a><b/></a>" * 600_000 + b"<fonts")
        ),
        lambda: in_sheet(b"<row/>" * 4_000_000),
    ],
    ids=["one row of many cells", "styles", "packed fifty times"],
)
def test_a_workbook_that_would_fill_the_memory_is_refused_before_it_is_held(
    content: Callable[[], bytes],
) -> None:
    made = content()
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="too large"):
            open_usage_file(io.BytesIO(made), len(made))
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 30_000_000


def test_nothing_but_blanks_is_empty_and_no_more_of_it_is_held_than_a_few_blocks() -> None:
    raw = io.BytesIO(b"\n" * 40_000_000)
    with pytest.raises(UnreadableFileError, match="the file is empty"):
        open_usage_file(raw, 40_000_000)
    assert raw.tell() < 10_000_000


def test_blank_lines_by_the_million_are_passed_over_without_being_rows_and_are_counted() -> None:
    blanks = 2_500_000
    content = f"{','.join(HEADER)}\nL-1,K-1,2024-06-09T09:00:00Z,\n".encode() + b"\n" * blanks + b"L-2,K,x,\n"
    file = open_usage_file(io.BytesIO(content), len(content))
    tracemalloc.start()
    try:
        numbers = [number for block in file.rows(HEADER, plain=True) for number in block.line_numbers]
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert numbers == [2, blanks + 3]
    assert most < 150_000_000


@pytest.mark.parametrize("document", ["[[" + "0," * 1_500_000 + "0]]", '{"a":[' + "{}," * 1_200_000 + "{}]}"])
def test_a_document_of_millions_of_nothings_is_one_row_that_is_none(document: str) -> None:
    raw = gzip.compress(document.encode(), mtime=0)
    file = open_usage_file(io.BytesIO(raw), len(raw))
    found = list(file.rows(("record_id",), plain=True))
    assert sum(map(len, found)) == 1


@pytest.mark.parametrize("blank", ["\n", "\r", "\r\n", " \n"])
def test_blank_lines_are_passed_over_however_they_end(blank: str) -> None:
    content = (",".join(HEADER) + "\n" + blank * (2_000_000 // len(blank))).encode()
    file = open_usage_file(io.BytesIO(content), len(content))
    tracemalloc.start()
    try:
        assert sum(map(len, file.rows(HEADER, plain=True))) == 0
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000_000


@pytest.mark.parametrize("end", ['{"rec', '{"record_id":"' + "a" * 21_000_000])
def test_a_document_that_breaks_off_ends_with_a_row_that_is_none(end: str) -> None:
    content = ('[{"record_id":"1"},' + end).encode()
    (block,) = open_usage_file(io.BytesIO(content), len(content)).rows(("record_id",), plain=True)
    assert (len(block), [*block.broken]) == (2, [1])
    assert block.texts[1] == "…"
