"""Requests that no page of ours would send: each gets an answer, none an error of the server."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.http import HttpResponseBase
from django.test import Client

from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.models import Invoice
from apps.subscriptions.models import SurgeChange
from tests.security.routes import OF_NO_TENANT, OF_TENANTS, Route, all_routes
from tests.security.world import OPEN_CYCLE, World

# What pages read from their addresses. A page that reads more says so here.
LISTS = ("page", "sort", "q", "status")
PAGES = ("cursor", "page_size")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "api:customers": ("q", "partner", "status", *PAGES),
    "api:cycles": ("service",),
    "api:daily-detail": ("cycle", "until", "family"),
    "api:invoices": ("q", "customer", "status", "kind", "period", *PAGES),
    "api:what-if": (
        *("cycle", "premium", "standard", "wfo", "ports"),
        *("since", "surge", "price", "retail_price"),
    ),
    "api:conflicts": ("delivery", "customer", "kind", "source", "record_id", "decided", *PAGES),
    "api:control-totals": PAGES,
    "api:control-total-rows": PAGES,
    "api:customer-unentitled": PAGES,
    "api:open-records": PAGES,
    "api:runs": ("state", "started_from", "started_to", "started_by", *PAGES),
    "api:unentitled": PAGES,
    "api:voice": ("cycle", "until"),
    "api:proof": ("cycle", "until", "day", "usage_type"),
    "api:billed-proof": ("cycle", "until"),
    "api:usage": (
        *("customer", "source", "agent_id", "contact_id", "sku", "open"),
        *("started_from", "started_to", "occurred_from", "occurred_to", *PAGES),
    ),
    "api:stored-cycles": (
        *("customer", "service", "closed", "first_day_from", "first_day_to", "overage", *PAGES),
    ),
    "api:stored-detail": ("customer", "cycle", "day_from", "day_to", "usage_type", "overage", *PAGES),
    "api:deliveries": (
        *("q", "state", "kind", "channel", "source", "customer", "arrived_from", "arrived_to", *PAGES),
    ),
    "api:kept-aside": ("delivery", "reason", "kind", "source", "settled", *PAGES),
    "dashboard:customers": (*LISTS, "partner"),
    "dashboard:customers-csv": (*LISTS, "partner"),
    "invoicing:control": ("page",),
    "invoicing:control-paper": ("rows",),
    "invoicing:draft": ("cycle",),
    "keys:list": ("page",),
    "invoicing:list": (*LISTS, "customer", "kind", "period"),
    "invoicing:list-csv": ("q", "customer", "period"),
    "invoicing:pdf-state": ("tries",),
    "reconciliation:current": ("cycle", "subscription", "family"),
    "reconciliation:daily-detail": ("cycle", "subscription", "family", "org", "sort", "page"),
    "reconciliation:daily-detail-csv": ("cycle", "subscription", "family"),
    "reconciliation:proof": ("cycle", "subscription", "day", "type", "figure"),
    "reconciliation:billed-proof": ("cycle", "subscription"),
    "reconciliation:run": ("page",),
    "reconciliation:runs": ("page", "state", "started_from", "started_to", "started_by"),
    "reconciliation:surge-preview": ("percentage",),
    "reconciliation:unentitled": ("page", "open-page"),
    "reconciliation:voice": ("page", "cycle", "subscription"),
    "reconciliation:voice-csv": ("cycle", "subscription"),
    "subscriptions:offer": ("page",),
    "usage:deliveries": (
        *("q", "state", "kind", "channel", "source", "customer"),
        *("arrived_from", "arrived_to", "page"),
    ),
    "usage:source": ("until",),
    "usage:sources": ("page",),
    "account_login": ("next",),
    "health": ("require",),
}
FOR_ANY = ["\x00", "é\u202e\U0001f600' OR 1=1 --" + "x" * 10_000]
FOR_DAYS = ["0001-01-01", "9999-12-31", "2024-06-09T00:00"]
FOR_NUMBERS = ["9" * 40, "-1"]
DAYS = {
    *("cycle", "until", "day", "period", "since", "day_from", "day_to", "started_from", "started_to"),
    *("occurred_from", "occurred_to", "first_day_from", "first_day_to", "arrived_from", "arrived_to"),
}
NUMBERS = {"page", "open-page", "page_size", "percentage", "tries", "premium", "surge"}
# Sent as bytes: arrays, what is no UTF-8, what is half encoded, and many of nothing.
QUERIES = [
    "page[]=1&cycle[]=x&q[$ne]=1&page=1&page=2&page=x",
    "q=%ff%fe&cycle=%ed%a0%80&%&==&;&page=%u0031" + "&" * 200,
]
REFS = [
    "%2F",
    "%00",
    "C-100%00",
    "..%2f..%2fetc%2fpasswd",
    ".",
    "%F0%9F%98%80",
    "%ff",
    "x" * 9000,
    "C-100%0d%0aX:1",
    "c-100",
    "%20",
]


@pytest.fixture
def values(world: World) -> dict[str, object]:
    with scope(world.people["bob"].scope):
        number = Invoice.objects.filter(seller="partner").values_list("number", flat=True)[0]
    days_and_types = {"first_day": OPEN_CYCLE, "usage_type": "standard-named"}
    return {
        "ref": "C-100",
        "number": number,
        **days_and_types,
        **OF_NO_TENANT,
        "prefix": "x",
        "delivery_id": 1,
        "source_id": 1,
        "uidb36": "1",
        "key": "x",
    }


def routes() -> list[Route]:
    return [route for route in all_routes() if route.name not in ("account_logout", "set_language")]


def finished(answer: HttpResponseBase) -> int:
    """The status of an answer that was read to its end."""
    b"".join(answer)
    return answer.status_code


def values_for(parameter: str) -> list[str]:
    """What is sent as a parameter."""
    if parameter in DAYS:
        return FOR_ANY + FOR_DAYS
    return FOR_ANY + FOR_NUMBERS if parameter in NUMBERS else FOR_ANY


FINE = {200, 302, 400, 403, 404, 405, 409}


def test_no_value_of_a_parameter_is_an_error_of_the_server(
    world: World, browser_of: Callable[..., Client], values: dict[str, object]
) -> None:
    browser = browser_of("dana")
    assert set(PARAMETERS) <= {route.name for route in routes()}
    for route in routes():
        for parameter in PARAMETERS.get(route.name, ()):
            for value in values_for(parameter):
                address = f"{route.address(values)}?{parameter}={quote(value)}"
                assert finished(browser.get(address)) in FINE, (route.name, parameter, value[:20])


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_is_an_error_of_the_server(
    world: World, browser_of: Callable[..., Client], values: dict[str, object], query: str
) -> None:
    browser = browser_of("bob")
    for route in routes():
        assert finished(browser.get(f"{route.address(values)}?{query}")) in FINE, route.name


def test_too_many_parameters_are_refused(world: World, browser_of: Callable[..., Client]) -> None:
    browser = browser_of("bob")
    for address in (
        "/customers/",
        "/invoices/",
        "/customers/C-100/",
        "/api/v1/invoices/",
        "/accounts/login/",
    ):
        assert finished(browser.get(f"{address}?{'a=1&' * 1200}")) in (200, 302, 400), address


@pytest.mark.parametrize("ref", REFS)
def test_no_name_in_an_address_is_an_error_of_the_server(
    world: World, browser_of: Callable[..., Client], values: dict[str, object], ref: str
) -> None:
    browser = browser_of("bob")
    for route in routes():
        if route.is_of_tenants:
            named = dict.fromkeys(OF_TENANTS - {"delivery_id", "source_id"}, "REF")  # numbers are no words
            address = route.address({**values, **named}).replace("REF", ref)
            for method in ("get", "post") if ref.startswith("%") else ("get",):
                assert finished(getattr(browser, method)(address)) in FINE, address[:80]


@pytest.mark.parametrize(
    "day", ["0000-00-00", "2024-02-30", "9999-12-31", "0001-01-01", "٢٠٢٤-٠٦-٠٩", "2024-13-01"]
)
def test_no_day_in_an_address_is_an_error_of_the_server(
    world: World, browser_of: Callable[..., Client], day: str
) -> None:
    for name in ("dana", "alice"):
        browser = browser_of(name)
        assert browser.get(f"/invoices/draft/C-100/{day}/").status_code == 404
        assert browser.post(f"/invoices/draft/C-100/{day}/").status_code in (403, 404)


BODIES = [
    ("application/json", b'{"percentage": 1, "reason": "x"}'),
    ("application/json", b"{" * 10_000),
    ("text/xml", b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="percentage"\r\n\r\n'),
    ("multipart/form-data", b"no boundary"),
    ("application/x-www-form-urlencoded", b"percentage=%00&reason=%00"),
    ("application/x-www-form-urlencoded", b"percentage=1e9999&reason=x"),
    ("application/x-www-form-urlencoded", b"percentage=NaN&reason=x"),
    ("application/x-www-form-urlencoded", b"percentage=-0.001&reason=x"),
    ("application/x-www-form-urlencoded", b"percentage=1001&reason=x"),
    ("application/x-www-form-urlencoded", b"percentage=55&reason=" + b"%20" * 50),
    ("application/x-www-form-urlencoded", b"percentage=55&reason=" + b"x" * 2001),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(2000))),
    ("", b""),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_no_body_is_an_error_of_the_server_or_changes_anything(
    world: World, browser_of: Callable[..., Client], kind: str, body: bytes
) -> None:
    browser = browser_of("dana")
    with scope(PROVIDER):
        before = SurgeChange.objects.count()
    for address in (
        "/customers/C-100/voice/",
        "/accounts/login/",
        "/accounts/password/reset/",
        "/language/setlang/",
        "/api/v1/invoices/",
    ):
        assert finished(browser.generic("POST", address, body, content_type=kind)) in FINE, address
    with scope(PROVIDER):
        assert SurgeChange.objects.count() == before


def test_a_method_that_a_page_does_not_have_changes_nothing(
    world: World, browser_of: Callable[..., Client]
) -> None:
    """Nor does a header or a field that names another method."""
    browser = browser_of("dana")
    with scope(PROVIDER):
        before = SurgeChange.objects.count()
    change = {"percentage": "50", "reason": "x"}
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FOO"):
        assert browser.generic(method, "/customers/C-100/voice/").status_code == 405
    browser.get(
        "/customers/C-100/voice/", {**change, "_method": "POST"}, headers={"X-HTTP-Method-Override": "POST"}
    )
    browser.head("/customers/C-100/voice/", change)
    with scope(PROVIDER):
        assert SurgeChange.objects.count() == before


def test_head_is_get_without_a_body(
    world: World, browser_of: Callable[..., Client], values: dict[str, object]
) -> None:
    browser = browser_of("bob")
    for route in routes():
        if route.name == "invoicing:pdf":  # the test client lets the file open
            continue
        got, head = browser.get(route.address(values)), browser.head(route.address(values))
        assert (head.status_code, head.content) == (got.status_code, b""), route.name


def test_only_the_portals_names_are_answered(db: None, client: Client) -> None:
    for host in (
        "evil.example",
        "testserver.evil.example",
        "testserver:80@evil.example",
        "testserver, evil.example",
        "",
    ):
        assert client.get("/accounts/login/", headers={"host": host}).status_code in (
            400,
            200 if not host else 400,
        )
    answer = client.get("/accounts/login/", headers={"x-forwarded-host": "evil.example"})
    assert b"evil.example" not in answer.content


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/%09/evil.example",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
    "\x00//evil.example",
    " https://evil.example",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_redirect_leads_out_of_the_portal(
    world: World, browser_of: Callable[..., Client], target: str
) -> None:
    user = world.people["bob"]
    with scope(PROVIDER):
        user.set_password("correct horse battery")
        user.save()
    signing_in = Client().post(
        "/accounts/login/", {"login": user.email, "password": "correct horse battery", "next": target}
    )
    browser = browser_of("bob")
    answers = [
        signing_in,
        browser.post("/language/setlang/", {"language": "fr", "next": target}),
        browser.post("/language/setlang/", {"language": "fr"}, headers={"referer": target}),
        browser.get("/accounts/login/", {"next": target}),
        browser.post("/accounts/logout/", {"next": target}),
    ]
    for answer in answers:
        location = answer.headers.get("Location", "/")
        assert location.startswith("/"), location
        assert not location.startswith(("//", "/\\")), location
        assert "evil" not in location.partition("?")[0] or location.startswith("/%09"), location
