"""Charts: declarations drawn by pure functions, with the same numbers as a table."""

from __future__ import annotations

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.charts import (
    BarSeries,
    Category,
    ChartSpec,
    Marker,
    StepLine,
    Tone,
    chart_table,
    describe,
    nice_ticks,
    render_chart,
    sparkline,
    usage_balance,
    usage_bars,
    usage_meter,
)


def spec(
    *, used: list[int | None], overage: list[int] | None = None, line: StepLine | None = None, **given: object
) -> ChartSpec:
    """Days from the first of June on, with links unless the test says otherwise."""
    places = len(used)
    values: dict[str, object] = {
        "title": "Standard agents",
        "unit": "licences",
        "categories": tuple(
            Category(label=str(n + 1), long_label=f"{n + 1} June 2024", href=f"/day/{n + 1}")
            for n in range(places)
        ),
        "bars": usage_bars(used=used, substituted=[0] * places, overage=overage or [0] * places),
        "line": line,
    }
    return ChartSpec(**{**values, **given})  # type: ignore[arg-type]


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_bar_is_cut_into_within_substituted_and_overage() -> None:
    within, substituted, overage = usage_bars(used=[28, 18, None], substituted=[1, 0, 0], overage=[7, 0, 0])
    assert (within.tone, within.values) == (Tone.WITHIN, (20, 18, None))
    assert (substituted.tone, substituted.values) == (Tone.SUBSTITUTED, (1, 0, 0))
    assert (overage.tone, overage.values) == (Tone.OVERAGE, (7, 0, 0))


def test_parts_that_are_nowhere_above_zero_are_left_out() -> None:
    assert [series.tone for series in usage_bars(used=[3], substituted=[0], overage=[0])] == [Tone.WITHIN]


def test_the_table_has_the_numbers_of_the_chart_their_sum_and_the_commitment() -> None:
    line = StepLine(label="Units commitment", values=(20, None))
    table = chart_table(spec(used=[28, None], overage=[8, 0], line=line, category_heading="Day"))
    assert table.headings == ("Day", "Within commitment", "Units overage", "Total", "Units commitment")
    assert [(row.label, row.href, row.values) for row in table.rows] == [
        ("1 June 2024", "/day/1", (20, 8, 28, 20)),
        ("2 June 2024", "/day/2", (None, 0, 0, None)),
    ]


def test_each_bar_leads_to_its_day_and_says_its_numbers() -> None:
    svg = parse(render_chart(spec(used=[28, 3], overage=[8, 0])))
    links = svg.findall(".//a")
    assert [link.get("href") for link in links] == ["/day/1", "/day/2"]
    assert links[0].get("aria-label") == "1 June 2024; Within commitment: 20; Units overage: 8"
    assert [title.text for title in svg.iter("title")][
        1
    ] == "2 June 2024\nWithin commitment: 3\nUnits overage: 0"
    assert svg.get("role") == "group"


def test_a_chart_without_links_is_a_picture_with_a_name() -> None:
    places = (Category(label="1", long_label="1 June"),)
    svg = parse(render_chart(spec(used=[1], categories=places)))
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "Standard agents")
    assert not svg.findall(".//a")


def test_bars_are_as_high_as_their_numbers() -> None:
    svg = render_chart(spec(used=[10, 5]), height=150)  # a plot of 100 units, ticks up to 10
    assert 'd="M2.8 100V0h14.4V100zM22.8 100V50h14.4V100z"' in svg


def test_the_commitment_is_a_line_of_steps_with_gaps() -> None:
    line = StepLine(label="Commitment", values=(10, 10, 5, None, 5))
    svg = render_chart(spec(used=[1] * 5, line=line), height=150)
    assert 'class="chart-line" d="M0 0H40V50H60M80 50H100"' in svg


def test_the_peak_is_marked_above_its_bar_and_named() -> None:
    chart = spec(used=[1, 9, 1], markers=(Marker(index=1, label="Overage peak"),))
    assert "Overage peak" in describe(chart, 1)
    svg = parse(render_chart(chart))
    labels = [text for text in svg.iter("text") if text.get("class") == "chart-pin-label"]
    assert [label.text for label in labels] == ["Overage peak"]


def test_on_a_page_there_is_no_colour_and_no_style_in_print_no_class() -> None:
    chart = spec(used=[28, 3], overage=[8, 0], line=StepLine(label="Commitment", values=(20, 20)))
    page, printed = render_chart(chart), render_chart(chart, for_print=True)
    assert not re.search(r"#[0-9a-f]{6}|style=|fill=|on\w+=", page)
    assert "class=" not in printed
    assert "style=" not in printed
    assert 'fill="#cf4228"' in printed
    assert parse(printed).get("viewBox") == "0 0 720 302"


@pytest.mark.parametrize("for_print", [False, True])
def test_every_text_is_escaped(for_print: bool) -> None:
    evil = "<script>alert('\"&')</script>"
    chart = ChartSpec(
        title=evil,
        unit=evil,
        categories=(Category(label=evil, long_label=evil, href=f"/?q={evil}"),),
        bars=(BarSeries(label=evil, tone=Tone.NEUTRAL, values=(1,)),),
        line=StepLine(label=evil, values=(1,)),
        markers=(Marker(index=0, label=evil),),
    )
    svg = render_chart(chart, for_print=for_print)
    assert "<script" not in svg
    assert parse(svg).get("aria-label") == evil
    assert "<script" not in sparkline([1], label=evil)
    assert "<script" not in usage_meter(used=1, commitment=1, label=evil)


def test_a_series_must_fit_the_places_and_a_marker_must_stand_on_one() -> None:
    with pytest.raises(ValueError, match="one value for each of its 2 places"):
        spec(used=[1, 2], bars=(BarSeries(label="x", tone=Tone.WITHIN, values=(1,)),))
    with pytest.raises(ValueError, match="outside"):
        spec(used=[1], markers=(Marker(index=1, label="x"),))


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    for used in ([], [None], [0]):
        assert parse(render_chart(spec(used=list(used)))).tag == "svg"
        assert parse(render_chart(spec(used=list(used)), for_print=True)).tag.endswith("svg")
    assert parse(sparkline([], label="nothing")).tag == "svg"


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (4, (0, 1, 2, 3, 4)),
        (33, (0, 10, 20, 30, 40)),
        (83, (0, 20, 40, 60, 80, 100)),
        (Decimal("0.5"), (0, 1)),
        (2133, (0, 500, 1000, 1500, 2000, 2500)),
    ],
)
def test_ticks_are_round(highest: int, ticks: tuple[int, ...]) -> None:
    assert nice_ticks(highest) == ticks


@given(st.integers(min_value=1, max_value=10**9))
def test_ticks_start_at_zero_reach_the_highest_and_are_few(highest: int) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-2] < highest <= ticks[-1]
    assert len(ticks) <= 6


@given(st.lists(st.none() | st.integers(min_value=0, max_value=500), max_size=40), st.integers(0, 300))
def test_drawing_is_deterministic_and_well_formed(used: list[int | None], commitment: int) -> None:
    overage = [max(0, (units or 0) - commitment) for units in used]
    line = StepLine(label="Commitment", values=(commitment,) * len(used))
    chart = spec(used=used, overage=overage, line=line)
    for for_print in (False, True):
        svg = render_chart(chart, for_print=for_print)
        assert svg == render_chart(chart, for_print=for_print)
        assert parse(svg).tag.endswith("svg")
        assert "nan" not in svg
    assert parse(sparkline(used, commitment=commitment, label="x")).tag == "svg"


def test_a_sparkline_shows_what_is_above_the_commitment_apart() -> None:
    svg = sparkline([5, 10, None, 20], commitment=10, label="June", height=22)
    assert 'd="M0 22V17h3V22zM4 22V12h3V22zM12 22V12h3V22z" class="tone-within"' in svg
    assert 'd="M12 12V2h3V12z" class="tone-overage"' in svg
    assert parse(svg).get("aria-label") == "June"


def test_a_sparkline_without_a_commitment_has_one_colour_and_no_line() -> None:
    svg = sparkline([5, 10], label="June")
    assert "tone-overage" not in svg
    assert "spark-line" not in svg


def test_the_meter_cuts_the_bar_at_the_commitment() -> None:
    svg = parse(usage_meter(used=28, commitment=20, substituted=1, label="Standard: 28 used of 20"))
    widths = {str(rect.get("class")): rect.get("width") for rect in svg.iter("rect")}
    assert widths["tone-within"] == "71.43%"
    assert widths["tone-substituted"] == "3.57%"
    assert widths["tone-overage"] == "25%"
    assert {rect.get("x") for rect in svg.iter("rect") if rect.get("class") == "meter-mark"} == {"71.43%"}
    assert svg.get("aria-label") == "Standard: 28 used of 20"


def test_a_meter_within_its_commitment_has_no_overage_and_no_mark() -> None:
    svg = usage_meter(used=4, commitment=5, label="Premium: 4 used of 5")
    assert 'class="tone-within" x="0%" width="80%"' in svg
    assert "tone-overage" not in svg
    assert "meter-mark" not in svg


@pytest.mark.parametrize(
    ("used", "commitment", "substituted", "above", "left"),
    [(4, 5, 0, 0, 1), (5, 5, 0, 0, 0), (28, 20, 1, 7, 0), (0, 0, 0, 0, 0), (15, 10, 5, 0, 0)],
)
def test_the_balance_is_what_is_above_or_left(
    used: int, commitment: int, substituted: int, above: int, left: int
) -> None:
    balance = usage_balance(used=used, commitment=commitment, substituted=substituted)
    assert (balance.above, balance.left) == (above, left)
