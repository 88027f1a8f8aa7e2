"""The API: the same records as the pages and the commands, JSON for every answer, and nothing of a stranger."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.subscriptions.services import import_portfolio
from tests.conftest import SAMPLE
from tests.factories.pages import Browser
from tests.factories.portfolios import SMS, digital, line

JUNE = date(2024, 6, 9)
DETAIL = "/api/v1/customers/C-100/daily-detail/"


@pytest.fixture
def invoice(guide_example: Customer) -> str:
    with scope(PROVIDER):
        return issue_invoices(customer=guide_example, first_day=JUNE, today=date(2024, 12, 31), by="test")[
            0
        ].number


def test_customers_of_the_scope(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User
) -> None:
    seen = {
        user.email: [
            customer["ref"] for customer in client_of(user).get("/api/v1/customers/").json()["results"]
        ]
        for user in (alice, bob, charlie, dana)
    }
    assert seen == {
        alice.email: ["C-100"],
        bob.email: ["C-100"],
        charlie.email: ["C-900"],
        dana.email: ["C-100", "C-900"],
    }
    assert client_of(bob).get("/api/v1/customers/").json()["results"] == [
        {"ref": "C-100", "name": "Kungsgatan Bank", "country": "SE", "partner": "P-100"}
    ]


def test_the_filters_are_those_of_the_page(
    client_of: Browser, dana: User, guide_example: Customer, invoice: str
) -> None:
    client = client_of(dana)
    for query, found in (("q=kungs", 1), ("q=nobody", 0), ("partner=P-100", 1), ("status=none", 0)):
        assert len(client.get(f"/api/v1/customers/?{query}").json()["results"]) == found
    for query, found in (
        ("q=000001", 1),
        ("customer=C-100", 1),
        ("kind=partner", 0),
        ("period=2024-07", 1),
        ("period=2023", 0),
    ):
        assert len(client.get(f"/api/v1/invoices/?{query}").json()["results"]) == found


UNCLEAR = (
    "customers/?status=rich",
    "customers/?q=%00",
    "invoices/?status=paid",
    "invoices/?period=2024-99",
    "invoices/?q=%00",
    "customers/C-100/daily-detail/?cycle=yesterday",
    "customers/C-100/daily-detail/?cycle=20240609",
    "customers/C-100/daily-detail/?cycle=%00",
    "customers/C-100/daily-detail/?until=2024-02-30",
    "customers/C-100/daily-detail/?family=phones",
    "customers/C-100/cycles/?service=phones",
)


def test_what_cannot_be_understood_is_a_bad_request(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    client = client_of(dana)
    for address in UNCLEAR:
        response = client.get(f"/api/v1/{address}")
        assert (address, response.status_code) == (address, 400)
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        (parameter,) = problem.pop("errors")
        assert parameter in address
        assert problem == {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "What was sent has mistakes.",
            "instance": f"/api/v1/{address}".partition("?")[0],
        }


def test_the_daily_detail_has_the_records_of_the_csv(client_of: Browser, alice: User) -> None:
    answer = client_of(alice).get(f"{DETAIL}?cycle=2024-06-09&until=2024-06-13&family=agents").json()
    assert {name: value for name, value in answer.items() if name != "results"} == {
        "customer": "C-100",
        "cycle": {"first_day": "2024-06-09", "last_day": "2024-07-08", "subscription": "Sub-1001"},
        "until": "2024-06-13",
        "is_provisional": True,
    }
    expected = csv.DictReader(io.StringIO((SAMPLE / "guide-example" / "daily-detail.csv").read_text()))
    assert [{name: str(value) for name, value in row.items()} for row in answer["results"]] == list(expected)


def test_without_a_cycle_the_newest_with_usage(client_of: Browser, bob: User) -> None:
    answer = client_of(bob).get(DETAIL).json()
    assert answer["cycle"]["first_day"] == "2024-06-09"
    assert {row["Usage Type"] for row in answer["results"]} >= {"Premium Named Agent", "IVR Port"}


def test_a_closed_cycle_is_final(client_of: Browser, bob: User, invoice: str) -> None:
    assert client_of(bob).get(f"{DETAIL}?cycle=2024-06-09").json()["is_provisional"] is False


def test_the_cycles(client_of: Browser, bob: User, invoice: str) -> None:
    answer = client_of(bob).get("/api/v1/customers/C-100/cycles/").json()
    june = next(cycle for cycle in answer["results"] if cycle["first_day"] == "2024-06-09")
    assert june == {
        "service": "contact-centre",
        "first_day": "2024-06-09",
        "last_day": "2024-07-08",
        "subscription": "Sub-1001",
        "is_closed": True,
        "calculated_until": "2024-07-08",
        "has_usage": True,
    }
    days = [cycle["first_day"] for cycle in answer["results"]]
    assert days == sorted(days, reverse=True)


def test_the_cycles_of_digital_channels(client_of: Browser, bob: User, guide_example: Customer) -> None:
    portfolio = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_bytes())
    subscriptions = portfolio["partners"][0]["customers"][0]["subscriptions"]
    subscriptions.append(digital("Dig-1", line(SMS, 1), starts_on="2024-05-01"))
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(portfolio), by="test")

    def cycles(query: str = "") -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = (
            client_of(bob).get(f"/api/v1/customers/C-100/cycles/{query}").json()["results"]
        )
        return results

    everything = cycles()
    assert {cycle["service"] for cycle in everything} == {"contact-centre", "digital"}
    of_digital = cycles("?service=digital")
    assert of_digital == [cycle for cycle in everything if cycle["service"] == "digital"]
    assert cycles("?service=contact-centre") == everything[: -len(of_digital)]
    days = [(cycle.pop("first_day"), cycle.pop("last_day")) for cycle in of_digital]
    assert days == sorted(days, reverse=True)
    assert all(first.endswith("-01") for first, _last in days)
    assert of_digital[-1] == {
        "service": "digital",
        "subscription": "Dig-1",
        "is_closed": False,
        "calculated_until": None,
        "has_usage": False,
    }


def test_an_invoice_as_the_command_prints_it(client_of: Browser, bob: User, invoice: str) -> None:
    out = StringIO()
    call_command("run_billing", customer="C-100", cycle="2024-06-09", format="json", stdout=out)
    (printed,) = json.loads(out.getvalue())
    client = client_of(bob)
    assert client.get(f"/api/v1/invoices/{invoice}/").json() == printed
    assert client.get("/api/v1/invoices/").json()["results"] == [printed]
    assert printed["lines"][0]["amount"] == "288.00"


def test_a_wholesale_invoice_is_not_the_customers(client_of: Browser, alice: User, invoice: str) -> None:
    assert client_of(alice).get("/api/v1/invoices/").json()["results"] == []
    assert client_of(alice).get(f"/api/v1/invoices/{invoice}/").status_code == 404


MISSING = (
    "customers/C-100/daily-detail/",
    "customers/C-100/daily-detail/?cycle=2024-06-09",
    "customers/C-100/cycles/",
    "customers/%00/cycles/",
    "invoices/INV-000001/",
    "invoices/%00/",
    "nothing/",
    "",
    "customers/C-900/daily-detail/?cycle=9999-12-31",
    "customers/C-900/daily-detail/?cycle=0001-01-01",
    "customers/C-900/daily-detail/",
    "customers/?format=xml",
)


def test_a_strangers_is_as_missing_as_what_is_not(client_of: Browser, charlie: User, invoice: str) -> None:
    client = client_of(charlie)
    missing = client.get("/api/v1/invoices/INV-999999/").json()
    assert missing.pop("instance") == "/api/v1/invoices/INV-999999/"
    for address in MISSING:
        response = client.get(f"/api/v1/{address}")
        assert (address, response.status_code) == (address, 404)
        assert response["Content-Type"] == "application/problem+json"
        told = response.json()
        assert told.pop("instance") == f"/api/v1/{address}".partition("?")[0]
        assert (address, told) == (address, missing)


def test_without_signing_in_there_is_json_and_no_redirect(client: Client, invoice: str) -> None:
    for address in ("customers/", "invoices/", "customers/C-100/cycles/", "invoices/INV-000001/", "nothing/"):
        response = client.get(f"/api/v1/{address}")
        assert (address, response.status_code) == (address, 401)
        assert response["WWW-Authenticate"] == "Bearer"
        assert response["Content-Type"] == "application/problem+json"
        assert list(response.json()) == ["type", "title", "status", "detail", "instance"]


def test_errors_outside_of_any_view_are_problems_too(client_of: Browser, client: Client, dana: User) -> None:
    signed_in = client_of(dana)
    for status, response in (
        (404, client.get("/api/")),
        (404, client.get("/api/v2/customers/")),
        (404, signed_in.post("/api/v1/nothing/")),
        (405, signed_in.post("/api/v1/customers/")),
        (400, signed_in.get(f"/api/v1/customers/?{'a=1&' * 1200}")),
        (400, client.get("/api/v1/customers/", headers={"host": "evil.example"})),
    ):
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert response.json()["status"] == status
        assert response.json()["instance"] == response.wsgi_request.path


def test_an_error_of_the_server_is_a_problem_that_tells_nothing(
    client_of: Browser, dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("the secret of the engine room")

    monkeypatch.setattr("apps.dashboard.api.views.CustomersFilter", fails)
    client = client_of(dana)
    client.raise_request_exception = False
    response = client.get("/api/v1/customers/")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert "engine room" not in response.content.decode()


def test_it_is_only_read(client_of: Browser, dana: User, invoice: str) -> None:
    client = client_of(dana)
    for address in ("customers/", "invoices/", f"invoices/{invoice}/", "customers/C-100/cycles/"):
        for method in (client.post, client.put, client.patch, client.delete):
            response: Any = method(f"/api/v1/{address}")
            assert response.status_code == 405


def test_a_cycle_that_has_not_begun_to_be_complete_is_a_conflict(client_of: Browser, bob: User) -> None:
    response = client_of(bob).get(f"{DETAIL}?cycle=2024-06-09&until=2024-06-01")
    assert response.status_code == 409
    assert "No day of the cycle" in response.json()["detail"]
    assert client_of(bob).get(f"{DETAIL}?cycle=2024-06-10").status_code == 404
    assert client_of(bob).get(f"{DETAIL}?cycle=9999-12-31").status_code == 404


def test_pages_of_a_list(client_of: Browser, dana: User, alice: User, charlie: User) -> None:
    client = client_of(dana)
    first = client.get("/api/v1/customers/?page_size=1").json()
    assert [customer["ref"] for customer in first["results"]] == ["C-100"]
    last = client.get(first["next"]).json()
    assert ([customer["ref"] for customer in last["results"]], last["next"]) == (["C-900"], None)
    assert len(client.get("/api/v1/customers/?page_size=999999").json()["results"]) == 2


COSTS = {
    "customers/": 8,
    "invoices/": 9,
    "invoices/INV-000001/": 8,
    "customers/C-100/cycles/": 16,
    "customers/C-100/daily-detail/": 16,
}


def test_what_it_costs(
    client_of: Browser, bob: User, invoice: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(bob)
    for address, most in COSTS.items():
        with django_assert_max_num_queries(most):
            assert client.get(f"/api/v1/{address}").status_code == 200
