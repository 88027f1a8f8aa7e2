"""Records that arrive beside those that are stored: which are new, which are copies, which differ (R13).

Columns travel as arrays, and each statement looks a record up by its key: there is no staging table to fill, to analyse
and to clear, so a call with a thousand records costs what a thousand records cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
from django.db import IntegrityError
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Composed, Literal

from apps.core.bulk import Array, BigInts, Ints, Moments, SmallInts, array_cursor
from apps.usage.domain.columns import NO_LICENCE, Columns
from apps.usage.domain.moments import Int64s
from apps.usage.domain.records import Content, Kind

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Those of ``columns`` at ``rows``, in this order. What travels of them is written when it is first asked for.

    Nothing here asks the database: who reads ahead prepares it.
    """

    kind: Kind
    columns: Columns
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def record_ids(self) -> Sequence[str]:
        """As their sources call them."""
        return pick(self.columns.record_ids, self.rows)

    @cached_property
    def are_distinct(self) -> bool:
        """Whether no two of them have one id."""
        return len(set(self.record_ids)) == len(self)

    @cached_property
    def start(self) -> Int64s:
        """When they started, in microseconds since 1970; shape ``(n,)``."""
        return self.columns.start[self.rows]

    @cached_property
    def end(self) -> Int64s:
        """When they ended; ``STILL_OPEN`` where they have not."""
        return self.columns.end[self.rows]

    @cached_property
    def sent(self) -> list[_Sent]:
        """What they say, as it travels."""
        return [
            _texts("record_id", self.record_ids),
            _texts("actor", pick(self.columns.actors, self.rows)),
            _Sent("started_at", "timestamptz", Moments(self.start), True),
            _Sent("until", "timestamptz", Moments(self.end), True),
            _numbers("licence", "smallint", self.columns.premium[self.rows], SmallInts),
            _numbers("quantity", "bigint", self.columns.quantity[self.rows], BigInts),
        ]

    def write(self) -> None:
        """Write now what will be asked for."""
        _ = self.sent, self.are_distinct

    def chosen(self, places: NDArray[Any]) -> Records:
        """Some of them: by a mask, or by their places."""
        return Records(self.kind, self.columns, self.rows[places])


@dataclass(frozen=True)
class Arriving:
    """Records with their identity. Shapes ``(n,)``."""

    records: Records
    customer_ids: Int64s
    partner_ids: Int64s
    source_ids: Int64s

    def __len__(self) -> int:
        return len(self.records)

    @property
    def kind(self) -> Kind:
        """What they are records of."""
        return self.records.kind

    def chosen(self, places: NDArray[Any]) -> Arriving:
        """Some of them: by a mask, or by their places."""
        return Arriving(
            self.records.chosen(places),
            self.customer_ids[places],
            self.partner_ids[places],
            self.source_ids[places],
        )

    def identities(self) -> list[tuple[int, str]]:
        """Customer and record id of each: of a customer's partner there is one source only."""
        return list(zip(self.customer_ids.tolist(), self.records.record_ids, strict=True))

    @cached_property
    def sent(self) -> list[_Sent]:
        """The records as they travel."""
        return [
            *self.records.sent,
            _numbers("customer_id", "int", self.customer_ids, Ints),
            _numbers("partner_id", "int", self.partner_ids, Ints),
            _numbers("source_id", "int", self.source_ids, Ints),
        ]


def pick(column: Sequence[str], rows: Indices) -> Sequence[str]:
    """The texts at ``rows``, in their order."""
    if len(rows) < 2:
        return [column[row] for row in rows.tolist()]
    texts: tuple[str, ...] = itemgetter(*rows.tolist())(column)
    return texts


@dataclass(frozen=True)
class _Shelf:
    """Where records of a kind lie: one table for intervals, another one for units of digital channels."""

    table: SQL
    key: SQL
    wanted: SQL
    rows: SQL
    same: SQL
    columns: SQL
    values: SQL


_INTERVALS = _Shelf(
    table=SQL("usage_interval"),
    key=SQL("stored.customer_id, stored.kind, stored.source_id, stored.record_id"),
    wanted=SQL("arriving.customer_id, {kind}::smallint, arriving.source_id, arriving.record_id"),
    rows=SQL("stored.actor, stored.premium, stored.started_at, stored.ended_at, NULL::bigint AS quantity"),
    same=SQL(
        "(stored.actor, stored.premium, stored.started_at, stored.ended_at)"
        " IS NOT DISTINCT FROM (arriving.actor, arriving.premium, arriving.started_at, arriving.ended_at)"
    ),
    columns=SQL("kind, actor, premium, started_at, ended_at"),
    values=SQL("{kind}, actor, premium, started_at, ended_at"),
)
_EVENTS = _Shelf(
    table=SQL("usage_event"),
    key=SQL("stored.customer_id, stored.source_id, stored.record_id"),
    wanted=SQL("arriving.customer_id, arriving.source_id, arriving.record_id"),
    rows=SQL(
        "stored.sku AS actor, NULL::boolean AS premium, stored.occurred_at AS started_at,"
        " stored.occurred_at AS ended_at, stored.quantity"
    ),
    same=SQL(
        "(stored.actor, stored.started_at, stored.quantity)"
        " IS NOT DISTINCT FROM (arriving.actor, arriving.started_at, arriving.quantity)"
    ),
    columns=SQL("sku, quantity, occurred_at"),
    values=SQL("actor, quantity, started_at"),
)

# The first in the order of the key, between the key and itself: only the key's own index tells that. By four equal
# columns another index that begins like it looks as good, to a planner that knows nothing of the table yet: then each
# record is looked for among all of its customer's.
_FOUND = """
    FROM ({arriving} OFFSET 0) AS arriving, LATERAL (
        SELECT stored.ctid AS place, {rows} FROM {table} AS stored
        WHERE ({key}) BETWEEN ({wanted}) AND ({wanted})
        ORDER BY {key} LIMIT 1
    ) AS stored
"""


def insert(arriving: Arriving) -> bool:
    """Store the records; each identity stands there once. False, and nothing stored, where one is stored already."""
    statement = SQL(
        "INSERT INTO {table} (partner_id, customer_id, source_id, record_id, {columns})"
        " SELECT partner_id, customer_id, source_id, record_id, {values} FROM ({arriving}) AS arriving"
    )
    try:
        _execute(statement, arriving)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        return False
    return True


def compare(arriving: Arriving) -> tuple[Indices, Indices]:
    """The places of the records that say what is stored, and of those that are stored with another content."""
    statement = SQL("SELECT {same}, string_agg(int4send(arriving.number - 1), ''::bytea) {found} GROUP BY 1")
    found = {
        same: np.frombuffer(numbers, ">i4").astype(np.int64)
        for same, numbers in _execute(statement, arriving)
    }
    nothing = np.empty(0, np.int64)
    return found.get(True, nothing), found.get(False, nothing)


def list_stored(arriving: Arriving) -> list[Content]:
    """What is stored of each of the records, all of which are."""
    statement = SQL(
        "SELECT stored.actor, stored.premium, stored.started_at, stored.ended_at, stored.quantity {found}"
        " ORDER BY arriving.number"
    )
    return [Content(*row) for row in _execute(statement, arriving)]


def complete(arriving: Arriving) -> None:
    """Give intervals the ends that arrive."""
    _execute(
        SQL(
            "UPDATE usage_interval SET ended_at = completed.ended_at"
            " FROM (SELECT stored.place, arriving.ended_at {found}) AS completed"
            " WHERE usage_interval.ctid = completed.place"
        ),
        arriving,
    )


@dataclass(frozen=True)
class _Sent:
    """A column as it travels: a value that all records share, or an array."""

    name: str
    type_name: str
    value: Any
    is_array: bool

    @property
    def sql(self) -> Composed:
        """The column in a statement: its value, or an array as rows."""
        if not self.is_array:
            way = "%({0})s::{1} AS {0}"
        elif isinstance(self.value, str):
            # One long text is sent and cut in a fraction of the time of a list.
            way = "unnest(string_to_array(%({0})s, E'\\n')) AS {0}"
        else:
            way = "unnest(%({0})s::{1}[]) AS {0}"
        return SQL(way).format(SQL(self.name), SQL(self.type_name))


def _numbers(name: str, type_name: str, values: NDArray[Any], array: type[Array]) -> _Sent:
    if (values == values[0]).all():
        return _Sent(name, type_name, int(values[0]), False)
    return _Sent(name, type_name, array(values), True)


def _texts(name: str, column: Sequence[str]) -> _Sent:
    """A text with a line break inside needs a list."""
    joined = "\n".join(column)
    return _Sent(name, "text", joined if joined.count("\n") < len(column) else list(column), True)


def _execute(statement: SQL, arriving: Arriving) -> list[Any]:
    values = {each.name: each.value for each in arriving.sent} | {"count": len(arriving)}
    with array_cursor() as cursor:
        cursor.execute(_composed(statement, arriving.kind, arriving.sent), values, binary=True)
        return cursor.fetchall() if cursor.description else []


def _composed(statement: SQL, kind: Kind, sent: list[_Sent]) -> Composed:
    shelf = _EVENTS if kind is Kind.DIGITAL_USAGE else _INTERVALS
    kind_of_row = Literal(int(kind))
    # Among the columns and not behind FROM the arrays go by row by row: nothing is written down between.
    arriving = SQL(
        "SELECT number, record_id, actor, customer_id, partner_id, source_id, started_at, quantity,"
        " nullif(licence, {no_licence})::int::boolean AS premium, nullif(until, 'infinity') AS ended_at"
        " FROM (SELECT {columns}, generate_series(1, %(count)s) AS number) AS sent"
    ).format(no_licence=Literal(NO_LICENCE), columns=SQL(", ").join(each.sql for each in sent))
    found = SQL(_FOUND).format(
        arriving=arriving,
        rows=shelf.rows,
        table=shelf.table,
        key=shelf.key,
        wanted=shelf.wanted.format(kind=kind_of_row),
    )
    parts = {
        "arriving": arriving,
        "found": found,
        "kind": kind_of_row,
        "table": shelf.table,
        "columns": shelf.columns,
        "values": shelf.values.format(kind=kind_of_row),
        "same": shelf.same,
    }
    return statement.format(**parts)
