"""The units of digital channels as they go out: to tables, to CSV and to JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.catalogue.models import Sku
from apps.core.spreadsheets import harmless
from apps.reconciliation.domain.digital import Units

HEADER = ("SKU", "Description", "Raw", "Included", "Billable")


@dataclass(frozen=True, slots=True)
class DigitalRecord:
    """The units of a SKU with its description in the catalogue."""

    units: Units
    description: str


def digital_records(units: Iterable[Units]) -> list[DigitalRecord]:
    """Units with their descriptions, in the same order."""
    listed = list(units)
    names = dict(Sku.objects.filter(code__in=[each.sku for each in listed]).values_list("code", "name"))
    return [DigitalRecord(each, names.get(each.sku, "")) for each in listed]


def digital_csv(records: Sequence[DigitalRecord]) -> str:
    """As CSV: ``\\n`` after every line, quotes only where needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(
        (
            harmless(record.units.sku),
            harmless(record.description),
            record.units.raw,
            record.units.included,
            record.units.billable,
        )
        for record in records
    )
    return out.getvalue()


def digital_json(records: Sequence[DigitalRecord]) -> list[dict[str, Any]]:
    """As objects."""
    return [
        {
            "sku": record.units.sku,
            "description": record.description,
            "raw": record.units.raw,
            "included": record.units.included,
            "billable": record.units.billable,
        }
        for record in records
    ]
