"""Papers are compared by a worker: what waits, what failed, who may ask, and nothing lost when a worker dies."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing import control, tasks
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper
from apps.reconciliation.selectors import NothingToUse
from apps.reconciliation.services import compare_once_more, keep_comparison, lease_paper
from apps.reconciliation.services.control import LEASE, MOST_ATTEMPTS
from tests.conftest import SAMPLE
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, get
from tests.factories.people import made_user

LIST = "/customers/C-100/control/"
DETAIL = (SAMPLE / "guide-example" / "daily-detail.csv").read_bytes()
NOW = datetime(2024, 7, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over."""
    to_day(NOW.date())


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The papers that a worker is told of."""
    found: list[int] = []
    monkeypatch.setattr(tasks.compare_control_paper, "delay", found.append)
    monkeypatch.setattr("apps.invoicing.control_views.compare_control_paper.delay", found.append)
    return found


@pytest.fixture
def paper(guide_example: Customer) -> ControlPaper:
    """One that waits."""
    with scope(PROVIDER):
        return take_paper(
            customer=guide_example,
            upload=Upload("detail.csv", DETAIL),
            today=NOW.date(),
            now=NOW,
            by="bob@example.com",
        )[0]


def now_of(paper: ControlPaper) -> ControlPaper:
    with scope(PROVIDER):
        return ControlPaper.objects.get(pk=paper.pk)


def send(client: Client) -> Any:
    return client.post(LIST, {"paper": SimpleUploadedFile("detail.csv", DETAIL)})


def test_a_page_waits_for_its_worker_and_then_has_the_outcome(
    client_of: Browser, bob: User, rung: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(bob)
    with django_capture_on_commit_callbacks(execute=True):
        place = send(client)["Location"]
    (paper_id,) = rung
    page = client.get(place).content.decode()
    assert "The paper is being compared with our figures." in page
    assert 'hx-trigger="every 2s"' in page
    assert "Export CSV" not in page
    assert "Being compared" in client.get(LIST).content.decode()
    assert client.get(f"{place}export.csv").status_code == 404
    tasks.compare_control_paper(paper_id)
    page = client.get(place).content.decode()
    assert "5 of 5 days agree." in page
    assert 'hx-trigger="every 2s"' not in page
    assert client.get(f"{place}export.csv").status_code == 200


def test_what_cannot_be_compared_says_why_and_may_be_asked_again(
    client_of: Browser, bob: User, rung: list[int], paper: ControlPaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_arguments: object, **_named: object) -> None:
        raise NothingToUse("No day of the cycle is complete.")

    with monkeypatch.context() as broken:
        broken.setattr(control, "compare_rows", nothing)
        tasks.compare_control_paper(paper.pk)
    client = client_of(bob)
    page = client.get(f"{LIST}{paper.pk}/").content.decode()
    assert "The paper could not be compared" in page
    assert "No day of the cycle is complete." in page
    assert "Not compared" in client.get(LIST).content.decode()
    assert client.post(f"{LIST}{paper.pk}/again/").status_code == 302
    tasks.compare_control_paper(paper.pk)
    assert (now_of(paper).state, now_of(paper).failure, now_of(paper).agrees) == ("compared", "", True)


def test_a_comparison_names_who_had_asked_for_it_whoever_asks_in_vain_since(
    client_of: Browser, bob: User, dana: User, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> list[str]:
        """Whom the page and the list name for it."""
        page, listed = (get(client_of(bob), address) for address in (place, LIST))
        named = re.findall(r"<span>Compared [^<]*: (\S+)</span>", page)
        return named + re.findall(r'UTC<span class="sub">(\S+)</span>', listed)

    def nothing(*_arguments: object, **_named: object) -> None:
        raise NothingToUse("No day of the cycle is complete.")

    place = send(client_of(bob))["Location"]
    with scope(PROVIDER):
        paper = ControlPaper.objects.get()
    assert paper.compared_by == ""
    tasks.compare_control_paper(paper.pk)
    again = f"{place}again/"
    client_of(dana).post(again)
    with monkeypatch.context() as broken:
        broken.setattr(control, "compare_rows", nothing)
        tasks.compare_control_paper(paper.pk)
    assert now_of(paper).state == "failed"
    assert f"Comparison asked for: {dana.email}" in get(client_of(bob), place)
    assert shown() == [bob.email] * 2
    client_of(dana).post(again)
    assert shown() == [bob.email] * 2
    tasks.compare_control_paper(paper.pk)
    assert shown() == [dana.email] * 2
    assert "Comparison asked for" not in get(client_of(bob), place)
    with scope(PROVIDER):
        asked = AuditEntry.objects.filter(action="control.compared").order_by("pk")
        assert [*asked.values_list("by", flat=True)] == [bob.email, dana.email]


def test_an_error_of_the_portal_is_on_record_and_tells_nothing(
    paper: ControlPaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(control, "compare_rows", broken)
    with pytest.raises(ZeroDivisionError):
        tasks.compare_control_paper(paper.pk)
    assert now_of(paper).state == "failed"
    assert "an error of the portal" in now_of(paper).failure
    assert "secret" not in now_of(paper).failure


def test_a_paper_is_compared_once_however_often_it_is_rung_for(paper: ControlPaper, bob: User) -> None:
    for _time in range(3):
        tasks.compare_control_paper(paper.pk)
    with scope(bob.scope):
        assert AuditEntry.objects.filter(action="control.compared", by=bob.email).count() == 1


def test_the_sweep_rings_for_what_waits_and_for_what_a_dead_worker_left(
    paper: ControlPaper, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.compare_waiting_papers()
    assert rung == [paper.pk]
    with scope(PROVIDER):
        lease_paper(paper_id=paper.pk, now=NOW)
    tasks.compare_waiting_papers()
    assert rung == [paper.pk]
    assert compare_paper(paper_id=paper.pk, now=NOW).state == "waiting"  # another one is at it
    later = NOW + LEASE + timedelta(seconds=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    tasks.compare_waiting_papers()
    assert rung == [paper.pk] * 2
    assert compare_paper(paper_id=paper.pk, now=later).state == "compared"
    tasks.compare_waiting_papers()
    assert rung == [paper.pk] * 2


def test_a_paper_over_which_workers_die_is_given_up(paper: ControlPaper) -> None:
    for attempt in range(MOST_ATTEMPTS):
        with scope(PROVIDER):
            assert lease_paper(paper_id=paper.pk, now=NOW + attempt * 2 * LEASE)
    assert compare_paper(paper_id=paper.pk, now=NOW + timedelta(days=1)).state == "failed"
    assert "again and again" in now_of(paper).failure


def test_what_was_asked_again_meanwhile_is_not_answered_by_the_worker_of_before(
    paper: ControlPaper,
) -> None:
    with scope(PROVIDER):
        leased = lease_paper(paper_id=paper.pk, now=NOW)
        assert leased
        compare_once_more(paper=paper, by="dana@example.com")
        keep_comparison(paper=leased, last_day=paper.last_day, result={"agree": False}, now=NOW)
    assert (now_of(paper).state, now_of(paper).result) == ("waiting", {})
    assert compare_paper(paper_id=paper.pk, now=NOW).agrees


@pytest.mark.parametrize("role", [Role.PARTNER_READER, Role.PARTNER_BILLING])
def test_who_only_reads_sees_papers_and_brings_none(
    client_of: Browser, bob: User, guide_example: Customer, paper: ControlPaper, rung: list[int], role: Role
) -> None:
    compare_paper(paper_id=paper.pk, now=NOW)
    client, place = client_of(made_user("rita@example.com", role, guide_example)), f"{LIST}{paper.pk}/"
    listed, page = (client.get(address).content.decode() for address in (LIST, place))
    assert "detail.csv" in listed
    assert "5 of 5 days agree." in page
    assert "multipart/form-data" not in listed
    assert "Compare again" not in page
    assert send(client).status_code == 403
    assert client.post(f"{place}again/").status_code == 403
    assert "multipart/form-data" in client_of(bob).get(LIST).content.decode()
    assert "Compare again" in client_of(bob).get(place).content.decode()
    assert rung == []


def test_support_of_the_provider_brings_none(client_of: Browser, guide_example: Customer) -> None:
    client = client_of(made_user("sam@example.com", Role.PROVIDER_SUPPORT))
    assert client.get(LIST).status_code == 200
    assert send(client).status_code == 403


# Papers of other systems


def test_a_format_of_control_totals_is_read_by_its_description(guide_example: Customer) -> None:
    content = b"Date,Peak Concurrent Users,Division\n2024-06-10,900,Home\n2024-06-11,3,Home\n"
    with scope(PROVIDER):
        kept, _is_new = take_paper(
            customer=guide_example, upload=Upload("g.csv", content), today=NOW.date(), now=NOW, by="test"
        )
    assert kept.kind == "peaks"
    assert [row[1:4] for row in kept.rows] == [
        ["2024-06-10", "agents-together", 900],
        ["2024-06-11", "agents-together", 3],
    ]


def test_a_daily_detail_with_fewer_columns_is_compared_by_those(guide_example: Customer) -> None:
    rows = [line.split(",") for line in DETAIL.decode().splitlines()]
    content = "\n".join(",".join(row[:3]) for row in rows)
    with scope(PROVIDER):
        kept, _is_new = take_paper(
            customer=guide_example,
            upload=Upload("d.csv", content.encode()),
            today=NOW.date(),
            now=NOW,
            by="test",
        )
    compared = compare_paper(paper_id=kept.pk, now=NOW)
    assert (compared.kind, compared.agrees) == ("daily-detail", True)
    assert set(compared.result["rows"][0]["theirs"]) == {"used"}
