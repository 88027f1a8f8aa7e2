"""Formats of other people's files, and rows read by one, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.columns import badge, column
from apps.core.formatting import moment
from apps.usage.domain.formats import Format
from apps.usage.models import FormatDescription
from apps.usage.reasons import kind_of_file
from apps.usage.trying import Trial


@dataclass(frozen=True, slots=True)
class ListedFormat:
    """A format in the list; ``format`` is None where the description can no longer be used."""

    name: str
    format: Format | None
    changed_by: str = ""
    changed_at: datetime | None = None


class FormatTable(django_tables2.Table):
    """Formats: the shipped ones and an organisation's own."""

    name = column(gettext_lazy("Format"))
    kind = column(gettext_lazy("Holds"), attrs={"cell": {"class": "nowrap"}})
    recognised = column(gettext_lazy("Recognised by the columns"))
    origin = column(gettext_lazy("Described by"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Formats"), "row_header": "name", "class": "is-sticky"}
        empty_text = gettext_lazy("There is no format.")

    def render_name(self, record: ListedFormat) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("usage:format", args=[record.name]),
            record.format.title if record.format else record.name,
            record.name,
        )

    def render_kind(self, record: ListedFormat) -> str | SafeString:
        if record.format is None:
            return badge(_("Not usable"), "danger")
        return kind_of_file(record.format.kind)

    def render_recognised(self, record: ListedFormat) -> str:
        return ", ".join(record.format.recognise) if record.format else ""

    def render_origin(self, record: ListedFormat) -> str | SafeString:
        if record.changed_at is None:
            return badge(_("Shipped"))
        return format_html('{}<span class="sub">{}</span>', record.changed_by, moment(record.changed_at))


def list_as_shown(formats: Iterable[Format], descriptions: Iterable[FormatDescription]) -> list[ListedFormat]:
    """The organisation's own descriptions first, those that can no longer be used too."""
    own = {format_.name: format_ for format_ in formats if not format_.is_built_in}
    return [
        *(
            ListedFormat(each.name, own.get(each.name), each.changed_by, each.changed_at)
            for each in descriptions
        ),
        *(ListedFormat(each.name, each) for each in formats if each.is_built_in),
    ]


def trial_table(trial: Trial) -> django_tables2.Table:
    """The rows of a trial, in the portal's columns."""
    columns = [
        ("line", django_tables2.Column(_("Line"), orderable=False, attrs={"cell": {"class": "num shrink"}})),
        *(
            (f"column{place}", django_tables2.Column(name, orderable=False))
            for place, name in enumerate(trial.columns)
        ),
        ("reason", django_tables2.Column(_("Kept aside because"), orderable=False)),
    ]
    rows = [
        {
            "line": row.line_number,
            **{f"column{place}": cell for place, cell in enumerate(row.cells)},
            "reason": row.reason,
        }
        for row in trial.rows
    ]
    return django_tables2.Table(
        rows,
        extra_columns=columns,
        attrs={"aria-label": _("Rows as they would be read"), "row_header": "line"},
        empty_text=_("No row is left."),
    )
