"""Charts in templates: ``{% load charts %}``. The components in ``templates/components/`` use these."""

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from apps.core import charts

register = template.Library()


@register.simple_tag
def chart_svg(
    spec: charts.ChartSpec, for_print: bool = False, height: int = 280, width: int = 720
) -> SafeString:
    """``{% chart_svg spec %}``: the drawing alone; ``components/chart.html`` adds legend and table."""
    return charts.render_chart(spec, for_print=for_print, height=height, width=width)


@register.filter
def chart_table(spec: charts.ChartSpec) -> charts.ChartTable:
    """``{% with table=spec|chart_table %}``: the numbers of the chart."""
    return charts.chart_table(spec)


@register.simple_tag
def sparkline(
    values: Sequence[int | None], label: str, commitment: int | Sequence[int] | None = None, height: int = 28
) -> SafeString:
    """``{% sparkline values=row.daily_use commitment=25 label=… %}``."""
    return charts.sparkline(values, commitment=commitment, label=label, height=height)


@register.simple_tag
def meter_svg(used: int, commitment: int, label: str, substituted: int = 0) -> SafeString:
    """``{% meter_svg used=32 commitment=25 label=… %}``: the bar of ``components/usage_meter.html``."""
    return charts.usage_meter(used=used, commitment=commitment, substituted=substituted, label=label)


@register.simple_tag
def usage_balance(used: int, commitment: int, substituted: int = 0) -> charts.UsageBalance:
    """``{% usage_balance used=32 commitment=25 as balance %}``: ``balance.above``, ``balance.left``."""
    return charts.usage_balance(used=used, commitment=commitment, substituted=substituted)
