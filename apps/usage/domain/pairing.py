"""Sessions from events: signing in opens one, signing out closes it, and signs of life in between mean nothing.

| events of an agent | sessions |
|---|---|
| in 08:00, out 16:00 | 08:00 – 16:00 |
| in 08:00 | 08:00 – open |
| in 08:00, in 12:00, out 16:00 | 08:00 – 12:00, 12:00 – 16:00: the first was never closed |
| out 16:00 | none; kept aside, unless it ends a session that is stored |
| in 08:00, out 16:00, sign of life 16:40 | 08:00 – 16:00 |

A session that was never closed ends when its agent signs in again and not at the last sign of life, because only so
it ends at the same moment wherever the stream is cut into files. Where that is more than 31 days later it stays open.

Which rows a file has is told by the file alone (``pair_events``), so that reading can go on behind any of them. What is
stored is met when a row is settled (``meet_stored``): by then rows before it may have been stored.
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
# A column beside the portal's own: when the agent signed in or out before, "" where the file tells nothing of that.
BEFORE = "before"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is stored without an end. ``until`` is when the next one of its agent starts, None: none does."""

    record_id: str
    started_at: datetime
    licence: str = ""
    until: datetime | None = None

    def is_ended_at(self, moment: datetime, *, since: datetime | None) -> bool:
        """By an event, before which the agent signed in or out at ``since`` (None: the file tells of nothing)."""
        return (
            (since is None or since < self.started_at)
            and self.started_at < moment <= self.started_at + LONGEST_RECORD
            and (self.until is None or moment <= self.until)
        )


class _Event(NamedTuple):
    """Signing in or out. Events sort by their time; at the same moment an agent first signs out."""

    moment: datetime
    opens: bool
    event_id: str
    line_number: int
    cells: Mapping[str, str]
    said: tuple[str, ...]  # what it calls that, in the order of the columns that are wanted


class _Row(NamedTuple):
    line_number: int
    text: str
    cells: Mapping[str, str]
    fault: Fault | None


def pair_events(
    blocks: Iterator[Block], format_: Format, *, zone: ZoneInfo | None
) -> Iterator[tuple[Block, int]]:
    """Sessions of a file of events, in the order of their lines, each block with how many rows were left out.

    A row for each signing in, and for each signing out that ends none of them; they depend on nothing but the file.

    All that sign in or out are held until the end of the file, some hundred bytes each: their order in it means
    nothing, and an event that comes twice counts once. Line and text of a row are those of its event; the text is what
    was wanted of it, as it calls it, and nothing else of the agent.
    """
    reader = _Reader(format_, zone)
    for block in blocks:
        reader.read(block)
        yield Block([], [], {}, {}), reader.forget_left_out()
    rows = iter(
        sorted((*reader.bad, *_sessions(reader.events, format_.wanted)), key=attrgetter("line_number"))
    )
    while chunk := list(islice(rows, ROWS_OF_A_BLOCK)):
        yield _block(chunk), 0


def moments_of(block: Block, zone: ZoneInfo | None) -> list[datetime | None]:
    """When the event of each row was; None where it is none."""
    faults = [block.broken.get(index) for index in range(len(block))]
    return [
        _moment(ended_at if fault is Fault.NO_SIGN_IN else started_at, zone)
        if fault in (None, Fault.NO_SIGN_IN, Fault.NO_LICENCE)
        else None
        for fault, started_at, ended_at in zip(
            faults, block.columns["started_at"], block.columns["ended_at"], strict=True
        )
    ]


def meet_stored(
    block: Block, stored: Mapping[tuple[str, str], Sequence[OpenSession]], *, zone: ZoneInfo | None
) -> tuple[Block, Block | None]:
    """The rows beside what is stored: the same rows, and the ends of stored sessions that they tell of besides.

    ``stored`` are the open sessions by customer and agent. Signing out without having signed in ends the one before
    it, and so does signing in. A session of the file in which another one was signed in stays open: the one that is
    stored says what was meanwhile, a part of the stream has come again.
    """
    columns = {name: list(column) for name, column in block.columns.items()}
    broken = dict(block.broken)
    ends: dict[str, tuple[int, OpenSession, str]] = {}
    agents = zip(columns["customer"], columns["agent_id"], moments_of(block, zone), strict=True)
    for index, (customer, agent, moment) in enumerate(agents):
        for session in stored.get((customer, agent), ()):
            since, end = (_moment(columns[name][index], zone) for name in (BEFORE, "ended_at"))
            if moment and session.is_ended_at(moment, since=since):
                if broken.get(index) is Fault.NO_SIGN_IN:
                    del broken[index]
                    for name, value in _cells_of(session).items():
                        columns[name][index] = value
                else:
                    ends[session.record_id] = index, session, columns["started_at"][index]
            elif moment and end and session.is_ended_at(end, since=moment):
                ends[session.record_id] = index, session, columns["ended_at"][index]
                columns["ended_at"][index] = ""
    told = Block(block.line_numbers, block.texts, {**columns}, broken)
    return told, _ends(told, list(ends.values())) if ends else None


def _ends(block: Block, ends: Sequence[tuple[int, OpenSession, str]]) -> Block:
    rows = [
        {**block.cells(index), **_cells_of(session), "ended_at": ended_at}
        for index, session, ended_at in ends
    ]
    return Block(
        [block.line_numbers[index] for index, *_ in ends],
        [block.texts[index] for index, *_ in ends],
        {name: [row[name] for row in rows] for name in block.columns},
    )


def _cells_of(session: OpenSession) -> dict[str, str]:
    started_at = session.started_at.astimezone(UTC).isoformat()
    return {"record_id": session.record_id, "started_at": started_at, "licence": session.licence}


def _moment(text: str, zone: ZoneInfo | None) -> datetime | None:
    try:
        return parse_moment(text, zone)
    except RejectedRowError:
        return None


class _Reader:
    """Picks the events that open and close out of all rows."""

    def __init__(self, format_: Format, zone: ZoneInfo | None) -> None:
        assert format_.pair
        self.pair = format_.pair
        self.wanted = format_.wanted
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
        said = tuple(block.columns[name][number] if name in block.columns else "" for name in self.wanted)
        event = _Event(moment, opens, cells["record_id"], line_number, cells, said)
        of_agent = self.events.setdefault((cells.get("customer", ""), cells["agent_id"]), {})
        known = of_agent.setdefault((opens, event.event_id), event)
        if known is not event:  # delivered twice; the one that sorts first, whichever came first
            self._left_out += 1
            of_agent[opens, event.event_id] = min(known, event, key=_order)


def _sessions(
    events: Mapping[tuple[str, str], Mapping[tuple[bool, str], _Event]], wanted: Sequence[str]
) -> Iterator[_Row]:
    for of_agent in events.values():
        yield from _sessions_of_agent(sorted(of_agent.values(), key=_order), wanted)


def _sessions_of_agent(events: Sequence[_Event], wanted: Sequence[str]) -> Iterator[_Row]:
    for before, event, after in zip((None, *events), events, (*events[1:], None), strict=False):
        if event.opens:
            yield _row(event, wanted, before, ended_by=after)
        elif before is None or not before.opens:
            yield _row(event, wanted, before)


def _row(event: _Event, wanted: Sequence[str], before: _Event | None, ended_by: _Event | None = None) -> _Row:
    """Of a session that a later signing in ends more than 31 days after, the end is not known."""
    cells = {**event.cells, BEFORE: before.cells["started_at"] if before else ""}
    if not event.opens:
        cells |= {"started_at": "", "ended_at": event.cells["started_at"]}
    elif ended_by and not (ended_by.opens and ended_by.moment - event.moment > LONGEST_RECORD):
        cells["ended_at"] = ended_by.cells["started_at"]
    said = {name: value for name, value in zip(wanted, event.said, strict=True) if value}
    text = json.dumps(said, ensure_ascii=False)[:LONGEST_TEXT]
    return _Row(event.line_number, text, cells, None if event.opens else Fault.NO_SIGN_IN)


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
    names = dict.fromkeys([name for row in rows for name in row.cells] + [BEFORE, "ended_at"])
    return Block(
        [row.line_number for row in rows],
        [row.text for row in rows],
        {name: [row.cells.get(name, "") for row in rows] for name in names},
        {number: row.fault for number, row in enumerate(rows) if row.fault is not None},
    )
