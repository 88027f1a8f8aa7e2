"""Usage over real HTTP: what only a web server can do to a body, or a client to a web server."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.core.cache import cache

from apps.accounts.models import Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Partner
from apps.usage.api import bodies
from apps.usage.domain.controls import LARGEST_PAPER
from tests.factories.committed import committed
from tests.factories.keys import key_of
from tests.factories.portfolios import customer, enter, partner, portfolio
from tests.factories.served import served

__all__ = ["committed"]

ADDRESS = "/api/v1/usage/agent-sessions"
RECORD = {
    "record_id": "r-1",
    "agent_id": "agent-1",
    "licence": "standard",
    "started_at": "2024-07-01T08:00:00Z",
    "ended_at": "2024-07-01T09:00:00Z",
    "customer": "C-1",
}
BODY = json.dumps([RECORD]).encode()


class Server:
    """A web server, and a key that it knows."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, body: Any, *, to: str = ADDRESS, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and answer of a call on a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", to, body, self.headers | named)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def send_raw(self, body: bytes, *, then: str = "wait", **headers: str) -> tuple[int, str]:
        """As much of a request as there is; then wait for the answer, or end what is sent."""
        named = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"POST {ADDRESS} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in named.items())]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            if then == "end":
                connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.headers["Content-Type"]


@pytest.fixture
def server(committed: None) -> Iterator[Server]:
    cache.clear()
    enter(portfolio(partner("P-1", customer("C-1"))))
    with scope(PROVIDER):
        bob = User.objects.create_user(
            email="bob@example.com", role=Role.PARTNER_ADMIN, partner=Partner.objects.get(ref="P-1")
        )
    token = key_of(bob)[1]
    with served(BODY_SECONDS="1") as port:
        yield Server(port, token)
    cache.clear()


def test_bodies_that_mean_no_good_are_refused_and_the_next_is_served(server: Server) -> None:
    problem = "application/problem+json"
    assert server.send(BODY)[1]["accepted"] == 1

    # In pieces, without a length.
    assert server.send(iter([BODY[:50], BODY[50:]]))[1]["duplicate"] == 1
    # A client that stops in the middle, one that is cut off, one that never ends a chunk.
    begun = time.monotonic()
    assert server.send_raw(BODY[:50], Content_Length=str(len(BODY))) == (408, problem)
    assert time.monotonic() - begun < 5
    assert server.send_raw(BODY[:50], Content_Length=str(len(BODY)), then="end") == (400, problem)
    chunked = {"Transfer_Encoding": "chunked"}
    assert server.send_raw(b"5\r\n[", then="end", **chunked) == (400, problem)
    assert server.send_raw(b"5\r\n", **chunked)[0] in (400, 408)
    assert server.send_raw(b"zz\r\n", **chunked)[0] == 400
    # A length that is none is the web server's to refuse; one that is too short cuts the body.
    assert server.send_raw(BODY, Content_Length="x")[0] == 400
    assert server.send_raw(BODY, Content_Length="10") == (400, problem)
    # Too much, told before or not, and what grows.
    assert server.send_raw(b"", Content_Length=str(10**12)) == (413, problem)
    assert server.send(b" " * (bodies.MOST_BYTES + 1))[0] == 413
    assert server.send(iter([b" " * 2**20] * 20))[0] == 413
    bomb = gzip.compress(b"[" + b" " * 200_000_000 + b"]")
    assert server.send(bomb, Content_Encoding="gzip")[0] == 413
    # A file has a limit of its own, whether its length is told or not.
    paper = b" " * (LARGEST_PAPER + 1)
    for pieces in (paper, iter([paper]), iter([paper] * 4)):
        status, told = server.send(pieces, to="/api/v1/customers/C-1/control-totals/")
        assert (status, told["detail"]) == (413, f"The file has more than {LARGEST_PAPER} bytes.")
    # Who is unknown is told so, however much is sent.
    assert server.send(b" " * 1_000_000, Authorization="Bearer nobody")[0] == 401

    assert server.send(BODY)[1]["duplicate"] == 1


def test_slow_clients_do_not_keep_others_from_being_served(server: Server) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(6)]
    for connection in slow:  # of eight that are served at once
        connection.sendall(
            f"POST {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: 100\r\n\r\n[".encode()
        )
    begun = time.monotonic()
    assert server.send(BODY)[1]["accepted"] == 1
    assert time.monotonic() - begun < 4
    for connection in slow:
        connection.sendall(b" ")  # now and then a byte
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 408
        connection.close()
