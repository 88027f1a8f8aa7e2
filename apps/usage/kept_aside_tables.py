"""Rows kept aside and their groups as tables and as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import django_tables2
from django.urls import reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.columns import badge, column, figure
from apps.core.formatting import moment, number
from apps.core.spreadsheets import FILE_LANGUAGE, harmless
from apps.usage.filters import kind_in_words
from apps.usage.kept_aside import Group, GroupKey
from apps.usage.models import Channel, RowKeptAside
from apps.usage.reasons import told

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

ROWS_A_PAGE = 50
SHORT_TEXT = 160
SHORT_VALUE = 80


def group_url(key: GroupKey) -> str:
    """The page on which a group is mended."""
    parameters = {
        "sender": "" if key.partner is None else key.partner,
        "source": key.source,
        "kind": key.described.name,
        "reason": key.reason,
        "value": key.value,
    }
    return f"{reverse('usage:kept_aside_group')}?{urlencode(parameters)}"


class GroupTable(django_tables2.Table):
    """Groups of open rows; each leads to where all of it is mended."""

    reason = column(gettext_lazy("Reason"))
    rows_open = figure(gettext_lazy("Rows"))
    source = column(gettext_lazy("Source"))
    file = column(gettext_lazy("File"))
    sender = column(gettext_lazy("Sent by"))
    newest = column(gettext_lazy("Newest"), attrs={"cell": {"class": "nowrap"}})

    class Meta:
        attrs = {"aria-label": gettext_lazy("What is to be mended"), "row_header": "reason"}
        empty_text = gettext_lazy("Nothing waits to be mended.")

    def __init__(self, groups: Iterable[Group], *, with_sender: bool, **options: Any) -> None:
        super().__init__(groups, exclude=() if with_sender else ("sender",), **options)

    def render_reason(self, record: Group) -> SafeString:
        said = told(record.key.reason)
        if record.key.value:
            said = _("%(reason)s “%(value)s”") % {"reason": said, "value": record.key.value[:SHORT_VALUE]}
        return format_html(
            '<a class="row-link break" href="{}">{}</a>', group_url(record.key), capfirst(said)
        )

    def render_rows_open(self, record: Group) -> int:
        return record.rows

    def render_source(self, record: Group) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', record.key.source, kind_in_words(record.key.kind))

    def render_file(self, record: Group) -> SafeString:
        return format_html('<span class="break">{}</span>', record.file_name or _("Several files"))

    def render_sender(self, record: Group) -> str:
        return record.sender or _("The provider")

    def render_newest(self, record: Group) -> str:
        return moment(record.newest)


class KeptAsideTable(django_tables2.Table):
    """Rows kept aside, with their delivery; long texts are folded."""

    row = column(gettext_lazy("Row"))
    reason = column(gettext_lazy("Reason"))
    text = column(gettext_lazy("Text"))
    arrived = column(gettext_lazy("Arrived"), attrs={"cell": {"class": "nowrap"}})
    state = column(gettext_lazy("State"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Rows kept aside"), "row_header": "row", "class": "is-sticky"}
        empty_text = gettext_lazy("No row was kept aside.")

    def render_row(self, record: RowKeptAside) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub break">{}</span>',
            reverse("usage:kept_aside_row", args=[record.pk]),
            _("Line %(line)s") % {"line": number(record.line_number)},
            record.delivery.file_name or Channel(record.delivery.channel).label,
        )

    def render_reason(self, record: RowKeptAside) -> str:
        return capfirst(told(record.reason))

    def render_text(self, record: RowKeptAside) -> SafeString:
        if len(record.text) <= SHORT_TEXT:
            return format_html('<code class="raw-line">{}</code>', record.text)
        return format_html(
            '<details><summary><code class="raw-line">{}…</code></summary><code class="raw-line">{}</code></details>',
            record.text[:SHORT_TEXT],
            record.text[SHORT_TEXT:],
        )

    def render_arrived(self, record: RowKeptAside) -> SafeString:
        return format_html(
            '{}<span class="sub">{}</span>', moment(record.delivery.arrived_at), record.delivery.source_name
        )

    def render_state(self, record: RowKeptAside) -> SafeString:
        state = badge(*row_state(record))
        if record.settled_at is None:
            return state
        return format_html('{}<span class="sub">{}</span>', state, record.settled_by)


def row_state(row: RowKeptAside) -> tuple[str, str]:
    """How a row stands, in a word and a tone."""
    if row.settled_at is None:
        return _("To be mended"), "warning"
    words = {
        "accepted": (_("Mended: accepted"), "ok"),
        "duplicate": (_("Mended: duplicate"), "ok"),
        "conflict": (_("Mended: conflict"), "accent"),
        "rejected": (_("Kept aside anew"), "warning"),
        "": (_("Set aside for good"), "info"),
    }
    return words[row.outcome]


@translation.override(FILE_LANGUAGE)
def write_csv(rows: Iterable[RowKeptAside], out: SupportsWrite[str]) -> None:
    """A row for each; the cells as JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("File", "Source", "Kind", "Line", "Reason", "Text", "Cells", "Settled", "Settled by", "Outcome")
    )
    for row in rows:
        delivery = row.delivery
        writer.writerow(
            (
                harmless(delivery.file_name),
                harmless(delivery.source_name),
                delivery.described.name,
                row.line_number,
                harmless(row.reason),
                harmless(row.text),
                "" if row.cells is None else harmless(json.dumps(row.cells, ensure_ascii=False)),
                row.settled_at.isoformat() if row.settled_at else "",
                harmless(row.settled_by),
                row.outcome,
            )
        )
