"""What is not yours does not exist: over every address, with every method, exactly as if nothing were there."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role as UserRole
from apps.accounts.models import User
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Role, scope
from apps.invoicing.models import Invoice
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.organisations.selectors import UnknownCustomer
from apps.organisations.services import describe_organisation
from apps.reconciliation.models import Run
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.services import change_surge, import_portfolio
from apps.usage.models import Interval
from apps.usage.services import import_usage
from tests.security.routes import (
    OF_NO_TENANT,
    OF_PARTNERS,
    OF_TENANTS,
    OF_THE_PROVIDER,
    ONLY_POSTED_TO,
    Route,
    Target,
    all_routes,
    queries_of,
    targets_of,
    targets_seen_by,
)
from tests.security.world import OPEN_CYCLE, TODAY, Party, World

# Parameters of addresses that name nothing of a tenant.
OTHER_PARAMETERS = {"first_day", "usage_type", "uidb36", "key", *OF_NO_TENANT}
# Addresses for everybody: signing in, and whether the portal works.
OPEN_TO_ALL = {
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_signup",
    "health",
    "set_language",
}
# What is no reader's, whosever it is.
OF_ADMINISTRATORS = ("keys:", "reconciliation:surge-preview", "usage:delivery-file")
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")

# Who attacks whom: people of another partner, a customer its partner's other customer, a partner another's customers.
ATTACKS = [("charlie", "home"), ("erin", "home"), ("bob", "strange"), ("alice", "strange"), ("carol", "home")]


def forbidden_targets(world: World, name: str, party: Party) -> list[Target]:
    """What the party has and somebody may not see."""
    seen = [target.values for target in targets_seen_by(world.people[name].scope, party)]
    return [target for target in targets_of(party) if target.values not in seen]


def tenants_routes(target: Target) -> list[Route]:
    return [
        route for route in all_routes() if route.is_of_tenants and route.parameters <= target.values.keys()
    ]


def as_seen(answer: HttpResponseBase, values: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    """An answer without what differs by itself: the words of the address, tokens."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN", b"".join(answer).decode())
    headers = {**answer.headers, "Expires": ""}
    for name in OF_TENANTS & values.keys():
        word, instead = str(values[name]), name
        if name.endswith("_id"):  # a number stands in other places too
            word, instead = f"/{word}/", f"/{name}/"
            headers.pop("Content-Length", None)  # has another length in the address; the body is compared
        body = body.replace(word, instead)
        headers = {key: value.replace(word, instead) for key, value in headers.items()}
    cookies = sorted(answer.cookies)
    return answer.status_code, headers | {"cookies": str(cookies)}, body


def test_every_parameter_of_an_address_is_known() -> None:
    routes = all_routes()

    assert {name for route in routes for name in route.parameters} == OF_TENANTS | OTHER_PARAMETERS
    assert len([route for route in routes if route.is_of_tenants]) >= 14


@pytest.mark.parametrize(
    ("method", "name", "whom"),
    [
        *((method, *attack) for method in ("get", "post") for attack in ATTACKS),
        *((method, "charlie", "home") for method in METHODS if method not in ("get", "post")),
    ],
)
def test_what_is_somebody_elses_is_answered_like_what_is_not_there(
    world: World, browser_of: Callable[..., Client], method: str, name: str, whom: str
) -> None:
    browser = browser_of(name)
    targets = forbidden_targets(world, name, getattr(world, whom))
    if (method, name) not in {
        ("get", "charlie"),
        ("get", "alice"),
    }:  # one customer and one invoice of each kind are enough
        targets = [targets[0], targets[-2], targets[-1]]
    assert targets
    data = {"percentage": "50", "reason": "because"} if method == "post" else None
    for target in targets:
        for route in tenants_routes(target):
            send = getattr(browser, method)
            foreign = send(route.address(target.values), data)
            missing = send(route.address(target.missing), data)

            assert as_seen(foreign, target.values) == as_seen(missing, target.missing), route.name
            # A method that a page does not have is refused before anything is looked up; OPTIONS names the methods.
            is_read = method in ("get", "head") and route.name not in ONLY_POSTED_TO
            allowed = {200} if method == "options" else {404} if is_read else {404, 405}
            assert foreign.status_code in allowed, route.name


def test_the_work_done_for_somebody_elses_is_the_same(
    world: World, browser_of: Callable[..., Client]
) -> None:
    """So that the time taken tells nothing either."""
    browser = browser_of("charlie")
    for target in forbidden_targets(world, "charlie", world.home):
        for route in tenants_routes(target):
            with CaptureQueriesContext(connection) as foreign:
                browser.get(route.address(target.values))
            with CaptureQueriesContext(connection) as missing:
                browser.get(route.address(target.missing))
            assert len(foreign) == len(missing), route.name


@pytest.mark.parametrize("name", ["ann", "rita", "dana"])
def test_what_is_ones_own_is_there(world: World, browser_of: Callable[..., Client], name: str) -> None:
    """Otherwise the tests above would prove nothing. (For administrators see ``test_leaks``.)"""
    browser, reader = browser_of(name), world.people[name].scope
    for party in (world.home, world.strange):
        for target in targets_seen_by(reader, party)[:: 1 if reader.role is Role.CUSTOMER else 3]:
            for route in tenants_routes(target):
                if route.name.startswith(OF_ADMINISTRATORS) and name != "dana":
                    continue
                if route.name.startswith(OF_PARTNERS) and reader.role is Role.CUSTOMER:
                    continue
                if route.name in ONLY_POSTED_TO:
                    continue
                answer = browser.get(route.address(target.values) + queries_of(route)[0])
                assert answer.status_code in (200, 302), route.name
                assert b"".join(answer) or answer.status_code == 302


@pytest.mark.parametrize("name", ["alice", "bob", "erin", "charlie", "dana"])
def test_numbers_of_lists_are_of_ones_own(world: World, browser_of: Callable[..., Client], name: str) -> None:
    """A filter that names what is somebody else's finds as much as one that names nothing."""
    browser, reader = browser_of(name), world.people[name].scope
    with scope(reader):
        own = set(Invoice.objects.values_list("number", flat=True))
        refs = set(Customer.objects.values_list("ref", flat=True))
    invoices = browser.get("/api/v1/invoices/?page_size=500").json()
    customers = browser.get("/api/v1/customers/?page_size=500").json()

    assert sorted(each["number"] for each in invoices["results"]) == sorted(own)
    assert sorted(each["ref"] for each in customers["results"]) == sorted(refs)
    for answer in (invoices, customers):
        assert answer.keys() == {"next", "results"}, "nothing else tells how many there are"
        assert answer["next"] is None, "no page of somebody else's follows"


FILTERS = [
    ("/customers/", "q", "C-100"),
    ("/customers/", "q", "Aurora Customer"),
    ("/customers/", "partner", "P-100"),
    ("/customers.csv", "q", "C-100"),
    ("/customers.csv", "partner", "P-100"),
    ("/invoices/", "q", "P-100-INV-000001"),
    ("/invoices/", "customer", "C-100"),
    ("/invoices/", "customer", "Aurora Customer"),
    ("/invoices/export.csv", "q", "P-100-INV-000001"),
    ("/invoices/export.csv", "customer", "C-100"),
    ("/api/v1/customers/", "q", "C-100"),
    ("/api/v1/customers/", "partner", "P-100"),
    ("/api/v1/invoices/", "q", "P-100-INV-000001"),
    ("/api/v1/invoices/", "customer", "C-100"),
]


@pytest.mark.parametrize(("address", "parameter", "word"), FILTERS)
def test_a_filter_tells_nothing_of_others(
    world: World, browser_of: Callable[..., Client], address: str, parameter: str, word: str
) -> None:
    browser = browser_of("charlie")
    with scope(PROVIDER):
        assert Invoice.objects.filter(number="P-100-INV-000001").exists()
        assert Customer.objects.filter(ref="C-100", name__startswith="Aurora Customer").exists()
    missing = re.sub(r"\w", "8", word)
    foreign, nothing = (
        as_seen(browser.get(address, {parameter: each}), {"ref": each, "number": each.replace(" ", "+")})
        for each in (word, missing)
    )
    assert foreign == nothing


def test_the_chooser_of_an_organisation_leads_to_no_other(
    world: World, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of("charlie")
    own, other = world.strange.customers[0].ref, world.home.customers[0].ref
    answers = [browser.get(f"/customers/{own}/daily-detail/", {"org": ref}) for ref in (other, "C-888")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert as_seen(answers[0], {"ref": other}) == as_seen(answers[1], {"ref": "C-888"})


def test_another_customers_subscription_is_none(world: World, browser_of: Callable[..., Client]) -> None:
    browser = browser_of("alice")
    for word, ref in (("borealis", "C-900"), ("aurora", "C-101"), ("nobody", "C-888")):
        for page in ("", "daily-detail/", "daily-detail.csv"):
            answer = browser.get(f"/customers/C-100/{page}", {"subscription": f"Sub-{word}-{ref}"})
            assert answer.status_code == 404


def test_nobody_without_signing_in_gets_anything(world: World, browser_of: Callable[..., Client]) -> None:
    browser = browser_of("")
    targets = [*targets_of(world.home)[:1], *targets_of(world.home)[-1:]]
    values = {
        **targets[0].values,
        **targets[1].values,
        **OF_NO_TENANT,
        "prefix": "x",
        "delivery_id": 1,
        "source_id": 1,
        "uidb36": "1",
        "key": "x",
    }
    for route in all_routes():
        for method in METHODS:
            answer = getattr(browser, method)(route.address(values))
            if route.name in OPEN_TO_ALL:
                assert answer.status_code in (200, 302, 404, 405), route.name
            elif route.is_api:
                assert answer.status_code == 401, route.name
                assert b"detail" in answer.content or method == "head"
            else:
                assert answer.status_code == 302, (route.name, method)
                assert answer["Location"].startswith("/accounts/login/?next=/"), route.name


# What administrators of partners change too; who else may not is asked where these are tested.
PARTNERS_CHANGES = {
    "api:control-totals",
    "api:usage",
    "invoicing:conflict",
    "invoicing:conflicts",
    "invoicing:control",
    "invoicing:control-again",
    "keys:key",
    "keys:list",
    "keys:revoke",
    "usage:deliveries",
    "usage:delivery-again",
    "usage:format",
    "usage:format-add",
    "usage:format-delete",
    "usage:kept_aside_group",
    "usage:kept_aside_row",
    "usage:source",
}
CHANGES = {
    "reconciliation:voice": {"percentage": "99", "reason": "mine now"},
    "invoicing:draft": {},
}


PROVIDERS_CHANGES: dict[str, dict[str, str]] = {
    "reconciliation:run-cancel": {},
    "reconciliation:run-retry": {"customer": "C-100"},
    "reconciliation:runs": {},
    "subscriptions:offer": {
        "billed_peak": "combined_day",
        "ivr_peak": "instant",
        "longest_open_hours": "1",
        "reason": "mine now",
    },
}


@pytest.mark.parametrize("name", ["alice", "ann", "bob", "rita", "erin", "charlie", "sven"])
def test_what_is_of_the_provider_does_not_exist_for_others(
    world: World, browser_of: Callable[..., Client], name: str
) -> None:
    browser = browser_of(name)
    with scope(PROVIDER):
        run = Run.objects.latest("pk")
        before = (Run.objects.count(), run.items.count(), Offer.objects.get(code="A-FLEX-3-CC").ivr_peak)
    routes = {route.name: route for route in all_routes() if route.name in OF_THE_PROVIDER}
    assert routes.keys() == set(OF_THE_PROVIDER)
    is_support = world.people[name].is_provider
    for route_name, route in routes.items():
        address = route.address({**OF_NO_TENANT, "run_id": run.pk})
        changes = PROVIDERS_CHANGES.get(route_name)
        if route_name not in ONLY_POSTED_TO:
            assert browser.get(address).status_code == (200 if is_support else 404), route_name
        if changes is not None:
            assert browser.post(address, changes).status_code == (403 if is_support else 404), route_name
    with scope(PROVIDER):
        run.refresh_from_db()
        after = (Run.objects.count(), run.items.count(), Offer.objects.get(code="A-FLEX-3-CC").ivr_peak)
    assert (after, run.finished_at) == (before, None)


@pytest.mark.parametrize("name", ["alice", "ann", "bob", "rita", "erin", "charlie", "sven"])
def test_only_provider_administrators_change_what_is_theirs_to_change(
    world: World, browser_of: Callable[..., Client], name: str
) -> None:
    browser = browser_of(name)

    def everything() -> tuple[int, int]:
        with scope(PROVIDER):
            return SurgeChange.objects.count(), Invoice.objects.count()

    before = everything()
    changing = {route.name: route for route in all_routes() if route.name in CHANGES}
    assert changing.keys() == CHANGES.keys()
    for party in (world.home, world.strange):
        seen = [target.values for target in targets_seen_by(world.people[name].scope, party)]
        for target in targets_of(party)[:2]:
            for route in changing.values():
                answer = browser.post(route.address(target.values), CHANGES[route.name])
                assert answer.status_code == (403 if target.values in seen else 404)
    assert everything() == before


def test_nothing_else_takes_a_post(world: World, browser_of: Callable[..., Client]) -> None:
    """A new page that changes something must be thought of here."""
    browser = browser_of("dana")
    first, last = targets_of(world.home)[0], targets_of(world.home)[-1]
    values = {
        **first.values,
        **last.values,
        **OF_NO_TENANT,
        "prefix": "x",
        "delivery_id": 1,
        "source_id": 1,
        "uidb36": "1",
        "key": "x",
    }
    taking = {
        route.name
        for route in all_routes()
        if "POST" in browser.options(route.address(values)).headers.get("Allow", "")
    }

    taking = {name for name in taking if not name.startswith("account_")}
    assert taking == {*CHANGES, *PROVIDERS_CHANGES, *PARTNERS_CHANGES}


def test_usage_for_somebody_elses_customer_is_usage_for_nobody(world: World, tmp_path: Path) -> None:
    """Refused with the same words as for a customer that is not there, and kept aside row by row."""
    sender = world.people["charlie"].scope
    texts = []
    for ref in ("C-100", "C-888"):
        path = tmp_path / f"{ref}.csv"
        path.write_text(
            "record_id,agent_id,licence,started_at,ended_at,customer\n"
            f"r1,a1,standard,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z,{ref}\n"
        )
        arguments: dict[str, Any] = {
            "kind": "agent-sessions",
            "path": path,
            "sha256": ref,
            "sender": sender,
            "now": datetime(2024, 8, 20, tzinfo=UTC),
        }
        imported = import_usage(**arguments)
        assert imported.accepted == 0
        with pytest.raises(UnknownCustomer) as refusal:
            import_usage(**arguments, customer_ref=ref)
        texts.append((imported.reasons, str(refusal.value).replace(ref, "REF")))

    assert texts[0] == texts[1]
    with scope(PROVIDER):
        assert not Interval.objects.filter(record_id="r1").exists()


@pytest.mark.parametrize("name", ["bob", "alice"])
def test_what_is_the_providers_to_do_is_refused_by_the_database_too(world: World, name: str) -> None:
    """Whatever a page might forget to ask."""
    customer = copy(world.home.customers[0])
    forbidden: list[Callable[[], object]] = [
        lambda: import_portfolio(
            text='{"price_books": [{"ref": "x", "currency": "EUR", "prices": []}]}', by="x"
        ),
        lambda: issue_invoices(customer=customer, first_day=OPEN_CYCLE, today=TODAY, by="x"),
        lambda: change_surge(customer=customer, percent=Decimal(5), reason="x", by=world.people["dana"]),
        lambda: reconcile_customer(customer=customer, today=TODAY),
        lambda: describe_organisation(organisation=customer, name="mine"),
        lambda: User.objects.create_user(email="x@example.com", role=UserRole.PROVIDER_ADMIN),
        lambda: User.objects.filter(pk=world.people[name].pk).update(role=UserRole.PROVIDER_ADMIN),
    ]
    for act in forbidden:
        with pytest.raises(ProgrammingError, match="permission denied"), scope(world.people[name].scope):
            act()
