"""R13: which records are stored, and what became of the others."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.oracle.portfolio import DIGITAL_USAGE_SKUS

# The columns of each kind that must be filled, the record's identity aside. An empty `ended_at` means: still
# going on.
NEEDED = {
    "agent-sessions": ("agent_id", "licence", "started_at"),
    "wfo-sessions": ("agent_id", "started_at"),
    "ivr-legs": ("contact_id", "started_at"),
    "voice-calls": ("contact_id", "started_at"),
    "digital-usage": ("sku", "quantity", "occurred_at"),
}

UNKNOWN_CUSTOMER = "unknown customer"
MISSING_FIELD = "missing field"
BAD_LICENCE = "bad licence"
BAD_QUANTITY = "bad quantity"
UNKNOWN_SKU = "unknown sku"
BAD_TIME = "bad time"
NO_TIME_ZONE = "no time zone"
ENDED_BEFORE_STARTED = "ended before it started"
TOO_LONG = "longer than 31 days"
FUTURE = "starts in the future"


class BadRow(Exception):
    """A row that is kept aside; its argument is the category of the reason."""


@dataclass(frozen=True)
class Rejected:
    """A row kept aside: its place in the order of arrival (from 0), the row, and why."""

    index: int
    row: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class Fact:
    """A stored record, its content as values. `subject` is the agent's, contact's or SKU's id."""

    customer: str
    source: str
    kind: str
    record_id: str
    subject: str
    licence: str
    quantity: int
    started_at: datetime
    ended_at: datetime | None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """R13: identified by (customer, source, kind, record id) for ever."""
        return (self.customer, self.source, self.kind, self.record_id)


@dataclass
class Store:
    stored: dict[tuple[str, str, str, str], Fact] = field(default_factory=dict)
    conflicts: dict[tuple[str, str, str, str], list[Fact]] = field(default_factory=dict)
    decided: dict[tuple[str, str, str, str], list[Fact]] = field(
        default_factory=dict
    )  # against these contents
    rejected: list[Rejected] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: {"accepted": 0, "duplicate": 0, "conflict": 0, "rejected": 0}
    )


def store(rows: Iterable[Mapping[str, str]], customers: Container[str], now: datetime | None) -> Store:
    """Takes the rows in their order of arrival. Without `now` no row starts in the future."""
    result = Store()
    deliver(rows, customers, now, result)
    return result


def deliver(
    rows: Iterable[Mapping[str, str]], customers: Container[str], now: datetime | None, result: Store
) -> list[str]:
    """Takes more rows in their order of arrival; returns what became of each."""
    outcomes = []
    for index, row in enumerate(rows):
        try:
            fact = read(row, customers, now)
        except BadRow as reason:
            result.rejected.append(Rejected(index, row, str(reason)))
            outcomes.append("rejected")
        else:
            outcomes.append(arrive(fact, result))
        result.counts[outcomes[-1]] += 1
    return outcomes


def arrive(new: Fact, result: Store) -> str:
    """What becomes of a good row: accepted, duplicate or conflict."""
    old = result.stored.get(new.identity)
    if old is None:
        result.stored[new.identity] = new
        return "accepted"
    # "The same id with the same content (compared as values ...) is a duplicate and changes nothing."
    if new == old:
        return "duplicate"
    # "An end that arrives for a record stored without one completes it (accepted)"
    if old.ended_at is None and replace(new, ended_at=None) == old:
        result.stored[new.identity] = new
        return "accepted"
    # "a copy without the end of a record that has one is a duplicate"
    if new.ended_at is None and replace(old, ended_at=None) == new:
        return "duplicate"
    # "Any other content is a conflict, kept aside until somebody decides; meanwhile what was stored first
    # counts, and a copy of the conflict is a duplicate of it."
    kept_aside = result.conflicts.setdefault(new.identity, [])
    if new in kept_aside:
        return "duplicate"
    # What somebody decided against is no conflict again (chosen: the decision would have to be made for ever).
    if new in result.decided.get(new.identity, []):
        return "duplicate"
    kept_aside.append(new)
    return "conflict"


def decide(arriving: Fact, result: Store, *, take: bool) -> None:
    """Somebody decides a conflict: the content that arrived counts from now on, or what is stored is kept."""
    result.conflicts[arriving.identity].remove(arriving)
    against = arriving
    if take:
        against = result.stored[arriving.identity]
        result.stored[arriving.identity] = arriving
    result.decided.setdefault(arriving.identity, []).append(against)


def read(row: Mapping[str, str], customers: Container[str], now: datetime | None) -> Fact:
    """The row as values, or BadRow."""
    kind = row["kind"]
    if row["customer"] not in customers:
        raise BadRow(UNKNOWN_CUSTOMER)
    for column in ("record_id", *NEEDED[kind]):
        if not row.get(column):
            raise BadRow(MISSING_FIELD)
    licence, quantity = "", 0
    if kind == "agent-sessions":
        subject, licence = row["agent_id"], row["licence"]
        if licence not in ("premium", "standard"):
            raise BadRow(BAD_LICENCE)
    elif kind == "wfo-sessions":
        subject = row["agent_id"]
    elif kind == "digital-usage":
        subject = row["sku"]
        if subject not in DIGITAL_USAGE_SKUS:
            raise BadRow(UNKNOWN_SKU)
        if not (row["quantity"].isascii() and row["quantity"].isdigit()):
            raise BadRow(BAD_QUANTITY)
        quantity = int(row["quantity"])
    else:
        subject = row["contact_id"]

    ended_at: datetime | None
    if kind == "digital-usage":
        started_at = ended_at = moment(row["occurred_at"])
    else:
        started_at = moment(row["started_at"])
        ended_at = moment(row["ended_at"]) if row.get("ended_at") else None

    # "One that ends before it starts, lasts more than 31 days or starts in the future is rejected."
    if ended_at is not None and ended_at < started_at:
        raise BadRow(ENDED_BEFORE_STARTED)
    if ended_at is not None and ended_at - started_at > timedelta(days=31):
        raise BadRow(TOO_LONG)
    if now is not None and started_at > now:
        raise BadRow(FUTURE)
    source = row.get("source") or "import"  # "the default source is `import`"
    return Fact(
        row["customer"], source, kind, row["record_id"], subject, licence, quantity, started_at, ended_at
    )


def moment(text: str) -> datetime:
    """ISO 8601 with `Z` or an offset, as UTC. Times finer than a microsecond are cut."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(BAD_TIME) from None
    if time.tzinfo is None:
        raise BadRow(NO_TIME_ZONE)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise BadRow(BAD_TIME) from None
