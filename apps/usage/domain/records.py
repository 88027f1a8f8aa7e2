"""Usage records as they arrive: their kinds, what is rejected, and what becomes of a record that comes again (R13)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.moments import parse_moment

__all__ = [
    "DESCRIBED",
    "KINDS_OF_FILE",
    "KINDS_OF_INTERVAL",
    "Content",
    "Fault",
    "Kind",
    "KindOfFile",
    "Outcome",
    "RejectedRowError",
    "meet",
    "parse_moment",
    "parse_record",
]

LONGEST_RECORD = timedelta(days=31)
MOST_UNITS = 10**12
LONGEST_VALUE = 200


class Kind(IntEnum):
    """Kinds of record, as stored: intervals, and units of digital channels."""

    AGENT_SESSION = 1
    WFO_SESSION = 2
    IVR_LEG = 3
    VOICE_CALL = 4
    DIGITAL_USAGE = 5


KINDS_OF_INTERVAL = (Kind.AGENT_SESSION, Kind.WFO_SESSION, Kind.IVR_LEG, Kind.VOICE_CALL)


@dataclass(frozen=True, slots=True)
class KindOfFile:
    """What a file of one kind holds: the columns of formats.md that it must have, the second of which names who or what
    is counted."""

    name: str
    kind: Kind
    columns: tuple[str, ...]

    @property
    def actor_column(self) -> str:
        """The column with the agent, the contact or the SKU."""
        return self.columns[1]

    @property
    def has_licence(self) -> bool:
        """Whether a licence is given."""
        return "licence" in self.columns


KINDS_OF_FILE = {
    described.name: described
    for described in (
        KindOfFile(
            "agent-sessions",
            Kind.AGENT_SESSION,
            ("record_id", "agent_id", "licence", "started_at", "ended_at"),
        ),
        KindOfFile("wfo-sessions", Kind.WFO_SESSION, ("record_id", "agent_id", "started_at", "ended_at")),
        KindOfFile("ivr-legs", Kind.IVR_LEG, ("record_id", "contact_id", "started_at", "ended_at")),
        KindOfFile("voice-calls", Kind.VOICE_CALL, ("record_id", "contact_id", "started_at", "ended_at")),
        KindOfFile("digital-usage", Kind.DIGITAL_USAGE, ("record_id", "sku", "quantity", "occurred_at")),
    )
}
DESCRIBED: dict[int, KindOfFile] = {described.kind: described for described in KINDS_OF_FILE.values()}


@dataclass(frozen=True, slots=True)
class Content:
    """What a record says. Compared as values: ``Z`` and ``+00:00`` are the same moment.

    ``actor`` is the agent, the contact or the SKU. Digital usage has a ``quantity`` and lasts no time.
    """

    actor: str
    premium: bool | None
    started_at: datetime
    ended_at: datetime | None
    quantity: int | None = None

    def but_for_the_end(self) -> tuple[str, bool | None, datetime, int | None]:
        """All that an end arriving later must agree with."""
        return (self.actor, self.premium, self.started_at, self.quantity)

    def snapshot(self) -> dict[str, Any]:
        """It as plain values, to be kept; ``of`` makes it of them again."""
        ended_at = self.ended_at and self.ended_at.isoformat()
        return asdict(self) | {"started_at": self.started_at.isoformat(), "ended_at": ended_at}

    @classmethod
    def of(cls, snapshot: Mapping[str, Any]) -> Content:
        """The content that was kept."""
        ended_at = snapshot["ended_at"] and datetime.fromisoformat(snapshot["ended_at"])
        started_at = datetime.fromisoformat(snapshot["started_at"])
        return cls(**{**snapshot, "started_at": started_at, "ended_at": ended_at})


class Outcome(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


def parse_record(
    row: Mapping[str, str],
    described: KindOfFile,
    *,
    now: datetime,
    digital_skus: Container[str] = (),
    zone: ZoneInfo | None = None,
) -> tuple[str, Content]:
    """The record id and the content of a row.

    ``digital_skus`` are those that digital usage may name (R12); ``zone`` is that of times that say none.

    Raises:
        RejectedRowError: the row breaks a rule of R13 or lacks something.
    """
    record_id, actor = row["record_id"], row[described.actor_column]
    if not record_id:
        raise RejectedRowError(Fault.NO_RECORD_ID)
    if len(record_id) > LONGEST_VALUE or len(actor) > LONGEST_VALUE:
        raise RejectedRowError(Fault.TOO_LONG_TEXT)
    if described.kind is Kind.DIGITAL_USAGE:
        return record_id, _parse_units(row, actor, now=now, digital_skus=digital_skus, zone=zone)
    return record_id, _parse_interval(row, actor, described, now=now, zone=zone)


def _parse_units(
    row: Mapping[str, str], sku: str, *, now: datetime, digital_skus: Container[str], zone: ZoneInfo | None
) -> Content:
    if sku not in digital_skus:
        raise RejectedRowError(Fault.UNKNOWN_SKU)
    quantity = row["quantity"]
    is_whole = quantity.isascii() and quantity.isdigit() and len(quantity) <= LONGEST_VALUE
    if not is_whole or int(quantity) > MOST_UNITS:
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    occurred_at = parse_moment(row["occurred_at"], zone)
    if occurred_at > now:
        raise RejectedRowError(Fault.IN_FUTURE)
    return Content(sku, None, occurred_at, occurred_at, int(quantity))


def _parse_interval(
    row: Mapping[str, str], actor: str, described: KindOfFile, *, now: datetime, zone: ZoneInfo | None
) -> Content:
    if not actor:
        raise RejectedRowError(Fault.NO_ACTOR)
    premium = None
    if described.has_licence:
        if row["licence"] not in ("premium", "standard"):
            raise RejectedRowError(Fault.UNKNOWN_LICENCE)
        premium = row["licence"] == "premium"
    started_at = parse_moment(row["started_at"], zone)
    ended_at = parse_moment(row["ended_at"], zone) if row["ended_at"] else None
    if started_at > now:
        raise RejectedRowError(Fault.IN_FUTURE)
    if ended_at is not None:
        if ended_at < started_at:
            raise RejectedRowError(Fault.ENDED_BEFORE_START)
        if ended_at - started_at > LONGEST_RECORD:
            raise RejectedRowError(Fault.TOO_LONG)
    return Content(actor, premium, started_at, ended_at)


def meet(stored: Content, arriving: Content) -> Outcome:
    """What becomes of a record whose id is stored already (R13). ACCEPTED: it brings the end that was missing."""
    if arriving == stored:
        return Outcome.DUPLICATE
    if arriving.but_for_the_end() != stored.but_for_the_end():
        return Outcome.CONFLICT
    if stored.ended_at is None:
        return Outcome.ACCEPTED
    return Outcome.DUPLICATE if arriving.ended_at is None else Outcome.CONFLICT
