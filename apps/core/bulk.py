"""Many rows in one statement: columns travel as PostgreSQL's array literals, for ``FROM unnest(%s::int[], …)``.

Written by hand, because adapting a list element by element takes longer than storing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows as columns, each an array literal. Cells: numbers, truth values, None, bytes, and texts without quoting:
    words and literals of numbers, never what somebody typed.
    """
    return [literal(column) for column in zip(*rows, strict=True)]


def literal(values: Sequence[object]) -> str:
    """An array literal of values of one kind."""
    if values and isinstance(values[0], bytes):
        return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"  # type: ignore[attr-defined]
    if values and isinstance(values[0], str):
        return "{" + ",".join([f'"{value}"' for value in values]) + "}"
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
