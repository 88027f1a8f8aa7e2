"""Signing in and out as a file tells it, in no order: however many events there are, they lie on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# Of an event that comes twice the earlier one counts, whichever came first. At one moment an agent first signs out.
_TABLES = """
    PRAGMA journal_mode = OFF;
    PRAGMA temp_store = FILE;
    CREATE TABLE event (
        number INTEGER PRIMARY KEY,
        line_number, text, fault, customer, agent_id, record_id, licence, opens, moment, written
    );
    CREATE TABLE beside (
        number INTEGER PRIMARY KEY, opened_before, moment_before, before, opens_after, moment_after, after
    );
    BEGIN;
"""
_ADD = "INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MEET = """
    INSERT INTO beside
    SELECT
        number,
        lag(opens) OVER agent, lag(moment) OVER agent, lag(written) OVER agent,
        lead(opens) OVER agent, lead(moment) OVER agent, lead(written) OVER agent
    FROM (
        SELECT *, row_number() OVER (
            PARTITION BY customer, agent_id, opens, record_id ORDER BY moment, number
        ) AS time
        FROM event WHERE fault = ''
    )
    WHERE time = 1
    WINDOW agent AS (PARTITION BY customer, agent_id ORDER BY moment, opens, record_id)
    ORDER BY number
"""
_TELL = """
    SELECT
        line_number, text, fault, customer, agent_id, record_id, licence, opens, moment, written,
        opened_before, moment_before, before, opens_after, moment_after, after
    FROM event LEFT JOIN beside ON beside.number = event.number
    WHERE fault <> '' OR beside.number IS NOT NULL
    ORDER BY event.number
"""


class Event(NamedTuple):
    """Signing in (``opens``) or out, in the portal's columns; or a row that is neither, and why (``fault``).

    ``moment`` is in microseconds since 1970, ``written`` the same as its source writes it.
    """

    line_number: int
    text: str
    fault: str
    customer: str = ""
    agent_id: str = ""
    record_id: str = ""
    licence: str = ""
    opens: bool = False
    moment: int = 0
    written: str = ""


class Sign(NamedTuple):
    """What matters of the event right before or after another one of its agent."""

    opens: bool
    moment: int
    written: str


class Events:
    """The events of a file. A context: what lies on disk goes with it."""

    def __init__(self) -> None:
        # Without a name it is a file of its own, removed when it is closed. Who reads ahead is another thread.
        self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._disk.executescript(_TABLES)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *error: object) -> None:
        self._disk.close()

    def add(self, events: Iterable[Event]) -> None:
        """Some more, in the order of the file."""
        self._disk.executemany(_ADD, events)

    def meet(self) -> int:
        """Let each of them know its neighbours; returns how many came twice."""
        signs = self._disk.execute("SELECT count(*) FROM event WHERE fault = ''").fetchone()[0]
        return int(signs - self._disk.execute(_MEET).rowcount)

    def tell(self) -> Iterator[tuple[Event, Sign | None, Sign | None]]:
        """Each in the order of the file, what its agent did right before, and right after. Copies are left out."""
        for row in self._disk.execute(_TELL):
            yield Event(*row[:10]), _sign(row[10:13]), _sign(row[13:])


def _sign(found: tuple[Any, ...]) -> Sign | None:
    return None if found[0] is None else Sign(*found)
