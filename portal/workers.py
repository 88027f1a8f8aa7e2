"""Making sure that somebody does the background work while a command waits for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from portal.celery import app
from portal.embedded.processes import worker_process


@contextmanager
def at_work(*, concurrency: int = 2) -> Iterator[None]:
    """Inside the block a worker takes tasks: one that answers, else one started for as long as the block lasts."""
    if app.control.ping(timeout=1.0, limit=1):
        yield
        return
    with worker_process(concurrency=int(os.environ.get("WORKER_CONCURRENCY", concurrency))):
        yield
