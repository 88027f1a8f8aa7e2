"""Sessions, cookies, tokens, and how often somebody may try. (Signing in itself: ``tests/accounts``.)"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account import app_settings as allauth_settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from tests.security.routes import OF_NO_TENANT, all_routes
from tests.security.world import OPEN_CYCLE, World

PASSWORD = "correct horse battery"
LOGIN = "/accounts/login/"


@pytest.fixture
def bob(world: World) -> User:
    return world.people["bob"]


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"login": email, "password": password})


def body(answer: Any, *words: str) -> str:
    """The page without tokens and without the words that were sent."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN", answer.content.decode())
    for word in words:
        text = text.replace(word, "WORD")
    return text


def test_signing_in_makes_a_new_session(client: Client, bob: User) -> None:
    """Whoever planted the one before has nothing."""
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    planted = str(session.session_key)
    client.cookies["sessionid"] = planted
    token = client.cookies["csrftoken"].value

    sign_in(client, bob.email)

    assert client.cookies["sessionid"].value != planted
    assert client.cookies["csrftoken"].value != token
    assert not client.session.exists(planted)
    attacker = Client()
    attacker.cookies["sessionid"] = planted
    assert attacker.get("/invoices/").status_code == 302


def test_a_session_that_nobody_gave_is_not_taken_over(client: Client, bob: User) -> None:
    client.cookies["sessionid"] = "chosen-by-the-attacker-0000000"
    sign_in(client, bob.email)
    assert client.cookies["sessionid"].value != "chosen-by-the-attacker-0000000"


def test_signing_out_ends_the_session_everywhere(client: Client, bob: User) -> None:
    sign_in(client, bob.email)
    stolen = Client()
    stolen.cookies["sessionid"] = client.cookies["sessionid"].value
    assert stolen.get("/invoices/").status_code == 200
    client.post("/accounts/logout/")
    assert stolen.get("/invoices/").status_code == 302


def test_signing_out_takes_a_post_with_a_token(browser_of: Callable[..., Client]) -> None:
    browser = browser_of("bob", enforce_csrf_checks=True)
    for method in ("get", "head", "options", "put", "delete"):
        getattr(browser, method)("/accounts/logout/")
    assert browser.post("/accounts/logout/").status_code == 403
    assert SESSION_KEY in browser.session


def test_every_post_needs_a_token(world: World, browser_of: Callable[..., Client]) -> None:
    days_and_types = {"first_day": OPEN_CYCLE, "usage_type": "standard-named"}
    values = {
        "ref": "C-100",
        "number": "x",
        **days_and_types,
        **OF_NO_TENANT,
        "prefix": "x",
        "delivery_id": 1,
        "source_id": 1,
        "uidb36": "1",
        "key": "set-password",
    }
    foreign: list[dict[str, str]] = [{"origin": "https://evil.example"}, {"referer": "https://evil.example/"}]
    for name, headers in (("", [{}]), ("dana", [{}, *foreign])):
        browser = browser_of(name, enforce_csrf_checks=True)
        for route in all_routes():
            for sent in headers:
                answer = browser.post(route.address(values), headers=sent)
                assert answer.status_code == (403 if name or not route.is_api else 401), route.name
    for method in ("put", "patch", "delete"):
        assert getattr(browser_of("dana", enforce_csrf_checks=True), method)("/invoices/").status_code == 403


def test_a_token_of_somebody_else_does_not_do(browser_of: Callable[..., Client]) -> None:
    browser, other = (browser_of(name, enforce_csrf_checks=True) for name in ("dana", "charlie"))
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', other.get("/accounts/logout/").content.decode()
    )
    assert token is not None
    browser.get("/accounts/logout/")
    change = {"percentage": "50", "reason": "x", "csrfmiddlewaretoken": token[1]}
    assert browser.post("/customers/C-100/voice/", change).status_code == 403


@pytest.mark.parametrize("address", ["bob@aurora.example", "nobody@aurora.example"])
def test_an_attempt_costs_the_same_whether_the_address_is_known(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    sign_in(client, address, "wrong")
    assert len(hashed) == 1


def test_no_answer_tells_which_addresses_are_known(world: World, client: Client) -> None:
    known, unknown = "bob@aurora.example", "nix@aurora.example"
    for page, sent in (
        (LOGIN, {"login": "ADDRESS", "password": "wrong"}),
        ("/accounts/password/reset/", {"email": "ADDRESS"}),
        ("/accounts/signup/", {"email": "ADDRESS", "password1": PASSWORD, "password2": PASSWORD}),
    ):
        answers = [
            client.post(page, {name: value.replace("ADDRESS", address) for name, value in sent.items()})
            for address in (known, unknown)
        ]
        assert answers[0].status_code == answers[1].status_code
        told = [{**answer.headers, "Expires": ""} for answer in answers]
        assert told[0] == told[1]
        assert body(answers[0], known) == body(answers[1], unknown)
    keys = ["1-set-password", "zzzz-set-password", "1-abc-def"]
    pages = {body(client.get(f"/accounts/password/reset/key/{key}/"), key) for key in keys}
    assert len(pages) == 1


def test_no_link_is_sent_to_an_address_that_only_looks_alike(world: World, client: Client) -> None:
    for address in (
        "bob@aurora.example ",
        "BOB@AURORA.EXAMPLE",
        "bob@aurora.example\n",
        "bob@auröra.example",
        "ｂob@aurora.example",
    ):
        client.post("/accounts/password/reset/", {"email": address})
    assert {recipient for message in mail.outbox for recipient in message.to} <= {
        "bob@aurora.example",
        "bob@auröra.example",
        "bob@xn--aurra-jua.example",
        "ｂob@aurora.example",
    }
    linked = {message.to[0] for message in mail.outbox if "/password/reset/key/" in str(message.body)}
    assert linked <= {"bob@aurora.example"}


def test_somebody_without_a_password_does_not_get_in(world: World, client: Client) -> None:
    with scope(PROVIDER):
        user = User.objects.get(email="bob@aurora.example")
        user.set_unusable_password()
        user.save()
    for password in ("", "!", user.password, "None"):
        sign_in(client, user.email, password)
        assert SESSION_KEY not in client.session


@pytest.fixture
def limited(settings: Settings) -> Iterator[None]:
    """The limits of the real settings; the tests' own have none."""
    del settings.ACCOUNT_RATE_LIMITS
    cache.clear()
    assert allauth_settings.RATE_LIMITS["login_failed"]
    yield
    cache.clear()


@pytest.mark.usefixtures("limited")
def test_one_may_not_try_passwords_for_ever(client: Client, bob: User) -> None:
    """By address of an account, from wherever: six tries, and then not even the right one."""
    for number in range(6):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(LOGIN, {"login": bob.email, "password": "wrong"})
    answer = sign_in(client, bob.email)
    assert SESSION_KEY not in client.session
    assert "Too many failed login attempts" in answer.content.decode()


@pytest.mark.usefixtures("limited")
def test_one_may_not_try_addresses_for_ever(client: Client, bob: User) -> None:
    statuses = [sign_in(client, f"nobody{number}@example.com").status_code for number in range(40)]
    assert 429 in statuses or b"Too many" in sign_in(client, "nobody@example.com").content


@pytest.mark.usefixtures("limited")
def test_one_may_not_have_mails_sent_for_ever(client: Client, bob: User) -> None:
    statuses = [client.post("/accounts/password/reset/", {"email": bob.email}).status_code for _ in range(8)]
    assert statuses[0] == 302
    assert statuses[-1] == 429
    assert len(mail.outbox) <= 5


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("page", "sent"),
    [(LOGIN, {"login": "ADDRESS", "password": "wrong"}), ("/accounts/password/reset/", {"email": "ADDRESS"})],
)
def test_limits_do_not_tell_which_addresses_are_known(
    world: World, client: Client, page: str, sent: dict[str, str]
) -> None:
    came: dict[str, list[tuple[int, str]]] = {}
    for address in ("bob@aurora.example", "nix@aurora.example"):
        cache.clear()
        came[address] = []
        for _try in range(7):
            answer = client.post(
                page, {name: word.replace("ADDRESS", address) for name, word in sent.items()}
            )
            came[address].append((answer.status_code, body(answer, address)))
    assert came["bob@aurora.example"] == came["nix@aurora.example"]


IN_PRODUCTION = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
call_command("check", deploy=True, fail_level="WARNING", stdout=sys.stderr)
names = [name for name in dir(settings) if name.isupper() and ("COOKIE" in name or "SECURE" in name or "HOST" in name)]
shown = [*names, "DEBUG", "ACCOUNT_LOGOUT_ON_GET", "ACCOUNT_PREVENT_ENUMERATION", "PASSWORD_HASHERS", "MIDDLEWARE",
         "ALLAUTH_TRUSTED_PROXY_COUNT", "CACHES"]
print(json.dumps({name: getattr(settings, name) for name in shown}, default=str))
from allauth.account import app_settings
print(json.dumps({name: str(rate) for name, rate in app_settings.RATE_LIMITS.items()}))
"""
NEEDED = {
    "DJANGO_SETTINGS_MODULE": "portal.settings.production",
    "SECRET_KEY": "a-test-key-of-more-than-fifty-characters-0123456789-abcdefgh",
    "ALLOWED_HOSTS": "portal.example",
    "DATABASE_URL": "postgresql://portal_login:x@database.example/portal",
    "REDIS_URL": "redis://redis.example:6379/0",
    "EMAIL_URL": "smtp+tls://user:x@mail.example:587",
}


def in_production(code: str, tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PORTAL_HOME": str(tmp_path), **NEEDED, **changed}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={name: value for name, value in environment.items() if value},
        cwd=Path(__file__).resolve().parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_settings_of_production_are_safe(tmp_path: Path) -> None:
    done = in_production(IN_PRODUCTION, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stderr
    settings, limits = map(json.loads, done.stdout.splitlines())
    assert settings["DEBUG"] is False
    for cookie in ("SESSION", "CSRF", "LANGUAGE"):
        assert settings[f"{cookie}_COOKIE_SECURE"] is True, cookie
    for cookie in ("SESSION", "CSRF"):
        assert settings[f"{cookie}_COOKIE_SAMESITE"] == "Lax"
        assert settings[f"{cookie}_COOKIE_DOMAIN"] is None
    assert settings["SESSION_COOKIE_HTTPONLY"] is True
    assert settings["ALLOWED_HOSTS"] == ["portal.example"]
    assert settings["USE_X_FORWARDED_HOST"] is False
    assert settings["SECURE_SSL_REDIRECT"] is True
    assert settings["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert settings["ACCOUNT_LOGOUT_ON_GET"] is False
    assert settings["ACCOUNT_PREVENT_ENUMERATION"] is True
    assert settings["PASSWORD_HASHERS"][0].endswith("Argon2PasswordHasher")
    # Attempts are counted where all processes see them, by the address that the one proxy names.
    assert "Redis" in settings["CACHES"]["default"]["BACKEND"]
    assert settings["ALLAUTH_TRUSTED_PROXY_COUNT"] == 1
    assert {"login", "login_failed", "reset_password"} <= limits.keys()


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_does_not_start_without_its_secrets(tmp_path: Path, name: str) -> None:
    done = in_production("import portal.settings.production", tmp_path, **{name: ""})
    assert done.returncode != 0
    assert name in done.stderr


def test_cookies_carry_their_flags(client: Client, bob: User) -> None:
    client.get(LOGIN)
    sign_in(client, bob.email)
    session, token = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["httponly"]
    assert session["samesite"] == token["samesite"] == "Lax"
    assert session["domain"] == token["domain"] == ""
    assert session["expires"] == session["max-age"] == "", "it ends with the browser"
