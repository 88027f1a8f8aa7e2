"""Rows of usage files: CSV and NDJSON, with the number of each row's first line and its text."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.usage.domain.files import LONGEST_TEXT, FileRow, UnreadableFileError, UsageFile, read_usage_file
from apps.usage.domain.records import KINDS_OF_FILE, RejectedRowError

LEGS = KINDS_OF_FILE["ivr-legs"]
HEADER = "record_id,contact_id,started_at,ended_at\n"


def read(content: str | bytes) -> UsageFile:
    """As the service opens a file: broken UTF-8 as lone surrogates, line ends untouched."""
    raw = content if isinstance(content, bytes) else content.encode()
    return read_usage_file(
        io.TextIOWrapper(io.BytesIO(raw), "utf-8-sig", "surrogateescape", newline=""), LEGS
    )


def told(row: FileRow) -> tuple[int, str]:
    """A row's line number, and its record id or what is wrong."""
    if isinstance(row.cells, RejectedRowError):
        return row.line_number, f"! {row.cells}"
    return row.line_number, row.cells["record_id"]


def rows(content: str | bytes) -> list[tuple[int, str]]:
    return [told(row) for row in read(content).rows]


def cells(content: str) -> list[dict[str, str]]:
    return [row.cells for row in read(content).rows if isinstance(row.cells, dict)]


def test_a_csv_file_is_read_row_by_row_with_line_numbers() -> None:
    file = list(read(HEADER + "r1,c1,s,e\nr2,c2,s,\n").rows)
    assert [told(row) for row in file] == [(2, "r1"), (3, "r2")]
    assert file[0].cells == {"record_id": "r1", "contact_id": "c1", "started_at": "s", "ended_at": "e"}
    assert file[1].text == "r2,c2,s,"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(ending: str) -> None:
    assert rows((HEADER + "r1,c,s,e\nr2,c,s,e\n").replace("\n", ending)) == [(2, "r1"), (3, "r2")]


def test_a_last_line_without_an_end_is_read() -> None:
    assert rows(HEADER + "r1,c,s,e") == [(2, "r1")]


def test_columns_stand_in_any_order() -> None:
    assert cells("ended_at,record_id,started_at,contact_id\ne,r1,s,c1\n") == [
        {"record_id": "r1", "contact_id": "c1", "started_at": "s", "ended_at": "e"}
    ]


def test_unknown_columns_are_told_and_ignored() -> None:
    file = read("record_id,queue,contact_id,started_at,note,ended_at,queue\nr1,q,c1,s,n,e,q\n")
    assert file.unknown_columns == ("queue", "note")
    assert [told(row) for row in file.rows] == [(2, "r1")]


def test_the_customer_column_is_known_but_optional() -> None:
    file = read("customer,record_id,contact_id,started_at,ended_at\nC-1,r1,c,s,e\n")
    assert list(file.unknown_columns) == []
    assert [row.cells["customer"] for row in file.rows if isinstance(row.cells, dict)] == ["C-1"]


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
        ("record_id,contact_id,started_at\n", "the header lacks the column ended_at"),
        ("record_id,agent_id\n", "the header lacks the column contact_id, started_at, ended_at"),
        ("Record_Id,contact_id,started_at,ended_at\n", "the header lacks the column record_id"),
        (HEADER.replace("\n", ",record_id\n"), "the header has the column record_id twice"),
        (HEADER.replace("\n", ",customer,customer\n"), "the header has the column customer twice"),
        ('record_id,"contact_id', "the header cannot be read"),
        ("[1, 2, 3]", "the header lacks the column"),
        ("%PDF-1.7\n", "the header lacks the column"),
    ],
)
def test_what_is_no_file_of_its_kind_is_refused_as_a_whole(content: str, said: str) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        read(content)


def test_utf_16_is_refused_as_a_whole() -> None:
    with pytest.raises(UnreadableFileError, match="the header"):
        read((HEADER + "r1,c,s,e\n").encode("utf-16"))


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
    file = list(read(HEADER + 'r1,"c,s,e\n' + "".join(f"r{n},c,s,e\n" for n in range(2, 500))).rows)
    assert [told(row) for row in file[:2]] == [(2, "! not a row of this file"), (3, "r2")]
    assert file[0].text == 'r1,"c,s,e'
    assert len(file) == 499


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
    (row,) = read(HEADER + "x" * 5000 + "\n").rows
    assert row.text == "x" * LONGEST_TEXT


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
        {"record_id": "17", "contact_id": "c1", "started_at": "s", "ended_at": "", "customer": "C-1"}
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


anything = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(alphabet='",\n\r{}r1 ', max_size=60)


@settings(max_examples=150, deadline=None)
@given(content=anything)
def test_whatever_stands_in_a_file_the_row_after_it_is_read_with_its_line_number(content: str) -> None:
    lines = io.StringIO(content + "\n", newline="").readlines()
    read_rows = rows(HEADER + content + "\n" + "last,c,s,e\n")
    numbers = [number for number, _ in read_rows]
    assert numbers == sorted(set(numbers))
    assert read_rows[-1] == (len(lines) + 2, "last")
