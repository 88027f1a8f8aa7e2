"""Papers with a vendor's own figures, and one of them beside ours, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalogue.domain.kinds import UsageType
from apps.core.columns import badge, column
from apps.core.domain.periods import Period
from apps.core.formatting import EN_DASH, amount, day, moment, number, period
from apps.invoicing.control_words import causes_of, column_name, reasons, verdict
from apps.invoicing.domain.control import LineColumn
from apps.reconciliation.control_causes import joined, short_reason
from apps.reconciliation.control_words import type_name
from apps.reconciliation.domain import proof
from apps.reconciliation.domain.control_rows import Column
from apps.reconciliation.domain.control_world import TOGETHER
from apps.reconciliation.models import ControlPaper
from apps.reconciliation.proof_addresses import ProofAddresses

PAPERS_A_PAGE = 25
Plain = Mapping[str, Any]


class ControlPaperTable(django_tables2.Table):
    """Papers of one customer, newest first."""

    name = column(gettext_lazy("Paper"))
    cycle = column(gettext_lazy("Billing cycle"), attrs={"cell": {"class": "nowrap"}})
    verdict = column(gettext_lazy("Verdict"), attrs={"td": {"class": "control-why"}})
    compared = column(gettext_lazy("Compared"), attrs={"cell": {"class": "nowrap"}})

    class Meta:
        attrs = {"aria-label": gettext_lazy("Control totals"), "row_header": "name", "class": "is-sticky"}
        empty_text = gettext_lazy("No paper was compared yet.")

    def render_name(self, record: ControlPaper) -> SafeString:
        return format_html(
            '<a class="row-link break" href="{}">{}</a><span class="sub">{}</span>',
            reverse("invoicing:control-paper", args=[record.customer.ref, record.pk]),
            record.name,
            ControlPaper.Kind(record.kind).label,
        )

    def render_cycle(self, record: ControlPaper) -> str:
        return period(Period(record.first_day, record.last_day))

    def render_verdict(self, record: ControlPaper) -> SafeString:
        if not record.result or record.state != ControlPaper.State.COMPARED:
            tone = "danger" if record.state == ControlPaper.State.FAILED else "info"
            label = ControlPaper.State(record.state).label
            failure = _(record.failure) if record.failure else ""
            return format_html("{} {}", badge(label, tone), failure)
        said, tone = verdict(record.kind, record.result)
        causes = causes_of(record.kind, record.result)
        word = {"ok": _("Agrees"), "warning": _("Explained"), "danger": _("Open")}[tone]
        return format_html(
            "{} {}{}",
            badge(word, tone),
            said,
            format_html('<span class="sub">{}</span>', ", ".join(causes[:3])) if causes else "",
        )

    def render_compared(self, record: ControlPaper) -> SafeString | str:
        if record.compared_at is None:
            return EN_DASH
        return format_html('{}<span class="sub">{}</span>', moment(record.compared_at), record.compared_by)


def _pair(theirs: str, ours: SafeString | str) -> SafeString:
    """Both sides of a figure that differs, theirs first."""
    return format_html(
        '<span class="theirs"><span class="visually-hidden">{}</span> {}</span>'
        ' <span class="ours"><span class="visually-hidden">{}</span> {}</span>',
        _("theirs"),
        theirs,
        _("ours"),
        ours,
    )


def _cell_class(column: str) -> Any:
    """A figure's cell is marked where the two differ."""

    def found(record: Plain) -> str:
        differs = record["differs"].get(column)
        if differs is None:
            return "num"
        return "num differs" if differs else "num differs is-open"

    return found


class _FigureColumn(django_tables2.Column):
    """A figure of both sides; ours leads to its proof."""

    def __init__(self, name: Any, column: Column, figure: proof.Column) -> None:
        super().__init__(
            verbose_name=name,
            empty_values=(),
            orderable=False,
            attrs={"th": {"class": "num"}, "td": {"class": _cell_class(column.value)}},
        )
        self.column, self.figure = column, figure

    def render(self, record: Plain, table: ControlRowTable) -> SafeString | str:
        name = self.column.value
        ours: SafeString | str = number(record["ours"][name])
        if record["type"] != TOGETHER:
            address = table.proofs.of_cell(
                date.fromisoformat(record["day"]), UsageType(record["type"]), self.figure
            )
            ours = format_html('<a class="why" href="{}">{}</a>', address, ours)
        if name not in record["differs"]:
            is_said = record["theirs"] is not None and name in record["theirs"]
            return ours if is_said else format_html('<span class="muted">{}</span>', ours)
        theirs = EN_DASH if record["theirs"] is None else number(record["theirs"][name])
        return _pair(theirs, ours)


class ControlRowTable(django_tables2.Table):
    """Rows of a paper beside ours: one number where both agree, theirs and ours where they do not."""

    day = column(gettext_lazy("Usage Date"), attrs={"cell": {"class": "nowrap"}})
    usage_type = column(gettext_lazy("Usage Type"), attrs={"cell": {"class": "nowrap"}})
    used = _FigureColumn(gettext_lazy("Units Used"), Column.USED, proof.Column.USED)
    committed = _FigureColumn(gettext_lazy("Units Commitment"), Column.COMMITTED, proof.Column.COMMITTED)
    substituted = _FigureColumn(
        gettext_lazy("Units Substituted"), Column.SUBSTITUTED, proof.Column.SUBSTITUTED
    )
    overage = _FigureColumn(gettext_lazy("Units Overage"), Column.OVERAGE, proof.Column.OVERAGE)
    why = column(gettext_lazy("Explanation"), attrs={"td": {"class": "control-why"}})

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Their figures beside ours"),
            "row_header": "day",
            "class": "is-dense is-sticky is-control",
        }
        empty_text = gettext_lazy("Nothing differs.")

    def __init__(
        self, rows: Sequence[Plain], *, explanations: Sequence[Plain], proofs: ProofAddresses, **options: Any
    ) -> None:
        is_of_peaks = any(row["type"] == TOGETHER for row in rows)
        beside = ("usage_type", "committed", "substituted", "overage") if is_of_peaks else ()
        super().__init__(rows, exclude=beside, **options)
        self.explanations, self.proofs = explanations, proofs

    def render_day(self, record: Plain) -> str:
        return day(date.fromisoformat(record["day"]))

    def render_usage_type(self, record: Plain) -> str:
        return type_name(record["type"])

    def render_why(self, record: Plain) -> SafeString | str:
        """Each thing that differs once; the mark has no column of its own."""
        said: dict[str, str] = {}
        for each in Column:
            found = record["differs"].get(each)
            if found is None:
                continue
            text = (
                joined(short_reason(self.explanations[number]) for number in found)
                if found
                else _("not explained")
            )
            if each == Column.MARK:
                text = _("overage peak: %(reason)s") % {"reason": text}
            said.setdefault(text, "" if found else "is-open")
        if not said:
            return format_html('<span class="muted small">{}</span>', _("agrees"))
        return format_html_join(
            ", ", '<span class="{}">{}</span>', ((tone, text) for text, tone in said.items())
        )


def _line_column(name: Any, column: str) -> django_tables2.Column:
    is_number = column in ("quantity", "unit_price", "discount_pct", "amount")
    heading, marked = "num" if is_number else "nowrap", _cell_class(column)

    def cell_class(record: Plain) -> str:
        return str(marked(record)).replace("num", heading)

    return django_tables2.Column(
        verbose_name=name,
        empty_values=(),
        orderable=False,
        attrs={"th": {"class": heading}, "td": {"class": cell_class}},
    )


class ControlLineTable(django_tables2.Table):
    """Lines of their invoice beside ours."""

    sku = _line_column(gettext_lazy("SKU"), "sku")
    subscription = _line_column(gettext_lazy("Subscription"), "subscription")
    period = _line_column(gettext_lazy("Billing period"), "period")
    quantity = _line_column(gettext_lazy("Quantity"), "quantity")
    unit_price = _line_column(gettext_lazy("Unit price"), "unit_price")
    discount_pct = _line_column(gettext_lazy("Discount %"), "discount_pct")
    total = _line_column(gettext_lazy("Amount"), "amount")
    why = column(gettext_lazy("Explanation"), attrs={"td": {"class": "control-why"}})

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Their lines beside ours"),
            "row_header": "sku",
            "class": "is-dense is-control",
        }
        empty_text = gettext_lazy("Nothing differs.")

    def __init__(
        self, rows: Sequence[Plain], *, currency: str, proofs: ProofAddresses, **options: Any
    ) -> None:
        super().__init__(rows, **options)
        self.currency, self.proofs = currency, proofs

    def _shown(self, record: Plain, column: str) -> SafeString | str:
        ours, theirs = record["ours"], record["theirs"]
        side = ours or theirs
        if column not in record["differs"]:
            return self._text(side, column)
        shown: SafeString | str = self._text(ours, column)
        if column == "quantity" and record["usage_type"]:
            address = self.proofs.of_billed(UsageType(record["usage_type"]))
            shown = format_html('<a class="why" href="{}">{}</a>', address, shown)
        return _pair(self._text(theirs, column), shown)

    def _text(self, side: Plain, column: str) -> str:
        value = side[column]
        if value is None or value == "":
            return EN_DASH
        if column == "period":
            return period(Period(*map(date.fromisoformat, value)))
        if column in ("unit_price", "amount"):
            return amount(Decimal(value), self.currency)
        return number(value) if column == "quantity" else str(value)

    def render_sku(self, record: Plain) -> SafeString | str:
        return self._shown(record, "sku")

    def render_subscription(self, record: Plain) -> SafeString | str:
        return self._shown(record, "subscription")

    def render_period(self, record: Plain) -> SafeString | str:
        return self._shown(record, "period")

    def render_quantity(self, record: Plain) -> SafeString | str:
        return self._shown(record, "quantity")

    def render_unit_price(self, record: Plain) -> SafeString | str:
        return self._shown(record, "unit_price")

    def render_discount_pct(self, record: Plain) -> SafeString | str:
        return self._shown(record, "discount_pct")

    def render_total(self, record: Plain) -> SafeString | str:
        return self._shown(record, "amount")

    def render_why(self, record: Plain) -> SafeString | str:
        if not record["differs"]:
            return format_html('<span class="muted small">{}</span>', _("agrees"))
        return format_html_join(
            SafeString("<br>"),
            '<span class="{}">{}: {}</span>',
            (
                ("", column_name(column), reasons(record["differs"][column]))
                if record["differs"][column]
                else ("is-open", column_name(column), _("not explained"))
                for column in LineColumn
                if column in record["differs"]
            ),
        )
