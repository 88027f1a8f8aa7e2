"""Whatever of somebody else's is named in what is posted to the pages of usage: it is not there, and stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import User
from apps.core.tenancy import scope
from apps.usage import tasks
from apps.usage.models import (
    AgentLicence,
    Conflict,
    CustomerAlias,
    Delivery,
    DeliveryState,
    FormatDescription,
    Interval,
    RowKeptAside,
    Source,
    SourceDay,
)
from apps.usage.services.formats import save_format
from apps.usage.services.sources import set_time_zone
from tests.conftest import import_file
from tests.factories.formats import OUR_SESSIONS
from tests.factories.pages import Browser
from tests.factories.usage import UsageFiles

pytestmark = pytest.mark.usefixtures("folders", "rung")

HEADER = "record_id,agent_id,licence,started_at,ended_at,customer\n"
OWN_FORMAT = "Session,Agent,Login,Logout\nx1,anna,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z\n"


def row(name: str, *, agent: str = "anna", zone: str = "Z", licence: str = "standard", of: str) -> str:
    return f"{name},{agent},{licence},2024-07-01T08:00:00{zone},2024-07-01T09:00:00{zone},{of}\n"


def take(files: UsageFiles, rows: str, by: User) -> None:
    import_file("agent-sessions", files.write(HEADER + rows), sender=by.scope, source="acd")


@pytest.fixture
def theirs(bob: User, charlie: User, files: UsageFiles) -> dict[str, Any]:
    """What bob has: a row kept aside, a conflict, a delivery that failed, a source with a zone, a format."""
    take(files, row("r1", of="C-100") + row("r2", licence="PRM", of="C-100"), bob)
    take(files, row("r1", agent="bert", of="C-100"), bob)
    with scope(bob.scope):
        save_format(text=OUR_SESSIONS, by=bob)
        source = Source.objects.get(name="acd")
        set_time_zone(source=source, time_zone="Asia/Tokyo", by=bob)
        failed = Delivery.objects.latest("pk")
        Delivery.objects.filter(pk=failed.pk).update(state=DeliveryState.FAILED)
        aside, conflict = RowKeptAside.objects.get(), Conflict.objects.get()
    sender = bob.partner_id
    group = f"?sender={sender}&kind=agent-sessions&source=acd&reason={aside.reason}&value=PRM"
    return {
        "group": group,
        "row": aside.pk,
        "conflict": conflict.pk,
        "failed": failed.pk,
        "source": source.pk,
    }


def everything_of(user: User) -> list[Any]:
    """All of usage that an organisation has."""
    kinds = (
        AgentLicence,
        Conflict,
        CustomerAlias,
        Delivery,
        FormatDescription,
        Interval,
        RowKeptAside,
        Source,
        SourceDay,
    )
    with scope(user.scope):
        return [list(kind.objects.order_by("pk").values()) for kind in kinds]


POSTS: list[tuple[str, dict[str, str]]] = [
    ("/kept-aside/group/{group}", {"step": "preview", "licence": "premium"}),
    ("/kept-aside/group/{group}", {"step": "send", "licence": "premium"}),
    ("/kept-aside/group/{group}", {"step": "send", "mend": "as-they-are"}),
    ("/kept-aside/group/{group}", {"step": "set-aside", "aside-reason": "mine"}),
    ("/kept-aside/{row}/", {"licence": "premium", "record_id": "r2", "agent_id": "anna"}),
    ("/kept-aside/{row}/", {"step": "set-aside", "aside-reason": "mine"}),
    ("/conflicts/{conflict}/", {"decision": "take", "reason": "mine"}),
    ("/conflicts/?delivery={failed}", {"decision": "take", "reason": "mine"}),
    ("/deliveries/{failed}/again/", {}),
    ("/sources/{source}/", {"time_zone": "Europe/Paris"}),
    ("/formats/our-sessions/", {"text": OUR_SESSIONS.replace("Ours", "Mine")}),
    ("/formats/our-sessions/delete/", {}),
]


@pytest.mark.parametrize(("address", "said"), POSTS)
def test_what_is_somebody_elses_cannot_be_posted_to(
    theirs: dict[str, Any],
    bob: User,
    charlie: User,
    client_of: Browser,
    address: str,
    said: dict[str, str],
) -> None:
    before = everything_of(bob), everything_of(charlie)
    answer = client_of(charlie).post(address.format(**theirs), said)
    assert answer.status_code == 404
    assert (everything_of(bob), everything_of(charlie)) == before
    assert client_of(bob).post(address.format(**theirs), said).status_code != 404


def sent(client: Client, content: str, **fields: str) -> Any:
    said = {"kind": "agent-sessions", "source": "acd", "customer": "C-900", "format": "", **fields}
    return client.post(
        "/deliveries/",
        {**said, "file": SimpleUploadedFile("a.csv", content.encode())},
        headers={"accept": "application/json"},
    )


def test_a_file_for_somebody_elses_customer_or_in_their_format_is_refused_as_for_none(
    theirs: dict[str, Any], bob: User, charlie: User, client_of: Browser
) -> None:
    before = everything_of(bob), everything_of(charlie)
    browser = client_of(charlie)
    foreign, missing = (sent(browser, HEADER + row("x1", of=""), customer=ref) for ref in ("C-100", "C-888"))
    assert (foreign.status_code, missing.status_code) == (409, 409)
    assert foreign.json()["detail"].replace("C-100", "C-888") == missing.json()["detail"]
    for name in ("our-sessions", "no-such-sessions"):
        refused = sent(browser, OWN_FORMAT, format=name)
        assert refused.status_code == 400
        assert f"{name} is not one of the available choices" in refused.json()["detail"]
    assert sent(browser, OWN_FORMAT).status_code == 409, "and it is not recognised by itself"
    assert (everything_of(bob), everything_of(charlie)) == before


def test_a_source_of_the_same_name_is_another_one(
    theirs: dict[str, Any], bob: User, charlie: User, client_of: Browser
) -> None:
    before = everything_of(bob)
    said = row("r1", of="C-900") + row("r3", zone="", of="C-900") + row("r4", of="C-100")
    assert sent(client_of(charlie), HEADER + said).status_code == 201
    with scope(charlie.scope):
        delivery = Delivery.objects.get()
    tasks.read_delivery(delivery.pk)
    with scope(charlie.scope):
        delivery.refresh_from_db()
        assert (delivery.accepted, delivery.rejected, delivery.conflict) == (1, 2, 0)
        reasons = set(RowKeptAside.objects.values_list("reason", flat=True))
        assert reasons == {"no time zone", "unknown customer"}
        assert Source.objects.get().time_zone == ""
    assert everything_of(bob) == before


def test_a_row_is_not_mended_into_somebody_elses_record(
    theirs: dict[str, Any], bob: User, charlie: User, files: UsageFiles, client_of: Browser
) -> None:
    take(files, row("r9", of="nobody"), charlie)
    before = everything_of(bob)
    with scope(charlie.scope):
        aside = RowKeptAside.objects.get()
    cells = {"record_id": "r9", "agent_id": "anna", "licence": "standard"}
    cells |= {"started_at": "2024-07-01T08:00:00Z", "ended_at": ""}
    group = f"?sender={charlie.partner_id}&kind=agent-sessions&source=acd&reason={aside.reason}&value=nobody"
    browser = client_of(charlie)
    for ref in ("C-100", "C-888"):
        assert browser.post(f"/kept-aside/{aside.pk}/", {**cells, "customer": ref}).status_code == 422
        said = {"step": "send", "customer": ref, "remember": "on"}
        assert browser.post(f"/kept-aside/group/{group}", said).status_code == 422
    with scope(charlie.scope):
        assert RowKeptAside.objects.get().settled_at is None
        assert not CustomerAlias.objects.exists()
    assert everything_of(bob) == before
