"""Worker processes that are up and signed in before anything is measured, as Celery's are."""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from pathlib import Path

import django
from django.db import connections

LONGEST_START = 300  # seconds


@contextmanager
def workers(count: int, *modules: str) -> Iterator[Pool]:
    """A pool of processes of their own, started anew and not forked, that have read ``modules`` already."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count + 1)
    database = connections["default"].settings_dict["NAME"]
    with context.Pool(count, _begin, (database, ready, modules)) as pool:
        ready.wait(LONGEST_START)
        yield pool


def _begin(database: str, ready: Barrier, modules: Sequence[str]) -> None:
    django.setup()
    for alias in ("default", "owner"):
        connections[alias].settings_dict["NAME"] = database
    for module in modules:
        importlib.import_module(module)
    connections["default"].ensure_connection()
    ready.wait(LONGEST_START)


def peak_megabytes() -> float:
    """The most memory that this process has held so far.

    Asked of the kernel's own account of it: ``getrusage`` begins with what the process that started it held then.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024
