"""How a figure follows, step by step (R4–R8, R10, R11), and whether what is stated is what its steps come to (R15).

Every step is written out: its rule, its formula, the numbers put into it and what they come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from apps.catalogue.domain.kinds import LicenceModel, SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.detail import Billed, Figures, Row, Use, settle
from apps.reconciliation.domain.formulas import Value
from apps.reconciliation.domain.proof import (
    BilledProof,
    CellProof,
    Difference,
    Ground,
    find_difference,
    marked_on,
    marked_overage,
    row_figures,
    rules_of,
)
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.domain.witnesses import Peak, Witness
from apps.reconciliation.domain.workings import (
    Commitment,
    Rule,
    Step,
    billed_steps,
    commitments_on,
    counting_rule,
    mark_steps,
    marked_position,
    results_of,
    row_steps,
    types_behind,
)
from apps.subscriptions.domain.commitments import Line
from apps.subscriptions.domain.cycles import Term

P_NAMED, S_NAMED = UsageType.PREMIUM_NAMED, UsageType.STANDARD_NAMED
P_CONCURRENT, S_CONCURRENT = UsageType.PREMIUM_CONCURRENT, UsageType.STANDARD_CONCURRENT
WFO, PORTS = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT
NAMED, CONCURRENT = LicenceModel.NAMED, LicenceModel.CONCURRENT

JUNE = date(2024, 6, 1)
THREE_DAYS = Period(JUNE, date(2024, 6, 3))
COMBINED = Settings(billed_peak="combined_day")


def june(day: int) -> date:
    return date(2024, 6, day)


def step(key: str, rule: str, formula: str, result: Value, **inputs: Value) -> Step:
    return Step(key, Rule(rule), formula, inputs, result)


# Commitments (R10)


def term(number: str = "Sub-1", first: date = JUNE, last: date | None = None) -> Term:
    return Term(number, first, last, 1, NAMED, "A-FLEX-3-CC")


def line(
    quantity: int = 1,
    usage_type: UsageType | None = P_NAMED,
    *,
    of: Term | None = None,
    sku: str = "A",
    kind: SkuKind = SkuKind.COMMITTED,
    first: date | None = None,
    last: date | None = None,
) -> Line:
    return Line(of or term(), sku, kind, usage_type, quantity, first, last)


@pytest.mark.parametrize(
    ("own", "of_term", "expected"),
    [
        ((None, None), (june(5), None), (june(5), None)),
        ((None, None), (june(5), june(20)), (june(5), june(20))),
        ((june(7), None), (june(5), june(20)), (june(7), june(20))),
        ((june(3), june(15)), (june(5), june(20)), (june(5), june(15))),
        ((june(7), june(25)), (june(5), june(20)), (june(7), june(20))),
        ((june(7), june(25)), (june(5), None), (june(7), june(25))),
    ],
)
def test_R10_a_line_lasts_no_longer_than_its_subscription(
    own: tuple[date | None, date | None],
    of_term: tuple[date, date | None],
    expected: tuple[date, date | None],
) -> None:
    held = line(4, S_NAMED, of=term("Sub-7", *of_term), sku="B", first=own[0], last=own[1])
    assert Commitment.of(held) == Commitment("Sub-7", "B", S_NAMED, 4, *expected)


def test_R10_commitments_stand_by_usage_type_then_the_oldest_subscription_then_sku_then_first_day() -> None:
    young, old, twin = term("Sub-1", june(2)), term("Sub-9"), term("Sub-10")
    lines = [
        line(1, S_NAMED, of=young, sku="A"),
        line(2, S_NAMED, of=old, sku="B", first=june(4)),
        line(3, S_NAMED, of=old, sku="B", first=june(3)),
        line(4, S_NAMED, of=old, sku="B"),
        line(5, S_NAMED, of=old, sku="A", first=june(4)),
        line(6, S_NAMED, of=twin, sku="C"),
        line(7, P_NAMED, of=young, sku="D"),
        line(8, PORTS, of=old, sku="E"),
    ]
    expected = [7, 6, 5, 4, 3, 2, 1]  # "Sub-10" comes before "Sub-9" as text
    assert [each.quantity for each in commitments_on(lines, june(5), (P_NAMED, S_NAMED))] == expected
    assert [each.quantity for each in commitments_on(lines, june(5), (S_NAMED, P_NAMED))] == [
        *expected[1:],
        expected[0],
    ]
    assert commitments_on(lines, june(5), (PORTS,)) == [Commitment("Sub-9", "E", PORTS, 8, JUNE, None)]


@pytest.mark.parametrize(
    ("day", "quantities"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2]), (4, [1])],
)
def test_R10_a_day_is_judged_by_the_lines_in_force_on_it(day: int, quantities: list[int]) -> None:
    lines = [
        line(1),
        line(2, first=june(2), last=june(3)),
        line(4, of=term("Sub-2", june(5))),
        line(8, kind=SkuKind.OVERAGE),
        line(16, kind=SkuKind.RECURRING),
        line(32, None, kind=SkuKind.RECURRING),
    ]
    assert [each.quantity for each in commitments_on(lines, june(day), (P_NAMED,))] == quantities


# What a figure depends on


@pytest.mark.parametrize(
    ("usage_type", "model", "expected"),
    [
        (P_NAMED, NAMED, (P_NAMED,)),
        (S_NAMED, NAMED, (P_NAMED, S_NAMED)),
        (PORTS, NAMED, (P_NAMED, S_NAMED, PORTS)),
        (WFO, NAMED, (WFO,)),
        (P_CONCURRENT, CONCURRENT, (P_CONCURRENT,)),
        (S_CONCURRENT, CONCURRENT, (P_CONCURRENT, S_CONCURRENT)),
        (PORTS, CONCURRENT, (P_CONCURRENT, S_CONCURRENT, PORTS)),
        (WFO, CONCURRENT, (WFO,)),
    ],
)
def test_standard_depends_on_premium_and_ports_on_both(
    usage_type: UsageType, model: LicenceModel, expected: tuple[UsageType, ...]
) -> None:
    assert types_behind(usage_type, model) == expected


@pytest.mark.parametrize(
    ("usage_type", "rule"),
    [
        (P_CONCURRENT, "R2"),
        (S_CONCURRENT, "R2"),
        (P_NAMED, "R3"),
        (S_NAMED, "R3"),
        (PORTS, "R8"),
        (WFO, "R11"),
    ],
)
def test_use_is_counted_by_the_rule_of_its_usage_type(usage_type: UsageType, rule: str) -> None:
    assert counting_rule(usage_type).value == rule


# Rows of the Daily Detail


def held(*quantities: tuple[UsageType, int]) -> list[Commitment]:
    return [Commitment("Sub-1", "A", usage_type, quantity, JUNE, None) for usage_type, quantity in quantities]


def test_R5_premium_above_its_commitment_is_overage_and_nothing_covers_it() -> None:
    commitments = held((P_NAMED, 4), (P_NAMED, 6))
    assert row_steps(P_NAMED, NAMED, {P_NAMED: 12}, commitments) == [
        step("used", "R3", "counted", 12, counted=12),
        step("committed", "R10", "line_1 + line_2", 10, line_1=4, line_2=6),
        step("substituted", "R4", "0", 0),
        step("overage", "R5", "max(0, used - committed)", 2, used=12, committed=10),
    ]


def test_R4_unused_premium_covers_standard_and_the_rest_is_overage() -> None:
    commitments = held((P_CONCURRENT, 10), (S_CONCURRENT, 8), (S_CONCURRENT, 2))
    counted = {P_CONCURRENT: 7, S_CONCURRENT: 15}
    assert row_steps(S_CONCURRENT, CONCURRENT, counted, commitments) == [
        step("used", "R2", "counted", 15, counted=15),
        step("committed", "R10", "line_2 + line_3", 10, line_2=8, line_3=2),
        step("above", "R4", "max(0, used - committed)", 5, used=15, committed=10),
        step("premium_used", "R2", "counted", 7, counted=7),
        step("premium_committed", "R10", "line_1", 10, line_1=10),
        step(
            "premium_left",
            "R4",
            "max(0, premium_committed - premium_used)",
            3,
            premium_committed=10,
            premium_used=7,
        ),
        step("substituted", "R4", "min(above, premium_left)", 3, above=5, premium_left=3),
        step("overage", "R5", "above - substituted", 2, above=5, substituted=3),
    ]


def test_R11_workforce_optimization_has_a_commitment_of_its_own_and_no_substitution() -> None:
    assert row_steps(WFO, NAMED, {WFO: 9}, held((P_NAMED, 5), (WFO, 3))) == [
        step("used", "R11", "counted", 9, counted=9),
        step("committed", "R10", "line_2", 3, line_2=3),
        step("substituted", "R11", "0", 0),
        step("overage", "R11", "max(0, used - committed)", 6, used=9, committed=3),
    ]


def test_R8_ports_are_bundled_with_licences_committed_or_incurred_as_overage() -> None:
    commitments = held((P_NAMED, 5), (S_NAMED, 20), (PORTS, 4))
    counted = {P_NAMED: 7, S_NAMED: 31, PORTS: 83}
    assert row_steps(PORTS, NAMED, counted, commitments) == [
        step("premium_used", "R3", "counted", 7, counted=7),
        step("premium_committed", "R10", "line_1", 5, line_1=5),
        step("standard_used", "R3", "counted", 31, counted=31),
        step("standard_committed", "R10", "line_2", 20, line_2=20),
        step(
            "premium_overage",
            "R5",
            "max(0, premium_used - premium_committed)",
            2,
            premium_used=7,
            premium_committed=5,
        ),
        step(
            "standard_above",
            "R4",
            "max(0, standard_used - standard_committed)",
            11,
            standard_used=31,
            standard_committed=20,
        ),
        step(
            "premium_left",
            "R4",
            "max(0, premium_committed - premium_used)",
            0,
            premium_committed=5,
            premium_used=7,
        ),
        step(
            "standard_substituted",
            "R4",
            "min(standard_above, premium_left)",
            0,
            standard_above=11,
            premium_left=0,
        ),
        step(
            "standard_overage",
            "R5",
            "standard_above - standard_substituted",
            11,
            standard_above=11,
            standard_substituted=0,
        ),
        step(
            "bundled",
            "R8",
            "2 * (premium_committed + standard_committed + premium_overage + standard_overage)",
            76,
            premium_committed=5,
            standard_committed=20,
            premium_overage=2,
            standard_overage=11,
        ),
        step("additional", "R10", "line_3", 4, line_3=4),
        step("used", "R8", "counted", 83, counted=83),
        step("committed", "R8", "bundled + additional", 80, bundled=76, additional=4),
        step("substituted", "R8", "0", 0),
        step("overage", "R8", "max(0, used - committed)", 3, used=83, committed=80),
    ]


def test_R10_without_a_line_nothing_is_committed() -> None:
    assert row_steps(P_CONCURRENT, CONCURRENT, {P_CONCURRENT: 2}, [])[1] == step("committed", "R10", "0", 0)


@pytest.mark.parametrize(
    ("used", "substituted", "overage", "ports"),
    [
        ((10, 10), 0, (0, 0), 41),
        ((0, 15), 5, (0, 0), 41),
        ((10, 15), 0, (0, 5), 51),
        ((12, 1), 0, (2, 0), 45),
        ((8, 15), 2, (0, 3), 47),
        ((0, 25), 10, (0, 5), 51),
    ],
)
@pytest.mark.parametrize(
    ("model", "premium", "standard"), [(NAMED, P_NAMED, S_NAMED), (CONCURRENT, P_CONCURRENT, S_CONCURRENT)]
)
def test_R4_R5_R8_of_ten_and_ten_committed_the_steps_come_to_the_worked_table(
    model: LicenceModel,
    premium: UsageType,
    standard: UsageType,
    used: tuple[int, int],
    substituted: int,
    overage: tuple[int, int],
    ports: int,
) -> None:
    counted = {premium: used[0], standard: used[1], PORTS: 41}
    commitments = held((premium, 10), (standard, 10), (PORTS, 1))

    def figures(usage_type: UsageType) -> tuple[int, ...]:
        return tuple(row_figures(row_steps(usage_type, model, counted, commitments)).values())

    assert figures(premium) == (used[0], 10, 0, overage[0])
    assert figures(standard) == (used[1], 10, substituted, overage[1])
    assert figures(PORTS) == (41, ports, 0, 0)


def test_the_results_of_steps_are_found_by_their_keys_and_a_row_has_four_figures() -> None:
    steps = row_steps(S_NAMED, NAMED, {P_NAMED: 1, S_NAMED: 6}, held((P_NAMED, 3), (S_NAMED, 2)))
    assert results_of(steps) == {
        "used": 6,
        "committed": 2,
        "above": 4,
        "premium_used": 1,
        "premium_committed": 3,
        "premium_left": 2,
        "substituted": 2,
        "overage": 2,
    }
    assert row_figures(steps) == {"used": 6, "committed": 2, "substituted": 2, "overage": 2}
    assert rules_of(steps) == [Rule.NAMED, Rule.COMMITMENTS, Rule.SUBSTITUTION, Rule.OVERAGE]


# The mark (R7)


def test_R7_the_overage_of_a_family_is_added_up_day_by_day() -> None:
    assert mark_steps({P_NAMED: [0, 2, 1], S_NAMED: [1, 2, 4]}) == [
        step(
            "family_overage",
            "R7",
            "premium_named + standard_named",
            (1, 4, 5),
            premium_named=(0, 2, 1),
            standard_named=(1, 2, 4),
        ),
        step("largest", "R7", "highest(family_overage)", 5, family_overage=(1, 4, 5)),
    ]


def test_R7_ports_are_a_family_of_their_own() -> None:
    assert mark_steps({PORTS: [3, 0]}) == [
        step("family_overage", "R7", "ivr_port", (3, 0), ivr_port=(3, 0)),
        step("largest", "R7", "highest(family_overage)", 3, family_overage=(3, 0)),
    ]


# Billed quantities (R6, R8). Of three days; Premium, Standard and ports come to:
#
#   used       5  7  6      31 20 26      83 74 60
#   committed  5  5  6      20 20 20      4 4 0 additional; with the bundled ones 76 58 64
#   overage    0  2  0      11  0  6       7 16  0
#
# Billed are 2 and 11 agents, so the ports are 80 80 78 for the bill: 3.


def figures_of(
    settings: Settings = Settings(),  # noqa: B008 — frozen
    **use: Sequence[int],
) -> Figures:
    used = {
        P_NAMED: (5, 7, 6),
        S_NAMED: (31, 20, 26),
        PORTS: (83, 74, 60),
        WFO: (0, 0, 0),
    } | {UsageType(name.replace("_", "-")): days for name, days in use.items()}
    return settle(
        period=THREE_DAYS,
        licence_model=NAMED,
        committed={P_NAMED: (5, 5, 6), S_NAMED: (20, 20, 20), PORTS: (4, 4, 0), WFO: (2, 2, 2)},
        use={usage_type: Use(np.array(days, np.int64)) for usage_type, days in used.items()},
        settings=settings,
    )


@pytest.mark.parametrize(
    ("usage_type", "overage", "billed"),
    [(P_NAMED, (0, 2, 0), 2), (S_NAMED, (11, 0, 6), 11), (WFO, (0, 0, 0), 0)],
)
def test_R6_the_billed_quantity_is_the_largest_daily_overage_of_its_type(
    usage_type: UsageType, overage: tuple[int, ...], billed: int
) -> None:
    assert billed_steps(usage_type, figures_of(), Settings()) == [
        step("billed", "R6", "highest(overage)", billed, overage=overage)
    ]


def test_R8_ports_are_billed_beside_the_agents_billed_for_the_cycle() -> None:
    assert billed_steps(PORTS, figures_of(), Settings()) == [
        step(
            "agents_billed",
            "R6",
            "premium_billed + standard_billed",
            13,
            premium_billed=2,
            standard_billed=11,
        ),
        step(
            "ports",
            "R8",
            "2 * (premium_committed + standard_committed + agents_billed) + additional",
            (80, 80, 78),
            premium_committed=(5, 5, 6),
            standard_committed=(20, 20, 20),
            agents_billed=13,
            additional=(4, 4, 0),
        ),
        step("above", "R8", "max(0, used - ports)", (3, 0, 0), used=(83, 74, 60), ports=(80, 80, 78)),
        step("billed", "R8", "highest(above)", 3, above=(3, 0, 0)),
    ]


def test_R6_a_billed_quantity_has_the_first_day_that_gives_it() -> None:
    assert figures_of().billed == {
        P_NAMED: Billed(2, june(2)),
        S_NAMED: Billed(11, june(1)),
        WFO: Billed(0, None),
        PORTS: Billed(3, june(1)),
    }
    assert figures_of(COMBINED).billed == {
        P_NAMED: Billed(0, None),
        S_NAMED: Billed(11, june(1)),
        WFO: Billed(0, None),
        PORTS: Billed(16, june(2)),
    }


@pytest.mark.parametrize(("usage_type", "billed"), [(P_NAMED, 0), (S_NAMED, 11)])
def test_R6_by_the_combined_day_each_type_of_the_family_bills_what_the_marked_day_shows(
    usage_type: UsageType, billed: int
) -> None:
    assert billed_steps(usage_type, figures_of(COMBINED), COMBINED) == [
        step(
            "family_overage",
            "R7",
            "premium_named + standard_named",
            (11, 2, 6),
            premium_named=(0, 2, 0),
            standard_named=(11, 0, 6),
        ),
        step("largest", "R7", "highest(family_overage)", 11, family_overage=(11, 2, 6)),
        step("billed", "R6", "on_the_day", billed, on_the_day=billed),
    ]


def test_R6_by_the_combined_day_ports_bill_what_their_marked_day_shows() -> None:
    assert billed_steps(PORTS, figures_of(COMBINED), COMBINED) == [
        step("family_overage", "R7", "ivr_port", (7, 16, 0), ivr_port=(7, 16, 0)),
        step("largest", "R7", "highest(family_overage)", 16, family_overage=(7, 16, 0)),
        step("billed", "R6", "on_the_day", 16, on_the_day=16),
    ]


def test_R6_by_the_combined_day_a_family_without_a_mark_bills_nothing() -> None:
    assert billed_steps(WFO, figures_of(COMBINED), COMBINED) == [
        step(
            "family_overage",
            "R7",
            "workforce_optimization",
            (0, 0, 0),
            workforce_optimization=(0, 0, 0),
        ),
        step("largest", "R7", "highest(family_overage)", 0, family_overage=(0, 0, 0)),
        step("billed", "R6", "on_the_day", 0, on_the_day=0),
    ]


@pytest.mark.parametrize(("usage_type", "position"), [(P_NAMED, 0), (S_NAMED, 0), (WFO, None), (PORTS, 1)])
def test_R7_a_family_is_marked_on_one_day_whichever_type_asks(
    usage_type: UsageType, position: int | None
) -> None:
    assert marked_position(figures_of(), usage_type) == position


def test_R7_the_mark_of_agents_is_not_that_of_workforce_optimization() -> None:
    figures = figures_of(workforce_optimization=(2, 2, 5))
    assert [marked_position(figures, each) for each in (P_NAMED, WFO, PORTS)] == [0, 2, 1]
    assert results_of(billed_steps(WFO, figures, COMBINED))["billed"] == 3


@pytest.mark.parametrize(
    ("used", "by_day", "expected"),
    [
        ((0, 0, 0), (0, 0, 0), []),
        ((0, 0, 1), (0, 0, 0), [(0, 0, 0), (0, 0, 0), (1, 0, 1)]),
        ((0, 3, 3), (2, 0, 4), [(0, 2, 0), (3, 0, 3), (3, 4, 0)]),
    ],
)
def test_R11_its_rows_are_there_with_a_commitment_or_a_use_up_to_the_last_day(
    used: tuple[int, ...], by_day: tuple[int, ...], expected: list[tuple[int, int, int]]
) -> None:
    figures = settle(
        period=THREE_DAYS,
        licence_model=CONCURRENT,
        committed={WFO: by_day},
        use={WFO: Use(np.array(used, np.int64))},
        settings=Settings(),
    )
    found = [each for each in figures.rows if each.usage_type is WFO]
    assert [(each.used, each.committed, each.overage) for each in found] == expected


# Marked rows


def row(
    day: int,
    usage_type: UsageType,
    used: int = 0,
    committed: int = 0,
    substituted: int = 0,
    overage: int = 0,
    *,
    peak_at: int | None = None,
    marked: bool = False,
) -> Row:
    return Row(june(day), usage_type, used, committed, substituted, overage, peak_at, marked)


ROWS = [
    row(1, P_NAMED, overage=1),
    row(1, S_NAMED, overage=4),
    row(1, WFO, overage=2),
    row(1, PORTS, overage=9),
    row(2, P_NAMED, overage=3, marked=True),
    row(2, S_NAMED, overage=5),
    row(2, WFO),
    row(2, PORTS, overage=8),
    row(3, P_NAMED, overage=2),
    row(3, S_NAMED, overage=1),
    row(3, WFO, overage=6),
    row(3, PORTS, overage=11, marked=True),
]


@pytest.mark.parametrize(
    ("usage_type", "marked", "overage"),
    [
        (P_NAMED, (2, P_NAMED), 3),
        (S_NAMED, (2, P_NAMED), 5),
        (WFO, None, 0),
        (PORTS, (3, PORTS), 11),
    ],
)
def test_R7_the_marked_row_is_found_by_its_family_and_the_type_has_its_own_overage_there(
    usage_type: UsageType, marked: tuple[int, UsageType] | None, overage: int
) -> None:
    found = marked_on(ROWS, usage_type)
    assert (found and (found.day.day, found.usage_type)) == marked
    assert marked_overage(ROWS, usage_type) == overage


# Stated and worked out (R13, R15)

CLOSED_AT = datetime(2024, 7, 2, tzinfo=UTC)
STANDARD_STEPS = row_steps(
    S_CONCURRENT,
    CONCURRENT,
    {P_CONCURRENT: 7, S_CONCURRENT: 15},
    held((P_CONCURRENT, 10), (S_CONCURRENT, 10)),
)  # 3 substituted, 2 overage
STANDARD_ROW = row(10, S_CONCURRENT, 15, 10, 3, 2, peak_at=645)
PREMIUM_ROW = row(10, P_CONCURRENT, 7, 10, peak_at=600)


def ground(*, closed: bool = False, rules_version: str = RULES_VERSION) -> Ground:
    return Ground(
        period=Period(JUNE, june(30)),
        licence_model=CONCURRENT,
        settings=Settings(),
        rules_version=rules_version,
        closed_at=CLOSED_AT if closed else None,
    )


def peak_at(hour: int, minute: int) -> Peak:
    start = datetime(2024, 6, 10, hour, minute, tzinfo=UTC)
    return Peak("sample", start, start + timedelta(minutes=15), ())


def difference(
    stated: Row = STANDARD_ROW,
    *,
    of: Ground | None = None,
    peak: Peak | None = peak_at(10, 45),  # noqa: B008 — frozen
    witnesses: int = 15,
    counted: Mapping[UsageType, int] | None = None,
    premium: Row = PREMIUM_ROW,
) -> Difference | None:
    return find_difference(
        of or ground(),
        stated,
        STANDARD_STEPS,
        peak,
        witnesses=witnesses,
        counted=counted or {P_CONCURRENT: 7, S_CONCURRENT: 15},
        committed={P_CONCURRENT: 10, S_CONCURRENT: 10},
        rows={P_CONCURRENT: premium, S_CONCURRENT: stated},
    )


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("peak", [peak_at(10, 45), None])
def test_R15_a_row_that_its_steps_witnesses_and_peak_come_to_has_no_difference(
    peak: Peak | None, closed: bool
) -> None:
    assert difference(of=ground(closed=closed), peak=peak) is None


@pytest.mark.parametrize(
    "stated",
    [
        replace(STANDARD_ROW, committed=11),
        replace(STANDARD_ROW, substituted=2),
        replace(STANDARD_ROW, overage=3),
        replace(STANDARD_ROW, used=14),
        replace(STANDARD_ROW, peak_at=644),
        replace(STANDARD_ROW, peak_at=None),
    ],
)
def test_R15_of_an_open_cycle_no_difference_is_explained_but_by_other_rules(stated: Row) -> None:
    assert difference(stated) is Difference.UNEXPLAINED
    assert difference(stated, of=ground(rules_version="2023.9")) is Difference.OTHER_RULES


@pytest.mark.parametrize("witnesses", [14, 16])
def test_R15_as_many_witnesses_must_be_found_as_are_stated(witnesses: int) -> None:
    assert difference(witnesses=witnesses) is Difference.UNEXPLAINED


def test_R13_of_a_closed_cycle_late_records_explain_another_use_or_another_peak() -> None:
    closed = ground(closed=True)
    late = Difference.LATE_RECORDS
    assert difference(replace(STANDARD_ROW, used=14), of=closed) is late
    assert difference(replace(STANDARD_ROW, peak_at=630), of=closed) is late
    assert difference(replace(STANDARD_ROW, peak_at=630, substituted=4), of=closed) is late


def test_R13_late_records_of_premium_explain_another_substitution() -> None:
    stated = replace(STANDARD_ROW, substituted=4, overage=1)
    earlier = replace(PREMIUM_ROW, used=6)
    assert difference(stated, of=ground(closed=True), premium=earlier) is Difference.LATE_RECORDS


@pytest.mark.parametrize("peak", [peak_at(10, 45), None])
def test_R13_of_a_closed_cycle_late_commitments_explain_figures_of_the_same_use(peak: Peak | None) -> None:
    stated = replace(STANDARD_ROW, committed=9, overage=3)
    assert difference(stated, of=ground(closed=True), peak=peak) is Difference.LATE_TERMS


@pytest.mark.parametrize(
    ("closed", "rules_version", "records", "terms", "expected"),
    [
        (True, RULES_VERSION, True, False, Difference.LATE_RECORDS),
        (True, RULES_VERSION, True, True, Difference.LATE_RECORDS),
        (True, RULES_VERSION, False, True, Difference.LATE_TERMS),
        (True, RULES_VERSION, False, False, Difference.UNEXPLAINED),
        (True, "2023.9", False, False, Difference.OTHER_RULES),
        (True, "2023.9", True, False, Difference.LATE_RECORDS),
        (False, RULES_VERSION, True, True, Difference.UNEXPLAINED),
        (False, "2023.9", False, True, Difference.OTHER_RULES),
    ],
)
def test_R13_only_a_closed_cycle_can_have_anything_late(
    closed: bool, rules_version: str, records: bool, terms: bool, expected: Difference
) -> None:
    found = ground(closed=closed, rules_version=rules_version).difference(records=records, terms=terms)
    assert found is expected


def test_R13_a_late_commitment_of_premium_explains_another_substitution_of_the_same_use() -> None:
    stated = replace(STANDARD_ROW, substituted=2, overage=3)
    less = replace(PREMIUM_ROW, committed=9)
    assert difference(stated, of=ground(closed=True), premium=less) is Difference.LATE_TERMS


@pytest.mark.parametrize(
    ("rules_version", "expected"),
    [(RULES_VERSION, Difference.UNEXPLAINED), ("2023.9", Difference.OTHER_RULES)],
)
def test_R13_nothing_late_explains_a_closed_figure_whose_use_and_commitments_stand(
    rules_version: str, expected: Difference
) -> None:
    closed = ground(closed=True, rules_version=rules_version)
    assert difference(replace(STANDARD_ROW, overage=99), of=closed) is expected
    assert difference(witnesses=14, of=closed) is expected


def test_R8_late_commitments_explain_the_ports_of_the_same_use() -> None:
    """A port more, additional: the agents' licences stand, the row of the ports does not."""
    used = {P_CONCURRENT: 7, S_CONCURRENT: 15, PORTS: 50}
    steps = row_steps(
        PORTS, CONCURRENT, used, held((P_CONCURRENT, 10), (S_CONCURRENT, 10), (PORTS, 1))
    )  # 2 × (20 + 2 overage agents) + 1
    stated = row(10, PORTS, 50, 44, 0, 6, peak_at=645)

    def ports(stated: Row) -> Difference | None:
        return find_difference(
            ground(closed=True),
            stated,
            steps,
            peak_at(10, 45),
            witnesses=50,
            counted=used,
            committed={P_CONCURRENT: 10, S_CONCURRENT: 10, PORTS: 1},
            rows={P_CONCURRENT: PREMIUM_ROW, S_CONCURRENT: STANDARD_ROW, PORTS: stated},
        )

    assert ports(stated) is Difference.LATE_TERMS
    assert ports(replace(stated, committed=45, overage=5)) is None
    assert ports(replace(stated, committed=45)) is Difference.UNEXPLAINED


# Whole proofs


def witness(actor: str, premium_day: date | None) -> Witness:
    return Witness(actor, (), first_day=june(2), premium_day=premium_day)


def cell(
    witnesses: Sequence[Witness] = (), mark: Sequence[Step] = (), found: Difference | None = None
) -> CellProof:
    return CellProof(
        ground=ground(),
        stated=STANDARD_ROW,
        steps=STANDARD_STEPS,
        peak=None,
        witnesses=witnesses,
        commitments=[],
        mark=mark,
        billed=Billed(2, june(10)),
        difference=found,
    )


def billed(steps: Sequence[Step], found: Difference | None = None) -> BilledProof:
    return BilledProof(
        ground=ground(),
        usage_type=S_CONCURRENT,
        stated=Billed(2, june(10)),
        steps=steps,
        rows=[STANDARD_ROW],
        marked_day=june(10),
        marked_overage=2,
        of_day=cell(),
        difference=found,
    )


def test_a_proof_agrees_where_there_is_no_difference() -> None:
    assert cell().agrees
    assert billed([]).agrees
    assert not cell(found=Difference.UNEXPLAINED).agrees
    assert not billed([], Difference.LATE_TERMS).agrees


def test_a_proof_of_a_row_states_its_figures_as_they_come_to_now_and_each_rule_once() -> None:
    proof = cell(mark=mark_steps({P_CONCURRENT: [0], S_CONCURRENT: [2]}))
    assert proof.recomputed == {"used": 15, "committed": 10, "substituted": 3, "overage": 2}
    assert [rule.value for rule in proof.rules] == ["R2", "R10", "R4", "R5", "R7"]
    assert [rule.value for rule in cell().rules] == ["R2", "R10", "R4", "R5"]


def test_a_proof_of_a_billed_quantity_has_its_rules_before_those_of_its_day() -> None:
    proof = billed([step("billed", "R6", "highest(overage)", 2, overage=(2, 0))])
    assert proof.recomputed == 2
    assert [rule.value for rule in proof.rules] == ["R6", "R2", "R10", "R4", "R5"]


def test_a_quantity_that_is_not_billed_any_more_comes_to_nothing() -> None:
    assert billed([]).recomputed == 0


def test_R3_agents_are_restated_whose_premium_session_is_of_a_later_day() -> None:
    before, same, later = (witness(f"a{day}", june(day)) for day in (9, 10, 11))
    assert cell([before, later, witness("never", None), same]).restated == [later]
