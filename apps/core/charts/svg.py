"""Charts as SVG, drawn by pure functions: the same numbers give the same bytes.

On a page colours are classes, which follow the theme, and the width follows the screen. In print colours and sizes are
presentation attributes, since WeasyPrint ignores a page's CSS inside inline SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString

from apps.core.charts.spec import BarSeries, ChartSpec, Number, StepLine, Tone, describe, usage_balance
from apps.core.formatting import number

# The margins of a chart; on a page they are the padding of the SVG in components.css.
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 26, 24
_SLOT = 20  # units of one place on a page, stretched to the width there is
_BAR_SHARE = 0.72

_INK, _QUIET, _LINE = "#10191c", "#586a70", "#d9e0e1"
_PRINTED = {
    Tone.WITHIN: "#4f979c",
    Tone.SUBSTITUTED: "#7a6fd0",
    Tone.OVERAGE: "#cf4228",
    Tone.NEUTRAL: "#7d9196",
}


def nice_ticks(highest: Number, *, most: int = 5) -> tuple[int, ...]:
    """Round whole numbers from 0 to at least ``highest``: steps of 1, 2 or 5 times a power of ten, ``most`` steps."""
    if highest <= 0:
        return (0, 1)
    rough = max(1.0, float(highest) / most)
    power: int = 10 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return tuple(step * n for n in range(ceil(highest / step) + 1))


def render_chart(
    spec: ChartSpec, *, for_print: bool = False, height: int = 280, width: int = 720
) -> SafeString:
    """The chart as SVG. ``width`` counts for print only: on a page it follows what surrounds it."""
    ticks = nice_ticks(max(_levels(spec), default=0))
    slot = (width - _LEFT - _RIGHT) / max(len(spec.categories), 1) if for_print else float(_SLOT)
    frame = _Frame(height - _TOP - _BOTTOM, ticks[-1], slot)
    return _for_print(spec, frame, ticks, width) if for_print else _for_page(spec, frame, ticks)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The measures of one drawing: the plot's height, its highest value, and the width of one place in it."""

    height: int
    highest: float
    slot: float

    def y(self, value: Number) -> float:
        return self.height - self.height * float(value) / self.highest

    def middle(self, index: int) -> float:
        return (index + 0.5) * self.slot


def _levels(spec: ChartSpec) -> Iterator[Number]:
    for index in range(len(spec.categories)):
        if (total := spec.total(index)) is not None:
            yield total
    if spec.line:
        yield from (value for value in spec.line.values if value is not None)


# --- Elements ------------------------------------------------------------------------------------------------------


def _short(value: float) -> str:
    """A coordinate with at most two digits after the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


_SPELLINGS = {"klass": "class", "view_box": "viewBox", "preserve_aspect_ratio": "preserveAspectRatio"}


def _element(name: str, *content: str, **attributes: str | float) -> SafeString:
    """An element. Texts and attributes are escaped, numbers shortened; ``text_anchor`` becomes ``text-anchor``."""
    written = "".join(
        f" {_SPELLINGS.get(key) or key.replace('_', '-')}"
        f'="{_short(value) if isinstance(value, int | float) else escape(str(value))}"'
        for key, value in attributes.items()
    )
    inside = "".join(conditional_escape(piece) for piece in content)
    return SafeString(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")


def _printed_text(text: str, x: float, y: float, *, anchor: str = "start", fill: str = _QUIET) -> SafeString:
    font = "Inter, 'DejaVu Sans', sans-serif"
    return _element("text", text, x=x, y=y, font_family=font, font_size=10, fill=fill, text_anchor=anchor)


def _bar_paths(spec: ChartSpec, frame: _Frame) -> Iterator[tuple[Tone, str]]:
    """One path for each series: all its parts, stacked on those before."""
    floors: list[Number] = [0] * len(spec.categories)
    thick = frame.slot * _BAR_SHARE
    for series in spec.bars:
        path = ""
        for index, value in enumerate(series.values):
            if value:
                bottom, top = _short(frame.y(floors[index])), _short(frame.y(floors[index] + value))
                floors[index] += value
                path += f"M{_short(frame.middle(index) - thick / 2)} {bottom}V{top}h{_short(thick)}V{bottom}z"
        if path:
            yield series.tone, path


def _line_path(line: StepLine, frame: _Frame) -> str:
    """The level as steps; a gap where there is none."""
    path, is_open, index = "", False, 0
    for value, run in groupby(line.values):
        length = len(list(run))
        if value is not None:
            y = _short(frame.y(value))
            path += f"V{y}" if is_open else f"M{_short(index * frame.slot)} {y}"
            path += f"H{_short((index + length) * frame.slot)}"
        is_open = value is not None
        index += length
    return path


def _each(places: int, *, room: float, of: float) -> int:
    """Every how-manieth label fits when each needs ``of`` units and ``room`` is there."""
    return max(1, ceil(places * of / room))


def _anchor(index: int, places: int) -> str:
    """Texts near an edge grow inwards."""
    if places > 1 and index < places * 0.06:
        return "start"
    if places > 1 and index >= places * 0.94:
        return "end"
    return "middle"


# --- On a page -----------------------------------------------------------------------------------------------------


def _for_page(spec: ChartSpec, frame: _Frame, ticks: Sequence[int]) -> SafeString:
    drawn = [_element("path", klass=f"tone-{tone.value}", d=path) for tone, path in _bar_paths(spec, frame)]
    if spec.line:
        drawn.append(_element("path", klass="chart-line", d=_line_path(spec.line, frame)))
    plot = _element(
        "svg",
        _element("g", *drawn, aria_hidden="true"),
        *(_spot(spec, frame, index) for index in range(len(spec.categories))),
        width="100%",
        height=frame.height,
        view_box=f"0 0 {max(len(spec.categories), 1) * _SLOT} {frame.height}",
        preserve_aspect_ratio="none",
    )
    return _element(
        "svg",
        _element("g", *_page_grid(frame, ticks), aria_hidden="true"),
        plot,
        _element("g", *_page_labels(spec, frame), *_page_pins(spec, frame), aria_hidden="true"),
        klass="chart-svg",
        width="100%",
        height=_TOP + frame.height + _BOTTOM,
        role="group" if spec.linked else "img",
        aria_label=spec.title,
    )


def _page_grid(frame: _Frame, ticks: Sequence[int]) -> Iterator[SafeString]:
    for tick in ticks:
        y = frame.y(tick)
        yield _element("line", klass="chart-grid" if tick else "chart-grid is-base", x2="100%", y1=y, y2=y)
        yield _element("text", number(tick), klass="chart-tick", x=-10, y=y, dy=4)


def _percent(index: int, places: int) -> str:
    return f"{_short(100 * (index + 0.5) / places)}%"


def _page_labels(spec: ChartSpec, frame: _Frame) -> Iterator[SafeString]:
    places = len(spec.categories)
    wide, narrow = _each(places, room=1000, of=26), _each(places, room=290, of=22)
    for index, category in enumerate(spec.categories):
        if index % wide == 0 or index % narrow == 0:
            yield _element(
                "text",
                category.label,
                klass="chart-label" if index % narrow == 0 else "chart-label is-minor",
                x=_percent(index, places),
                y=frame.height + _BOTTOM - 6,
            )


def _page_pins(spec: ChartSpec, frame: _Frame) -> Iterator[SafeString]:
    places = len(spec.categories)
    for marker in spec.markers:
        anchor = _anchor(marker.index, places)
        shift = {"start": -5, "middle": 0, "end": 5}[anchor]
        yield _element(
            "svg",
            _element("path", klass="chart-pin", d="M-4-9h8l-4 6z"),
            _element("text", marker.label, klass="chart-pin-label", x=shift, y=-13, text_anchor=anchor),
            x=_percent(marker.index, places),
            y=frame.y(spec.total(marker.index) or 0),
            overflow="visible",
        )


def _spot(spec: ChartSpec, frame: _Frame, index: int) -> SafeString:
    """What the pointer finds over a bar: its numbers, and the way to its day."""
    text, href = describe(spec, index), spec.categories[index].href
    spot = _element(
        "rect", _element("title", text), klass="chart-spot", x=index * _SLOT, width=_SLOT, height=frame.height
    )
    return _element("a", spot, href=href, aria_label=text.replace("\n", "; ")) if href else spot


# --- In print ------------------------------------------------------------------------------------------------------


def _for_print(spec: ChartSpec, frame: _Frame, ticks: Sequence[int], width: int) -> SafeString:
    drawn = [_element("path", d=path, fill=_PRINTED[tone]) for tone, path in _bar_paths(spec, frame)]
    if spec.line:
        drawn.append(
            _element("path", d=_line_path(spec.line, frame), fill="none", stroke=_INK, stroke_width=1.4)
        )
    height = _TOP + frame.height + _BOTTOM
    return _element(
        "svg",
        _element(
            "g",
            *_printed_grid(frame, ticks, width - _LEFT - _RIGHT),
            *drawn,
            *_printed_labels(spec, frame),
            transform=f"translate({_LEFT} {_TOP})",
        ),
        _element("g", *_printed_legend(spec), transform=f"translate({_LEFT} {height + 4})"),
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height + 22,
        view_box=f"0 0 {width} {height + 22}",
        role="img",
        aria_label=spec.title,
    )


def _printed_grid(frame: _Frame, ticks: Sequence[int], width: int) -> Iterator[SafeString]:
    for tick in ticks:
        y = frame.y(tick)
        yield _element("line", x2=width, y1=y, y2=y, stroke=_LINE if tick else _QUIET, stroke_width=0.6)
        yield _printed_text(number(tick), -10, y + 3.5, anchor="end")


def _printed_labels(spec: ChartSpec, frame: _Frame) -> Iterator[SafeString]:
    places = len(spec.categories)
    each = _each(places, room=frame.slot * places or 1, of=22)
    for index, category in enumerate(spec.categories):
        if index % each == 0:
            yield _printed_text(category.label, frame.middle(index), frame.height + 16, anchor="middle")
    for marker in spec.markers:
        x, y = frame.middle(marker.index), frame.y(spec.total(marker.index) or 0)
        yield _element("path", d=f"M{_short(x - 4)} {_short(y - 9)}h8l-4 6z", fill=_PRINTED[Tone.OVERAGE])
        yield _printed_text(marker.label, x, y - 13, anchor=_anchor(marker.index, places), fill=_INK)


def _printed_legend(spec: ChartSpec) -> Iterator[SafeString]:
    x = 0.0
    for series in spec.series:
        if isinstance(series, BarSeries):
            yield _element("rect", x=x, width=9, height=9, fill=_PRINTED[series.tone])
        else:
            yield _element("rect", x=x, y=4, width=12, height=1.6, fill=_INK)
        yield _printed_text(series.label, x + 16, 8.5)
        x += 34 + 6.2 * len(series.label)


# --- In the size of a word -----------------------------------------------------------------------------------------


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
    frame = _Frame(height, top * height / (height - 2), 4.0)
    below = above = ""
    for index, value in enumerate(values):
        if value:
            within = min(value, levels[index]) if levels else value
            knee = _short(frame.y(within))
            if within:
                below += f"M{index * 4} {height}V{knee}h3V{height}z"
            if value > within:
                above += f"M{index * 4} {knee}V{_short(frame.y(value))}h3V{knee}z"
    line = _line_path(StepLine(label="", values=tuple(levels)), frame)
    if for_print:
        styles: list[dict[str, str | float]] = [
            {"fill": _PRINTED[Tone.WITHIN]},
            {"fill": _PRINTED[Tone.OVERAGE]},
            {"fill": "none", "stroke": _INK, "stroke_width": 0.8},
        ]
    else:
        styles = [{"klass": "tone-within"}, {"klass": "tone-overage"}, {"klass": "spark-line"}]
    width = max(4 * len(values) - 1, 1)
    return _element(
        "svg",
        *(
            _element("path", d=path, **style)
            for path, style in zip((below, above, line), styles, strict=True)
            if path
        ),
        klass="spark",
        width=width,
        height=height,
        view_box=f"0 0 {width} {height}",
        role="img",
        aria_label=label,
    )


def usage_meter(*, used: int, commitment: int, substituted: int = 0, label: str) -> SafeString:
    """Used against committed as one bar: within, substituted, overage, and a mark at the commitment."""
    full = max(used, commitment, 1)
    overage = usage_balance(used=used, commitment=commitment, substituted=substituted).above
    covered = min(substituted, used - overage)
    pieces, start = [_element("rect", klass="meter-track", width="100%", height=10)], 0
    for tone, units in (
        (Tone.WITHIN, used - overage - covered),
        (Tone.SUBSTITUTED, covered),
        (Tone.OVERAGE, overage),
    ):
        if units:
            x, width = f"{_short(100 * start / full)}%", f"{_short(100 * units / full)}%"
            pieces.append(_element("rect", klass=f"tone-{tone.value}", x=x, width=width, height=10))
            start += units
    mark = SafeString("")
    if 0 < commitment < full:
        mark = _element(
            "rect", klass="meter-mark", x=f"{_short(100 * commitment / full)}%", y=-3, width=2, height=16
        )
    return _element(
        "svg",
        _element("g", *pieces, klass="meter-bar"),
        mark,
        klass="meter",
        width="100%",
        height=10,
        role="img",
        aria_label=label,
    )
