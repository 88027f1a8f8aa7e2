"""Sources: whether each is on time, which days it lacks, and the zone of its times. For the provider and partners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import AuditEntry
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.formatting import day, day_short, moment, number
from apps.core.problems import Refusal
from apps.usage.domain.freshness import CalendarDay, DayState, Rhythm
from apps.usage.filters import kind_in_words
from apps.usage.freshness import (
    DAYS_SHOWN,
    KindOfSource,
    by_need,
    last_day_of,
    last_days,
    list_freshness,
    list_kinds,
    list_rhythms,
)
from apps.usage.models import Source
from apps.usage.services.sources import TIME_ZONE_CHANGED, set_time_zone
from apps.usage.source_forms import TimeZoneForm
from apps.usage.source_tables import (
    SourceTable,
    alarm_of,
    calendar_in_words,
    gaps_in_words,
    interval_in_words,
    silence_in_words,
    source_state,
)

SOURCES_A_PAGE = 25
CHANGES_SHOWN = 10
DAYS_BEHIND = 10  # shown after the newest record of a source that ended long ago
LARGEST_ID = 2**63 - 1
_LEVELS = 4
EARLIEST = date(1970, 12, 31)  # to which a calendar may be turned back


@dataclass(frozen=True)
class Cell:
    """A day of a calendar as the page shows it. ``level`` says how many records, 1 to 4 of the busiest day's."""

    said: str
    state: str
    level: int
    day: date
    records: int
    meaning: str


@dataclass(frozen=True)
class Strip:
    """The calendar of one kind."""

    title: str
    until: str
    sentence: str
    gaps: str
    has_gaps: bool
    cells: Sequence[Cell]


class SourceListView(View):
    """All sources, those that need attention first."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        now = timezone.now()
        sources = list(Source.objects.select_related("partner"))
        rhythms = list_rhythms(sources, now=now)
        page = Paginator(by_need(sources, rhythms), SOURCES_A_PAGE).get_page(request.GET.get("page"))
        window = last_days(now.date())
        table = SourceTable(
            list_freshness(list(page.object_list), rhythms, window=window, today=now.date()),
            shows_partner=user.is_provider,
        )
        return render(
            request,
            "usage/sources.html",
            {"table": table, "page": page, "alarm": alarm_of(rhythms.values()), "first": window.first},
        )


class SourceView(View):
    """One source: its calendar kind by kind, and the zone of its times. Posting to it sets the zone."""

    def get(self, request: HttpRequest, source_id: int) -> HttpResponse:
        user = staff_only(request.user)
        source = _visible_source(source_id)
        form = TimeZoneForm(current=source.time_zone) if user.is_administrator else None
        return self.show(request, source, form)

    def post(self, request: HttpRequest, source_id: int) -> HttpResponse:
        user = administrator_only(request.user)
        source = _visible_source(source_id)
        form = TimeZoneForm(request.POST, current=source.time_zone)
        if not form.is_valid():
            return self.show(request, source, form, status=400)
        try:
            set_time_zone(source=source, time_zone=form.cleaned_data["time_zone"], by=user)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The time zone of %(source)s is set.") % {"source": source.name})
        return redirect("usage:source", source_id=source_id)

    def show(
        self, request: HttpRequest, source: Source, form: TimeZoneForm | None, status: int = 200
    ) -> HttpResponse:
        user = staff_only(request.user)
        now = timezone.now()
        rhythm = list_rhythms([source], now=now)[source.pk]
        window = _window(request.GET.get("until"), last_day_of(source), now.date())
        kinds = list_kinds(source, window=window, today=now.date())
        label, tone = source_state(rhythm)
        return render(
            request,
            "usage/source.html",
            {
                "source": source,
                "partner": source.partner.name if user.is_provider else "",
                "state": {"label": label, "tone": tone},
                "alarm": _silence(rhythm, now - rhythm.last) if rhythm.is_silent and rhythm.last else "",
                "stats": _stats(rhythm, kinds),
                "strips": [_as_strip(kind) for kind in kinds],
                "window": window,
                "axis": [day_short(each) for each in _axis(window)],
                "earlier": (window.first - ONE_DAY).isoformat(),
                "later": (window.last + DAYS_SHOWN * ONE_DAY).isoformat() if window.last < now.date() else "",
                "zone": source.time_zone,
                "form": form,
                "changes": _changes(source),
                "deliveries_url": f"{reverse('usage:deliveries')}?{urlencode({'source': source.name})}",
                "kept_aside_url": (
                    f"{reverse('usage:kept_aside')}?{urlencode({'settled': 'false', 'source': source.name})}"
                ),
                "breadcrumbs": [(_("Sources"), reverse("usage:sources"))],
            },
            status=status,
        )


def _visible_source(source_id: int) -> Source:
    """The source of a number that the scope may see.

    Raises:
        Http404: there is none.
    """
    if source_id > LARGEST_ID:
        raise Http404
    return get_object_or_404(Source.objects.select_related("partner"), pk=source_id)


def _window(until: str | None, newest: date | None, today: date) -> Period:
    """The days to show: those to ``until``, an address's parameter.

    Where it says none, those to today; where these have no records, those to some days after the newest.
    """
    try:
        return last_days(max(EARLIEST, min(date.fromisoformat(until or ""), today)))
    except ValueError:
        window = last_days(today)
        if newest is None or newest >= window.first:
            return window
        return last_days(newest + DAYS_BEHIND * ONE_DAY)


def _axis(window: Period) -> list[date]:
    return [window.first, window.first + timedelta(days=window.days // 2), window.last]


def _silence(rhythm: Rhythm, silence: timedelta) -> str:
    return _("Nothing came %(silence)s; usually something comes %(interval)s.") % {
        "silence": silence_in_words(silence),
        "interval": interval_in_words(rhythm.interval),
    }


def _stats(rhythm: Rhythm, kinds: Sequence[KindOfSource]) -> list[dict[str, str]]:
    until = max((kind.until for kind in kinds), default=None)
    return [
        {
            "label": _("Data until"),
            "value": day(until.date()) if until else "–",
            "hint": moment(until) if until else _("No records yet"),
        },
        {
            "label": _("Last delivery"),
            "value": day(rhythm.last.date()) if rhythm.last else "–",
            "hint": moment(rhythm.last) if rhythm.last else _("None that you may see"),
        },
        {
            "label": _("Usually"),
            "value": interval_in_words(rhythm.interval) or "–",
            "hint": _("Median of the last deliveries")
            if rhythm.interval
            else _("Known after three deliveries"),
        },
    ]


def _as_strip(kind: KindOfSource) -> Strip:
    busiest = max((each.records for each in kind.days), default=0)
    return Strip(
        title=kind_in_words(kind.kind),
        until=moment(kind.until),
        sentence=calendar_in_words(kind.days),
        gaps=gaps_in_words(kind.days),
        has_gaps=any(each.state is DayState.GAP for each in kind.days),
        cells=[_as_cell(each, busiest) for each in kind.days],
    )


def _as_cell(each: CalendarDay, busiest: int) -> Cell:
    meaning = {
        DayState.RECORDS: "",
        DayState.GAP: _("missing"),
        DayState.USUAL: _("none, as usual on this day of the week"),
        DayState.BEFORE: _("before the first record"),
        DayState.AHEAD: _("not over yet"),
    }[each.state]
    records = ngettext("%(count)s record", "%(count)s records", each.records) % {
        "count": number(each.records)
    }
    return Cell(
        said=f"{day(each.day)}: {meaning or records}",
        state=each.state.value,
        level=-(-_LEVELS * each.records // busiest) if busiest else 0,
        day=each.day,
        records=each.records,
        meaning=meaning,
    )


def _changes(source: Source) -> Sequence[dict[str, object]]:
    """Who set the zone when, newest first."""
    entries = AuditEntry.objects.filter(
        partner=source.partner, customer=None, action=TIME_ZONE_CHANGED, subject=source.name
    )[:CHANGES_SHOWN]
    return [
        {
            "title": _("From %(before)s to %(after)s")
            % {"before": _zone(entry.before), "after": _zone(entry.after)},
            "at": entry.at,
            "by": entry.by,
        }
        for entry in entries
    ]


def _zone(setting: object) -> str:
    named = setting.get("time_zone") if isinstance(setting, dict) else ""
    return str(named) if named else _("none")
