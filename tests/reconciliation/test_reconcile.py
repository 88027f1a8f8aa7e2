"""Reconciliation: results are a function of what is stored, made for what is stale, and left alone when closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.catalogue.domain.kinds import Service, UsageType
from apps.catalogue.models import Offer
from apps.core.domain.periods import Period
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.reconciliation import tasks
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.models import (
    CycleResult,
    Run,
)
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.runs import list_due
from apps.reconciliation.selectors import (
    CycleFigures,
    NoSuchCycle,
    NothingToUse,
    calculate_cycle,
    cycle_starting,
    get_figures,
    last_day_used,
    list_available_cycles,
    newest_cycle_with_usage,
    read_types,
)
from apps.reconciliation.services import (
    Recalculated,
    RunOver,
    cancel_run,
    finish_run,
    open_run,
    park_item,
    reconcile_customer,
    reconcile_customers,
    runs,
    work_items,
)
from apps.reconciliation.services.storage import forget_results
from apps.subscriptions.models import StaleSpan
from apps.subscriptions.selectors import cycles_of
from apps.subscriptions.services import close_cycle
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    STANDARD,
    STANDARD_CONCURRENT,
    WFO,
    customer,
    enter,
    entered,
    line,
    partner,
    portfolio,
    portfolio_of,
    stored_customer,
    subscription,
)
from tests.factories.results import RESULTS, bytes_of
from tests.factories.usage import Session, UsageFiles, session

pytestmark = pytest.mark.django_db

JUNE, JULY, AUGUST = date(2024, 6, 1), date(2024, 7, 1), date(2024, 8, 1)
TODAY = date(2024, 8, 20)
ONE_STANDARD = subscription("Sub-1", line(STANDARD, 1))


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1 with one Standard agent committed from 1 January 2024 on, bill day 1."""
    return entered(ONE_STANDARD)


def on(day: date, *agents: str, premium: bool = False) -> list[Session]:
    return [session(agent, "08:00", "16:00", day=day, premium=premium) for agent in agents]


def reconcile(owner: Customer, **fields: Any) -> int:
    with scope(PROVIDER):
        return reconcile_customer(customer=owner, **{"today": TODAY, **fields})


def figures(owner: Customer, first: date, *, today: date = TODAY, until: date | None = None) -> CycleFigures:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, first, today=today, service=Service.CONTACT_CENTRE)
        return get_figures(owner, cycle, today=today, until=until)


def close(owner: Customer, first: date) -> None:
    """Close a cycle as issuing its invoice does."""
    with scope(PROVIDER):
        cycle = cycle_starting(owner, first, today=TODAY, service=Service.CONTACT_CENTRE)
        reconcile_customer(customer=owner, today=TODAY, cycle=cycle)
        close_cycle(customer=owner, service=Service.CONTACT_CENTRE, cycle=cycle, inputs_hash="", snapshot={})


def results(owner: Customer) -> dict[date, CycleResult]:
    with scope(PROVIDER):
        return {
            result.first_day: result
            for result in CycleResult.objects.filter(customer=owner).select_related("primary")
        }


# What a run makes


def test_R15_stored_figures_are_those_that_would_be_calculated_on_the_spot(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a", "b"), *on(date(2024, 6, 5), "c", premium=True))
    files.use(session("c1", "10:00", "10:05", day=date(2024, 6, 4)), kind="ivr-legs")
    before = figures(owner, JUNE)
    assert reconcile(owner) == 30
    after = figures(owner, JUNE)
    assert (before.is_stored, after.is_stored) == (False, True)
    assert after.rows == before.rows
    assert after.billed == before.billed
    assert (after.inputs_hash, after.until, after.has_usage) == (before.inputs_hash, date(2024, 6, 30), True)
    result = results(owner)[JUNE]
    assert (result.last_day, result.primary.number, result.agent_overage) == (date(2024, 6, 30), "Sub-1", 2)
    assert result.daily_agents == [0, 0, 2, 2, *[3] * 26]


def test_a_days_profile_is_kept_and_its_highest_count_is_what_was_used(db: None, files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 1), model="concurrent"))
    files.use(*on(date(2024, 6, 3), "a", "b"))
    files.use(*(session(f"c{n}", "10:00", "10:05", day=date(2024, 6, 4)) for n in range(3)), kind="ivr-legs")
    reconcile(owner)
    month = Period(date(2024, 6, 1), date(2024, 6, 30))
    with scope(PROVIDER):
        profiles = {
            (day, measure): counts
            for measure, of_days in read_profiles(owner, month).items()
            for day, counts in zip(month, of_days, strict=True)
            if counts.any()
        }
    assert {key: (len(counts), int(counts.max())) for key, counts in profiles.items()} == {
        (date(2024, 6, 3), Measure.STANDARD_AGENTS): (96, 2),
        (date(2024, 6, 4), Measure.IVR_PORTS): (1440, 3),
    }


def test_R15_running_it_again_gives_the_same_bytes(owner: Customer, files: UsageFiles) -> None:
    files.use(*on(date(2024, 6, 3), "a", "b"), *on(date(2024, 7, 5), "c"))
    assert reconcile(owner) == 30 + 31
    before = bytes_of(owner)
    assert reconcile(owner) == 0
    with scope(PROVIDER):
        StaleSpan.objects.create(partner=owner.partner, customer=owner, first_day=JUNE, last_day=AUGUST)
    assert reconcile(owner) == 30 + 31
    assert bytes_of(owner) == before


def test_R15_the_order_in_which_usage_arrives_changes_no_byte(owner: Customer, files: UsageFiles) -> None:
    parts = [
        (on(date(2024, 6, 3), "a", "b"), "1"),
        (on(date(2024, 6, 3), "a", premium=True), "2"),
        ([session("d", "08:00", None, day=date(2024, 6, 4))], "3"),
        ([session("d", "08:00", "09:00", day=date(2024, 6, 4))], "3"),
    ]
    found = []
    for order in (parts, parts[::-1], [parts[2], parts[0], parts[3], parts[1]]):
        with transaction.atomic():
            for sessions, name in order:
                files.use(*sessions, name=name)
            reconcile(owner)
            found.append(bytes_of(owner))
            transaction.set_rollback(True)
    assert found[0] == found[1] == found[2]


def test_R15_the_hash_tells_every_input_apart(owner: Customer, files: UsageFiles) -> None:
    def hashes_of_june(until: date = date(2024, 6, 30)) -> tuple[str, str]:
        with scope(PROVIDER):
            cycle = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
            calculated = calculate_cycle(owner, cycle, until=until)
        return calculated.inputs_hash, calculated.facts_hash

    hashes = []
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: files.use(*on(date(2024, 6, 3), "a")),
        lambda: files.use(*on(date(2024, 6, 3), "a")),
        lambda: files.use(*on(date(2024, 6, 3), "a"), kind="wfo-sessions"),
        lambda: enter(portfolio_of(subscription("Sub-1", line(IVR, 1)))),
        lambda: _set_offer(ivr_peak="instant"),
    ]
    for change in changes:
        change()
        hashes.append(hashes_of_june())
    hashes.append(hashes_of_june(date(2024, 6, 29)))
    files.use(*on(date(2024, 8, 3), "a"))  # another cycle's
    assert hashes_of_june() == hashes[-2]
    assert len(set(hashes)) == len(hashes)


def _set_offer(**settings: str) -> None:
    with scope(PROVIDER):
        Offer.objects.filter(code="A-FLEX-3-CC").update(**settings)


def test_a_setting_of_the_offer_is_used(owner: Customer, files: UsageFiles) -> None:
    day = date(2024, 6, 4)
    files.use(
        session("c1", "10:00:00", "10:00:20", day=day),
        session("c2", "10:00:30", "10:00:40", day=day),
        kind="ivr-legs",
    )
    used = []
    for choice in ("minute", "instant"):
        _set_offer(ivr_peak=choice)
        used.append(
            max(row.used for row in figures(owner, JUNE).rows if row.usage_type is UsageType.IVR_PORT)
        )
    assert used == [2, 1]


def test_workforce_optimization_is_stored_like_the_others(db: None, files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1", line(WFO, 1)))
    files.use(*on(date(2024, 6, 3), "a", "b"), kind="wfo-sessions")
    reconcile(owner)
    found = figures(owner, JUNE)
    assert found.is_stored
    assert found.billed[UsageType.WORKFORCE_OPTIMIZATION].quantity == 1


# What is stale


def test_only_cycles_with_stale_days_are_made_again(owner: Customer, files: UsageFiles) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 7, 5), "a"))
    reconcile(owner)
    before = results(owner)
    files.use(*on(date(2024, 7, 6), "b"))
    assert not figures(owner, JULY).is_stored
    assert figures(owner, JUNE).is_stored
    assert reconcile(owner) == 31
    after = results(owner)
    assert after[JUNE].pk == before[JUNE].pk
    assert after[JUNE].calculated_at == before[JUNE].calculated_at
    assert after[JULY].calculated_at > before[JULY].calculated_at
    assert figures(owner, JULY).is_stored


def test_a_duplicate_makes_nothing_stale(owner: Customer, files: UsageFiles) -> None:
    path = files.sessions(on(date(2024, 6, 3), "a"))
    files.take(path)
    reconcile(owner)
    files.take(path)
    files.take(path.read_bytes() + b"\n")
    assert reconcile(owner) == 0
    assert figures(owner, JUNE).is_stored


def test_a_change_of_the_portfolio_makes_every_cycle_with_usage_again(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a", "b"), *on(date(2024, 7, 5), "a"))
    reconcile(owner)
    enter(portfolio_of(subscription("Sub-1", line(STANDARD, 2, first="2024-06-15"))))
    assert reconcile(owner) == 30 + 31
    overage = [row.overage for row in figures(owner, JUNE).rows if row.usage_type is UsageType.STANDARD_NAMED]
    assert overage == [0, 0, *[1] * 12, *[0] * 16]


def test_R3_usage_that_reaches_into_the_next_cycle_is_counted_there_too(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(session("a", "22:00", "00:30", day=date(2024, 6, 30), to=JULY))
    assert reconcile(owner) == 30 + 31
    assert results(owner)[JULY].has_usage
    assert figures(owner, JULY).rows[1].used == 1


def test_R3_a_session_still_going_on_reaches_into_the_next_cycle(owner: Customer, files: UsageFiles) -> None:
    files.use(session("a", "22:00", None, day=date(2024, 6, 30)))
    reconcile(owner)
    assert set(results(owner)) == {JUNE, JULY}


def test_usage_that_ends_with_the_cycle_does_not(owner: Customer, files: UsageFiles) -> None:
    files.use(session("a", "22:00", "24:00", day=date(2024, 6, 30)))
    assert reconcile(owner) == 30
    assert set(results(owner)) == {JUNE}


def test_one_named_cycle_is_made_whatever_its_state_and_the_others_stay_stale(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 7, 5), "a"))
    with scope(PROVIDER):
        june = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
    assert reconcile(owner, cycle=june) == 30
    assert set(results(owner)) == {JUNE}
    assert reconcile(owner) == 30 + 31


def test_usage_without_a_subscription_is_kept_and_lies_in_no_cycle(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2023, 12, 31), "a"))
    assert reconcile(owner) == 0
    assert not results(owner)
    with scope(PROVIDER), pytest.raises(NoSuchCycle, match="2023-12-31 lies in no billing cycle of C-1"):
        cycle_starting(owner, date(2023, 12, 31), today=TODAY, service=Service.CONTACT_CENTRE)


# Open cycles


def test_an_open_cycle_is_used_up_to_yesterday(owner: Customer, files: UsageFiles) -> None:
    files.use(*on(date(2024, 8, 19), "a"), *on(TODAY, "b"))
    assert reconcile(owner) == 19
    found = figures(owner, AUGUST)
    assert (found.until, found.is_complete, found.is_stored) == (date(2024, 8, 19), False, True)
    assert max(row.used for row in found.rows) == 1
    later = figures(owner, AUGUST, today=TODAY + timedelta(days=1))
    assert (later.is_stored, max(row.used for row in later.rows)) == (False, 2)


def test_a_cycle_that_begins_today_has_no_day_to_use_yet(owner: Customer, files: UsageFiles) -> None:
    files.use(*on(AUGUST, "a"))
    assert reconcile(owner, today=AUGUST) == 0
    with pytest.raises(
        NothingToUse, match=r"No day of the cycle 2024-08-01 – 2024-08-31 is complete by 2024-07-31"
    ):
        figures(owner, AUGUST, today=AUGUST)


def test_until_makes_the_figures_of_an_earlier_day_and_what_is_left_out_stays_stale(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 6, 13), "b"), *on(date(2024, 7, 5), "a"))
    assert reconcile(owner, until=date(2024, 6, 12)) == 12
    assert {first: result.until for first, result in results(owner).items()} == {JUNE: date(2024, 6, 12)}
    assert reconcile(owner) == 30 + 31
    assert {first: result.until for first, result in results(owner).items()} == {
        JUNE: date(2024, 6, 30),
        JULY: date(2024, 7, 31),
    }


def test_until_before_the_cycle_is_refused_with_the_days(owner: Customer) -> None:
    with pytest.raises(NothingToUse, match="complete by 2024-05-31"):
        figures(owner, JUNE, until=date(2024, 5, 31))


@pytest.mark.parametrize(
    ("today", "until", "last"),
    [
        (date(2024, 6, 2), None, date(2024, 6, 1)),
        (date(2024, 6, 30), None, date(2024, 6, 29)),
        (date(2024, 7, 1), None, date(2024, 6, 30)),
        (date(2026, 7, 1), None, date(2024, 6, 30)),
        (date(2026, 7, 1), date(2024, 6, 12), date(2024, 6, 12)),
        (date(2024, 6, 5), date(2024, 6, 12), date(2024, 6, 4)),
    ],
)
def test_the_last_day_used(owner: Customer, today: date, until: date | None, last: date) -> None:
    with scope(PROVIDER):
        june = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
    assert last_day_used(june, today=today, until=until) == last


def test_another_day_than_a_cycles_first_is_refused_and_the_cycle_is_named(owner: Customer) -> None:
    with scope(PROVIDER), pytest.raises(NoSuchCycle, match=r"it lies in the cycle 2024-06-01 – 2024-06-30"):
        cycle_starting(owner, date(2024, 6, 9), today=TODAY, service=Service.CONTACT_CENTRE)


# Closed cycles


def test_R13_a_closed_cycle_is_untouched_by_usage_that_arrives_later(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"))
    close(owner, JUNE)
    before, rows = bytes_of(owner), figures(owner, JUNE).rows
    files.use(*on(date(2024, 6, 4), "b", "c"), *on(date(2024, 7, 4), "b"))
    for calculated in (31, 0):
        found = figures(owner, JUNE)
        assert (found.is_closed, found.is_stored, found.rows) == (True, True, rows)
        assert reconcile(owner) == calculated
    with scope(PROVIDER):
        forget_results(list(CycleResult.objects.filter(first_day=JULY)))
    assert bytes_of(owner) == before


def test_R13_a_closed_cycle_is_not_even_made_again_when_it_is_named(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"))
    close(owner, JUNE)
    before = bytes_of(owner)
    files.use(*on(date(2024, 6, 4), "b", "c"))
    with scope(PROVIDER):
        june = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
    assert reconcile(owner, cycle=june) == 0
    assert bytes_of(owner) == before


def test_R10_an_older_subscription_entered_later_changes_only_cycles_that_are_open(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 7, 5), "a"))
    close(owner, JUNE)
    reconcile(owner)
    closed = figures(owner, JUNE)
    enter(portfolio_of(subscription("Sub-0", starts_on="2023-06-15", bill_day=15)))
    reconcile(owner)
    assert figures(owner, JUNE).rows == closed.rows
    assert {first: (result.last_day, result.primary.number) for first, result in results(owner).items()} == {
        JUNE: (date(2024, 6, 30), "Sub-1"),
        JULY: (date(2024, 7, 14), "Sub-0"),
    }


def test_the_results_of_cycles_that_are_no_more_are_removed(owner: Customer, files: UsageFiles) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 7, 5), "a"))
    reconcile(owner)
    enter(portfolio_of({**ONE_STANDARD, "bill_day": 15}))
    reconcile(owner)
    assert sorted(results(owner)) == [date(2024, 5, 15), date(2024, 6, 15)]
    with scope(PROVIDER):
        days = {
            first: {len(each.used) for each in read_types(owner.pk, first)}
            for first in (date(2024, 5, 15), date(2024, 6, 15))
        }
    assert days == {date(2024, 5, 15): {31}, date(2024, 6, 15): {30}}


def test_R10_every_cycle_keeps_its_figures_when_a_later_one_is_closed_first(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 7, 5), "a"), *on(date(2024, 8, 5), "a"))
    reconcile(owner)
    close(owner, JULY)
    reconcile(owner)
    assert sorted(results(owner)) == [JUNE, JULY, AUGUST]


# Which cycles are offered


def test_R10_cycles_are_offered_13_months_back_from_the_newest_with_usage(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2025, 6, 3), "a"))
    with scope(PROVIDER):
        offered = list_available_cycles(owner, today=date(2025, 9, 15))
        newest = newest_cycle_with_usage(owner, offered)
    firsts = [cycle.first for cycle in offered]
    assert firsts == sorted(firsts, reverse=True)
    assert (firsts[0], firsts[-1]) == (date(2025, 9, 1), date(2024, 5, 1))
    assert newest is not None
    assert newest.first == date(2025, 6, 1)


def test_without_usage_the_newest_cycle_is_the_one_to_open_on(owner: Customer) -> None:
    with scope(PROVIDER):
        cycles = list(reversed(cycles_of(owner, Service.CONTACT_CENTRE, until=TODAY)))
        newest = newest_cycle_with_usage(owner, cycles)
        assert newest_cycle_with_usage(owner, []) is None
    assert newest == cycles[0]


# Runs


@pytest.fixture
def three(db: None, files: UsageFiles) -> list[Customer]:
    """C-1, C-2 and C-3 with usage in June; C-4 with a subscription alone."""
    enter(
        portfolio(
            partner(
                "P-1", *(customer(f"C-{n}", subscription(f"Sub-{n}", line(PREMIUM, 1))) for n in range(1, 4))
            )
        )
    )
    for n in range(1, 4):
        files.use(*on(date(2024, 6, 3), "a"), customer=f"C-{n}")
    return [stored_customer(f"C-{n}") for n in range(1, 4)]


def start() -> Run:
    with scope(PROVIDER):
        return open_run(today=TODAY)


def work(run: Run, *owners: Customer) -> None:
    with scope(PROVIDER):
        work_items(run_id=run.pk, customer_ids=[owner.pk for owner in owners], today=TODAY)


def items(run: Run) -> list[tuple[str, int, str]]:
    with scope(PROVIDER):
        return list(run.items.order_by("customer_id").values_list("state", "days", "reason"))


def test_a_run_has_one_item_for_each_customer_with_stale_days(
    three: list[Customer], files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 4), "b"), customer="C-1")
    reconcile(three[1])
    run = start()
    with scope(PROVIDER):
        assert list(run.items.order_by("customer_id").values_list("customer_id", flat=True)) == [
            three[0].pk,
            three[2].pk,
        ]


def test_an_item_is_worked_once(three: list[Customer], monkeypatch: pytest.MonkeyPatch) -> None:
    run = start()
    work(run, three[0])
    monkeypatch.setattr(runs, "reconcile_customers", _never)
    work(run, three[0])
    assert items(run) == [("done", 30, ""), ("waiting", 0, ""), ("waiting", 0, "")]


def _never(**_: object) -> int:
    raise AssertionError("must not be called")


def test_a_customer_that_fails_is_parked_with_the_reason_and_the_others_finish(
    three: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*, customers: list[Customer], **fields: Any) -> dict[int, Recalculated]:
        done = reconcile_customers(customers=customers, **fields)
        if three[1] in customers:
            raise Refusal("no settings for this offer")
        return done

    rung: list[tuple[int, list[int]]] = []
    monkeypatch.setattr(runs, "reconcile_customers", refusing)
    monkeypatch.setattr(tasks.reconcile_customers, "delay", lambda *ids: rung.append(ids))
    run = start()
    tasks.reconcile_customers(run.pk, [owner.pk for owner in three])
    assert items(run) == [("waiting", 0, "")] * 3
    for ids in rung:
        tasks.reconcile_customers(*ids)
    assert items(run) == [("done", 30, ""), ("parked", 0, "no settings for this offer"), ("done", 30, "")]
    assert [bool(results(owner)) for owner in three] == [True, False, True]
    with scope(PROVIDER):
        assert list(StaleSpan.objects.values_list("customer", flat=True).distinct()) == [three[1].pk]


def test_a_run_that_is_cancelled_leaves_what_waits_stale_and_finishes_nothing_more(
    three: list[Customer],
) -> None:
    run = start()
    work(run, three[0])
    with scope(PROVIDER):
        cancel_run(run=run, by="dana@example.com")
        with pytest.raises(RunOver):
            cancel_run(run=run, by="dana@example.com")
    work(run, *three)
    assert items(run) == [("done", 30, ""), ("cancelled", 0, ""), ("cancelled", 0, "")]
    assert [bool(results(owner)) for owner in three] == [True, False, False]
    with scope(PROVIDER):
        again = open_run(today=TODAY)
        assert again.items.count() == 2


def test_the_days_that_have_passed_since_are_calculated_without_any_new_record(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"), *on(date(2024, 8, 2), "a", "b"))
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=date(2024, 8, 11))
        assert not list_due(last_day=date(2024, 8, 10))
        assert list_due(last_day=date(2024, 8, 11)) == {owner.pk}
        assert open_run(today=date(2024, 8, 12)).items.count() == 1
        assert reconcile_customer(customer=owner, today=date(2024, 8, 12)) == 11
    assert results(owner)[AUGUST].daily_agents == [0, *[2] * 10]


def test_only_an_item_that_waits_is_parked(three: list[Customer]) -> None:
    run = start()
    work(run, three[0])
    with scope(PROVIDER):
        for owner in three[:2]:
            park_item(run_id=run.pk, customer_id=owner.pk, reason="broken")
    assert items(run) == [("done", 30, ""), ("parked", 0, "broken"), ("waiting", 0, "")]


def test_a_run_ends_when_no_customer_waits_and_only_once(three: list[Customer]) -> None:
    run = start()
    work(run, *three[:2])
    with scope(PROVIDER):
        finish_run(run_id=run.pk)
        assert Run.objects.get().finished_at is None
    work(run, three[2])
    with scope(PROVIDER):
        finish_run(run_id=run.pk)
        first = Run.objects.get().finished_at
        finish_run(run_id=run.pk)
        assert Run.objects.get().finished_at == first is not None


def test_the_sweep_starts_a_run_rings_again_for_what_was_lost_and_ends_what_is_done(
    three: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[int, int]] = []
    monkeypatch.setattr(
        tasks.reconcile_customers,
        "delay",
        lambda run_id, customer_ids: rung.extend((run_id, customer_id) for customer_id in customer_ids),
    )

    tasks.reconcile_stale()
    with scope(PROVIDER):
        run = Run.objects.get()
    every = [(run.pk, owner.pk) for owner in three]
    assert sorted(rung) == sorted(every)

    rung.clear()
    work(run, three[0])
    tasks.reconcile_stale()
    assert sorted(rung) == sorted(every[1:])

    rung.clear()
    for owner in three[1:]:
        work(run, owner)
    tasks.reconcile_stale()
    with scope(PROVIDER):
        assert Run.objects.get().finished_at is not None
    assert rung == []


# Tenancy


def test_a_stranger_sees_no_figure_of_another(
    owner: Customer, strangers: Customer, files: UsageFiles
) -> None:
    files.use(*on(date(2024, 6, 3), "a"))
    reconcile(owner)
    for reader in (
        Scope(Role.PARTNER, strangers.partner_id),
        Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk),
    ):
        with scope(reader):
            assert not any(table.objects.exists() for table in RESULTS)
    for reader in (Scope(Role.PARTNER, owner.partner_id), Scope(Role.CUSTOMER, owner.partner_id, owner.pk)):
        with scope(reader):
            june = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
            assert get_figures(owner, june, today=TODAY).is_stored
