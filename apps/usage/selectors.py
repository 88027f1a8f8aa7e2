"""Facts as the rules take them: rows of intervals of one customer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.core.bulk import plain_cursor, read_moments
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.usage.domain.records import LONGEST_RECORD, Kind


def midnight(day: date) -> datetime:
    """The moment at which a day starts, UTC."""
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a customer whose records are wanted: all that can touch them, or the time ``look_back`` before them."""

    customer_id: int
    days: Period


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one kind as columns, in no particular order. Times are microseconds since 1970 UTC.

    ``end`` is ``STILL_OPEN`` for a record without one. Shapes: ``(n,)``; int64 but ``premium``, which is bool.
    """

    actors: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    premium: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.actors)


def read_records(
    windows: Sequence[Window], kinds: Collection[Kind], *, look_back: timedelta, longest_open: timedelta
) -> list[dict[Kind, Records]]:
    """The records of each window, by kind; a kind without any is left out.

    No record lasts longer than 31 days, and one without an end at most ``longest_open``, so none that starts earlier
    counts; those that last longer than a day have an index of their own. Rows leave the database as a few long
    columns: the answer of a million records takes a second.
    """
    values = {
        "customers": [window.customer_id for window in windows],
        "since": [midnight(window.days.first) - look_back for window in windows],
        "upto": [midnight(window.days.last + ONE_DAY) for window in windows],
        "kinds": [int(kind) for kind in kinds],
        "longest": max(LONGEST_RECORD, longest_open),
    }
    found: list[dict[Kind, Records]] = [{} for _ in windows]
    with plain_cursor() as cursor:
        rows = cursor.execute(_RECORDS.format(actors=_JOINED), values, binary=True).fetchall()
        if any(actors.count("\n") != len(premium) - 1 for *_, actors, _start, _end, premium in rows):
            rows = cursor.execute(_RECORDS.format(actors=_LISTED), values, binary=True).fetchall()
    for number, kind, actors, start, end, premium in rows:
        found[number - 1][Kind(kind)] = Records(
            actors.split("\n") if isinstance(actors, str) else actors,
            read_moments(start),
            read_moments(end),
            np.frombuffer(premium, np.bool_),
        )
    return found


# One long text is read in a fraction of the time of a list; it does not serve where an id has a line break itself.
_JOINED, _LISTED = r"string_agg(actor, E'\n')", "array_agg(actor)"
_RECORDS = """
    SELECT wanted.number, kinds.kind, found.actors, found.start, found.stop, found.premium
    FROM unnest(%(customers)s::int[], %(since)s::timestamptz[], %(upto)s::timestamptz[])
         WITH ORDINALITY AS wanted (customer_id, since, upto, number)
    CROSS JOIN unnest(%(kinds)s::smallint[]) AS kinds (kind)
    CROSS JOIN LATERAL (
        SELECT {actors} AS actors, string_agg(timestamptz_send(started_at), ''::bytea) AS start,
               string_agg(timestamptz_send(coalesce(ended_at, 'infinity')), ''::bytea) AS stop,
               string_agg(boolsend(coalesce(premium, false)), ''::bytea) AS premium
        FROM (
            SELECT actor, started_at, ended_at, premium
            FROM usage_interval
            WHERE customer_id = wanted.customer_id AND kind = kinds.kind
              AND started_at >= wanted.since - INTERVAL '24 hours' AND started_at < wanted.upto
              AND (ended_at IS NULL OR ended_at >= wanted.since)
            UNION ALL
            SELECT actor, started_at, ended_at, premium
            FROM usage_interval
            WHERE customer_id = wanted.customer_id AND kind = kinds.kind
              AND started_at >= wanted.since - %(longest)s::interval
              AND started_at < wanted.since - INTERVAL '24 hours'
              AND (ended_at IS NULL OR ended_at - started_at > INTERVAL '24 hours')
              AND (ended_at IS NULL OR ended_at >= wanted.since)
        ) AS record
    ) AS found
    WHERE found.start IS NOT NULL
"""


def count_records(customer_ids: Sequence[int], *, since: date) -> dict[int, int]:
    """How many records each customer has that start on or after a day: how much there is to do, roughly."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, count(*) FROM usage_interval WHERE customer_id = ANY(%s) AND started_at >= %s"
            " GROUP BY customer_id",
            [list(customer_ids), midnight(since)],
        )
        return dict(cursor.fetchall())


def list_usage_spans(customer_ids: Sequence[int]) -> dict[int, Period | None]:
    """From the first to the last day on which a record of each customer starts, None where there is none.

    Kind by kind, because the index leads from a kind straight to its first and its last record.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT customer.id, min(edge.first), max(edge.last)
            FROM unnest(%s::int[]) AS customer (id), unnest(%s::smallint[]) AS kinds (kind), LATERAL (
                SELECT min(started_at) AS first, max(started_at) AS last FROM usage_interval
                WHERE customer_id = customer.id AND usage_interval.kind = kinds.kind
            ) AS edge
            GROUP BY customer.id
            """,
            [list(customer_ids), [int(kind) for kind in Kind]],
        )
        return {
            customer_id: None
            if first is None
            else Period(first.astimezone(UTC).date(), last.astimezone(UTC).date())
            for customer_id, first, last in cursor.fetchall()
        }


def days_with_usage(customer: Customer) -> Period | None:
    """From the first to the last day on which a record of the customer starts, None where there is none."""
    return list_usage_spans([customer.pk])[customer.pk]
