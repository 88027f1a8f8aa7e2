"""What a chart shows, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from django.utils.translation import gettext as _

from apps.core.formatting import number

Number = int | Decimal


class Tone(StrEnum):
    """What a part of a bar means; the theme gives it a colour."""

    WITHIN = "within"
    SUBSTITUTED = "substituted"
    OVERAGE = "overage"
    NEUTRAL = "neutral"


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


def describe(spec: ChartSpec, index: int) -> str:
    """What one bar shows, a line for each number, the place first."""
    pair = _("%(label)s: %(value)s")
    lines = [spec.categories[index].long_label]
    lines += [
        pair % {"label": series.label, "value": number(value)}
        for series in spec.series
        if (value := series.values[index]) is not None
    ]
    lines += [marker.label for marker in spec.markers if marker.index == index]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class UsageBalance:
    """Units above the commitment, or left of it; one of them is 0."""

    above: int
    left: int


def usage_balance(*, used: int, commitment: int, substituted: int = 0) -> UsageBalance:
    """What is above the commitment after substitution, and what is left of it."""
    return UsageBalance(above=max(0, used - commitment - substituted), left=max(0, commitment - used))
