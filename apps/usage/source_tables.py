"""Sources and whether they are on time, as a table, and their calendars in words and as a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.columns import badge, column
from apps.core.domain.periods import Period
from apps.core.formatting import EN_DASH, moment, number, period
from apps.usage.domain.freshness import CalendarDay, DayState, Rhythm, gaps
from apps.usage.freshness import Freshness

GAPS_NAMED = 3
_CELL, _HEIGHT = 4, 20  # units of the drawing
_TALL = {DayState.RECORDS: 16, DayState.GAP: 20, DayState.USUAL: 3, DayState.BEFORE: 3, DayState.AHEAD: 3}


def source_state(rhythm: Rhythm) -> tuple[str, str]:
    """Whether a source is on time, in a word and a tone."""
    if rhythm.is_silent:
        return _("Silent"), "danger"
    if rhythm.interval is None:
        return _("Rhythm not known yet"), ""
    return _("On time"), "ok"


def alarm_of(rhythms: Iterable[Rhythm]) -> str:
    """How many sources are silent, empty where none is."""
    silent = sum(rhythm.is_silent for rhythm in rhythms)
    if not silent:
        return ""
    return ngettext(
        "%(count)s source has been silent for more than twice its usual interval.",
        "%(count)s sources have been silent for more than twice their usual interval.",
        silent,
    ) % {"count": number(silent)}


def interval_in_words(interval: timedelta | None) -> str:
    """How often a source delivers: ``every 3 hours``, ``every day``, ``every 7 days``."""
    if interval is None:
        return ""
    hours = round(interval.total_seconds() / 3600)
    if hours < 36:
        if 20 <= hours <= 28:
            return _("every day")
        return ngettext("every hour", "every %(count)s hours", hours) % {"count": hours}
    days = round(hours / 24)
    return ngettext("every day", "every %(count)s days", days) % {"count": days}


def silence_in_words(silence: timedelta) -> str:
    """How long nothing came: ``for 3 days``."""
    hours = int(silence.total_seconds() // 3600)
    if hours < 48:
        return ngettext("for %(count)s hour", "for %(count)s hours", hours) % {"count": hours}
    days = hours // 24
    return ngettext("for %(count)s day", "for %(count)s days", days) % {"count": number(days)}


def calendar_in_words(days: Sequence[CalendarDay]) -> str:
    """A calendar as a sentence: on how many days there are records, and which are the newest gaps."""
    with_records = sum(bool(each.records) for each in days)
    said = ngettext(
        "Records on %(count)s of the %(days)s days %(period)s.",
        "Records on %(count)s of the %(days)s days %(period)s.",
        with_records,
    ) % {
        "count": with_records,
        "days": len(days),
        "period": period(Period(days[0].day, days[-1].day)),
    }
    return f"{said} {gaps_in_words(days)}"


def gaps_in_words(days: Sequence[CalendarDay]) -> str:
    """The gaps of a calendar, the newest ones named."""
    found = gaps(days)
    if not found:
        return _("No gaps.")
    missing = sum(each.days for each in found)
    return ngettext(
        "%(count)s day is missing: %(days)s.", "%(count)s days are missing: %(days)s.", missing
    ) % {
        "count": missing,
        "days": ", ".join(
            [*map(period, reversed(found[-GAPS_NAMED:])), *(["…"] * (len(found) > GAPS_NAMED))]
        ),
    }


def strip(days: Sequence[CalendarDay]) -> SafeString:
    """A calendar in the size of some words: a bar a day, gaps in their own colour and taller."""
    paths: dict[DayState, str] = {}
    for index, each in enumerate(days):
        tall = _TALL[each.state]
        paths[each.state] = paths.get(each.state, "") + f"M{index * _CELL} {_HEIGHT}v-{tall}h3v{tall}z"
    width = max(_CELL * len(days) - 1, 1)
    return format_html(
        '<svg class="strip-line" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        width,
        _HEIGHT,
        width,
        _HEIGHT,
        calendar_in_words(days),
        format_html_join(
            "", '<path class="is-{}" d="{}"/>', ((state.value, d) for state, d in paths.items())
        ),
    )


class SourceTable(django_tables2.Table):
    """Sources (``freshness.list_freshness``), those that need attention first."""

    source = column(gettext_lazy("Source"))
    state = column(gettext_lazy("State"))
    until = column(gettext_lazy("Data until"), attrs={"cell": {"class": "nowrap"}})
    last = column(gettext_lazy("Last delivery"), attrs={"cell": {"class": "nowrap"}})
    interval = column(gettext_lazy("Usually"), attrs={"cell": {"class": "nowrap"}})
    days = column(gettext_lazy("Last 60 days"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Sources"), "row_header": "source", "class": "is-sticky"}
        empty_text = gettext_lazy("No source has delivered anything yet.")

    def __init__(self, rows: Sequence[Freshness], *, shows_partner: bool, **options: Any) -> None:
        super().__init__(rows, **options)
        self.shows_partner = shows_partner

    def render_source(self, record: Freshness) -> SafeString:
        source = record.source
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("usage:source", args=[source.pk]),
            source.name,
            source.partner.name if self.shows_partner else source.time_zone,
        )

    def render_state(self, record: Freshness) -> SafeString:
        return badge(*source_state(record.rhythm))

    def render_until(self, record: Freshness) -> str:
        return moment(record.until) if record.until else EN_DASH

    def render_last(self, record: Freshness) -> str:
        return moment(record.rhythm.last) if record.rhythm.last else EN_DASH

    def render_interval(self, record: Freshness) -> str:
        return interval_in_words(record.rhythm.interval) or EN_DASH

    def render_days(self, record: Freshness) -> SafeString:
        if not any(each.records for each in record.days):
            return format_html('<span class="zero">{}</span>', _("None in these days"))
        return strip(record.days)
