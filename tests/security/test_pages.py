"""What every answer carries, and what no page may hold: the policy is strict, and no page needs it to be weaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client
from django.urls import include, path
from pytest_django import Settings

from portal.urls import urlpatterns as portals
from tests.security.routes import all_routes, targets_seen_by
from tests.security.world import World

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
ADDRESSES = {"href", "src", "action", "formaction", "data", "poster", "hx-get", "hx-post", "xlink:href", "content"}
# Elements that would run or fetch something, or change where links lead.
FORBIDDEN_ELEMENTS = {"style", "iframe", "object", "embed", "base", "applet", "frame"}


class Page(HTMLParser):
    """Collects what a strict policy would refuse, and what must not be sent."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.open_script = False
        self.forms: list[dict[str, Any]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag in FORBIDDEN_ELEMENTS:
            self.faults.append(f"<{tag}>")
        if tag == "script":
            self.open_script = True
            if not named.get("src"):
                self.faults.append("a script without an address")
        if tag == "meta" and (named.get("http-equiv") or "").lower() == "refresh":
            self.faults.append("a refresh")
        if tag == "form":
            self.forms.append({"method": (named.get("method") or "get").lower(), "has_token": False})
        if tag == "input" and named.get("name") == "csrfmiddlewaretoken" and self.forms:
            self.forms[-1]["has_token"] = True
        if tag == "a" and named.get("target") == "_blank":
            self.faults.append("a link to a new window")
        for name, value in attributes:
            if name == "style" or name.startswith(("on", "hx-on", "hx-vals", "hx-vars")):
                self.faults.append(f"{tag} {name}={value}")
            if name in ADDRESSES and value:
                self._address(tag, name, value)

    def _address(self, tag: str, name: str, value: str) -> None:
        parts = urlsplit(value.strip())
        if parts.scheme in ("javascript", "vbscript") or (parts.scheme == "data" and tag != "img"):
            self.faults.append(f"{tag} {name}={value}")
        if (parts.netloc and parts.netloc != "testserver") or value.startswith(("//", "\\")):
            self.faults.append(f"{tag} {name} leads elsewhere: {value}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.open_script = False

    def handle_data(self, data: str) -> None:
        if self.open_script and data.strip():
            self.faults.append(f"a script in the page: {data[:50]}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:50]}")


def check_headers(answer: HttpResponseBase) -> None:
    """What every answer carries."""
    assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By", "X-Debug", "Access-Control-Allow-Origin"} & set(answer.headers)


def check_page(answer: HttpResponseBase, where: str) -> Page | None:
    """The headers and, where it is HTML, the page."""
    check_headers(answer)
    if not answer.headers.get("Content-Type", "").startswith("text/html"):
        b"".join(answer)
        return None
    text = b"".join(answer).decode()
    page = Page(text)
    assert page.faults == [], where
    for form in page.forms:
        assert form["has_token"] == (form["method"] == "post"), where
    return page


QUERIES = ("", "?family=ivr", "?family=all", "?q=x%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "?page=2&sort=-status")


def own_pages(world: World, browser: Client, name: str) -> Iterator[tuple[str, HttpResponseBase]]:
    targets = [
        target.values
        for party in (world.home, world.strange)
        for target in targets_seen_by(world.people[name].scope, party)
    ]
    firsts = {tuple(values): values for values in reversed(targets)}
    for route in all_routes():
        for values in firsts.values() if route.parameters else [{}]:
            if route.parameters <= values.keys():
                for query in QUERIES:
                    if query in ("", "?family=ivr", "?family=all") or not route.parameters:
                        address = route.address(values) + query
                        yield address, browser.get(address)


@pytest.mark.parametrize("name", ["dana", "bob", "alice"])
def test_every_page_keeps_to_the_policy(world: World, browser_of: Callable[..., Client], name: str) -> None:
    pages = 0
    for address, answer in own_pages(world, browser_of(name), name):
        assert answer.status_code in (200, 302, 400, 403, 404, 405), address
        pages += check_page(answer, address) is not None
    assert pages >= 15


PLAIN_PAGES = [
    "/accounts/login/",
    "/accounts/login/?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-x/",
    "/accounts/password/reset/key/done/",
    "/nothing/here/",
    "/%3Cscript%3Ealert(1)%3C/script%3E/",
    "/static/nothing.css",
]


@pytest.mark.parametrize("address", PLAIN_PAGES)
def test_pages_before_signing_in_keep_to_the_policy(db: None, client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code in (200, 404)
    assert check_page(answer, address) is not None


@pytest.mark.parametrize("address", ["/accounts/password/change/", "/accounts/logout/", "/accounts/reauthenticate/"])
def test_pages_of_ones_account_keep_to_the_policy(browser_of: Callable[..., Client], address: str) -> None:
    check_page(browser_of("bob").get(address), address)


def fail(request: HttpRequest) -> HttpResponse:
    password = "the secret of the engine room"
    raise RuntimeError(password)


urlpatterns = [path("fail/", fail), path("", include(portals))]


@pytest.mark.parametrize("name", ["", "alice", "dana"])
def test_pages_of_errors_tell_nothing_and_keep_to_the_policy(
    world: World, browser_of: Callable[..., Client], settings: Settings, name: str
) -> None:
    settings.ROOT_URLCONF = __name__
    browser = browser_of(name, raise_request_exception=False, enforce_csrf_checks=True)
    login = "/accounts/login/?next=/fail/"
    answers = {
        400: browser.get("/", headers={"host": "evil.example"}),
        403: browser.post("/accounts/login/", {"login": "x", "password": "y"}),
        404: browser.get("/nothing/"),
        405: browser.delete("/invoices/"),
        500: browser.get("/fail/"),
    }
    for status, answer in answers.items():
        if not name and status in (405, 500):
            assert answer["Location"].startswith("/accounts/login/"), login
            continue
        assert answer.status_code == status
        text = b"".join(answer).decode()
        for word in ("engine room", "RuntimeError", "Traceback", "DEBUG", "portal.urls", "evil.example", "django", "settings"):
            assert word not in text, status
        check_headers(answer)
        if text:
            assert Page(text).faults == []


def test_a_scripts_words_stay_words(world: World, browser_of: Callable[..., Client]) -> None:
    script = "<script>alert(1)</script>"
    browser = browser_of("dana")
    for address in ("/customers/", "/invoices/", "/accounts/login/"):
        for parameter in ("q", "customer", "sort", "status", "period", "next", "page"):
            text = browser.get(address, {parameter: f'">{script}'}).content.decode()
            assert script not in text
    answer = browser.post("/customers/C-100/voice/", {"percentage": script, "reason": script})
    assert script not in answer.content.decode()
    browser.post("/customers/C-100/voice/", {"percentage": "55", "reason": f'"><img src=x>{script}'})
    text = browser.get("/customers/C-100/voice/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert script not in text
    assert "<img" not in text


def test_names_of_organisations_stay_words(world: World, browser_of: Callable[..., Client]) -> None:
    """Also where they stand in links, in cells that are put together, and on papers."""
    script = "<script>alert(1)</script>"
    from apps.core.tenancy import PROVIDER, scope
    from apps.organisations.models import Customer

    with scope(PROVIDER):
        Customer.objects.filter(ref="C-100").update(name=f'"{script}', address=script, contact_name=script)
    browser = browser_of("bob")
    for address in ("/customers/", "/customers/C-100/", "/invoices/?customer=C-100", "/invoices/draft/C-100/2024-07-09/"):
        text = browser.get(address).content.decode()
        assert script not in text, address
        assert "&lt;script&gt;" in text, address


@pytest.mark.parametrize("address", ["/", "/customers/", "/invoices/", "/customers/C-100/", "/invoices/export.csv"])
def test_what_somebody_sees_is_kept_by_no_cache(browser_of: Callable[..., Client], address: str) -> None:
    """Neither a proxy nor the browser of a shared machine shows it to the next one."""
    kept = browser_of("bob").get(address).headers.get("Cache-Control", "")
    assert "no-store" in kept
    assert "private" in kept


def test_production_settings_pass_djangos_own_check(tmp_path: Any) -> None:
    pytest.importorskip("portal.settings.production") if False else None
    call_command("check", deploy=False)
