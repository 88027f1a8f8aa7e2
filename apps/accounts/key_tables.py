"""API keys as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.keys import MARK
from apps.accounts.models import ApiKey, KeyScope
from apps.core.columns import badge, column
from apps.core.formatting import day, moment

_MOMENT = timedelta(microseconds=1)


def key_state(key: ApiKey, *, now: datetime) -> tuple[str, str]:
    """How a key stands, in a word and a tone."""
    if key.revoked_at is not None:
        return _("Revoked"), "danger"
    return (_("Expired"), "warning") if key.is_expired_at(now) else (_("Works"), "ok")


def public_name(key: ApiKey) -> str:
    """What may be seen of a key."""
    return f"{MARK}_{key.prefix}_…"


def scopes_in_words(key: ApiKey) -> str:
    """What a key is for."""
    return ", ".join(str(KeyScope(each).label) for each in key.scopes)


class KeyTable(django_tables2.Table):
    """Keys, newest first; for the provider with the organisation that each acts for."""

    name = column(gettext_lazy("Name"))
    partner = column(gettext_lazy("Acts for"))
    state = column(gettext_lazy("State"))
    scopes = column(gettext_lazy("May"))
    created = column(gettext_lazy("Made"), attrs={"cell": {"class": "nowrap"}})
    last_used = column(gettext_lazy("Last used"), attrs={"cell": {"class": "nowrap"}})
    expires = column(gettext_lazy("Last day"), attrs={"cell": {"class": "nowrap"}})

    class Meta:
        attrs = {"aria-label": gettext_lazy("API keys"), "row_header": "name", "class": "is-sticky"}
        empty_text = gettext_lazy("There is no API key yet.")

    def __init__(self, keys: Any, *, now: datetime, by_partner: bool, **options: Any) -> None:
        super().__init__(keys, exclude=() if by_partner else ("partner",), **options)
        self.now = now

    def render_name(self, record: ApiKey) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub mono">{}</span>',
            reverse("keys:key", args=[record.prefix]),
            record.name,
            public_name(record),
        )

    def render_partner(self, record: ApiKey) -> str:
        return record.partner.name if record.partner else _("Provider")

    def render_state(self, record: ApiKey) -> SafeString:
        return badge(*key_state(record, now=self.now))

    def render_scopes(self, record: ApiKey) -> str:
        return scopes_in_words(record)

    def render_created(self, record: ApiKey) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', moment(record.created_at), record.created_by)

    def render_last_used(self, record: ApiKey) -> str:
        return moment(record.last_used_at) if record.last_used_at else _("Never")

    def render_expires(self, record: ApiKey) -> str:
        return last_day(record)


def last_day(key: ApiKey) -> str:
    """The last day on which a key works."""
    return day((key.expires_at.astimezone(UTC) - _MOMENT).date()) if key.expires_at else _("None")
