"""Sessions from events: signing in opens one, signing out closes it, and signs of life in between mean nothing.

| events of an agent | sessions |
|---|---|
| in 08:00, out 16:00 | 08:00 – 16:00 |
| in 08:00 | 08:00 – open |
| in 08:00, in 12:00, out 16:00 | 08:00 – 12:00, 12:00 – 16:00: the first was never closed |
| out 16:00 | none; kept aside, unless a session is stored without an end |
| in 08:00, out 16:00, sign of life 16:40 | 08:00 – 16:00 |

A session that was never closed ends when its agent signs in again and not at the last sign of life, because only so
it ends at the same moment wherever the stream is cut into files. Where that is more than 31 days later it stays open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from apps.usage.domain.blocks import LONGEST_TEXT, Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.formats import Cell, Format
from apps.usage.domain.moments import parse_moment
from apps.usage.domain.records import LONGEST_RECORD

ROWS_OF_A_BLOCK = 5_000
_STORED = 0  # the line of an event that came with an earlier file


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is stored without an end."""

    record_id: str
    started_at: datetime
    licence: str = ""


class _Event(NamedTuple):
    """Signing in or out. Events sort by their time; at the same moment an agent first signs out."""

    moment: datetime
    opens: bool
    event_id: str
    line_number: int
    cells: Mapping[str, str]


class _Row(NamedTuple):
    line_number: int
    text: str
    cells: Mapping[str, str]
    fault: Fault | None
    comes_last: bool = False


def pair_events(
    blocks: Iterator[Block],
    format_: Format,
    open_sessions: Mapping[tuple[str, str], OpenSession],
    *,
    zone: ZoneInfo | None,
) -> Iterator[tuple[Block, int]]:
    """Sessions of a file of events, in the order of their lines, each block with how many rows were left out.

    Sessions of earlier files that nobody closed come last: they share the line of the event that tells of it.

    All that sign in or out are held until the end of the file, some hundred bytes each: their order in it means
    nothing, and an event that comes twice counts once. ``open_sessions`` are by customer and agent. Line and text of a
    session are those of the event that opens it or, if that came earlier, of the one that closes it; the text is what
    was wanted of the event, and nothing else of the agent.
    """
    reader = _Reader(format_, zone)
    for block in blocks:
        reader.read(block)
        yield Block([], [], {}, {}), reader.forget_left_out()
    rows = iter(
        sorted(
            (*reader.bad, *_sessions(reader.events, open_sessions)),
            key=attrgetter("comes_last", "line_number"),
        )
    )
    while chunk := list(islice(rows, ROWS_OF_A_BLOCK)):
        yield _block(chunk), 0


class _Reader:
    """Picks the events that open and close out of all rows."""

    def __init__(self, format_: Format, zone: ZoneInfo | None) -> None:
        assert format_.pair
        self.pair = format_.pair
        self.cells = {ours: cell for ours, cell in format_.columns.items() if ours != "ended_at"}
        self.opens = {name.casefold() for name in self.pair.opens}
        self.closes = {name.casefold() for name in self.pair.closes}
        self.zone = zone
        self.events: dict[tuple[str, str], dict[tuple[bool, str], _Event]] = {}
        self.bad: list[_Row] = []
        self._left_out = 0

    def forget_left_out(self) -> int:
        count, self._left_out = self._left_out, 0
        return count

    def read(self, block: Block) -> None:
        for number, kind in enumerate(block.columns.get(self.pair.event, ())):
            if number in block.broken:
                fault = block.broken[number]
                self.bad.append(_Row(block.line_numbers[number], block.texts[number], {}, fault))
                continue
            what = kind.casefold()
            if what not in self.opens and what not in self.closes:
                self._left_out += 1
                continue
            self._take(block, number, opens=what in self.opens)

    def _take(self, block: Block, number: int, *, opens: bool) -> None:
        cells = {ours: _cell(block, cell, number) for ours, cell in self.cells.items()}
        line_number = block.line_numbers[number]
        try:
            if not cells["record_id"]:
                raise RejectedRowError(Fault.NO_RECORD_ID)
            if not cells["agent_id"]:
                raise RejectedRowError(Fault.NO_ACTOR)
            moment = parse_moment(cells["started_at"], self.zone)
        except RejectedRowError as error:
            self.bad.append(_Row(line_number, block.texts[number], cells, error.fault))
            return
        event = _Event(moment, opens, cells["record_id"], line_number, cells)
        of_agent = self.events.setdefault((cells.get("customer", ""), cells["agent_id"]), {})
        known = of_agent.setdefault((opens, event.event_id), event)
        if known is not event:  # delivered twice; the one that sorts first, whichever came first
            self._left_out += 1
            of_agent[opens, event.event_id] = min(known, event, key=_order)


def _sessions(
    events: Mapping[tuple[str, str], Mapping[tuple[bool, str], _Event]],
    open_sessions: Mapping[tuple[str, str], OpenSession],
) -> Iterator[_Row]:
    for agent, of_agent in events.items():
        known = dict(of_agent)
        stored = open_sessions.get(agent)
        if stored is not None and (True, stored.record_id) not in known:
            known[True, stored.record_id] = _event_of(stored, agent)
        yield from _sessions_of_agent(sorted(known.values(), key=_order))


def _sessions_of_agent(events: Sequence[_Event]) -> Iterator[_Row]:
    opened: _Event | None = None
    for event in events:
        if not event.opens:
            if opened is None:
                yield _row(event, None, Fault.NO_SIGN_IN)
            else:
                yield from _ended(opened, event)
            opened = None
            continue
        if opened is not None:
            yield from _ended(opened, event)
        opened = event
    if opened is not None and opened.line_number != _STORED:
        yield _row(opened, None)


def _ended(opened: _Event, by: _Event) -> Iterator[_Row]:
    """The session that ``by`` ends: by signing out, or by signing in again.

    A stored session that starts later says nothing about this one: a part of the stream has come again.
    """
    if by.opens and (by.line_number == _STORED or by.moment - opened.moment > LONGEST_RECORD):
        if opened.line_number != _STORED:
            yield _row(opened, None)
    else:
        yield _row(opened, by)


def _row(event: _Event, ended_by: _Event | None, fault: Fault | None = None) -> _Row:
    told = ended_by if event.line_number == _STORED and ended_by else event
    cells = {**event.cells, "ended_at": ended_by.cells["started_at"] if ended_by else ""}
    if fault is Fault.NO_SIGN_IN:
        cells = {**cells, "started_at": "", "ended_at": event.cells["started_at"]}
    text = json.dumps(dict(told.cells), ensure_ascii=False)[:LONGEST_TEXT]
    comes_last = told is not event and told.opens
    return _Row(told.line_number, text, cells, fault, comes_last)


def _event_of(stored: OpenSession, agent: tuple[str, str]) -> _Event:
    cells = {
        "record_id": stored.record_id,
        "agent_id": agent[1],
        "customer": agent[0],
        "started_at": stored.started_at.astimezone(UTC).isoformat(),
    }
    if stored.licence:
        cells["licence"] = stored.licence
    return _Event(stored.started_at, True, stored.record_id, _STORED, cells)


def _order(event: _Event) -> tuple[datetime, bool, str, int]:
    return (event.moment, event.opens, event.event_id, event.line_number)


def _cell(block: Block, cell: Cell, number: int) -> str:
    if not cell.columns:
        return cell.constant
    return next(
        (
            found
            for name in cell.columns
            if (found := block.columns[name][number] if name in block.columns else "")
        ),
        "",
    )


def _block(rows: Sequence[_Row]) -> Block:
    names = dict.fromkeys(name for row in rows for name in row.cells)
    return Block(
        [row.line_number for row in rows],
        [row.text for row in rows],
        {name: [row.cells.get(name, "") for row in rows] for name in names},
        {number: row.fault for number, row in enumerate(rows) if row.fault is not None},
    )
