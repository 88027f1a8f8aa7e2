"""The pages of rows kept aside: each sender sees its own, administrators mend, a stranger finds nothing."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, User
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.core.tenancy import Role as DatabaseRole
from apps.organisations.models import Customer
from apps.usage.models import CustomerAlias, Interval, RowKeptAside, Source
from tests.conftest import import_file
from tests.factories.pages import Browser, get, text_of
from tests.factories.people import made_user
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.usage import UsageFiles

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "record_id,agent_id,licence,started_at,ended_at,customer\n"
LIST = "/kept-aside/"
CSV = "/kept-aside/export.csv"


@pytest.fixture(autouse=True)
def in_january(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1 of P-1; C-2 is a stranger's."""
    enter(portfolio(partner("P-1", customer("C-1")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


@pytest.fixture
def ben(owner: Customer) -> User:
    return made_user("ben@example.com", Role.PARTNER_ADMIN, owner)


@pytest.fixture
def charlie(owner: Customer) -> User:
    return made_user("charlie@example.com", Role.PARTNER_ADMIN, stored_customer("C-2"))


def row(number: int, *, at: str = "2024-06-10T08:00:00Z", licence: str = "standard", of: str = "C-1") -> str:
    return f"r{number},a,{licence},{at},,{of}\n"


def deliver(files: UsageFiles, rows: str, owner: Customer) -> None:
    sender = Scope(DatabaseRole.PARTNER, owner.partner_id)
    import_file("agent-sessions", files.write(HEADER + rows), sender=sender, source="acd")


def group_of(html: str) -> str:
    """The address of the first group."""
    return unescape(re.search(r'href="(/kept-aside/group/[^"]+)"', html)[1])  # type: ignore[index]


def only_row() -> RowKeptAside:
    with scope(PROVIDER):
        return RowKeptAside.objects.get()


def hidden(html: str) -> dict[str, str]:
    """What the button under a preview sends."""
    form = html[html.index('id="preview"') : html.index("Send again")]
    return dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))


def test_what_is_to_be_mended_comes_first_and_then_the_rows(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, of="KB-7") + row(2, of="KB-7") + row(3, licence="PRM"), owner)
    text = text_of(get(client_of(ben), LIST))
    assert text.index("Unknown customer “KB-7” 2 acd") < text.index("Unknown licence “PRM” 1")
    assert text.index("Unknown licence “PRM” 1") < text.index("Line 2")
    assert "r1,a,standard,2024-06-10T08:00:00Z,,KB-7" in text


def test_a_group_is_mended_after_a_look_at_what_becomes_of_it(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, of="KB-7") + row(2, of="KB-7", licence="?") + row(3, of="KB-8"), owner)
    client = client_of(ben)
    address = group_of(get(client, LIST))
    asked = {"step": "preview", "customer": "C-1", "remember": "on"}
    preview = client.post(address, asked)
    assert preview.status_code == 200
    text = text_of(preview.content.decode())
    assert "2 rows will be sent again; 1 would be taken." in text
    assert "1 still not: unknown licence" in text
    with scope(PROVIDER):
        assert not Interval.objects.exists()
        assert not CustomerAlias.objects.exists()
    sent = client.post(address, hidden(preview.content.decode()), follow=True)
    told = text_of(sent.content.decode())
    assert "1 row was sent again: 1 accepted." in told
    assert "Still open: 1 still not: unknown licence." in told
    with scope(PROVIDER):
        assert Interval.objects.get().record_id == "r1"
        assert CustomerAlias.objects.get().name == "KB-7"
        assert RowKeptAside.objects.filter(settled_at=None).count() == 2


@pytest.mark.parametrize(
    ("rows", "asked", "stored"),
    [
        (row(1, at="2024-06-10T08:00:00"), {"zone": "Europe/Stockholm"}, "2024-06-10T06:00:00+00:00"),
        (row(1, licence="PRM"), {"licence": "premium"}, "2024-06-10T08:00:00+00:00"),
    ],
)
def test_each_reason_has_its_own_form(
    owner: Customer,
    ben: User,
    files: UsageFiles,
    client_of: Browser,
    rows: str,
    asked: dict[str, str],
    stored: str,
) -> None:
    deliver(files, rows, owner)
    client = client_of(ben)
    address = group_of(get(client, LIST))
    assert client.post(address, {"step": "preview"}).status_code == 422
    assert client.post(address, {"step": "send", **asked}).status_code == 302
    with scope(PROVIDER):
        assert Interval.objects.get().started_at.isoformat() == stored


@pytest.mark.parametrize(("hour", "stored"), [("first", 0), ("second", 1)])
def test_of_two_hours_one_is_chosen(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser, hour: str, stored: int
) -> None:
    with scope(PROVIDER):
        Source.objects.create(partner=owner.partner, name="acd", time_zone="Europe/Stockholm")
    deliver(files, row(1, at="2024-10-27T02:30:00"), owner)
    client = client_of(ben)
    address = group_of(get(client, LIST))
    assert client.post(address, {"step": "send", "hour": hour}).status_code == 302
    with scope(PROVIDER):
        assert Interval.objects.get().started_at == datetime(2024, 10, 27, stored, 30, tzinfo=UTC)


def test_a_group_is_sent_as_it_is_or_set_aside_for_good(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, of="C-9") + row(2, licence="?"), owner)
    client = client_of(ben)
    groups = [unescape(each) for each in re.findall(r'href="(/kept-aside/group/[^"]+)"', get(client, LIST))]
    customer_group = next(each for each in groups if "customer" in each)
    licence_group = next(each for each in groups if "licence" in each)
    enter(portfolio(partner("P-1", customer("C-9"))))
    preview = client.post(customer_group, {"step": "preview", "mend": "as-they-are"})
    assert "1 row will be sent again; 1 would be taken." in text_of(preview.content.decode())
    assert client.post(customer_group, hidden(preview.content.decode())).status_code == 302
    assert client.post(licence_group, {"step": "set-aside"}).status_code == 422
    assert client.post(licence_group, {"step": "set-aside", "aside-reason": "a test call"}).status_code == 302
    with scope(PROVIDER):
        assert list(RowKeptAside.objects.order_by("pk").values_list("outcome", flat=True)) == ["accepted", ""]
        assert not RowKeptAside.objects.filter(settled_at=None).exists()
    assert "Nothing" not in get(client, LIST)
    assert client.get(licence_group).status_code == 200  # mended meanwhile


def test_one_row_is_mended_in_its_fields_with_the_reason_at_the_field(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, licence="PRM"), owner)
    client = client_of(ben)
    address = f"{LIST}{only_row().pk}/"
    page = get(client, address)
    assert re.search(r'id="id_licence_helptext">unknown licence', page)
    cells = {"record_id": "r1", "agent_id": "a", "started_at": "yesterday", "customer": "C-1"}
    refused = client.post(address, cells | {"licence": "premium"})
    assert refused.status_code == 422
    assert "not a time" in refused.content.decode().split('id="id_started_at"')[1][:400]
    sent = client.post(
        address, cells | {"licence": "premium", "started_at": "2024-06-10T08:00:00Z"}, follow=True
    )
    text = text_of(sent.content.decode())
    assert "1 row was sent again: 1 accepted." in text
    assert f"Settled by {ben.email}" in text
    with scope(PROVIDER):
        assert Interval.objects.get().premium
    again = client.post(address, cells | {"licence": "standard", "started_at": "2024-06-10T08:00:00Z"})
    assert again.status_code == 302
    with scope(PROVIDER):
        assert Interval.objects.get().premium


@pytest.mark.parametrize("role", [Role.PARTNER_READER, Role.PARTNER_BILLING, Role.PROVIDER_SUPPORT])
def test_readers_look_and_do_not_mend(
    owner: Customer, files: UsageFiles, client_of: Browser, role: Role
) -> None:
    deliver(files, row(1, licence="PRM"), owner)
    client = client_of(made_user("x@example.com", role, None if role.startswith("provider") else owner))
    address = group_of(get(client, LIST))
    for path, asked in (
        (address, {"step": "send", "licence": "premium"}),
        (address, {"step": "set-aside", "aside-reason": "x"}),
        (f"{LIST}{only_row().pk}/", {"licence": "premium"}),
    ):
        assert 'class="card-body form"' not in get(client, path)
        assert client.post(path, asked).status_code == 403
    assert only_row().settled_at is None


def test_a_stranger_and_a_customer_find_nothing(
    owner: Customer, ben: User, charlie: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, licence="PRM"), owner)
    address, one = group_of(get(client_of(ben), LIST)), f"{LIST}{only_row().pk}/"
    strange = client_of(charlie)
    assert "PRM" not in get(strange, LIST)
    assert "PRM" not in get(strange, CSV)
    for path in (address, one, f"{LIST}999999/", f"{LIST}99999999999999999999/"):
        assert strange.get(path).status_code == 404
        assert strange.post(path, {"step": "send", "licence": "premium"}).status_code == 404
    alice = client_of(made_user("alice@example.com", Role.CUSTOMER_ADMIN, owner))
    for path in (LIST, CSV, address, one):
        assert alice.get(path).status_code == 404
    assert only_row().settled_at is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?kind=nonsense",
        "?kind=agent-sessions&sender=x",
        "?kind=agent-sessions&sender=9999999999",
        "?kind=agent-sessions&source=%00",
    ],
)
def test_an_address_that_names_no_group_is_none(
    owner: Customer, ben: User, client_of: Browser, query: str
) -> None:
    assert client_of(ben).get(f"/kept-aside/group/{query}").status_code == 404


def test_the_provider_mends_what_a_partner_sent(
    owner: Customer, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, of="KB-7"), owner)
    client = client_of(made_user("dana@example.com", Role.PROVIDER_ADMIN))
    page = get(client, LIST)
    assert "Partner P-1" in text_of(page)
    address = group_of(page)
    strange = client.post(address, {"step": "preview", "customer": "C-2"})
    assert "There is no customer with this reference." in strange.content.decode()
    assert client.post(address, {"step": "send", "customer": "C-1"}).status_code == 302
    with scope(Scope(DatabaseRole.PARTNER, owner.partner_id)):
        assert RowKeptAside.objects.get().outcome == "accepted"


def test_what_a_row_says_is_no_markup(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    evil = "<script>alert(1)</script>"
    deliver(files, f"{evil},{evil},{evil},{evil},,{evil}\n", owner)
    client = client_of(ben)
    page = get(client, LIST)
    for path in (LIST, group_of(page), f"{LIST}{only_row().pk}/"):
        found = get(client, path)
        assert evil not in found
        assert "&lt;script&gt;alert(1)" in found


def test_long_texts_are_folded(owner: Customer, ben: User, files: UsageFiles, client_of: Browser) -> None:
    deliver(files, row(1, at="x" * 300), owner)
    page = get(client_of(ben), LIST)
    assert "<details>" in page
    assert "x" * 300 not in page


def test_the_file_has_all_rows_of_the_filter_and_no_formula(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, "=1+1,a,?,2024-06-10T08:00:00Z,,C-1\n" + row(2, of="KB-7"), owner)
    client = client_of(ben)
    response = client.get(f"{CSV}?reason=unknown licence")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    (found,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert (found["Line"], found["Reason"], found["Source"]) == ("2", "unknown licence", "acd")
    assert found["Text"] == "'=1+1,a,?,2024-06-10T08:00:00Z,,C-1"
    assert '"record_id": "=1+1"' in found["Cells"]


def test_the_list_costs_the_same_however_long_it_is(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    def queries(path: str) -> int:
        client = client_of(ben)
        with CaptureQueriesContext(connection) as captured:
            get(client, path)
        return len(captured)

    deliver(files, row(1, licence="?"), owner)
    few = queries(LIST)
    group = group_of(get(client_of(ben), LIST))
    few_of_group = queries(group)
    deliver(files, "".join(row(n, licence="?" if n % 2 else f"l{n}") for n in range(120)), owner)
    assert queries(LIST) == few <= 11
    assert queries(group) == few_of_group <= 11


def test_filters_leave_what_they_say(
    owner: Customer, ben: User, files: UsageFiles, client_of: Browser
) -> None:
    deliver(files, row(1, licence="PRM") + row(2, of="KB-7"), owner)
    client = client_of(ben)
    assert "KB-7" not in get(client, f"{LIST}?reason=unknown licence")
    assert "PRM" not in get(client, f"{LIST}?settled=true")
    assert "PRM" in get(client, f"{LIST}?settled=false&source=acd")
    assert "No row was kept aside." in get(client, f"{LIST}?reason=nonsense")
