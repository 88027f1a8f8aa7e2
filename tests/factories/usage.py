"""Usage: intervals for the rules, and files for the door."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from apps.reconciliation.domain.intervals import Intervals
from apps.usage.domain.moments import microseconds
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.services import UsageImported
from tests.conftest import import_file

DAY = date(2024, 6, 10)
Session = tuple[str, datetime, datetime | None, bool]


def at(clock: str, day: date = DAY) -> datetime:
    """``at("08:15")``: that time of a day, UTC. ``24:00`` is the next midnight."""
    if clock == "24:00":
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    return datetime.combine(day, time.fromisoformat(clock), UTC)


def session(
    actor: str, start: str, end: str | None, *, premium: bool = False, day: date = DAY, to: date | None = None
) -> Session:
    """A session, leg or call from a time of ``day`` to a time of ``to`` (the same day when left out)."""
    return (actor, at(start, day), None if end is None else at(end, to or day), premium)


def intervals_of(
    rows: Sequence[tuple[int, int, int | None, bool]], *, longest_open: timedelta = timedelta(hours=24)
) -> Intervals:
    """From rows of (actor's code, start, end or None, premium). One still open lasts ``longest_open`` at most."""
    longest = longest_open // timedelta(microseconds=1)
    ended = [start + longest if end is None else end for _actor, start, end, _premium in rows]
    return Intervals(
        actor=np.array([row[0] for row in rows], np.int64),
        start=np.array([row[1] for row in rows], np.int64),
        end=np.array(ended, np.int64),
        premium=np.array([row[3] for row in rows], np.bool_),
    )


def intervals(sessions: Iterable[Session], *, longest_open: timedelta = timedelta(hours=24)) -> Intervals:
    """Sessions in the form in which the rules take them."""
    codes: dict[str, int] = {}
    return intervals_of(
        [
            (
                codes.setdefault(actor, len(codes)),
                microseconds(start),
                None if end is None else microseconds(end),
                premium,
            )
            for actor, start, end, premium in sessions
        ],
        longest_open=longest_open,
    )


Used = tuple[str, int, str]


class UsageFiles:
    """Writes usage files into a folder and imports them as the provider."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def write(self, content: str | bytes) -> Path:
        path = self._folder / f"file-{next(self._numbers)}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def sessions(self, sessions: Iterable[Session], *, kind: str = "agent-sessions", name: str = "r") -> Path:
        """A file of sessions with record ids r-0, r-1, r-2, …"""
        described = KINDS_OF_FILE[kind]
        path = self._folder / f"file-{next(self._numbers)}.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(described.columns)
            for number, (actor, start, end, premium) in enumerate(sessions):
                licence = ["premium" if premium else "standard"] if described.has_licence else []
                writer.writerow(
                    [
                        f"{name}-{number}",
                        actor,
                        *licence,
                        start.isoformat(),
                        "" if end is None else end.isoformat(),
                    ]
                )
        return path

    def take(
        self,
        content: str | bytes | Path,
        *,
        kind: str = "agent-sessions",
        customer: str = "C-1",
        source: str = "import",
    ) -> UsageImported:
        path = content if isinstance(content, Path) else self.write(content)
        return import_file(kind, path, customer=customer, source=source)

    def use(
        self,
        *sessions: Session,
        kind: str = "agent-sessions",
        customer: str = "C-1",
        name: str | None = None,
    ) -> UsageImported:
        """Import sessions; each call's record ids are its own unless ``name`` leads them."""
        path = self.sessions(sessions, kind=kind, name=name or f"call-{next(self._numbers)}")
        return self.take(path, kind=kind, customer=customer)

    def units(self, *used: Used, customer: str = "C-1") -> UsageImported:
        """Import digital usage: SKU, quantity and the moment, or the day for its noon."""
        name = f"call-{next(self._numbers)}"
        lines = [
            f"{name}-{number},{sku},{quantity},{moment if 'T' in moment else f'{moment}T12:00:00Z'}"
            for number, (sku, quantity, moment) in enumerate(used)
        ]
        content = "\n".join(["record_id,sku,quantity,occurred_at", *lines, ""])
        return self.take(content, kind="digital-usage", customer=customer)


@pytest.fixture
def files(tmp_path: Path) -> UsageFiles:
    """Files of usage for a test to write and import."""
    return UsageFiles(tmp_path)
