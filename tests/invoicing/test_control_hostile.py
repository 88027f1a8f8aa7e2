"""Papers made to occupy or to break their reader: each is refused with one line, soon, and holds little memory."""

from __future__ import annotations

import io
import json
import random
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime

import openpyxl
import pytest

from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.organisations.models import Customer
from apps.reconciliation.domain.control_papers import DETAIL_HEADER
from apps.reconciliation.models import ControlPaper

NOW = datetime(2024, 7, 20, 12, tzinfo=UTC)
SHEET, SHARED = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SECONDS, MEGABYTES = 6, 120


def workbook(**parts: str) -> bytes:
    """A paper as a workbook; ``sheet`` and ``shared`` replace what it has in them."""
    book = openpyxl.Workbook()
    for row in (("day", "peak"), (date(2024, 6, 10), 3)):
        book.active.append(row)
    made, out = io.BytesIO(), io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as plain, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in plain.infolist():
            is_sheet = each.filename == SHEET and "sheet" in parts
            packed.writestr(each.filename, parts["sheet"] if is_sheet else plain.read(each))
        packed.writestr(SHARED, parts.get("shared", ""))
        for number in range(int(parts.get("more", "0"))):
            packed.writestr(f"more-{number}", b"0" * 10**6)
    return out.getvalue()


def sheet(inside: str) -> bytes:
    return workbook(sheet=f'<worksheet xmlns="{_NAMESPACE}"><sheetData>{inside}</sheetData></worksheet>')


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


HEADING = f"<row>{text_cell('day')}{text_cell('peak')}</row>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
HEADER = ",".join(DETAIL_HEADER)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a mark alone": lambda: b"\xef\xbb\xbf",
    "UTF-16 that ends in the middle": lambda: "day,peak\n2024-06-10,1\n".encode("utf-16")[:-1],
    "UTF-16 without a mark": lambda: "day,peak\n2024-06-10,1\n".encode("utf-16-le"),
    "UTF-32": lambda: "day,peak\n2024-06-10,1\n".encode("utf-32"),
    "a program": lambda: b"MZ\x90\x00\x03" + bytes(range(256)) * 4_000,
    "a program in a workbook's clothes": lambda: b"PK\x03\x04MZ\x90\x00" + bytes(range(256)) * 4_000,
    "a PDF": lambda: b"%PDF-1.7\n" + b"\xe2\xe3\xcf\xd3\n" * 1_000,
    "gzip": lambda: b"\x1f\x8b\x08\x00" + b"\x00" * 1_000,
    "a quote over all lines": lambda: b'day,peak\n"' + b"2024-06-10,1\n" * 300_000,
    "a cell of 5 MB": lambda: b"day,peak\n2024-06-10," + b"9" * 5_000_000,
    "a cell of 10 MB": lambda: b"day,peak\n2024-06-10," + b"9" * 10_000_000,
    "a million lines": lambda: b"day,peak\n" + b"0,1\n" * 1_000_000,
    "five million empty lines": lambda: b"day,peak\n" + b"\n" * 5_000_000,
    "a million columns": lambda: b"," * 1_000_000 + b"\n" + b"," * 1_000_000,
    "hundreds of columns": lambda: (HEADER + ",x" * 300).encode() + b"\n" + b"1," * 308,
    "two columns of one name": lambda: b"day,peak,peak\n2024-06-10,1,2\n",
    "1e308": lambda: f"{HEADER}\n2024-06-10,IVR Port,1e308,0,0,0,Ports,\n".encode(),
    "NaN": lambda: f"{HEADER}\n2024-06-10,IVR Port,1,NaN,0,0,Ports,\n".encode(),
    "minus nothing": lambda: f"{HEADER}\n2024-06-10,IVR Port,1,1,-0,0,Ports,\n".encode(),
    "other digits": lambda: f"{HEADER}\n2024-06-10,IVR Port,１,0,0,0,Ports,\n".encode(),
    "the year 9999": lambda: f"{HEADER}\n9999-12-31,IVR Port,1,0,0,0,Ports,\n".encode(),
    "the year 0": lambda: f"{HEADER}\n0000-00-00,IVR Port,1,0,0,0,Ports,\n".encode(),
    "a type of 900 letters": lambda: f"{HEADER}\n2024-06-10,{'x' * 900},1,0,0,0,Ports,\n".encode(),
    "a million objects": lambda: b'{"lines": [' + b"{}," * 1_000_000 + b"{}]}",
    "a number of 5,000 digits": lambda: b'{"lines": [{"sku": "a", "quantity": ' + b"9" * 5_000 + b"}]}",
    "a year 9999 in JSON": lambda: json.dumps(
        {"lines": [{"sku": "a", "quantity": 1, "period_from": "9999-12-31", "period_to": "9999-12-31"}]}
    ).encode(),
    "1e308 in JSON": lambda: b'{"lines": [{"sku": "a", "quantity": 1, "amount": 1e308}]}',
    "a row of a million cells": lambda: sheet(f"<row>{'<c/>' * 1_000_000}</row>"),
    "millions of rows": lambda: sheet("<row/>" * 3_000_000),
    "a row far down": lambda: sheet(f'{HEADING}<row r="1048576"><c r="A1048576"/></row>'),
    "a cell far to the right": lambda: sheet(f'{HEADING}<row r="2"><c r="XFD2"><v>1</v></c></row>'),
    "entities in entities": lambda: workbook(
        sheet=f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><worksheet xmlns="{_NAMESPACE}"><sheetData>{HEADING}'
        f"<row>{text_cell('&l8;')}{text_cell('1')}</row></sheetData></worksheet>"
    ),
    "a million shared texts": lambda: workbook(
        shared=f'<sst xmlns="{_NAMESPACE}">{"<si><t>a</t></si>" * 1_000_000}</sst>'
    ),
    "a zip of zeros": lambda: workbook(more="25"),
    "an XML that ends early": lambda: sheet(f"{HEADING}<row><c"),
    "a control character in a cell": lambda: sheet(
        f"{HEADING}<row>{text_cell('&#1;')}{text_cell('1')}</row>"
    ),
    "a sheet of nothing": lambda: sheet(""),
}


def take(customer: Customer, content: bytes) -> ControlPaper:
    with scope(PROVIDER):
        return take_paper(
            customer=customer, upload=Upload("x", content), today=NOW.date(), now=NOW, by="test"
        )[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_with_one_line(guide_example: Customer, name: str) -> None:
    content = HOSTILE[name]()
    begun = time.process_time()
    with pytest.raises(Refusal) as refused:
        take(guide_example, content)
    assert time.process_time() - begun < SECONDS
    line = str(refused.value)
    assert line.strip()
    assert "\n" not in line
    assert len(line) < 300
    with scope(PROVIDER):
        assert not ControlPaper.objects.exists()


LARGE = [
    "a cell of 5 MB",
    "a million columns",
    "a million objects",
    "a row of a million cells",
    "a zip of zeros",
]


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_is_not_held(guide_example: Customer, name: str) -> None:
    content = HOSTILE[name]()
    tracemalloc.start()
    with pytest.raises(Refusal):
        take(guide_example, content)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MEGABYTES * 2**20


def test_a_workbook_with_any_byte_changed_is_read_or_refused(guide_example: Customer) -> None:
    """What is read compares, and what is not says so; nothing else comes of it."""
    whole, chance = workbook(), random.Random(5)
    outcomes = set()
    for _number in range(80):
        content = bytearray(whole)
        for _change in range(chance.randint(1, 4)):
            content[chance.randrange(4, len(content))] = chance.randrange(256)
        cut = bytes(content[: chance.choice([len(content), chance.randrange(4, len(content))])])
        with suppress(Refusal):
            paper = take(guide_example, cut)
            outcomes.add(compare_paper(paper_id=paper.pk, now=NOW).state)
            continue
        outcomes.add("refused")
    assert outcomes == {"compared", "refused"}


def test_a_workbook_with_empty_rows_is_taken(guide_example: Customer) -> None:
    rows = "".join(
        f"<row>{text_cell('2024-06-10')}{text_cell('3')}</row>" if number % 2 else "<row/>"
        for number in range(2_000)
    )
    assert len(take(guide_example, sheet(HEADING + rows)).rows) == 1_000
