"""Conflicts as a table and as a file, and the two sides of one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import django_tables2
from django.urls import reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.columns import badge, column
from apps.core.formatting import EN_DASH, moment, number
from apps.core.spreadsheets import FILE_LANGUAGE, harmless
from apps.usage.domain.records import DESCRIBED, Content, Kind
from apps.usage.filters import kind_in_words
from apps.usage.models import Channel, Conflict, Decision

ROWS_A_PAGE = 50
_TONES = {Decision.ARRIVING: "accent", Decision.STORED: "ok", Decision.REPLACED: ""}


class ConflictTable(django_tables2.Table):
    """Conflicts with their customer and delivery; those that wait come first."""

    record = column(gettext_lazy("Record"))
    customer = column(gettext_lazy("Customer"))
    kind = column(gettext_lazy("Kind"))
    starts = column(gettext_lazy("Content"), attrs={"cell": {"class": "nowrap"}})
    came = column(gettext_lazy("Came with"))
    state = column(gettext_lazy("State"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Conflicts"), "row_header": "record", "class": "is-sticky"}
        empty_text = gettext_lazy("No conflict here.")

    def render_record(self, record: Conflict) -> SafeString:
        return format_html(
            '<a class="row-link break" href="{}">{}</a>',
            reverse("invoicing:conflict", args=[record.pk]),
            record.record_id,
        )

    def render_customer(self, record: Conflict) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', record.customer.name, record.customer.ref)

    def render_kind(self, record: Conflict) -> str:
        return kind_in_words(record.kind)

    def render_starts(self, record: Conflict) -> SafeString:
        until = (
            _("%(quantity)s units") % {"quantity": number(record.quantity)}
            if record.quantity is not None
            else _("to %(moment)s") % {"moment": moment(record.ended_at)}
            if record.ended_at
            else _("still going on")
        )
        return format_html('{}<span class="sub">{}</span>', moment(record.started_at), until)

    def render_came(self, record: Conflict) -> str | SafeString:
        if record.delivery_id is None:
            return _("Stored before the decision")
        return format_html(
            '<span class="break">{}</span><span class="sub">{}</span>',
            file_of(record),
            _("Line %(line)s") % {"line": number(record.line_number or 0)},
        )

    def render_state(self, record: Conflict) -> SafeString:
        state = badge(*conflict_state(record))
        if record.decided_at is None:
            return state
        return format_html('{}<span class="sub">{}</span>', state, record.decided_by)


def file_of(conflict: Conflict) -> str:
    """The file that a conflict came with. The names of the provider's own files are not for partners."""
    if conflict.delivery is None:
        return _("A file of the provider")
    return conflict.delivery.file_name or str(Channel(conflict.delivery.channel).label)


def conflict_state(conflict: Conflict) -> tuple[str, str]:
    """How a conflict stands, in a word and a tone."""
    decision = conflict.decision
    return (_("To be decided"), "warning") if decision is None else (str(decision.label), _TONES[decision])


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that both sides say, in words."""

    name: str
    stored: str
    arriving: str

    @property
    def differs(self) -> bool:
        """The sides do not agree."""
        return self.stored != self.arriving


def compare(stored: Content, arriving: Content, *, kind: int) -> list[Compared]:
    """Both sides, line by line."""
    one, other = _said(stored, kind), _said(arriving, kind)
    return [Compared(name, one[name], other[name]) for name in one]


def _said(content: Content, kind: int) -> Mapping[str, str]:
    if kind == Kind.DIGITAL_USAGE:
        return {
            _("SKU"): content.actor,
            _("Quantity"): number(content.quantity or 0),
            _("Used at"): _exact(content.started_at.isoformat()),
        }
    said = {_("Contact") if kind in (Kind.IVR_LEG, Kind.VOICE_CALL) else _("Agent"): content.actor}
    if content.premium is not None:
        said[_("Licence")] = "Premium" if content.premium else "Standard"
    return said | {
        _("Started"): _exact(content.started_at.isoformat()),
        _("Ended"): _exact(content.ended_at.isoformat()) if content.ended_at else _("Still going on"),
    }


def _exact(text: str) -> str:
    """A moment to the last digit: conflicts can be about seconds."""
    return text.replace("T", " ").replace("+00:00", " UTC") or EN_DASH


_CSV_HEADING = (
    "Customer",
    "Kind",
    "Record",
    "Agent, contact or SKU",
    "Licence",
    "Started",
    "Ended",
    "Quantity",
    "File",
    "Line",
    "Decided",
    "Decided by",
    "Decision",
    "Reason",
)


@translation.override(FILE_LANGUAGE)
def conflicts_csv(conflicts: Iterable[Conflict]) -> str:
    """A row for each conflict: what arrived, with what, and what was decided."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEADING)
    licences = {None: "", True: "premium", False: "standard"}
    for each in conflicts:
        writer.writerow(
            [
                harmless(each.customer.ref),
                DESCRIBED[each.kind].name,
                harmless(each.record_id),
                harmless(each.actor),
                licences[each.premium],
                each.started_at.isoformat(),
                each.ended_at.isoformat() if each.ended_at else "",
                "" if each.quantity is None else each.quantity,
                harmless(each.delivery.file_name) if each.delivery else "",
                each.line_number or "",
                each.decided_at.isoformat() if each.decided_at else "",
                harmless(each.decided_by),
                each.decision or "",
                harmless(each.reason),
            ]
        )
    return out.getvalue()
