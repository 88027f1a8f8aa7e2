"""How many records a second come in over HTTP: programs with keys, gunicorn as it serves, everything on one machine."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

from django.core.cache import cache

from apps.accounts.models import KeyScope, Role, User
from apps.accounts.services import create_api_key
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Partner
from apps.usage.models import Interval
from tests.bench.data import empty
from tests.bench.timing import Measured
from tests.factories.portfolios import customer, enter, partner, portfolio
from tests.factories.served import served

ADDRESS = "/api/v1/usage/agent-sessions"
FLOOR = 20_000  # records a second
CLIENTS, BATCHES, RECORDS = 4, 50, 1_000
CUSTOMERS = 8
_BEGUN = datetime(2024, 6, 1, 6, tzinfo=UTC)


def rest_batches() -> Measured:
    """Agent sessions in batches of 1,000 from four programs at once; the ratio is to 20,000 records a second."""
    tokens = _prepare()
    bodies = [[_body(program, batch) for batch in range(BATCHES)] for program in range(CLIENTS)]
    with served() as port:
        for program, token in enumerate(
            tokens
        ):  # each connects once before, and the server has read its code
            _send(port, token, [_body(program, -1)])
        begun = time.perf_counter()
        threads = [
            threading.Thread(target=_send, args=(port, token, bodies[program]))
            for program, token in enumerate(tokens)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begun
    with scope(PROVIDER):
        assert Interval.objects.count() == CLIENTS * (BATCHES + 1) * RECORDS
    empty()
    rate = CLIENTS * BATCHES * RECORDS / took
    return Measured(round(rate), "records/s", round(rate / FLOOR, 2))


def _prepare() -> list[str]:
    """A partner with customers, and the token of a key for each program."""
    refs = [f"R-{number}" for number in range(CUSTOMERS)]
    enter(portfolio(partner("P-REST", *map(customer, refs))))
    with scope(PROVIDER):
        cache.clear()
        seller = Partner.objects.get(ref="P-REST")
        user = User.objects.create_user(email="rest@example.com", role=Role.PARTNER_ADMIN, partner=seller)
        return [
            create_api_key(
                partner=seller,
                name=f"Program {number}",
                scopes=[KeyScope.USAGE_WRITE],
                by=user,
                now=datetime.now(UTC),
            )[1]
            for number in range(CLIENTS)
        ]


def _body(program: int, batch: int) -> bytes:
    """A batch of sessions of several customers, as a program writes it."""
    return json.dumps([_record(program, batch * RECORDS + number) for number in range(RECORDS)]).encode()


def _record(program: int, number: int) -> dict[str, str]:
    start = _BEGUN + timedelta(seconds=number * 40)
    return {
        "record_id": f"5d1f0a3e-{program:04}-4c1e-9d2b-{number % 10**12:012}",
        "agent_id": f"agent-{number % 500:04}@example.com",
        "licence": "premium" if number % 5 == 0 else "standard",
        "started_at": start.isoformat(),
        "ended_at": (start + timedelta(minutes=7 + number % 300)).isoformat(),
        "customer": f"R-{number % CUSTOMERS}",
    }


def _send(port: int, token: str, bodies: list[bytes]) -> None:
    """One program: a connection that is kept, one call after the other."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        for body in bodies:
            connection.request("POST", ADDRESS, body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            assert (answer.status, told.get("accepted")) == (200, RECORDS), told


MEASUREMENTS: dict[str, Callable[[], Measured]] = {"rest_batches": rest_batches}
