"""Usage, Daily Detail, cycles, runs and deliveries read back: page by page, filtered, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.http import urlencode

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.models import Run
from apps.reconciliation.services import open_run, reconcile_customer
from apps.subscriptions.models import StaleSpan
from apps.usage.models import Conflict, Delivery
from apps.usage.services import decide_conflict
from tests.factories.pages import Browser
from tests.factories.usage import UsageFiles, at, session

JUNE = date(2024, 6, 9)
DAY = date(2024, 6, 10)
TODAY = date(2024, 7, 20)


@pytest.fixture
def files(tmp_path: Any, guide_example: Customer) -> UsageFiles:
    return UsageFiles(tmp_path)


@pytest.fixture
def reconciled(guide_example: Customer, files: UsageFiles) -> Customer:
    """Calculated, with a session in July too."""
    files.use(session("anna", "08:00", "09:00", day=date(2024, 7, 10)), customer="C-100")
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=TODAY)
    return guide_example


def read(client: Client, address: str, **query: Any) -> list[dict[str, Any]]:
    """The results of one page."""
    response = client.get(f"/api/v1/{address}?{urlencode(query)}")
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def pages(client: Client, address: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages, each as the one before names it."""
    following: str | None = f"/api/v1/{address}?{urlencode(query)}"
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.content
        yield response.json()["results"]
        following = response.json()["next"]


def everything(client: Client, address: str, **query: Any) -> list[dict[str, Any]]:
    return [each for page in pages(client, address, **query) for each in page]


# Records


def test_a_record_is_read_back_as_it_was_sent(client_of: Browser, bob: User, files: UsageFiles) -> None:
    files.use(session("Åsa", "08:00", "09:30", premium=True), customer="C-100", name="mine")
    files.use(session("Åsa", "08:00", None), kind="wfo-sessions", customer="C-100", name="mine")
    files.use(session("+46 70", "08:00", "08:05"), kind="ivr-legs", customer="C-100", name="mine")
    client = client_of(bob)
    asked = {"customer": "C-100", "started_from": DAY, "started_to": DAY}
    found = {
        "agent-sessions": read(client, "usage/agent-sessions/", agent_id="Åsa", **asked),
        "wfo-sessions": read(client, "usage/wfo-sessions/", **asked),
        "ivr-legs": read(client, "usage/ivr-legs/", **asked),
        "voice-calls": read(client, "usage/voice-calls/", **asked),
    }
    assert {kind: [each.pop("recorded_at")[-1] for each in of_kind] for kind, of_kind in found.items()} == {
        "agent-sessions": ["Z"], "wfo-sessions": ["Z"], "ivr-legs": ["Z"], "voice-calls": []
    }  # fmt: skip
    common = {
        "customer": "C-100",
        "source": "import",
        "record_id": "mine-0",
        "started_at": "2024-06-10T08:00:00Z",
    }
    assert found == {
        "agent-sessions": [
            {**common, "agent_id": "Åsa", "licence": "premium", "ended_at": "2024-06-10T09:30:00Z"}
        ],
        "wfo-sessions": [{**common, "agent_id": "Åsa", "ended_at": None}],
        "ivr-legs": [{**common, "contact_id": "+46 70", "ended_at": "2024-06-10T08:05:00Z"}],
        "voice-calls": [],
    }


def test_pages_of_records_that_start_at_once(client_of: Browser, bob: User, files: UsageFiles) -> None:
    """More of them than a page has: nothing is left out, nothing comes twice."""
    many = [session(f"agent-{number}", "08:00", "09:00") for number in range(23)]
    files.use(*many, kind="voice-calls", customer="C-100")
    files.use(session("later", "08:01", None), kind="voice-calls", customer="C-100")
    found = list(pages(client_of(bob), "usage/voice-calls/", customer="C-100", page_size=5))
    assert [len(page) for page in found] == [5, 5, 5, 5, 4]
    actors = [each["contact_id"] for page in found for each in page]
    assert sorted(actors) == sorted([f"agent-{number}" for number in range(23)] + ["later"])
    assert actors[-1] == "later"


def test_what_comes_in_between_two_pages_moves_no_row(
    client_of: Browser, bob: User, files: UsageFiles
) -> None:
    files.use(*(session(f"old-{number}", f"1{number}:00", None) for number in range(6)), kind="ivr-legs",
              customer="C-100")  # fmt: skip
    client = client_of(bob)
    following = pages(client, "usage/ivr-legs/", customer="C-100", page_size=3)
    first = next(following)
    files.use(session("before", "09:00", None), session("after", "14:30", None), kind="ivr-legs",
              customer="C-100")  # fmt: skip
    rest = [each for page in following for each in page]
    assert [each["contact_id"] for each in first] == ["old-0", "old-1", "old-2"]
    assert [each["contact_id"] for each in rest] == ["old-3", "old-4", "after", "old-5"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["one", "two", "three"]),
        ({"agent_id": "anna"}, ["one", "three"]),
        ({"agent_id": "nobody"}, []),
        ({"contact_id": "anna"}, ["one", "two", "three"]),  # sessions have none: it is no filter of theirs
        ({"source": "import"}, ["one", "two"]),
        ({"source": "dialler"}, ["three"]),
        ({"source": "unknown"}, []),
        ({"open": "true"}, ["two"]),
        ({"open": "false"}, ["one", "three"]),
        ({"started_from": "2024-06-11"}, ["three"]),
        ({"started_to": "2024-06-10"}, ["one", "two"]),
        ({"started_from": "2024-06-10", "started_to": "2024-06-10", "agent_id": "anna"}, ["one"]),
        ({"started_to": "9999-12-31", "started_from": "0001-01-01"}, ["one", "two", "three"]),
        ({"customer": "C-888"}, []),
        ({"customer": "C-900"}, []),
    ],
)
def test_filters_of_records(
    client_of: Browser, bob: User, files: UsageFiles, strangers: Customer, query: dict[str, str], found: Any
) -> None:
    text = "record_id,agent_id,started_at,ended_at\n"
    files.take(
        f"{text}one,anna,2024-06-10T08:00:00Z,2024-06-10T08:00:00Z\ntwo,berit,2024-06-10T23:59:59.999Z,\n",
        kind="wfo-sessions", customer="C-100",
    )  # fmt: skip
    files.take(
        f"{text}three,anna,2024-06-11T00:00:00Z,2024-06-11T08:00:00Z\n",
        kind="wfo-sessions", customer="C-100", source="dialler",
    )  # fmt: skip
    results = read(client_of(bob), "usage/wfo-sessions/", **{"customer": "C-100", **query})
    assert [each["record_id"] for each in results] == found


def test_filters_of_digital_usage(client_of: Browser, bob: User, files: UsageFiles) -> None:
    sms, calls = "A-CHAN-U-SMS-INTL", "A-VOICE-U-INTL"
    files.units((sms, 5, "2024-06-10"), (calls, 7, "2024-06-11"), (sms, 9, "2024-06-12"), customer="C-100")
    client = client_of(bob)

    def found(**query: str) -> list[tuple[str, int]]:
        results = read(client, "usage/digital-usage/", customer="C-100", **query)
        return [(each["sku"], each["quantity"]) for each in results]

    assert found() == [(sms, 5), (calls, 7), (sms, 9)]
    assert found(sku=sms) == [(sms, 5), (sms, 9)]
    assert found(occurred_from="2024-06-11") == [(calls, 7), (sms, 9)]
    assert found(occurred_to="2024-06-11") == [(sms, 5), (calls, 7)]
    assert found(source="unknown") == []
    assert everything(client, "usage/digital-usage/", customer="C-100", page_size=1) == read(
        client, "usage/digital-usage/", customer="C-100"
    )


def test_records_are_read_by_whom_they_concern(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, files: UsageFiles
) -> None:
    files.use(session("anna", "08:00", None), kind="ivr-legs", customer="C-100")
    seen = {
        user.email: len(read(client_of(user), "usage/ivr-legs/", customer="C-100"))
        for user in (alice, bob, charlie, dana)
    }
    assert seen == {alice.email: 1, bob.email: 1, charlie.email: 0, dana.email: 1}
    foreign, missing = (
        client_of(charlie).get(f"/api/v1/usage/ivr-legs/?customer={ref}") for ref in ("C-100", "C-888")
    )
    assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)


def test_a_customer_need_not_name_itself_and_others_must_say_whom(
    client_of: Browser, alice: User, bob: User, dana: User, files: UsageFiles
) -> None:
    """Without a customer no index would serve: millions of records would be sorted for a page."""
    files.use(session("anna", "08:00", None), kind="ivr-legs", customer="C-100")
    assert len(read(client_of(alice), "usage/ivr-legs/")) == 1
    assert read(client_of(alice), "usage/ivr-legs/", customer="C-900") == []
    for user in (bob, dana):
        response = client_of(user).get("/api/v1/usage/ivr-legs/")
        assert response.status_code == 400
        assert [*response.json()["errors"]] == ["customer"]


@pytest.mark.parametrize("kind", ["agent-sessions", "digital-usage"])
def test_a_page_of_records_costs_the_same_wherever_it_is_and_walks_an_index(
    client_of: Browser, bob: User, files: UsageFiles, kind: str
) -> None:
    """Only a little more than the page is read, however much lies before it, behind row-level security too."""
    if kind == "digital-usage":
        files.units(*(("A-CHAN-U-SMS-INTL", 1, f"2024-06-{1 + each % 28:02}") for each in range(900)),
                    customer="C-100")  # fmt: skip
    else:
        many = (
            session(f"agent-{each}", "08:00", None, day=JUNE + timedelta(days=each // 9))
            for each in range(900)
        )
        files.use(*many, customer="C-100")
    client = client_of(bob)
    costs, paging = [], ""
    following: str | None = f"/api/v1/usage/{kind}/?customer=C-100&page_size=50"
    while following:
        with CaptureQueriesContext(connection) as context:
            following = client.get(following).json()["next"]
        costs.append(len(context))
        paging = next(
            each["sql"] for each in context if "ORDER BY" in each["sql"] and "record_id" in each["sql"]
        )
    assert len(costs) >= 18
    assert len(set(costs)) == 1
    assert costs[0] <= 10
    with scope(bob.scope), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {paging}")
        (found,) = cursor.fetchone()
    nodes = [*_nodes(found[0]["Plan"])]
    scans = [
        node for node in nodes if "Scan" in node["Node Type"] and node.get("Alias", "").startswith("usage")
    ]
    assert {node.get("Index Name") for node in scans} <= {"usage_interval_by_start", "usage_event_by_time"}
    assert max(node["Actual Rows"] for node in scans) <= 130


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


@pytest.mark.parametrize(
    "query",
    [
        "cursor=nonsense",
        "cursor=%00",
        "cursor=%ED%A0%80:x:y",
        "page_size=0",
        "page_size=-1",
        "page_size=many",
        "page_size=%C2%B2",
        "page_size=99999999999999999999",
    ],
)
def test_a_page_that_is_none_is_a_bad_request(client_of: Browser, dana: User, query: str) -> None:
    for address in ("runs/", "cycles/", "daily-detail/", "deliveries/", "kept-aside/",
                    "usage/agent-sessions/", "usage/digital-usage/", "conflicts/", "customers/", "invoices/",
                    "unentitled/", "open-records/", "customers/C-100/unentitled/"):  # fmt: skip
        response = client_of(dana).get(f"/api/v1/{address}?customer=C-100&{query}")
        assert (address, response.status_code) == (address, 400)
        assert [*response.json()["errors"]] == [query.partition("=")[0]]


def test_a_cursor_of_another_list_or_one_that_was_changed_is_none(
    client_of: Browser, dana: User, files: UsageFiles
) -> None:
    for number in range(3):
        files.use(session(f"anna-{number}", "08:00", None), kind="ivr-legs", customer="C-100")
    client = client_of(dana)
    following = client.get("/api/v1/deliveries/?page_size=1").json()["next"]
    cursor = following.partition("cursor=")[2].partition("&")[0]
    assert client.get(f"/api/v1/deliveries/?cursor={cursor}").status_code == 200
    for address in ("usage/ivr-legs/?customer=C-100&", "cycles/?", "kept-aside/?"):
        assert client.get(f"/api/v1/{address}cursor={cursor}").status_code == 400
    assert client.get(f"/api/v1/deliveries/?cursor=x{cursor}").status_code == 400


def test_an_unknown_kind_of_records_is_missing(client_of: Browser, dana: User) -> None:
    assert client_of(dana).get("/api/v1/usage/phone-calls/?customer=C-100").status_code == 404


# Cycles and the Daily Detail


def test_a_stored_cycle_says_what_it_bills_and_how_far_it_can_be_trusted(
    client_of: Browser, bob: User, reconciled: Customer
) -> None:
    client = client_of(bob)
    (june,) = read(client, "cycles/", first_day_to=JUNE, first_day_from=JUNE)
    assert june.pop("calculated_at").endswith("Z")
    billed = {each["usage_type"]: each["quantity"] for each in june.pop("billed")}
    assert june == {
        "customer": "C-100",
        "service": "contact-centre",
        "first_day": "2024-06-09",
        "last_day": "2024-07-08",
        "subscription": "Sub-1001",
        "until": "2024-07-08",
        "freshness": "provisional",
        "closed_at": None,
        "has_usage": True,
    }
    shown = client.get("/api/v1/customers/C-100/daily-detail/?cycle=2024-06-09").json()["results"]
    assert billed["premium-named"] == max(
        row["Units Overage"] for row in shown if row["Usage Type"] == "Premium Named Agent"
    )


def freshness(client: Client) -> tuple[str, set[str]]:
    (june,) = read(client, "cycles/", first_day_from=JUNE, first_day_to=JUNE)
    rows = read(client, "daily-detail/", cycle=JUNE, page_size=500)
    assert rows
    return june["freshness"], {row["freshness"] for row in rows}


def test_figures_that_wait_are_never_told_as_right(
    client_of: Browser, bob: User, reconciled: Customer, files: UsageFiles
) -> None:
    client = client_of(bob)
    assert freshness(client) == ("provisional", {"provisional"})
    files.use(session("late", "08:00", "09:00"), customer="C-100")
    with scope(PROVIDER):
        assert StaleSpan.objects.exists()
    assert freshness(client) == ("stale", {"stale"})
    with scope(PROVIDER):
        reconcile_customer(customer=reconciled, today=TODAY)
    assert freshness(client) == ("provisional", {"provisional"})
    with scope(PROVIDER):
        issue_invoices(customer=reconciled, first_day=JUNE, today=TODAY, by="test")
    files.use(session("later", "08:00", "09:00"), customer="C-100")
    assert freshness(client) == ("final", {"final"})
    assert [each["closed_at"] is None for each in read(client, "cycles/", first_day_to=JUNE)] == [False]


def test_other_settings_or_rules_make_figures_stale(
    client_of: Browser, bob: User, reconciled: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.reconciliation.stored.RULES_VERSION", "2099.1")
    assert freshness(client_of(bob)) == ("stale", {"stale"})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["2024-06-09", "2024-07-09"]),
        ({"customer": "C-100"}, ["2024-06-09", "2024-07-09"]),
        ({"customer": "C-888"}, []),
        ({"customer": "C-900"}, []),
        ({"service": "digital"}, []),
        ({"service": "contact-centre"}, ["2024-06-09", "2024-07-09"]),
        ({"closed": "true"}, ["2024-06-09"]),
        ({"closed": "false"}, ["2024-07-09"]),
        ({"first_day_from": "2024-06-10"}, ["2024-07-09"]),
        ({"first_day_to": "2024-07-08"}, ["2024-06-09"]),
        ({"overage": "true"}, ["2024-06-09"]),
        ({"overage": "false"}, ["2024-07-09"]),
    ],
)
def test_filters_of_cycles(
    client_of: Browser,
    bob: User,
    reconciled: Customer,
    strangers: Customer,
    query: dict[str, str],
    found: Any,
) -> None:
    with scope(PROVIDER):
        issue_invoices(customer=reconciled, first_day=JUNE, today=TODAY, by="test")
    client = client_of(bob)
    assert [each["first_day"] for each in read(client, "cycles/", **query)] == found
    paged = everything(client, "cycles/", page_size=1, **query)
    assert [each["first_day"] for each in paged] == found


def test_the_stored_daily_detail_has_the_figures_of_the_page(
    client_of: Browser, bob: User, reconciled: Customer
) -> None:
    client = client_of(bob)
    shown = client.get("/api/v1/customers/C-100/daily-detail/?cycle=2024-06-09").json()["results"]
    rows = everything(client, "daily-detail/", customer="C-100", cycle=JUNE, page_size=7)
    figures = ("used", "committed", "substituted", "overage", "comment")
    names = ("Units Used", "Units Commitment", "Units Substituted", "Units Overage", "Comment")
    assert [(row["day"], *(row[name] for name in figures)) for row in rows] == [
        (row["Usage Date"], *(row[name] for name in names)) for row in shown
    ]
    assert any(row["comment"] for row in rows)


def test_filters_of_the_daily_detail(
    client_of: Browser, bob: User, reconciled: Customer, strangers: Customer
) -> None:
    client = client_of(bob)
    rows = everything(client, "daily-detail/", page_size=500)
    assert {row["cycle"] for row in rows} == {"2024-06-09", "2024-07-09"}
    for query, holds in (
        ({"customer": "C-100"}, lambda row: True),
        ({"customer": "C-900"}, lambda row: False),
        ({"customer": "C-888"}, lambda row: False),
        ({"cycle": "2024-07-09"}, lambda row: row["cycle"] == "2024-07-09"),
        ({"cycle": "2024-07-10"}, lambda row: False),
        ({"day_from": "2024-07-08"}, lambda row: row["day"] >= "2024-07-08"),
        ({"day_to": "2024-06-12"}, lambda row: row["day"] <= "2024-06-12"),
        ({"day_from": "2024-07-08", "day_to": "2024-07-09"},
         lambda row: row["day"] in ("2024-07-08", "2024-07-09")),
        ({"day_from": "0001-01-01", "day_to": "9999-12-31"}, lambda row: True),
        ({"usage_type": "ivr-port"}, lambda row: row["usage_type"] == "ivr-port"),
        ({"overage": "true"}, lambda row: row["overage"] > 0),
        ({"overage": "true", "usage_type": "premium-named", "day_to": "2024-06-12"},
         lambda row: row["overage"] > 0 and row["usage_type"] == "premium-named" and row["day"] <= "2024-06-12"),
    ):  # fmt: skip
        expected = [row for row in rows if holds(row)]
        assert everything(client, "daily-detail/", page_size=50, **query) == expected, query


def test_results_are_read_by_whom_they_concern(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, reconciled: Customer
) -> None:
    for address in ("cycles/", "daily-detail/"):
        seen = {user.email: bool(read(client_of(user), address)) for user in (alice, bob, charlie, dana)}
        assert seen == {alice.email: True, bob.email: True, charlie.email: False, dana.email: True}


# Runs


def test_filters_of_runs_are_those_of_the_page(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    with scope(PROVIDER):
        running = open_run(today=TODAY, by="dana@example.com")
        assert running is not None
        moments = {"started_at": at("08:00"), "finished_at": at("09:00")}
        finished = Run.objects.create(**moments, started_by="erik@example.com")
        cancelled = Run.objects.create(**moments, cancelled_at=at("08:30"))
        broken = Run.objects.create(**moments)
        broken.items.create(customer_id=guide_example.pk, state="parked")
    client = client_of(dana)
    for query, found in (
        ({}, [broken, cancelled, finished, running]),
        ({"state": "running"}, [running]),
        ({"state": "finished"}, [finished]),
        ({"state": "cancelled"}, [cancelled]),
        ({"state": "parked"}, [broken]),
        ({"started_by": "erik"}, [finished]),
        ({"started_to": "2024-06-10"}, [broken, cancelled, finished]),
        ({"started_from": "2024-06-11"}, [running]),
    ):
        keys = [run.pk for run in found]
        assert [each["id"] for each in everything(client, "runs/", page_size=1, **query)] == keys, query
        page = client.get(f"/runs/?{urlencode(query)}").content.decode()
        for run in (running, finished, cancelled, broken):
            assert (f'href="/runs/{run.pk}/"' in page) == (run.pk in keys), query


def test_runs_are_filtered_by_what_is_understood(client_of: Browser, dana: User) -> None:
    for query in ("state=lost", "started_from=yesterday", "started_by=%00"):
        assert client_of(dana).get(f"/api/v1/runs/?{query}").status_code == 400
        assert client_of(dana).get(f"/runs/?{query}").status_code == 200


# Deliveries and rows kept aside


@pytest.fixture
def delivered(files: UsageFiles) -> Delivery:
    """A file with a good row, one that stands in it twice, and two bad ones."""
    files.take(
        "record_id,agent_id,licence,started_at,ended_at\n"
        "1,anna,premium,2024-06-10T08:00:00Z,2024-06-10T09:00:00Z\n"
        "1,anna,premium,2024-06-10T08:00:00Z,2024-06-10T09:00:00Z\n"
        "2,anna,gold,2024-06-10T08:00:00Z,2024-06-10T09:00:00Z\n"
        "3,,premium,2024-06-10T08:00:00Z,2024-06-10T09:00:00Z\n",
        customer="C-100",
        source="dialler",
    )
    with scope(PROVIDER):
        delivery = Delivery.objects.latest("pk")
        # Sent by the partner itself, as far as row-level security is concerned.
        partner = Customer.objects.get(ref="C-100").partner
        Delivery.objects.filter(pk=delivery.pk).update(partner=partner)
        delivery.rows_kept_aside.update(partner=partner)
    return delivery


def test_a_delivery_says_how_far_it_is(client_of: Browser, bob: User, delivered: Delivery) -> None:
    client = client_of(bob)
    (listed,) = read(client, "deliveries/")
    assert client.get(f"/api/v1/deliveries/{delivered.pk}/").json() == listed
    counts = ("accepted", "duplicate", "conflict", "rejected")
    assert [listed[name] for name in counts] == [1, 1, 0, 2]
    assert (listed["kind"], listed["source"], listed["customer"], listed["channel"]) == (
        "agent-sessions", "dialler", "C-100", "command"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 1),
        ({"q": "FILE-"}, 1),
        ({"q": "other"}, 0),
        ({"state": "failed"}, 0),
        ({"kind": "agent-sessions"}, 1),
        ({"kind": "ivr-legs"}, 0),
        ({"channel": "command"}, 1),
        ({"channel": "api"}, 0),
        ({"source": "dialler"}, 1),
        ({"source": "import"}, 0),
        ({"customer": "C-100"}, 1),
        ({"customer": "C-900"}, 0),
        ({"arrived_from": "2024-01-01", "arrived_to": "9999-12-31"}, 1),
        ({"arrived_to": "2024-01-01"}, 0),
        ({"arrived_from": "9999-12-31"}, 0),
    ],
)
def test_filters_of_deliveries(
    client_of: Browser, bob: User, delivered: Delivery, query: dict[str, str], found: int
) -> None:
    assert len(read(client_of(bob), "deliveries/", **query)) == found


def test_rows_kept_aside_with_their_reasons(client_of: Browser, bob: User, delivered: Delivery) -> None:
    client = client_of(bob)
    rows = read(client, "kept-aside/")
    assert [(row["line_number"], row["reason"]) for row in rows] == [
        (4, "unknown licence"),
        (5, "no agent or contact"),
    ]
    assert rows[0]["text"].startswith("2,anna,gold")
    assert everything(client, "kept-aside/", page_size=1) == rows
    for query, found in (
        ({"delivery": delivered.pk}, 2),
        ({"delivery": delivered.pk + 1}, 0),
        ({"reason": "unknown licence"}, 1),
        ({"kind": "agent-sessions"}, 2),
        ({"kind": "ivr-legs"}, 0),
        ({"source": "dialler"}, 2),
        ({"source": "import"}, 0),
        ({"settled": "true"}, 0),
        ({"settled": "false"}, 2),
    ):
        assert len(read(client, "kept-aside/", **query)) == found, query


@pytest.fixture
def conflicts(files: UsageFiles, strangers: Customer) -> list[Conflict]:
    """Two of C-100, the first of them decided, and one of another partner's customer."""
    for customer, names in (("C-100", ("one", "two")), ("C-900", ("theirs",))):
        for name in names:
            files.use(session("anna", "08:00", "09:00"), customer=customer, name=name)
            files.use(session("bertil", "10:00", None, premium=True), customer=customer, name=name)
    with scope(PROVIDER):
        found = [*Conflict.objects.order_by("pk")]
        decide_conflict(conflict=found[0], take_arriving=False, by="dana@example.com", reason="a test")
    return found


def test_a_conflict_says_what_arrived_and_what_was_decided(
    client_of: Browser, bob: User, dana: User, conflicts: list[Conflict]
) -> None:
    decided, waiting = read(client_of(bob), "conflicts/")
    assert decided.pop("decided_at").endswith("Z")
    assert waiting.pop("decided_at") is None
    arrived = {
        "customer": "C-100",
        "kind": "agent-sessions",
        "source": "import",
        "actor": "bertil",
        "licence": "premium",
        "started_at": "2024-06-10T10:00:00Z",
        "ended_at": None,
        "quantity": None,
        "delivery": None,  # the provider's own
        "line_number": 2,
    }
    assert decided == {
        **arrived,
        "id": conflicts[0].pk,
        "record_id": "one-0",
        "decided_by": "dana@example.com",
        "decision": "stored",
        "reason": "a test",
    }
    assert waiting == {
        **arrived,
        "id": conflicts[1].pk,
        "record_id": "two-0",
        "decided_by": "",
        "decision": None,
        "reason": "",
    }
    told = read(client_of(dana), "conflicts/", customer="C-100")
    assert [each["delivery"] for each in told] == [each.delivery_id for each in conflicts[:2]]
    with scope(PROVIDER):
        decide_conflict(conflict=conflicts[1], take_arriving=True, by="dana@example.com", reason="a test")
    told = read(client_of(bob), "conflicts/", record_id="two-0")
    assert [(each["actor"], each["decision"]) for each in told] == [
        ("bertil", "arriving"),
        ("anna", "replaced"),
    ]


def test_conflicts_are_of_whom_they_concern_and_filtered_as_on_their_page(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, conflicts: list[Conflict]
) -> None:
    keys = [conflict.pk for conflict in conflicts]
    for user, seen in ((bob, keys[:2]), (charlie, keys[2:]), (dana, keys)):
        found = [each["id"] for each in everything(client_of(user), "conflicts/", page_size=1)]
        assert (user.email, found) == (user.email, seen)
    assert client_of(alice).get("/api/v1/conflicts/").status_code == 404
    for query, seen in (
        ({"customer": "C-100"}, keys[:2]),
        ({"customer": "C-404"}, []),
        ({"kind": "agent-sessions"}, keys),
        ({"kind": "digital-usage"}, []),
        ({"source": "import"}, keys),
        ({"source": "dialler"}, []),
        ({"record_id": "two-0"}, keys[1:2]),
        ({"decided": "true"}, keys[:1]),
        ({"decided": "false"}, keys[1:]),
        ({"delivery": conflicts[2].delivery_id}, keys[2:]),
    ):
        assert [each["id"] for each in read(client_of(dana), "conflicts/", **query)] == seen, query


def test_invoices_come_by_pages_newest_first(client_of: Browser, bob: User, reconciled: Customer) -> None:
    with scope(PROVIDER):
        for first_day in (JUNE, date(2024, 7, 9)):
            issue_invoices(customer=reconciled, first_day=first_day, today=date(2024, 12, 31), by="test")
    client = client_of(bob)
    listed = read(client, "invoices/")
    assert [each["transaction_date"] for each in listed] == ["2024-08-09", "2024-07-09"]
    assert everything(client, "invoices/", page_size=1) == listed


def test_what_was_sent_is_seen_by_who_sent_it(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, delivered: Delivery
) -> None:
    addresses = ["deliveries/", "kept-aside/", f"deliveries/{delivered.pk}/"]
    answers = {
        user.email: [client_of(user).get(f"/api/v1/{address}") for address in addresses]
        for user in (alice, bob, charlie, dana)
    }
    assert [answer.status_code for answer in answers[alice.email]] == [404, 404, 404]
    assert [answer.status_code for answer in answers[charlie.email]] == [200, 200, 404]
    assert [len(answer.json()["results"]) for answer in answers[charlie.email][:2]] == [0, 0]
    for user in (bob, dana):
        assert [answer.status_code for answer in answers[user.email]] == [200, 200, 200]
        sent = [[each["source"] for each in answer.json()["results"]] for answer in answers[user.email][:2]]
        assert sent[1] == ["dialler", "dialler"]
        assert sent[0][0] == "dialler"
    missing = client_of(charlie).get("/api/v1/deliveries/999999/")
    assert missing.status_code == 404
    assert client_of(dana).get(f"/api/v1/deliveries/{10**30}/").status_code == 404


@pytest.mark.parametrize(
    "address", ["deliveries/", "kept-aside/", "conflicts/", "runs/", "cycles/", "daily-detail/"]
)
def test_what_a_list_costs(
    client_of: Browser, dana: User, delivered: Delivery, reconciled: Customer, address: str
) -> None:
    client = client_of(dana)
    with scope(PROVIDER):
        open_run(today=TODAY)
        open_run(today=TODAY)
    costs = []
    for size in (1, 2, 500):
        with CaptureQueriesContext(connection) as context:
            read(client, address, page_size=size)
        costs.append(len(context))
    assert len(set(costs)) == 1
    assert costs[0] <= 12
