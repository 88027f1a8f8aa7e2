"""Control totals seen: uploading a paper, its verdict, its differences, and strangers to whom nothing of it exists."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditEntry, User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.tasks import compare_control_paper
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper
from tests.conftest import SAMPLE
from tests.factories.clock import ToDay
from tests.factories.commands import Shell
from tests.factories.pages import Browser, get, text_of

LIST = "/customers/C-100/control/"
DETAIL = (SAMPLE / "guide-example" / "daily-detail.csv").read_bytes()


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over, the next one has begun."""
    to_day(date(2024, 7, 20))


def upload(client: Client, content: bytes, *, name: str = "detail.csv", **fields: str) -> Any:
    """What sending a paper is answered with; a worker has then compared it."""
    answer = client.post(LIST, {"paper": SimpleUploadedFile(name, content), **fields})
    work()
    return answer


def work() -> None:
    """What a worker does of what waits."""
    for paper in papers():
        compare_control_paper(paper.pk)


def compared(client: Client, content: bytes, **fields: str) -> str:
    """The words of the page to which an upload leads."""
    answer = upload(client, content, **fields)
    assert answer.status_code == 302, text_of(answer.content.decode())
    return text_of(get(client, f"{answer['Location']}?rows=differing"))


def papers() -> list[ControlPaper]:
    with scope(PROVIDER):
        return list(ControlPaper.objects.all())


def without(content: bytes, *parts: str) -> bytes:
    """A paper without the lines that have one of the parts."""
    return "\n".join(
        line for line in content.decode().splitlines() if not any(part in line for part in parts)
    ).encode()


def test_a_paper_that_agrees_says_so(client_of: Browser, bob: User) -> None:
    words = compared(client_of(bob), DETAIL)
    assert "5 of 5 days agree." in words
    assert "Compared up to 13 Jun 2024: the last 25 days of the cycle are not in their paper" in words
    (paper,) = papers()
    assert (paper.agrees, paper.kind, paper.first_day) == (True, "daily-detail", date(2024, 6, 9))
    assert "5 of 5 days agree." in text_of(get(client_of(bob), LIST))


def test_differences_stand_beside_ours_with_their_reason_and_the_proof(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    answer = upload(client, without(DETAIL, "2024-06-11"))
    page = get(client, answer["Location"])
    words = text_of(page)
    assert "1 of 5 days differs. All of it is explained." in words
    assert "Their paper has no row of 11 Jun 2024." in words
    assert "no row of theirs" in words
    assert "day=2024-06-11&amp;type=standard-named&amp;figure=used" in page
    assert "12 Jun 2024" not in words
    assert "12 Jun 2024" in text_of(get(client, f"{answer['Location']}?rows=all"))


def test_a_commitment_read_otherwise_names_the_subscription(client_of: Browser, bob: User) -> None:
    content = re.sub(rb"(Standard Named Agent,\d+),20,", rb"\1,0,", DETAIL)
    words = compared(client_of(bob), content)
    assert "Their commitment is without 20 × A-FLEX-WCC-S-N of Sub-1001." in words


def test_the_same_file_again_is_recognised_and_compared_anew(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    upload(client, DETAIL)
    words = compared(client, DETAIL)
    assert "This paper was here before." in words
    assert len(papers()) == 1


def test_comparing_again_takes_the_figures_of_now(client_of: Browser, bob: User, dana: User) -> None:
    upload(client_of(bob), DETAIL)
    (paper,) = papers()
    with scope(PROVIDER):
        ControlPaper.objects.update(result={**paper.result, "agree": False, "rows": []}, agrees=False)
    answer = client_of(dana).post(f"{LIST}{paper.pk}/again/")
    assert answer.status_code == 302
    work()
    (again,) = papers()
    assert again.agrees
    assert again.compared_by == dana.email
    assert again.result == paper.result


def test_a_workbook_semicolons_and_the_months_first_are_read_alike(client_of: Browser, bob: User) -> None:
    rows = [line.split(",") for line in DETAIL.decode().splitlines()]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([date.fromisoformat(row[0]) if row[0][0] == "2" else row[0], *row[1:]])
    out = io.BytesIO()
    book.save(out)
    semicolons = "\ufeff" + "\r\n".join(
        ";".join([re.sub(r"(\d+)-(\d+)-(\d+)", r"\2/\3/\1", row[0]), *row[1:]]) for row in rows
    )
    for content in (out.getvalue(), semicolons.encode(), semicolons.encode("utf-16")):
        assert "5 of 5 days agree." in compared(client_of(bob), content)


def test_concurrent_peaks_are_a_control_total(client_of: Browser, bob: User) -> None:
    words = compared(client_of(bob), b"day,peak\n2024-06-10,900\n")
    assert "Concurrent peaks" in words
    assert "cannot be explained" in words


GENESYS = b"Date,Peak Concurrent Users\n"
BROKEN = [
    ("nothing", b"", "The submitted file is empty."),
    ("a header alone", b"day,peak\n", "The file has no rows."),
    ("other columns", b"a,b\n1,2\n", "The columns are not those of a Daily Detail"),
    ("NUL", DETAIL.replace(b"Premium", b"Pre\x00mium", 1), "The file is neither text nor a workbook."),
    ("a program", b"MZ\x90\x00\x03" + bytes(range(256)) * 40, "The file is neither text nor a workbook."),
    ("a broken workbook", b"PK\x03\x04" + b"x" * 500, "The workbook cannot be read."),
    ("an open quote", DETAIL + b'2024-06-14,"Premium', "A quotation mark is not closed."),
    ("a long cell", b"day,peak\n2024-06-10," + b"1" * 2000, "A cell is longer than 1,000 characters."),
    ("a cell of megabytes", b"day,peak\n" + b"1" * 4_000_000, "A cell is longer than 1,000 characters."),
    ("too large", b"day,peak\n" + b"1" * 6_000_000, "The file is larger than 5 MB."),
    ("a huge number", b"day,peak\n2024-06-10,1e308\n", "Line 2, “1e308”: A whole number of units"),
    ("no number", b"day,peak\n2024-06-10,NaN\n", "Line 2, “NaN”"),
    ("minus nothing", b"day,peak\n2024-06-10,-0\n", "Line 2, “-0”"),
    ("no such day", b"day,peak\n2024-02-30,1\n", "Line 2, “2024-02-30”: A day was expected."),
    ("the end of time", b"day,peak\n9999-12-31,1\n", "None of the days of this paper"),
    ("more cells", b"day,peak\n2024-06-10,1,2\n", "Line 2: The row has more or fewer cells"),
    ("more cells of theirs", GENESYS + b"2024-06-10,1,204\n", "Line 2: The row has more or fewer cells"),
    ("two readings", GENESYS + b'2024-06-10,"1,204"\n', "Line 2, “1,204”: A whole number of units"),
    (
        "a column twice",
        b"Peak Concurrent Users," + GENESYS + b"1,2024-06-10,2\n",
        "the header has twice: Peak Con",
    ),
    ("an unknown type", DETAIL.replace(b"Standard Named", b"Fax"), "Line 3, “Fax Agent”: A usage type"),
    ("broken JSON", b'{"lines": [', "The JSON is not that of invoices"),
    ("deep JSON", b"[" * 20_000, "The JSON is not that of invoices"),
    ("JSON of something else", b'{"lines": 3}', "The JSON is not that of invoices"),
    ("NUL in JSON", b'{"lines": [{"sku": "a\\u0000", "quantity": 1}]}', "Line 1: The file is neither text"),
    (
        "half a character",
        b'{"lines": [{"sku": "\\ud800", "quantity": 1}]}',
        "Line 1: The file is neither text",
    ),
    ("an odd seller", b'{"seller": "\\u0000", "lines": [{"sku": "a", "quantity": 1}]}', "The JSON is not"),
    ("a huge number in JSON", b'{"lines": [{"sku": "a", "quantity": 1e999}]}', "Line 1, “1E+999”"),
    ("NaN in JSON", b'{"lines": [{"quantity": NaN}]}', "The JSON is not that of invoices"),
]


@pytest.mark.parametrize(("content", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_file_is_refused_with_one_line_and_nothing_is_kept(
    client_of: Browser, bob: User, content: bytes, said: str
) -> None:
    answer = upload(client_of(bob), content)
    assert answer.status_code == 400
    assert said in text_of(answer.content.decode())
    assert papers() == []


def test_markup_in_names_and_cells_stays_words(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    answer = upload(client, b"day,peak\n<script>alert(1)</script>,1\n", name="<b>x.csv")
    assert b"<script>alert" not in answer.content
    page = client.get(upload(client, DETAIL, name="<b>&.csv")["Location"]).content
    assert b"&lt;b&gt;&amp;.csv" in page


def test_a_table_of_differences_goes_out_as_csv(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    place = upload(client, without(DETAIL, "2024-06-11"))["Location"]
    answer = client.get(f"{place}export.csv")
    heading, *rows = answer.content.decode().splitlines()
    assert heading.startswith("Usage Date,Usage Type,Line,Their Units Used,Our Units Used")
    assert next(row for row in rows if "no row of theirs" in row).startswith(
        "2024-06-11,Premium Named Agent,,,"
    )


# Who sees it


def test_strangers_and_customers_find_nothing(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User
) -> None:
    place = upload(client_of(bob), DETAIL)["Location"]
    for user in (alice, charlie):
        client = client_of(user)
        assert upload(client, DETAIL).status_code == 404
        for address in (LIST, place, f"{place}export.csv"):
            assert client.get(address).status_code == 404
        assert client.post(f"{place}again/").status_code == 404
    assert client_of(dana).get(place).status_code == 200
    assert len(papers()) == 1
    with scope(charlie.scope):
        assert not ControlPaper.objects.exists()
    with scope(bob.scope):
        assert ControlPaper.objects.count() == 1


def test_a_paper_of_another_customer_is_missing(
    client_of: Browser, dana: User, strangers: Customer, bob: User
) -> None:
    place = upload(client_of(bob), DETAIL)["Location"]
    assert client_of(dana).get(place.replace("C-100", "C-900")).status_code == 404


def test_a_number_that_no_paper_can_have_is_missing(client_of: Browser, bob: User) -> None:
    assert client_of(bob).get(f"{LIST}{'9' * 40}/").status_code == 404


def test_the_tab_is_not_for_customers(client_of: Browser, alice: User, bob: User) -> None:
    address = "/customers/C-100/daily-detail/"
    assert LIST.encode() in client_of(bob).get(address).content
    assert LIST.encode() not in client_of(alice).get(address).content


def test_the_audit_trail_tells_the_partner_and_not_the_customer(
    client_of: Browser, alice: User, bob: User
) -> None:
    upload(client_of(bob), DETAIL)
    with scope(bob.scope):
        entry = AuditEntry.objects.get(action="control.compared")
    assert entry.by == bob.email
    with scope(alice.scope):
        assert not AuditEntry.objects.filter(action="control.compared").exists()


def test_the_list_asks_the_database_as_much_for_many_papers_as_for_one(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    upload(client, DETAIL)
    client.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as of_one:
        client.get(LIST)
    for number in range(5):
        upload(client, DETAIL + b"\n" * number + b",,,,,,,\n")
    with CaptureQueriesContext(connection) as of_many:
        assert "detail.csv" in text_of(get(client, LIST))
    assert len(papers()) == 6
    assert len(of_many) == len(of_one) <= 14


def test_no_page_asks_for_the_lines_of_a_paper(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    place = upload(client, DETAIL)["Location"]
    with CaptureQueriesContext(connection) as asked:
        for address in (LIST, place, f"{place}export.csv"):
            assert client.get(address).status_code == 200
        assert client.post(f"{place}again/").status_code == 302
    of_papers = [query["sql"] for query in asked if 'FROM "reconciliation_controlpaper"' in query["sql"]]
    assert len(of_papers) == 5  # the list counts first
    assert not [query for query in of_papers if '"rows"' in query]


# The command


def test_the_command_prints_the_comparison(guide_example: Customer, shell: Shell, tmp_path: Path) -> None:
    cycle = ("--customer", "C-100", "--cycle", "2024-06-09")
    ran = shell("compare_totals", SAMPLE / "guide-example" / "daily-detail.csv", *cycle)
    assert ran.code == 0
    assert (ran.json["customer"], ran.json["agree"], ran.json["days"]) == ("C-100", True, 5)
    other = tmp_path / "other.csv"
    other.write_bytes(without(DETAIL, "2024-06-11"))
    ran = shell("compare_totals", other, *cycle)
    assert (ran.code, ran.json["differing_days"], ran.json["unexplained_days"]) == (3, 1, 0)
    assert {each["cause"] for each in ran.json["explanations"]} == {"missing-row"}
    said = shell("compare_totals", other, *cycle, "--format", "text").out
    assert said == "1 of 5 days differs. All of it is explained.\n  no row of theirs\n"
    assert len(papers()) == 2


WRONG = [
    ("2024-06-09", "nothing.csv", [], "No such file"),
    ("2024-06-10", "", [], "None of the days"),
    ("2024-06-09", "", ["--as-of", "noon"], "--as-of: 'noon' is not a moment"),
]


@pytest.mark.parametrize(("cycle", "name", "options", "said"), WRONG)
def test_the_command_ends_with_one_line(
    guide_example: Customer, shell: Shell, cycle: str, name: str, options: list[str], said: str
) -> None:
    path = SAMPLE / "guide-example" / (name or "daily-detail.csv")
    ran = shell("compare_totals", path, "--customer", "C-100", "--cycle", cycle, *options)
    assert said in ran.refusal
