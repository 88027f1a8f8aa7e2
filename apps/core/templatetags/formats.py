"""Numbers, money and days in templates: ``{% load formats %}``."""

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core import formatting
from apps.core.domain.periods import Period

register = template.Library()


@register.filter
def number(value: int | Decimal, decimals: int | None = None) -> str:
    """``{{ minutes|number }}``: grouped thousands, true minus; ``{{ rate|number:2 }}`` with two decimals."""
    return formatting.number(value, decimals=decimals)


@register.filter
def figure(value: int | Decimal | None) -> str | SafeString:
    """A number in a table: a zero steps back, nothing is a dash."""
    if value is None:
        return format_html('<span class="zero">{}</span>', formatting.EN_DASH)
    shown = formatting.number(value)
    return shown if value else format_html('<span class="zero">{}</span>', shown)


@register.filter
def signed(value: int | Decimal) -> str:
    """``{{ above|signed }}``: ``+3``, ``−3``, ``0``."""
    return formatting.signed(value)


@register.simple_tag
def money(value: Decimal, currency: str) -> SafeString:
    """``{% money total "USD" %}``: the amount and, quieter, the currency."""
    return formatting.money_html(value, currency)


@register.filter
def amount(value: Decimal, currency: str) -> str:
    """``{{ total|amount:"USD" }}``: the amount alone, for a column whose heading names the currency."""
    return formatting.amount(value, currency)


def _time(value: date, shown: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), shown)


@register.filter
def day(value: date | None) -> str | SafeString:
    """``{{ starts_on|day }}``: ``9 Jun 2024`` in a ``<time>``; nothing for None."""
    return _time(value, formatting.day(value)) if value else ""


@register.filter
def day_short(value: date | None) -> str | SafeString:
    """``{{ usage_date|day_short }}``: ``9 Jun``."""
    return _time(value, formatting.day_short(value)) if value else ""


@register.filter
def day_long(value: date | None) -> str | SafeString:
    """``{{ usage_date|day_long }}``: ``Sunday 9 June 2024``."""
    return _time(value, formatting.day_long(value)) if value else ""


@register.filter
def period(value: Period) -> SafeString:
    """``{{ cycle|period }}``: ``9 Jun – 8 Jul 2024``, kept on one line."""
    return format_html('<span class="period">{}</span>', formatting.period(value))


@register.filter
def paper_day(value: date | None) -> str:
    """``{{ due_on|paper_day }}``: ``17-APR-2023``, as on invoices."""
    return formatting.paper_day(value) if value else ""


@register.filter
def moment(value: datetime | None) -> str | SafeString:
    """``{{ entry.at|moment }}``: ``9 Jun 2024, 14:05 UTC`` in a ``<time>``; nothing for None."""
    if value is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formatting.moment(value))


@register.filter
def duration(seconds: float) -> str:
    """``{{ progress.seconds|duration }}``: ``3 min 12 s``."""
    return formatting.duration(seconds)
