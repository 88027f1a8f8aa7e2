"""Usage that nobody is billed for, and records without an end, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.columns import column, figure
from apps.core.formatting import day, duration, number
from apps.reconciliation.unentitled import UnentitledDay, UnentitledUse
from apps.usage.domain.records import Kind
from apps.usage.filters import kind_in_words
from apps.usage.models import Interval

DAYS_IN_A_NOTICE = 31


def _customer_link(ref: str, name: str) -> SafeString:
    return format_html(
        '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
        reverse("reconciliation:daily-detail", args=[ref]),
        name,
        ref,
    )


class UnentitledTable(django_tables2.Table):
    """What customers used without a subscription, a line for each and kind."""

    customer = column(gettext_lazy("Customer"))
    partner = column(gettext_lazy("Partner"), accessor="partner_name")
    kind = column(gettext_lazy("Kind"))
    first = column(gettext_lazy("First day"), attrs={"cell": {"class": "nowrap"}})
    last = column(gettext_lazy("Last day"), attrs={"cell": {"class": "nowrap"}})
    days = figure(gettext_lazy("Days"))
    records = figure(gettext_lazy("Number of records"))

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Unentitled usage"),
            "row_header": "customer",
            "class": "is-sticky",
        }
        empty_text = gettext_lazy("All usage lies on days with a subscription.")

    def render_customer(self, record: UnentitledUse) -> SafeString:
        return _customer_link(record.customer_ref, record.customer_name)

    def render_kind(self, value: Kind) -> str:
        return kind_in_words(value)


class OpenTooLongTable(django_tables2.Table):
    """Records without an end that are older than their offer lets one last."""

    customer = column(gettext_lazy("Customer"))
    kind = column(gettext_lazy("Kind"))
    record = column(gettext_lazy("Record"), accessor="record_id")
    actor = column(gettext_lazy("Agent or contact"))
    started_at = column(gettext_lazy("Started"), attrs={"cell": {"class": "nowrap"}})
    longest = figure(gettext_lazy("Counts as lasting"))

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Records without an end"),
            "row_header": "customer",
            "class": "is-sticky",
        }
        empty_text = gettext_lazy("No record has been open for too long.")

    def render_customer(self, record: Any) -> SafeString:
        return _customer_link(record.ref, record.name)

    def render_kind(self, record: Interval) -> str:
        return kind_in_words(record.kind)

    def render_longest(self, value: int) -> str:
        return duration(timedelta(hours=value).total_seconds())


class UnentitledDayTable(django_tables2.Table):
    """Days of one customer."""

    day = column(gettext_lazy("Day"), attrs={"cell": {"class": "nowrap"}})
    kind = column(gettext_lazy("Kind"))
    records = figure(gettext_lazy("Number of records"))

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Days without a subscription"),
            "row_header": "day",
            "class": "is-dense",
        }

    def render_kind(self, value: Kind) -> str:
        return kind_in_words(value)


@dataclass(frozen=True)
class Notice:
    """What a customer's page says of its unentitled usage; its table has the newest days."""

    text: str
    more: str
    table: UnentitledDayTable


def notice_of(found: Sequence[UnentitledDay]) -> Notice | None:
    """None where there is nothing to say. ``found``: in order of days."""
    if not found:
        return None
    days = {each.day for each in found}
    said = ngettext(
        "Usage of %(count)s day lies outside of any subscription: %(first)s.",
        "Usage of %(count)s days lies outside of any subscription, from %(first)s to %(last)s.",
        len(days),
    ) % {"count": number(len(days)), "first": day(found[0].day), "last": day(found[-1].day)}
    newest = sorted(days)[-DAYS_IN_A_NOTICE:]
    shown = [each for each in reversed(found) if each.day >= newest[0]]
    more = ""
    if left := len(days) - len(newest):
        more = ngettext(
            "%(count)s earlier day is not listed.", "%(count)s earlier days are not listed.", left
        )
        more %= {"count": number(left)}
    return Notice(
        text=said + " " + _("It is kept, lies in no billing cycle, and nobody is billed for it."),
        more=more,
        table=UnentitledDayTable(shown),
    )
