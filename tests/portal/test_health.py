"""The health address: for machines, without signing in, and without a word too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery.signals import heartbeat_sent
from django.db import OperationalError, connection
from django.test import Client

from apps.accounts.models import User
from portal import heartbeat
from portal.celery import app
from portal.health import findings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _look_anew() -> Iterator[None]:
    findings.forget()
    heartbeat.connection().delete(heartbeat.KEY)
    yield
    findings.forget()
    heartbeat.connection().delete(heartbeat.KEY)


def no_database(*_arguments: Any, **_options: Any) -> None:
    raise OperationalError("password of portal_login at secret.host")


def no_redis(*_arguments: Any) -> bool:
    raise redis.ConnectionError("unix:///secret/path")


def test_all_is_well_without_a_worker_too(client: Client) -> None:
    response = client.get("/health/")
    assert (response.status_code, response.json()) == (
        200,
        {"database": "ok", "broker": "ok", "worker": "none"},
    )
    assert response["Cache-Control"] == "no-store"


def test_a_missing_worker_matters_to_who_requires_it(client: Client) -> None:
    assert client.get("/health/?require=worker").status_code == 503
    heartbeat.beat(sender=None)
    findings.forget()
    response = client.get("/health/?require=worker")
    assert (response.status_code, response.json()["worker"]) == (200, "ok")


def test_a_heartbeat_fades() -> None:
    heartbeat.beat()
    assert heartbeat.has_beaten()
    assert 0 < heartbeat.connection().ttl(heartbeat.KEY) <= heartbeat.SECONDS


def test_the_worker_beats_with_celerys_own_heart() -> None:
    assert app.main == "portal"
    heartbeat_sent.send(sender=None)
    assert heartbeat.has_beaten()


@pytest.mark.parametrize("part", ["database", "broker"])
def test_what_fails_is_named_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    if part == "database":
        monkeypatch.setattr(connection, "cursor", no_database)
    else:
        monkeypatch.setattr(heartbeat, "has_beaten", no_redis)
    response = client.get("/health/")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "ok", "worker": "none"} | {part: "failed"}
    assert "secret" not in response.content.decode()


def test_asking_often_costs_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/health/").status_code == 200
    monkeypatch.setattr(connection, "cursor", no_database)
    assert client.get("/health/").status_code == 200


def test_what_was_found_is_forgotten_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings.get(now=100.0)["database"] == "ok"
    monkeypatch.setattr(connection, "cursor", no_database)
    assert findings.get(now=101.9)["database"] == "ok"
    assert findings.get(now=102.0)["database"] == "failed"


def test_it_is_the_same_for_everybody(client: Client, bob: User) -> None:
    anonymous = client.get("/health/").json()
    client.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/health/").json() == anonymous


def test_it_is_only_read(client: Client) -> None:
    assert client.post("/health/").status_code == 405
    assert client.head("/health/").status_code == 200
