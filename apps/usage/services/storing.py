"""Records that arrive beside those that are stored: which are new, which are copies, which differ (R13).

Columns travel as arrays, and each statement looks a record up by its key: there is no staging table to fill, to analyse
and to clear, so a call with a thousand records costs what a thousand records cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Composed, Literal

from apps.core.bulk import Array, BigInts, Ints, Moments, SmallInts, array_cursor
from apps.usage.domain.columns import NO_LICENCE, Columns
from apps.usage.domain.records import Content, Kind

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arriving:
    """Records with their identity, as columns; those of ``columns`` at ``rows``. Shapes ``(n,)``."""

    kind: Kind
    columns: Columns
    rows: Indices
    record_ids: Sequence[str]
    customer_ids: NDArray[np.int64]
    partner_ids: NDArray[np.int64]
    source_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def chosen(self, places: NDArray[Any]) -> Arriving:
        """Some of them: by a mask, or by their places."""
        return Arriving(
            self.kind,
            self.columns,
            self.rows[places],
            pick(self.columns.record_ids, self.rows[places]),
            self.customer_ids[places],
            self.partner_ids[places],
            self.source_ids[places],
        )

    def identities(self) -> list[tuple[int, str]]:
        """Customer and record id of each: of a customer's partner there is one source only."""
        return list(zip(self.customer_ids.tolist(), self.record_ids, strict=True))


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
    rows: SQL
    same: SQL
    columns: SQL
    values: SQL


_INTERVALS = _Shelf(
    table=SQL("usage_interval"),
    key=SQL("stored.kind = {kind} AND"),
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
    key=SQL(""),
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

_FOUND = """
    FROM ({arriving} OFFSET 0) AS arriving, LATERAL (
        SELECT {rows} FROM {table} AS stored
        WHERE stored.customer_id = arriving.customer_id AND {key} stored.source_id = arriving.source_id
          AND stored.record_id = arriving.record_id
        OFFSET 0
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
    except UniqueViolation:
        return False
    return True


def compare(arriving: Arriving) -> tuple[Indices, Indices]:
    """The places of the records that say what is stored, and of those that are stored with another content."""
    statement = SQL(
        "SELECT {same}, string_agg(int4send(arriving.number::int - 1), ''::bytea) {found} GROUP BY 1"
    )
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
            "UPDATE usage_interval AS stored SET ended_at = arriving.ended_at FROM ({arriving} OFFSET 0) AS arriving"
            " WHERE stored.customer_id = arriving.customer_id AND stored.kind = {kind}"
            " AND stored.source_id = arriving.source_id AND stored.record_id = arriving.record_id"
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
    def sql(self) -> Composed | SQL:
        """Where the value or the array stands in the statement."""
        if not self.is_array:
            return SQL("%({0})s::{1} AS {0}").format(SQL(self.name), SQL(self.type_name))
        # One long text is sent and cut in a fraction of the time of a list.
        way = "string_to_array(%({0})s, E'\\n')" if isinstance(self.value, str) else "%({0})s::{1}[]"
        return SQL(way).format(SQL(self.name), SQL(self.type_name))


def _numbers(name: str, type_name: str, values: NDArray[Any], array: type[Array]) -> _Sent:
    if (values == values[0]).all():
        return _Sent(name, type_name, int(values[0]), False)
    return _Sent(name, type_name, array(values), True)


def _texts(name: str, column: Sequence[str]) -> _Sent:
    """A text with a line break inside needs a list."""
    joined = "\n".join(column)
    return _Sent(name, "text", joined if joined.count("\n") < len(column) else list(column), True)


def _columns(arriving: Arriving) -> list[_Sent]:
    columns, rows = arriving.columns, arriving.rows
    return [
        _texts("record_id", arriving.record_ids),
        _texts("actor", pick(columns.actors, rows)),
        _Sent("started_at", "timestamptz", Moments(columns.start[rows]), True),
        _Sent("until", "timestamptz", Moments(columns.end[rows]), True),
        _numbers("customer_id", "int", arriving.customer_ids, Ints),
        _numbers("partner_id", "int", arriving.partner_ids, Ints),
        _numbers("source_id", "int", arriving.source_ids, Ints),
        _numbers("licence", "smallint", columns.premium[rows], SmallInts),
        _numbers("quantity", "bigint", columns.quantity[rows], BigInts),
    ]


def _execute(statement: SQL, arriving: Arriving) -> list[Any]:
    sent = _columns(arriving)
    with array_cursor() as cursor:
        cursor.execute(
            _composed(statement, arriving.kind, sent), {each.name: each.value for each in sent}, binary=True
        )
        return cursor.fetchall() if cursor.description else []


def _composed(statement: SQL, kind: Kind, sent: list[_Sent]) -> Composed:
    shelf = _EVENTS if kind is Kind.DIGITAL_USAGE else _INTERVALS
    kind_of_row = Literal(int(kind))
    arrays = [each for each in sent if each.is_array]
    shared = [each for each in sent if not each.is_array]
    arriving = SQL(
        "SELECT number, record_id, actor, customer_id, partner_id, source_id, started_at, quantity,"
        " nullif(licence, {no_licence})::int::boolean AS premium, nullif(until, 'infinity') AS ended_at"
        " FROM unnest({arrays}) WITH ORDINALITY AS sent ({names}, number), (SELECT {shared}) AS shared"
    ).format(
        no_licence=Literal(NO_LICENCE),
        arrays=SQL(", ").join(each.sql for each in arrays),
        names=SQL(", ").join(SQL(each.name) for each in arrays),
        shared=SQL(", ").join(each.sql for each in shared),
    )
    found = SQL(_FOUND).format(
        arriving=arriving, rows=shelf.rows, table=shelf.table, key=shelf.key.format(kind=kind_of_row)
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
