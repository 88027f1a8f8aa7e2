"""Proofs on pages and in the API: the panel, the page of its own, the JSON, and strangers who see nothing."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation import proof_panel
from apps.reconciliation.api import proof as proof_api
from apps.reconciliation.domain.formulas import evaluate
from apps.reconciliation.services import reconcile_customer
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, text_of
from tests.factories.portfolios import (
    IVR,
    STANDARD,
    STANDARD_CONCURRENT,
    customer,
    enter,
    entered,
    line,
    partner,
    portfolio,
    subscription,
)
from tests.factories.usage import UsageFiles, session

PROOF = "/customers/C-100/daily-detail/proof/"
BILLED = "/customers/C-100/billed/standard-named/proof/"
JUNE = "cycle=2024-06-09"
OF_THE_10TH = f"{JUNE}&day=2024-06-10&type=standard-named"
API_PROOF = "/api/v1/customers/C-100/daily-detail/proof/"
API_BILLED = "/api/v1/customers/C-100/billed/standard-named/proof/"


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over, the next one has begun."""
    to_day(date(2024, 7, 20))


@pytest.fixture
def usage(tmp_path: Path) -> UsageFiles:
    return UsageFiles(tmp_path)


def panel(client: Client, address: str) -> str:
    """The words of the panel, as a dialog loads it."""
    response = client.get(address, headers={"HX-Request": "true"})
    assert response.status_code == 200, address
    return text_of(response.content.decode())


def json_of(client: Client, address: str) -> dict[str, Any]:
    response = client.get(address)
    assert response.status_code == 200, address
    answer: dict[str, Any] = response.json()
    return answer


# The panel


def test_the_panel_says_what_a_figure_follows_from(client_of: Browser, alice: User) -> None:
    words = panel(client_of(alice), f"{PROOF}?{OF_THE_10TH}")
    assert "Standard Named Agent Monday 10 June 2024" in words
    assert "Units Used 28 Units Commitment 20 Units Substituted 1 Units Overage 7" in words
    assert "28 Standard agents had logged in from the cycle's first day, 9 Jun, to 10 Jun 2024." in words
    assert "That is 8 above the commitment of 20; unused Premium covers 1, and the overage is 7." in words
    assert "just now: it agrees." in words
    steps = words[words.index("Step by step") :].replace("\N{NO-BREAK SPACE}", " ")
    assert "Above the commitment R4 max(0, 28 − 20) 8" in steps
    assert "Units Substituted R4 min(8, 1) 1 Units Overage R5 8 − 1 7" in steps
    assert (
        "28 agents counted Agent First login First sessions std-01 9 Jun 2024 9 Jun 07:01:00 – 15:00:00 s01-1"
        in words
    )
    assert "Sub-1001 A-FLEX-WCC-P-N Premium 5 9 Jan 2024 no end" in words
    assert "R3 Every agent who logged in" in words
    assert "Version of the rules 2026.1" in words


def test_the_figure_that_was_chosen_is_the_one_in_question(client_of: Browser, alice: User) -> None:
    client = client_of(alice)
    for figure, label in (
        ("used", "Units Used"),
        ("committed", "Units Commitment"),
        ("substituted", "Units Substituted"),
        ("overage", "Units Overage"),
        ("mark", "Units Overage"),
    ):
        html = client.get(f"{PROOF}?{OF_THE_10TH}&figure={figure}").content.decode()
        (current,) = re.findall(r'aria-current="true">\s*<span class="stat-label">([^<]+)<', html)
        assert current == label


def test_a_dialog_gets_the_panel_alone_and_a_browser_without_scripts_a_page(
    client_of: Browser, bob: User
) -> None:
    client = client_of(bob)
    for address in (f"{PROOF}?{OF_THE_10TH}", f"{BILLED}?{JUNE}"):
        fragment = client.get(address, headers={"HX-Request": "true"})
        page = client.get(address)
        assert "HX-Request" in fragment.headers["Vary"]
        assert fragment.headers["HX-Push-Url"] == "false"
        assert "HX-Push-Url" not in page.headers
        assert "<html" not in fragment.content.decode()
        html = page.content.decode()
        assert "<h1>" in html
        assert "Why this figure?" in html
        assert "Kungsgatan Bank" in html
        assert text_of(fragment.content.decode()).strip() in text_of(html)


def test_the_marked_row_says_why_it_is_marked_and_leads_to_what_is_billed(
    client_of: Browser, alice: User
) -> None:
    address = f"{PROOF}?{JUNE}&day=2024-06-13&type=premium-named&figure=mark"
    words = panel(client_of(alice), address).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "this is the first day on which its family has the largest overage of the cycle, 13 (rule R7)"
        in words
    )
    assert (
        "Overage of the family on this day R7 2 + 11 13 Largest of all days R7 largest of 30 days 13" in words
    )
    html = client_of(alice).get(address).content.decode()
    assert f'href="/customers/C-100/billed/premium-named/proof/?{JUNE}"' in html
    assert (
        "7 agents counted Agent First login First as Premium First sessions prem-01 10 Jun 2024 10 Jun 2024"
        in words
    )


def test_what_is_billed_names_its_day_and_the_others(client_of: Browser, alice: User) -> None:
    words = panel(client_of(alice), f"{BILLED}?{JUNE}")
    assert "Billed 11 On the marked day 11 13 Jun 2024" in words
    assert "Billed is the largest daily overage of the cycle: 11, on 12 Jun 2024." in words
    assert "It is reached on 27 days; the first of them is named." in words
    assert "10 Jun 2024 28 20 1 7" in words
    assert "12 Jun 2024 31 20 0 11 Billed" in words
    assert "31 agents counted 12 Jun 2024" in words


def test_a_marked_peak_that_is_billed_nothing_says_so(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 2), model="concurrent"))
    usage.use(*(session(f"a{n}", "08:00", "16:00", day=date(2024, 6, 11)) for n in range(3)))
    usage.use(*(session(f"c{n}", "09:07", "09:08", day=date(2024, 6, 10)) for n in range(6)), kind="ivr-legs")
    client = client_of(dana)
    said = "The marked row shows 2, and yet nothing is billed: billing takes the agents billed as overage"
    cell = panel(client, "/customers/C-1/daily-detail/proof/?cycle=2024-06-01&day=2024-06-10&type=ivr-port")
    billed = panel(client, "/customers/C-1/billed/ivr-port/proof/?cycle=2024-06-01")
    assert said in cell
    assert "6 contacts were in menus and prompts in the minute 09:07 UTC, the first with the most" in cell
    assert said in billed
    assert "largest of 30 days 0" in billed.replace("\N{NO-BREAK SPACE}", " ")
    with scope(PROVIDER):
        Offer.objects.update(billed_peak="combined_day", ivr_peak="instant")
    billed = panel(client, "/customers/C-1/billed/ivr-port/proof/?cycle=2024-06-01")
    assert "Billed is the overage of 10 Jun 2024, the marked day: 2." in billed
    assert "6 contacts counted 10 Jun 2024" in billed
    assert "The peak, 09:07:00 UTC" in billed
    assert "Billed peak That of the marked day IVR peak Contacts at one instant" in billed


def test_a_type_billed_on_another_day_than_the_marked_one_says_so(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(subscription("Sub-1", model="concurrent"))
    usage.use(session("p", "08:00", "09:00", premium=True, day=date(2024, 6, 5)))
    usage.use(*(session(f"s{n}", "08:00", "09:00", day=date(2024, 6, 7)) for n in range(3)))
    words = panel(client_of(dana), "/customers/C-1/billed/premium-concurrent/proof/?cycle=2024-06-01")
    assert 'The mark "Overage peak" stands on 7 Jun 2024' in words
    assert "on that day this usage type shows 0" in words
    assert (
        "1 agent counted 5 Jun 2024 Agent 08:00 08:15 08:30 08:45 Sessions p 15:00 15:00 15:00 15:00" in words
    )


def test_nothing_billed_and_nobody_counted_are_said(client_of: Browser, dana: User) -> None:
    entered(subscription("Sub-1", line(STANDARD, 3)))
    client = client_of(dana)
    words = panel(
        client, "/customers/C-1/daily-detail/proof/?cycle=2024-07-01&day=2024-07-03&type=standard-named"
    )
    assert "Nobody was counted on 3 Jul 2024." in words
    words = panel(
        client, "/customers/C-1/daily-detail/proof/?cycle=2024-07-01&day=2024-07-03&type=premium-named"
    )
    assert "Nothing of it is committed on this day." in words
    words = panel(client, "/customers/C-1/billed/standard-named/proof/?cycle=2024-07-01")
    assert "Nothing is billed: there is no overage to bill on any day of the cycle." in words
    assert "On the marked day 0 No day is marked" in words


def test_the_page_names_a_hundred_and_says_how_many_more(
    client_of: Browser, dana: User, usage: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(subscription("Sub-1"))
    usage.use(*(session(f"a{n:03}", "08:00", "09:00") for n in range(103)))
    address = "/customers/C-1/daily-detail/proof/?cycle=2024-06-01&day=2024-06-10&type=standard-named"
    words = panel(client_of(dana), address)
    assert "103 agents counted" in words
    assert "a099" in words
    assert "a100" not in words
    assert "and 3 more" in words
    monkeypatch.setattr(proof_panel, "MOST_WITNESSES", 103)
    assert "more" not in panel(client_of(dana), address)


def test_of_an_agent_with_many_sessions_the_first_are_named(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(subscription("Sub-1", model="concurrent"))
    usage.use(
        *(session("a", f"08:{minute:02}", f"08:{minute + 1:02}") for minute in range(0, 58, 3)), name="r"
    )
    address = "/customers/C-1/daily-detail/proof/?cycle=2024-06-01&day=2024-06-10&type=standard-concurrent"
    words = panel(client_of(dana), address)
    assert "a 5:00 5:00 5:00 5:00 08:00:00 – 08:01:00 r-0 · import" in words
    assert "r-9 · import and 10 more" in words
    assert "r-10" not in words


def test_records_that_came_after_the_invoice_are_marked(
    client_of: Browser, alice: User, guide_example: Customer, usage: UsageFiles
) -> None:
    with scope(PROVIDER):
        issue_invoices(customer=guide_example, first_day=date(2024, 6, 9), today=date(2024, 7, 20), by="test")
    client = client_of(alice)
    assert "just now: it agrees." in panel(client, f"{PROOF}?{OF_THE_10TH}")
    usage.use(session("late-01", "10:00", "11:00"), customer="C-100")
    words = panel(client, f"{PROOF}?{OF_THE_10TH}")
    assert "Records arrived after the invoice was issued on" in words
    assert (
        "it states Units Used 28, Units Overage 7, the records as they are now come to Units Used 29" in words
    )
    assert words.count("Arrived after the invoice") == 1
    answer = json_of(client, f"{API_PROOF}?{JUNE}&day=2024-06-10&usage_type=standard-named")
    assert (answer["agrees"], answer["difference"]) == (False, "late-records")
    assert (answer["figures"]["used"], answer["recomputed"]["used"]) == (28, 29)
    assert answer["is_provisional"] is False
    billed = panel(client, f"{BILLED}?{JUNE}")
    assert "it states 11, the records as they are now come to 12" in billed


# Where they are


def test_every_figure_of_the_daily_detail_leads_to_its_proof(client_of: Browser, alice: User) -> None:
    client = client_of(alice)
    html = client.get(f"/customers/C-100/daily-detail/?{JUNE}").content.decode()
    links = [link.replace("&amp;", "&") for link in re.findall(r'<a class="why" href="([^"]+)"', html)]
    of_cells = [link for link in links if link.startswith(PROOF)]
    assert len(of_cells) == 30 * 2 * 4 + 1
    assert len(set(of_cells)) == len(of_cells)
    assert {link for link in links if link not in of_cells} == {
        f"/customers/C-100/billed/{each}/proof/?{JUNE}" for each in ("premium-named", "standard-named")
    }
    for link in (*of_cells[:4], *of_cells[-4:], *set(links) - set(of_cells)):
        assert client.get(link).status_code == 200, link
    assert '<dialog class="dialog is-wide" id="proof"' in html


@pytest.mark.parametrize("family", ["agents", "ivr"])
def test_the_current_usage_leads_to_the_proof_of_what_is_billed(
    client_of: Browser, alice: User, family: str
) -> None:
    client = client_of(alice)
    html = client.get(f"/customers/C-100/?family={family}").content.decode()
    links = re.findall(
        r'<a href="(/customers/C-100/billed/[^"]+)" hx-boost="true">Why this figure\?</a>', html
    )
    assert len(links) == (2 if family == "agents" else 1)
    assert all(client.get(link).status_code == 200 for link in links)


def test_without_a_day_or_a_type_the_proof_is_of_the_last_day_used(client_of: Browser, alice: User) -> None:
    client = client_of(alice)
    assert "Premium Named Agent Monday 8 July 2024" in panel(client, PROOF)
    assert "IVR Port Monday 8 July 2024" in panel(client, f"{PROOF}?type=ivr-port")
    assert "Billed 11" in panel(client, BILLED)
    answer = json_of(client, API_PROOF)
    assert (answer["day"], answer["usage_type"]) == ("2024-07-08", "premium-named")


@pytest.mark.parametrize(
    "address",
    [
        f"{PROOF}?cycle=2024-06-10",
        f"{PROOF}?cycle=nonsense",
        f"{PROOF}?{JUNE}&day=2024-07-09",
        f"{PROOF}?{JUNE}&day=20240610",
        f"{PROOF}?{JUNE}&day=%00",
        f"{PROOF}?{JUNE}&type=premium-concurrent",
        f"{PROOF}?{JUNE}&type=workforce-optimization",
        f"{PROOF}?{JUNE}&type=nonsense",
        f"{PROOF}?{JUNE}&figure=nonsense",
        "/customers/C-100/billed/premium-concurrent/proof/",
        "/customers/C-100/billed/digital/proof/",
        "/customers/C-100/billed/nonsense/proof/",
        f"{BILLED}?cycle=2024-06-10",
        "/api/v1/customers/C-100/billed/nonsense/proof/",
        "/api/v1/customers/C-100/billed/premium-concurrent/proof/",
        f"{API_PROOF}?cycle=2024-06-10",
        f"{API_PROOF}?{JUNE}&day=2024-07-09",
        f"{API_PROOF}?{JUNE}&usage_type=premium-concurrent",
    ],
)
def test_what_is_not_there_is_404(client_of: Browser, alice: User, address: str) -> None:
    assert client_of(alice).get(address).status_code == 404


@pytest.mark.parametrize(
    "address",
    [f"{API_PROOF}?day=yesterday", f"{API_PROOF}?usage_type=phones", f"{API_BILLED}?until=2024-02-30"],
)
def test_what_cannot_be_understood_is_a_bad_request(client_of: Browser, alice: User, address: str) -> None:
    assert client_of(alice).get(address).status_code == 400


def test_a_customer_without_a_cycle_has_no_proof(client_of: Browser, dana: User) -> None:
    entered()
    client = client_of(dana)
    for address in (PROOF, BILLED, API_PROOF, API_BILLED):
        assert client.get(address.replace("C-100", "C-1")).status_code == 404


# The API


def test_the_json_can_be_worked_out_again(client_of: Browser, alice: User) -> None:
    answer = json_of(client_of(alice), f"{API_PROOF}?{JUNE}&day=2024-06-10&usage_type=standard-named")
    assert answer["customer"] == "C-100"
    assert answer["cycle"] == {
        "first_day": "2024-06-09",
        "last_day": "2024-07-08",
        "subscription": "Sub-1001",
    }
    assert answer["figures"] == {"used": 28, "committed": 20, "substituted": 1, "overage": 7}
    assert answer["recomputed"] == answer["figures"]
    assert (answer["agrees"], answer["difference"], answer["comment"]) == (True, None, "")
    assert answer["rules"] == ["R3", "R10", "R4", "R5"]
    assert answer["rules_version"] == "2026.1"
    assert answer["settings"]["licence_model"] == "named"
    assert answer["peak"] is None
    for step in answer["steps"]:
        assert evaluate(step["formula"], step["inputs"]) == step["result"], step
    assert answer["counted"]["count"] == 28
    assert answer["counted"]["results"][0] == {
        "actor": "std-01",
        "first_login": "2024-06-09",
        "first_premium": None,
        "records": [
            {
                "source": "import",
                "record_id": "s01-1",
                "licence": "standard",
                "started_at": "2024-06-09T07:01:00Z",
                "ended_at": "2024-06-09T15:00:00Z",
                "recorded_at": answer["counted"]["results"][0]["records"][0]["recorded_at"],
            }
        ],
    }
    assert answer["commitments"] == [
        {
            "subscription": "Sub-1001",
            "sku": sku,
            "usage_type": usage_type,
            "quantity": quantity,
            "from": "2024-01-09",
            "to": None,
        }
        for sku, usage_type, quantity in (
            ("A-FLEX-WCC-P-N", "premium-named", 5),
            ("A-FLEX-WCC-S-N", "standard-named", 20),
        )
    ]


def test_the_json_of_a_peak_names_its_sample_and_the_time_in_each(
    client_of: Browser, dana: User, usage: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(subscription("Sub-1", model="concurrent"))
    usage.use(session("a", "08:14", "08:46"), session("b", "08:00", None))
    address = "/api/v1/customers/C-1/daily-detail/proof/?day=2024-06-10&usage_type=standard-concurrent"
    answer = json_of(client_of(dana), address)
    assert answer["peak"] == {
        "reading": "sample",
        "start": "2024-06-10T08:45:00Z",
        "end": "2024-06-10T09:00:00Z",
        "looks_back_to": "2024-06-10T08:00:00Z",
    }
    assert [each["present_seconds"] for each in answer["counted"]["results"]] == [
        [60, 900, 900, 60],
        [900] * 4,
    ]
    assert answer["counted"]["results"][1]["records"][0]["ended_at"] is None
    assert answer["comment"] == "Overage peak"
    assert [step["key"] for step in answer["mark"]] == ["family_overage", "largest"]
    monkeypatch.setattr(proof_api, "MOST_WITNESSES", 1)
    counted = json_of(client_of(dana), address)["counted"]
    assert (counted["count"], len(counted["results"])) == (2, 1)


def test_the_json_of_what_is_billed_has_every_day_and_the_one_it_hangs_on(
    client_of: Browser, alice: User
) -> None:
    answer = json_of(client_of(alice), f"{API_BILLED}?{JUNE}")
    assert answer["billed"] == {"quantity": 11, "day": "2024-06-12"}
    assert answer["marked"] == {"day": "2024-06-13", "overage": 11}
    assert answer["agrees"] is True
    assert [day["overage"] for day in answer["days"]] == [0, 7, 9, *[11] * 27]
    (step,) = answer["steps"]
    assert (step["formula"], step["result"]) == ("highest(overage)", 11)
    assert step["inputs"]["overage"] == [day["overage"] for day in answer["days"]]
    assert answer["of_day"]["day"] == "2024-06-12"
    assert answer["of_day"]["counted"]["count"] == 31
    until = json_of(client_of(alice), f"{API_BILLED}?{JUNE}&until=2024-06-10")
    assert (until["billed"], until["until"]) == ({"quantity": 7, "day": "2024-06-10"}, "2024-06-10")


# Who sees them


@pytest.mark.parametrize("address", [f"{PROOF}?{OF_THE_10TH}", f"{BILLED}?{JUNE}", API_PROOF, API_BILLED])
def test_strangers_get_what_they_get_for_nothing_at_all(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, address: str
) -> None:
    for reader in (alice, bob, dana):
        assert client_of(reader).get(address).status_code == 200
    for headers in ({}, {"HX-Request": "true"}):
        refused = client_of(charlie).get(address, headers=headers)
        missing = client_of(charlie).get(address.replace("C-100", "C-199"), headers=headers)
        assert refused.status_code == missing.status_code == 404
        assert b"Kungsgatan" not in refused.content
        assert b"std-01" not in refused.content
        if address.startswith("/api/"):
            assert refused.content.replace(b"C-100", b"C-199") == missing.content


def test_a_customer_does_not_see_its_neighbours_proofs(client_of: Browser, alice: User) -> None:
    neighbour = customer("C-101", subscription("Sub-9", line(IVR, 1)))
    enter(portfolio(partner("P-100", neighbour, name="Nordlys Partner AB", price_book=None), books=[]))
    for address in (PROOF, BILLED, API_PROOF, API_BILLED):
        assert client_of(alice).get(address.replace("C-100", "C-101")).status_code == 404


def test_without_signing_in_there_is_none(client: Client, guide_example: Customer) -> None:
    for address in (PROOF, BILLED):
        assert client.get(address).status_code == 302
    for address in (API_PROOF, API_BILLED):
        assert client.get(address).status_code == 401


# What it costs


@pytest.mark.parametrize(
    ("address", "queries"),
    [
        (f"{PROOF}?{OF_THE_10TH}", 20),
        (f"{PROOF}?{JUNE}&day=2024-06-10&type=ivr-port", 21),
        (f"{BILLED}?{JUNE}", 20),
        (f"{API_PROOF}?{JUNE}&day=2024-06-10&usage_type=standard-named", 18),
        (f"{API_BILLED}?{JUNE}", 18),
    ],
)
def test_a_proof_takes_a_known_number_of_queries(
    client_of: Browser,
    bob: User,
    guide_example: Customer,
    usage: UsageFiles,
    django_assert_num_queries: DjangoAssertNumQueries,
    address: str,
    queries: int,
) -> None:
    """Six of them are for whose eyes see it; the reading of a day's or a cycle's records is one more, beside them."""
    usage.use(session("c", "10:00", "10:01"), kind="ivr-legs", customer="C-100")
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=date(2024, 7, 20))
    client = client_of(bob)
    with django_assert_num_queries(queries):
        assert client.get(address, headers={"HX-Request": "true"}).status_code == 200
