"""R15 and R13 by random histories: the way on which results came about leaves no trace, and papers are corrected."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import import_portfolio, mark_stale
from apps.usage.models import Conflict
from apps.usage.services import decide_conflict
from tests.factories.portfolios import stored_customer
from tests.factories.results import RESULTS, bytes_of
from tests.oracle.cycles import ONE_DAY
from tests.oracle.strategies import Decide, Deliver, Enter, Pass, Story, histories
from tests.soak.comparison import Comparison, import_rows, offer_all

RANDOM = settings(max_examples=25, suppress_health_check=list(HealthCheck))
Row = dict[str, str]


class Portal:
    """The portal alone: it takes the steps of a story and recalculates what each has made stale."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story = story
        self.folder = folder
        self.today = story.today
        with scope(PROVIDER):
            offer_all()
        self._enter(story.portfolio)
        self.customer: Customer = stored_customer(story.customer)

    def live(self) -> None:
        """Every step, and after each of them what is stale."""
        for step in self.story.steps:
            if isinstance(step, Deliver):
                self.deliver(step.rows)
            elif isinstance(step, Enter):
                self._enter(step.portfolio)
            elif isinstance(step, Decide):
                self._decide(step)
            elif isinstance(step, Pass):
                self.today += step.days * ONE_DAY
            self.reconcile()

    def deliver(self, rows: Sequence[Row]) -> None:
        """Rows in their order, a file for each kind and source."""
        files: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            files.setdefault((row["kind"], row["source"]), []).append(row)
        now = datetime.combine(self.today, time(12), UTC)
        for (kind, source), of_file in files.items():
            import_rows(self.folder / "usage.csv", kind, of_file, source=source, now=now)

    def reconcile(self) -> None:
        with scope(PROVIDER):
            reconcile_customer(customer=self.customer, today=self.today)

    def forget(self) -> None:
        """Throw all results away and mark every day."""
        with scope(PROVIDER):
            for table in RESULTS[::-1]:
                table.objects.filter(customer_id=self.customer.pk).delete()
            every_day = Period(self.story.since - 400 * ONE_DAY, self.today)
            mark_stale(customer=self.customer, days=[every_day], cause=StaleCause.REPLACED)

    def _enter(self, portfolio: object) -> None:
        with scope(PROVIDER):
            import_portfolio(text=json.dumps(portfolio), by="test")

    def _decide(self, step: Decide) -> None:
        with scope(PROVIDER):
            waiting = list(Conflict.objects.filter(customer=self.customer, decided_at=None).order_by("pk"))
            if waiting:
                conflict = waiting[step.place % len(waiting)]
                decide_conflict(conflict=conflict, take_arriving=step.take, by="test", reason="test")


@pytest.fixture
def folder(db: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a random story writes its files."""
    return tmp_path_factory.mktemp("stories")


def delivered(story: Story) -> list[Row]:
    """All rows of a story, in the order in which they come."""
    return [row for step in story.steps if isinstance(step, Deliver) for row in step.rows]


def results_after(portal: Portal, work: Callable[[], None]) -> list[list[tuple[str, ...]]]:
    """What is stored after some work, which is undone."""
    with transaction.atomic():
        work()
        portal.reconcile()
        found = bytes_of(portal.customer)
        transaction.set_rollback(True)
    return found


@RANDOM
@given(story=histories(settings=True, changes=False, issues=False, decisions=False, passing=False))
def test_R15_results_made_in_pieces_are_those_of_a_single_import(story: Story, folder: Path) -> None:
    """In the same order, because conflicts that nobody has decided depend on it."""
    with transaction.atomic():
        portal = Portal(story, folder)
        at_once = results_after(portal, lambda: portal.deliver(delivered(story)))
        assert results_after(portal, portal.live) == at_once
        transaction.set_rollback(True)


@RANDOM
@given(story=histories(settings=True, changes=False, issues=False, passing=False, messy=False))
def test_R15_without_conflicts_the_order_of_arrival_changes_no_byte(story: Story, folder: Path) -> None:
    with transaction.atomic():
        portal = Portal(story, folder)
        backwards = results_after(portal, lambda: portal.deliver(delivered(story)[::-1]))
        assert results_after(portal, portal.live) == backwards
        transaction.set_rollback(True)


@RANDOM
@given(story=histories(settings=True, issues=False))
def test_R15_results_made_step_by_step_are_those_of_a_full_recalculation(story: Story, folder: Path) -> None:
    """Deliveries in pieces, decisions and changed portfolios, each recalculated as little as can be."""
    with transaction.atomic():
        portal = Portal(story, folder)
        portal.live()
        step_by_step = bytes_of(portal.customer)
        portal.forget()
        portal.reconcile()
        assert bytes_of(portal.customer) == step_by_step
        transaction.set_rollback(True)


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(stories=st.lists(histories(settings=True), min_size=4, max_size=4))
def test_R13_random_histories_agree_in_every_figure_and_every_paper(
    stories: list[Story], folder: Path
) -> None:
    """Issued papers, late records, decisions, portfolios entered late: adjustments as the oracle makes them."""
    with transaction.atomic():
        Comparison(stories, folder).live()
        transaction.set_rollback(True)
