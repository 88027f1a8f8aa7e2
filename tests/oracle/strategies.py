"""Random months for hypothesis: a portfolio with prices, and usage rows that meet the edges of the rules.

`months()` gives `Month`s: the portfolio file's JSON and the usage rows in order of arrival, both just as they would
come from outside, and the customer to look at. What is drawn is small and shrinks well: a handful of busy days, and
on each a few bursts (a shift, a hand-over, sixty seconds in pieces, callers in one minute) that unfold into rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from tests.oracle.cycles import CONTACT_CENTRE, ONE_DAY, Cycle
from tests.oracle.portfolio import AGENT_SKUS, DIGITAL_USAGE_SKUS, IVR_SKU, WFO_SKU
from tests.oracle.usage import midnight
from tests.oracle.world import World

Row = dict[str, str]

KINDS = ("agent-sessions", "wfo-sessions", "ivr-legs", "voice-calls", "digital-usage")
NOW = datetime(2026, 6, 1, tzinfo=UTC)  # after everything but the rows that start in the future
CUSTOMER = "C-1"
NEIGHBOUR = "C-2"  # of the same partner; its usage must never show

MOST_SESSIONS = 120
MOST_LEGS = 150

# Agents differ by every character, contacts and agents may share a name.
AGENTS = ("a01", "A01", "a02", "a03", "a04", "a05", "a06", "a07", "å-8", "a 9", "a10", "a-11")
RECURRING_DIGITAL_SKUS = ("A-WXCN-PRM-CON-ENT", "SVS-WX-SUPT-BAS")

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)

# The days that months are built around: leap days, month ends, the turn of a year, and an ordinary one.
ANCHORS = (
    date(2024, 2, 29),
    date(2024, 2, 1),
    date(2023, 1, 31),
    date(2023, 2, 28),
    date(2023, 12, 31),
    date(2024, 3, 31),
    date(2024, 4, 30),
    date(2024, 6, 9),
    date(2024, 7, 8),
    date(2024, 12, 15),
    date(2025, 2, 28),
    date(2025, 5, 17),
    date(2025, 8, 31),
)


@dataclass(frozen=True)
class Month:
    """A random example. `kinds` are the kinds of usage that its rows may have."""

    portfolio: dict[str, Any]
    records: list[Row]
    customer: str
    busy: tuple[date, ...]  # the days on which the usage begins

    @property
    def now(self) -> datetime:
        return NOW

    def world(self) -> World:
        return World(self.portfolio, self.records, NOW)

    def cycles(self, service: str = CONTACT_CENTRE) -> list[Cycle]:
        """The cycles of the example, at most three: those in which busy days lie."""
        found = self.world().cycles(self.customer, service, until=self.busy[-1])
        return [cycle for cycle in found if any(cycle.first <= day <= cycle.last for day in self.busy)][:3]


@st.composite
def months(
    draw: st.DrawFn,
    kinds: Sequence[str] = KINDS,
    *,
    wfo: bool = True,
    digital: bool = True,
    retail: bool = True,
    price_gaps: bool = False,
    messy: bool = True,
) -> Month:
    """`kinds`: the kinds of usage to make. `wfo`, `digital`: whether lines of these are sold. `retail`: whether there
    may be a retail price book. `price_gaps`: whether prices may be missing. `messy`: whether rows come again, complete,
    contradict each other or are bad."""
    anchor = draw(st.sampled_from(ANCHORS))
    subscriptions = draw(contact_centre_subscriptions(anchor, wfo=wfo))
    if digital and draw(st.integers(0, 3)) == 0:
        subscriptions += draw(digital_subscriptions(anchor))
    events = [day for day in event_days(subscriptions, anchor) if -20 <= (day - anchor).days <= 45]
    # One busy day lies in a cycle for sure, the others where they fall.
    first_ends = date.fromisoformat(subscriptions[0]["ends_on"] or "9999-12-31")
    sure = min(anchor + timedelta(days=draw(st.integers(0, 6))), first_ends)
    others = draw(st.lists(busy_days(anchor, events), min_size=1, max_size=4, unique=True))
    busy = sorted({sure, *others})

    rows: list[Row] = []
    if "agent-sessions" in kinds:
        rows += draw(agent_sessions(busy))
    if "ivr-legs" in kinds:
        rows += draw(legs("ivr-legs", "leg", busy))
    if "wfo-sessions" in kinds and draw(st.integers(0, 2)) == 0:
        rows += draw(wfo_sessions(busy))
    if "voice-calls" in kinds and draw(st.integers(0, 3)) == 0:
        rows += draw(legs("voice-calls", "call", busy))
    if "digital-usage" in kinds and any(each["offer"] == "A-WEBEX-CONNECT" for each in subscriptions):
        rows += draw(digital_usage(busy))
    rows = draw(written(rows))
    if messy and rows:
        rows = draw(mess(rows))

    partner = draw(partners(subscriptions, retail=retail))
    portfolio = {
        "price_books": draw(price_books(anchor, partner, price_gaps=price_gaps)),
        "partners": [partner],
    }
    return Month(portfolio, rows, CUSTOMER, tuple(busy))


# Subscriptions --------------------------------------------------------------------------------------


def bill_days() -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([1, 9, 15, 28, 29, 30, 31]), st.integers(1, 31))


@st.composite
def contact_centre_subscriptions(draw: st.DrawFn, anchor: date, *, wfo: bool) -> list[dict[str, Any]]:
    """One to three, with different bill days, starts and ends; with gaps; primaries that end."""
    numbers = draw(st.permutations(["Sub-9", "Sub-10", "Sub-11"]))
    found: list[dict[str, Any]] = []
    for number in numbers[: draw(st.sampled_from([1, 1, 2, 2, 3]))]:
        if found:
            start = anchor + timedelta(days=draw(st.integers(-35, 50)))
            if draw(st.integers(0, 5)) == 0:
                start = date.fromisoformat(found[0]["starts_on"])  # equally old: the number decides
        else:
            start = anchor - timedelta(days=draw(st.one_of(st.just(0), st.integers(0, 70))))
        length = draw(st.one_of(st.none(), st.none(), st.integers(0, 70)))
        end = None if length is None else start + timedelta(days=length)
        if end is not None and not found:
            end = max(end, anchor)  # the first one is active on the anchor
        subscription: dict[str, Any] = {
            "number": number,
            "offer": "A-FLEX-3-CC",
            "starts_on": start.isoformat(),
            "ends_on": None if end is None else end.isoformat(),
            "bill_day": draw(bill_days()),
            # R10: active together, they have one licence model.
            "licence_model": model_of_neighbours(found, start, end)
            or draw(st.sampled_from(sorted(AGENT_SKUS))),
        }
        if clashes(found, subscription):
            continue
        sku = AGENT_SKUS[str(subscription["licence_model"])]
        sold = [sku["premium"], sku["standard"], IVR_SKU, *([WFO_SKU] if wfo else [])]
        subscription["lines"] = draw(lines(sold, start, end))
        found.append(subscription)
    return found


def overlapping(found: Sequence[dict[str, Any]], start: date, end: date | None) -> list[dict[str, Any]]:
    return [
        each
        for each in found
        if (end is None or each["starts_on"] <= end.isoformat())
        and (each["ends_on"] is None or start.isoformat() <= each["ends_on"])
    ]


def model_of_neighbours(found: Sequence[dict[str, Any]], start: date, end: date | None) -> str | None:
    models = [str(each["licence_model"]) for each in overlapping(found, start, end)]
    return models[0] if models else None


def clashes(found: Sequence[dict[str, Any]], new: dict[str, Any]) -> bool:
    """Whether it would be active together with one of the other licence model."""
    start, end = date.fromisoformat(new["starts_on"]), new["ends_on"]
    neighbours = overlapping(found, start, None if end is None else date.fromisoformat(end))
    return any(each["licence_model"] != new["licence_model"] for each in neighbours)


@st.composite
def lines(draw: st.DrawFn, skus: Sequence[str], start: date, end: date | None) -> list[dict[str, Any]]:
    """Effective-dated lines: small quantities, some that change in mid-cycle, some of one SKU in force together."""
    found: list[dict[str, Any]] = []
    for sku in skus:
        if sku in (IVR_SKU, WFO_SKU) and draw(st.integers(0, 2)) > 0:
            continue  # sometimes only
        shape = draw(st.sampled_from(["whole", "whole", "none", "left out", "change", "together", "gap"]))
        quantity, other = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        length = 60 if end is None else (end - start).days
        first = start + timedelta(days=draw(st.integers(0, length)))
        second = first + timedelta(days=draw(st.integers(0, length - (first - start).days)))
        if shape == "whole":
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": None})
        elif shape == "left out":
            found.append({"sku": sku, "quantity": quantity})
        elif shape == "change" and first > start:
            before = (first - ONE_DAY).isoformat()
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": before})
            found.append({"sku": sku, "quantity": other, "from": first.isoformat(), "to": None})
        elif shape == "together":
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": None})
            found.append({"sku": sku, "quantity": other, "from": first.isoformat(), "to": second.isoformat()})
        elif shape == "gap" and first > start:
            before = (first - ONE_DAY).isoformat()
            found.append({"sku": sku, "quantity": quantity, "from": start.isoformat(), "to": before})
            found.append({"sku": sku, "quantity": other, "from": second.isoformat(), "to": None})
    return found


@st.composite
def digital_subscriptions(draw: st.DrawFn, anchor: date) -> list[dict[str, Any]]:
    """One or two of digital channels, with bill days of their own; now and then begun before the contact centre."""
    found = []
    for number in ["Con-2", "Con-10"][: draw(st.sampled_from([1, 1, 2]))]:
        start = anchor + timedelta(days=draw(st.integers(-80, 20)))
        length = draw(st.one_of(st.none(), st.none(), st.integers(0, 90)))
        end = None if length is None else start + timedelta(days=length)
        included = draw(st.lists(st.sampled_from(DIGITAL_USAGE_SKUS), max_size=3, unique=True))
        of_month = draw(st.lists(st.sampled_from(RECURRING_DIGITAL_SKUS), max_size=2, unique=True))
        found.append(
            {
                "number": number,
                "offer": "A-WEBEX-CONNECT",
                "starts_on": start.isoformat(),
                "ends_on": None if end is None else end.isoformat(),
                "bill_day": draw(bill_days()),
                "licence_model": None,
                "lines": draw(lines([*included, *of_month], start, end)),
            }
        )
    return found


def event_days(subscriptions: Sequence[dict[str, Any]], anchor: date) -> list[date]:
    """The days on which something changes: starts, ends, lines; bill days near the anchor."""
    found = [anchor]
    for subscription in subscriptions:
        days_of_it = [subscription["starts_on"], subscription["ends_on"]]
        for line in subscription["lines"]:
            days_of_it += [line.get("from"), line.get("to")]
        found += [date.fromisoformat(day) for day in days_of_it if day]
        for distance in range(-20, 40):
            day = anchor + timedelta(days=distance)
            if day.day == subscription["bill_day"]:
                found.append(day)
    return sorted(set(found))


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


# How rows are written, and what is wrong with them ---------------------------------------------------


def time_text(text: str, style: str) -> str:
    """The same moment, written otherwise."""
    time = datetime.fromisoformat(text).astimezone(UTC)
    if style == "Z":
        return time.isoformat().replace("+00:00", "Z")
    if style == "finer":
        # Finer than a microsecond: cut.
        return time.isoformat(timespec="microseconds").replace("+00:00", "9Z")
    hours, minutes = style.split(":")
    east = timezone(timedelta(hours=int(hours), minutes=int(minutes) if int(hours) >= 0 else -int(minutes)))
    return time.astimezone(east).isoformat()


def in_style(row: Row, style: str) -> Row:
    return {
        column: time_text(value, style) if column.endswith("_at") and value else value
        for column, value in row.items()
    }


STYLES = ("Z", "+00:00", "finer", "+05:30", "-08:00", "-03:30", "+14:00")


@st.composite
def written(draw: st.DrawFn, rows: Sequence[Row]) -> list[Row]:
    """Times as `Z` or with offsets, of one row like this and of the next like that."""
    styles = draw(st.lists(st.sampled_from(STYLES), min_size=1, max_size=3))
    return [in_style(row, styles[number % len(styles)]) for number, row in enumerate(rows)]


def shifted(text: str, by: timedelta) -> str:
    return (datetime.fromisoformat(text) + by).isoformat()


@st.composite
def mess(draw: st.DrawFn, rows: Sequence[Row]) -> list[Row]:
    """R13: the rows with some that come again, complete another, contradict it or are bad, anywhere among them."""
    result = list(rows)
    for _ in range(draw(st.integers(0, 10))):
        new = draw(messed(rows[draw(st.integers(0, len(rows) - 1))]))
        if new is not None:
            result.insert(draw(st.integers(0, len(result))), new)
    if draw(st.integers(0, 4)) == 0:
        # The neighbour has records of the same ids: other records.
        result += [{**row, "customer": NEIGHBOUR} for row in result[:10] if row["customer"] == CUSTOMER]
    return result


BAD = ("ended before", "too long", "future", "no zone", "no time", "customer", "missing", "licence")
GOOD = ("again", "again otherwise", "without end", "with end", "other end", "other who", "source")


@st.composite
def messed(draw: st.DrawFn, row: Row) -> Row | None:
    """Another row made from a row, or None where that kind of mess does not fit."""
    what = draw(st.sampled_from((*GOOD, *BAD)))
    new_id = {**row, "record_id": row["record_id"] + "-" + what}
    start = "occurred_at" if row["kind"] == "digital-usage" else "started_at"
    who = next(column for column in ("agent_id", "contact_id", "sku") if column in row)
    length = draw(st.sampled_from([timedelta(), MINUTE, HOUR, 3 * HOUR]))
    if what == "again":
        return dict(row)
    if what == "again otherwise":
        return in_style(row, draw(st.sampled_from([style for style in STYLES if style != "finer"])))
    if what == "other who":
        others = DIGITAL_USAGE_SKUS if who == "sku" else AGENTS
        return {**row, who: draw(st.sampled_from(others))}
    if what == "source":
        return {**row, "source": "telephony"}
    if what == "missing":
        return {**new_id, draw(st.sampled_from([who, start])): ""}
    if what == "customer":
        return {**new_id, "customer": "C-unknown"}
    if what == "future":
        future = {start: "2031-01-01T08:00:00Z"}
        return {**new_id, **future, **({} if start == "occurred_at" else {"ended_at": ""})}
    if what == "no zone":
        return {**new_id, start: row[start][:19]}
    if what == "no time":
        return {**new_id, start: draw(st.sampled_from(["yesterday", "2024-13-01T00:00:00Z", "8:00"]))}
    if what == "licence":
        return {**new_id, "licence": "gold"} if "licence" in row else None
    if start == "occurred_at":
        return None
    if what == "without end":
        return {**row, "ended_at": ""}
    if what in ("with end", "other end"):
        return {**row, "ended_at": shifted(row["started_at"], length)}
    if what == "too long":
        over = draw(st.sampled_from([timedelta(), MOMENT, ONE_DAY]))  # 31 days exactly are not too long
        return {**new_id, "ended_at": shifted(row["started_at"], timedelta(days=31) + over)}
    return {**new_id, "ended_at": shifted(row["started_at"], -MOMENT)}


# Partner and prices ---------------------------------------------------------------------------------


@st.composite
def partners(draw: st.DrawFn, subscriptions: Sequence[dict[str, Any]], *, retail: bool) -> dict[str, Any]:
    customer: dict[str, Any] = {
        "ref": CUSTOMER,
        "name": "Customer One",
        "country": "SE",
        "surge_pct": draw(st.sampled_from(["30", "0", "16", "12.5", "33.33", "100"])),
        "retail_price_book": draw(st.sampled_from([None, None, "retail"])) if retail else None,
        "subscriptions": list(subscriptions),
    }
    neighbour: dict[str, Any] = {
        "ref": NEIGHBOUR,
        "name": "Customer Two",
        "country": "SE",
        "surge_pct": "0",
        "retail_price_book": None,
        "subscriptions": [],
    }
    partner = {
        "ref": "P-1",
        "name": "Partner One",
        "country": "SE",
        "price_book": "wholesale",
        "customers": [customer, neighbour],
    }
    if draw(st.booleans()):
        partner["tax_rate_pct"] = draw(st.sampled_from(["25", "0", "7.7", "8.875", "19"]))
        partner["payment_terms_days"] = draw(st.sampled_from([30, 0, 14, 45]))
    return partner


UNIT_PRICES = ("112.50", "130", "0.0375", "99.99", "33.3333", "1.005", "410.05", "0.01", "1234.567")
DISCOUNTS = ("0", "10", "12.5", "33.33", "5", "100")


def priced_skus() -> list[str]:
    """Every SKU that an invoice line can have."""
    committed_skus = [sku for pair in AGENT_SKUS.values() for sku in pair.values()] + [IVR_SKU, WFO_SKU]
    overage_skus = [sku + "-O" for sku in committed_skus]
    return sorted([*committed_skus, *overage_skus, *DIGITAL_USAGE_SKUS, *RECURRING_DIGITAL_SKUS])


@st.composite
def price_books(
    draw: st.DrawFn, anchor: date, partner: dict[str, Any], *, price_gaps: bool
) -> list[dict[str, Any]]:
    refs = ["wholesale"]
    if any(customer["retail_price_book"] for customer in partner["customers"]):
        refs.append("retail")
    books = []
    for ref in refs:
        # A few prices, dealt out to all SKUs.
        dealt = draw(
            st.lists(
                st.tuples(st.sampled_from(UNIT_PRICES), st.sampled_from(DISCOUNTS)), min_size=1, max_size=5
            )
        )
        shift = draw(st.integers(0, 4))
        missing = draw(st.sets(st.sampled_from(priced_skus()), max_size=3)) if price_gaps else set()
        prices = []
        for number, sku in enumerate(priced_skus()):
            if sku in missing:
                continue
            unit_price, discount = dealt[(number + shift) % len(dealt)]
            prices.append(
                {"sku": sku, "unit_price": unit_price, "discount_pct": discount, "from": "2022-01-01"}
            )
        # Changes on some days near the anchor.
        for distance in draw(st.sets(st.integers(-40, 70), max_size=3)):
            for sku in draw(st.sets(st.sampled_from(priced_skus()), min_size=1, max_size=4)):
                prices.append(
                    {
                        "sku": sku,
                        "unit_price": draw(st.sampled_from(UNIT_PRICES)),
                        "discount_pct": draw(st.sampled_from(DISCOUNTS)),
                        "from": (anchor + timedelta(days=distance)).isoformat(),
                    }
                )
        books.append({"ref": ref, "currency": draw(st.sampled_from(["USD", "JPY", "KWD"])), "prices": prices})
    return books


def untils(cycle: Cycle) -> st.SearchStrategy[date | None]:
    """A last day to use for a cycle, None for all of it."""
    length = (cycle.last - cycle.first).days
    return st.one_of(st.none(), st.integers(0, length).map(lambda more: cycle.first + timedelta(days=more)))


__all__ = ["CUSTOMER", "KINDS", "NEIGHBOUR", "NOW", "Month", "months", "untils"]
