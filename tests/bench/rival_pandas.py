"""The same figures by a pandas script, as an analyst would write it: samples and minutes as rows, then groups.

Two processes with half of the customers each. ``PLAIN`` says each step as pandas does: read_sql, DataFrame.explode,
groups by two columns. ``TUNED`` is the same script after a day with a profiler: COPY as CSV, rows repeated by index,
one packed key of agent and slot.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from multiprocessing.pool import Pool
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from numpy.typing import NDArray

from apps.core.domain.periods import ONE_DAY, Period
from tests.bench.rivals import halves, midnight

SAMPLE = 15 * 60 * 1_000_000
MINUTE = 60 * 1_000_000
LOOK_BACK = 3
LONGEST_OPEN = 24 * 60 * MINUTE
SAMPLES_A_DAY, MINUTES_A_DAY = 96, 1440
AXIS = 100_000  # more slots than a cycle has
PREMIUM, STANDARD, PORTS = "premium-concurrent", "standard-concurrent", "ivr-port"

INTERVALS = """
    SELECT customer_id, kind, actor, premium,
           round(date_part('epoch', started_at) * 1000000)::bigint AS start,
           round(date_part('epoch', ended_at) * 1000000)::bigint AS ended
    FROM usage_interval
    WHERE kind IN (1, 3) AND customer_id BETWEEN %(low)s AND %(high)s
      AND started_at >= %(begin)s - INTERVAL '32 days' AND started_at < %(end)s
"""
LINES = """
    SELECT line.customer_id, usage_type, quantity,
           greatest(starts_on, valid_from) AS first, coalesce(least(ends_on, valid_to), %(last)s::date) AS last
    FROM subscriptions_subscription AS subscription
    JOIN subscriptions_subscriptionline AS line ON line.subscription_id = subscription.id AND withdrawn_at IS NULL
    JOIN catalogue_sku AS sku ON sku.id = sku_id AND sku.kind = 'committed'
    WHERE line.customer_id BETWEEN %(low)s AND %(high)s
"""


@dataclass(frozen=True)
class Idioms:
    """How the steps are written that take the time.

    ``read``: a query's rows; ``spread``: a row for each slot (of a width) that an interval touches, with its columns
    and ``slot``; ``total``: the sum of ``time`` by agent and slot, by their packed key; ``distinct``: rows of different
    agents or slots.
    """

    read: Callable[[psycopg.Connection[Any], str, dict[str, Any]], pd.DataFrame]
    spread: Callable[[pd.DataFrame, int], pd.DataFrame]
    total: Callable[[pd.DataFrame], pd.Series]
    distinct: Callable[[pd.DataFrame], pd.DataFrame]


def reconcile(workers: Pool, address: str, customers: Sequence[int], cycle: Period, *, tuned: bool) -> None:
    """Figures of ``customers`` (ids without a gap) for a cycle they all have, into the tables of ``rival_pandas``."""
    workers.starmap(reconcile_part, [(address, part, cycle, tuned) for part in halves(customers)])


def reconcile_part(address: str, customers: Sequence[int], cycle: Period, tuned: bool) -> None:
    """The same for the customers of one process."""
    write = TUNED if tuned else PLAIN
    values = {
        "low": customers[0],
        "high": customers[-1],
        "begin": midnight(cycle.first),
        "end": midnight(cycle.last + ONE_DAY),
        "last": cycle.last,
    }
    with psycopg.connect(address, cursor_factory=psycopg.ClientCursor) as connection:
        lines = write.read(connection, LINES, values)
        lines[["first", "last"]] = lines[["first", "last"]].apply(pd.to_datetime)
        intervals = write.read(connection, INTERVALS, values)
        intervals["ended"] = intervals["ended"].fillna(intervals["start"] + LONGEST_OPEN).astype("int64")
        agents = count_agents(intervals[intervals["kind"] == 1], cycle, write)
        used = {
            PREMIUM: _by_day(agents[agents["premium"]], customers, cycle, SAMPLES_A_DAY),
            STANDARD: _by_day(agents[~agents["premium"]], customers, cycle, SAMPLES_A_DAY),
            PORTS: _by_day(
                count_contacts(intervals[intervals["kind"] == 3], cycle, write),
                customers,
                cycle,
                MINUTES_A_DAY,
            ),
        }
        detail = settle(used, lines, customers, cycle)
        _write(connection, "day_figure", figures_of(detail))
        _write(connection, "billed_quantity", bill(detail))
        _write(connection, "day_profile", profiles_of(used, customers, cycle))


def count_agents(sessions: pd.DataFrame, cycle: Period, write: Idioms) -> pd.DataFrame:
    """Agents counted (R2): columns customer_id, premium, slot (quarter-hour since the cycle's start), count."""
    origin = _microseconds(cycle.first) - LOOK_BACK * SAMPLE
    end = _microseconds(cycle.last + ONE_DAY)
    sessions = sessions[(sessions["ended"] > origin) | (sessions["start"] >= origin)]
    agent = sessions.groupby(["customer_id", "actor"], sort=False).ngroup()
    sessions = pd.DataFrame(
        {
            "agent": agent,
            "customer_id": sessions["customer_id"],
            "premium": sessions["premium"].isin([True, "t"]),
            "start": sessions["start"].clip(lower=origin) - origin,
            "ended": sessions["ended"].clip(upper=end) - origin,
        }
    ).sort_values(["agent", "start"])
    owner = sessions.drop_duplicates("agent").set_index("agent")["customer_id"]

    touched = write.spread(sessions[sessions["premium"]], SAMPLE)
    reached = sessions.groupby("agent")["ended"].cummax().groupby(sessions["agent"]).shift(fill_value=0)
    pieces = sessions.assign(start=np.maximum(sessions["start"], reached))
    rows = write.spread(pieces[pieces["ended"] > pieces["start"]], SAMPLE)
    rows["time"] = np.minimum(rows["ended"], (rows["slot"] + 1) * SAMPLE) - np.maximum(
        rows["start"], rows["slot"] * SAMPLE
    )
    time = write.total(rows)
    present = time.index[time >= MINUTE].to_series()
    is_premium = present.isin(_key(touched).unique())
    as_premium = is_premium.copy()
    for samples in range(1, LOOK_BACK + 1):
        as_premium |= is_premium.shift(samples, fill_value=False)
    is_counted = (present.shift(LOOK_BACK, fill_value=-AXIS) == present - LOOK_BACK).to_numpy()
    counted = present.to_numpy()[is_counted]
    return (
        pd.DataFrame(
            {
                "customer_id": owner.to_numpy()[counted // AXIS],
                "premium": as_premium.to_numpy()[is_counted],
                "slot": counted % AXIS - LOOK_BACK,
            }
        )
        .groupby(["customer_id", "premium", "slot"])
        .size()
        .reset_index(name="count")
    )


def count_contacts(legs: pd.DataFrame, cycle: Period, write: Idioms) -> pd.DataFrame:
    """Distinct contacts (R8): columns customer_id, slot (minute since the cycle's start), count."""
    begin, end = _microseconds(cycle.first), _microseconds(cycle.last + ONE_DAY)
    legs = legs[(legs["ended"] > begin) | (legs["start"] >= begin)]
    rows = write.spread(
        pd.DataFrame(
            {
                "customer_id": legs["customer_id"],
                "agent": legs.groupby(["customer_id", "actor"], sort=False).ngroup(),
                "start": legs["start"].clip(lower=begin) - begin,
                "ended": legs["ended"].clip(upper=end) - begin,
            }
        ),
        MINUTE,
    )
    rows = write.distinct(rows)
    return rows.groupby(["customer_id", "slot"]).size().reset_index(name="count")


def settle(
    used: dict[str, NDArray[np.int32]], lines: pd.DataFrame, customers: Sequence[int], cycle: Period
) -> pd.DataFrame:
    """A row a customer and day with use, commitments, substitution and overage (R4, R5, R8, R10)."""
    days = pd.date_range(cycle.first, cycle.last)
    detail = pd.DataFrame(index=pd.MultiIndex.from_product([customers, days], names=["customer_id", "day"]))
    for usage_type, counts in used.items():
        detail[usage_type] = counts.max(axis=2).ravel()

    lines = lines.assign(
        first=lines["first"].clip(lower=days[0]), last=lines["last"].fillna(days[-1]).clip(upper=days[-1])
    )
    length = ((lines["last"] - lines["first"]).dt.days + 1).clip(lower=0)
    by_day = lines.loc[lines.index.repeat(length)]
    by_day["day"] = by_day["first"] + pd.to_timedelta(by_day.groupby(level=0).cumcount(), unit="D")
    committed = by_day.groupby(["customer_id", "day", "usage_type"])["quantity"].sum().unstack(fill_value=0)
    committed = committed.reindex(index=detail.index, columns=[PREMIUM, STANDARD, PORTS], fill_value=0)

    detail["premium committed"], detail["standard committed"] = committed[PREMIUM], committed[STANDARD]
    detail["additional"] = committed[PORTS]
    detail["substituted"] = np.minimum(
        (detail[STANDARD] - detail["standard committed"]).clip(lower=0),
        (detail["premium committed"] - detail[PREMIUM]).clip(lower=0),
    )
    detail["premium overage"] = (detail[PREMIUM] - detail["premium committed"]).clip(lower=0)
    detail["standard overage"] = (
        detail[STANDARD] - detail["standard committed"] - detail["substituted"]
    ).clip(lower=0)
    detail["agents"] = detail["premium overage"] + detail["standard overage"]
    detail["licences"] = detail["premium committed"] + detail["standard committed"]
    detail["ports committed"] = 2 * (detail["licences"] + detail["agents"]) + detail["additional"]
    detail["ports overage"] = (detail[PORTS] - detail["ports committed"]).clip(lower=0)
    return detail


def figures_of(detail: pd.DataFrame) -> pd.DataFrame:
    """The rows of the Daily Detail, one of each family marked (R7)."""

    def is_peak(overage: str) -> pd.Series:
        first = detail.groupby(level="customer_id")[overage].idxmax()
        return detail.index.isin(first) & (detail[overage] > 0)

    agents, ports = is_peak("agents"), is_peak("ports overage")
    nothing = pd.Series(0, detail.index)
    columns = {
        PREMIUM: (detail["premium committed"], nothing, detail["premium overage"], agents),
        STANDARD: (
            detail["standard committed"],
            detail["substituted"],
            detail["standard overage"],
            agents & (detail["premium overage"] == 0),
        ),
        PORTS: (detail["ports committed"], nothing, detail["ports overage"], ports),
    }
    parts = [
        pd.DataFrame(
            {
                "usage_type": usage_type,
                "used": detail[usage_type],
                "committed": committed,
                "substituted": substituted,
                "overage": overage,
                "is_overage_peak": marked & (overage > 0),
            }
        ).reset_index()
        for usage_type, (committed, substituted, overage, marked) in columns.items()
    ]
    return pd.concat(parts).sort_values(["customer_id", "day"], kind="stable")


def bill(detail: pd.DataFrame) -> pd.DataFrame:
    """The billed quantities and the first days that give them (R6, R8)."""
    customer = detail.groupby(level="customer_id")
    agents = customer["premium overage"].transform("max") + customer["standard overage"].transform("max")
    over = pd.DataFrame(
        {
            PREMIUM: detail["premium overage"],
            STANDARD: detail["standard overage"],
            PORTS: (detail[PORTS] - 2 * (detail["licences"] + agents) - detail["additional"]).clip(lower=0),
        }
    )
    parts = []
    for usage_type in over:
        first = over.groupby(level="customer_id")[usage_type].idxmax()
        part = over.loc[first, usage_type].reset_index(name="quantity")
        part["day"] = part["day"].where(part["quantity"] > 0)
        parts.append(part.assign(usage_type=usage_type)[["customer_id", "usage_type", "quantity", "day"]])
    return pd.concat(parts)


def profiles_of(used: dict[str, NDArray[np.int32]], customers: Sequence[int], cycle: Period) -> pd.DataFrame:
    """Days with use, each as the slots from which on its counts hold, written as PostgreSQL writes arrays."""
    days = list(cycle)
    rows = []
    for usage_type, counts in used.items():
        peaks = counts.max(axis=2)
        changes = (np.diff(counts, axis=2, prepend=-1) != 0) & (peaks > 0)[:, :, np.newaxis]
        row, day, slot = np.nonzero(changes)
        slots, numbers = (list(map(str, each.tolist())) for each in (slot, counts[row, day, slot]))
        first = np.flatnonzero(slot == 0).tolist()
        for begin, end in zip(first, [*first[1:], len(slot)], strict=True):
            at = row[begin], day[begin]
            profile = (f"{{{','.join(part[begin:end])}}}" for part in (slots, numbers))
            rows.append((customers[at[0]], days[at[1]], usage_type, peaks[at], *profile))
    return pd.DataFrame(rows, columns=["customer_id", "day", "usage_type", "peak", "slots", "counts"])


def _read_sql(connection: psycopg.Connection[Any], query: str, values: dict[str, Any]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas would rather have SQLAlchemy's connection
        return pd.read_sql(query, connection, params=values)


def _read_csv(connection: psycopg.Connection[Any], query: str, values: dict[str, Any]) -> pd.DataFrame:
    csv = BytesIO()
    statement = f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(statement, values) as copy:
        for block in copy:
            csv.write(block)
    csv.seek(0)
    return pd.read_csv(csv)


def _write(connection: psycopg.Connection[Any], table: str, rows: pd.DataFrame) -> None:
    columns = ", ".join(rows.columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY rival_pandas.{table} ({columns}) FROM STDIN (FORMAT csv)") as copy,
    ):
        copy.write(rows.to_csv(index=False, header=False))


def _explode(intervals: pd.DataFrame, width: int) -> pd.DataFrame:
    first = intervals["start"] // width
    last = np.maximum(intervals["start"], intervals["ended"] - 1) // width
    slots = [range(begin, end + 1) for begin, end in zip(first, last, strict=True)]
    rows = intervals.assign(slot=slots).explode("slot", ignore_index=True)
    return rows.astype({"slot": "int64"})


def _repeat(intervals: pd.DataFrame, width: int) -> pd.DataFrame:
    first = intervals["start"] // width
    last = np.maximum(intervals["start"], intervals["ended"] - 1) // width
    length = (last - first + 1).to_numpy()
    rows = intervals.loc[intervals.index.repeat(length)].reset_index(drop=True)
    rows["slot"] = np.repeat(first.to_numpy() - np.cumsum(length) + length, length) + np.arange(len(rows))
    return rows


def _total_by_columns(rows: pd.DataFrame) -> pd.Series:
    time = rows.groupby(["agent", "slot"])["time"].sum()
    return time.set_axis(time.index.get_level_values("agent") * AXIS + time.index.get_level_values("slot"))


def _key(rows: pd.DataFrame) -> pd.Series:
    """One number of agent or contact and slot."""
    return rows["agent"] * AXIS + rows["slot"]


PLAIN = Idioms(
    read=_read_sql,
    spread=_explode,
    total=_total_by_columns,
    distinct=lambda rows: rows.drop_duplicates(["agent", "slot"]),
)
TUNED = Idioms(
    read=_read_csv,
    spread=_repeat,
    total=lambda rows: rows.groupby(_key(rows))["time"].sum(),
    distinct=lambda rows: rows[~_key(rows).duplicated()],
)


def _by_day(counts: pd.DataFrame, customers: Sequence[int], cycle: Period, slots: int) -> NDArray[np.int32]:
    """Counts as an array of shape ``(customers, days, slots)``."""
    dense = np.zeros((len(customers), cycle.days * slots), np.int32)
    dense[pd.Index(list(customers)).get_indexer(counts["customer_id"]), counts["slot"]] = counts["count"]
    return dense.reshape(len(customers), cycle.days, slots)


def _microseconds(day: date) -> int:
    return round(midnight(day).timestamp()) * 1_000_000
