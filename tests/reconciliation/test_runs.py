"""Runs seen: counts in and out, progress, cancelling, parked customers, and that they are the provider's alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation import tasks
from apps.reconciliation.models import CycleResult, Run, RunItem
from apps.reconciliation.runs import Progress, Tally, get_progress, list_due
from apps.reconciliation.services import (
    NothingToDo,
    cancel_run,
    finish_run,
    open_run,
    park_item,
    retry_parked,
    start_run,
    work_items,
)
from portal.management.commands import reconcile
from tests.factories.commands import Shell
from tests.factories.pages import Browser, get, text_of
from tests.factories.portfolios import (
    STANDARD,
    customer,
    enter,
    line,
    partner,
    portfolio,
    stored_customer,
    subscription,
)
from tests.factories.usage import UsageFiles, session

TODAY = date(2024, 8, 20)
JUNE_3 = date(2024, 6, 3)
LIST = "/runs/"


@pytest.fixture
def three(db: None, files: UsageFiles) -> list[Customer]:
    """C-1, C-2 and C-3 of P-1, each with three records on one day of June that nothing was calculated of."""
    refs = ["C-1", "C-2", "C-3"]
    enter(
        portfolio(
            partner("P-1", *(customer(ref, subscription(f"Sub-{ref}", line(STANDARD, 1))) for ref in refs))
        )
    )
    for ref in refs:
        files.use(*(session(name, "08:00", "16:00", day=JUNE_3) for name in "abc"), customer=ref)
    return [stored_customer(ref) for ref in refs]


@pytest.fixture
def sam(db: None) -> User:
    """The provider's support."""
    with scope(PROVIDER):
        return User.objects.create_user(email="sam@example.com", role=Role.PROVIDER_SUPPORT)


def work(run: Run, *owners: Customer) -> None:
    with scope(PROVIDER):
        work_items(run_id=run.pk, customer_ids=[owner.pk for owner in owners], today=TODAY)


def opened(**options: Any) -> Run:
    with scope(PROVIDER):
        return open_run(today=TODAY, **options)


def parked(run: Run, owner: Customer, reason: str = "no settings for this offer") -> None:
    with scope(PROVIDER):
        park_item(run_id=run.pk, customer_id=owner.pk, reason=reason)


def finished(run: Run) -> None:
    with scope(PROVIDER):
        finish_run(run_id=run.pk)


def progress_of(run: Run) -> Progress:
    with scope(PROVIDER):
        return get_progress(Run.objects.get(pk=run.pk), now=timezone.now())


def customers_of(run: Run) -> set[int]:
    with scope(PROVIDER):
        return set(run.items.values_list("customer_id", flat=True))


# Counts in and out


def test_a_run_counts_customers_records_in_and_days_out(three: list[Customer]) -> None:
    run = opened()
    assert progress_of(run).expected == 9
    work(run, *three[:2])
    parked(run, three[2])
    progress = progress_of(run)
    assert (progress.customers, progress.done, progress.parked, progress.waiting) == (3, 2, 1, 0)
    assert (progress.records, progress.days) == (6, 60)
    assert progress.finished == 3


def test_what_is_left_is_judged_by_the_records_that_wait() -> None:
    run = Run(started_at=datetime(2024, 8, 20, tzinfo=UTC))
    progress = Progress(
        run,
        {
            "done": Tally(customers=9, expected=991, records=1100, days=270),
            "parked": Tally(customers=1, expected=0),
            "waiting": Tally(customers=2, expected=498),
        },
        seconds=20.0,
    )
    assert progress.records_per_second == 55
    assert progress.seconds_left == pytest.approx(20 * 500 / 1001)
    assert Progress(run, {"waiting": Tally(customers=2, expected=5)}, 3.0).seconds_left is None
    run.finished_at = run.started_at + timedelta(seconds=20)
    assert progress.seconds_left is None


def test_a_run_that_has_ended_took_the_time_to_its_end(three: list[Customer]) -> None:
    run = opened()
    work(run, *three)
    finished(run)
    with scope(PROVIDER):
        Run.objects.update(started_at=timezone.now() - timedelta(minutes=5))
        Run.objects.update(finished_at=timezone.now() - timedelta(minutes=2))
    assert progress_of(run).seconds == pytest.approx(180, abs=1)


# Two runs at a time


def test_a_customer_that_waits_in_a_run_is_left_to_it(three: list[Customer]) -> None:
    first = opened()
    work(first, three[0])
    assert customers_of(opened()) == set()
    with scope(PROVIDER):
        cancel_run(run=first, by="dana@example.com")
    assert customers_of(opened()) == {owner.pk for owner in three[1:]}


def test_a_run_up_to_an_earlier_day_takes_nothing_from_one_that_goes_further(three: list[Customer]) -> None:
    opened(until=date(2024, 6, 10))
    assert customers_of(opened(until=date(2024, 6, 9))) == set()
    assert customers_of(opened()) == {owner.pk for owner in three}


def test_of_two_runs_that_hold_a_customer_the_second_finds_nothing_left(three: list[Customer]) -> None:
    first, second = opened(), opened()
    with scope(PROVIDER):
        RunItem.objects.bulk_create(RunItem(run=second, customer_id=owner.pk) for owner in three)
    work(second, *three)
    work(first, *three)
    assert (progress_of(first).days, progress_of(second).days) == (0, 90)
    assert progress_of(first).done == 3


# Parked customers


def test_the_sweep_leaves_out_what_is_parked_until_something_new_comes_in(
    three: list[Customer], files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.reconcile_customers, "delay", lambda *_: None)
    run = opened()
    work(run, *three[1:])
    parked(run, three[0])
    tasks.reconcile_stale()
    tasks.reconcile_stale()
    with scope(PROVIDER):
        assert Run.objects.count() == 1
    files.use(session("d", "08:00", "16:00", day=JUNE_3), customer="C-1")
    tasks.reconcile_stale()
    with scope(PROVIDER):
        assert customers_of(Run.objects.all()[0]) == {three[0].pk}


def test_the_sweep_leaves_out_what_somebody_has_cancelled(
    three: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.reconcile_customers, "delay", lambda *_: None)
    run = opened()
    work(run, three[0])
    with scope(PROVIDER):
        cancel_run(run=run, by="dana@example.com")
    tasks.reconcile_stale()
    with scope(PROVIDER):
        assert Run.objects.count() == 1
    assert customers_of(opened()) == {owner.pk for owner in three[1:]}


def test_what_was_parked_once_and_done_since_is_as_good_as_any(three: list[Customer]) -> None:
    run = opened()
    parked(run, three[0])
    work(run, *three[1:])
    finished(run)
    again = opened()
    assert customers_of(again) == {three[0].pk}
    work(again, three[0])
    finished(again)
    with scope(PROVIDER):
        assert list_due(last_day=TODAY) == set()
        CycleResult.objects.update(until=JUNE_3)
        assert list_due(last_day=TODAY) == {owner.pk for owner in three}


def test_those_that_are_parked_are_tried_again_in_a_run_of_their_own(three: list[Customer]) -> None:
    run = opened()
    for owner in three:
        parked(run, owner)
    finished(run)
    with scope(PROVIDER):
        one = retry_parked(run=run, customer=three[0], today=TODAY, by="dana@example.com")
        rest = retry_parked(run=run, today=TODAY, by="dana@example.com")
    assert customers_of(one) == {three[0].pk}
    assert customers_of(rest) == {owner.pk for owner in three[1:]}
    assert progress_of(run).parked == 3
    with scope(PROVIDER), pytest.raises(NothingToDo):
        retry_parked(run=run, today=TODAY, by="dana@example.com")


# On a worker


def test_a_run_ends_with_its_last_customer(three: list[Customer]) -> None:
    run = opened()
    for owner in three:
        assert not progress_of(run).is_over
        tasks.reconcile_customers(run.pk, [owner.pk])
    assert progress_of(run).is_over


# Pages


def test_only_the_provider_has_pages_of_runs(
    client_of: Browser, alice: User, bob: User, charlie: User, sam: User, three: list[Customer]
) -> None:
    run = opened()
    pages = [LIST, f"/runs/{run.pk}/", "/api/v1/runs/", f"/api/v1/runs/{run.pk}/"]
    changes = [LIST, f"/runs/{run.pk}/cancel/", f"/runs/{run.pk}/retry/"]
    for user in (alice, bob, charlie):
        client = client_of(user)
        assert [client.get(page).status_code for page in pages] == [404] * 4
        assert [client.post(page).status_code for page in changes] == [404] * 3
        assert "Reconciliation" not in get(client, "/invoices/")
    support = client_of(sam)
    assert [support.get(page).status_code for page in pages] == [200] * 4
    assert [support.post(page).status_code for page in changes] == [403] * 3
    page = get(support, pages[1])
    assert "Cancel the run" not in page
    with scope(PROVIDER):
        assert (Run.objects.count(), progress_of(run).is_over) == (1, False)


def test_a_run_that_is_not_there_is_missing(client_of: Browser, dana: User) -> None:
    client = client_of(dana)
    for number in (1, 10**30):
        for address in (f"/runs/{number}/", f"/api/v1/runs/{number}/"):
            assert client.get(address).status_code == 404
        for change in ("cancel", "retry"):
            assert client.post(f"/runs/{number}/{change}/").status_code == 404
    assert "Nothing was ever recalculated" in get(client, LIST)


def test_an_administrator_starts_a_run_and_the_workers_are_told(
    client_of: Browser,
    dana: User,
    three: list[Customer],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks.reconcile_stale, "delay", lambda: rung.append("rung"))
    client = client_of(dana)
    assert "Stale customers 3" in text_of(get(client, LIST))
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(LIST)
    with scope(PROVIDER):
        run = Run.objects.get()
        assert AuditEntry.objects.get(action="run.started").by == dana.email
    assert response["Location"] == f"/runs/{run.pk}/"
    assert (run.started_by, rung) == (dana.email, ["rung"])
    assert "Recalculate what is stale" not in get(client, LIST)
    response = client.post(LIST, follow=True)
    assert "does not wait in a run already" in response.content.decode()


def test_the_page_of_a_run_that_goes_on_asks_for_itself_until_it_is_over(
    client_of: Browser, dana: User, three: list[Customer]
) -> None:
    run = opened(by=dana.email)
    work(run, three[0])
    client = client_of(dana)
    html = get(client, f"/runs/{run.pk}/")
    page = text_of(html)
    assert 'hx-trigger="every 2s"' in html
    assert '<progress class="progress" value="1" max="3"' in html
    assert "Running Run" in page
    assert "1 of 3 customers. About" in page
    assert "Records read 3 About 9 were expected" in page
    assert "Days calculated 30" in page
    assert re.search(r"Started [\w ]+, \d\d:\d\d UTC: dana@example.com", page)
    work(run, *three[1:])
    finished(run)
    html = get(client, f"/runs/{run.pk}/")
    assert "hx-get" not in html
    assert "Cancel the run" not in html
    assert "3 of 3 customers." in text_of(html)


def test_an_administrator_cancels_a_run(client_of: Browser, dana: User, three: list[Customer]) -> None:
    run = opened()
    work(run, three[0])
    client = client_of(dana)
    assert "Cancel this run?" in get(client, f"/runs/{run.pk}/")
    page = client.post(f"/runs/{run.pk}/cancel/", follow=True).content.decode()
    assert "What waited stays stale" in page
    assert re.search(r"Cancelled [\w ]+, \d\d:\d\d UTC: dana@example.com", text_of(page))
    progress = progress_of(run)
    assert (progress.done, progress.cancelled, progress.is_over) == (1, 2, True)
    again = client.post(f"/runs/{run.pk}/cancel/", follow=True).content.decode()
    assert "nothing left to cancel" in again


def test_parked_customers_are_listed_with_the_reason_and_can_be_tried_again(
    client_of: Browser, dana: User, three: list[Customer]
) -> None:
    run = opened()
    parked(run, three[0], reason="<b>broken</b>")
    client = client_of(dana)
    page = get(client, f"/runs/{run.pk}/")
    assert "&lt;b&gt;broken&lt;/b&gt;" in page
    assert "Try again" not in page  # while it goes on
    work(run, *three[1:])
    finished(run)
    assert "Some parked" in get(client, LIST)
    assert 'name="customer" value="C-1"' in get(client, f"/runs/{run.pk}/")
    for missing in ("C-9", "\x00"):
        assert client.post(f"/runs/{run.pk}/retry/", {"customer": missing}).status_code == 404
    not_parked = client.post(f"/runs/{run.pk}/retry/", {"customer": "C-2"}, follow=True)
    assert "Nothing is stale" in not_parked.content.decode()
    response = client.post(f"/runs/{run.pk}/retry/", {"customer": "C-1"})
    with scope(PROVIDER):
        another = Run.objects.all()[0]
    assert response["Location"] == f"/runs/{another.pk}/"
    assert customers_of(another) == {three[0].pk}


def test_the_pages_cost_the_same_however_much_was_run(
    client_of: Browser, dana: User, three: list[Customer]
) -> None:
    run = opened()
    parked(run, three[0])
    client = client_of(dana)
    addresses = [LIST, f"/runs/{run.pk}/", "/api/v1/runs/", f"/api/v1/runs/{run.pk}/"]
    client.get(LIST)

    def queries() -> list[int]:
        counted = []
        for address in addresses:
            with CaptureQueriesContext(connection) as context:
                get(client, address)
            counted.append(len(context))
        return counted

    few = queries()
    assert max(few) <= 16
    parked(run, three[1])
    for _ in range(8):
        opened(customers=set())
    assert queries() == few


# The API


def test_the_api_tells_the_same(client_of: Browser, dana: User, three: list[Customer]) -> None:
    run = opened(by=dana.email, until=date(2024, 6, 10))
    work(run, *three[1:])
    parked(run, three[0], reason="broken")
    finished(run)
    client = client_of(dana)
    (listed,) = client.get("/api/v1/runs/").json()["results"]
    detail = client.get(f"/api/v1/runs/{run.pk}/").json()
    assert detail.pop("parked") == [{"customer": "C-1", "reason": "broken"}]
    assert detail == listed
    assert listed["customers"] == {"total": 3, "waiting": 0, "done": 2, "parked": 1, "cancelled": 0}
    assert (listed["records_expected"], listed["records_read"], listed["days_calculated"]) == (9, 6, 20)
    assert (listed["started_by"], listed["until"], listed["cancelled_at"]) == (
        dana.email,
        "2024-06-10",
        None,
    )
    assert listed["seconds_left"] is None


# The command


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but the test works."""

    class Nobody:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(reconcile, "at_work", Nobody)
    monkeypatch.setattr(reconcile, "ring", lambda run: None)


@pytest.mark.usefixtures("no_workers")
def test_ctrl_c_cancels_what_waits(
    three: list[Customer], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        with scope(PROVIDER):
            work(Run.objects.get(), three[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    ran = shell("reconcile", "--format", "json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "CommandError: cancelled; 2 customers waited and stay stale"
    with scope(PROVIDER):
        run = Run.objects.get()
    assert run.cancelled_by == "command line"
    assert (progress_of(run).done, progress_of(run).cancelled) == (1, 2)


@pytest.mark.usefixtures("no_workers")
def test_the_command_ends_when_its_run_is_cancelled_on_the_page(
    three: list[Customer], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(_: float) -> None:
        with scope(PROVIDER):
            cancel_run(run=Run.objects.get(), by="dana@example.com")

    monkeypatch.setattr(time, "sleep", cancelled)
    ran = shell("reconcile")
    assert (ran.code, ran.out) == (1, "")
    assert "cancelled; 3 customers waited and stay stale" in ran.err


@pytest.mark.usefixtures("no_workers")
def test_the_command_waits_for_a_run_that_goes_on_already_too(
    three: list[Customer], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = opened(customers={three[0].pk})
    left = iter([three[0], *three[1:]])

    def sleep(_: float) -> None:
        owner = next(left)
        with scope(PROVIDER):
            for run in Run.objects.all():
                work(run, owner)

    monkeypatch.setattr(time, "sleep", sleep)
    ran = shell("reconcile", "--format", "json")
    assert ran.json == {"customers": 3, "days": 90, "parked": 0}
    assert "2 of 2 customers, 6 records" in ran.err
    assert progress_of(other).is_over


def test_what_is_asked_for_must_be_there(three: list[Customer]) -> None:
    with scope(PROVIDER):
        start_run(today=TODAY, by="dana@example.com")
        with pytest.raises(NothingToDo):
            start_run(today=TODAY, by="dana@example.com")
        assert Run.objects.count() == 1
