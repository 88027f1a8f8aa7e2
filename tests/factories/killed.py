"""Workers that are killed: each a process of its own that ends by SIGKILL at a step of its choice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.usage.services import deliveries, importing
from tests.factories.importers import begin

SECONDS = 600.0


def read_until_killed(
    delivery_id: int, database: str, folder: str, rows_at_once: int, dies_at: int | None
) -> None:
    """Read a delivery when every lease is over. Before the step of that number, a statement or a commit, it dies."""
    begin(database, rows_at_once)
    settings.MEDIA_ROOT = folder
    if dies_at is not None:
        steps = count(1)
        for owner, name in ((psycopg.Cursor, "execute"), (psycopg.Connection, "commit")):
            setattr(owner, name, _deadly(getattr(owner, name), steps, dies_at))
    now = timezone.now() + max(importing.LEASE, timedelta(seconds=2 * SECONDS))
    deliveries.read_delivery(delivery_id=delivery_id, now=now, seconds=SECONDS)


def _deadly(does: Callable[..., Any], steps: count[int], dies_at: int) -> Callable[..., Any]:
    def step(*args: Any, **options: Any) -> Any:
        if next(steps) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return does(*args, **options)

    return step


def worker(delivery_id: int, *, rows_at_once: int, dies_at: int | None = None) -> bool:
    """Let a worker read the delivery. True when it came to its end, False when it was killed before."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.factories.importers"])
    process = context.Process(
        target=read_until_killed,
        args=(
            delivery_id,
            connection.settings_dict["NAME"],
            str(settings.MEDIA_ROOT),
            rows_at_once,
            dies_at,
        ),
    )
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode == 0
