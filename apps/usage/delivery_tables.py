"""Deliveries, and the reasons for which one kept rows aside, as tables."""

from __future__ import annotations

from typing import Any

import django_tables2
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.columns import badge, column, figure
from apps.core.commands import BY_COMMAND_LINE
from apps.core.formatting import moment, number
from apps.usage.filters import kind_in_words
from apps.usage.models import Channel, Delivery, DeliveryState
from apps.usage.reasons import told

_TONES = {
    DeliveryState.WAITING: "",
    DeliveryState.READING: "accent",
    DeliveryState.DONE: "ok",
    DeliveryState.FAILED: "danger",
}


def delivery_state(delivery: Delivery) -> tuple[str, str]:
    """How far a delivery is, in a word and a tone."""
    state = DeliveryState(delivery.state)
    return str(state.label), _TONES[state]


def sent_by(delivery: Delivery) -> str:
    """Who sent it; empty where the way says all."""
    return "" if delivery.sent_by == BY_COMMAND_LINE else delivery.sent_by


def kept_aside_address(delivery: Delivery, reason: str = "") -> str:
    """The page of the rows that a delivery kept aside, for one reason or all."""
    named = {"delivery": str(delivery.pk)}
    if reason:
        named["reason"] = reason
    return f"{reverse('usage:kept_aside')}?{urlencode(named)}"


def conflicts_address(delivery: Delivery) -> str:
    """The page of the conflicts that a delivery came with."""
    return f"{reverse('invoicing:conflicts')}?{urlencode({'delivery': str(delivery.pk)})}"


class DeliveryTable(django_tables2.Table):
    """Deliveries, newest first."""

    file = column(gettext_lazy("File"))
    state = column(gettext_lazy("State"))
    holds = column(gettext_lazy("Holds"))
    came = column(gettext_lazy("Came"))
    accepted = figure(gettext_lazy("Accepted"))
    duplicate = figure(gettext_lazy("Duplicate"))
    conflict = figure(gettext_lazy("Conflict"))
    rejected = figure(gettext_lazy("Rejected"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Deliveries"), "row_header": "file", "class": "is-sticky"}
        empty_text = gettext_lazy("No delivery fits these filters.")

    def render_file(self, record: Delivery) -> SafeString:
        return format_html(
            '<a class="row-link file-name" href="{}">{}</a><span class="sub">{}</span>',
            reverse("usage:delivery", args=[record.pk]),
            record.file_name or _("Delivery %(number)s") % {"number": record.pk},
            filesizeformat(record.size) if record.size else "",
        )

    def render_state(self, record: Delivery) -> SafeString:
        return badge(*delivery_state(record))

    def render_holds(self, record: Delivery) -> SafeString:
        about = [record.source_name, record.customer_ref]
        return format_html(
            '{}<span class="sub">{}</span>',
            kind_in_words(record.kind),
            " · ".join(filter(None, about)),
        )

    def render_came(self, record: Delivery) -> SafeString:
        way = [str(Channel(record.channel).label), sent_by(record)]
        return format_html(
            '<span class="nowrap">{}</span><span class="sub">{}</span>',
            moment(record.arrived_at),
            " · ".join(filter(None, way)),
        )

    def render_accepted(self, record: Delivery) -> str:
        return number(record.accepted)

    def render_duplicate(self, record: Delivery) -> str:
        return number(record.duplicate)

    def render_conflict(self, record: Delivery) -> str | SafeString:
        if not record.conflict:
            return "0"
        return format_html(
            '<a class="why is-over" href="{}">{}</a>', conflicts_address(record), number(record.conflict)
        )

    def render_rejected(self, record: Delivery) -> str | SafeString:
        if not record.rejected:
            return "0"
        return format_html(
            '<a class="why is-over" href="{}">{}</a>', kept_aside_address(record), number(record.rejected)
        )


class ReasonTable(django_tables2.Table):
    """Why rows of a delivery were kept aside (``progress.count_reasons``)."""

    reason = column(gettext_lazy("Reason"))
    rows_aside = figure(gettext_lazy("Rows"))
    to_mend = figure(gettext_lazy("To be mended"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Rows kept aside"), "row_header": "reason"}
        empty_text = gettext_lazy("No row was kept aside.")

    def __init__(self, reasons: list[tuple[str, int, int]], *, delivery: Delivery, **options: Any) -> None:
        super().__init__(
            [{"reason": reason, "rows": rows, "to_mend": to_mend} for reason, rows, to_mend in reasons],
            **options,
        )
        self.delivery = delivery

    def render_reason(self, record: dict[str, Any]) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a>',
            kept_aside_address(self.delivery, record["reason"]),
            capfirst(told(record["reason"])),
        )

    def render_rows_aside(self, record: dict[str, Any]) -> str:
        return number(record["rows"])

    def render_to_mend(self, record: dict[str, Any]) -> str:
        return number(record["to_mend"])
