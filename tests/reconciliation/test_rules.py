"""The worked examples of the rules R2–R8, R11 and R15, and what must hold for any usage. No database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.counting import Facts, Named, calculate
from apps.reconciliation.domain.detail import Billed, Figures, Row, family_of, mark_overage_peaks
from apps.reconciliation.domain.logins import AgentsUsed, first_logins, logged_in_by_day
from apps.reconciliation.domain.overage import port_commitment, settle_agents
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings
from tests.factories.counts import concurrent_samples, contacts_by_instant, contacts_by_minute
from tests.factories.usage import DAY, Session, at, intervals, session

BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
TODAY = Period(DAY, DAY)
P_NAMED, S_NAMED = UsageType.PREMIUM_NAMED, UsageType.STANDARD_NAMED
P_CONCURRENT, S_CONCURRENT = UsageType.PREMIUM_CONCURRENT, UsageType.STANDARD_CONCURRENT
WFO, IVR = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT


def sample(clock: str) -> int:
    """The quarter-hour of a day that a time lies in."""
    moment = at(clock)
    return moment.hour * 4 + moment.minute // 15


def concurrent(*sessions: Session, period: Period = TODAY) -> AgentsUsed:
    return concurrent_samples(intervals(sessions), period)


def by_day(sessions: Named, period: Period) -> AgentsUsed:
    """Agents who logged in up to each day."""
    return logged_in_by_day(first_logins(sessions.intervals, sessions.names, period), period)


def peaks(*sessions: Session, period: Period = TODAY) -> list[tuple[int, int]]:
    """Units used of each day: Premium, Standard."""
    used = concurrent(*sessions, period=period)
    return list(zip(map(int, used.premium.max(axis=1)), map(int, used.standard.max(axis=1)), strict=True))


# R2


HOUR = {
    "1": [(0, 44)],
    "2": [(0, 60)],
    "3": [(20, 60)],
    "4": [(14, 46)],
    "5": [(0, 5), (15, 17), (31, 33), (58, 60)],
    "6": [(0, 14), (31, 60)],
    "7": [(5, 59)],
}


def minute(number: int) -> str:
    return f"{10 + number // 60}:{number % 60:02}"


def hour_of(agent: str) -> list[Session]:
    return [session(agent, minute(first), minute(last)) for first, last in HOUR[agent]]


def test_R2_seven_agents_of_one_hour() -> None:
    used = concurrent(*(each for agent in HOUR for each in hour_of(agent)))
    assert used.standard[0, sample("10:45")] == 4
    assert used.standard[0].max() == 4


@pytest.mark.parametrize("agent", HOUR)
def test_R2_of_the_seven_exactly_2_4_5_and_7_count_in_sample_D(agent: str) -> None:
    counted = int(concurrent(*hour_of(agent)).standard[0, sample("10:45")])
    assert counted == (1 if agent in "2457" else 0)


def test_R2_handover_with_45_minutes_peaks_at_one() -> None:
    assert peaks(session("early", "08:00", "16:00"), session("late", "15:15", "23:00")) == [(0, 1)]


def test_R2_handover_from_15_14_peaks_at_two() -> None:
    assert peaks(session("early", "08:00", "16:00"), session("late", "15:14", "23:00")) == [(0, 2)]


def test_R2_the_day_has_96_samples() -> None:
    assert concurrent().premium.shape == (1, 96)
    assert concurrent(period=Period(DAY, AFTER)).standard.shape == (2, 96)


def presence(*pieces: tuple[str, str]) -> bool:
    """Whether an agent counts in 10:45–11:00 who is present before and has these pieces in that sample."""
    before = session("a", "10:00", "10:45")
    used = concurrent(before, *(session("a", *piece) for piece in pieces))
    return bool(used.standard[0, sample("10:45")])


@pytest.mark.parametrize(
    ("pieces", "present"),
    [
        ([("10:50:00", "10:51:00")], True),
        ([("10:50:00", "10:50:59.999999")], False),
        ([("10:46:00", "10:46:20"), ("10:50:00", "10:50:20"), ("10:59:00", "10:59:20")], True),
        ([("10:46:00", "10:46:20"), ("10:50:00", "10:50:20"), ("10:59:00", "10:59:19.999999")], False),
        ([("10:46:00", "10:46:40"), ("10:46:20", "10:47:00")], True),
        ([("10:46:00", "10:46:40"), ("10:46:00", "10:46:40")], False),
        ([("10:46:00", "10:46:50"), ("10:46:10", "10:46:20"), ("10:46:45", "10:46:55")], False),
        ([("10:59:00", "11:10:00")], True),
        ([("10:59:00.000001", "11:10:00")], False),
        ([("10:45:00", "10:46:00")], True),
        ([("11:00:00", "11:15:00")], False),
        ([], False),
    ],
)
def test_R2_present_means_60_seconds_of_the_union_of_the_sessions(
    pieces: list[tuple[str, str]], present: bool
) -> None:
    assert presence(*pieces) is present


def test_R2_sessions_that_touch_are_one_and_a_session_without_length_is_no_presence() -> None:
    quarter = [
        session("a", "10:00", "10:45"),
        session("a", "10:45", "10:45:30"),
        session("a", "10:45:30", "10:46"),
    ]
    assert peaks(*quarter) == [(0, 1)]
    assert peaks(*(session("b", f"10:{n:02}", f"10:{n:02}") for n in range(60))) == [(0, 0)]


def test_R2_four_samples_in_a_row_are_needed() -> None:
    assert peaks(session("a", "10:00", "10:45")) == [(0, 0)]
    assert peaks(session("a", "10:00", "10:46")) == [(0, 1)]
    assert peaks(session("a", "10:00", "10:30"), session("a", "10:45", "11:15")) == [(0, 0)]


def test_R2_a_day_starts_counting_at_its_first_sample_for_who_was_there_before_midnight() -> None:
    over_midnight = session("a", "23:15", "00:01", day=BEFORE, to=DAY)
    used = concurrent(over_midnight)
    assert used.standard[0, 0] == 1
    assert used.standard[0, 1:].max() == 0
    assert peaks(over_midnight, period=Period(BEFORE, DAY)) == [(0, 0), (0, 1)]


def test_R2_a_session_that_starts_at_midnight_counts_from_its_fourth_sample_on() -> None:
    used = concurrent(session("a", "00:00", "24:00"))
    assert list(used.standard[0, :4]) == [0, 0, 0, 1]
    assert used.standard[0, 95] == 1


@pytest.mark.parametrize(
    ("premium", "counts_as"),
    [
        (session("a", "10:30", "10:30:01", premium=True), (1, 0)),
        (session("a", "10:30", "10:30", premium=True), (1, 0)),
        (session("a", "10:59:59", "11:00", premium=True), (1, 0)),
        (session("a", "09:59", "10:00:00.000001", premium=True), (1, 0)),
        (session("a", "09:59", "10:00", premium=True), (0, 1)),
        (session("a", "11:00", "11:30", premium=True), (0, 1)),
        (session("b", "10:00", "10:30", premium=True), (0, 1)),
    ],
)
def test_R2_any_premium_session_that_overlaps_one_of_the_four_samples_makes_the_agent_premium(
    premium: Session, counts_as: tuple[int, int]
) -> None:
    used = concurrent(session("a", "10:00", "11:00"), premium)
    at_d = used.premium[0, sample("10:45")], used.standard[0, sample("10:45")]
    assert at_d == counts_as


def test_R2_an_agent_is_premium_or_standard_never_both() -> None:
    used = concurrent(session("a", "08:00", "16:00"), session("a", "10:00", "10:10", premium=True))
    together = used.premium + used.standard
    assert together.max() == 1
    # The Premium quarter-hour and the three that look back at it.
    assert [n for n in range(96) if used.premium[0, n]] == [
        sample(c) for c in ("10:00", "10:15", "10:30", "10:45")
    ]


def test_R2_units_used_are_the_highest_of_each_licence_separately() -> None:
    assert peaks(
        session("a", "08:00", "10:00", premium=True),
        session("b", "08:00", "10:00", premium=True),
        session("c", "14:00", "16:00"),
    ) == [(2, 1)]


# R3


def named(*sessions: Session, days: int = 3) -> list[tuple[int, int]]:
    used = by_day(with_ids(sessions), Period(DAY, DAY + timedelta(days=days - 1)))
    return list(zip(map(int, used.premium), map(int, used.standard), strict=True))


def test_R3_ten_log_in_one_is_deleted_and_a_new_one_logs_in_eleven() -> None:
    ten = [session(f"a{n}", "08:00", "16:00") for n in range(10)]
    nine = [session(f"a{n}", "08:00", "16:00", day=AFTER) for n in range(9)]
    assert named(*ten, *nine, session("new", "09:00", "16:00", day=AFTER), days=2) == [(0, 10), (0, 11)]


def test_R3_units_used_never_fall() -> None:
    assert named(session("a", "08:00", "09:00"), session("b", "08:00", "09:00", day=AFTER)) == [
        (0, 1),
        (0, 2),
        (0, 2),
    ]


def test_R3_a_session_of_zero_length_is_a_login() -> None:
    assert named(session("a", "08:00", "08:00"), days=1) == [(0, 1)]
    assert named(session("a", "00:00", "00:00"), days=1) == [(0, 1)]


def test_R3_the_days_edges_are_half_open() -> None:
    until_midnight = session("a", "22:00", "00:00", day=BEFORE, to=DAY)
    assert named(until_midnight, days=1) == [(0, 0)]
    assert named(replace_end(until_midnight, "00:00:00.000001"), days=1) == [(0, 1)]
    assert named(session("a", "00:00", "01:00", day=AFTER), days=1) == [(0, 0)]


def replace_end(before: Session, clock: str) -> Session:
    return (before[0], before[1], at(clock), before[3])


def test_R3_a_session_open_across_the_cycles_start_counts_in_both_cycles() -> None:
    across = session("a", "22:00", "02:00", day=BEFORE, to=DAY)
    for period in (Period(BEFORE, BEFORE), Period(DAY, DAY)):
        assert by_day(with_ids([across]), period).standard.tolist() == [1]


def test_R3_an_agent_with_any_premium_session_in_the_cycle_is_premium_from_its_first_login_on() -> None:
    sessions = [
        session("a", "08:00", "16:00"),
        session("a", "08:00", "08:00", day=AFTER, premium=True),
        session("b", "08:00", "16:00"),
    ]
    assert named(*sessions, days=1) == [(0, 2)]
    assert named(*sessions, days=2) == [(1, 1), (1, 1)]


def test_R3_a_premium_session_of_another_cycle_changes_nothing() -> None:
    assert named(
        session("a", "08:00", "09:00"), session("a", "08:00", "09:00", day=BEFORE, premium=True), days=1
    ) == [(0, 1)]


# A record without an end


def open_session(start: datetime, *, hours: int = 24) -> Facts:
    return facts(agents=[("a", start, None, False)], longest_open=timedelta(hours=hours))


def test_a_session_still_going_on_lasts_24_hours_at_most() -> None:
    opened = open_session(at("22:00")).agents
    used = concurrent_samples(opened.intervals, Period(DAY, AFTER + timedelta(days=1)))
    assert [int(day.max()) for day in used.standard] == [1, 1, 0]
    assert used.standard[1, sample("21:45")] == 1
    assert used.standard[1, sample("22:00")] == 0


def test_a_session_still_going_on_lasts_to_the_end_of_the_last_day_used() -> None:
    opened = open_session(at("22:00")).agents
    used = concurrent_samples(opened.intervals, TODAY)
    assert used.standard[0, 95] == 1
    assert by_day(opened, TODAY).standard.tolist() == [1]


def test_how_long_a_record_may_stay_open_is_a_setting() -> None:
    opened = open_session(at("10:00"), hours=2).agents
    assert concurrent_samples(opened.intervals, TODAY).standard[0].nonzero()[0].max() == sample("11:45")


# R4 and R5


@pytest.mark.parametrize(
    ("premium", "standard", "substituted", "premium_overage", "standard_overage"),
    [
        (10, 10, 0, 0, 0),
        (0, 15, 5, 0, 0),
        (10, 15, 0, 0, 5),
        (12, 1, 0, 2, 0),
        (0, 0, 0, 0, 0),
        (4, 20, 6, 0, 4),
        (0, 25, 10, 0, 5),
        (12, 15, 0, 2, 5),
    ],
)
def test_R4_substitution_with_10_and_10_committed(
    premium: int, standard: int, substituted: int, premium_overage: int, standard_overage: int
) -> None:
    assert settled(premium, standard, 10, 10) == (substituted, premium_overage, standard_overage)


def settled(
    premium: int, standard: int, premium_committed: int, standard_committed: int
) -> tuple[int, int, int]:
    """What a single day comes to: substituted, Premium overage, Standard overage."""
    days = settle_agents(
        premium=np.array([premium]),
        standard=np.array([standard]),
        premium_committed=np.array([premium_committed]),
        standard_committed=np.array([standard_committed]),
    )
    return int(days.substituted[0]), int(days.premium_overage[0]), int(days.standard_overage[0])


counts = st.integers(0, 30)


@settings(max_examples=200)
@given(premium=counts, standard=counts, premium_committed=counts, standard_committed=counts, more=counts)
def test_R4_R5_whatever_is_used(
    premium: int, standard: int, premium_committed: int, standard_committed: int, more: int
) -> None:
    substituted, over_premium, over_standard = settled(
        premium, standard, premium_committed, standard_committed
    )
    assert over_premium == max(0, premium - premium_committed)  # substitution never covers Premium
    assert 0 <= substituted <= max(0, premium_committed - premium)
    assert standard <= standard_committed + substituted + over_standard
    assert not (over_standard and substituted < max(0, premium_committed - premium))
    # More commitment never means more overage.
    assert (
        sum(settled(premium, standard, premium_committed + more, standard_committed)[1:])
        <= over_premium + over_standard
    )
    assert (
        sum(settled(premium, standard, premium_committed, standard_committed + more)[1:])
        <= over_premium + over_standard
    )


# R8


def ports(*legs: Session, period: Period = TODAY) -> list[int]:
    return list(map(int, contacts_by_minute(intervals(legs), period).max(axis=1)))


def test_R8_units_used_are_the_most_distinct_contacts_that_touch_one_clock_minute() -> None:
    assert ports(session("c1", "10:04:10", "10:04:20"), session("c2", "10:04:50", "10:05:10")) == [2]
    assert ports(session("c1", "10:04:10", "10:04:20"), session("c2", "10:05:00", "10:05:10")) == [1]


@pytest.mark.parametrize(
    ("end", "minutes"),
    [("10:05:00", ["10:04"]), ("10:05:00.000001", ["10:04", "10:05"]), ("10:04:30", ["10:04"])],
)
def test_R8_a_leg_that_ends_at_10_05_00_sharp_does_not_touch_10_05(end: str, minutes: list[str]) -> None:
    touched = contacts_by_minute(intervals([session("c1", "10:04:30", end)]), TODAY)[0].nonzero()[0]
    assert [f"{n // 60}:{n % 60:02}" for n in touched] == minutes


def test_R8_a_leg_of_zero_length_touches_its_minute() -> None:
    touched = contacts_by_minute(intervals([session("c1", "10:05", "10:05")]), TODAY)[0].nonzero()[0]
    assert touched.tolist() == [605]
    assert ports(session("c1", "00:00", "00:00")) == [1]


def test_R8_two_legs_of_one_contact_in_a_minute_are_one() -> None:
    assert ports(session("c1", "10:04:10", "10:04:20"), session("c1", "10:04:40", "10:06:00")) == [1]


def test_R8_a_leg_over_midnight_counts_on_both_days() -> None:
    assert ports(session("c1", "23:59", "00:01", to=AFTER), period=Period(DAY, AFTER)) == [1, 1]
    assert ports(session("c1", "23:59", "00:00", to=AFTER), period=Period(DAY, AFTER)) == [1, 0]


def test_R8_setting_instant_counts_contacts_at_one_moment() -> None:
    legs = intervals([session("c1", "10:04:10", "10:04:20"), session("c2", "10:04:20", "10:05:10")])
    assert contacts_by_minute(legs, TODAY).max() == 2
    by_instant = contacts_by_instant(legs, TODAY)
    assert by_instant.max() == 1
    assert by_instant[0, 604] == by_instant[0, 605] == 1
    overlapping = intervals(
        [session("c1", "10:04:10", "10:04:20.000001"), session("c2", "10:04:20", "10:05:10")]
    )
    assert contacts_by_instant(overlapping, TODAY)[0, 604:606].tolist() == [2, 1]


def test_R8_setting_instant_counts_a_contact_without_length_at_its_moment() -> None:
    legs = [session("c1", "10:04:10", "10:04:20"), session("c2", "10:04:15", "10:04:15")]
    assert contacts_by_instant(intervals(legs), TODAY)[0, 604] == 2
    legs[1] = session("c2", "10:04:20", "10:04:20")
    assert contacts_by_instant(intervals(legs), TODAY)[0, 604] == 1


def test_R8_two_ports_come_with_every_agent_licence_committed_or_incurred_as_overage() -> None:
    assert port_commitment(
        committed_agents=np.array([25]), overage_agents=13, additional=np.array([4])
    ).tolist() == [80]


# A cycle as a whole


def facts(
    *,
    agents: Sequence[Session] = (),
    wfo: Sequence[Session] = (),
    ivr: Sequence[Session] = (),
    voice: Sequence[Session] = (),
    longest_open: timedelta = timedelta(hours=24),
) -> Facts:
    return Facts(*(with_ids(each, longest_open=longest_open) for each in (agents, wfo, ivr, voice)))


def with_ids(sessions: Sequence[Session], *, longest_open: timedelta = timedelta(hours=24)) -> Named:
    """Sessions with the ids of their actors, which ``intervals`` codes in the order in which they come."""
    return Named(
        intervals(sessions, longest_open=longest_open), list(dict.fromkeys(actor for actor, *_ in sessions))
    )


def figures(
    usage: Facts,
    committed: Mapping[UsageType, int | list[int]],
    *,
    days: int = 1,
    model: LicenceModel = LicenceModel.NAMED,
    chosen: Settings | None = None,
) -> Figures:
    period = Period(DAY, DAY + timedelta(days=days - 1))
    return calculate(
        period=period,
        licence_model=model,
        committed={
            usage_type: [held] * days if isinstance(held, int) else held
            for usage_type, held in committed.items()
        },
        facts=usage,
        settings=chosen or Settings(),
    )


def at_desks(premium: int, standard: int, *, day: date = DAY, clock: str = "08:00") -> list[Session]:
    """So many agents with sessions of two hours, Premium first; the same agents on every day."""
    end = (at(clock) + timedelta(hours=2)).strftime("%H:%M")
    return [session(f"p{n}", clock, end, premium=True, day=day) for n in range(premium)] + [
        session(f"s{n}", clock, end, day=day) for n in range(standard)
    ]


def calls(number: int, *, clock: str = "10:00", day: date = DAY) -> list[Session]:
    """So many contacts in one minute."""
    return [session(f"{clock}-{n}", clock, clock, day=day) for n in range(number)]


def rows_of(found: Figures, usage_type: UsageType) -> list[tuple[int, int, int, int, bool]]:
    """Used, committed, substituted, overage, marked of each day."""
    return [
        (row.used, row.committed, row.substituted, row.overage, row.is_overage_peak)
        for row in found.rows
        if row.usage_type is usage_type
    ]


def test_R8_80_ports_and_a_peak_of_83_bills_3() -> None:
    found = figures(facts(agents=at_desks(7, 31), ivr=calls(83)), {P_NAMED: 5, S_NAMED: 20, IVR: 4})
    assert (found.billed[P_NAMED].quantity, found.billed[S_NAMED].quantity) == (2, 11)
    assert rows_of(found, IVR) == [(83, 80, 0, 3, True)]
    assert found.billed[IVR] == Billed(3, DAY)


def test_R8_a_row_is_judged_by_its_own_days_overage_and_the_bill_by_the_cycles() -> None:
    # The agents' overage arrives on the second day; the calls come on the first.
    found = figures(
        facts(agents=at_desks(0, 3) + at_desks(0, 5, day=AFTER), ivr=calls(12)), {S_NAMED: 3}, days=2
    )
    assert rows_of(found, IVR) == [(12, 6, 0, 6, True), (0, 10, 0, 0, False)]
    assert found.billed[S_NAMED] == Billed(2, AFTER)
    assert found.billed[IVR] == Billed(2, DAY)


def test_R8_a_marked_peak_can_be_billed_0() -> None:
    found = figures(
        facts(agents=at_desks(0, 3) + at_desks(0, 9, day=AFTER), ivr=calls(12)), {S_NAMED: 3}, days=2
    )
    assert rows_of(found, IVR)[0] == (12, 6, 0, 6, True)
    assert found.billed[IVR] == Billed(0, None)


def test_R6_the_quantity_is_the_largest_daily_overage_of_each_type_from_different_days() -> None:
    found = figures(
        facts(agents=at_desks(3, 0) + at_desks(0, 4, day=AFTER)),
        {P_CONCURRENT: 1, S_CONCURRENT: 1},
        days=2,
        model=LicenceModel.CONCURRENT,
    )
    assert rows_of(found, P_CONCURRENT) == [(3, 1, 0, 2, True), (0, 1, 0, 0, False)]
    assert rows_of(found, S_CONCURRENT) == [(0, 1, 0, 0, False), (4, 1, 1, 2, False)]
    assert (found.billed[P_CONCURRENT], found.billed[S_CONCURRENT]) == (Billed(2, DAY), Billed(2, AFTER))


def test_R6_setting_combined_day_bills_each_type_as_on_its_familys_marked_day() -> None:
    found = figures(
        facts(agents=at_desks(3, 0) + at_desks(0, 6, day=AFTER), ivr=calls(20) + calls(16, day=AFTER)),
        {P_CONCURRENT: 1, S_CONCURRENT: 1},
        days=2,
        model=LicenceModel.CONCURRENT,
        chosen=Settings(billed_peak="combined_day"),
    )
    assert found.billed[P_CONCURRENT] == Billed(0, None)
    assert found.billed[S_CONCURRENT] == Billed(4, AFTER)
    # Ports on their own family's marked day: 20 − 2 × (1 + 1 + 2) on the first, 16 − 2 × (1 + 1 + 4) on the second.
    assert found.billed[IVR] == Billed(12, DAY)


def test_R6_of_two_days_with_the_same_overage_the_first_is_named() -> None:
    found = figures(facts(agents=at_desks(0, 4)), {S_NAMED: 1}, days=3)
    assert found.billed[S_NAMED] == Billed(3, DAY)


def test_R5_usage_never_raises_a_commitment() -> None:
    found = figures(facts(agents=at_desks(9, 9)), {P_NAMED: 2, S_NAMED: 3}, days=2)
    assert [(row[1], row[3]) for row in rows_of(found, P_NAMED)] == [(2, 7), (2, 7)]
    assert [(row[1], row[3]) for row in rows_of(found, S_NAMED)] == [(3, 6), (3, 6)]


def test_R10_each_day_is_judged_by_the_quantities_in_force_on_it() -> None:
    found = figures(facts(agents=at_desks(0, 5)), {S_NAMED: [5, 3, 4]}, days=3)
    assert rows_of(found, S_NAMED) == [(5, 5, 0, 0, False), (5, 3, 0, 2, True), (5, 4, 0, 1, False)]


def test_R10_usage_without_any_commitment_is_overage() -> None:
    found = figures(facts(agents=at_desks(1, 2), ivr=calls(7)), {})
    assert (found.billed[P_NAMED].quantity, found.billed[S_NAMED].quantity) == (1, 2)
    assert rows_of(found, IVR) == [(7, 6, 0, 1, True)]


# R7


def row(usage_type: UsageType, overage: int, day: date = DAY) -> Row:
    return Row(day, usage_type, overage, 0, 0, overage)


def marked(*rows: Row) -> list[tuple[date, UsageType]]:
    overage = {each.usage_type: np.zeros(2, np.int64) for each in rows}
    for each in rows:
        overage[each.usage_type][(each.day - DAY).days] = each.overage
    return sorted(
        (DAY + timedelta(days=day), usage_type) for usage_type, day in mark_overage_peaks(overage).items()
    )


def test_R7_the_first_day_whose_summed_overage_is_the_maximum_is_marked_premium_before_standard() -> None:
    assert marked(row(P_NAMED, 2), row(S_NAMED, 1), row(P_NAMED, 1, AFTER), row(S_NAMED, 3, AFTER)) == [
        (AFTER, P_NAMED)
    ]
    assert marked(row(P_NAMED, 1), row(S_NAMED, 2), row(P_NAMED, 0, AFTER), row(S_NAMED, 3, AFTER)) == [
        (DAY, P_NAMED)
    ]
    assert marked(row(P_NAMED, 0), row(S_NAMED, 3)) == [(DAY, S_NAMED)]


def test_R7_without_overage_nothing_is_marked() -> None:
    assert marked(row(P_NAMED, 0), row(S_NAMED, 0), row(IVR, 0)) == []


def test_R7_each_family_is_marked_for_itself() -> None:
    assert marked(
        row(S_NAMED, 1),
        row(WFO, 1),
        row(IVR, 2),
        row(S_NAMED, 2, AFTER),
        row(WFO, 1, AFTER),
        row(IVR, 1, AFTER),
    ) == [(DAY, IVR), (DAY, WFO), (AFTER, S_NAMED)]


def test_R7_the_mark_can_move_while_the_cycle_is_open() -> None:
    usage = facts(agents=at_desks(0, 2) + at_desks(0, 3, day=AFTER))
    assert [each[4] for each in rows_of(figures(usage, {S_NAMED: 1}, days=1), S_NAMED)] == [True]
    assert [each[4] for each in rows_of(figures(usage, {S_NAMED: 1}, days=2), S_NAMED)] == [False, True]


# R11


def wfo(*agents: str, day: date = DAY) -> list[Session]:
    return [session(agent, "08:00", "09:00", day=day) for agent in agents]


def test_R11_distinct_agents_over_the_cycle_without_substitution_or_ports() -> None:
    found = figures(facts(wfo=wfo("a", "b") + wfo("b", "c", day=AFTER)), {WFO: 2, P_NAMED: 10}, days=2)
    assert rows_of(found, WFO) == [(2, 2, 0, 0, False), (3, 2, 0, 1, True)]
    assert found.billed[WFO] == Billed(1, AFTER)
    assert [each[1] for each in rows_of(found, IVR)] == [20, 20]


@pytest.mark.parametrize(
    ("usage", "committed", "shown"),
    [
        ([], {}, 0),
        ([], {WFO: [0, 0]}, 0),
        ([], {WFO: [0, 3]}, 2),
        (wfo("a", day=AFTER), {}, 2),
        (wfo("a", day=AFTER + timedelta(days=1)), {}, 0),
    ],
)
def test_R11_its_rows_are_there_when_the_cycle_has_a_commitment_or_a_use_of_it(
    usage: list[Session], committed: dict[UsageType, int | list[int]], shown: int
) -> None:
    found = figures(facts(wfo=usage), committed, days=2)
    assert len(rows_of(found, WFO)) == shown
    assert (WFO in found.billed) is (shown > 0)


def test_R11_use_without_a_commitment_is_overage() -> None:
    assert figures(facts(wfo=wfo("a", "b")), {}).billed[WFO] == Billed(2, DAY)


def test_the_rows_of_a_day_stand_in_order() -> None:
    found = figures(facts(wfo=wfo("a")), {}, days=2, model=LicenceModel.CONCURRENT)
    assert [(each.day, each.usage_type) for each in found.rows] == [
        (day, usage_type) for day in (DAY, AFTER) for usage_type in (P_CONCURRENT, S_CONCURRENT, WFO, IVR)
    ]


def test_the_peak_of_a_row_tells_the_minute_at_which_it_began() -> None:
    found = figures(
        facts(agents=at_desks(1, 2, clock="09:30"), ivr=calls(2, clock="13:07")),
        {},
        model=LicenceModel.CONCURRENT,
    )
    assert {each.usage_type: each.peak_at for each in found.rows} == {
        P_CONCURRENT: 10 * 60 + 15,
        S_CONCURRENT: 10 * 60 + 15,
        IVR: 13 * 60 + 7,
    }


# What must hold for any usage

moments = st.integers(-24 * 60, 3 * 24 * 60).map(lambda minutes: at("00:00") + timedelta(minutes=minutes))
lengths = st.sampled_from([0, 1, 5, 14, 15, 16, 44, 45, 46, 61, 480]).map(
    lambda minutes: timedelta(minutes=minutes)
)
sessions_of_days = st.lists(
    st.builds(
        lambda agent, start, length, premium: (
            f"a{agent}",
            start,
            None if length is None else start + length,
            premium,
        ),
        agent=st.integers(0, 4),
        start=moments,
        length=st.none() | lengths,
        premium=st.booleans(),
    ),
    max_size=12,
)
models = st.sampled_from(LicenceModel)
chosen_settings = st.builds(
    Settings,
    billed_peak=st.sampled_from(["per_type", "combined_day"]),
    ivr_peak=st.sampled_from(["minute", "instant"]),
)
THREE_DAYS = Period(DAY, DAY + timedelta(days=2))


def told(found: Figures) -> tuple[list[Row], dict[UsageType, Billed], dict[Measure, bytes]]:
    """Everything, in a form that can be compared."""
    return (
        list(found.rows),
        dict(found.billed),
        {measure: profile.tobytes() for measure, profile in found.profiles.items()},
    )


@settings(max_examples=60)
@given(usage=sessions_of_days, model=models, chosen=chosen_settings, data=st.data())
def test_R15_the_order_of_the_records_changes_nothing(
    usage: list[Session], model: LicenceModel, chosen: Settings, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(usage))
    before, after = (
        told(
            figures(facts(agents=each, wfo=each, ivr=each), {S_NAMED: 1}, days=3, model=model, chosen=chosen)
        )
        for each in (usage, shuffled)
    )
    assert before == after


@settings(max_examples=60)
@given(usage=sessions_of_days, model=models, chosen=chosen_settings, data=st.data())
def test_R2_R3_R8_splitting_a_session_into_touching_ones_changes_nothing(
    usage: list[Session], model: LicenceModel, chosen: Settings, data: st.DataObject
) -> None:
    pieces: list[Session] = []
    for actor, start, end, premium in usage:
        minutes = 0 if end is None else int((end - start) / timedelta(minutes=1))
        cut = start + timedelta(minutes=data.draw(st.integers(1, minutes - 1))) if minutes > 1 else None
        if cut is None or end is None:
            pieces.append((actor, start, end, premium))
        else:
            pieces += [(actor, start, cut, premium), (actor, cut, end, premium)]
    before, after = (
        told(
            figures(facts(agents=each, wfo=each, ivr=each), {S_NAMED: 1}, days=3, model=model, chosen=chosen)
        )
        for each in (usage, pieces)
    )
    assert before == after


@settings(max_examples=60)
@given(
    usage=sessions_of_days,
    legs=sessions_of_days,
    held=st.tuples(*[st.lists(st.integers(0, 3), min_size=3, max_size=3)] * 4),
    model=models,
    chosen=chosen_settings,
)
def test_R4_to_R8_whatever_was_used(
    usage: list[Session],
    legs: list[Session],
    held: tuple[list[int], ...],
    model: LicenceModel,
    chosen: Settings,
) -> None:
    premium, standard = (P_NAMED, S_NAMED) if model is LicenceModel.NAMED else (P_CONCURRENT, S_CONCURRENT)
    committed = dict(zip((premium, standard, WFO, IVR), held, strict=True))
    found = figures(facts(agents=usage, wfo=usage, ivr=legs), committed, days=3, model=model, chosen=chosen)

    for each in found.rows:
        assert min(each.used, each.committed, each.substituted, each.overage) >= 0
        assert each.overage == max(0, each.used - each.committed - each.substituted)
        assert each.usage_type is standard or each.substituted == 0
    by_type = {kind: [each for each in found.rows if each.usage_type is kind] for kind in found.billed}
    for kind, rows in by_type.items():
        assert [each.day for each in rows] == list(THREE_DAYS)
        largest = max(each.overage for each in rows)
        billed = found.billed[kind].quantity
        if chosen.billed_peak == "per_type" and kind is not IVR:
            assert billed == largest
        else:
            assert billed <= largest
        assert (found.billed[kind].day is None) is (billed == 0)
        if kind.value in {measure.value for measure in Measure} and Measure(kind) in found.profiles:
            profile = found.profiles[Measure(kind)]
            assert profile.max(axis=1).tolist() == [each.used for each in rows]
            if rows[0].peak_at is not None:
                width = 1440 // profile.shape[1]
                assert [
                    int(profile[index, (each.peak_at or 0) // width]) for index, each in enumerate(rows)
                ] == [each.used for each in rows]
    for family in {family_of(kind) for kind in by_type}:
        of_family = [each for each in found.rows if each.family is family]
        assert sum(each.is_overage_peak for each in of_family) == (
            1 if any(each.overage for each in of_family) else 0
        )
    if model is LicenceModel.NAMED:
        together = [p.used + s.used for p, s in zip(by_type[premium], by_type[standard], strict=True)]
        assert together == sorted(together)


@settings(max_examples=40)
@given(usage=sessions_of_days, model=models, more=st.integers(1, 3), first=st.integers(0, 2))
def test_R5_more_commitment_never_means_more_overage_of_agents(
    usage: list[Session], model: LicenceModel, more: int, first: int
) -> None:
    premium, standard = (P_NAMED, S_NAMED) if model is LicenceModel.NAMED else (P_CONCURRENT, S_CONCURRENT)

    def overage(committed: Mapping[UsageType, int | list[int]]) -> list[int]:
        found = figures(facts(agents=usage), committed, days=3, model=model)
        by_day: dict[date, int] = {}
        for each in found.rows:
            if each.usage_type in (premium, standard):
                by_day[each.day] = by_day.get(each.day, 0) + each.overage
        return list(by_day.values())

    fewer = overage({premium: first, standard: first})
    assert np.all(np.array(overage({premium: first + more, standard: first})) <= fewer)
    assert np.all(np.array(overage({premium: first, standard: first + more})) <= fewer)


@settings(max_examples=40)
@given(legs=sessions_of_days)
def test_R8_no_instant_has_more_contacts_than_its_minute(legs: list[Session]) -> None:
    by_minute, by_instant = (
        count(intervals(legs), THREE_DAYS) for count in (contacts_by_minute, contacts_by_instant)
    )
    assert np.all(by_instant <= by_minute)
    assert np.all((by_instant > 0) == (by_minute > 0))


def test_R15_settings_are_plain_values_for_a_snapshot() -> None:
    assert replace(Settings(), ivr_peak="instant").snapshot(LicenceModel.NAMED) == {
        "licence_model": "named",
        "billed_peak": "per_type",
        "ivr_peak": "instant",
        "longest_open_hours": 24,
    }
