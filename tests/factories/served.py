"""The web server as ``serve`` starts it, on the database of the tests."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.db import connections

from portal.embedded import addresses
from portal.embedded.processes import start_web, stop_all

LONGEST_START = 60  # seconds


@contextmanager
def served(**environment: str) -> Iterator[int]:
    """The port of 127.0.0.1 on which it listens. ``environment`` is what it finds besides ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with _environment(DATABASE_URL=_address(), **environment):
        web = start_web(host="127.0.0.1", port=port)
    try:
        _wait(port)
        yield port
    finally:
        stop_all([web])


@contextmanager
def _environment(**changed: str) -> Iterator[None]:
    """What a process that is started inside finds."""
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _address() -> str:
    """The database of the tests, as the application signs in to it."""
    working, _question, options = addresses().database_url.partition("?")
    name = connections["default"].settings_dict["NAME"]
    return f"{working.rpartition('/')[0]}/{name}?{options}"


def _wait(port: int) -> None:
    deadline = time.monotonic() + LONGEST_START
    while True:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/health/")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
        except OSError:
            pass
        assert time.monotonic() < deadline, "the web server does not answer"
        time.sleep(0.1)
