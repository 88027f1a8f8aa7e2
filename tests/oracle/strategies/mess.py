"""R13: how rows are written, and what is wrong with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from tests.oracle.cycles import ONE_DAY
from tests.oracle.portfolio import DIGITAL_USAGE_SKUS
from tests.oracle.strategies.words import AGENTS, CUSTOMER, HOUR, MINUTE, MOMENT, NEIGHBOUR, Row


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
