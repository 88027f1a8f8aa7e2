"""Many rows in one statement: columns travel as PostgreSQL's arrays, for ``FROM unnest(%s::int[], …)``, or come back as
long bytes of ``string_agg(timestamptz_send(…), ''::bytea)``.

Written by hand, because adapting a list element by element takes longer than storing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow

_NO_NULLS, _FIRST_INDEX = 0, 1
_FOREVER = 2**63 - 1  # how PostgreSQL sends ``infinity``
_POSTGRESQL_EPOCH = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970


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

    element_oid: int
    oid: int
    width: int

    def __init__(self, values: NDArray[Any]) -> None:
        sent = np.empty(len(values), [("length", ">i4"), ("value", f">i{self.width}")])
        sent["length"], sent["value"] = self.width, values
        head = np.array([1, _NO_NULLS, self.element_oid, len(values), _FIRST_INDEX], ">i4")
        self.sent = head.tobytes() + sent.tobytes()


class SmallInts(Array):
    """``smallint[]``."""

    element_oid, oid, width = 21, 1005, 2


class Ints(Array):
    """``integer[]``."""

    element_oid, oid, width = 23, 1007, 4


class BigInts(Array):
    """``bigint[]``."""

    element_oid, oid, width = 20, 1016, 8


class Moments(Array):
    """Microseconds since 1970 as ``timestamptz[]``; the largest number is ``infinity``."""

    element_oid, oid, width = 1184, 1185, 8

    def __init__(self, values: NDArray[np.int64]) -> None:
        super().__init__(np.where(values == _FOREVER, _FOREVER, values - _POSTGRESQL_EPOCH))


def read_moments(sent: bytes) -> NDArray[np.int64]:
    """What ``timestamptz_send`` gives of many moments, in microseconds since 1970; ``infinity`` is the largest."""
    moments = np.frombuffer(sent, ">i8").astype(np.int64)
    return np.where(moments == _FOREVER, _FOREVER, moments + _POSTGRESQL_EPOCH)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def __init__(self, cls: type[Array], context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = cls.oid

    def dump(self, obj: Array) -> Buffer:
        return obj.sent


@contextmanager
def plain_cursor() -> Iterator[psycopg.Cursor[TupleRow]]:
    """psycopg's own cursor of the connection. Its errors are Django's, like those of any other."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


@contextmanager
def array_cursor() -> Iterator[psycopg.Cursor[TupleRow]]:
    """A cursor of the connection that takes arrays as parameters.

    Megabytes are sent in one go, while other threads run: in small parts each of them would have to wait for its turn.
    """
    with plain_cursor() as cursor:
        connected = cursor.connection
        for kind in (SmallInts, Ints, BigInts, Moments):
            cursor.adapters.register_dumper(kind, _ArrayDumper)
        before = connected.pgconn.nonblocking
        connected.pgconn.nonblocking = 0
        try:
            yield cursor
        finally:
            if not connected.closed:
                connected.pgconn.nonblocking = before
