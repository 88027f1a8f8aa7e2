"""The Daily Detail's eight columns as they go out: to CSV, to JSON and to tables (formats.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.catalogue.domain.kinds import SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.reconciliation.domain.detail import HEADER, Family, Row

OVERAGE_PEAK = "Overage peak"


@dataclass(frozen=True, slots=True)
class DetailRecord:
    """A row of the Daily Detail with the vendor's words for its usage type and its unit."""

    row: Row
    usage_type: str
    unit: str

    @property
    def comment(self) -> str:
        """The vendor's mark of the peak (R7)."""
        return OVERAGE_PEAK if self.row.is_overage_peak else ""

    @property
    def cells(self) -> tuple[Any, ...]:
        """The eight columns."""
        row = self.row
        return (
            row.day.isoformat(),
            self.usage_type,
            row.used,
            row.committed,
            row.substituted,
            row.overage,
            self.unit,
            self.comment,
        )


def detail_records(rows: Iterable[Row], family: Family | None = None) -> list[DetailRecord]:
    """Rows with their words; of one family, or of all."""
    skus = {UsageType(sku.usage_type): sku for sku in Sku.objects.filter(kind=SkuKind.COMMITTED)}
    return [
        DetailRecord(row, skus[row.usage_type].detail_name, skus[row.usage_type].detail_unit)
        for row in rows
        if family is None or row.family is family
    ]


def detail_csv(records: Sequence[DetailRecord]) -> str:
    """As CSV: ``\\n`` after every line, quotes only where needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(record.cells for record in records)
    return out.getvalue()


def detail_json(records: Sequence[DetailRecord]) -> list[dict[str, Any]]:
    """As objects with the columns' names."""
    return [dict(zip(HEADER, record.cells, strict=True)) for record in records]
