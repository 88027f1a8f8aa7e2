"""Control totals over the API: sent by programs and administrators, read page by page, and of nobody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import KeyScope, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper
from tests.conftest import SAMPLE
from tests.factories.clock import ToDay
from tests.factories.keys import program_of
from tests.factories.pages import Browser
from tests.factories.people import made_user

LIST = "/api/v1/customers/C-100/control-totals/"
DETAIL = (SAMPLE / "guide-example" / "daily-detail.csv").read_bytes()
NOW = datetime(2024, 7, 20, 12, tzinfo=UTC)
WRITE, READ = KeyScope.USAGE_WRITE, KeyScope.USAGE_READ


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cycle of June is over. Nobody is rung for: the tests are the workers."""
    to_day(NOW.date())
    monkeypatch.setattr("apps.invoicing.api.control.compare_control_paper.delay", lambda _paper_id: None)


def send(client: Client, content: bytes = DETAIL, *, query: str = "", mime: str = "text/csv") -> Any:
    return client.post(f"{LIST}{query}", content, content_type=mime)


def sent(client: Client, content: bytes = DETAIL, *, query: str = "") -> dict[str, Any]:
    """A paper that was sent and compared, as it is read then."""
    answer = send(client, content, query=query)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting"), answer.content
    compare_paper(paper_id=answer.json()["id"], now=NOW)
    told: dict[str, Any] = client.get(answer["Location"]).json()
    return told


def without(day: str) -> bytes:
    return b"\n".join(line for line in DETAIL.splitlines() if not line.startswith(day.encode()))


def test_a_program_sends_a_paper_and_reads_what_came_of_it(bob: User) -> None:
    program = program_of(bob)
    told = sent(program, query="?name=theirs.csv&cycle=2024-06-09&as_of=2024-06-14T06:00:00%2B02:00")
    outcome = told.pop("outcome")
    assert (told["name"], told["state"], told["agrees"]) == ("theirs.csv", "compared", True)
    assert told["cycle"] == {"first_day": "2024-06-09", "last_day": "2024-07-08"}
    assert told["as_of"] == "2024-06-14T04:00:00Z"
    assert told["uploaded_by"].startswith("Exporter (pp_")
    assert (outcome["compared"], outcome["differing"], outcome["explanations"]) == (5, 0, [])
    assert program.get(LIST).json() == {"next": None, "results": [told]}


def test_rows_come_by_pages_with_their_reasons(bob: User) -> None:
    program = program_of(bob)
    told = sent(program, without("2024-06-11"))
    assert told["outcome"]["verdict"] == "1 of 5 days differs. All of it is explained."
    assert {each["cause"] for each in told["outcome"]["explanations"]} == {"missing-row"}
    address, rows = f"{LIST}{told['id']}/rows/?page_size=4", []
    while address:
        page = program.get(address).json()
        assert len(page["results"]) <= 4
        rows += page["results"]
        address = page["next"]
    assert len(rows) == len(DETAIL.splitlines()) - 1
    missing = next(row for row in rows if row["day"] == "2024-06-11")
    assert (missing["theirs"], missing["line"]) == (None, None)
    assert missing["ours"]["used"] > 0
    assert missing["differs"] == [
        {
            "column": "used",
            "reasons": [{"cause": "missing-row", "certainty": "fits", "text": "no row of theirs"}],
        }
    ]
    assert not any(row["differs"] for row in rows if row["day"] != "2024-06-11")


def test_what_a_paper_does_not_say_is_no_error(bob: User) -> None:
    program = program_of(bob)
    answer = send(program)
    told = program.get(answer["Location"]).json()
    assert (told["outcome"], told["agrees"], told["compared_at"]) == (None, None, None)
    assert program.get(f"{answer['Location']}rows/").json() == {"next": None, "results": []}
    assert told["name"] == "Paper"


def test_strangers_customers_and_readers_send_and_find_nothing(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, guide_example: Customer
) -> None:
    told = sent(program_of(bob))
    place = f"{LIST}{told['id']}/"
    for client in (client_of(alice), client_of(charlie), program_of(charlie)):
        for address in (LIST, place, f"{place}rows/"):
            assert client.get(address).status_code == 404
        assert send(client).status_code == 404
    assert client_of(charlie).get(LIST.replace("C-100", "C-900")).json()["results"] == []
    for client in (client_of(charlie), client_of(dana)):
        assert client.get(place.replace("C-100", "C-900")).status_code == 404
    assert client_of(dana).get(place).json() == told
    reader = made_user("rita@example.com", Role.PARTNER_READER, guide_example)
    with scope(PROVIDER):
        assert ControlPaper.objects.count() == 1
    assert client_of(reader).get(place).json() == told
    assert send(client_of(reader)).status_code == 403
    assert client_of(bob).get(f"{LIST}{10**30}/").status_code == 404


def test_a_key_does_what_it_was_made_for(bob: User) -> None:
    assert send(program_of(bob, READ)).status_code == 403
    assert program_of(bob, READ).get(LIST).status_code == 200
    assert program_of(bob, WRITE).get(LIST).status_code == 403
    assert send(program_of(bob, WRITE)).status_code == 202


def test_a_browser_needs_its_token(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    assert send(client).status_code == 202
    client.handler.enforce_csrf_checks = True
    assert send(client).status_code == 403


REFUSED = [
    (b"a,b\n1,2\n", "", 422, "The columns are not those of a Daily Detail"),
    (b"", "", 422, "The file has no rows."),
    (b"day,peak\n2024-06-10,1e308\n", "", 422, "Line 2, “1e308”"),
    (b"MZ\x90\x00\xff\xfe", "", 422, "The file is neither text nor a workbook."),
    (b"9" * (5 * 2**20 + 1), "", 413, "more than 5242880 bytes"),
    (b"day,peak\n9999-12-31,1\n", "", 409, "None of the days of this paper"),
    (DETAIL, "?cycle=2024-06-10", 409, "None of the days of this paper"),
    (DETAIL, "?cycle=soon", 400, "What was sent has mistakes."),
    (DETAIL, "?cycle=06/09/2024", 400, "What was sent has mistakes."),
    (DETAIL, "?as_of=9999-12-31T23:59:59-14:00", 400, "What was sent has mistakes."),
    (DETAIL, "?name=%00", 400, "What was sent has mistakes."),
]


@pytest.mark.parametrize(("content", "query", "status", "said"), REFUSED)
def test_what_cannot_be_taken_is_refused_with_one_line(
    bob: User, content: bytes, query: str, status: int, said: str
) -> None:
    answer = send(program_of(bob), content, query=query)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    with scope(PROVIDER):
        assert not ControlPaper.objects.exists()


def test_the_list_asks_the_database_as_much_for_many_as_for_one(bob: User, guide_example: Customer) -> None:
    program = program_of(bob)

    def take(number: int) -> None:
        with scope(PROVIDER):
            take_paper(
                customer=guide_example,
                upload=Upload("x.csv", f"day,peak\n2024-06-10,{number}\n".encode()),
                today=NOW.date(),
                now=NOW,
                by="test",
            )

    take(1)
    program.get(LIST)
    with CaptureQueriesContext(connection) as of_one:
        program.get(LIST)
    for number in range(2, 6):
        take(number)
    with CaptureQueriesContext(connection) as of_many:
        assert len(program.get(LIST).json()["results"]) == 5
    assert len(of_many) == len(of_one) <= 8
