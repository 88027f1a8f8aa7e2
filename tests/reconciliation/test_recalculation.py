"""A recalculation reads no more than it must, and how it is cut into pieces changes no byte."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.models import CycleProfile, CycleResult, RunItem, TypeFigures
from apps.reconciliation.services import open_run, reconcile_customer, sheets, work_items
from apps.subscriptions.models import StaleSpan
from apps.usage.selectors import Window, read_records
from tests.factories.portfolios import (
    PREMIUM,
    STANDARD,
    STANDARD_CONCURRENT,
    customer,
    enter,
    line,
    partner,
    portfolio,
    portfolio_of,
    stored_customer,
    subscription,
)
from tests.factories.results import bytes_of
from tests.factories.usage import UsageFiles, session

pytestmark = pytest.mark.django_db

TODAY = date(2024, 8, 20)
JUNE = Period(date(2024, 6, 1), date(2024, 6, 30))


def june(day: int) -> date:
    return date(2024, 6, day)


@pytest.fixture
def two(db: None, files: UsageFiles) -> list[Customer]:
    """C-1 with named agents and C-2 with concurrent ones, with usage on every day of June, reconciled."""
    enter(
        portfolio(
            partner(
                "P-1",
                customer("C-1", subscription("Sub-1", line(STANDARD, 2), line(PREMIUM, 1))),
                customer("C-2", subscription("Sub-2", line(STANDARD_CONCURRENT, 2), model="concurrent")),
            )
        )
    )
    days = list(enumerate(JUNE))
    used = {
        "agent-sessions": [
            session(agent, "08:00", "16:00", day=day)
            for n, day in days
            for agent in (f"a{n % 4}", f"b{n % 3}")
        ],
        "ivr-legs": [session(f"c{n}", "23:50", None, day=day) for n, day in days],
        "wfo-sessions": [session(f"a{n % 4}", "09:00", "09:30", day=day) for n, day in days],
        "voice-calls": [session(f"v{n}", "10:00", "10:30", day=day) for n, day in days],
    }
    for ref in ("C-1", "C-2"):
        for kind, sessions in used.items():
            files.use(*sessions, kind=kind, customer=ref)
    owners = [stored_customer("C-1"), stored_customer("C-2")]
    for owner in owners:
        reconcile(owner)
    return owners


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Period]:
    """The days whose records are read from here on."""
    seen: list[Period] = []

    def watched(windows: Sequence[Window], *rest: Any, **options: Any) -> Any:
        seen.extend(window.days for window in windows)
        return read_records(windows, *rest, **options)

    monkeypatch.setattr(sheets, "read_records", watched)
    return seen


def reconcile(owner: Customer) -> None:
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)


def from_nothing(owner: Customer) -> list[Any]:
    """What a full recalculation stores, after which everything is as it was."""
    with transaction.atomic():
        with scope(PROVIDER):
            for table in (TypeFigures, CycleProfile, StaleSpan):
                table.objects.filter(customer_id=owner.pk).delete()
            StaleSpan.objects.create(
                partner_id=owner.partner_id,
                customer=owner,
                first_day=date(2024, 1, 1),
                last_day=date(2025, 1, 1),
            )
            CycleResult.objects.filter(customer=owner).delete()
        reconcile(owner)
        found = bytes_of(owner)
        transaction.set_rollback(True)
    return found


def test_a_late_record_has_its_own_day_and_the_next_read_and_no_other(
    two: list[Customer], files: UsageFiles, looked_at: list[Period]
) -> None:
    for owner in two:
        before = bytes_of(owner)
        looked_at.clear()
        files.use(session("late", "20:00", "23:00", day=june(10)), customer=owner.ref)
        reconcile(owner)
        assert looked_at == [Period(june(10), june(11))]
        assert bytes_of(owner) != before
        assert bytes_of(owner) == from_nothing(owner)


def test_R3_a_late_premium_session_restates_the_whole_cycle_without_reading_it(
    two: list[Customer], files: UsageFiles, looked_at: list[Period]
) -> None:
    named = two[0]
    files.use(session("a0", "20:00", "21:00", day=june(28), premium=True), customer="C-1")
    reconcile(named)
    assert looked_at == [Period(june(28), june(29))]
    with scope(PROVIDER):
        premium = TypeFigures.objects.get(customer_id=named.pk, first_day=june(1), usage_type="premium-named")
    assert premium.used[0] == 1
    assert bytes_of(named) == from_nothing(named)


def test_R13_an_end_that_arrives_is_counted_with_all_that_it_takes_away(
    two: list[Customer], files: UsageFiles, looked_at: list[Period]
) -> None:
    for owner in two:
        files.use(session("late", "20:00", None, day=june(10)), customer=owner.ref, name="open")
        reconcile(owner)
        looked_at.clear()
        files.use(session("late", "20:00", "20:10", day=june(10)), customer=owner.ref, name="open")
        reconcile(owner)
        assert bytes_of(owner) == from_nothing(owner)


def test_a_changed_line_has_no_record_read(two: list[Customer], looked_at: list[Period]) -> None:
    enter(portfolio_of(subscription("Sub-1", line(STANDARD, 7))))
    reconcile(two[0])
    assert looked_at == []
    with scope(PROVIDER):
        standard = TypeFigures.objects.filter(customer_id=two[0].pk, usage_type="standard-named")
        assert {quantity for cycle in standard for quantity in cycle.committed} == {7}
    assert bytes_of(two[0]) == from_nothing(two[0])


@pytest.mark.parametrize("records", [1, 7, 40])
def test_a_customer_with_many_records_is_counted_a_few_days_at_a_time(
    two: list[Customer], monkeypatch: pytest.MonkeyPatch, looked_at: list[Period], records: int
) -> None:
    expected = [bytes_of(owner) for owner in two]
    monkeypatch.setattr(sheets, "RECORDS_AT_ONCE", records)
    for owner, of_owner in zip(two, expected, strict=True):
        assert from_nothing(owner) == of_owner
    assert len(looked_at) > 4
    assert max(period.days for period in looked_at) < 30


def test_R15_how_a_run_is_cut_into_tasks_changes_no_byte(two: list[Customer]) -> None:
    expected = [bytes_of(owner) for owner in two]
    ids = [owner.pk for owner in two]
    for tasks in ([ids], [ids[::-1]], [[pk] for pk in ids], [[pk] for pk in ids[::-1]]):
        with transaction.atomic():
            with scope(PROVIDER):
                for owner in two:
                    StaleSpan.objects.create(
                        partner_id=owner.partner_id,
                        customer=owner,
                        first_day=JUNE.first - timedelta(days=400),
                        last_day=TODAY,
                    )
                    CycleResult.objects.filter(customer=owner).delete()
                run = open_run(today=TODAY)
            for task in tasks:
                with scope(PROVIDER):
                    work_items(run_id=run.pk, customer_ids=task, today=TODAY)
            assert [bytes_of(owner) for owner in two] == expected
            with scope(PROVIDER):
                done = run.items.filter(state=RunItem.State.DONE)
                assert {item.records > 0 for item in done} == {True}
                assert done.count() == 2
            transaction.set_rollback(True)
