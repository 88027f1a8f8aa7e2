"""Random usage: on each busy day a few bursts (a shift, a hand-over, callers in one minute) that unfold into rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from tests.oracle.portfolio import DIGITAL_USAGE_SKUS
from tests.oracle.strategies.words import (
    AGENTS,
    CUSTOMER,
    HOUR,
    MINUTE,
    MOMENT,
    MOST_LEGS,
    MOST_SESSIONS,
    QUARTER,
    SECOND,
    Row,
)
from tests.oracle.usage import midnight


@st.composite
def busy_days(draw: st.DrawFn, anchor: date, events: Sequence[date]) -> date:
    """A day with usage: mostly the day of an event or beside it, else any near the anchor."""
    if events and draw(st.integers(0, 3)) > 0:
        return draw(st.sampled_from(events)) + timedelta(days=draw(st.sampled_from([-1, 0, 0, 0, 1])))
    return anchor + timedelta(days=draw(st.integers(-3, 35)))


# Agents ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A session, leg or call to be written as a row."""

    who: str
    start: datetime
    end: datetime | None
    licence: str = ""


def row_of(kind: str, record_id: str, piece: Piece) -> Row:
    """The row, its times in UTC with all their digits."""
    who = "agent_id" if kind in ("agent-sessions", "wfo-sessions") else "contact_id"
    row = {"customer": CUSTOMER, "source": "import", "kind": kind, "record_id": record_id, who: piece.who}
    if kind == "agent-sessions":
        row["licence"] = piece.licence
    row["started_at"] = piece.start.isoformat()
    row["ended_at"] = "" if piece.end is None else piece.end.isoformat()
    return row


def times_of_day(*, late: bool) -> st.SearchStrategy[timedelta]:
    """Where a burst begins: an hour or quarter-hour of the day, sometimes so that it goes over midnight."""
    quarters = [
        4 * 8,
        4 * 8,
        4 * 8 + 1,
        4 * 9 + 2,
        4 * 13 + 3,
        0,
        4 * 22,
        *([4 * 23 + 1, 4 * 23 + 3] if late else []),
    ]
    return st.sampled_from([number * QUARTER for number in quarters])


NUDGES = st.sampled_from(
    [timedelta(), timedelta(), -SECOND, SECOND, -MINUTE, MINUTE, -MOMENT, MOMENT, 14 * MINUTE]
)
SHORT = (
    timedelta(),
    MOMENT,
    59 * SECOND + 999_999 * MOMENT,
    MINUTE,
    61 * SECOND,
    15 * MINUTE,
    45 * MINUTE,
    46 * MINUTE,
    60 * MINUTE,
    2 * HOUR,
)
SHORT_LENGTHS = st.sampled_from(SHORT)
LENGTHS = st.sampled_from([*SHORT, 8 * HOUR, 25 * HOUR, 70 * HOUR])


@st.composite
def agent_sessions(draw: st.DrawFn, busy: Sequence[date]) -> list[Row]:
    premium_agents = draw(st.sets(st.sampled_from(AGENTS), max_size=8))
    pieces: list[Piece] = []
    for day in busy:
        for _ in range(draw(st.integers(1, 3))):
            pieces += draw(burst_of_agents(day))
    # Licences: mostly the agent's own, now and then the other one (re-logins with another licence).
    turned = draw(st.sets(st.integers(0, MOST_SESSIONS - 1), max_size=8))
    rows = []
    for number, piece in enumerate(pieces[:MOST_SESSIONS]):
        is_premium = (piece.who in premium_agents) != (number in turned)
        licence = "premium" if is_premium else "standard"
        rows.append(row_of("agent-sessions", f"s{number}", Piece(piece.who, piece.start, piece.end, licence)))
    return rows


@st.composite
def burst_of_agents(draw: st.DrawFn, day: date) -> list[Piece]:
    """Some sessions of one day that belong together."""
    base = midnight(day) + draw(times_of_day(late=True))
    agents = AGENTS[draw(st.integers(0, 3)) :][: draw(st.integers(1, 9))]
    shape = draw(
        st.sampled_from(
            ["shift", "shift", "shift", "hand-over", "pieces", "re-logins", "overlaps", "open", "odd"]
        )
    )
    if shape == "shift":
        # Everybody is there for some hours, each beginning a little later.
        step, length = draw(st.sampled_from([timedelta(), SECOND, MINUTE, 5 * MINUTE])), draw(LENGTHS)
        start = base + draw(NUDGES)
        return [
            Piece(agent, start + number * step, start + number * step + max(length, HOUR))
            for number, agent in enumerate(agents)
        ]
    if shape == "hand-over":
        # R2: a second shift that begins some 45 minutes before the first ends.
        end = base + 2 * HOUR
        begin = end - 45 * MINUTE + draw(NUDGES)
        half = (len(agents) + 1) // 2
        return [Piece(agent, base, end) for agent in agents[:half]] + [
            Piece(agent, begin, begin + 2 * HOUR) for agent in agents[half:]
        ]
    if shape == "pieces":
        # R2: in each sample pieces that add up to 60 seconds, or a microsecond less or more.
        first = draw(st.sampled_from([MOMENT, 20 * SECOND, 30 * SECOND, 59 * SECOND]))
        missing = draw(st.sampled_from([timedelta(), timedelta(), MOMENT, -MOMENT, SECOND]))
        short = draw(st.integers(0, 5))  # of that sample only, the others have enough
        pieces = []
        for agent in agents[:4]:
            for number in range(draw(st.integers(4, 6))):
                start = base + number * QUARTER + draw(st.sampled_from([timedelta(), 2 * MINUTE]))
                rest = MINUTE - first - (missing if number == short else timedelta())
                later = base + (number + 1) * QUARTER - rest
                pieces += [Piece(agent, start, start + first), Piece(agent, later, later + rest)]
        return pieces
    if shape == "re-logins":
        # One session after the other, touching or with a short pause.
        pause = draw(st.sampled_from([timedelta(), MOMENT, 14 * MINUTE, 29 * MINUTE]))
        pieces = []
        for agent in agents:
            start = base
            for _ in range(draw(st.integers(2, 3))):
                length = draw(LENGTHS)
                pieces.append(Piece(agent, start, start + length))
                start += length + pause
        return pieces
    if shape == "overlaps":
        # Two sessions of an agent at the same time: the union counts.
        start = base + draw(NUDGES)
        return [
            piece
            for agent in agents
            for piece in (
                Piece(agent, start, start + HOUR),
                Piece(
                    agent, start + draw(st.sampled_from([timedelta(), MINUTE, 30 * MINUTE])), start + 2 * HOUR
                ),
            )
        ]
    if shape == "open":
        return [Piece(agent, base + number * MINUTE, None) for number, agent in enumerate(agents[:4])]
    pieces = []
    for agent in agents:
        start = base + draw(NUDGES)
        length = draw(
            st.one_of(LENGTHS, st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds)))
        )
        pieces.append(Piece(agent, start, start + length))
    return pieces


@st.composite
def wfo_sessions(draw: st.DrawFn, busy: Sequence[date]) -> list[Row]:
    found = []
    for number in range(draw(st.integers(1, 12))):
        start = midnight(draw(st.sampled_from(busy))) + draw(times_of_day(late=True)) + draw(NUDGES)
        length = draw(st.one_of(st.none(), LENGTHS))
        piece = Piece(draw(st.sampled_from(AGENTS[:6])), start, None if length is None else start + length)
        found.append(row_of("wfo-sessions", f"w{number}", piece))
    return found


# Contacts -------------------------------------------------------------------------------------------


@st.composite
def legs(draw: st.DrawFn, kind: str, prefix: str, busy: Sequence[date]) -> list[Row]:
    pieces: list[Piece] = []
    for number, day in enumerate(busy):
        for more in range(draw(st.integers(0, 2))):
            pieces += draw(burst_of_contacts(day, f"c{number}{more}-"))
    return [row_of(kind, f"{prefix}{number}", piece) for number, piece in enumerate(pieces[:MOST_LEGS])]


@st.composite
def burst_of_contacts(draw: st.DrawFn, day: date, prefix: str) -> list[Piece]:
    """Some legs of one day that come at about the same time."""
    minute = midnight(day) + draw(
        st.sampled_from(
            [8 * HOUR, 10 * HOUR + 5 * MINUTE, 24 * HOUR - MINUTE, 24 * HOUR - 2 * MINUTE, timedelta()]
        )
    )
    contacts = [f"{prefix}{number}" for number in range(draw(st.sampled_from([3, 9, 16, 24, 32])))]
    shape = draw(st.sampled_from(["crowd", "crowd", "moments", "sharp", "again", "chain", "odd"]))
    if shape == "crowd":
        step, length = draw(st.sampled_from([timedelta(), SECOND, 5 * SECOND])), draw(SHORT_LENGTHS)
        return [
            Piece(contact, minute + number * step, minute + number * step + length)
            for number, contact in enumerate(contacts)
        ]
    if shape == "moments":
        # R8: a leg of no length touches its minute.
        step = draw(st.sampled_from([timedelta(), SECOND, 4 * SECOND]))
        return [
            Piece(contact, minute + number * step, minute + number * step)
            for number, contact in enumerate(contacts)
        ]
    if shape == "sharp":
        # R8: a leg that ends at 10:05:00 sharp does not touch 10:05; another that ends a little later does.
        late = draw(st.sampled_from([timedelta(), MOMENT]))
        half = len(contacts) // 2
        return [Piece(contact, minute - 30 * SECOND, minute + late) for contact in contacts[:half]] + [
            Piece(contact, minute, minute + 30 * SECOND) for contact in contacts[half:]
        ]
    if shape == "again":
        # R8: two legs of one contact in a minute are one.
        return [
            Piece(contact, minute + offset * SECOND, minute + (offset + 10) * SECOND)
            for contact in contacts[:12]
            for offset in (0, 20)
        ]
    if shape == "chain":
        # One after the other in one minute: never together, yet in one minute.
        return [
            Piece(contact, minute + number * SECOND, minute + (number + 1) * SECOND)
            for number, contact in enumerate(contacts)
        ]
    pieces = []
    for contact in contacts[:10]:
        start = minute + draw(NUDGES)
        its_length = draw(st.one_of(st.none(), LENGTHS))
        pieces.append(Piece(contact, start, None if its_length is None else start + its_length))
    return pieces


@st.composite
def digital_usage(draw: st.DrawFn, busy: Sequence[date]) -> list[Row]:
    found = []
    for number in range(draw(st.integers(1, 12))):
        at = midnight(draw(st.sampled_from(busy))) + draw(times_of_day(late=True)) + draw(NUDGES)
        found.append(
            {
                "customer": CUSTOMER,
                "source": "import",
                "kind": "digital-usage",
                "record_id": f"d{number}",
                "sku": draw(st.sampled_from(DIGITAL_USAGE_SKUS)),
                "quantity": str(draw(st.sampled_from([0, 1, 2, 3, 25, 2133]))),
                "occurred_at": at.isoformat(),
            }
        )
    return found
