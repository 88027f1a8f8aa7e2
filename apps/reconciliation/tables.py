"""The Daily Detail as a table, with the vendor's columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import django_tables2
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalogue.domain.kinds import UsageType
from apps.core.columns import badge
from apps.core.templatetags.formats import figure
from apps.reconciliation.detail_export import DetailRecord
from apps.reconciliation.domain.detail import Billed
from apps.reconciliation.domain.proof import Column
from apps.reconciliation.proof_addresses import ProofAddresses
from apps.reconciliation.summaries import time_of


def _column(name: Any, accessor: str, **attributes: Any) -> django_tables2.Column:
    return django_tables2.Column(verbose_name=name, accessor=accessor, orderable=False, **attributes)


def _units(name: Any, accessor: str, mark: str = "") -> django_tables2.Column:
    """A numeric column whose cells above 0 are marked."""

    def cell_class(value: object) -> str:
        return f"num {mark}" if mark and value else "num"

    return _column(name, accessor, attrs={"th": {"class": "num"}, "td": {"class": cell_class}})


class _FigureColumn(django_tables2.Column):
    """A figure of a row that leads to its proof; above 0 it is marked."""

    def __init__(self, name: Any, column: Column, mark: str = "") -> None:
        def cell_class(record: DetailRecord) -> str:
            return f"num {mark}" if mark and getattr(record.row, column.value) else "num"

        super().__init__(
            verbose_name=name,
            accessor=f"row__{column.value}",
            orderable=False,
            attrs={"th": {"class": "num"}, "td": {"class": cell_class}},
        )
        self.column = column

    def render(self, value: int, record: DetailRecord, table: DailyDetailTable) -> SafeString:
        address = table.proofs.of_cell(record.row.day, record.row.usage_type, self.column)
        return format_html('<a class="why" href="{}">{}</a>', address, figure(value))


class DailyDetailTable(django_tables2.Table):
    """Rows of the Daily Detail, Premium before Standard; the first of a day carries the day's anchor."""

    day = _column(gettext_lazy("Usage Date"), "row__day", attrs={"cell": {"class": "nowrap"}})
    usage_type = _column(gettext_lazy("Usage Type"), "usage_type", attrs={"cell": {"class": "nowrap"}})
    used = _FigureColumn(gettext_lazy("Units Used"), Column.USED)
    committed = _FigureColumn(gettext_lazy("Units Commitment"), Column.COMMITTED)
    substituted = _FigureColumn(gettext_lazy("Units Substituted"), Column.SUBSTITUTED, "is-substituted")
    overage = _FigureColumn(gettext_lazy("Units Overage"), Column.OVERAGE, "is-over")
    unit = _column(gettext_lazy("Usage Unit"), "unit")
    comment = _column(gettext_lazy("Comment"), "row", empty_values=(), attrs={"cell": {"class": "nowrap"}})

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Daily detail"),
            "row_header": "day",
            "class": "is-dense is-sticky",
        }
        row_attrs = {
            "id": lambda record, table: table.anchor_of(record),
            "class": lambda record, table: table.class_of(record),
        }
        empty_text = gettext_lazy("Nothing of this family was bought or used in the cycle.")

    def __init__(
        self,
        records: Sequence[DetailRecord],
        *,
        billed: dict[UsageType, Billed],
        proofs: ProofAddresses,
        **options: Any,
    ) -> None:
        super().__init__(records, **options)
        self.billed = billed
        self.proofs = proofs
        self.first_of_day: dict[date, DetailRecord] = {}
        self.has_days_of_several_rows = False
        for record in records:
            if self.first_of_day.setdefault(record.row.day, record) is not record:
                self.has_days_of_several_rows = True

    def starts_day(self, record: DetailRecord) -> bool:
        """The first row of its day."""
        return self.first_of_day[record.row.day] is record

    def anchor_of(self, record: DetailRecord) -> str | None:
        """Where the bars of charts lead."""
        return f"day-{record.row.day.isoformat()}" if self.starts_day(record) else None

    def class_of(self, record: DetailRecord) -> str:
        """Where a day begins, and the marked peak."""
        starts = "is-new-day" if self.has_days_of_several_rows and self.starts_day(record) else ""
        return f"{starts} is-peak".strip() if record.row.is_overage_peak else starts

    def render_comment(self, record: DetailRecord) -> SafeString:
        row, parts = record.row, []
        if row.is_overage_peak:
            parts.append(
                format_html(
                    '<a class="why" href="{}">{}</a>',
                    self.proofs.of_cell(row.day, row.usage_type, Column.MARK),
                    badge(_("Overage peak"), "danger"),
                )
            )
        billed = self.billed.get(row.usage_type)
        if billed is not None and billed.day == row.day:
            parts.append(
                format_html(
                    '<a class="why" href="{}">{}</a>',
                    self.proofs.of_billed(row.usage_type),
                    badge(_("%(count)s billed") % {"count": billed.quantity}, "accent"),
                )
            )
        if parts and row.peak_at is not None:
            parts.append(format_html('<span class="muted small">{}</span>', time_of(row.peak_at)))
        return format_html_join(" ", "{}", ((part,) for part in parts))


class DigitalTable(django_tables2.Table):
    """Units of digital channels by SKU: the raw count, what is included, and what is billable (R12)."""

    sku = _column(gettext_lazy("SKU"), "units__sku", attrs={"cell": {"class": "nowrap"}})
    description = _column(gettext_lazy("Description"), "description")
    raw = _units(gettext_lazy("Raw"), "units__raw")
    included = _units(gettext_lazy("Included"), "units__included")
    billable = _units(gettext_lazy("Billable"), "units__billable", "is-over")

    class Meta:
        attrs = {"aria-label": gettext_lazy("Units by SKU"), "row_header": "sku"}
        empty_text = gettext_lazy("Nothing was used or included in this cycle.")
