"""Charts are declarations: a ``ChartSpec`` becomes SVG for a page or for print, and a table of the same numbers."""

from apps.core.charts.spec import (
    BarSeries,
    Category,
    ChartRow,
    ChartSpec,
    ChartTable,
    Marker,
    StepLine,
    Tone,
    UsageBalance,
    chart_table,
    describe,
    usage_balance,
    usage_bars,
)
from apps.core.charts.svg import nice_ticks, render_chart, sparkline, usage_meter

__all__ = [
    "BarSeries",
    "Category",
    "ChartRow",
    "ChartSpec",
    "ChartTable",
    "Marker",
    "StepLine",
    "Tone",
    "UsageBalance",
    "chart_table",
    "describe",
    "nice_ticks",
    "render_chart",
    "sparkline",
    "usage_balance",
    "usage_bars",
    "usage_meter",
]
