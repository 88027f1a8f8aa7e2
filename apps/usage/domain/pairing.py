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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from apps.usage.domain.blocks import LONGEST_TEXT, Block, storable
from apps.usage.domain.events import Event, Events, Sign
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.formats import Cell, Format
from apps.usage.domain.moments import MICROSECOND, microseconds, parse_moment
from apps.usage.domain.records import LONGEST_RECORD

ROWS_OF_A_BLOCK = 5_000
_LONGEST = LONGEST_RECORD // MICROSECOND
# A column beside the portal's own: when the agent signed in or out before, "" where the file tells nothing of that.
BEFORE = "before"
_COLUMNS = ("customer", "agent_id", "record_id", "licence")
_json = json.JSONEncoder(ensure_ascii=False).encode


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


def pair_events(
    blocks: Iterator[Block], format_: Format, *, zone: ZoneInfo | None, leave_out: Callable[[int], None]
) -> Iterator[Block]:
    """Sessions of a file of events, in the order of their lines. ``leave_out`` is told how many rows are none of it.

    A row for each signing in, and for each signing out that ends none of them; they depend on nothing but the file.

    What signs in or out waits on disk until the end of the file: its order there means nothing, and an event that
    comes twice counts once. Line and text of a row are those of its event; the text is what was wanted of it, as it
    calls it, and nothing else of the agent.
    """
    reader = _Reader(format_, zone)
    with Events() as events:
        for block in blocks:
            events.add(reader.read(block))
        leave_out(reader.left_out + events.meet())
        rows = (row for told in events.tell() if (row := _row(*told)) is not None)
        while chunk := list(islice(rows, ROWS_OF_A_BLOCK)):
            yield _block(chunk)


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
    ends: dict[tuple[str, str], tuple[int, OpenSession, str]] = {}
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
                    ends[customer, session.record_id] = index, session, columns["started_at"][index]
            elif moment and end and session.is_ended_at(end, since=moment):
                ends[customer, session.record_id] = index, session, columns["ended_at"][index]
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


class _Row(NamedTuple):
    """What becomes of an event: a session, or why it is none."""

    event: Event
    fault: str
    started_at: str
    ended_at: str = ""
    before: str = ""


class _Reader:
    """Picks the events that open and close out of all rows, and counts the others."""

    def __init__(self, format_: Format, zone: ZoneInfo | None) -> None:
        assert format_.pair
        self.format = format_
        self.event_column = format_.pair.event
        self.opens = {name.casefold(): False for name in format_.pair.closes}
        self.opens |= {name.casefold(): True for name in format_.pair.opens}
        self.zone = zone
        self.left_out = 0

    def read(self, block: Block) -> Iterator[Event]:
        columns = [self.format.columns.get(name, Cell()).of(block) for name in (*_COLUMNS, "started_at")]
        said = {name: block.columns[name] for name in self.format.wanted if name in block.columns}
        for index, kind in enumerate(block.column(self.event_column)):
            line_number, opens = block.line_numbers[index], self.opens.get(kind.casefold())
            if index in block.broken:
                text = storable(block.texts[index])[:LONGEST_TEXT]
                yield Event(line_number, text, block.broken[index].value)
            elif opens is None:
                self.left_out += 1
            else:
                customer, agent_id, record_id, licence, written = (column[index] for column in columns)
                fault, moment = self._moment(agent_id, record_id, written)
                if fault:
                    text = storable(block.texts[index])
                else:
                    text = _json({name: column[index] for name, column in said.items() if column[index]})
                who = (customer, agent_id, record_id, licence)
                yield Event(line_number, text[:LONGEST_TEXT], fault, *who, opens, moment, written)

    def _moment(self, agent_id: str, record_id: str, written: str) -> tuple[str, int]:
        """Why an event is none, and when it was."""
        try:
            if not record_id:
                raise RejectedRowError(Fault.NO_RECORD_ID)
            if not agent_id:
                raise RejectedRowError(Fault.NO_ACTOR)
            return "", microseconds(parse_moment(written, self.zone))
        except RejectedRowError as error:
            return error.fault.value, 0


def _row(event: Event, before: Sign | None, after: Sign | None) -> _Row | None:
    """What becomes of an event between its neighbours; nothing of one that ends the session before it.

    Of a session that a later signing in ends more than 31 days after, the end is not known.
    """
    since = before.written if before else ""
    if event.fault:
        return _Row(event, event.fault, event.written)
    if before and before.opens and not event.opens:
        return None
    if not event.opens:
        return _Row(event, Fault.NO_SIGN_IN.value, "", event.written, since)
    if after is None or (after.opens and after.moment - event.moment > _LONGEST):
        return _Row(event, "", event.written, "", since)
    return _Row(event, "", event.written, after.written, since)


def _block(rows: Sequence[_Row]) -> Block:
    events = [row.event for row in rows]
    columns = {name: [getattr(event, name) for event in events] for name in _COLUMNS}
    return Block(
        [event.line_number for event in events],
        [event.text for event in events],
        columns | {name: [getattr(row, name) for row in rows] for name in ("started_at", "ended_at", BEFORE)},
        {index: Fault(row.fault) for index, row in enumerate(rows) if row.fault},
    )
