"""Rows of usage files: CSV and NDJSON, with the number of each row's first line and its text."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from apps.usage.domain.blocks import LONGEST_TEXT, Block, gather
from apps.usage.domain.contents import LONGEST_LINE, MOST_GROWTH, UnreadableFileError
from apps.usage.domain.files import OpenedFile, open_usage_file
from apps.usage.domain.formats import FormatError, choose, own_format

HEADER = "record_id,contact_id,started_at,ended_at\n"
OWN = own_format("ivr-legs")
NOT_A_ROW = "! not a row of this file"


def read(content: str | bytes) -> OpenedFile:
    """As the service opens a file of the portal's own columns."""
    raw = content if isinstance(content, bytes) else content.encode()
    file = open_usage_file(io.BytesIO(raw), len(raw))
    if file.has_header:
        choose(file.names, (), kind="ivr-legs")
    return file


def blocks(content: str | bytes) -> list[Block]:
    return list(read(content).rows(OWN.wanted, plain=True))


def told(block: Block) -> list[tuple[int, str]]:
    """The line number of each row, and its record id or what is wrong."""
    record_ids = block.columns["record_id"]
    return [
        (number, f"! {block.broken[row]}" if row in block.broken else record_ids[row])
        for row, number in enumerate(block.line_numbers)
    ]


def rows(content: str | bytes) -> list[tuple[int, str]]:
    return [row for block in blocks(content) for row in told(block)]


def texts(content: str | bytes) -> list[str]:
    return [text.rstrip("\r\n") for block in blocks(content) for text in block.texts]


def cells(content: str) -> list[dict[str, str]]:
    """The filled cells of each row that is one."""
    return [
        {name: cell for name, cell in block.cells(row).items() if cell}
        for block in blocks(content)
        for row in range(len(block))
        if row not in block.broken
    ]


def test_a_csv_file_is_read_row_by_row_with_line_numbers() -> None:
    content = HEADER + "r1,c1,s,e\nr2,c2,s,\n"
    assert rows(content) == [(2, "r1"), (3, "r2")]
    assert cells(content)[0] == {"record_id": "r1", "contact_id": "c1", "started_at": "s", "ended_at": "e"}
    assert texts(content)[1] == "r2,c2,s,"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(ending: str) -> None:
    assert rows((HEADER + "r1,c,s,e\nr2,c,s,e\n").replace("\n", ending)) == [(2, "r1"), (3, "r2")]


def test_a_last_line_without_an_end_is_read() -> None:
    assert rows(HEADER + "r1,c,s,e") == [(2, "r1")]


def test_columns_stand_in_any_order() -> None:
    assert cells("ended_at,record_id,started_at,contact_id\ne,r1,s,c1\n") == [
        {"record_id": "r1", "contact_id": "c1", "started_at": "s", "ended_at": "e"}
    ]


def test_other_columns_are_named_and_not_read() -> None:
    content = "record_id,queue,contact_id,started_at,note,ended_at,queue\nr1,q,c1,s,n,e,q\n"
    assert read(content).names == (
        "record_id",
        "queue",
        "contact_id",
        "started_at",
        "note",
        "ended_at",
        "queue",
    )
    assert cells(content) == [{"record_id": "r1", "contact_id": "c1", "started_at": "s", "ended_at": "e"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("content", ["r1,c,s,e\n", 'r1,"c",s,e\n', "r1,ç,s,e\n"])
def test_cells_are_parted_by_what_parts_the_names(delimiter: str, content: str) -> None:
    assert rows((HEADER + content).replace(",", delimiter)) == [(2, "r1")]


def test_the_customer_column_is_read_where_it_is() -> None:
    content = "customer,record_id,contact_id,started_at,ended_at\nC-1,r1,c,s,e\n"
    assert cells(content)[0]["customer"] == "C-1"


def test_white_space_around_cells_and_names_is_cut() -> None:
    assert cells(" record_id , contact_id,started_at,ended_at \n r1 ,\tc1, s , e \n")[0]["record_id"] == "r1"


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
@pytest.mark.parametrize("content", [HEADER + "r1,c,s,e\n", '{"record_id": "r1"}\n'])
def test_a_byte_order_mark_is_no_part_of_the_file(mark: str, content: str) -> None:
    assert rows(mark + content)[0][1] == "r1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("\n \r\n\t\n", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ('record_id,"contact_id', "the header cannot be read"),
        ("x," * 60_000 + "\n", "the header is too long"),
        ("%PDF-1.7\n", "this is no text file"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "this is no text file"),
        (b"\x00" * 100, "this is no text file"),
        (b"\x1f\x8b\x08\x00 no gzip", "the packed file is cut off"),
        (gzip.compress(HEADER.encode() * 100, mtime=0)[:-20], "the packed file is cut off"),
        (b"PK\x03\x04 no zip", "the packed file is damaged"),
    ],
)
def test_what_is_no_file_of_usage_is_refused_as_a_whole(content: str | bytes, said: str) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        rows(content)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("record_id,contact_id,started_at\n", "the header lacks ended_at"),
        ("record_id,agent_id\n", "the header lacks contact_id, started_at and ended_at"),
        ("Record_Id,contact_id,started_at,ended_at\n", "the header lacks record_id"),
    ],
)
def test_a_file_without_its_columns_is_refused(header: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read(header)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_when_a_byte_order_mark_says_so(encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert rows(mark + (HEADER + "r1,c,s,e\nå,c,s,e\n").encode(encoding)) == [(2, "r1"), (3, "å")]


def test_utf_16_without_a_mark_is_no_text() -> None:
    with pytest.raises(UnreadableFileError, match="no text"):
        read((HEADER + "r1,c,s,e\n").encode("utf-16-le"))


# Packed


def zipped(*files: tuple[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def test_gzip_and_zip_are_unpacked() -> None:
    content = HEADER + "r1,c,s,e\n"
    assert rows(gzip.compress(content.encode())) == [(2, "r1")]
    assert rows(zipped(("legs.csv", content))) == [(2, "r1")]
    assert rows(zipped(("__MACOSX/._legs.csv", "x"), ("legs/", ""), ("legs/legs.csv", content))) == [
        (2, "r1")
    ]


def test_an_archive_holds_one_file() -> None:
    with pytest.raises(UnreadableFileError, match="holds 2 files"):
        read(zipped(("a.csv", HEADER), ("b.csv", HEADER)))
    with pytest.raises(UnreadableFileError, match="holds 0 files"):
        read(zipped())


def test_what_grows_a_thousandfold_is_refused_and_never_held() -> None:
    packed = gzip.compress(HEADER.encode() + b"r1,c,s,e\n" + b"x" * 300_000_000, 9)
    assert len(packed) < 400_000
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match=f"grows more than {MOST_GROWTH} times"):
            rows(packed)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_of_records_in_an_array_only_what_is_wanted_is_held() -> None:
    record = b'{"record_id":"r1","note":"%s"}' % (b"n" * 4_000)
    content = b"[" + b",".join([record] * 10_000) + b"]"
    tracemalloc.start()
    try:
        found = gather(read(content).rows(("record_id",), plain=True), size=50_000)
        assert sum(map(len, found)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_header_alone_has_no_rows() -> None:
    assert rows(HEADER) == []


@pytest.mark.parametrize("bad", ["r2", "r2,c,s", "r2,c,s,e,more", ",", 'r2,"c"x,s,e', 'r2,"c'])
def test_a_row_that_is_none_is_kept_aside_and_the_next_ones_are_read(bad: str) -> None:
    assert rows(HEADER + f"r1,c,s,e\n{bad}\nr3,c,s,e\nr4,c,s,e\n") == [
        (2, "r1"),
        (3, "! not a row of this file"),
        (4, "r3"),
        (5, "r4"),
    ]


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    content = HEADER + 'r1,"c,s,e\n' + "".join(f"r{n},c,s,e\n" for n in range(2, 500))
    assert rows(content)[:2] == [(2, NOT_A_ROW), (3, "r2")]
    assert texts(content)[0] == 'r1,"c,s,e'
    assert len(rows(content)) == 499


def test_many_quotes_that_are_never_closed_do_not_read_the_file_many_times() -> None:
    content = HEADER + 'r1,"c,s,e\n' * 20_000
    assert rows(content) == [(number, NOT_A_ROW) for number in range(2, 20_002)]


def test_blank_lines_are_no_rows_but_count() -> None:
    assert rows(HEADER + "\nr1,c,s,e\n\n  \n\nr2,c,s,e\n\n") == [(3, "r1"), (7, "r2")]


@pytest.mark.parametrize("content", [HEADER + "r1,c,s,e\n", '{"x": 1}\n{"record_id": "r1"}\n'])
def test_lines_before_the_first_count_too(content: str) -> None:
    assert rows("\n\n" + content)[-1] == (4, "r1")


def test_quoted_line_ends_keep_the_line_numbers_right() -> None:
    content = HEADER + 'r1,"two\nlines",s,e\nr2,"three\r\nmore\nlines",s,e\nr3,c,s\nr4,c,s,e\n'
    assert rows(content) == [(2, "r1"), (4, "r2"), (7, "! not a row of this file"), (8, "r4")]
    assert cells(content)[0]["contact_id"] == "two\nlines"


def test_a_quoted_header_with_a_line_end_keeps_the_line_numbers_right() -> None:
    assert rows('record_id,contact_id,started_at,ended_at,"a\nnote"\nr1,c,s,e,n\n') == [(3, "r1")]


@pytest.mark.parametrize("bad", [b"r2,c\x00,s,e", b"r2,c\xff,s,e", b"\xc3,c,s,e", b"r2,\xed\xa0\x80,s,e"])
def test_nul_and_broken_utf_8_are_kept_aside(bad: bytes) -> None:
    assert rows(HEADER.encode() + b"r1,c,s,e\n" + bad + b"\nr3,c,s,e\n") == [
        (2, "r1"),
        (3, "! a value has a forbidden character"),
        (4, "r3"),
    ]


def test_the_text_of_a_row_is_kept_up_to_a_length() -> None:
    assert texts(HEADER + "x" * 5000 + "\n") == ["x" * LONGEST_TEXT]


def test_a_cell_of_ten_megabytes_costs_its_own_row_only() -> None:
    content = HEADER + f"r1,{'c' * 10_000_000},s,e\nr2,{'c' * (LONGEST_LINE - 20)},s,e\nr3,c,s,e\n"
    assert [row for _number, row in rows(content)] == [NOT_A_ROW, "r2", "r3"]
    assert max(map(len, texts(content))) == LONGEST_TEXT


def test_a_line_without_an_end_is_never_held_as_a_whole() -> None:
    content = HEADER.encode() + b"r1,c,s,e\n" + b"x" * 60_000_000
    tracemalloc.start()
    try:
        assert rows(content) == [(2, "r1"), (3, NOT_A_ROW)]
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_are_gathered_into_blocks_of_a_size_with_the_same_rows(size: int) -> None:
    content = HEADER + "".join(f"r{n},c,s,e\n" for n in range(10)) + "bad\nlast,c,s,e\n"
    whole = rows(content)
    for skip in (0, 4, len(whole)):
        gathered = list(gather(iter(blocks(content)), size=size, skip=skip))
        assert [row for block in gathered for row in told(block)] == whole[skip:]
        assert all(len(block) == size for block in gathered[:-1])


# NDJSON


def test_an_ndjson_file_is_recognised_and_read_with_the_same_names() -> None:
    leg = {
        "record_id": 17,
        "contact_id": "c1",
        "started_at": "s",
        "ended_at": None,
        "queue": [1],
        "customer": " C-1 ",
    }
    assert cells(json.dumps(leg) + "\n") == [
        {"record_id": "17", "contact_id": "c1", "started_at": "s", "customer": "C-1"}
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        "r2,c,s,e",
        '{"record_id": "r2"} more',
        '{"record_id": 1.5}',
        '{"record_id": true}',
        '{"record_id": ["r2"]}',
        '{"record_id": {"id": "r2"}}',
        '{"record_id": ' + "9" * 5000 + "}",
        "[" * 20_000,
    ],
)
def test_an_ndjson_line_that_is_no_row_is_kept_aside_and_the_next_ones_are_read(bad: str) -> None:
    assert rows(f'{{"record_id": "r1"}}\n{bad}\n\n{{"record_id": "r3"}}\n') == [
        (1, "r1"),
        (2, "! not a row of this file"),
        (4, "r3"),
    ]


@pytest.mark.parametrize("bad", ['{"record_id": "r\\u0000"}', '{"record_id": "\\ud800"}'])
def test_nul_and_lone_surrogates_behind_an_escape_are_kept_aside(bad: str) -> None:
    assert rows(f'{{"record_id": "r1"}}\n{bad}\n') == [(1, "r1"), (2, "! a value has a forbidden character")]


# Other JSON


@pytest.mark.parametrize(
    "content",
    [
        '[{"record_id": "r1"}, {"record_id": "r2"}]',
        '\n [\n {"record_id":\n "r1"}\n,{"record_id": "r2"} ] \n',
        '{"record_id": "r1"}{"record_id": "r2"}',
        '{\n"record_id": "r1"\n}\n{\n"record_id": "r2"\n}',
        '{"data": {"sessions": {"items": [{"record_id": "r1"}, {"record_id": "r2"}], "page": {"next": null}}}}',
    ],
)
def test_records_in_an_array_one_after_another_or_in_an_answer_are_numbered(content: str) -> None:
    assert rows(content) == [(1, "r1"), (2, "r2")]


def test_a_record_that_is_no_object_is_kept_aside() -> None:
    assert rows('[{"record_id": "r1"}, 7, null, {"record_id": "r4"}]') == [
        (1, "r1"),
        (2, NOT_A_ROW),
        (3, NOT_A_ROW),
        (4, "r4"),
    ]


@pytest.mark.parametrize("end", ["", ', {"record_id": ', ", }]", ', {"record_id": NaN}]'])
def test_json_that_breaks_off_keeps_what_stands_before(end: str) -> None:
    assert rows('[{"record_id": "r1"}, {"record_id": "r2"}' + end)[:2] == [(1, "r1"), (2, "r2")]
    assert rows('[{"record_id": "r1"}' + end)[1:] == ([(2, NOT_A_ROW)] if end else [])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e308", "-0.0", "1" * 5000])
def test_numbers_that_are_none_break_their_record_only(number: str) -> None:
    assert rows(f'{{"record_id": "r1"}}\n{{"record_id": {number}}}\n{{"record_id": "r3"}}\n') == [
        (1, "r1"),
        (2, NOT_A_ROW),
        (3, "r3"),
    ]


def test_records_of_other_systems_are_read_by_dotted_names() -> None:
    record = {"id": 7, "agent": {"id": "a1", "on": True}, "channels": [{"x": 1}], "rate": 0.5, "none": None}
    file = read(json.dumps(record))
    assert set(file.names) == {"id", "agent", "agent.id", "agent.on", "channels", "rate", "none"}
    (block,) = file.rows(
        ("id", "agent.id", "agent.on", "channels", "rate", "none", "gone.deeper"), plain=False
    )
    assert block.cells(0) == {
        "id": "7",
        "agent.id": "a1",
        "agent.on": "true",
        "channels": '[{"x": 1}]',
        "rate": "0.5",
        "none": "",
        "gone.deeper": "",
    }


# XLSX


def workbook(*sheet_rows: list[Any]) -> bytes:
    book = Workbook()
    for row in sheet_rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_the_first_sheet_of_a_workbook_is_read() -> None:
    content = workbook(
        [],
        ["record_id", "contact_id", "started_at", "ended_at", "note"],
        [17, " c1 ", "2024-06-10T08:00:00Z", None, "x"],
        [],
        ["r2", 1.5, datetime(2024, 6, 10, 8, 30), "e"],  # noqa: DTZ001 - a workbook knows no zones
    )
    assert rows(content) == [(3, "17"), (5, "r2")]
    (block,) = blocks(content)
    assert block.cells(0) == {
        "record_id": "17",
        "contact_id": "c1",
        "started_at": "2024-06-10T08:00:00Z",
        "ended_at": "",
        "customer": "",
    }
    assert block.columns["started_at"][1] == "2024-06-10T08:30:00"
    assert block.columns["contact_id"][1] == "1.5"


@pytest.mark.parametrize("broken", ["empty", "no workbook", "cut"])
def test_a_workbook_without_rows_or_a_broken_one_is_refused_as_a_whole(broken: str) -> None:
    content = {
        "empty": workbook(),
        "no workbook": zipped(("xl/workbook.xml", "<no/>")),
        "cut": workbook(["x"])[:-300],
    }[broken]
    with pytest.raises(UnreadableFileError, match=r"empty|cannot be read|damaged"):
        rows(content)


anything = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(alphabet='",\n\r{}r1 ', max_size=60)


@settings(max_examples=150)
@given(content=anything)
def test_whatever_stands_in_a_file_the_row_after_it_is_read_with_its_line_number(content: str) -> None:
    lines = io.StringIO(content + "\n", newline="").readlines()
    read_rows = rows(HEADER + content + "\n" + "last,c,s,e\n")
    numbers = [number for number, _ in read_rows]
    assert numbers == sorted(set(numbers))
    assert read_rows[-1] == (len(lines) + 2, "last")


def test_rows_of_one_line_stay_in_one_block_and_know_their_place_in_it() -> None:
    lines = [1, 1, 2, 3, 3, 3, 3, 4]
    block = Block(lines, [""] * len(lines), {"record_id": [str(number) for number in range(len(lines))]})
    gathered = list(gather([block], size=2))
    assert [list(each.line_numbers) for each in gathered] == [[1, 1], [2, 3, 3, 3, 3], [4]]
    assert [each.parts() for each in gathered] == [[0, 1], [0, 0, 1, 2, 3], [0]]
    assert [list(each.line_numbers) for each in gather([block], size=2, skip=2)] == [[2, 3, 3, 3, 3], [4]]


def test_an_empty_block_has_no_parts() -> None:
    assert Block([], [], {}).parts() == []
