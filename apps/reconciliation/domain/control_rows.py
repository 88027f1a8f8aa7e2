"""The two sides of a control total, and what a comparison of them comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from apps.reconciliation.domain.control_theories import Cause, Certainty
from apps.reconciliation.domain.intervals import Int64

UNSAID = -1  # of their figures, in arrays


class Column(StrEnum):
    """What is compared of a row."""

    USED = "used"
    COMMITTED = "committed"
    SUBSTITUTED = "substituted"
    OVERAGE = "overage"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class TheirRow:
    """A row of their paper: ``key`` is a usage type or ``TOGETHER``; what is None they do not say."""

    line: int
    day: date
    key: str
    used: int
    committed: int | None = None
    substituted: int | None = None
    overage: int | None = None
    mark: bool | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why figures of a column differ; ``about``: a usage type or what is counted. ``reproduced`` of ``of`` figures."""

    cause: Cause
    certainty: Certainty
    column: Column
    about: str
    reproduced: int
    of: int
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """Both sides of a row, ``theirs`` None where they have none; and of what differs, which explanations it has.

    Explanations are told by their positions in ``Comparison.explanations``; none: nobody can tell.
    """

    day: date
    key: str
    line: int | None
    ours: Mapping[Column, int]
    theirs: Mapping[Column, int] | None
    differs: Mapping[Column, Sequence[int]]


@dataclass(frozen=True)
class Comparison:
    """All rows, and the explanations of what differs. ``outside``: their rows of days that are not compared."""

    rows: Sequence[ComparedRow]
    explanations: Sequence[Explanation]
    outside: int
    left_out: Sequence[str]

    @property
    def days(self) -> set[date]:
        """The days compared."""
        return {row.day for row in self.rows}

    @property
    def differing_days(self) -> set[date]:
        """Those with a difference."""
        return {row.day for row in self.rows if row.differs}

    @property
    def unexplained_days(self) -> set[date]:
        """Those with a difference that nobody can tell the reason of."""
        return {row.day for row in self.rows if any(not found for found in row.differs.values())}


Columns = Mapping[Column, Int64]
Known = dict[tuple[str, int], TheirRow]


def said(row: TheirRow) -> dict[Column, int]:
    """What they say of a row."""
    values = {
        Column.USED: row.used,
        Column.COMMITTED: row.committed,
        Column.SUBSTITUTED: row.substituted,
        Column.OVERAGE: row.overage,
        Column.MARK: None if row.mark is None else int(row.mark),
    }
    return {column: value for column, value in values.items() if value is not None}
