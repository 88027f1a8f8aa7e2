"""Many rows in one statement: columns travel as PostgreSQL's array literals, for ``FROM unnest(%s::int[], …)``.

Written by hand, because adapting a list element by element takes longer than storing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

NULL = "NULL"


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows as columns, each an array literal. Cells: numbers, truth values, days, None, bytes, and texts without
    quoting: words and literals of numbers, never what somebody typed.
    """
    return [literal(map(_cell, column)) for column in zip(*rows, strict=True)]


def columns_of_blocks(blocks: Iterable[Sequence[Iterable[object]]]) -> list[str]:
    """The same from blocks of rows that are columns already, of cells that need no quotes: numbers, words, ``NULL``."""
    return [literal(chain.from_iterable(parts)) for parts in zip(*blocks, strict=True)]


def literal(cells: Iterable[object]) -> str:
    """An array literal of cells that are written as they are."""
    return "{" + ",".join(map(str, cells)) + "}"


def as_bytes(value: bytes) -> str:
    """Bytes as a cell."""
    return f'"\\\\x{value.hex()}"'


def _cell(value: object) -> object:
    if value is None:
        return NULL
    if isinstance(value, bytes):
        return as_bytes(value)
    return f'"{value}"' if isinstance(value, str) else value
