"""API keys: who makes them, what they open, and that nothing but their holder ever has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import ProgrammingError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts.keys import find_holder, fingerprint
from apps.accounts.limits import spend
from apps.accounts.models import ApiKey, AuditEntry, KeyScope, Role, User
from apps.accounts.services import KeyRefused, create_api_key, limit_api_key, revoke_api_key
from apps.core.tenancy import NOBODY, PROVIDER, scope
from apps.organisations.models import Customer
from tests.factories.keys import key_of, program_of, program_with
from tests.factories.pages import Browser

LIST = "/api-keys/"
CUSTOMERS = "/api/v1/customers/"
NEW = {"name": "Exporter", "scopes": ["usage:write"], "last_day": ""}


@pytest.fixture(autouse=True)
def nothing_is_counted() -> Iterator[None]:
    """Limits are counted in Redis, which no test undoes."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def rita(bob: User) -> User:
    """Reads for bob's partner."""
    return colleague_of(bob, Role.PARTNER_READER)


def colleague_of(user: User, role: Role) -> User:
    with scope(PROVIDER):
        return User.objects.create_user(
            email=f"{role}@example.com", role=role, password="x" * 12, partner=user.partner
        )


def token_in(answer: Any) -> str:
    found = re.search(r"pp_[a-z0-9]{12}_[\w-]{43}", answer.content.decode())
    assert found is not None
    return found[0]


# Making and ending them


def test_a_token_is_shown_once_and_only_its_fingerprint_is_kept(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    token = token_in(client.post(LIST, NEW))
    assert token not in client.get(LIST).content.decode()
    with scope(PROVIDER):
        key = ApiKey.objects.get()
    secret = token.split("_", 2)[2]
    assert key.secret_sha256 == fingerprint(secret)
    assert (key.partner_id, key.scopes, key.created_by) == (bob.partner_id, ["usage:write"], bob.email)
    assert (key.requests_a_minute, key.records_a_minute) == (3_000, 3_000_000)
    with connection.cursor() as cursor, scope(PROVIDER):
        cursor.execute(
            "SELECT accounts_apikey::text FROM accounts_apikey UNION ALL"
            " SELECT accounts_auditentry::text FROM accounts_auditentry"
        )
        assert all(secret not in row for (row,) in cursor.fetchall())


def test_no_two_tokens_are_alike(bob: User) -> None:
    assert len({key_of(bob)[1] for _ in range(20)}) == 20


def test_what_is_done_with_keys_stands_in_the_trail(client_of: Browser, bob: User, dana: User) -> None:
    key, _token = key_of(bob)
    with scope(PROVIDER):
        limit_api_key(key=key, requests_a_minute=5, records_a_minute=7, by=dana)
        limit_api_key(key=key, requests_a_minute=5, records_a_minute=7, by=dana)
    with scope(bob.scope):
        revoke_api_key(key=key, by=bob, now=timezone.now())
        trail = AuditEntry.objects.filter(subject=key.prefix).order_by("pk")
        assert [(entry.action, entry.by) for entry in trail] == [
            ("api_key.created", bob.email),
            ("api_key.limited", dana.email),
            ("api_key.revoked", bob.email),
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"scopes": []},
        {"scopes": ["invoices:write"]},
        {"last_day": "2024-01-01"},
        {"last_day": "9999-12-31"},
        {"last_day": "tomorrow"},
        {"name": "x" * 101},
        {"name": "\x00"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(client_of: Browser, bob: User, wrong: dict[str, Any]) -> None:
    answer = client_of(bob).post(LIST, NEW | wrong)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode() or "alert is-danger" in answer.content.decode()
    with scope(PROVIDER):
        assert not ApiKey.objects.exists()


def test_services_refuse_the_same(bob: User) -> None:
    now = timezone.now()
    with scope(bob.scope):
        asked: dict[str, Any] = {"name": "x", "scopes": [KeyScope.USAGE_READ]}
        wrongs: list[dict[str, Any]] = [{"name": ""}, {"scopes": []}, {"expires_at": now}]
        for wrong in wrongs:
            with pytest.raises(KeyRefused):
                create_api_key(partner=bob.partner, by=bob, now=now, **{**asked, **wrong})


def test_a_key_ends_after_its_last_day(client_of: Browser, bob: User) -> None:
    last_day = timezone.now().date() + timedelta(days=1)
    token = token_in(client_of(bob).post(LIST, NEW | {"last_day": last_day.isoformat()}))
    midnight = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC) + timedelta(days=1)
    assert find_holder(token, now=midnight - timedelta(microseconds=1)) is not None
    assert find_holder(token, now=midnight) is None


def test_a_revoked_key_opens_nothing_and_is_revoked_once(client_of: Browser, bob: User) -> None:
    key, token = key_of(bob)
    program = program_with(token)
    assert program.get(CUSTOMERS).status_code == 200
    client = client_of(bob)
    assert client.post(f"{LIST}{key.prefix}/revoke/").status_code == 302
    assert program.get(CUSTOMERS).status_code == 401
    page = client.post(f"{LIST}{key.prefix}/revoke/", follow=True).content.decode()
    assert "was revoked before" in page
    assert "Revoke the key" not in page


# Whom they are shown


def test_each_sees_the_keys_of_the_own_organisation(
    client_of: Browser, bob: User, charlie: User, dana: User
) -> None:
    of_user = {user.email: key_of(user, name=f"Key of {user.email}")[0] for user in (bob, charlie, dana)}
    seen = {
        user.email: {
            other for other in of_user if f"Key of {other}" in client_of(user).get(LIST).content.decode()
        }
        for user in (bob, charlie, dana)
    }
    assert seen == {bob.email: {bob.email}, charlie.email: {charlie.email}, dana.email: set(of_user)}


def test_another_partners_key_is_none(client_of: Browser, bob: User, charlie: User) -> None:
    key, token = key_of(bob)
    client = client_of(charlie)
    assert client.get(f"{LIST}{key.prefix}/").status_code == 404
    assert client.post(f"{LIST}{key.prefix}/").status_code == 404
    assert client.post(f"{LIST}{key.prefix}/revoke/").status_code == 404
    assert client.get(f"{LIST}%00/").status_code == 404
    assert find_holder(token, now=timezone.now()) is not None


def test_keys_are_for_administrators(client_of: Browser, bob: User, alice: User, rita: User) -> None:
    key, _token = key_of(bob)
    billing = colleague_of(bob, Role.PARTNER_BILLING)
    with scope(PROVIDER):
        support = User.objects.create_user(email="sven@example.com", role=Role.PROVIDER_SUPPORT)
    for user, status in ((alice, 404), (rita, 403), (billing, 403), (support, 403)):
        client = client_of(user)
        for answer in (
            client.get(LIST),
            client.post(LIST, NEW),
            client.get(f"{LIST}{key.prefix}/"),
            client.post(f"{LIST}{key.prefix}/", {"requests_a_minute": 1, "records_a_minute": 1}),
            client.post(f"{LIST}{key.prefix}/revoke/"),
        ):
            assert (user.email, answer.status_code) == (user.email, status)
        assert LIST not in client.get("/invoices/").content.decode()
    with scope(PROVIDER):
        assert ApiKey.objects.get().revoked_at is None
    assert LIST in client_of(bob).get("/invoices/").content.decode()


def test_limits_are_the_providers_to_change(client_of: Browser, bob: User, dana: User) -> None:
    key, _token = key_of(bob)
    limits = {"requests_a_minute": "10", "records_a_minute": "2000"}
    assert client_of(bob).post(f"{LIST}{key.prefix}/", limits).status_code == 404
    with pytest.raises(ProgrammingError, match="permission denied"), scope(bob.scope):
        limit_api_key(key=key, requests_a_minute=10, records_a_minute=2000, by=bob)
    assert "Records a minute" in client_of(bob).get(f"{LIST}{key.prefix}/").content.decode()
    assert client_of(dana).post(f"{LIST}{key.prefix}/", limits).status_code == 302
    assert (
        client_of(dana).post(f"{LIST}{key.prefix}/", limits | {"requests_a_minute": "0"}).status_code == 200
    )
    with scope(PROVIDER):
        key.refresh_from_db()
    assert (key.requests_a_minute, key.records_a_minute) == (10, 2000)


def test_what_the_list_costs(
    client_of: Browser, bob: User, dana: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        key_of(bob if number % 2 else dana, name=f"Key {number}")
    client = client_of(dana)
    client.get(LIST)
    with django_assert_max_num_queries(9):
        assert client.get(LIST).status_code == 200
    assert "Key 0<" in client.get(f"{LIST}?page=2").content.decode()
    assert client.get(f"{LIST}?page=x").status_code == 200


# What they open


def test_a_key_sees_what_its_organisation_sees(bob: User, charlie: User, dana: User) -> None:
    seen = {
        user.email: [each["ref"] for each in program_of(user).get(CUSTOMERS).json()["results"]]
        for user in (bob, charlie, dana)
    }
    assert seen == {bob.email: ["C-100"], charlie.email: ["C-900"], dana.email: ["C-100", "C-900"]}


def test_a_key_does_only_what_it_was_made_for(bob: User) -> None:
    writes, reads = program_of(bob, KeyScope.USAGE_WRITE), program_of(bob, KeyScope.USAGE_READ)
    refused = writes.get(CUSTOMERS)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert "usage:read" in refused.json()["detail"]
    body: dict[str, Any] = {"data": "[]", "content_type": "application/json"}
    assert reads.post("/api/v1/usage/agent-sessions", **body).status_code == 403
    assert writes.post("/api/v1/usage/agent-sessions", **body).status_code == 200
    for address in ("invoices/", "customers/C-100/what-if/"):
        for program in (writes, reads):
            assert (address, program.get(f"/api/v1/{address}").status_code) == (address, 403)
    assert reads.get("/api/v1/nothing/").status_code == 404


def test_pages_know_no_keys(bob: User, dana: User) -> None:
    for user in (bob, dana):
        program = program_of(user)
        for address in ("/", "/customers/", "/invoices/", LIST, "/accounts/password/change/"):
            answer = program.get(address)
            assert (address, answer.status_code) == (address, 302)
            assert answer["Location"].startswith("/accounts/login/")


def tokens_that_are_none(token: str) -> list[str]:
    mark, prefix, secret = token.split("_", 2)
    return [
        "",
        "x",
        mark,
        f"{mark}_{prefix}",
        f"{mark}_{prefix}_",
        f"{mark}_{prefix}_{secret[:-1]}",
        f"{mark}_{prefix}_{secret}x",
        f"{mark}_{prefix}_{fingerprint(secret)}",
        f"xx_{prefix}_{secret}",
        f"{mark}_{prefix.upper()}_{secret}",
        f"{mark}_{'a' * 12}_{secret}",
        f"{mark}_%_{secret}",
        f"{mark}_' OR 1=1 --_{secret}",
        f"{token} {token}",
        "é\xff" * 20,
        "x" * 5000,
    ]


def test_a_token_that_is_none_is_refused_whoever_is_signed_in(client_of: Browser, bob: User) -> None:
    _key, token = key_of(bob)
    wrong = tokens_that_are_none(token)
    answers = [client_of(bob).get(CUSTOMERS, headers={"Authorization": f"Bearer {each}"}) for each in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {'Bearer error="invalid_token"'}
    assert len({answer.content for answer in answers}) == 1, "they tell nothing of what was wrong"
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}
    assert client_of(bob).get(CUSTOMERS, headers={"Authorization": f"bearer  {token}"}).status_code == 200


def test_revoked_expired_and_unknown_keys_are_answered_alike(bob: User) -> None:
    revoked, revoked_token = key_of(bob)
    with scope(bob.scope):
        revoke_api_key(key=revoked, by=bob, now=timezone.now())
    now = timezone.now()
    _key, expired_token = key_of(bob, now=now - timedelta(days=2), expires_at=now - timedelta(days=1))
    answers = [
        program_with(token).get(CUSTOMERS)
        for token in (revoked_token, expired_token, f"pp_{'a' * 12}_{'b' * 43}")
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.content for answer in answers}) == 1


def test_asking_for_a_known_name_costs_what_an_unknown_costs(bob: User) -> None:
    key, _token = key_of(bob)
    costs = []
    for prefix in (key.prefix, "a" * 12):
        with CaptureQueriesContext(connection) as queries:
            assert find_holder(f"pp_{prefix}_{'b' * 43}", now=timezone.now()) is None
        costs.append(len(queries))
    assert costs == [1, 1]


def test_a_call_with_a_key_needs_no_csrf_token_but_one_with_a_session_does(
    client_of: Browser, bob: User
) -> None:
    _key, token = key_of(bob)
    address = "/api/v1/usage/agent-sessions"
    body: dict[str, Any] = {"data": "[]", "content_type": "application/json"}
    program = program_with(token, enforce_csrf_checks=True)
    assert program.post(address, **body).status_code == 200
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    refused = browser.post(address, **body)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    csrf = client_of(bob).get("/invoices/").cookies["csrftoken"].value
    browser.cookies["csrftoken"] = csrf
    assert browser.post(address, **body, headers={"X-CSRFToken": csrf}).status_code == 200


def test_that_a_key_was_used_is_noted_once_a_minute(bob: User) -> None:
    key, token = key_of(bob)
    now = timezone.now()

    def used_at(moment: datetime) -> tuple[datetime | None, int]:
        with CaptureQueriesContext(connection) as queries:
            assert find_holder(token, now=moment) is not None
        with scope(PROVIDER):
            key.refresh_from_db()
        return key.last_used_at, len(queries)

    assert used_at(now) == (now, 2)
    assert used_at(now + timedelta(seconds=59)) == (now, 1)
    later = now + timedelta(seconds=60)
    assert used_at(later) == (later, 2)


def test_whoever_asks_for_keys_without_a_tenant_changes_nothing_of_them(bob: User) -> None:
    key_of(bob)
    with connection.cursor() as cursor:
        for statement in (
            "UPDATE accounts_apikey SET partner_id = NULL",
            "UPDATE accounts_apikey SET revoked_at = NULL",
            "INSERT INTO accounts_apikey DEFAULT VALUES",
            "DELETE FROM accounts_apikey",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), scope(NOBODY):
                cursor.execute(statement)


# How often


def test_a_key_may_ask_so_often_in_a_minute(bob: User, dana: User, charlie: User) -> None:
    key, token = key_of(bob)
    with scope(PROVIDER):
        limit_api_key(key=key, requests_a_minute=2, records_a_minute=10, by=dana)
    program = program_with(token)
    first, second, third = (program.get(CUSTOMERS) for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert 1 <= int(third["Retry-After"]) <= 60
    assert third["Content-Type"] == "application/problem+json"
    assert program_of(charlie).get(CUSTOMERS).status_code == 200
    assert program_of(bob).get(CUSTOMERS).status_code == 200, "limits are each key's own"


def test_the_next_minute_begins_anew() -> None:
    at = datetime(2026, 1, 1, 12, 0, 59, tzinfo=UTC)

    def over(moment: datetime, amount: int) -> tuple[bool, int]:
        spent = spend(what="records", key_id=1, amount=amount, limit=10, now=moment)
        return spent.is_over, spent.wait

    assert over(at - timedelta(seconds=59), 9) == (False, 60)
    assert over(at, 5) == (False, 1)
    assert over(at, 1) == (True, 1)
    assert over(at + timedelta(seconds=1), 100) == (False, 60)


def test_without_redis_keys_are_served_without_limits(
    bob: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    _key, token = key_of(bob)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/redis.sock",
        }
    }
    assert program_with(token).get(CUSTOMERS).status_code == 200
    assert "without limits" in caplog.text


def test_a_customers_people_have_no_keys(guide_example: Customer, alice: User) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scope(alice.scope):
        ApiKey.objects.count()
