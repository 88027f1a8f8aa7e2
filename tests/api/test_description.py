"""The description of the API is true: whatever is asked by whomever, the answer is one that it describes.

``API_EXAMPLES=500`` asks more of each address than a few times.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import date
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.accounts.models import KeyScope, User
from apps.accounts.services import create_api_key
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper, Run
from apps.reconciliation.services import open_run, reconcile_customer
from apps.subscriptions.services import import_portfolio
from apps.usage.models import Delivery
from portal.api_docs import described_api
from portal.wsgi import application
from tests.conftest import SAMPLE
from tests.factories.pages import Browser
from tests.factories.portfolios import SMS, digital, line
from tests.factories.usage import UsageFiles, session

EXAMPLES = int(os.environ.get("API_EXAMPLES", "4"))
TODAY = date(2024, 7, 20)
PAPER = "day,peak\n2024-06-12,9\n"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def description() -> dict[str, Any]:
    return described_api("en")


def test_the_command_writes_the_description_without_a_warning() -> None:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    assert '"openapi": "3.1' in out.getvalue()


def addresses() -> Iterator[str]:
    """Every address of the API, in the form of the description."""

    def walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern, route)
            elif pattern.name:
                yield route

    for route in walk(get_resolver(), "/"):
        if route.startswith("/api/v1/"):
            yield "/".join(f"{{{part[1:-1].rpartition(':')[2]}}}" if part.startswith("<") else part
                           for part in route.split("/"))  # fmt: skip


def test_every_address_is_described() -> None:
    found = set(addresses())
    assert len(found) >= 22
    # (That of usage is posted to without its last slash too.)
    assert found == set(description()["paths"]) - {"/api/v1/usage/{kind}"}
    methods = {address: set(described) for address, described in description()["paths"].items()}
    assert methods.pop("/api/v1/usage/{kind}") == {"post"}
    assert methods.pop("/api/v1/customers/{ref}/control-totals/") == {"get", "post"}
    assert set().union(*methods.values()) == {"get"}


def test_every_address_says_which_errors_it_has_and_how_to_be_let_in() -> None:
    described = description()
    for address, methods in described["paths"].items():
        for method, operation in methods.items():
            responses = operation["responses"]
            assert {"401", "403", "429"} <= responses.keys(), (method, address)
            assert {"cookieAuth", "apiKey"} <= {name for each in operation["security"] for name in each}
            for status, response in responses.items():
                if int(status) >= 400:
                    assert [*response["content"]] == ["application/problem+json"], (method, address, status)
            for parameter in operation.get("parameters", ()):
                has_words = parameter.get("description") or parameter["in"] == "path"
                assert has_words or parameter["name"] == "format", (address, parameter["name"])


def test_partners_and_the_provider_read_it_and_nobody_else(
    client_of: Browser, client: Client, alice: User, bob: User, dana: User
) -> None:
    for user in (bob, dana):
        browser = client_of(user)
        answer = browser.get("/api/v1/schema/?format=json")
        assert answer.status_code == 200
        assert answer.json()["paths"].keys() == description()["paths"].keys()
        page = browser.get("/api/docs/").content.decode()
        assert 'data-schema="/api/v1/schema/?format=json"' in page
        assert "<style" not in page
        assert "<script>" not in page
    for address in ("/api/v1/schema/", "/api/docs/"):
        assert client_of(alice).get(address).status_code == 404
    assert client.get("/api/v1/schema/").status_code in (401, 403)
    assert client.get("/api/docs/").status_code == 302


# What is asked as described: things that are there, of one's own and of others. Anything at all is asked otherwise.
THERE: dict[str, list[Any]] = {
    "ref": ["C-100", "C-100", "C-900"],
    "customer": ["C-100", "C-900"],
    "cycle": ["2024-06-09", "2024-06-09", "2024-07-10", "9999-12-31"],
    "until": ["2024-06-13", "2024-07-08", "0001-01-01"],
    "day": ["2024-06-12", "2024-06-13"],
    "usage_type": ["standard-named", "ivr-port", "digital"],
    "number": ["INV-000001"],
    "cursor": [""],
    "page_size": [1, 500, 10_000],
    "premium": ["5", "+3"],
    "standard": ["-3"],
    "since": ["2024-06-20"],
    "surge": [0, 30],
    "price": ["A-FLEX-WCC-P-N-O=150.00/10"],
    "retail_price": ["A-FLEX-WCC-P-N-O=200"],
}


@pytest.fixture
def stage(guide_example: Customer, strangers: Customer, tmp_path: Any) -> None:
    """Something at every address, and the keys of a run and a delivery."""
    files = UsageFiles(tmp_path)
    files.use(session("anna", "08:00", None, day=date(2024, 7, 10)), customer="C-100")
    files.units((SMS, 5, "2024-07-11"), customer="C-100")
    files.take("record_id,agent_id,licence,started_at,ended_at\n1,anna,gold,,\n", customer="C-100")
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=TODAY)
        issue_invoices(customer=guide_example, first_day=date(2024, 6, 9), today=TODAY, by="test")
        open_run(today=TODAY)
        paper, _is_new = take_paper(
            customer=guide_example,
            upload=Upload("theirs.csv", PAPER.encode()),
            today=TODAY,
            now=timezone.now(),
            by="test",
        )
        compare_paper(paper_id=paper.pk, now=timezone.now())
        portfolio = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_bytes())
        portfolio["partners"][0]["customers"][0]["subscriptions"].append(
            digital("Dig-1", line(SMS, 1), starts_on="2024-07-10", bill_day=10)
        )
        import_portfolio(text=json.dumps(portfolio), by="test")
        partner = guide_example.partner
        Delivery.objects.update(partner=partner)
        for delivery in Delivery.objects.all():
            delivery.rows_kept_aside.update(partner=partner)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests leave the connection of the test open, as those of Django's own client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def strict(part: Any) -> None:
    """No answer has anything that its shape does not name."""
    if isinstance(part, dict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
        for each in part.values():
            strict(each)
    elif isinstance(part, list):
        for each in part:
            strict(each)


def with_examples(there: dict[str, list[Any]]) -> BaseSchema:
    """The description, with parameters that name things that are there."""
    described = deepcopy(description())
    strict(described["components"])
    for address, methods in described["paths"].items():
        for method, operation in methods.items():
            operation.pop("security")  # who asks is said here
            if address.endswith("/control-totals/") and method == "post":
                body = operation["requestBody"]["content"]
                body.clear()
                body["text/plain"] = {"schema": {"type": "string", "enum": [PAPER, "a,b\n1,2\n"]}}
            for parameter in operation.get("parameters", ()):
                _narrow(parameter, there.get(parameter["name"]))
                if address.startswith("/api/v1/usage/") and parameter["name"] == "customer":
                    parameter["required"] = True
    schema = schemathesis.openapi.from_dict(described)
    schema.app = application
    return schema


def _narrow(parameter: dict[str, Any], known: list[Any] | None) -> None:
    kind = parameter["schema"]
    if known and kind.get("type") == "array":
        kind["items"] = {"enum": known}
        kind["minItems"] = 1
    elif known:
        parameter["schema"] = {"enum": known}


def cases(schema: BaseSchema) -> Iterator[tuple[str, Any]]:
    """What is asked of each address, as it is described and otherwise."""
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # one that is none fails here
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            yield operation.label, operation.as_strategy(generation_mode=mode)


def ask(strategy: Any, *, examples: int, **by_whom: Any) -> set[int]:
    """Ask, hold every answer against the description, and return the statuses."""
    statuses: set[int] = set()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=strategy)
    def one(case: Case) -> None:
        response = case.call(**by_whom)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    with suppress(Unsatisfiable):  # nothing can be asked of it otherwise than as it is described
        one()
    return statuses


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "dana", "key of bob", "key of dana"])
def test_every_answer_is_as_described(
    client_of: Browser,
    request: pytest.FixtureRequest,
    dana: User,
    stage: None,
    one_connection: None,
    name: str,
) -> None:
    user: User = request.getfixturevalue(name.rpartition(" ")[2])
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    if name.startswith("key"):
        with scope(PROVIDER):
            _key, token = create_api_key(
                partner=user.partner, name="test", scopes=[*KeyScope], by=user, now=timezone.now()
            )
        headers["Authorization"] = f"Bearer {token}"
    else:
        token = "x" * 32
        cookies = {each.key: each.value for each in client_of(user).cookies.values()}
        cookies["csrftoken"], headers["X-CSRFToken"] = token, token
    with scope(PROVIDER):
        there = {
            **THERE,
            "run_id": [Run.objects.latest("pk").pk],
            "paper_id": [ControlPaper.objects.latest("pk").pk],
            "delivery_id": [Delivery.objects.latest("pk").pk],
        }
    answered: dict[str, set[int]] = {}
    for label, strategy in cases(with_examples(there)):
        answered.setdefault(label, set()).update(
            ask(strategy, examples=EXAMPLES * (3 if name == "dana" else 1), headers=headers, cookies=cookies)
        )
    statuses = set().union(*answered.values())
    assert {200, 400, 404} <= statuses
    if name == "dana":  # otherwise little would be proven
        assert [label for label, of_address in answered.items() if not {200, 202} & of_address] == []
