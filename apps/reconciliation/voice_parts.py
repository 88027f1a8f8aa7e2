"""What the voice and surge page shows, in words, sums and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import django_tables2
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.charts import BarSeries, Category, ChartSpec, Marker, StepLine, Tone
from apps.core.formatting import NO_BREAK, day, day_long, number
from apps.reconciliation.summaries import time_of
from apps.reconciliation.voice import VoiceCycle, VoiceDay
from apps.subscriptions.domain.cycles import Term
from apps.subscriptions.domain.surge import VoiceEntitlement
from apps.subscriptions.models import SurgeChange


@dataclass(frozen=True)
class Step:
    """A step of the sum."""

    label: str
    result: str
    expression: str = ""
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """A change in the history."""

    title: str
    at: datetime
    by: str
    note: str


def day_shown(terms: Sequence[Term], *, today: date) -> date:
    """Today when a subscription is active or none was yet, else the last day on which one was."""
    if any(term.active_on(today) for term in terms):
        return today
    ended = [term.ends_on for term in terms if term.ends_on is not None and term.ends_on < today]
    return max(ended, default=today)


def percent(basis_points: int) -> str:
    """``3000`` as ``30 %``."""
    return f"{number(Decimal(basis_points) / 100)}{NO_BREAK}%"


def steps_of(entitlement: VoiceEntitlement) -> list[Step]:
    """The sum of R9, a line for each step."""
    agents, ports = entitlement.agents, entitlement.additional_ports
    basis_points = entitlement.surge_basis_points
    return [
        Step(_("Premium committed"), number(entitlement.premium)),
        Step(_("Standard committed"), number(entitlement.standard)),
        Step(
            _("Committed agents"),
            number(agents),
            f"{number(entitlement.premium)} + {number(entitlement.standard)}",
        ),
        Step(
            _("Voice paths of the agents"),
            number(3 * agents),
            f"{number(agents)} × 3",
            _("Three for each agent"),
        ),
        Step(_("Additional IVR ports"), number(ports)),
        Step(_("Voice paths"), number(entitlement.voice_paths), f"{number(3 * agents)} + {number(ports)}"),
        Step(
            _("Surge protection"),
            percent(basis_points),
        ),
        Step(
            _("Accepted calls"),
            number(entitlement.accepted_calls),
            f"⌊{number(entitlement.voice_paths)} × {number(Decimal(10_000 + basis_points) / 100)} ÷ 100⌋",
            _("At the same time, rounded down"),
        ),
    ]


def as_entry(change: SurgeChange) -> Entry:
    """A change for the timeline."""
    return Entry(
        title=_("From %(before)s to %(after)s")
        % {"before": percent(change.before_basis_points), "after": percent(change.after_basis_points)},
        at=change.at,
        by=change.by,
        note=change.reason,
    )


# The calls of a cycle


def call_stats(voice: VoiceCycle) -> list[dict[str, Any]]:
    """The most calls at once, against what was accepted then, and how far they went above it."""
    peak, worst, above = voice.peak, voice.most_above, voice.above
    return [
        {"label": _("Most calls at once"), "value": number(peak.peak), "hint": _moment_of(peak)},
        {
            "label": _("Accepted on that day"),
            "value": number(peak.accepted),
            "hint": _("%(paths)s voice paths and %(percent)s")
            % {
                "paths": number(peak.entitlement.voice_paths),
                "percent": percent(peak.entitlement.surge_basis_points),
            },
        },
        {
            "label": _("Most above"),
            "value": number(worst.most_above),
            "hint": day(worst.day) if above else _("All calls were accepted"),
            "tone": "danger" if above else "ok",
        },
        {
            "label": _("Minutes above"),
            "value": number(voice.minutes_above),
            "hint": ngettext("On %(count)s day", "On %(count)s days", len(above))
            % {"count": number(len(above))}
            if above
            else "",
            "tone": "danger" if above else "",
        },
    ]


def _moment_of(each: VoiceDay) -> str:
    if each.peak_at is None:
        return ""
    return _("%(day)s at %(time)s") % {"day": day(each.day), "time": time_of(each.peak_at)}


def call_chart(voice: VoiceCycle) -> ChartSpec:
    """The most simultaneous calls of each day of the cycle; each bar leads to its day in the table (``#day-…``)."""
    period = voice.cycle.period
    days: list[VoiceDay | None] = [*voice.days, *([None] * (period.days - len(voice.days)))]
    within = BarSeries(
        label=_("Accepted"),
        tone=Tone.WITHIN,
        values=tuple(each.peak - each.most_above if each else None for each in days),
    )
    beyond = BarSeries(
        label=_("Above what was accepted"),
        tone=Tone.OVERAGE,
        values=tuple(each.most_above if each else 0 for each in days),
    )
    return ChartSpec(
        title=_("Most calls at once"),
        unit=_("Calls"),
        categories=tuple(
            Category(
                label=str(at.day), long_label=day_long(at), href=f"#day-{at.isoformat()}" if each else ""
            )
            for at, each in zip(period, days, strict=True)
        ),
        bars=(within, beyond) if voice.above else (within,),
        line=StepLine(
            label=_("Accepted calls"), values=tuple(each.accepted if each else None for each in days)
        ),
        markers=(Marker(index=voice.days.index(voice.peak), label=_("Most calls")),),
        summary=_summary(voice),
        category_heading=_("Day"),
    )


def _summary(voice: VoiceCycle) -> str:
    worst = voice.most_above
    if not worst.most_above:
        return _("Never above what was accepted.")
    return ngettext(
        "Above what was accepted on %(count)s of %(days)s days; the most, %(above)s, on %(day)s.",
        "Above what was accepted on %(count)s of %(days)s days; the most, %(above)s, first on %(day)s.",
        len(voice.above),
    ) % {
        "count": number(len(voice.above)),
        "days": number(len(voice.days)),
        "above": number(worst.most_above),
        "day": day_long(worst.day),
    }


def _column(name: Any, accessor: str, **attributes: Any) -> django_tables2.Column:
    return django_tables2.Column(verbose_name=name, accessor=accessor, orderable=False, **attributes)


def _figure(name: Any, accessor: str, mark: str = "") -> django_tables2.Column:
    """A numeric column whose cells above 0 are marked."""

    def cell_class(value: object) -> str:
        return f"num {mark}" if mark and value else "num"

    return _column(name, accessor, attrs={"th": {"class": "num"}, "td": {"class": cell_class}})


class CallTable(django_tables2.Table):
    """The days of a cycle."""

    day = _column(gettext_lazy("Day"), "day", attrs={"cell": {"class": "nowrap"}})
    peak = _figure(gettext_lazy("Most calls at once"), "peak")
    peak_at = _column(gettext_lazy("At"), "peak_at", attrs={"cell": {"class": "nowrap"}})
    paths = _figure(gettext_lazy("Voice paths"), "entitlement__voice_paths")
    surge = _figure(gettext_lazy("Surge protection"), "entitlement__surge_basis_points")
    accepted = _figure(gettext_lazy("Accepted calls"), "accepted")
    most_above = _figure(gettext_lazy("Most above"), "most_above", "is-over")
    minutes_above = _figure(gettext_lazy("Minutes above"), "minutes_above", "is-over")

    class Meta:
        attrs = {
            "aria-label": gettext_lazy("Calls of each day"),
            "row_header": "day",
            "class": "is-dense is-sticky",
        }
        row_attrs = {"id": lambda record: f"day-{record.day.isoformat()}"}

    def render_peak_at(self, value: int) -> str:
        return time_of(value)

    def render_surge(self, value: int) -> str:
        return percent(value)
