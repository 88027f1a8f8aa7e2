"""The worked examples of the rules by the second implementation itself, and whether its random months are any good."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import (
    CONTACT_CENTRE,
    DIGITAL,
    Cycle,
    MissingPrice,
    NotACycle,
    Settings,
    World,
    accepted_calls,
    voice_paths,
)
from tests.oracle.cycles import ONE_DAY, days, uncut_period
from tests.oracle.money import days_looked_at, round_half_up
from tests.oracle.portfolio import Customer
from tests.oracle.small import (
    DAY,
    NOW,
    Row,
    Rows,
    charged,
    figures,
    line,
    price,
    spans,
    subscription,
    used,
    world,
)
from tests.oracle.strategies import Month, months
from tests.oracle.usage import overage, substituted

SAMPLE = Path(__file__).resolve().parents[2] / "portal" / "sample"


# The samples ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guide() -> World:
    folder = SAMPLE / "guide-example"
    return World.load(
        folder / "portfolio.json", [("agent-sessions", folder / "agent-sessions.csv", "C-100")], NOW
    )


@pytest.fixture(scope="module")
def august() -> World:
    folder = SAMPLE / "bank-august"
    files = [(kind, folder / f"{kind}.csv", "C-200") for kind in ("agent-sessions", "ivr-legs")]
    return World.load(folder / "portfolio.json", files, NOW)


def test_guide_example_byte_for_byte(guide: World) -> None:
    text = guide.daily_detail_csv("C-100", date(2024, 6, 9), date(2024, 6, 13), "agents")
    assert text.encode() == (SAMPLE / "guide-example" / "daily-detail.csv").read_bytes()


def test_guide_example_invoice(guide: World) -> None:
    [invoice] = guide.invoice("C-100", date(2024, 6, 9))
    assert invoice["lines"][0] == {
        "kind": "overage",
        "sku": "A-FLEX-WCC-P-N-O",
        "subscription": "Sub-1001",
        "period_from": "2024-06-09",
        "period_to": "2024-07-08",
        "quantity": 2,
        "unit_price": "160.00",
        "discount_pct": "10",
        "amount": "288.00",
    }
    assert [each["amount"] for each in invoice["lines"]] == ["288.00", "1113.75", "520.00", "1440.00"]
    assert (invoice["transaction_date"], invoice["due_date"]) == ("2024-07-09", "2024-08-08")
    assert (invoice["subtotal"], invoice["taxes"], invoice["total"]) == ("3361.75", "0.00", "3361.75")


def test_august_as_recorded(august: World) -> None:
    assert august.outcomes() == {"accepted": 42059 + 879, "duplicate": 0, "conflict": 0, "rejected": 19}
    assert {row.reason for row in august.rejected()} == {"ended before it started"}
    legs = [fact for fact in august.facts("C-200") if fact.kind == "ivr-legs"]
    assert sum(fact.started_at.date() == date(1999, 7, 31) for fact in legs) == 18


def test_august_figures(august: World) -> None:
    first = date(1999, 8, 1)
    billed = august.billed("C-200", first)
    assert billed == {
        "premium-concurrent": 3,
        "standard-concurrent": 5,
        "workforce-optimization": 0,
        "ivr-port": 0,  # R6: a marked IVR peak can be billed 0
    }
    detail = august.daily_detail("C-200", first)
    assert len(detail) == 31 * 3
    assert [(row["Usage Date"], row["Usage Type"]) for row in detail if row["Comment"]] == [
        ("1999-08-02", "Premium Concurrent Agent"),
        ("1999-08-07", "IVR Port"),
    ]
    [invoice] = august.invoice("C-200", first)
    assert charged(invoice) == [
        ("overage", "A-FLEX-WCC-P-C-O", "Sub-2001", "1999-08-01", "1999-08-31", 3, "1402.20"),
        ("overage", "A-FLEX-WCC-S-C-O", "Sub-2001", "1999-08-01", "1999-08-31", 5, "1681.50"),
        ("recurring", "A-FLEX-WCC-P-C", "Sub-2001", "1999-09-01", "1999-09-30", 1, "348.50"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-2001", "1999-09-01", "1999-09-30", 5, "1253.75"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-2002", "1999-08-11", "1999-09-10", 2, "501.50"),
    ]
    assert invoice["total"] == "5187.45"


# R1 ---------------------------------------------------------------------------------------------------


def test_R1_bill_day_9() -> None:
    assert uncut_period(9, date(2024, 6, 20)) == (date(2024, 6, 9), date(2024, 7, 8))


def test_R1_bill_day_31_keeps_its_anchor() -> None:
    found = world([subscription(starts_on="2023-01-31", bill_day=31)]).cycles("C-1", until=date(2023, 4, 1))
    assert spans(found) == [("01-31", "02-27"), ("02-28", "03-30"), ("03-31", "04-29")]


@pytest.mark.parametrize("bill_day", range(1, 32))
def test_R1_every_day_lies_in_exactly_one_cycle(bill_day: int) -> None:
    of = world([subscription(starts_on="2018-01-20", ends_on="2026-01-20", bill_day=bill_day)])
    found = of.cycles("C-1", until=date(2026, 3, 1))
    assert [day for cycle in found for day in days(cycle.first, cycle.last)] == days(
        date(2018, 1, 20), date(2026, 1, 20)
    )


def test_R1_first_and_last_cycle_can_be_short() -> None:
    of = world([subscription(starts_on="2024-01-20", ends_on="2024-03-05", bill_day=9)])
    assert spans(of.cycles("C-1", until=date(2024, 5, 1))) == [
        ("01-20", "02-08"),
        ("02-09", "03-05"),
    ]


def test_R1_another_day_is_refused_with_the_cycle_it_lies_in() -> None:
    with pytest.raises(NotACycle) as refused:
        world([subscription()]).daily_detail("C-1", date(2024, 6, 2))
    assert refused.value.cycle == Cycle(date(2024, 6, 1), date(2024, 6, 30), "Sub-1")


# R2 ---------------------------------------------------------------------------------------------------


def test_R2_seven_agents_in_one_hour() -> None:
    hour = {
        "1": [(0, 44)],
        "2": [(0, 60)],
        "3": [(20, 60)],
        "4": [(14, 46)],
        "5": [(0, 5), (15, 17), (31, 33), (58, 60)],
        "6": [(0, 14), (31, 60)],
        "7": [(5, 59)],
    }
    start = datetime(2024, 6, 10, 8, tzinfo=UTC)

    def counted(agents: str) -> int:
        rows = Rows()
        for agent in agents:
            for begin, end in hour[agent]:
                rows.session(agent, start + timedelta(minutes=begin), start + timedelta(minutes=end))
        return used(world([subscription()], rows.made), "06-10 S")

    assert counted("1234567") == 4
    assert [agent for agent in hour if counted(agent)] == ["2", "4", "5", "7"]


@pytest.mark.parametrize(("second_shift", "peak"), [("15:15", 1), ("15:14", 2)])
def test_R2_shift_handing_over(second_shift: str, peak: int) -> None:
    rows = Rows()
    rows.session("early", "08:00", "16:00")
    rows.session("late", second_shift, "23:00")
    assert used(world([subscription()], rows.made), "06-10 S") == peak


@pytest.mark.parametrize(("pieces", "counted"), [(("30", "30"), 1), (("30", "29.999999"), 0)])
def test_R2_sums_of_pieces_count_and_exactly_60_s(pieces: tuple[str, str], counted: int) -> None:
    start = datetime(2024, 6, 10, 8, tzinfo=UTC)
    rows = Rows()
    rows.session("a", start, start + timedelta(minutes=45))
    for place, seconds in enumerate(pieces):
        begin = start + timedelta(minutes=46 + 5 * place)
        rows.session("a", begin, begin + timedelta(seconds=float(seconds)))
    assert used(world([subscription()], rows.made), "06-10 S") == counted


def test_R2_union_of_overlapping_sessions() -> None:
    rows = Rows()
    rows.session("a", "08:00", "08:45:30")
    rows.session("a", "08:00", "08:45:30")  # the same half minute twice is no minute
    assert used(world([subscription()], rows.made), "06-10 S") == 0


def test_R2_look_back_crosses_midnight_and_the_cycles_start() -> None:
    rows = Rows()
    rows.session("a", "2024-05-31T23:15:00Z", "2024-06-01T00:01:00Z")
    assert used(world([subscription()], rows.made), "06-01 S") == 1
    # whether or not a subscription was active before
    assert used(world([subscription(starts_on="2024-06-01")], rows.made), "06-01 S") == 1


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("08:15", "08:15", ["P"]),  # however short, in any of the four samples
        ("08:59:59.999999", "09:00", ["P"]),
        ("09:00", "09:00", ["S"]),  # of the next sample, which is not counted
        ("07:59:59", "08:00", ["S"]),
    ],
)
def test_R2_premium_by_any_session_in_the_four_samples(start: str, end: str, expected: list[str]) -> None:
    rows = Rows()
    rows.session("a", "08:00", "09:00")
    rows.session("a", start, end, "premium")
    of = world([subscription()], rows.made)
    assert [each for each in "PS" if used(of, f"06-10 {each}")] == expected


def test_R2_premium_in_one_sample_and_standard_in_a_later_one() -> None:
    rows = Rows()
    rows.session("a", "08:00", "12:00")
    rows.session("a", "08:20", "08:20", "premium")
    of = world([subscription()], rows.made)
    assert (used(of, "06-10 P"), used(of, "06-10 S")) == (1, 1)  # of different samples


def test_R2_without_an_end_to_the_end_of_the_last_day_used_but_24_hours_at_most() -> None:
    rows = Rows()
    rows.session("a", "08:00")
    of = world([subscription()], rows.made)
    assert [used(of, f"06-{day} S") for day in (10, 11, 12)] == [1, 1, 0]
    assert [fact.record_id for fact in of.open_too_long("C-1", date(2024, 6, 30))] == ["r0"]
    assert of.open_too_long("C-1", DAY) == []
    longer = Settings(longest_open=timedelta(hours=48))
    assert figures(of, date(2024, 6, 1), more=longer)["06-12 S"][0] == 1


# R3 ---------------------------------------------------------------------------------------------------


def named(rows: Rows, **more: Any) -> World:
    return world([subscription(model="named", **more)], rows.made)


def test_R3_never_falls_and_zero_length_is_a_login() -> None:
    rows = Rows()
    rows.session("a", "08:00", "08:00")
    rows.session("b", "2024-06-12T08:00:00Z", "2024-06-12T09:00:00Z")
    rows.session("b", "2024-06-13T08:00:00Z", "2024-06-13T09:00:00Z")
    of = named(rows)
    assert [used(of, f"06-{day} S") for day in ("09", "10", "11", "12", "13", "30")] == [0, 1, 1, 2, 2, 2]


def test_R3_ten_log_in_one_is_deleted_and_a_new_one_logs_in() -> None:
    rows = Rows()
    for agent in range(10):
        rows.session(f"agent-{agent}", "08:00", "16:00")
    rows.session("agent-new", "2024-06-11T08:00:00Z", "2024-06-11T16:00:00Z")
    assert used(named(rows), "06-30 S") == 11


def test_R3_open_across_the_cycles_start_counts_in_both() -> None:
    rows = Rows()
    rows.session("a", "2024-05-31T23:00:00Z", "2024-06-01T01:00:00Z")
    rows.session("ended", "2024-05-31T23:00:00Z", "2024-06-01T00:00:00Z")
    rows.session("moment", "2024-06-01T00:00:00Z", "2024-06-01T00:00:00Z")
    assert used(named(rows), "05-31 S", date(2024, 5, 1)) == 2
    assert used(named(rows), "06-01 S") == 2
    # even when no subscription was active before
    assert used(named(rows, starts_on="2024-06-01"), "06-01 S") == 2


def test_R3_one_agent_one_licence_a_cycle() -> None:
    rows = Rows()
    rows.session("a", "08:00", "09:00")
    rows.session("a", "2024-06-20T08:00:00Z", "2024-06-20T08:00:00Z", "premium")
    of = named(rows)
    # from its first login on: the earlier days are restated
    assert [(used(of, f"06-{day} P"), used(of, f"06-{day} S")) for day in ("09", "10", "20")] == [
        (0, 0),
        (1, 0),
        (1, 0),
    ]
    # while it is not known yet, Standard
    assert used(of, "06-10 S", until=date(2024, 6, 19)) == 1


# R4, R5 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "covered", "over"),
    [
        ((10, 10), 0, (0, 0)),
        ((0, 15), 5, (0, 0)),
        ((10, 15), 0, (0, 5)),
        ((12, 1), 0, (2, 0)),
    ],
)
def test_R4_R5_with_10_and_10_committed(use: tuple[int, int], covered: int, over: tuple[int, int]) -> None:
    assert substituted(*use, 10, 10) == covered
    assert overage(*use, 10, 10) == over


# R6, R7 -----------------------------------------------------------------------------------------------


def two_peaks() -> World:
    """Premium overage 2 on the 10th, Standard overage 3 on the 12th, 2 and 2 on the 14th."""
    rows = Rows()
    for day, premium, standard in ((10, 2, 0), (12, 0, 3), (14, 2, 2)):
        for number in range(premium + standard):
            rows.session(
                f"a{number}",
                f"2024-06-{day}T08:00:00Z",
                f"2024-06-{day}T10:00:00Z",
                "premium" if number < premium else "standard",
            )
    return world([subscription()], rows.made)


def test_R6_billed_by_the_largest_day_of_each_type() -> None:
    billed = two_peaks().billed("C-1", date(2024, 6, 1))
    assert (billed["premium-concurrent"], billed["standard-concurrent"]) == (2, 3)


def test_R6_billed_by_the_marked_day_of_the_family() -> None:
    billed = two_peaks().billed("C-1", date(2024, 6, 1), settings=Settings(billed_peak="combined_day"))
    assert (billed["premium-concurrent"], billed["standard-concurrent"]) == (2, 2)


def test_R7_one_row_on_the_first_day_of_the_highest_sum_premium_first() -> None:
    marks = [day for day, row in figures(two_peaks(), date(2024, 6, 1)).items() if row[4]]
    assert marks == ["06-14 P"]
    # provisional: it can move
    marks = [day for day, row in figures(two_peaks(), date(2024, 6, 1), date(2024, 6, 13)).items() if row[4]]
    assert marks == ["06-12 S"]


def test_R7_no_mark_without_overage() -> None:
    assert not any(row[4] for row in figures(world([subscription()]), date(2024, 6, 1)).values())


# R8 ---------------------------------------------------------------------------------------------------


def ports_used(*legs: tuple[str, str, str], ivr_peak: str = "minute") -> int:
    rows = Rows()
    for contact, start, end in legs:
        rows.leg(contact, start, end)
    of = world([subscription()], rows.made)
    return int(figures(of, date(2024, 6, 1), more=Settings(ivr_peak=ivr_peak))["06-10 I"][0])


def test_R8_distinct_contacts_that_touch_one_minute() -> None:
    assert ports_used(("a", "10:05", "10:05"), ("b", "10:05:59.999999", "10:07")) == 2  # zero length touches
    assert ports_used(("a", "10:04", "10:05:00"), ("b", "10:05", "10:06")) == 1  # sharp does not touch
    assert ports_used(("a", "10:04", "10:05:00.000001"), ("b", "10:05", "10:06")) == 2
    assert ports_used(("a", "10:05:01", "10:05:02"), ("a", "10:05:30", "10:05:40")) == 1  # one contact
    assert ports_used(("a", "2024-06-09T23:59:59Z", "00:00:00.000001"), ("b", "00:00:59", "00:01")) == 2


def test_R8_setting_instant() -> None:
    legs = [("a", "10:05:00", "10:05:10"), ("b", "10:05:10", "10:05:20"), ("c", "10:05:15", "10:05:15")]
    assert ports_used(*legs) == 3
    assert ports_used(*legs, ivr_peak="instant") == 2  # b and the moment c


def test_R8_bundled_ports_example() -> None:
    """5 + 20 committed, 2 + 11 billed overage, 4 additional: 80 ports; a peak of 83 bills 3."""
    portfolio = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_text(encoding="utf-8"))
    lines = portfolio["partners"][0]["customers"][0]["subscriptions"][0]["lines"]
    lines.append(line("A-FLEX-WCC-IVR", 4))
    folder = SAMPLE / "guide-example"
    records = World.load(
        folder / "portfolio.json", [("agent-sessions", folder / "agent-sessions.csv", "C-100")]
    ).records
    rows = Rows()
    for contact in range(83):
        rows.leg(f"c{contact}", "2024-06-09T10:00:00Z", "2024-06-09T10:00:30Z")
    of = World(portfolio, [*records, *({**row, "customer": "C-100"} for row in rows.made)], NOW)
    billed = of.billed("C-100", date(2024, 6, 9))
    assert billed == {
        "premium-named": 2,
        "standard-named": 11,
        "workforce-optimization": 0,
        "ivr-port": 3,
    }
    # The day's row stands on that day's overage, which was 0: 2 x 25 + 4.
    [ivr] = of.daily_detail("C-100", date(2024, 6, 9), date(2024, 6, 9), "ivr")
    assert (ivr["Units Used"], ivr["Units Commitment"], ivr["Units Overage"], ivr["Usage Unit"]) == (
        83,
        54,
        29,
        "Ports",
    )


# R9 ---------------------------------------------------------------------------------------------------


def test_R9_ten_standard_four_premium_two_additional() -> None:
    lines = [line("A-FLEX-WCC-S-C", 10), line("A-FLEX-WCC-P-C", 4), line("A-FLEX-WCC-IVR", 2)]
    assert voice_paths(4, 10, 2) == 44
    assert world([subscription(lines=lines)], surge="30").voice_paths("C-1", DAY) == 44
    assert world([subscription(lines=lines)], surge="30").accepted_calls("C-1", DAY) == 57
    assert world([subscription(lines=lines)], surge="0").accepted_calls("C-1", DAY) == 44
    assert world([subscription()], surge="30").accepted_calls("C-1", DAY) == 0


def test_R9_in_integers() -> None:
    assert accepted_calls(25, 1600) == 29
    wrong = [
        (paths, percent)
        for paths in range(400)
        for percent in range(100)
        if floor(paths * (1 + percent / 100)) != accepted_calls(paths, percent * 100)
    ]
    assert len(wrong) == 59


# R10 --------------------------------------------------------------------------------------------------


def test_R10_the_primary_is_the_oldest_then_the_first_number_as_text() -> None:
    subscriptions = [
        subscription("Sub-9", "2024-03-01", bill_day=9),
        subscription("Sub-10", "2024-03-01", "2024-04-14", bill_day=10),
        subscription("Sub-1", "2024-03-05", bill_day=1),
    ]
    found = world(subscriptions).cycles("C-1", until=date(2024, 5, 20))
    assert [(cycle.first.isoformat()[5:], cycle.primary_subscription) for cycle in found] == [
        ("03-01", "Sub-10"),
        ("03-10", "Sub-10"),
        ("04-10", "Sub-10"),
        ("04-15", "Sub-9"),  # with its own bill day
        ("05-09", "Sub-9"),
    ]
    assert found[2].last == date(2024, 4, 14)  # its cycle ends with it


def test_R10_commitments_of_a_day_are_added_up() -> None:
    subscriptions = [
        subscription(
            "Sub-1",
            lines=[
                line("A-FLEX-WCC-S-C", 5, None, "2024-06-11"),
                line("A-FLEX-WCC-S-C", 7, "2024-06-12"),
                line("A-FLEX-WCC-S-C", 1, "2024-06-12", "2024-06-12"),
            ],
        ),
        subscription(
            "Sub-2",
            "2024-06-10",
            "2024-06-12",
            # A line lasts no longer than its subscription.
            lines=[line("A-FLEX-WCC-S-C", 20, "2024-01-01", "2025-01-01")],
        ),
    ]
    detail = figures(world(subscriptions), date(2024, 6, 1))
    assert [detail[f"06-{day} S"][1] for day in ("09", "10", "11", "12", "13")] == [5, 25, 25, 28, 7]


def test_R10_a_gap_lies_in_no_cycle_and_its_usage_is_unentitled() -> None:
    rows = Rows()
    rows.session("a", "2024-03-10T23:00:00Z", "2024-03-12T00:00:00Z")
    rows.leg("c", "2024-03-20T08:00:00Z", "2024-03-20T08:00:00Z")
    of = world(
        [subscription("Sub-1", "2024-03-01", "2024-03-10"), subscription("Sub-2", "2024-04-01")], rows.made
    )
    assert spans(of.cycles("C-1", until=date(2024, 4, 2))) == [("03-01", "03-10"), ("04-01", "04-30")]
    assert of.unentitled("C-1", date(2024, 4, 30)) == [
        (date(2024, 3, 11), "agent-sessions", "r0"),
        (date(2024, 3, 20), "ivr-legs", "r1"),
    ]


def test_R10_services_have_cycles_of_their_own() -> None:
    of = world(
        [subscription("Sub-1", bill_day=1), subscription("Con-1", "2023-01-01", bill_day=3, model=None)]
    )
    assert spans(of.cycles("C-1", CONTACT_CENTRE, until=date(2024, 1, 1))) == [("01-01", "01-31")]
    assert spans(of.cycles("C-1", DIGITAL, until=date(2024, 1, 3)))[-2:] == [
        ("12-03", "01-02"),
        ("01-03", "02-02"),
    ]


# R11 --------------------------------------------------------------------------------------------------


def test_R11_distinct_agents_over_the_cycle() -> None:
    rows = Rows()
    rows.wfo("a", "08:00", "09:00")
    rows.wfo("a", "10:00", "11:00")
    rows.wfo("b", "2024-06-12T08:00:00Z", "2024-06-12T08:00:00Z")
    rows.wfo("late", "2024-06-20T08:00:00Z", "2024-06-20T08:00:00Z")
    of = world([subscription(lines=[line("A-FLEX-WCC-WFO", 1)])], rows.made)
    detail = figures(of, date(2024, 6, 1), date(2024, 6, 12))
    assert detail["06-09 W"] == (0, 1, 0, 0, "")
    assert detail["06-10 W"] == (1, 1, 0, 0, "")
    assert detail["06-12 W"] == (2, 1, 0, 1, "Overage peak")
    assert detail["06-12 I"][1] == 0  # it brings no ports
    assert of.billed("C-1", date(2024, 6, 1))["workforce-optimization"] == 2
    names = [row["Usage Type"] for row in of.daily_detail("C-1", date(2024, 6, 1), date(2024, 6, 1))]
    assert names == [
        "Premium Concurrent Agent",
        "Standard Concurrent Agent",
        "Workforce Optimization Agent",
        "IVR Port",
    ]


def test_R11_rows_only_with_a_commitment_on_a_day_shown_or_a_use() -> None:
    rows = Rows()
    rows.wfo("a", "08:00", "09:00")
    shown = figures(world([subscription()], rows.made), date(2024, 6, 1))
    assert shown["06-01 W"] == (0, 0, 0, 0, "")
    assert shown["06-30 W"] == (1, 0, 0, 1, "")  # use without a commitment is overage
    assert "06-01 W" not in figures(world([subscription()], rows.made), date(2024, 6, 1), date(2024, 6, 9))
    later = world([subscription(lines=[line("A-FLEX-WCC-WFO", 1, "2024-06-15")])])
    assert "06-01 W" in figures(later, date(2024, 6, 1))
    assert "06-01 W" not in figures(later, date(2024, 6, 1), date(2024, 6, 14))


# R12 --------------------------------------------------------------------------------------------------


def digital_world() -> World:
    rows = Rows()
    rows.digital("A-CHAN-U-SMS-INTL", 20, "2024-03-03T00:00:00Z")
    rows.digital("A-CHAN-U-SMS-INTL", 15, "2024-04-02T23:59:59Z")
    rows.digital("A-CHAN-U-SMS-INTL", 99, "2024-04-03T00:00:00Z")
    rows.digital("A-VOICE-U-INTL", 70, "2024-03-15T12:00:00Z")
    lines = [
        line("A-CHAN-U-SMS-INTL", 10, None, "2024-03-10"),  # in force on the cycle's first day
        line("A-CHAN-U-SMS-INTL", 500, "2024-03-11"),
        line("A-INTL-NUM-PROV", 8),
        line("A-WXCN-PRM-CON-ENT", 1),
    ]
    prices = [
        price("A-CHAN-U-SMS-INTL", "0.0375"),
        price("A-CHAN-U-SMS-INTL", "0.05", first="2024-04-02"),
        price("A-VOICE-U-INTL", "0.1"),
        price("A-WXCN-PRM-CON-ENT", "100.00"),
    ]
    digital = subscription("Con-1", "2024-03-03", bill_day=3, model=None, lines=lines)
    return world([digital], rows.made, prices)


def test_R12_raw_included_and_billable_side_by_side() -> None:
    assert digital_world().digital("C-1", date(2024, 3, 3)) == {
        "A-CHAN-U-SMS-INTL": {"raw": 35, "included": 10, "billable": 25},
        "A-INTL-NUM-PROV": {"raw": 0, "included": 8, "billable": 0},
        "A-VOICE-U-INTL": {"raw": 70, "included": 0, "billable": 70},
    }


def test_R12_digital_channels_alone_are_invoiced_by_their_cycle() -> None:
    [invoice] = digital_world().invoice("C-1", date(2024, 3, 3))
    assert charged(invoice) == [
        # at the price in force on the cycle's last day
        ("usage", "A-CHAN-U-SMS-INTL", "Con-1", "2024-03-03", "2024-04-02", 25, "1.25"),
        ("usage", "A-VOICE-U-INTL", "Con-1", "2024-03-03", "2024-04-02", 70, "7.00"),
        # a line with a digital SKU is never a recurring charge; the first invoice has two periods
        ("recurring", "A-WXCN-PRM-CON-ENT", "Con-1", "2024-03-03", "2024-04-02", 1, "100.00"),
        ("recurring", "A-WXCN-PRM-CON-ENT", "Con-1", "2024-04-03", "2024-05-02", 1, "100.00"),
    ]
    assert [each["unit_price"] for each in invoice["lines"]] == ["0.05", "0.10", "100.00", "100.00"]


def test_R12_digital_cycles_ride_on_the_invoice_of_the_contact_centre() -> None:
    rows = Rows()
    rows.digital("A-CHAN-U-SMS-INTL", 5, "2024-03-20T00:00:00Z")
    rows.digital("A-CHAN-U-SMS-INTL", 7, "2024-04-10T00:00:00Z")
    of = world(
        [
            subscription("Sub-1", "2024-04-01", bill_day=1, lines=[line("A-FLEX-WCC-S-C", 1)]),
            subscription(
                "Con-1", "2024-03-03", bill_day=3, model=None, lines=[line("A-WXCN-PRM-CON-ENT", 1)]
            ),
        ],
        rows.made,
    )
    with pytest.raises(NotACycle) as refused:
        of.invoice("C-1", date(2024, 3, 3))
    assert refused.value.cycle == Cycle(date(2024, 4, 1), date(2024, 4, 30), "Sub-1")
    [april] = of.invoice("C-1", date(2024, 4, 1))
    assert charged(april) == [
        ("usage", "A-CHAN-U-SMS-INTL", "Con-1", "2024-03-03", "2024-04-02", 5, "50.00"),
        ("recurring", "A-WXCN-PRM-CON-ENT", "Con-1", "2024-03-03", "2024-04-02", 1, "10.00"),
        ("recurring", "A-WXCN-PRM-CON-ENT", "Con-1", "2024-04-03", "2024-05-02", 1, "10.00"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-04-01", "2024-04-30", 1, "10.00"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-05-01", "2024-05-31", 1, "10.00"),
    ]
    [may] = of.invoice("C-1", date(2024, 5, 1))
    assert [each[:4] for each in charged(may)] == [
        ("usage", "A-CHAN-U-SMS-INTL", "Con-1", "2024-04-03"),
        ("recurring", "A-WXCN-PRM-CON-ENT", "Con-1", "2024-05-03"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-06-01"),
    ]


# R13 --------------------------------------------------------------------------------------------------


def outcomes(*rows: Row) -> list[str]:
    """What became of each row."""
    found = []
    before = Counter[str]()
    for number in range(len(rows)):
        after = Counter(world([], list(rows[: number + 1])).outcomes())
        found += list((after - before).elements())
        before = after
    return found


def a_session(start: str = "08:00", end: str = "09:00", **more: str) -> Row:
    return Rows().session("a", start, end, **more)


def test_R13_the_same_content_compared_as_values_is_a_duplicate() -> None:
    copy = a_session("2024-06-10T10:00:00+02:00", "2024-06-10T09:00:00.0000009+00:00")
    assert outcomes(a_session(), a_session(), copy) == ["accepted", "duplicate", "duplicate"]


def test_R13_an_end_completes_a_record_without_one() -> None:
    assert outcomes(a_session(end=""), a_session(), a_session(end=""), a_session()) == [
        "accepted",
        "accepted",
        "duplicate",
        "duplicate",
    ]


def test_R13_any_other_content_is_a_conflict_and_what_was_stored_first_counts() -> None:
    other = a_session(licence="premium")
    assert outcomes(a_session(), other, other, a_session()) == [
        "accepted",
        "conflict",
        "duplicate",
        "duplicate",
    ]
    assert outcomes(a_session(end=""), a_session(), a_session(end="10:00")) == [
        "accepted",
        "accepted",
        "conflict",
    ]
    [stored] = world([], [a_session(), other]).facts("C-1")
    assert stored.licence == "standard"


def test_R13_a_completion_that_changes_more_than_the_end_is_a_conflict() -> None:
    assert outcomes(a_session(end=""), a_session("08:01")) == ["accepted", "conflict"]


def test_R13_identified_by_customer_source_kind_and_record_id() -> None:
    rows = Rows()
    leg = {**rows.leg("a", "08:00", "09:00"), "record_id": "r0"}
    assert outcomes(a_session(), {**a_session("07:00"), "source": "telephony"}, leg) == ["accepted"] * 3
    without_source = {column: value for column, value in a_session().items() if column != "source"}
    assert outcomes(a_session(), without_source) == ["accepted", "duplicate"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (a_session("08:00", "07:59:59.999999"), "ended before it started"),
        (a_session("2024-06-01T00:00:00Z", "2024-07-02T00:00:00.000001Z"), "longer than 31 days"),
        (a_session("2026-01-01T00:00:00.000001Z", ""), "starts in the future"),
        (a_session("2024-06-10T08:00:00", "09:00"), "no time zone"),
        (a_session("08:00", "2024-06-10T09:00:00"), "no time zone"),
        (a_session("2024-06-31T08:00:00Z", ""), "bad time"),
        ({**a_session(), "customer": "C-unknown"}, "unknown customer"),
        ({**a_session(), "licence": "gold"}, "bad licence"),
        ({**a_session(), "agent_id": ""}, "missing field"),
        ({**a_session(), "record_id": ""}, "missing field"),
    ],
)
def test_R13_rejected(row: Row, reason: str) -> None:
    of = world([], [a_session("08:00", "08:00"), row])
    assert of.outcomes() == {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 1}
    [rejected] = of.rejected()
    assert (rejected.index, rejected.row, rejected.reason) == (1, row, reason)


def test_R13_at_the_limits() -> None:
    assert outcomes(a_session("2024-06-01T00:00:00Z", "2024-07-02T00:00:00Z")) == ["accepted"]
    assert outcomes(a_session("2026-01-01T00:00:00Z", "2026-01-01T08:00:00Z")) == ["accepted"]


# R14 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "digits", "rounded"),
    [
        ("0.125", 2, "0.13"),
        ("-0.125", 2, "-0.13"),
        ("-0.004", 2, "0.00"),
        ("2.5", 0, "3"),
        ("1.00049", 3, "1.000"),
        ("1.0005", 3, "1.001"),
    ],
)
def test_R14_halves_away_from_zero_never_minus_zero(exact: str, digits: int, rounded: str) -> None:
    assert str(round_half_up(Fraction(exact), digits)) == str(Decimal(rounded))


def test_R14_due_30_net() -> None:
    of = world([subscription(starts_on="2024-04-17", bill_day=17, lines=[line("A-FLEX-WCC-S-C", 1)])])
    [invoice] = of.invoice("C-1", date(2024, 4, 17))
    assert (invoice["period_to"], invoice["transaction_date"], invoice["due_date"]) == (
        "2024-05-16",
        "2024-05-17",
        "2024-06-16",
    )


@pytest.mark.parametrize(
    ("currency", "amount", "taxes", "total"),
    [("JPY", "34", "3", "37"), ("USD", "33.75", "2.60", "36.35"), ("KWD", "33.750", "2.599", "36.349")],
)
def test_R14_currencies_and_tax(currency: str, amount: str, taxes: str, total: str) -> None:
    of = world(
        [subscription(starts_on="2024-01-01", lines=[line("A-FLEX-WCC-S-C", 3)])],
        prices=[price("A-FLEX-WCC-S-C", "12.50", "10")],
        currency=currency,
        tax_rate_pct="7.7",
    )
    [invoice] = of.invoice("C-1", date(2024, 6, 1))
    assert [each["amount"] for each in invoice["lines"]] == [amount]
    assert (invoice["subtotal"], invoice["taxes"], invoice["total"]) == (amount, taxes, total)


def test_R14_recurring_in_advance_and_in_proportion() -> None:
    of = world(
        [subscription(starts_on="2024-04-16", ends_on="2024-06-10", lines=[line("A-FLEX-WCC-S-C", 3)])]
    )
    [first] = of.invoice("C-1", date(2024, 4, 16))
    assert charged(first) == [
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-04-16", "2024-04-30", 3, "15.00"),  # 15 of 30 days
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-05-01", "2024-05-31", 3, "30.00"),
    ]
    [second] = of.invoice("C-1", date(2024, 5, 1))
    assert charged(second) == [
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-06-01", "2024-06-10", 3, "10.00"),  # 10 of 30 days
    ]
    assert of.invoice("C-1", date(2024, 6, 1)) == []  # without lines there is no invoice


def test_R14_a_changed_quantity_is_settled() -> None:
    lines = [
        line("A-FLEX-WCC-S-C", 5, None, "2024-06-10"),
        line("A-FLEX-WCC-S-C", 2, "2024-06-11", "2024-06-20"),
        line("A-FLEX-WCC-S-C", 4, "2024-06-21"),
    ]
    of = world([subscription(lines=lines)])
    [june] = of.invoice("C-1", date(2024, 6, 1))
    assert charged(june) == [
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-06-11", "2024-06-30", -3, "-20.00"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-06-21", "2024-06-30", 2, "6.67"),
        ("recurring", "A-FLEX-WCC-S-C", "Sub-1", "2024-07-01", "2024-07-31", 4, "40.00"),
    ]


def test_R14_a_negative_total() -> None:
    of = world(
        [
            subscription(
                ends_on="2024-06-30",
                lines=[
                    line("A-FLEX-WCC-S-C", 5, None, "2024-06-15"),
                    line("A-FLEX-WCC-S-C", 0, "2024-06-16"),
                ],
            )
        ],
        tax_rate_pct="25",
    )
    [june] = of.invoice("C-1", date(2024, 6, 1))
    assert (june["subtotal"], june["taxes"], june["total"]) == ("-25.00", "-6.25", "-31.25")


def test_R14_a_second_subscription_by_its_own_periods() -> None:
    of = world(
        [
            subscription("Sub-1", lines=[line("A-FLEX-WCC-S-C", 1)]),
            subscription("Sub-2", "2024-06-11", bill_day=11, lines=[line("A-FLEX-WCC-S-C", 2)]),
        ]
    )
    [june] = of.invoice("C-1", date(2024, 6, 1))
    assert [each[2:6] for each in charged(june)] == [
        ("Sub-1", "2024-07-01", "2024-07-31", 1),
        ("Sub-2", "2024-06-11", "2024-07-10", 2),
    ]


def test_R14_a_missing_price_names_sku_and_day_and_quantity_0_needs_none() -> None:
    lines = [line("A-FLEX-WCC-S-C", 0), line("A-FLEX-WCC-P-C", 1, "2024-06-15")]
    of = world([subscription(lines=lines)], prices=[price("A-FLEX-WCC-P-C", "10", first="2024-06-16")])
    with pytest.raises(MissingPrice) as missing:
        of.invoice("C-1", date(2024, 6, 1))
    assert (missing.value.sku, missing.value.day) == ("A-FLEX-WCC-P-C", date(2024, 6, 15))
    assert of.invoice("C-1", date(2024, 5, 1)) == []


def test_R14_the_partners_own_invoice_with_a_retail_price_book() -> None:
    of = world(
        [subscription(lines=[line("A-FLEX-WCC-S-C", 1)])], retail_prices=[price("A-FLEX-WCC-S-C", "15.00")]
    )
    wholesale, retail = of.invoice("C-1", date(2024, 6, 1))
    assert [
        (each["seller"], each["recipient"], each["currency"], each["total"]) for each in (wholesale, retail)
    ] == [
        ("provider", "P-1", "USD", "10.00"),
        ("P-1", "C-1", "EUR", "15.00"),
    ]
    assert of.invoice("C-1", date(2024, 6, 1), "retail") == [retail]


# Random months ----------------------------------------------------------------------------------------

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(months())
def test_R5_R6_random_months_hold_together(month: Month) -> None:
    of = month.world()
    assert json.loads(json.dumps(month.portfolio)) == month.portfolio
    assert sum(of.outcomes().values()) == len(month.records)
    assert month.cycles()
    for cycle in month.cycles():
        detail = of.daily_detail(month.customer, cycle.first)
        billed = of.billed(month.customer, cycle.first)
        for row in detail:
            if row["Usage Type"] != "IVR Port":  # R6: billed is every day's overage or more
                [usage_type] = [each for each in billed if each[:4] == str(row["Usage Type"])[:4].lower()]
                assert int(row["Units Overage"]) <= billed[usage_type]
        for invoice in of.invoice(month.customer, cycle.first):
            amounts = [Decimal(each["amount"]) for each in invoice["lines"]]
            assert Decimal(invoice["subtotal"]) == sum(amounts)
            assert Decimal(invoice["total"]) == Decimal(invoice["subtotal"]) + Decimal(invoice["taxes"])


@FEW
@given(months(messy=False), st.randoms(use_true_random=False))
def test_R15_any_order_of_arrival(month: Month, random: Any) -> None:
    shuffled = list(month.records)
    random.shuffle(shuffled)
    for cycle in month.cycles()[:1]:
        assert month.world().invoice(month.customer, cycle.first) == World(
            month.portfolio, shuffled, month.now
        ).invoice(month.customer, cycle.first)


@FEW
@given(months(kinds=()))
def test_R14_each_day_is_looked_at_once(month: Month) -> None:
    """With one service by the text of R14, and with both each active day by exactly one invoice."""
    of = month.world()
    customer = of.customer(month.customer)
    until = month.busy[-1] + timedelta(days=60)
    found = of.cycles(month.customer, until=until)
    services = {each.service for each in customer.subscriptions}
    for cycle in found:
        if services == {CONTACT_CENTRE}:
            by_the_text = days(cycle.first + ONE_DAY, cycle.last + ONE_DAY)
            if not is_active(customer, cycle.first - ONE_DAY):
                by_the_text = days(cycle.first, cycle.last + ONE_DAY)
            looked_at = days_looked_at(customer, cycle)
            assert [day for day in looked_at if is_active(customer, day)] == [
                day for day in by_the_text if is_active(customer, day)
            ]
    alone = [
        cycle
        for cycle in of.cycles(month.customer, DIGITAL, until=until)
        if not any(
            each.first <= cycle.last <= each.last for each in of.cycles(month.customer, until=cycle.last)
        )
    ]
    invoiced = sorted([*found, *alone], key=lambda cycle: cycle.last)
    # What comes before the first of them (R14: none before, so from `x`) is not looked at, what comes after not yet.
    last = min(invoiced[-1].last, until)
    seen = Counter(day for cycle in invoiced for day in days_looked_at(customer, cycle) if day <= last)
    active_days = [day for day in days(min(seen), last) if is_active(customer, day)]
    assert [seen[day] for day in active_days] == [1] * len(active_days)


def is_active(customer: Customer, day: date) -> bool:
    return any(each.active(day) for each in customer.subscriptions)


def test_random_months_are_worth_having() -> None:
    """Most have figures above 0 and overage; what the rules name happens now and then."""
    seen = Counter[str]()

    @settings(max_examples=40, database=None, derandomize=True)
    @given(months())
    def look(month: Month) -> None:
        of = month.world()
        happened = {f"some {outcome}" for outcome, count in of.outcomes().items() if count}
        assert len(month.records) <= 450
        for cycle in month.cycles():
            for row in of.daily_detail(month.customer, cycle.first):
                happened |= {column for column in ("Units Used", "Units Overage", "Comment") if row[column]}
                if row["Units Substituted"]:
                    happened.add("substituted")
            billed = of.billed(month.customer, cycle.first)
            happened |= {f"billed {usage_type}" for usage_type, quantity in billed.items() if quantity}
            for invoice in of.invoice(month.customer, cycle.first):
                happened |= {each["kind"] for each in invoice["lines"]}
                if any(each["quantity"] < 0 for each in invoice["lines"]):
                    happened.add("settled")
        seen.update(happened)

    look()
    for often in ("some accepted", "Units Used", "Units Overage", "overage", "recurring"):
        assert seen[often] >= 25, seen
    for sometimes in (
        "some duplicate",
        "some conflict",
        "some rejected",
        "substituted",
        "billed premium-named",
        "billed standard-named",
        "billed premium-concurrent",
        "billed standard-concurrent",
        "billed workforce-optimization",
        "billed ivr-port",
        "usage",
        "settled",
    ):
        assert seen[sometimes], seen
