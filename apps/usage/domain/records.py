"""Usage records as they arrive: their kinds, what is rejected, and what becomes of a record that comes again (R13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

LONGEST_RECORD = timedelta(days=31)


class Kind(IntEnum):
    """Kinds of interval, as stored."""

    AGENT_SESSION = 1
    WFO_SESSION = 2
    IVR_LEG = 3
    VOICE_CALL = 4


@dataclass(frozen=True, slots=True)
class KindOfFile:
    """What a file of one kind holds: whose column names the one counted, and whether a licence is given."""

    name: str
    kind: Kind
    actor_column: str
    has_licence: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of formats.md that a file must have."""
        licence = ("licence",) if self.has_licence else ()
        return ("record_id", self.actor_column, *licence, "started_at", "ended_at")


KINDS_OF_FILE = {
    described.name: described
    for described in (
        KindOfFile("agent-sessions", Kind.AGENT_SESSION, "agent_id", has_licence=True),
        KindOfFile("wfo-sessions", Kind.WFO_SESSION, "agent_id"),
        KindOfFile("ivr-legs", Kind.IVR_LEG, "contact_id"),
        KindOfFile("voice-calls", Kind.VOICE_CALL, "contact_id"),
    )
}


class Fault(StrEnum):
    """Why a row is kept aside. The value is the reason as told, in English; pages translate it."""

    ENDED_BEFORE_START = "ended before it started"
    TOO_LONG = "lasts more than 31 days"
    IN_FUTURE = "starts in the future"
    NO_TIME_ZONE = "no time zone"
    NOT_A_TIME = "not a time"
    UNKNOWN_CUSTOMER = "unknown customer"
    NO_CUSTOMER = "no customer"
    NO_RECORD_ID = "no record id"
    NO_ACTOR = "no agent or contact"
    UNKNOWN_LICENCE = "unknown licence"
    TOO_LONG_TEXT = "a value is longer than 200 characters"
    FORBIDDEN_CHARACTER = "a value has a forbidden character"
    NOT_A_ROW = "not a row of this file"


class RejectedRowError(ValueError):
    """A row that cannot be a record; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Content:
    """What a record says. Compared as values: ``Z`` and ``+00:00`` are the same moment."""

    actor: str
    premium: bool | None
    started_at: datetime
    ended_at: datetime | None

    def but_for_the_end(self) -> tuple[str, bool | None, datetime]:
        """All that an end arriving later must agree with."""
        return (self.actor, self.premium, self.started_at)


class Outcome(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


def parse_moment(text: str) -> datetime:
    """An ISO 8601 time with a zone as UTC; what is finer than a microsecond is cut.

    Raises:
        RejectedRowError: not a time, or one without a zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise RejectedRowError(Fault.NO_TIME_ZONE)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, RejectedRowError):
            raise
        raise RejectedRowError(Fault.NOT_A_TIME) from None


def parse_record(row: dict[str, str], described: KindOfFile, *, now: datetime) -> tuple[str, Content]:
    """The record id and the content of a row.

    Raises:
        RejectedRowError: the row breaks a rule of R13 or lacks something.
    """
    record_id, actor = row["record_id"], row[described.actor_column]
    if not record_id:
        raise RejectedRowError(Fault.NO_RECORD_ID)
    if not actor:
        raise RejectedRowError(Fault.NO_ACTOR)
    if len(record_id) > 200 or len(actor) > 200:
        raise RejectedRowError(Fault.TOO_LONG_TEXT)
    premium = None
    if described.has_licence:
        if row["licence"] not in ("premium", "standard"):
            raise RejectedRowError(Fault.UNKNOWN_LICENCE)
        premium = row["licence"] == "premium"
    started_at = parse_moment(row["started_at"])
    ended_at = parse_moment(row["ended_at"]) if row["ended_at"] else None
    if started_at > now:
        raise RejectedRowError(Fault.IN_FUTURE)
    if ended_at is not None:
        if ended_at < started_at:
            raise RejectedRowError(Fault.ENDED_BEFORE_START)
        if ended_at - started_at > LONGEST_RECORD:
            raise RejectedRowError(Fault.TOO_LONG)
    return record_id, Content(actor, premium, started_at, ended_at)


def meet(stored: Content, arriving: Content) -> Outcome:
    """What becomes of a record whose id is stored already (R13). ACCEPTED: it brings the end that was missing."""
    if arriving == stored:
        return Outcome.DUPLICATE
    if arriving.but_for_the_end() != stored.but_for_the_end():
        return Outcome.CONFLICT
    if stored.ended_at is None:
        return Outcome.ACCEPTED
    return Outcome.DUPLICATE if arriving.ended_at is None else Outcome.CONFLICT
