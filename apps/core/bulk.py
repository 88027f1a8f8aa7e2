"""Many rows in one statement: columns travel as PostgreSQL's array literals, for ``FROM unnest(%s::int[], …)``.

Written by hand, because adapting a list element by element takes longer than storing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
