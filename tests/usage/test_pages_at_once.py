"""Two people at once on the pages of usage: one of them does it, the other is told, and nothing counts twice."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import AuditEntry, Role
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.usage import delivery_views, tasks
from apps.usage.models import (
    Channel,
    Conflict,
    Delivery,
    DeliveryState,
    FormatDescription,
    Interval,
    RowKeptAside,
)
from apps.usage.services import receive_file
from tests.factories.formats import OUR_SESSIONS
from tests.factories.pages import text_of
from tests.factories.people import made_user
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.threads import in_threads
from tests.factories.usage import UsageFiles

pytestmark = pytest.mark.usefixtures("rung")

HEADER = "record_id,agent_id,licence,started_at,ended_at\n"
WHY = "the switch says so"


@pytest.fixture
def owner(committed: None, folders: Path) -> Customer:
    """C-1 of P-1, who is really there; C-2 is a stranger's."""
    enter(portfolio(partner("P-1", customer("C-1")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


@pytest.fixture
def two(owner: Customer) -> tuple[Client, Client]:
    """The browsers of two administrators of P-1."""

    def browser(name: str) -> Client:
        client = Client()
        user = made_user(f"{name}@example.com", Role.PARTNER_ADMIN, owner)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return browser("ben"), browser("bella")


def row(name: str, *, agent: str = "anna", licence: str = "standard") -> str:
    return f"{name},{agent},{licence},2024-06-10T08:00:00Z,2024-06-10T09:00:00Z\n"


def words(answer: HttpResponse | Any) -> str:
    return text_of(answer.content.decode())


def sent(client: Client, *files: tuple[str, str]) -> Any:
    return client.post(
        "/deliveries/",
        {
            "kind": "agent-sessions",
            "source": "acd",
            "customer": "C-1",
            "format": "",
            "file": [SimpleUploadedFile(name, (HEADER + content).encode()) for name, content in files],
        },
        follow=True,
    )


def test_the_same_file_of_two_people_is_one_delivery_and_both_see_it(
    two: tuple[Client, Client], tmp_path: Path
) -> None:
    content = "".join(row(f"r{number}") for number in range(500))
    answers = in_threads(*(lambda client=client: sent(client, ("a.csv", content)) for client in two))
    with scope(PROVIDER):
        delivery = Delivery.objects.get()
    for answer in answers:
        assert answer.redirect_chain == [(f"/deliveries/{delivery.pk}/", 302)]
        assert "1 file is taken" in words(answer) or "nothing is counted twice" in words(answer)
    tasks.read_delivery(delivery.pk)
    with scope(PROVIDER):
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.rows, delivery.accepted) == (DeliveryState.DONE, 500, 500)
        assert Interval.objects.count() == 500
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_same_files_in_another_order_do_not_keep_each_other_waiting_for_ever(
    two: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is a transaction: taken in the order in which they come, both could wait for the other's."""
    first_taken = Barrier(2, timeout=0.5)

    def receive(**said: Any) -> Delivery:
        delivery = receive_file(**said)
        with suppress(BrokenBarrierError):  # the other one waits for this one's end, or has passed
            first_taken.wait()
        return delivery

    monkeypatch.setattr(delivery_views, "receive_file", receive)
    files = [("a.csv", row("a")), ("b.csv", row("b1") + row("b2"))]
    answers = in_threads(lambda: sent(two[0], *files), lambda: sent(two[1], *reversed(files)))
    assert [answer.redirect_chain for answer in answers] == [[("/deliveries/", 302)]] * 2
    with scope(PROVIDER):
        assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 2


def test_rows_that_two_people_mend_at_once_are_sent_once(
    owner: Customer, two: tuple[Client, Client], files: UsageFiles
) -> None:
    files.take(HEADER + "".join(row(f"r{number}", licence="PRM") for number in range(300)))
    with scope(PROVIDER):
        # As if the partner had sent them.
        Delivery.objects.update(partner=owner.partner)
        RowKeptAside.objects.update(partner=owner.partner)
    page = two[0].get("/kept-aside/").content.decode()
    group = unescape(re.findall(r'href="(/kept-aside/group/[^"]+)"', page)[0])
    answers = in_threads(
        lambda: two[0].post(group, {"step": "send", "licence": "premium"}, follow=True),
        lambda: two[1].post(group, {"step": "send", "licence": "standard"}, follow=True),
    )
    told = sorted(words(answer) for answer in answers)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sum("300 rows were sent again: 300 accepted" in each for each in told) == 1
    assert sum("These rows are settled already" in each for each in told) == 1
    with scope(PROVIDER):
        mended = Delivery.objects.get(channel=Channel.MENDED)
        assert (mended.rows, mended.accepted) == (300, 300)
        assert set(RowKeptAside.objects.values_list("outcome", flat=True)) == {"accepted"}
        assert Interval.objects.values("premium").distinct().count() == 1
        assert Interval.objects.count() == 300
        assert AuditEntry.objects.filter(action="rows.sent_again").count() == 1


@pytest.mark.parametrize("together", [False, True])
def test_of_two_decisions_at_once_one_stands_and_the_other_is_told_whose(
    owner: Customer, two: tuple[Client, Client], files: UsageFiles, together: bool
) -> None:
    files.take(HEADER + row("r1"))
    files.take(HEADER + row("r1", agent="bert"))
    with scope(PROVIDER):
        conflict = Conflict.objects.get()
    address = f"/conflicts/?delivery={conflict.delivery_id}" if together else f"/conflicts/{conflict.pk}/"
    kept, taken = in_threads(
        lambda: two[0].post(address, {"decision": "keep", "reason": WHY}, follow=True),
        lambda: two[1].post(address, {"decision": "take", "reason": WHY}, follow=True),
    )
    with scope(PROVIDER):
        decided = Conflict.objects.get(pk=conflict.pk)
        first, second = (taken, kept) if decided.took_arriving else (kept, taken)
        assert Interval.objects.get().actor == ("bert" if decided.took_arriving else "anna")
        assert decided.decided_by == ("bella" if decided.took_arriving else "ben") + "@example.com"
        assert AuditEntry.objects.filter(action="conflict.decided").count() == 1
    assert "conflict is decided" in words(first)
    assert f"{decided.decided_by} has decided about the record r1 already" in words(second)


def test_of_two_who_add_one_description_at_once_one_is_told_that_there_is_one(
    two: tuple[Client, Client],
) -> None:
    texts = [OUR_SESSIONS, OUR_SESSIONS.replace('"Ours"', '"Mine"')]
    answers = in_threads(
        *(
            lambda client=client, text=text: client.post("/formats/new/", {"text": text}, follow=True)
            for client, text in zip(two, texts, strict=True)
        )
    )
    told = [words(answer) for answer in answers]
    assert sum("The format our-sessions is saved" in each for each in told) == 1
    assert sum("There is a format our-sessions already" in each for each in told) == 1
    with scope(PROVIDER):
        assert FormatDescription.objects.count() == 1
        assert AuditEntry.objects.filter(action="format.saved").count() == 1


def test_a_description_that_is_changed_and_removed_at_once_is_one_or_the_other(
    two: tuple[Client, Client],
) -> None:
    two[0].post("/formats/new/", {"text": OUR_SESSIONS})
    changed = OUR_SESSIONS.replace('"Ours"', '"Mine"')
    answers = in_threads(
        lambda: two[0].post("/formats/our-sessions/", {"text": changed}),
        lambda: two[1].post("/formats/our-sessions/delete/"),
    )
    assert {answer.status_code for answer in answers} <= {200, 302, 404}
    assert 302 in {answer.status_code for answer in answers}
    with scope(PROVIDER):
        assert not FormatDescription.objects.exists()
