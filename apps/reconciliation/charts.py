"""Charts of a cycle as declarations."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.charts import Category, ChartSpec, Marker, StepLine, usage_bars
from apps.core.domain.periods import Period
from apps.core.formatting import day_long, number
from apps.reconciliation.cards import TypeFigures
from apps.reconciliation.domain.detail import Row

# Two pins nearer to each other than this would have their words one over the other.
_ROOM_FOR_PINS = 6


def usage_chart(figures: TypeFigures, cycle: Period) -> ChartSpec:
    """Use against commitment on each day of the cycle; each bar leads to its day in the table (``#day-…``)."""
    rows: list[Row | None] = [*figures.rows, *([None] * (cycle.days - len(figures.rows)))]
    return ChartSpec(
        title=figures.name,
        unit=figures.unit,
        categories=tuple(
            Category(
                label=str(day.day), long_label=day_long(day), href=f"#day-{day.isoformat()}" if row else ""
            )
            for day, row in zip(cycle, rows, strict=True)
        ),
        bars=usage_bars(
            used=[row.used if row else None for row in rows],
            substituted=[row.substituted if row else 0 for row in rows],
            overage=[row.overage if row else 0 for row in rows],
        ),
        line=StepLine(
            label=_("Units commitment"), values=tuple(row.committed if row else None for row in rows)
        ),
        markers=_markers(figures),
        summary=_summary(figures),
        category_heading=_("Usage Date"),
    )


def _markers(figures: TypeFigures) -> tuple[Marker, ...]:
    """A pin on the marked peak, and one on the day that is billed where that is another."""
    pins = [
        Marker(index=index, label=_("Overage peak") if row.is_overage_peak else _("Billed"))
        for index, row in enumerate(figures.rows)
        if row.is_overage_peak or row.day == figures.billed.day
    ]
    if len(pins) == 2 and pins[1].index - pins[0].index < _ROOM_FOR_PINS:
        return (Marker(index=figures.rows.index(figures.peak), label=_("Billed")),)
    return tuple(pins)


def _summary(figures: TypeFigures) -> str:
    above = [row for row in figures.rows if row.overage]
    highest = max(figures.rows, key=lambda row: row.used)
    if not highest.used:
        return _("Nothing was used.")
    if not above:
        return _("Never above the commitment; the highest use is %(used)s on %(day)s.") % {
            "used": number(highest.used),
            "day": day_long(highest.day),
        }
    most = max(above, key=lambda row: row.overage)
    return ngettext(
        "Above the commitment on %(count)s of %(days)s days; the most, %(overage)s, on %(day)s.",
        "Above the commitment on %(count)s of %(days)s days; the most, %(overage)s, first on %(day)s.",
        len(above),
    ) % {
        "count": number(len(above)),
        "days": number(len(figures.rows)),
        "overage": number(most.overage),
        "day": day_long(most.day),
    }
