"""How fast files of usage are stored, and how much memory the worker holds meanwhile."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from django.db import connections

from apps.core.tenancy import PROVIDER
from apps.usage.services import UsageImported, import_usage
from tests.bench.timing import Measured, once
from tests.bench.workers import peak_megabytes, workers
from tests.factories.portfolios import customer, enter, partner, portfolio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMERS = 1_000
SESSIONS = 1_000_000
ROUNDS = 5
LARGE = 2 * 1024**3
_NOTE = "n" * 500
_FIRST = datetime(2024, 6, 1, tzinfo=UTC)


def import_csv_1m() -> Measured:
    """A CSV of a million sessions of a thousand customers, from file to stored. The ratio is that of 12 s."""
    return _measured("fresh", wanted=12)


def import_csv_1m_again() -> Measured:
    """The same records in another file: all duplicates. The ratio is that of 6 s."""
    return _measured("again", wanted=6)


def import_csv_1m_same() -> Measured:
    """The same file again: recognised. The ratio is that of 1 s."""
    return _measured("same", wanted=1)


def import_memory() -> Measured:
    """The most memory of a worker that imports a file of 2 GB, in megabytes. The ratio is that of 300."""
    with _folder() as folder, _portfolio():
        path = folder / "large.csv"
        _write_large(path)
        with workers(1, __name__) as pool:
            peak = pool.apply(_peak_of, (str(path),))
    return Measured(round(peak), "MB", round(peak / 300, 2))


_times: dict[str, list[float]] = {}


def _measured(name: str, *, wanted: float) -> Measured:
    """All three are timed in the same rounds: each needs the one before."""
    if not _times:
        with _folder() as folder:
            path, another = folder / "sessions.csv", folder / "same-sessions.csv"
            _write(path)
            another.write_bytes(path.read_bytes() + b"\n")
            for _round in range(ROUNDS):
                with _portfolio():
                    for way, file, outcome in (
                        ("fresh", path, "accepted"),
                        ("again", another, "duplicate"),
                        ("same", another, "duplicate"),
                    ):
                        _times.setdefault(way, []).append(once(partial(_check, file, outcome)))
    took = median(_times[name])
    return Measured(round(took, 2), "s", round(took / wanted, 2))


def _check(path: Path, outcome: str) -> None:
    imported = _take(path)
    assert imported.counts()[outcome] == SESSIONS, imported


def _take(path: Path) -> UsageImported:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return import_usage(
        kind="agent-sessions", path=path, sha256=sha256, sender=PROVIDER, now=NOW, source="bench"
    )


def _peak_of(path: str) -> float:
    _take(Path(path))
    return peak_megabytes()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _portfolio() -> Iterator[None]:
    """A thousand customers of one partner, and afterwards nothing of them."""
    customers = (customer(f"C-{number:04}") for number in range(CUSTOMERS))
    enter(portfolio(partner("P-1", *customers)))
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("TRUNCATE organisations_partner, usage_interval, usage_sourceday CASCADE")


def _write(path: Path) -> None:
    """Sessions in the order in which they start, as a month of daily files would bring them."""
    random = np.random.default_rng(20240601)
    owner = random.integers(0, CUSTOMERS, SESSIONS)
    start = np.sort(random.integers(0, 30 * 86_400, SESSIONS))
    end = start + random.integers(600, 8 * 3_600, SESSIONS)
    moments = [f"{_FIRST + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}" for second in range(31 * 86_400)]
    with path.open("w", encoding="utf-8") as out:
        out.write("record_id,customer,agent_id,licence,started_at,ended_at\n")
        out.writelines(
            f"s-{row:08},C-{of:04},agent-{of:04}-{row % 25:02},{'premium' if row % 5 == 0 else 'standard'},"
            f"{moments[since]},{moments[until]}\n"
            for row, (of, since, until) in enumerate(
                zip(owner.tolist(), start.tolist(), end.tolist(), strict=True)
            )
        )


def _write_large(path: Path) -> None:
    """Rows of half a kilobyte, over and over: some are new, the others copies."""
    with path.open("w", encoding="utf-8") as out:
        out.write("record_id,customer,agent_id,licence,started_at,ended_at,note\n")
        row = 0
        while out.tell() < LARGE:
            out.write(
                "".join(
                    f"s-{each:08},C-{each % CUSTOMERS:04},agent-{each % 25:02},standard,"
                    f"2024-06-{each % 28 + 1:02}T08:00:00Z,2024-06-{each % 28 + 1:02}T16:00:00Z,{_NOTE}\n"
                    for each in (number % 1_000_000 for number in range(row, row + 20_000))
                )
            )
            row += 20_000


MEASUREMENTS: dict[str, Callable[[], Measured]] = {
    "import_csv_1m": import_csv_1m,
    "import_csv_1m_again": import_csv_1m_again,
    "import_csv_1m_same": import_csv_1m_same,
    "import_memory": import_memory,
}
