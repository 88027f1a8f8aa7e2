"""Offers and their settings as a table."""

from __future__ import annotations

from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalogue.models import Offer
from apps.core.formatting import duration

SECONDS_AN_HOUR = 3600


def setting_in_words(name: str, value: Any) -> str:
    """What an offer's setting says, in a few words."""
    if name == "longest_open_hours":
        return duration(int(value) * SECONDS_AN_HOUR)
    return {
        ("billed_peak", "per_type"): _("Each type's own largest day"),
        ("billed_peak", "combined_day"): _("The marked day"),
        ("ivr_peak", "minute"): _("By clock minute"),
        ("ivr_peak", "instant"): _("By moment"),
    }[name, value]


def _column(name: Any, **attributes: Any) -> django_tables2.Column:
    return django_tables2.Column(verbose_name=name, orderable=False, **attributes)


class OfferTable(django_tables2.Table):
    """Offers of the contact centre, with how their customers are counted."""

    offer = _column(gettext_lazy("Offer"), accessor="code")
    billed_peak = _column(gettext_lazy("Billed by"), attrs={"cell": {"class": "nowrap"}})
    ivr_peak = _column(gettext_lazy("IVR ports"), attrs={"cell": {"class": "nowrap"}})
    longest_open_hours = _column(
        gettext_lazy("A record without an end lasts"), attrs={"cell": {"class": "num"}}
    )
    customers = _column(gettext_lazy("Customers"), attrs={"cell": {"class": "num"}})

    class Meta:
        attrs = {"aria-label": gettext_lazy("Offers"), "row_header": "offer", "class": "is-sticky"}
        empty_text = gettext_lazy("There is no offer of a contact centre.")

    def render_offer(self, record: Offer) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("subscriptions:offer", args=[record.code]),
            record.code,
            record.name,
        )

    def render_billed_peak(self, value: str) -> str:
        return setting_in_words("billed_peak", value)

    def render_ivr_peak(self, value: str) -> str:
        return setting_in_words("ivr_peak", value)

    def render_longest_open_hours(self, value: int) -> str:
        return setting_in_words("longest_open_hours", value)
