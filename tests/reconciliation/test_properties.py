"""What must hold whatever the usage: properties of the rules' pure functions on random records and commitments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import ONE_DAY, Period
from apps.reconciliation.domain.counting import Facts, Named, Stretch, calculate, count_days
from apps.reconciliation.domain.detail import Figures, Use, settle
from apps.reconciliation.domain.intervals import start_of
from apps.reconciliation.domain.logins import Logins, first_logins
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.steps import Steps
from apps.subscriptions.domain.cycles import Cycle, Term, list_cycles, primary_on
from apps.usage.domain.days import days_changed
from apps.usage.domain.records import Content, Outcome, meet
from tests.factories.counts import concurrent_samples, contacts_by_instant, contacts_by_minute
from tests.factories.usage import intervals_of

FEW = settings(max_examples=60)
WFO, IVR = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT
PERIOD = Period(date(2024, 2, 28), date(2024, 3, 2))
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Record(NamedTuple):
    """A session, leg or call: times in microseconds from the period's first midnight on."""

    who: int
    start: int
    end: int
    premium: bool = False


# Times near the edges of minutes, samples and days.
TIMES = st.builds(
    lambda quarter, nudge: quarter * 15 * MINUTE + nudge,
    st.integers(-8, PERIOD.days * 96 + 4),
    st.sampled_from([0, 0, 1, -1, SECOND, MINUTE, -MINUTE, MINUTE - 1, 5 * MINUTE]),
)
LENGTHS = st.sampled_from(
    [0, 1, 59 * SECOND, MINUTE, 15 * MINUTE, 45 * MINUTE, 46 * MINUTE, 75 * MINUTE, 8 * 60 * MINUTE]
)
RECORDS = st.lists(
    st.builds(
        lambda who, start, length, premium: Record(who, start, start + length, premium),
        st.integers(0, 4),
        TIMES,
        LENGTHS,
        st.booleans(),
    ),
    max_size=14,
)
SETTINGS = st.builds(
    Settings,
    billed_peak=st.sampled_from(["per_type", "combined_day"]),
    ivr_peak=st.sampled_from(["minute", "instant"]),
)
MODELS = st.sampled_from(LicenceModel)


def named(records: Sequence[Record]) -> Named:
    """Records as the rules take them."""
    midnight = start_of(PERIOD.first)
    rows = [(each.who, midnight + each.start, midnight + each.end, each.premium) for each in records]
    names = [f"who-{number}" for number in range(5)]
    return Named(intervals_of(rows), names)


def figures(
    records: Sequence[Record], model: LicenceModel, chosen: Settings
) -> tuple[list[Any], dict[UsageType, Any], dict[Any, list[Any]]]:
    """Rows, billed quantities and profiles of a cycle in which the records are sessions, legs and calls at once."""
    found = calculate(
        period=PERIOD,
        licence_model=model,
        committed={PREMIUM[model]: [1] * PERIOD.days},
        facts=Facts(named(records), named(records), named(records), named(records)),
        settings=chosen,
    )
    return found.rows, dict(found.billed), {name: counts.tolist() for name, counts in found.profiles.items()}


# Many customers at once


@FEW
@given(st.lists(st.tuples(RECORDS, MODELS, SETTINGS, st.integers(1, 4), st.integers(0, 400)), max_size=4))
def test_R2_R8_R9_customers_counted_together_are_counted_as_by_the_rule_alone(
    drawn: list[tuple[list[Record], LicenceModel, Settings, int, int]],
) -> None:
    """Of each its own days, licence model and settings; its records lie before, in and after them."""
    stretches, facts = [], []
    for records, model, chosen, days, later in drawn:
        first = PERIOD.first + timedelta(days=later)
        stretches.append(Stretch(Period(first, first + timedelta(days=days - 1)), model, chosen))
        moved = [
            each._replace(start=each.start + later * DAY, end=each.end + later * DAY) for each in records
        ]
        facts.append(Facts(named(moved), named(moved[1:]), named(moved[2:]), named(moved[3:])))

    for stretch, of_one, counted in zip(stretches, facts, count_days(stretches, facts), strict=True):
        by_setting = contacts_by_minute if stretch.settings.ivr_peak == "minute" else contacts_by_instant
        agents = concurrent_samples(of_one.agents.intervals, stretch.period)
        expected = {
            Measure.PREMIUM_AGENTS: agents.premium,
            Measure.STANDARD_AGENTS: agents.standard,
            Measure.IVR_PORTS: by_setting(of_one.ivr.intervals, stretch.period),
            Measure.VOICE_CALLS: contacts_by_instant(of_one.voice.intervals, stretch.period),
        }
        if stretch.licence_model is LicenceModel.NAMED:
            del expected[Measure.PREMIUM_AGENTS], expected[Measure.STANDARD_AGENTS]
        for measure, counts in expected.items():
            steps = counted.profiles.get(measure, Steps.none(counts.size))
            assert steps.dense().tolist() == counts.ravel().tolist()
            use = counted.use.get(UsageType(measure.value)) if measure is not Measure.VOICE_CALLS else None
            if use is not None:
                assert use.peak_at is not None
                assert use.used.tolist() == counts.max(axis=1).tolist()
                assert use.peak_at.tolist() == (counts.argmax(axis=1) * measure.minutes_a_slot).tolist()
        assert counted.profiles.keys() <= expected.keys()


# Records


@FEW
@given(RECORDS, MODELS, SETTINGS, st.randoms())
def test_R15_the_order_of_the_records_changes_nothing(
    records: list[Record], model: LicenceModel, chosen: Settings, random: Random
) -> None:
    shuffled = random.sample(records, len(records))
    assert figures(shuffled, model, chosen) == figures(records, model, chosen)


@FEW
@given(RECORDS, MODELS, SETTINGS, st.data())
def test_R2_R3_R8_sessions_of_one_that_touch_are_as_good_as_one(
    records: list[Record], model: LicenceModel, chosen: Settings, data: st.DataObject
) -> None:
    """Split anywhere inside; so merging changes nothing either."""
    split = []
    for each in records:
        edges = {each.start, each.end}
        if each.end - each.start > 1:
            inside = st.integers(each.start + 1, each.end - 1)
            edges |= data.draw(st.sets(inside, max_size=3), label=f"cuts of {each}")
        pieces = (
            [each] if len(edges) < 2 else [each._replace(start=a, end=b) for a, b in pairwise(sorted(edges))]
        )
        split += pieces
    assert figures(split, model, chosen) == figures(records, model, chosen)


@FEW
@given(RECORDS, MODELS, SETTINGS)
def test_R2_R3_R8_a_session_inside_another_of_the_same_kind_changes_nothing(
    records: list[Record], model: LicenceModel, chosen: Settings
) -> None:
    halves = [
        each._replace(end=each.start + (each.end - each.start) // 2)
        for each in records
        if each.end > each.start
    ]
    assert figures(records + halves, model, chosen) == figures(records, model, chosen)


@FEW
@given(RECORDS, st.integers(0, 14))
def test_R3_logins_known_in_pieces_are_those_known_at_once(records: list[Record], cut: int) -> None:
    def logins(part: list[Record]) -> Logins:
        found = named(part)
        return first_logins(found.intervals, found.names, PERIOD)

    together, merged = logins(records), logins(records[cut:]).merged(logins(records[:cut]))
    assert merged.agents == together.agents
    assert merged.first.tolist() == together.first.tolist()
    assert merged.premium.tolist() == together.premium.tolist()


def moment(microseconds: int) -> datetime:
    return datetime(2024, 2, 28, tzinfo=UTC) + timedelta(microseconds=microseconds)


@FEW
@given(RECORDS, st.integers(0, 14))
def test_R15_days_are_stale_alike_whether_records_come_at_once_or_in_pieces(
    records: list[Record], cut: int
) -> None:
    contents = [Content("a", True, moment(each.start), moment(each.end)) for each in records]

    def days(part: list[Content]) -> set[date]:
        return {day for period in days_changed(part, longest_open=timedelta(hours=24)) for day in period}

    assert days(contents) == days(contents[:cut]) | days(contents[cut:])
    for content in contents:
        assert {content.started_at.date(), content.started_at.date() + ONE_DAY} <= days([content])


@FEW
@given(st.lists(st.booleans(), min_size=1, max_size=6), st.randoms())
def test_R13_copies_with_and_without_the_end_come_to_the_same_in_any_order(
    ended: list[bool], random: Random
) -> None:
    whole = Content("a", False, moment(0), moment(MINUTE))
    arriving = [whole if has_end else Content("a", False, moment(0), None) for has_end in ended]
    for order in (arriving, random.sample(arriving, len(arriving))):
        stored = order[0]
        outcomes = Counter[Outcome]()
        for content in order[1:]:
            outcome = meet(stored, content)
            outcomes[outcome] += 1
            stored = content if outcome is Outcome.ACCEPTED else stored
        assert stored == (whole if any(ended) else arriving[0])
        assert outcomes[Outcome.CONFLICT] == 0
        assert outcomes[Outcome.ACCEPTED] <= 1


# Commitments

QUANTITIES = st.lists(st.integers(0, 6), min_size=PERIOD.days, max_size=PERIOD.days)


class World(NamedTuple):
    """Use and commitments of each day, by usage type."""

    model: LicenceModel
    used: dict[UsageType, list[int]]
    committed: dict[UsageType, list[int]]

    def settled(self, chosen: Settings) -> Figures:
        return settle(
            period=PERIOD,
            licence_model=self.model,
            committed=self.committed,
            use={usage_type: Use(np.array(days, np.int64)) for usage_type, days in self.used.items()},
            settings=chosen,
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    model = draw(MODELS)
    types = (PREMIUM[model], STANDARD[model], WFO, IVR)
    used = {usage_type: draw(QUANTITIES) for usage_type in types}
    used[IVR] = [3 * quantity for quantity in used[IVR]]
    used[WFO] = sorted(used[WFO])
    return World(model, used, {usage_type: draw(QUANTITIES) for usage_type in types})


def overage(world: World, chosen: Settings, *usage_types: UsageType) -> int:
    """The billed overage of usage types together."""
    billed = world.settled(chosen).billed
    return sum(billed[usage_type].quantity for usage_type in usage_types if usage_type in billed)


@FEW
@given(worlds(), QUANTITIES, st.data())
def test_R4_R5_more_commitment_never_means_more_overage_of_agents_or_wfo(
    world: World, more: list[int], data: st.DataObject
) -> None:
    agents = (PREMIUM[world.model], STANDARD[world.model])
    grown = data.draw(st.sampled_from([*agents, WFO, IVR]))
    larger = [had + new for had, new in zip(world.committed[grown], more, strict=True)]
    richer = world._replace(committed=world.committed | {grown: larger})
    for usage_type in (*agents, WFO):
        assert overage(richer, Settings(), usage_type) <= overage(world, Settings(), usage_type)
    by_day = Settings(billed_peak="combined_day")
    assert overage(richer, by_day, *agents) <= overage(world, by_day, *agents)


@FEW
@given(worlds(), SETTINGS)
def test_R4_substitution_never_covers_premium(world: World, chosen: Settings) -> None:
    premium, standard = PREMIUM[world.model], STANDARD[world.model]
    unused = 0
    for row in world.settled(chosen).rows:
        if row.usage_type is premium:
            assert (row.substituted, row.overage) == (0, max(0, row.used - row.committed))
            unused = max(0, row.committed - row.used)
        elif row.usage_type is standard:
            assert row.substituted <= unused
            assert row.used <= row.committed + row.substituted + row.overage
            assert row.overage == 0 or row.substituted == unused


@FEW
@given(worlds())
def test_R6_what_is_billed_is_at_least_every_days_overage(world: World) -> None:
    """For agents and WFO; of IVR ports at most that, because ports come with the overage billed (R8)."""
    found = world.settled(Settings())
    for row in found.rows:
        if row.usage_type is not IVR:
            assert found.billed[row.usage_type].quantity >= row.overage
    highest = max(row.overage for row in found.rows if row.usage_type is IVR)
    assert 0 <= found.billed[IVR].quantity <= highest


@FEW
@given(worlds())
def test_R6_with_the_other_setting_never_more_is_billed_than_the_marked_day_shows(world: World) -> None:
    found = world.settled(Settings(billed_peak="combined_day"))
    by_type = world.settled(Settings())
    agents = {PREMIUM[world.model], STANDARD[world.model]}
    by_day: Counter[date] = Counter()
    for row in found.rows:
        by_day[row.day] += row.overage if row.usage_type in agents else 0
    assert sum(found.billed[each].quantity for each in agents) == max(by_day.values())
    for usage_type in agents:
        assert found.billed[usage_type].quantity <= by_type.billed[usage_type].quantity


@FEW
@given(worlds(), SETTINGS)
def test_R7_one_row_a_family_is_marked_and_it_has_overage(world: World, chosen: Settings) -> None:
    found = world.settled(chosen)
    marked = [row for row in found.rows if row.is_overage_peak]
    with_overage = {row.family for row in found.rows if row.overage}
    assert {row.family for row in marked} == with_overage
    assert len(marked) == len(with_overage)
    assert all(row.overage for row in marked)


# Cycles

EIGHT_YEARS = Period(date(2019, 1, 1), date(2026, 12, 31))


def term(number: str, starts_on: date, ends_on: date | None, bill_day: int) -> Term:
    return Term(number, starts_on, ends_on, bill_day, LicenceModel.NAMED, "offer")


@pytest.mark.parametrize("bill_day", range(1, 32))
def test_R1_each_day_of_eight_years_lies_in_exactly_one_cycle(bill_day: int) -> None:
    cycles = list_cycles(
        [term("Sub-1", EIGHT_YEARS.first, None, bill_day)], until=EIGHT_YEARS.last + 40 * ONE_DAY
    )
    days = [day for cycle in cycles for day in cycle.period]
    assert days[: EIGHT_YEARS.days] == list(EIGHT_YEARS)
    assert all(later - earlier == ONE_DAY for earlier, later in pairwise(days))
    assert all(28 <= cycle.period.days <= 31 for cycle in cycles[1:])


@st.composite
def several_terms(draw: st.DrawFn) -> list[Term]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        starts_on = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 120)))
        length = draw(st.one_of(st.none(), st.integers(0, 100)))
        ends_on = None if length is None else starts_on + timedelta(days=length)
        found.append(term(f"Sub-{number}", starts_on, ends_on, draw(st.integers(1, 31))))
    return found


@FEW
@given(several_terms())
def test_R10_each_day_with_a_subscription_lies_in_one_cycle_of_its_primary(terms: list[Term]) -> None:
    days = Period(date(2023, 12, 1), date(2024, 9, 30))
    cycles = list_cycles(terms, until=days.last)
    found = Counter(day for cycle in cycles for day in cycle.period)
    assert set(found.values()) == {1}
    for day in days:
        primary = primary_on(terms, day)
        assert found[day] == (primary is not None)
    for cycle in cycles:
        assert cycle.primary == primary_on(terms, cycle.first)
        assert all(cycle.primary.active_on(day) for day in (cycle.first, cycle.last))


@FEW
@given(several_terms(), several_terms(), st.integers(0, 5))
def test_R10_what_is_entered_later_never_changes_a_cycle_that_is_closed(
    terms: list[Term], entered: list[Term], how_many: int
) -> None:
    last = date(2024, 9, 30)
    closed: Sequence[Cycle] = list_cycles(terms, until=last)[:how_many]
    more = [each for each in entered if each.number not in {known.number for known in terms}]
    found = list_cycles([*terms, *more], until=last, closed=closed)
    assert [cycle for cycle in found if cycle in closed] == list(closed)
    days = Counter(day for cycle in found for day in cycle.period)
    assert set(days.values()) == {1}
    for day in Period(date(2023, 12, 1), last):
        assert day in days or primary_on([*terms, *more], day) is None
