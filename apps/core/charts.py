"""Charts are declarations: a ``ChartSpec`` becomes SVG for a page or for print, and a table of the same numbers.

Everything here is a pure function: the same spec gives the same bytes. On a page colours are classes (they follow the
theme and the width follows the screen); in print colours and sizes are presentation attributes, since WeasyPrint
ignores a page's CSS inside inline SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from math import ceil, floor, log10

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.core.formatting import number

Number = int | Decimal


class Tone(StrEnum):
    """What a part of a bar means; the theme gives it a colour."""

    WITHIN = "within"
    SUBSTITUTED = "substituted"
    OVERAGE = "overage"
    NEUTRAL = "neutral"


_PRINT_COLOURS = {
    Tone.WITHIN: "#4f979c",
    Tone.SUBSTITUTED: "#7a6fd0",
    Tone.OVERAGE: "#cf4228",
    Tone.NEUTRAL: "#9fb0b4",
}
_PRINT_INK, _PRINT_QUIET, _PRINT_LINE = "#10191c", "#586a70", "#d9e0e1"
_PRINT_FONT = "Inter, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A place on the axis, usually a day: ``label`` below it ("9"), ``long_label`` where there is room for it
    ("Sunday 9 June 2024"), ``href`` to what lies behind it."""

    label: str
    long_label: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """One part of every bar, stacked in the order given. None: nothing is known of that place."""

    label: str
    tone: Tone
    values: tuple[Number | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A level that holds for a place and may jump at the next: a commitment. None: no line there."""

    label: str
    values: tuple[Number | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A pin above one bar: the peak."""

    index: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSpec:
    """A stacked bar chart with a level to compare with. ``summary`` says in a sentence what is to be seen."""

    title: str
    unit: str
    categories: tuple[Category, ...]
    bars: tuple[BarSeries, ...]
    line: StepLine | None = None
    markers: tuple[Marker, ...] = ()
    summary: str = ""
    category_heading: str = ""

    def __post_init__(self) -> None:
        places = len(self.categories)
        values = [series.values for series in self.bars] + ([self.line.values] if self.line else [])
        if any(len(row) != places for row in values):
            raise ValueError(f"each series of a chart needs one value for each of its {places} places")
        if any(not 0 <= marker.index < places for marker in self.markers):
            raise ValueError("a marker of a chart stands outside of it")

    @property
    def linked(self) -> bool:
        """At least one bar leads somewhere."""
        return any(category.href for category in self.categories)

    @property
    def series(self) -> tuple[BarSeries | StepLine, ...]:
        """All that is drawn, the level last."""
        return (*self.bars, self.line) if self.line else self.bars

    def total(self, index: int) -> Number | None:
        """The height of one bar; None where nothing is known."""
        known = [value for series in self.bars if (value := series.values[index]) is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One line of a chart's table."""

    label: str
    href: str
    values: tuple[Number | None, ...]


@dataclass(frozen=True, slots=True)
class ChartTable:
    """The same numbers as the chart, for reading."""

    headings: tuple[str, ...]
    rows: tuple[ChartRow, ...]


def usage_bars(
    *, used: Sequence[int | None], substituted: Sequence[int], overage: Sequence[int]
) -> tuple[BarSeries, ...]:
    """The three parts of the units used on each day: within the commitment, substituted (R4), overage (R5).

    A part that is nowhere above 0 is left out, but for the first.
    """
    within = tuple(
        None if all_used is None else all_used - covered - over
        for all_used, covered, over in zip(used, substituted, overage, strict=True)
    )
    parts = [BarSeries(label=_("Within commitment"), tone=Tone.WITHIN, values=within)]
    if any(substituted):
        parts.append(
            BarSeries(label=_("Units substituted"), tone=Tone.SUBSTITUTED, values=tuple(substituted))
        )
    if any(overage):
        parts.append(BarSeries(label=_("Units overage"), tone=Tone.OVERAGE, values=tuple(overage)))
    return tuple(parts)


def chart_table(spec: ChartSpec) -> ChartTable:
    """The numbers of a chart as rows: one for each place, the sum where a bar has several parts."""
    stacked = len(spec.bars) > 1
    headings = [spec.category_heading or _("Usage date"), *(series.label for series in spec.bars)]
    if stacked:
        headings.append(_("Total"))
    if spec.line:
        headings.append(spec.line.label)
    rows = []
    for index, category in enumerate(spec.categories):
        values = [series.values[index] for series in spec.bars]
        if stacked:
            values.append(spec.total(index))
        if spec.line:
            values.append(spec.line.values[index])
        rows.append(ChartRow(category.long_label, category.href, tuple(values)))
    return ChartTable(tuple(headings), tuple(rows))


def nice_ticks(highest: Number, *, most: int = 5) -> tuple[int, ...]:
    """Round whole numbers from 0 to at least ``highest``: steps of 1, 2 or 5 times a power of ten, ``most`` steps."""
    if highest <= 0:
        return (0, 1)
    rough = max(1.0, float(highest) / most)
    power: int = 10 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return tuple(step * n for n in range(ceil(highest / step) + 1))


def describe(spec: ChartSpec, index: int) -> str:
    """What one bar shows, a line for each number, the place first."""
    lines = [spec.categories[index].long_label]
    lines += [
        _("%(label)s: %(value)s") % {"label": series.label, "value": number(value)}
        for series in spec.series
        if (value := series.values[index]) is not None
    ]
    lines += [marker.label for marker in spec.markers if marker.index == index]
    return "\n".join(lines)


# --- Drawing -----------------------------------------------------------------------------------------------------

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 26, 24
_SLOT = 20  # units of one place on a page; the plot is stretched to the width there is
_BAR_SHARE = 0.72


@dataclass(frozen=True, slots=True)
class _Frame:
    """The measures of one drawing: the plot's height, its highest tick, and the width of one place in it."""

    height: int
    top_value: int
    slot: float

    def y(self, value: Number | float) -> float:
        return self.height - self.height * float(value) / self.top_value


def render_chart(
    spec: ChartSpec, *, for_print: bool = False, height: int = 280, width: int = 720
) -> SafeString:
    """The chart as SVG. ``width`` counts for print only: on a page it follows what surrounds it."""
    places = len(spec.categories)
    ticks = nice_ticks(max(_levels(spec), default=0))
    plot_height = height - _TOP - _BOTTOM
    slot = (width - _LEFT - _RIGHT) / max(places, 1) if for_print else float(_SLOT)
    frame = _Frame(plot_height, ticks[-1], slot)
    if for_print:
        return _draw_for_print(spec, frame, ticks, width, height)
    return _draw_for_page(spec, frame, ticks, height)


def _levels(spec: ChartSpec) -> Iterator[Number]:
    for index in range(len(spec.categories)):
        if (total := spec.total(index)) is not None:
            yield total
    if spec.line:
        yield from (value for value in spec.line.values if value is not None)


def _short(value: float) -> str:
    """A coordinate with at most two digits after the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _bar_paths(spec: ChartSpec, frame: _Frame) -> Iterator[tuple[BarSeries, str]]:
    """One path for each series: all its parts, stacked on those before."""
    floors: list[Number] = [0] * len(spec.categories)
    thick = frame.slot * _BAR_SHARE
    for series in spec.bars:
        pieces = []
        for index, value in enumerate(series.values):
            if not value:
                continue
            bottom, top = frame.y(floors[index]), frame.y(floors[index] + value)
            floors[index] += value
            left = index * frame.slot + (frame.slot - thick) / 2
            pieces.append(f"M{_short(left)} {_short(bottom)}V{_short(top)}h{_short(thick)}V{_short(bottom)}z")
        yield series, "".join(pieces)


def _line_path(line: StepLine, frame: _Frame) -> str:
    """The level as steps; a gap where there is none."""
    path, open_end, index = "", False, 0
    for value, run in groupby(line.values):
        length = len(list(run))
        if value is not None:
            start = "" if open_end else f"M{_short(index * frame.slot)} {_short(frame.y(value))}"
            path += f"{start}V{_short(frame.y(value))}H{_short((index + length) * frame.slot)}"
        open_end = value is not None
        index += length
    return path


def _label_step(places: int, room: float, *, of: float) -> int:
    """Every how-manieth label fits when each needs ``of`` units and ``room`` is there."""
    return max(1, ceil(places * of / room)) if places else 1


def _anchor(index: int, places: int) -> str:
    """Texts near an edge grow inwards."""
    if places > 1 and index < places * 0.06:
        return "start"
    if places > 1 and index >= places * 0.94:
        return "end"
    return "middle"


def _joined(parts: Sequence[str]) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308 - every part has been escaped where it was made


def _draw_for_page(spec: ChartSpec, frame: _Frame, ticks: tuple[int, ...], height: int) -> SafeString:
    places = len(spec.categories)
    percent: Callable[[float], str] = lambda place: f"{_short(100 * place / max(places, 1))}%"  # noqa: E731

    grid = [
        format_html(
            '<line class="chart-grid{}" x2="100%" y1="{}" y2="{}"/><text class="chart-tick" x="-10" y="{}" dy="4">{}</text>',
            " is-base" if tick == 0 else "",
            y,
            y,
            y,
            number(tick),
        )
        for tick in ticks
        for y in [_short(frame.y(tick))]
    ]
    bars = [
        format_html('<path class="tone-{}" d="{}"/>', series.tone.value, path)
        for series, path in _bar_paths(spec, frame)
        if path
    ]
    line = (
        [format_html('<path class="chart-line" d="{}"/>', _line_path(spec.line, frame))] if spec.line else []
    )

    wide, narrow = _label_step(places, 1000, of=26), _label_step(places, 290, of=22)
    labels = [
        format_html(
            '<text class="chart-label{}" x="{}" y="{}">{}</text>',
            "" if index % narrow == 0 else " is-minor",
            percent(index + 0.5),
            frame.height + _BOTTOM - 6,
            category.label,
        )
        for index, category in enumerate(spec.categories)
        if index % wide == 0 or index % narrow == 0
    ]
    pins = [
        format_html(
            '<svg x="{}" y="{}" overflow="visible"><path class="chart-pin" d="M-4-9h8l-4 6z"/>'
            '<text class="chart-pin-label" x="{}" y="-13" text-anchor="{}">{}</text></svg>',
            percent(marker.index + 0.5),
            _short(frame.y(spec.total(marker.index) or 0)),
            {"start": -5, "end": 5, "middle": 0}[anchor],
            anchor,
            marker.label,
        )
        for marker in spec.markers
        for anchor in [_anchor(marker.index, places)]
    ]
    spots = []
    for index, category in enumerate(spec.categories):
        spot = format_html(
            '<rect class="chart-spot" x="{}" width="{}" height="{}"><title>{}</title></rect>',
            index * _SLOT,
            _SLOT,
            frame.height,
            describe(spec, index),
        )
        if category.href:
            spot = format_html(
                '<a href="{}" aria-label="{}">{}</a>',
                category.href,
                describe(spec, index).replace("\n", "; "),
                spot,
            )
        spots.append(spot)

    # The margins are the padding of the outer SVG (44, 8, 26 and 24 px, components.css), so that the plot can follow the width.
    return format_html(
        '<svg class="chart-svg" height="{height}" width="100%" role="{role}" aria-label="{title}">'
        '<g aria-hidden="true">{grid}</g>'
        '<svg width="100%" height="{plot}" viewBox="0 0 {units} {plot}" preserveAspectRatio="none">'
        '<g aria-hidden="true">{bars}{line}</g>{spots}</svg>'
        '<g aria-hidden="true">{labels}{pins}</g></svg>',
        height=height,
        role="group" if spec.linked else "img",
        title=spec.title,
        grid=_joined(grid),
        plot=frame.height,
        units=max(places, 1) * _SLOT,
        bars=_joined(bars),
        line=_joined(line),
        spots=_joined(spots),
        labels=_joined(labels),
        pins=_joined(pins),
    )


def _draw_for_print(
    spec: ChartSpec, frame: _Frame, ticks: tuple[int, ...], width: int, height: int
) -> SafeString:
    places = len(spec.categories)
    legend_height = 22
    text = '<text x="{}" y="{}" font-family="{}" font-size="{}" fill="{}" text-anchor="{}">{}</text>'

    grid = []
    for tick in ticks:
        y = _short(_TOP + frame.y(tick))
        grid.append(
            format_html(
                '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="{}"/>',
                _LEFT,
                width - _RIGHT,
                y,
                y,
                _PRINT_QUIET if tick == 0 else _PRINT_LINE,
                "0.8" if tick == 0 else "0.6",
            )
        )
        grid.append(
            format_html(
                text,
                _LEFT - 10,
                _short(_TOP + frame.y(tick) + 3.5),
                _PRINT_FONT,
                10,
                _PRINT_QUIET,
                "end",
                number(tick),
            )
        )
    bars = [
        format_html('<path d="{}" fill="{}"/>', path, _PRINT_COLOURS[series.tone])
        for series, path in _bar_paths(spec, frame)
        if path
    ]
    line = (
        [
            format_html(
                '<path d="{}" fill="none" stroke="{}" stroke-width="1.4"/>',
                _line_path(spec.line, frame),
                _PRINT_INK,
            )
        ]
        if spec.line
        else []
    )
    step = _label_step(places, width - _LEFT - _RIGHT, of=22)
    labels = [
        format_html(
            text,
            _short(_LEFT + (index + 0.5) * frame.slot),
            height - 8,
            _PRINT_FONT,
            10,
            _PRINT_QUIET,
            "middle",
            category.label,
        )
        for index, category in enumerate(spec.categories)
        if index % step == 0
    ]
    pins = []
    for marker in spec.markers:
        x = _LEFT + (marker.index + 0.5) * frame.slot
        y = _TOP + frame.y(spec.total(marker.index) or 0)
        anchor = _anchor(marker.index, places)
        pins.append(
            format_html(
                '<path d="M{} {}h8l-4 6z" fill="{}"/>',
                _short(x - 4),
                _short(y - 9),
                _PRINT_COLOURS[Tone.OVERAGE],
            )
        )
        pins.append(
            format_html(text, _short(x), _short(y - 13), _PRINT_FONT, 10, _PRINT_INK, anchor, marker.label)
        )
    legend, x = [], float(_LEFT)
    for series in spec.series:
        swatch = (
            format_html(
                '<rect x="{}" y="{}" width="9" height="9" fill="{}"/>',
                _short(x),
                height + 4,
                _PRINT_COLOURS[series.tone],
            )
            if isinstance(series, BarSeries)
            else format_html(
                '<rect x="{}" y="{}" width="12" height="1.6" fill="{}"/>', _short(x), height + 8, _PRINT_INK
            )
        )
        legend.append(swatch)
        legend.append(
            format_html(
                text, _short(x + 16), height + 12, _PRINT_FONT, 10, _PRINT_QUIET, "start", series.label
            )
        )
        x += 16 + 6.2 * len(series.label) + 18

    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{full}" viewBox="0 0 {width} {full}"'
        ' role="img" aria-label="{title}">{grid}<g transform="translate({left} {top})">{bars}{line}</g>'
        "{labels}{pins}{legend}</svg>",
        width=width,
        full=height + legend_height,
        title=spec.title,
        grid=_joined(grid),
        left=_LEFT,
        top=_TOP,
        bars=_joined(bars),
        line=_joined(line),
        labels=_joined(labels),
        pins=_joined(pins),
        legend=_joined(legend),
    )


def sparkline(
    values: Sequence[int | None],
    *,
    commitment: int | Sequence[int] | None = None,
    label: str,
    height: int = 28,
    for_print: bool = False,
) -> SafeString:
    """A month in the size of a word: a bar a day, the part above the commitment in the colour of overage.

    ``label`` says it in words ("Use of each day; highest 32 on 13 June"). The width is 4 units a value.
    """
    levels = [commitment] * len(values) if isinstance(commitment, int) else list(commitment or ())
    top = max([*(value for value in values if value), *levels, 1])
    scale = (height - 2) / top
    base = str(height)
    below, above = [], []
    for index, value in enumerate(values):
        if not value:
            continue
        level = levels[index] if levels else value
        inside = _short(height - max(1.0, min(value, level) * scale)) if level else base
        if level:
            below.append(f"M{index * 4} {base}V{inside}h3V{base}z")
        if value > level:
            above.append(f"M{index * 4} {inside}V{_short(height - value * scale)}h3V{inside}z")
    line = ""
    if levels:
        steps = StepLine(label="", values=tuple(levels))
        line = _line_path(steps, _Frame(height, max(1, ceil(top * height / (height - 2))), 4.0))
    if for_print:
        inks = (
            f'fill="{_PRINT_COLOURS[Tone.WITHIN]}"',
            f'fill="{_PRINT_COLOURS[Tone.OVERAGE]}"',
            f'fill="none" stroke="{_PRINT_INK}" stroke-width="0.8"',
        )
    else:
        inks = ('class="tone-within"', 'class="tone-overage"', 'class="spark-line"')
    parts = [
        f'<path {ink} d="{path}"/>'
        for ink, path in zip(inks, ("".join(below), "".join(above), line), strict=True)
        if path
    ]
    width = max(4 * len(values) - 1, 1)
    return mark_safe(  # noqa: S308 - numbers, but for the label, which is escaped
        f'<svg class="spark" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{conditional_escape(label)}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class UsageBalance:
    """Units above the commitment, or left of it; one of them is 0."""

    above: int
    left: int


def usage_balance(*, used: int, commitment: int, substituted: int = 0) -> UsageBalance:
    """What is above the commitment after substitution, and what is left of it."""
    return UsageBalance(above=max(0, used - commitment - substituted), left=max(0, commitment - used))


def usage_meter(*, used: int, commitment: int, substituted: int = 0, label: str) -> SafeString:
    """What is used against what is committed, as one bar: within, substituted, overage, and a mark at the commitment."""
    full = max(used, commitment, 1)
    overage = usage_balance(used=used, commitment=commitment, substituted=substituted).above
    covered = min(substituted, used)
    within = used - overage - covered
    share: Callable[[int], str] = lambda units: f"{_short(100 * units / full)}%"  # noqa: E731
    pieces = [
        format_html(
            '<rect class="tone-{}" x="{}" width="{}" height="10"/>', tone.value, share(start), share(units)
        )
        for tone, start, units in (
            (Tone.WITHIN, 0, within),
            (Tone.SUBSTITUTED, within, covered),
            (Tone.OVERAGE, within + covered, overage),
        )
        if units > 0
    ]
    mark = (
        format_html('<rect class="meter-mark" x="{}" y="-3" width="2" height="16"/>', share(commitment))
        if 0 < commitment < full
        else ""
    )
    return format_html(
        '<svg class="meter" width="100%" height="10" role="img" aria-label="{}" overflow="visible">'
        '<g class="meter-bar"><rect class="meter-track" width="100%" height="10"/>{}</g>{}</svg>',
        label,
        _joined(pieces),
        mark,
    )
