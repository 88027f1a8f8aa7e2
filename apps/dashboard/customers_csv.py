"""The list of customers as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from django.utils import translation

from apps.catalogue.domain.kinds import UsageType
from apps.core.domain.money import money_text
from apps.core.spreadsheets import FILE_LANGUAGE, harmless
from apps.dashboard.selectors import CustomerAtAGlance

Cell = str | int


@translation.override(FILE_LANGUAGE)
def customers_csv(glances: Iterable[CustomerAtAGlance]) -> str:
    """One line a customer, in the order given."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "Customer",
            "Reference",
            "Partner",
            "Partner reference",
            "Status",
            "Licence model",
            "Primary subscription",
            "Cycle from",
            "Cycle to",
            "Data until",
            "Agents used",
            "Agents committed",
            "Agent overage",
            "WFO overage",
            "IVR port overage",
            "Overage amount",
            "Currency",
        ]
    )
    writer.writerows(
        [harmless(cell) if isinstance(cell, str) else cell for cell in _cells(glance)] for glance in glances
    )
    return out.getvalue()


def _cells(glance: CustomerAtAGlance) -> list[Cell]:
    customer, primary, cycle = glance.customer, glance.primary, glance.cycle
    cells: list[Cell] = [
        customer.name,
        customer.ref,
        customer.partner.name,
        customer.partner.ref,
        "; ".join(str(standing.label) for standing in glance.standings),
        primary.licence_model.value if primary and primary.licence_model else "",
        primary.number if primary else "",
    ]
    if cycle is None:
        return cells + [""] * 10
    most, committed = cycle.peak
    return [
        *cells,
        cycle.period.first.isoformat(),
        cycle.period.last.isoformat(),
        cycle.until.isoformat(),
        most,
        committed,
        cycle.agent_overage,
        cycle.billed.get(UsageType.WORKFORCE_OPTIMIZATION, 0),
        cycle.billed.get(UsageType.IVR_PORT, 0),
        "" if cycle.amount is None else money_text(cycle.amount, cycle.currency),
        cycle.currency,
    ]
