"""The pages about formats: shipped ones for all, own ones for their organisation alone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.usage.formats import list_formats, shipped_texts
from apps.usage.models import FormatDescription
from apps.usage.services.formats import FormatRefused, save_format
from tests.conftest import PASSWORD
from tests.factories.pages import Browser
from tests.usage.test_formats import SESSIONS

SAMPLE = (
    "Session,Agent,Seat,From,To,Kind\ns1,a1,Plus,2024-06-10T08:00:00Z,,Signed in\ns2,a2,Gold,x,,Signed in\n"
)
SAMPLE += "s3,a3,Plus,2024-06-10T08:00:00Z,,Signed out\n"


def saved(by: User, text: str = SESSIONS) -> FormatDescription:
    with scope(by.scope):
        return save_format(text=text, by=by)


def names_for(user: User) -> list[str]:
    with scope(user.scope):
        return [each.name for each in list_formats() if not each.is_built_in]


@pytest.fixture
def reader(bob: User) -> User:
    with scope(PROVIDER):
        return User.objects.create_user(
            email="reader@example.com", role=Role.PARTNER_READER, password=PASSWORD, partner=bob.partner
        )


# The service


def test_a_description_belongs_to_who_has_added_it(bob: User, charlie: User, dana: User) -> None:
    saved(bob)
    assert (names_for(bob), names_for(charlie), names_for(dana)) == (["acme"], [], [])
    saved(charlie)
    saved(dana)
    assert (names_for(bob), names_for(charlie), names_for(dana)) == (["acme"], ["acme"], ["acme"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            SESSIONS.replace('"acme"', '"webex-tasks"'),
            "webex-tasks is the name of a shipped format; choose another.",
        ),
        (SESSIONS, "There is a format acme already."),
        (SESSIONS.replace("[keep]", "[kept]"), "kept is not known"),
        ("\0", "A description has no such characters."),
    ],
)
def test_a_description_that_cannot_be_is_refused(bob: User, text: str, line: str) -> None:
    saved(bob)
    with scope(bob.scope), pytest.raises(FormatRefused) as refused:
        save_format(text=text, by=bob)
    assert str(refused.value) == line


def test_a_change_is_kept_in_the_audit_trail_and_saving_again_is_none(bob: User) -> None:
    description = saved(bob)
    changed = SESSIONS.replace("Acme sessions", "Sessions of Acme")
    with scope(bob.scope):
        save_format(text=changed, by=bob, replaces=description)
        save_format(text=changed, by=bob, replaces=description)
        entries = list(AuditEntry.objects.filter(action="format.saved").order_by("pk"))
        assert [(entry.before, entry.after) for entry in entries] == [
            (None, {"text": SESSIONS}),
            ({"text": SESSIONS}, {"text": changed}),
        ]
        assert {entry.by for entry in entries} == {"bob@example.com"}


# The pages


def test_the_list_shows_shipped_formats_and_own_ones(
    client_of: Browser, bob: User, charlie: User, dana: User
) -> None:
    saved(bob)
    for user, seen in ((bob, True), (charlie, False), (dana, False)):
        page = client_of(user).get("/formats/").content.decode()
        assert ("Acme sessions" in page) is seen
        assert "Amazon Connect agent events" in page


def test_the_list_asks_the_database_as_often_whatever_it_holds(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    counts = []
    for number in range(3):
        saved(bob, SESSIONS.replace('"acme"', f'"acme-{number}"'))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/formats/")
        counts.append(len(queries))
    assert counts[0] == counts[2]


def test_a_customer_knows_nothing_of_formats(client_of: Browser, alice: User, bob: User) -> None:
    saved(bob)
    client = client_of(alice)
    for address in ("/formats/", "/formats/new/", "/formats/webex-tasks/", "/formats/acme/"):
        assert client.get(address).status_code == 404
    assert client.post("/formats/new/", {"text": SESSIONS}).status_code == 404
    assert client.post("/formats/acme/delete/").status_code == 404
    assert names_for(bob) == ["acme"]


def test_a_reader_reads_and_changes_nothing(client_of: Browser, reader: User, bob: User) -> None:
    saved(bob)
    client = client_of(reader)
    page = client.get("/formats/acme/")
    assert page.status_code == 200
    assert "<textarea" not in page.content.decode()
    assert "/formats/new/" not in client.get("/formats/").content.decode()
    assert client.get("/formats/new/").status_code == 403
    assert client.post("/formats/new/", {"text": SESSIONS.replace("acme", "mine")}).status_code == 403
    assert client.post("/formats/acme/", {"text": SESSIONS}).status_code == 403
    assert client.post("/formats/acme/delete/").status_code == 403
    assert names_for(bob) == ["acme"]


def test_a_strangers_format_is_as_a_missing_one(client_of: Browser, bob: User, charlie: User) -> None:
    saved(bob)
    client = client_of(charlie)
    for address in ("/formats/acme/", "/formats/missing/"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"text": SESSIONS}).status_code == 404
        assert client.post(f"{address}delete/").status_code == 404
    assert names_for(bob) == ["acme"]


def test_a_shipped_format_is_shown_and_cannot_be_changed(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    for name in shipped_texts():
        page = client.get(f"/formats/{name}/").content.decode()
        assert "recognise = [" in page
        assert f"/formats/new/?from={name}" in page
        assert "<textarea" not in page
        assert client.post(f"/formats/{name}/", {"text": SESSIONS}).status_code == 404
        assert client.post(f"/formats/{name}/delete/").status_code == 404


def test_a_description_starts_from_a_shipped_one_under_another_name(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    for name in shipped_texts():
        form = client.get("/formats/new/", {"from": name}).context["form"]
        answer = client.post("/formats/new/", {"text": form.initial["text"]})
        assert answer.headers["Location"] == f"/formats/our-{name}/"
    assert names_for(bob) == sorted(f"our-{name}" for name in shipped_texts())
    small = client.get("/formats/new/").context["form"].initial["text"]
    assert client.post("/formats/new/", {"text": small}).status_code == 302


def test_what_is_wrong_stands_at_the_field(client_of: Browser, bob: User) -> None:
    answer = client_of(bob).post("/formats/new/", {"text": SESSIONS.replace("[keep]", "[kept]")})
    assert answer.status_code == 200
    assert answer.context["form"].errors == {"text": ["kept is not known"]}
    assert names_for(bob) == []


def test_trying_shows_rows_as_they_would_be_read_and_keeps_nothing(client_of: Browser, bob: User) -> None:
    answer = client_of(bob).post("/formats/new/", {"text": SESSIONS, "sample": SAMPLE, "try": "1"})
    rows = [[str(cell) for cell in row] for row in answer.context["trial"].rows.data]
    assert len(rows) == 2
    page = answer.content.decode()
    assert "2 rows are read. 1 is not asked for." in page
    assert "unknown licence" in page
    assert names_for(bob) == []


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("", "Paste a few lines of such a file."),
        ("Session,Seat\n1,2", "the file lacks Agent, which a file of the format Acme sessions has"),
        ("\ufeff \n", "the file is empty"),
    ],
)
def test_a_sample_that_is_none_is_told_why(client_of: Browser, bob: User, sample: str, line: str) -> None:
    answer = client_of(bob).post("/formats/new/", {"text": SESSIONS, "sample": sample, "try": "1"})
    assert answer.context["form"].errors == {"sample": [line]}


def test_an_own_format_is_changed_and_removed(client_of: Browser, bob: User) -> None:
    saved(bob)
    client = client_of(bob)
    renamed = SESSIONS.replace('"acme"', '"acme-2"')
    assert client.post("/formats/acme/", {"text": renamed}).headers["Location"] == "/formats/acme-2/"
    assert names_for(bob) == ["acme-2"]
    assert client.post("/formats/acme-2/delete/").headers["Location"] == "/formats/"
    assert names_for(bob) == []


def test_a_description_that_was_valid_once_can_be_mended(client_of: Browser, bob: User) -> None:
    description = saved(bob)
    with scope(bob.scope):
        FormatDescription.objects.filter(pk=description.pk).update(text="of an older portal")
    assert names_for(bob) == []
    client = client_of(bob)
    assert "Not usable" in client.get("/formats/").content.decode()
    assert "of an older portal" in client.get("/formats/acme/").content.decode()
    assert client.post("/formats/acme/", {"text": SESSIONS}).status_code == 302
    assert names_for(bob) == ["acme"]
