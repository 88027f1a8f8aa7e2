"""The web server among clients that mean no good: whatever they do, the next request is served."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.factories.served import served

MANY = 40  # of eight that are served at once
HOST = b"Host: 127.0.0.1\r\n"
ASKED = b"GET /health/ HTTP/1.1\r\n" + HOST
# As somebody who was on the page before: without the cookie nothing of a body is read.
SENT = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST + b"Cookie: csrftoken=" + b"x" * 32 + b"\r\n"
FORM = SENT + b"Content-Type: application/x-www-form-urlencoded\r\n"
FILES = SENT + b"Content-Type: multipart/form-data; boundary=x\r\n"
STALLING = {
    "says nothing": b"",
    "half a line": b"GET /hea",
    "half a head": ASKED + b"X: ",
    "half a second request": ASKED + b"\r\nGET /hea",
    "half a form": FORM + b"Content-Length: 100\r\n\r\nlogin=",
    "half a form in chunks": FORM + b"Transfer-Encoding: chunked\r\n\r\n64\r\nlogin=",
    "waits to be told to go on": FORM + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
    "half of large files": FILES + b"Content-Length: 2000000\r\n\r\n--x\r\n",
    "a number that has no end": FORM + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nlogin=",
    "a number with noughts before it": FORM + b"Content-Length: " + b"0" * 30 + b"100\r\n\r\nlogin=",
    "an empty line": b"\r\n\r\n",
    "never leaves": ASKED + b"Connection: close\r\n\r\n",
}
MALFORMED = {
    b"GET / HTTP/1.1\r\nX: " + b"x" * 2**16 + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\nX: " + b"x" * 2**18: 431,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n": 431,
    b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n": 414,
    FORM + b"Content-Length: -1\r\n\r\n": 400,
    FORM + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab": 400,
    FORM + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    b"\x00\xff\r\n\r\n": 400,
}


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """Of one server for all: nothing is ever written."""
    with served(BODY_SECONDS="2") as port:
        yield port


def connect(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(data)
    return connection


def status_of(connection: socket.socket) -> int:
    """Of the answer that comes."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status


def seconds_to_be_served(port: int) -> float:
    begun = time.monotonic()
    with closing(connect(port, ASKED + b"\r\n")) as connection:
        assert status_of(connection) == 200
    return time.monotonic() - begun


def test_clients_that_stall_or_speak_nonsense_keep_nobody_from_being_served(port: int) -> None:
    for _ in range(8):  # a thread that is new opens its connection to the database
        seconds_to_be_served(port)
    for name, data in STALLING.items():
        with ExitStack() as stalling:
            for _ in range(MANY):
                stalling.enter_context(closing(connect(port, data)))
            assert seconds_to_be_served(port) < 2, name

    for data, status in MALFORMED.items():
        with closing(connect(port, data)) as connection:
            assert status_of(connection) == status, data[:50]
    assert seconds_to_be_served(port) < 2


def test_who_stalls_is_told_so_and_is_disconnected(port: int) -> None:
    half_a_line, silent = connect(port, STALLING["half a line"]), connect(port, b"")
    with closing(half_a_line), closing(silent):
        assert status_of(half_a_line) == 408
        assert silent.recv(1) == b""
