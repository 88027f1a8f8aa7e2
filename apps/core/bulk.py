"""Many rows in one statement: columns travel as PostgreSQL's arrays, for ``FROM unnest(%s::int[], …)``.

Written by hand, because adapting a list element by element takes longer than storing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format
from psycopg.rows import TupleRow

_NO_NULLS, _FIRST_INDEX = 0, 1
POSTGRESQL_EPOCH = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows as columns, each an array literal. Cells: numbers, truth values, days, None, bytes, and texts without
    quoting: words and literals of numbers, never what somebody typed.
    """
    return [_literal(map(_cell, column)) for column in zip(*rows, strict=True)]


def numbers(cells: Sequence[int]) -> str:
    """An array literal of whole numbers, written in one go."""
    return f"{{{str(cells)[1:-1]}}}"


def _literal(cells: Iterable[object]) -> str:
    return "{" + ",".join(map(str, cells)) + "}"


def _cell(value: object) -> object:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return f'"{value}"' if isinstance(value, str) else value


class Array:
    """Numbers of one type as PostgreSQL sends them itself: no text is written or read."""

    def __init__(self, values: NDArray[Any], *, type_oid: int, array_oid: int, width: int) -> None:
        sent = np.empty(len(values), [("length", ">i4"), ("value", f">i{width}")])
        sent["length"], sent["value"] = width, values
        head = np.array([1, _NO_NULLS, type_oid, len(values), _FIRST_INDEX], ">i4")
        self.sent = head.tobytes() + sent.tobytes()
        self.oid = array_oid


def smallints(values: NDArray[Any]) -> Array:
    """As ``smallint[]``."""
    return Array(values, type_oid=21, array_oid=1005, width=2)


def integers(values: NDArray[Any]) -> Array:
    """As ``integer[]``."""
    return Array(values, type_oid=23, array_oid=1007, width=4)


def bigints(values: NDArray[Any]) -> Array:
    """As ``bigint[]``."""
    return Array(values, type_oid=20, array_oid=1016, width=8)


def moments(values: NDArray[np.int64]) -> Array:
    """Microseconds since 1970 as ``timestamptz[]``; the largest number is ``infinity``."""
    forever = np.iinfo(np.int64).max
    since = np.where(values == forever, forever, values - POSTGRESQL_EPOCH)
    return Array(since, type_oid=1184, array_oid=1185, width=8)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> Buffer:
        return obj.sent

    def get_key(self, obj: Array, format: PyFormat) -> tuple[type, int]:
        return (Array, obj.oid)

    def upgrade(self, obj: Array, format: PyFormat) -> Dumper:
        dumper = _ArrayDumper(Array)
        dumper.oid = obj.oid
        return dumper


def array_cursor() -> Cursor[TupleRow]:
    """A cursor of the connection that takes arrays as parameters, to be used in a ``with``."""
    cursor = Cursor(connection.connection)
    cursor.adapters.register_dumper(Array, _ArrayDumper)
    return cursor
