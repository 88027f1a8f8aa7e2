"""The proof of a figure: what it says, what it follows from, who is counted in it, and whether both agree (R15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.detail import Billed, Row, family_of
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.domain.witnesses import Peak, Witness
from apps.reconciliation.domain.workings import Commitment, Rule, Step, results_of


class Column(StrEnum):
    """The figures of a row, as links name them; the mark is "Overage peak"."""

    USED = "used"
    COMMITTED = "committed"
    SUBSTITUTED = "substituted"
    OVERAGE = "overage"
    MARK = "mark"


class Difference(StrEnum):
    """Why what the records and commitments come to now is not what is stated."""

    LATE_RECORDS = "late-records"
    LATE_TERMS = "late-terms"
    OTHER_RULES = "other-rules"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a proof stands on. ``period``: the days used; ``rules_version``: by which the stated figures were made.

    ``closed_at``: when the cycle's invoice was issued, None while it is open.
    """

    period: Period
    licence_model: LicenceModel
    settings: Settings
    rules_version: str
    closed_at: datetime | None

    def difference(self, *, records: bool, terms: bool) -> Difference:
        """The cause where figures do not agree: ``records`` or ``terms`` are not as they were."""
        if self.closed_at is not None and records:
            return Difference.LATE_RECORDS
        if self.closed_at is not None and terms:
            return Difference.LATE_TERMS
        return Difference.OTHER_RULES if self.rules_version != RULES_VERSION else Difference.UNEXPLAINED


@dataclass(frozen=True)
class CellProof:
    """A row of the Daily Detail, all four figures at once, and the mark.

    ``stated``: the row as it is shown or was invoiced. ``steps`` come from the records and commitments as they are now.
    ``mark``: the steps to the mark, empty where there is none. ``billed``: what the cycle bills of the usage type.
    """

    ground: Ground
    stated: Row
    steps: Sequence[Step]
    peak: Peak | None
    witnesses: Sequence[Witness]
    commitments: Sequence[Commitment]
    mark: Sequence[Step]
    billed: Billed
    difference: Difference | None

    @property
    def agrees(self) -> bool:
        """What was worked out again is what is stated."""
        return self.difference is None

    @property
    def recomputed(self) -> dict[str, int]:
        """The four figures as they come to now."""
        return row_figures(self.steps)

    @property
    def rules(self) -> list[Rule]:
        """The rules of its steps, in their order."""
        return rules_of([*self.steps, *self.mark])

    @property
    def restated(self) -> list[Witness]:
        """Named agents counted as Premium on this day who used Premium on a later day only (R3)."""
        return [each for each in self.witnesses if each.premium_day and each.premium_day > self.stated.day]


@dataclass(frozen=True)
class BilledProof:
    """A billed quantity of a cycle, what each day put into it, and the proof of the day that it hangs on.

    ``rows``: the usage type's rows as stated. ``marked_day``: of its family (R7), and ``marked_overage`` that day's of
    the usage type itself.
    """

    ground: Ground
    usage_type: UsageType
    stated: Billed
    steps: Sequence[Step]
    rows: Sequence[Row]
    marked_day: date | None
    marked_overage: int
    of_day: CellProof
    difference: Difference | None

    @property
    def agrees(self) -> bool:
        """The whole cycle, counted again, bills what is stated, and its day agrees."""
        return self.difference is None

    @property
    def recomputed(self) -> int:
        """The quantity as it comes to now."""
        billed = results_of(self.steps).get("billed", 0)
        assert isinstance(billed, int)
        return billed

    @property
    def rules(self) -> list[Rule]:
        """The rules of its steps and of its day's, in their order."""
        return rules_of([*self.steps, *self.of_day.steps])


def row_figures(steps: Sequence[Step]) -> dict[str, int]:
    """The four figures of a row that its steps come to."""
    results = results_of(steps)
    return {
        column.value: value
        for column in (Column.USED, Column.COMMITTED, Column.SUBSTITUTED, Column.OVERAGE)
        if isinstance(value := results[column], int)
    }


def rules_of(steps: Sequence[Step]) -> list[Rule]:
    """The rules of steps, each once."""
    return list(dict.fromkeys(step.rule for step in steps))


def find_difference(
    ground: Ground,
    stated: Row,
    steps: Sequence[Step],
    peak: Peak | None,
    *,
    witnesses: int,
    counted: Mapping[UsageType, int],
    committed: Mapping[UsageType, int],
    rows: Mapping[UsageType, Row],
) -> Difference | None:
    """Why a row is not what its steps come to, None where it is.

    ``witnesses``: how many are counted in it, one by one. Of all types behind it, on its day: ``counted`` and
    ``committed`` (none of what is left out) as they are now, ``rows`` as they are stated.
    """
    stated_figures = {
        "used": stated.used,
        "committed": stated.committed,
        "substituted": stated.substituted,
        "overage": stated.overage,
    }
    at = None if peak is None else peak.start.hour * 60 + peak.start.minute
    worked_out = row_figures(steps)
    if worked_out == stated_figures and witnesses == stated.used and at in (None, stated.peak_at):
        return None
    records = at not in (None, stated.peak_at) or any(
        counted[usage_type] != row.used for usage_type, row in rows.items()
    )
    terms = worked_out["committed"] != stated.committed or any(
        committed.get(usage_type, 0) != row.committed
        for usage_type, row in rows.items()
        if usage_type is not UsageType.IVR_PORT  # whose row counts the ports that come with agents too
    )
    return ground.difference(records=records, terms=terms)


def marked_on(rows: Sequence[Row], usage_type: UsageType) -> Row | None:
    """The row that is marked in the family of a usage type (R7)."""
    family = family_of(usage_type)
    return next((row for row in rows if row.is_overage_peak and row.family is family), None)


def marked_overage(rows: Sequence[Row], usage_type: UsageType) -> int:
    """The overage of a usage type on its family's marked day."""
    marked = marked_on(rows, usage_type)
    if marked is None:
        return 0
    return sum(row.overage for row in rows if row.day == marked.day and row.usage_type is usage_type)
