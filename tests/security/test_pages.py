"""Pages of all kinds, those of errors and of signing in too, keep to the policy, and words in them stay words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings

from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from tests.security.html import Page, check_headers, check_page
from tests.security.routes import everything_seen_by
from tests.security.world import World


def test_every_page_of_the_provider_keeps_to_the_policy(
    world: World, browser_of: Callable[..., Client]
) -> None:
    """For others see ``test_leaks``, which opens all that they can open."""
    pages = sum(
        check_page(answer, address) is not None
        for address, answer in everything_seen_by(
            world.people["dana"].scope, world, browser_of("dana"), at_most=2
        )
    )
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


@pytest.mark.parametrize(
    "address", ["/accounts/password/change/", "/accounts/logout/", "/accounts/reauthenticate/"]
)
def test_pages_of_ones_account_keep_to_the_policy(browser_of: Callable[..., Client], address: str) -> None:
    check_page(browser_of("bob").get(address), address)


def fail(request: HttpRequest) -> HttpResponse:
    password = "the secret of the engine room"
    raise RuntimeError(password)


urlpatterns = [path("fail/", fail), path("", include("portal.urls"))]


@pytest.mark.parametrize("name", ["", "alice", "dana"])
def test_pages_of_errors_tell_nothing_and_keep_to_the_policy(
    world: World, browser_of: Callable[..., Client], settings: Settings, name: str
) -> None:
    settings.ROOT_URLCONF = __name__
    browser = browser_of(name, raise_request_exception=False, enforce_csrf_checks=True)
    answers = {
        400: browser.get("/", headers={"host": "evil.example"}),
        403: browser.post("/accounts/login/", {"login": "x", "password": "y"}),
        404: browser.get("/nothing/"),
        405: browser.generic("TRACE", "/invoices/"),
        500: browser.get("/fail/"),
    }
    for status, answer in answers.items():
        text = b"".join(answer).decode()
        check_headers(answer)
        if not name and status in (405, 500):
            assert answer.headers["Location"].startswith("/accounts/login/")
            continue
        assert answer.status_code == status
        for word in (
            "engine room",
            "RuntimeError",
            "Traceback",
            "DEBUG",
            "portal.urls",
            "evil.example",
            "django",
        ):
            assert word not in text, status
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
    with scope(PROVIDER):
        Customer.objects.filter(ref="C-100").update(name=f'"{script}', address=script, contact_name=script)
    browser = browser_of("bob")
    for address in (
        "/customers/",
        "/customers/C-100/",
        "/invoices/?customer=C-100",
        "/invoices/draft/C-100/2024-07-09/",
    ):
        text = browser.get(address).content.decode()
        assert script not in text, address
        assert "&lt;script&gt;" in text, address


@pytest.mark.parametrize(
    "address", ["/", "/customers/", "/invoices/", "/customers/C-100/", "/invoices/export.csv"]
)
def test_what_somebody_sees_is_kept_by_no_cache(browser_of: Callable[..., Client], address: str) -> None:
    """Neither a proxy nor the browser of a shared machine shows it to the next one."""
    kept = browser_of("bob").get(address).headers.get("Cache-Control", "")
    assert "no-store" in kept
    assert "private" in kept
