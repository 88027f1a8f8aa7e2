"""Proofs: who is counted in a figure, how it follows, and that records and commitments give what is stated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import Service, UsageType
from apps.catalogue.models import Offer
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Row
from apps.reconciliation.domain.formulas import Value, evaluate, names_in
from apps.reconciliation.domain.logins import first_logins, logged_in_by_day
from apps.reconciliation.domain.proof import BilledProof, CellProof, Difference, Ground, find_difference
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.domain.witnesses import (
    MINUTE,
    SAMPLE,
    Peak,
    agents_in_sample,
    busiest_instant,
    contacts_between,
    logged_in,
    start_of_day,
)
from apps.reconciliation.domain.workings import Step
from apps.reconciliation.proof import NoSuchFigure, prove_billed, prove_cell
from apps.reconciliation.selectors import cycle_starting, get_figures, model_of
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.selectors import cycles_of
from apps.subscriptions.services import close_cycle, import_portfolio
from apps.usage.domain.evidence import StoredRecord
from tests.factories.counts import concurrent_samples, contacts_by_instant, contacts_by_minute
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    PREMIUM_CONCURRENT,
    STANDARD,
    STANDARD_CONCURRENT,
    WFO,
    entered,
    line,
    portfolio_of,
    subscription,
)
from tests.factories.usage import DAY, Session, UsageFiles, at, intervals, session
from tests.oracle.strategies import CUSTOMER, NOW, Month, months
from tests.reconciliation.test_rules import HOUR, hour_of
from tests.soak.comparison import import_rows, offer_all

JUNE = date(2024, 6, 1)
TODAY = date(2024, 8, 20)
P_NAMED, S_NAMED = UsageType.PREMIUM_NAMED, UsageType.STANDARD_NAMED
P_CONCURRENT, S_CONCURRENT = UsageType.PREMIUM_CONCURRENT, UsageType.STANDARD_CONCURRENT
WORKFORCE, PORTS = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT


def concurrent(*lines: Any) -> Customer:
    return entered(subscription("Sub-1", *lines, model="concurrent"))


def prove(owner: Customer, usage_type: UsageType, *, day: date = DAY, until: date | None = None) -> CellProof:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
        return prove_cell(owner, cycle, day, usage_type, today=TODAY, until=until)


def prove_bill(owner: Customer, usage_type: UsageType) -> BilledProof:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
        return prove_billed(owner, cycle, usage_type, today=TODAY)


def names(proof: CellProof) -> list[str]:
    return [witness.actor for witness in proof.witnesses]


def results(steps: Sequence[Step]) -> dict[str, Value]:
    return {step.key: step.result for step in steps}


def figures(proof: CellProof) -> tuple[int, int, int, int]:
    row = proof.stated
    return row.used, row.committed, row.substituted, row.overage


def work_out(steps: Sequence[Step]) -> dict[str, Value]:
    """Every step once more, by Python itself: as anybody could who has the JSON."""

    def by_day(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *values: function([np.asarray(value) for value in values], axis=0)

    functions = {"max": by_day(_most), "min": by_day(_least), "highest": np.max}
    known: dict[str, Value] = {}
    for step in steps:
        for name in step.inputs.keys() & known.keys():
            assert step.inputs[name] == known[name], (step.key, name)
        inputs = {name: np.asarray(value) for name, value in step.inputs.items()}
        value = np.asarray(eval(step.formula, {"__builtins__": {}}, {**functions, **inputs}))
        known[step.key] = tuple(value.tolist()) if value.ndim else int(value)
    return known


def _most(values: Sequence[Any], axis: int) -> Any:
    return np.max(np.broadcast_arrays(*values), axis=axis)


def _least(values: Sequence[Any], axis: int) -> Any:
    return np.min(np.broadcast_arrays(*values), axis=axis)


# R2


@pytest.mark.django_db
def test_R2_of_the_seven_agents_exactly_2_4_5_and_7_are_named(files: UsageFiles) -> None:
    owner = concurrent(line(STANDARD_CONCURRENT, 3))
    files.use(*(each for agent in HOUR for each in hour_of(agent)))
    proof = prove(owner, S_CONCURRENT)

    assert names(proof) == ["2", "4", "5", "7"]
    assert proof.agrees
    assert figures(proof) == (4, 3, 0, 1)
    assert proof.peak is not None
    assert (proof.peak.start, proof.peak.end) == (at("10:45"), at("11:00"))
    assert proof.peak.since == at("10:00")
    present = {
        witness.actor: [time.total_seconds() / 60 for time in witness.present] for witness in proof.witnesses
    }
    assert present == {
        "2": [15, 15, 15, 15],
        "4": [1, 15, 15, 1],
        "5": [5, 2, 2, 2],
        "7": [10, 15, 15, 14],
    }


@pytest.mark.django_db
def test_R2_the_records_that_make_an_agent_count_are_there_with_their_ids(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(
        session("a", "08:00", "09:30"),
        session("a", "09:50", "11:00"),
        session("a", "12:00", "12:30"),
        name="acd",
    )
    (witness,) = prove(owner, S_CONCURRENT).witnesses
    assert [(record.source, record.record_id, record.premium) for record in witness.records] == [
        ("import", "acd-0", False)
    ]
    assert [record.started_at for record in witness.records] == [at("08:00")]


@pytest.mark.django_db
def test_R2_an_agent_is_premium_by_the_touch_of_a_premium_session(files: UsageFiles) -> None:
    owner = concurrent(line(PREMIUM_CONCURRENT, 1))
    files.use(session("a", "10:00", "11:00"), session("a", "10:30", "10:30", premium=True))
    premium, standard = prove(owner, P_CONCURRENT), prove(owner, S_CONCURRENT)

    assert (names(premium), names(standard)) == (["a"], [])
    assert [record.premium for record in premium.witnesses[0].records] == [False, True]
    assert premium.agrees
    assert standard.agrees
    assert standard.peak is None


@pytest.mark.django_db
def test_R2_the_look_back_crosses_midnight(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(session("a", "22:00", "00:01", day=JUNE - ONE_DAY, to=JUNE))
    proof = prove(owner, S_CONCURRENT, day=JUNE)

    assert names(proof) == ["a"]
    assert proof.peak is not None
    assert proof.peak.since == at("23:15", JUNE - ONE_DAY)
    assert proof.agrees


@pytest.mark.django_db
def test_a_session_still_open_counts_as_long_as_the_setting_says(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(session("a", "12:00", None))
    assert names(prove(owner, S_CONCURRENT)) == ["a"]
    assert prove(owner, S_CONCURRENT, day=DAY + ONE_DAY).agrees
    with scope(PROVIDER):
        Offer.objects.update(longest_open_hours=1)
    assert names(prove(owner, S_CONCURRENT)) == ["a"]
    assert names(prove(owner, S_CONCURRENT, day=DAY + ONE_DAY)) == []


# R3, R11


@pytest.mark.django_db
def test_R3_an_agent_who_turns_premium_later_is_restated_and_the_proof_says_so(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(PREMIUM, 1)))
    files.use(
        session("a", "08:00", "09:00", day=date(2024, 6, 3)),
        session("a", "08:00", "09:00", day=date(2024, 6, 12), premium=True),
        session("b", "08:00", "09:00", day=date(2024, 6, 4)),
        session("c", "08:00", "09:00", day=date(2024, 6, 11)),
    )
    premium, standard = prove(owner, P_NAMED), prove(owner, S_NAMED)

    assert (names(premium), names(standard)) == (["a"], ["b"])
    assert premium.witnesses[0].first_day == date(2024, 6, 3)
    assert premium.witnesses[0].premium_day == date(2024, 6, 12)
    assert [record.started_at.day for record in premium.witnesses[0].records] == [3, 12]
    assert premium.restated == list(premium.witnesses)
    assert premium.agrees
    assert standard.agrees
    assert names(prove(owner, S_NAMED, until=date(2024, 6, 11))) == ["a", "b"]
    assert prove(owner, P_NAMED, day=date(2024, 6, 12)).restated == []


@pytest.mark.django_db
def test_R3_a_session_open_across_the_cycles_start_is_a_login_on_its_first_day(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1"))
    files.use(session("a", "22:00", "02:00", day=JUNE - ONE_DAY, to=JUNE))
    (witness,) = prove(owner, S_NAMED, day=JUNE).witnesses
    assert witness.first_day == JUNE
    assert witness.records[0].started_at == at("22:00", JUNE - ONE_DAY)


@pytest.mark.django_db
def test_R11_workforce_optimization_names_its_agents(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(WFO, 1)))
    files.use(session("a", "08:00", "09:00"), session("b", "09:00", "09:00"), kind="wfo-sessions")
    files.use(session("c", "08:00", "09:00"))
    proof = prove(owner, WORKFORCE)

    assert names(proof) == ["a", "b"]
    assert figures(proof) == (2, 1, 0, 1)
    assert {step.rule.value for step in proof.steps} == {"R10", "R11"}
    assert proof.agrees


# R4, R5, R10


@pytest.mark.django_db
def test_R4_substitution_is_worked_out_from_premiums_own_use_and_commitment(files: UsageFiles) -> None:
    owner = concurrent(line(PREMIUM_CONCURRENT, 2), line(STANDARD_CONCURRENT, 1))
    files.use(session("p", "08:00", "09:00", premium=True))
    files.use(*(session(f"s{n}", "14:00", "15:00") for n in range(4)))
    proof = prove(owner, S_CONCURRENT)

    assert figures(proof) == (4, 1, 1, 2)
    assert results(proof.steps) == {
        "used": 4,
        "committed": 1,
        "above": 3,
        "premium_used": 1,
        "premium_committed": 2,
        "premium_left": 1,
        "substituted": 1,
        "overage": 2,
    }
    assert [rule.value for rule in proof.rules] == ["R2", "R10", "R4", "R5", "R7"]
    assert [each.usage_type for each in proof.commitments] == [P_CONCURRENT, S_CONCURRENT]
    assert proof.agrees


@pytest.mark.django_db
def test_R10_the_lines_in_force_are_named_with_their_subscriptions_and_days(files: UsageFiles) -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 2), line(STANDARD, 3, first="2024-06-11")),
        subscription(
            "Sub-2", line(STANDARD, 4, last="2024-06-10"), starts_on="2024-03-01", ends_on="2024-07-31"
        ),
    )
    proof = prove(owner, S_NAMED)
    assert [(each.subscription, each.quantity, each.first, each.last) for each in proof.commitments] == [
        ("Sub-1", 2, date(2024, 1, 1), None),
        ("Sub-2", 4, date(2024, 3, 1), date(2024, 6, 10)),
    ]
    (committed,) = (step for step in proof.steps if step.key == "committed")
    assert (committed.formula, committed.inputs) == ("line_1 + line_2", {"line_1": 2, "line_2": 4})
    assert prove(owner, S_NAMED, day=DAY + ONE_DAY).recomputed["committed"] == 5
    assert prove(owner, P_NAMED).recomputed["committed"] == 0


# R8


@pytest.mark.django_db
def test_R8_two_legs_of_one_contact_in_a_minute_are_one_contact(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(
        session("one", "10:05:00", "10:05:10"),
        session("one", "10:05:40", "10:06:00"),
        session("two", "10:05:50", "10:05:50"),
        session("out", "10:04:00", "10:05:00"),
        kind="ivr-legs",
    )
    proof = prove(owner, PORTS)
    assert names(proof) == ["one", "two"]
    assert [len(witness.records) for witness in proof.witnesses] == [2, 1]
    assert proof.peak is not None
    assert (proof.peak.reading, proof.peak.start, proof.peak.end) == ("minute", at("10:05"), at("10:06"))
    assert proof.agrees


@pytest.mark.django_db
def test_R8_by_the_other_reading_those_of_one_instant_are_named(files: UsageFiles) -> None:
    owner = concurrent()
    with scope(PROVIDER):
        Offer.objects.update(ivr_peak="instant")
    files.use(
        session("one", "10:05:00", "10:05:10"),
        session("two", "10:05:10", "10:05:30"),
        session("three", "10:05:20", "10:05:40"),
        session("four", "10:05:30", "10:05:50"),
        kind="ivr-legs",
    )
    proof = prove(owner, PORTS)
    assert names(proof) == ["three", "two"]
    assert proof.peak is not None
    assert (proof.peak.reading, proof.peak.start) == ("instant", at("10:05:20"))
    assert proof.agrees


@pytest.mark.django_db
def test_R8_the_ports_of_a_day_take_that_days_agent_overage(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1), line(IVR, 3), model="named"))
    files.use(session("a", "08:00", "09:00"), session("b", "08:00", "09:00"))
    files.use(*(session(f"c{n}", "10:00:00", "10:00:30") for n in range(9)), kind="ivr-legs")
    proof = prove(owner, PORTS)

    assert figures(proof) == (9, 7, 0, 2)
    found = results(proof.steps)
    assert (found["standard_overage"], found["bundled"], found["additional"]) == (1, 4, 3)
    assert proof.agrees


@pytest.mark.django_db
def test_R8_a_marked_peak_can_be_billed_nothing_and_the_proof_says_so(files: UsageFiles) -> None:
    """On the 10th two licences bring 4 ports; billed with the agent above of the 11th there are 6."""
    owner = concurrent(line(STANDARD_CONCURRENT, 2))
    files.use(*(session(f"a{n}", "08:00", "16:00", day=DAY + ONE_DAY) for n in range(3)))
    files.use(*(session(f"c{n}", "09:07", "09:08") for n in range(6)), kind="ivr-legs")
    cell, billed = prove(owner, PORTS), prove_bill(owner, PORTS)

    assert figures(cell) == (6, 4, 0, 2)
    assert cell.stated.is_overage_peak
    assert results(cell.mark)["largest"] == 2
    assert cell.billed.quantity == 0
    assert (billed.stated.quantity, billed.stated.day, billed.recomputed) == (0, None, 0)
    assert (billed.marked_day, billed.marked_overage) == (DAY, 2)
    assert billed.of_day.stated == cell.stated
    found = results(billed.steps)
    assert found["agents_billed"] == 1
    assert found["ports"] == (6,) * 30
    assert found["above"] == (0,) * 30
    assert billed.agrees


# R6, R7


@pytest.mark.django_db
def test_R6_each_type_is_billed_by_its_own_day_and_the_marked_day_shows_less(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(*(session(f"p{n}", "08:00", "09:00", premium=True, day=date(2024, 6, 5)) for n in range(2)))
    files.use(*(session(f"s{n}", "08:00", "09:00", day=date(2024, 6, 7)) for n in range(3)))
    premium, standard = prove_bill(owner, P_CONCURRENT), prove_bill(owner, S_CONCURRENT)

    assert (premium.stated.quantity, premium.stated.day) == (2, date(2024, 6, 5))
    assert (standard.stated.quantity, standard.stated.day) == (3, date(2024, 6, 7))
    assert (premium.marked_day, premium.marked_overage) == (date(2024, 6, 7), 0)
    assert names(premium.of_day) == ["p0", "p1"]
    assert [row.overage for row in premium.rows] == [0] * 4 + [2] + [0] * 25
    assert premium.agrees
    assert standard.agrees
    assert prove(owner, S_CONCURRENT, day=date(2024, 6, 7)).mark
    assert not prove(owner, P_CONCURRENT, day=date(2024, 6, 7)).mark


@pytest.mark.django_db
def test_R6_by_the_other_reading_the_marked_day_is_billed(files: UsageFiles) -> None:
    owner = concurrent(line(STANDARD_CONCURRENT, 1))
    with scope(PROVIDER):
        Offer.objects.update(billed_peak="combined_day")
    files.use(session("p", "08:00", "09:00", premium=True, day=date(2024, 6, 5)))
    files.use(*(session(f"s{n}", "08:00", "09:00", day=date(2024, 6, 7)) for n in range(4)))
    files.use(*(session(f"c{n}", "09:07", "09:08") for n in range(6)), kind="ivr-legs")
    premium, standard, ports = (prove_bill(owner, each) for each in (P_CONCURRENT, S_CONCURRENT, PORTS))

    assert (premium.stated.quantity, premium.recomputed) == (0, 0)
    assert (standard.stated.quantity, standard.recomputed) == (3, 3)
    assert standard.stated.day == standard.marked_day == date(2024, 6, 7)
    assert (ports.stated.quantity, ports.recomputed, ports.stated.day) == (4, 4, DAY)
    assert results(standard.steps)["largest"] == 3
    assert premium.agrees
    assert standard.agrees
    assert ports.agrees


@pytest.mark.django_db
def test_what_is_not_there_is_not_proved(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1"))
    for day, usage_type in ((date(2024, 7, 1), S_NAMED), (DAY, S_CONCURRENT), (DAY, WORKFORCE)):
        with pytest.raises(NoSuchFigure):
            prove(owner, usage_type, day=day)
    for usage_type in (S_CONCURRENT, WORKFORCE, UsageType.DIGITAL):
        with pytest.raises(NoSuchFigure):
            prove_bill(owner, usage_type)


# Whether it agrees


def close(owner: Customer) -> None:
    """Close June as issuing its invoice does."""
    with scope(PROVIDER):
        cycle = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
        reconcile_customer(customer=owner, today=TODAY, cycle=cycle)
        close_cycle(
            customer=owner,
            service=Service.CONTACT_CENTRE,
            cycle=cycle,
            inputs_hash="",
            snapshot={"inputs": {"rules": RULES_VERSION}},
        )


@pytest.mark.django_db
def test_records_that_arrive_after_the_invoice_are_said_to_be_why_it_does_not_agree(
    files: UsageFiles,
) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1)))
    files.use(session("a", "08:00", "09:00"), session("b", "08:00", "09:00"))
    close(owner)
    assert prove(owner, S_NAMED).agrees
    files.use(session("c", "10:00", "11:00"))
    cell, billed = prove(owner, S_NAMED), prove_bill(owner, S_NAMED)

    assert figures(cell) == (2, 1, 0, 1)
    assert cell.recomputed == {"used": 3, "committed": 1, "substituted": 0, "overage": 2}
    assert cell.difference is Difference.LATE_RECORDS
    assert (billed.stated.quantity, billed.recomputed) == (1, 2)
    assert billed.difference is Difference.LATE_RECORDS
    assert prove(owner, P_NAMED).agrees
    assert prove(owner, PORTS).difference is Difference.LATE_RECORDS


@pytest.mark.django_db
def test_commitments_that_are_entered_after_the_invoice_are_said_to_be_why(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1)))
    files.use(session("a", "08:00", "09:00"), session("b", "08:00", "09:00"))
    close(owner)
    with scope(PROVIDER):
        changed = portfolio_of(
            subscription("Sub-1", line(STANDARD, 1), line(STANDARD, 1, first="2024-02-01"))
        )
        import_portfolio(text=json.dumps(changed), by="test", late=True)
    cell, billed = prove(owner, S_NAMED), prove_bill(owner, S_NAMED)

    assert (cell.stated.committed, cell.recomputed["committed"]) == (1, 2)
    assert cell.difference is Difference.LATE_TERMS
    assert billed.difference is Difference.LATE_TERMS


def ground(**fields: Any) -> Ground:
    closed = datetime(2024, 7, 2, tzinfo=UTC)
    return Ground(**{"period": Period(JUNE, date(2024, 6, 30)), "licence_model": None, "settings": Settings(),
                     "rules_version": RULES_VERSION, "closed_at": closed, **fields})  # fmt: skip


def test_other_differences_are_told_from_late_ones() -> None:
    assert ground().difference(records=True, terms=True) is Difference.LATE_RECORDS
    assert ground().difference(records=False, terms=True) is Difference.LATE_TERMS
    assert ground().difference(records=False, terms=False) is Difference.UNEXPLAINED
    old = ground(rules_version="2020.1")
    assert old.difference(records=False, terms=False) is Difference.OTHER_RULES
    assert ground(closed_at=None).difference(records=True, terms=True) is Difference.UNEXPLAINED


@pytest.mark.django_db
def test_a_stored_figure_that_is_wrong_is_found_out(files: UsageFiles) -> None:
    owner = concurrent()
    files.use(session("a", "08:00", "09:00"))
    proof = prove(owner, S_CONCURRENT)

    def difference(**changes: Any) -> Difference | None:
        row = Row(**{**{name: getattr(proof.stated, name) for name in Row.__slots__}, **changes})
        return find_difference(
            ground(closed_at=None),
            row,
            proof.steps,
            proof.peak,
            witnesses=len(proof.witnesses),
            counted={S_CONCURRENT: 1},
            committed={},
            rows={S_CONCURRENT: row},
        )

    assert difference() is None
    for wrong in ({"used": 2}, {"committed": 1}, {"substituted": 1}, {"overage": 0}, {"peak_at": 0}):
        assert difference(**wrong) is Difference.UNEXPLAINED, wrong


@pytest.mark.django_db
def test_a_proof_is_the_same_whether_the_figure_is_stored_or_calculated(files: UsageFiles) -> None:
    owner = concurrent(line(STANDARD_CONCURRENT, 1))
    files.use(*(session(f"s{n}", "08:00", "09:00") for n in range(3)))
    before, billed_before = prove(owner, S_CONCURRENT), prove_bill(owner, S_CONCURRENT)
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
    assert prove(owner, S_CONCURRENT) == before
    assert prove_bill(owner, S_CONCURRENT) == billed_before


# Formulas


@pytest.mark.parametrize(
    ("formula", "inputs", "result"),
    [
        ("0", {}, 0),
        ("max(0, used - committed)", {"used": 5, "committed": 7}, 0),
        ("2 * (a + b) + c", {"a": 1, "b": 2, "c": 3}, 9),
        ("min(a, b, c)", {"a": 3, "b": 2, "c": 4}, 2),
        ("highest(days)", {"days": (1, 7, 3)}, 7),
        ("max(0, days - less)", {"days": (1, 7), "less": 3}, (0, 4)),
    ],
)
def test_a_formula_is_worked_out(formula: str, inputs: Mapping[str, Value], result: Value) -> None:
    assert evaluate(formula, inputs) == result
    assert names_in(formula) == list(inputs)


@pytest.mark.parametrize(
    "formula",
    ["", "a b", "a / 2", "a ** 9", "open(a)", "a.real", "max(a, key=a)", "'a'", "1.5", "lambda: 0", "a[0]"],
)
def test_nothing_else_is_a_formula(formula: str) -> None:
    with pytest.raises(ValueError, match="formula"):
        evaluate(formula, {"a": 1})


# For any usage


def test_an_end_on_the_edge_does_not_touch_what_begins_there_and_a_moment_does() -> None:
    minute = at("10:00")
    legs = [
        session("before", "09:59", "10:00"),
        session("moment", "10:00", "10:00"),
        session("last", "10:00:59.999999", "10:05"),
        session("after", "10:01", "10:02"),
    ]
    there = contacts_between(stored(legs), minute, minute + MINUTE, longest_open=LONGEST)
    assert [each.actor for each in there] == ["last", "moment"]
    peak = Peak("sample", at("10:45"), at("11:00"), ())
    sessions = [session("a", "10:00", "11:00"), session("a", "09:45", "10:00", premium=True)]
    assert agents_in_sample(stored(sessions), peak, premium=True, longest_open=LONGEST) == []
    (witness,) = agents_in_sample(stored(sessions), peak, premium=False, longest_open=LONGEST)
    assert len(witness.records) == 1


def stored(sessions: Iterable[Session]) -> list[StoredRecord]:
    return [
        StoredRecord("import", f"r-{number}", actor, premium, start, end, start)
        for number, (actor, start, end, premium) in enumerate(sessions)
    ]


LONGEST = timedelta(hours=24)
seconds = st.integers(-3 * 3600, 27 * 3600)
lengths = st.sampled_from([0, 1, 59, 60, 61, 600, 899, 900, 901, 2700, 2760, 3600, 90_000]) | st.integers(
    0, 9000
)
moments_of_a_day = st.builds(
    lambda second, fraction: start_of_day(DAY) + timedelta(seconds=second, microseconds=fraction),
    seconds | st.integers(-12, 108).map(lambda quarter: quarter * 900),
    st.sampled_from([0, 0, 0, 1, 999_999]),
)
many_sessions = st.lists(
    st.builds(
        lambda actor, start, length, is_open, premium: (
            actor,
            start,
            None if is_open else start + timedelta(seconds=length),
            premium,
        ),
        st.sampled_from("abcd"),
        moments_of_a_day,
        lengths,
        st.integers(0, 9).map(lambda chance: chance == 0),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=100)
@given(sessions=many_sessions)
def test_R2_whom_a_proof_names_are_as_many_as_the_rule_counts_in_every_sample(
    sessions: list[Session],
) -> None:
    counted = concurrent_samples(intervals(sessions, longest_open=LONGEST), Period(DAY, DAY))
    records = stored(sessions)
    for number in range(96):
        start = start_of_day(DAY) + number * SAMPLE
        peak = Peak("sample", start, start + SAMPLE, ())
        found = [
            len(agents_in_sample(records, peak, premium=premium, longest_open=LONGEST))
            for premium in (True, False)
        ]
        assert found == [counted.premium[0, number], counted.standard[0, number]], number


@settings(max_examples=100)
@given(legs=many_sessions)
def test_R8_whom_a_proof_names_are_as_many_as_the_rule_counts(legs: list[Session]) -> None:
    """In every minute in which a leg starts or ends."""
    day, records = Period(DAY, DAY), stored(legs)
    by_minute = contacts_by_minute(intervals(legs, longest_open=LONGEST), day)[0]
    by_instant = contacts_by_instant(intervals(legs, longest_open=LONGEST), day)[0]
    edges = {moment for _actor, start, end, _premium in legs for moment in (start, end or start)}
    for number in {(edge - start_of_day(DAY)) // MINUTE for edge in edges} & set(range(1440)):
        start = start_of_day(DAY) + number * MINUTE
        touching = contacts_between(records, start, start + MINUTE, longest_open=LONGEST)
        instant, there = busiest_instant(records, start, longest_open=LONGEST)
        assert len(touching) == by_minute[number]
        assert len(there) == by_instant[number]
        assert start <= instant < start + MINUTE


crowded_legs = st.lists(
    st.builds(
        lambda actor, start, length: (actor, start, start + length, False),
        st.sampled_from("abcd"),
        st.integers(-60, 90).map(lambda second: at("10:00") + timedelta(seconds=second)),
        st.sampled_from([0, 1, 5, 30, 60, 90]).map(lambda second: timedelta(seconds=second)),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(legs=crowded_legs)
def test_R8_the_busiest_instant_is_the_first_with_the_most_contacts(legs: list[Session]) -> None:
    def there_at(instant: datetime) -> set[str]:
        return {
            actor
            for actor, start, end, _premium in legs
            if start == end == instant or (end is not None and start <= instant < end)
        }

    minute = at("10:00")
    instants = [
        minute,
        *(start for _actor, start, _end, _premium in legs if minute <= start < minute + MINUTE),
    ]
    first = max(sorted(instants), key=lambda instant: len(there_at(instant)))
    instant, witnesses = busiest_instant(stored(legs), minute, longest_open=LONGEST)
    assert instant == first
    assert {each.actor for each in witnesses} == there_at(first)
    assert len(witnesses) == len(there_at(first))


@settings(max_examples=100)
@given(sessions=many_sessions)
def test_R3_whom_a_proof_names_are_as_many_as_the_rule_counts(sessions: list[Session]) -> None:
    period = Period(DAY, DAY + ONE_DAY)
    actors = list(dict.fromkeys(actor for actor, *_rest in sessions))
    logins = logged_in_by_day(first_logins(intervals(sessions, longest_open=LONGEST), actors, period), period)
    since, upto = start_of_day(period.first), start_of_day(period.last + ONE_DAY)
    inside = [
        record
        for who in contacts_between(stored(sessions), since, upto, longest_open=LONGEST)
        for record in who.records
    ]
    found = logged_in(inside, period)
    for position, day in enumerate(period):
        so_far = [witness for witness in found if witness.first_day and witness.first_day <= day]
        premium = [witness for witness in so_far if witness.premium_day]
        assert len(premium) == logins.premium[position]
        assert len(so_far) - len(premium) == logins.standard[position]


def take_in(month: Month, folder: Path) -> Customer:
    """Everything of a random month, as it would come from outside."""
    files: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in month.records:
        files.setdefault((row["kind"], row.get("source") or "import"), []).append(row)
    with scope(PROVIDER):
        offer_all()
        import_portfolio(text=json.dumps(month.portfolio), by="test")
    for (kind, source), rows in files.items():
        import_rows(folder / "usage.csv", kind, rows, source=source, now=NOW)
    with scope(PROVIDER):
        return Customer.objects.select_related("partner").get(ref=CUSTOMER)


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(month=months(("agent-sessions", "ivr-legs", "wfo-sessions"), digital=False, settings=True))
def test_for_any_month_the_proof_of_every_figure_agrees_and_can_be_worked_out_again(
    month: Month, db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every figure of the days with usage and of those around them, and every billed quantity."""
    with transaction.atomic():
        owner = take_in(month, tmp_path_factory.mktemp("month"))
        near = {day + shift * ONE_DAY for day in month.busy for shift in (-1, 0, 1)}
        with scope(PROVIDER):
            reconcile_customer(customer=owner, today=NOW.date())
            for cycle in cycles_of(owner, Service.CONTACT_CENTRE, until=month.busy[-1])[-2:]:
                stated = get_figures(owner, cycle, today=NOW.date())
                for row in stated.rows:
                    if row.day in near or row.is_overage_peak:
                        proof = prove_cell(owner, cycle, row.day, row.usage_type, today=NOW.date())
                        assert proof.agrees, (row, proof.recomputed)
                        assert proof.stated == row
                        assert work_out(proof.steps) == results(proof.steps)
                        assert work_out(proof.mark) == results(proof.mark)
                        assert len(proof.witnesses) == row.used
                        assert model_of(cycle) is proof.ground.licence_model
                for usage_type, billed in stated.billed.items():
                    proved = prove_billed(owner, cycle, usage_type, today=NOW.date())
                    assert proved.agrees, (usage_type, billed, proved.recomputed)
                    assert work_out(proved.steps)["billed"] == billed.quantity
        transaction.set_rollback(True)
