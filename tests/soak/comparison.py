"""Several histories at once: each step is taken by the portal and by the oracle, and what they say must agree.

Customers share one database, so that a file, a portfolio and a transaction serve several of them; nothing else connects
them. The caller's transaction is to be rolled back.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.models import Invoice
from apps.invoicing.services import PriceMissing, as_printed, issue_invoices, make_drafts
from apps.organisations.models import Customer
from apps.reconciliation.detail_export import detail_records
from apps.reconciliation.digital import get_digital_figures
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.selectors import CycleFigures, cycle_starting, get_figures
from apps.reconciliation.services import reconcile_customers
from apps.subscriptions.services import import_portfolio
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.models import Conflict, Source
from apps.usage.services import decide_conflict, import_usage
from tests.oracle.cycles import CONTACT_CENTRE, DIGITAL, ONE_DAY, Cycle, licence_model, settings_of
from tests.oracle.history import History
from tests.oracle.money import MissingPrice
from tests.oracle.records import Fact
from tests.oracle.strategies import (
    OFFERS,
    Decide,
    Deliver,
    Enter,
    Issue,
    Month,
    Pass,
    Step,
    Story,
    at_once,
    renamed,
)
from tests.oracle.usage import MINUTE, midnight

MOST_CYCLES = 2
Json = dict[str, Any]


@dataclass
class Side:
    """A history and its customer, as both see them."""

    story: Story
    oracle: History
    papers: list[Json] = field(default_factory=list)  # as the portal printed them when they were issued

    @property
    def ref(self) -> str:
        return self.story.customer

    @property
    def today(self) -> date:
        return self.oracle.today

    def stored(self) -> Customer:
        return Customer.objects.select_related("partner").get(ref=self.ref)


class Comparison:
    """Lives through histories; raises AssertionError at the first difference. `counts`: what was compared."""

    def __init__(self, stories: Sequence[Story], folder: Path) -> None:
        self.sides = [
            Side(story, History(story.portfolio, story.today, OFFERS))
            for story in (renamed(story, f"{number}-") for number, story in enumerate(stories))
        ]
        self.folder = folder
        self.counts: Counter[str] = Counter(histories=len(stories), customers=len(stories))
        self._numbers = count()

    def live(self) -> Counter[str]:
        """Every step of every history, then everything once more."""
        with scope(PROVIDER):
            offer_all()
        self._enter([side.story.portfolio for side in self.sides])
        for number in range(max(len(side.story.steps) for side in self.sides)):
            taken = [
                (side, side.story.steps[number]) for side in self.sides if number < len(side.story.steps)
            ]
            self._take(taken)
            with scope(PROVIDER):
                self._after(taken)
        with scope(PROVIDER):
            for side in self.sides:
                for cycle in self._cycles_with_use(side)[:1]:
                    middle = cycle.first + (side.oracle.last_day_used(cycle) - cycle.first) // 2
                    self._detail(side, side.stored(), cycle, until=middle)
            self._reconcile(self.sides)
            for side in self.sides:
                self._at_the_end(side)
        return self.counts

    # Steps

    def _take(self, taken: Sequence[tuple[Side, Step]]) -> None:
        """One step of each history. Files are made for all that come in at the same time."""
        self._deliver([(side, step) for side, step in taken if isinstance(step, Deliver)])
        entered = [(side, step.portfolio) for side, step in taken if isinstance(step, Enter)]
        for side, portfolio in entered:
            side.oracle.enter(portfolio)
        if entered:
            self._enter([portfolio for _, portfolio in entered], late=True)
        for side, step in taken:
            if isinstance(step, Pass):
                side.oracle.pass_days(step.days)
            elif isinstance(step, Issue):
                with scope(PROVIDER):
                    self._issue(side, step)
            elif isinstance(step, Decide):
                with scope(PROVIDER):
                    self._decide(side, step)

    def _enter(self, portfolios: Sequence[Json], **late: bool) -> None:
        together = {
            part: [entry for portfolio in portfolios for entry in portfolio[part]]
            for part in ("price_books", "partners")
        }
        with scope(PROVIDER):
            import_portfolio(text=json.dumps(together), by="soak", **late)

    def _deliver(self, deliveries: Sequence[tuple[Side, Deliver]]) -> None:
        """A record's identity names customer, source and kind: rows that differ in one of them may change places."""
        expected: Counter[str] = Counter()
        files: dict[tuple[str, str, datetime], list[dict[str, str]]] = {}
        for side, delivery in deliveries:
            expected.update(side.oracle.deliver(delivery.rows))
            for row in delivery.rows:
                key = (row["kind"], row.get("source") or "import", side.oracle.now)
                files.setdefault(key, []).append(row)
        got: Counter[str] = Counter()
        for (kind, source, now), rows in files.items():
            path = self.folder / f"{next(self._numbers)}.csv"
            got.update(import_rows(path, kind, rows, source=source, now=now))
        self._agree("outcomes of the rows", +got, expected)

    def _decide(self, side: Side, step: Decide) -> None:
        waiting = side.oracle.conflicts(side.ref)
        open_ones = Conflict.objects.filter(customer__ref=side.ref, decided_at=None)
        self._agree(f"conflicts of {side.ref} to decide", open_ones.count(), len(waiting))
        if waiting:
            fact = waiting[step.place % len(waiting)]
            [conflict] = [each for each in open_ones if _says(each, fact)]
            side.oracle.decide(fact, take=step.take)
            decide_conflict(conflict=conflict, take_arriving=step.take, by="soak", reason="soak")

    def _issue(self, side: Side, step: Issue) -> None:
        waiting = side.oracle.invoiceable(side.ref, since=side.story.since)
        if not waiting:
            return
        _, cycle = waiting[min(step.place, len(waiting) - 1)]
        customer = side.stored()
        if self._drafts(side, customer, cycle) is None:
            return
        expected = [
            paper.printed
            for service, each in side.oracle.starting(side.ref, cycle.first)
            if each.last < side.today
            for paper in side.oracle.issue(side.ref, each.first, service)
        ]
        issued = issue_invoices(customer=customer, first_day=cycle.first, today=side.today, by="soak")
        before = {paper["number"] for paper in side.papers}
        printed = [
            as_printed(invoice, list(invoice.lines.all()))
            for invoice in issued
            if invoice.number not in before
        ]
        for paper in printed:
            word = "CN" if paper["total"].startswith("-") else "INV"
            self._agree("word of the number", paper["number"].split("-")[-2], word)
        self._agree(
            f"papers issued for {cycle.first}",
            [comparable(paper) for paper in printed],
            comparables(expected),
        )
        side.papers += printed

    # Comparing

    def _reconcile(self, sides: Sequence[Side]) -> None:
        """Recalculate what is stale, all customers of one day together."""
        for today in sorted({side.today for side in sides}):
            customers = [side.stored() for side in sides if side.today == today]
            reconcile_customers(customers=customers, today=today)

    def _after(self, taken: Sequence[tuple[Side, Step]]) -> None:
        """After a step: a cycle with use, by what is stored and what must be calculated; then all of it is stored."""
        changed = [
            side for side, step in taken if step is not side.story.steps[-1] and not isinstance(step, Pass)
        ]
        for side in changed:
            for cycle in self._cycles_with_use(side)[:1]:
                self._detail(side, side.stored(), cycle)
        if changed:
            self._reconcile(changed)

    def _at_the_end(self, side: Side) -> None:
        """Everything, from what is stored."""
        customer = side.stored()
        self._unchanged(side)
        cycles = self._cycles_with_use(side)
        for cycle in cycles:
            figures = self._detail(side, customer, cycle)
            assert figures.is_stored, f"{side.ref}: the result of {cycle.first} is not stored"
            self._profiles(side, customer, cycle)
        waiting = [cycle for _, cycle in side.oracle.invoiceable(side.ref, since=side.story.since)]
        still_open = [cycle for cycle in cycles if cycle.last >= side.today]
        for cycle in waiting[:1] + still_open[:1]:
            self._drafts(side, customer, cycle)
        for cycle in side.oracle.cycles(side.ref, DIGITAL, until=side.today)[-MOST_CYCLES:]:
            self._digital(side, customer, cycle)

    def _cycles_with_use(self, side: Side) -> list[Cycle]:
        """The contact-centre cycles that have begun and in which a record starts, at most two."""
        days = {
            fact.started_at.date() for fact in side.oracle.facts(side.ref) if fact.kind != "digital-usage"
        }
        found = side.oracle.cycles(side.ref, until=side.today)
        return [
            cycle
            for cycle in found
            if cycle.first < side.today and any(cycle.first <= day <= cycle.last for day in days)
        ][:MOST_CYCLES]

    def _unchanged(self, side: Side) -> None:
        """R13: nothing that is issued changes."""
        issued = Invoice.objects.filter(about__ref=side.ref).order_by("pk").prefetch_related("lines")
        printed = {paper["number"]: paper for paper in side.papers}
        for invoice in issued:
            paper = as_printed(invoice, list(invoice.lines.all()))
            self._agree("a paper that was issued", paper, printed.pop(paper["number"], None))
        assert not printed, f"papers are lost: {sorted(printed)}"

    def _detail(
        self, side: Side, customer: Customer, cycle: Cycle, until: date | None = None
    ) -> CycleFigures:
        found = cycle_starting(customer, cycle.first, today=side.today, service=Service.CONTACT_CENTRE)
        self._agree("cycle", (found.first, found.last, found.primary.number), astuple(cycle))
        figures = get_figures(customer, found, today=side.today, until=until)
        asked = until or side.oracle.last_day_used(cycle)
        what = f"{side.ref} from {cycle.first} until {asked} on {side.today}"
        self._agree(
            f"Daily Detail of {what}",
            [record.cells for record in detail_records(figures.rows)],
            [tuple(row.values()) for row in side.oracle.daily_detail(side.ref, cycle.first, asked)],
        )
        billed = side.oracle.billed(side.ref, cycle.first, asked)
        self._agree(
            f"billed quantities of {what}",
            {usage_type.value: each.quantity for usage_type, each in figures.billed.items() if each.quantity},
            {usage_type: quantity for usage_type, quantity in billed.items() if quantity},
        )
        return figures

    def _profiles(self, side: Side, customer: Customer, cycle: Cycle) -> None:
        """What is kept of the busiest day, count by count."""
        last = side.oracle.last_day_used(cycle)
        settings = settings_of(side.oracle.customer(side.ref), cycle)
        starts = Counter(
            fact.started_at.date()
            for fact in side.oracle.facts(side.ref)
            if cycle.first <= fact.started_at.date() <= last
        )
        if side.oracle.is_closed(side.ref, cycle) or not starts:
            return
        day = max(starts, key=lambda day: (starts[day], day))
        kept = {
            measure: counts[0].tolist()
            for measure, counts in read_profiles(customer, Period(day, day)).items()
        }

        def agree(measure: Measure, expected: list[int]) -> None:
            got = kept.get(measure, [0] * measure.slots)
            self._agree(f"{measure} of {side.ref} on {day}", got, expected)

        if licence_model(side.oracle.customer(side.ref), cycle) == "concurrent":
            samples = side.oracle.samples(side.ref, day, last, settings)
            agree(Measure.PREMIUM_AGENTS, [premium for premium, _ in samples])
            agree(Measure.STANDARD_AGENTS, [standard for _, standard in samples])
        if settings.ivr_peak == "minute":
            touched = side.oracle.minutes(side.ref, day, last, settings)
            minutes = [midnight(day) + number * MINUTE for number in range(Measure.IVR_PORTS.slots)]
            agree(Measure.IVR_PORTS, [touched.get(minute, 0) for minute in minutes])
        self._agree(
            f"voice peak of {side.ref} on {day}",
            max(kept.get(Measure.VOICE_CALLS, [0])),
            side.oracle.voice_peak(side.ref, day, last, settings),
        )

    def _digital(self, side: Side, customer: Customer, cycle: Cycle) -> None:
        if cycle.first >= side.today:
            return
        found = cycle_starting(customer, cycle.first, today=side.today, service=Service.DIGITAL)
        figures = get_digital_figures(customer, found, today=side.today)
        self._agree(
            f"digital units of {side.ref} from {cycle.first} on {side.today}",
            {each.sku: (each.raw, each.included, each.billable) for each in figures.units},
            {
                sku: (of["raw"], of["included"], of["billable"])
                for sku, of in side.oracle.digital(side.ref, cycle.first, figures.until).items()
            },
        )

    def _drafts(self, side: Side, customer: Customer, cycle: Cycle) -> list[Json] | None:
        """The drafts of a cycle, as both make them; None where both say that a price is missing.

        Where cycles of both services begin on the day, the second's depend on what the first's carry: they are compared
        when they are issued.
        """
        services = [service for service, _cycle in side.oracle.starting(side.ref, cycle.first)]
        what = f"drafts of {side.ref} for {cycle.first} on {side.today}"
        missing: str | None = None
        expected: list[Json] = []
        try:
            for service in services:
                expected += side.oracle.invoice(side.ref, cycle.first, service=service)
        except MissingPrice as refused:
            missing = f"{refused.sku} has no price on {refused.day}."
        try:
            drafts = make_drafts(customer=customer, first_day=cycle.first, today=side.today)
        except PriceMissing as refused:
            self._agree(what, str(refused), missing)
            return None
        printed = [
            as_printed(draft.invoice, draft.lines, is_provisional=draft.is_provisional) for draft in drafts
        ]
        if missing:
            self._agree(what, printed, missing)
        if len(services) > 1:
            return printed
        for paper in printed:
            self._agree(what, paper.pop("provisional", False), cycle.last >= side.today)
        self._agree(what, [comparable(paper) for paper in printed], comparables(expected))
        return printed

    def _agree(self, what: str, portal: object, oracle: object) -> None:
        self.counts["comparisons"] += 1
        assert portal == oracle, f"{what}:\n  the portal: {portal}\n  the oracle: {oracle}"


@contextmanager
def taken_in(month: Month, folder: Path) -> Iterator[tuple[Side, Customer]]:
    """A month when all has come in and is calculated, as the provider sees it; undone afterwards."""
    with transaction.atomic():
        life = Comparison([at_once(month)], folder)
        (side,) = life.sides
        with scope(PROVIDER):
            offer_all()
        life._enter([side.story.portfolio])
        life._take([(side, side.story.steps[0])])
        with scope(PROVIDER):
            life._reconcile(life.sides)
            yield side, side.stored()
        transaction.set_rollback(True)


def import_rows(
    path: Path, kind: str, rows: Sequence[dict[str, str]], *, source: str, now: datetime
) -> dict[str, int]:
    """Import rows of one kind and source as a file, written to ``path``; what became of them."""
    with path.open("w", encoding="utf-8", newline="") as out:
        columns = [*KINDS_OF_FILE[kind].columns, "customer"]
        writer = csv.DictWriter(out, columns, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return import_usage(kind=kind, path=path, sha256=sha256, sender=PROVIDER, now=now, source=source).counts()


def offer_all() -> None:
    """The offers with other readings, beside those of the sample catalogue."""
    known = set(Offer.objects.values_list("code", flat=True))
    Offer.objects.bulk_create(
        Offer(
            code=code,
            name=code,
            service=Service.CONTACT_CENTRE if offer.service == CONTACT_CENTRE else Service.DIGITAL,
            billed_peak=offer.settings.billed_peak,
            ivr_peak=offer.settings.ivr_peak,
            longest_open_hours=offer.settings.longest_open // (ONE_DAY / 24),
        )
        for code, offer in OFFERS.items()
        if code not in known
    )


def _says(conflict: Conflict, fact: Fact) -> bool:
    """Whether a conflict is the one of the oracle."""
    content = conflict.content
    source = Source.objects.get(pk=conflict.source_id).name
    return (
        (source, conflict.kind, conflict.record_id)
        == (fact.source, KINDS_OF_FILE[fact.kind].kind, fact.record_id)
        and (content.actor, content.started_at, content.ended_at)
        == (fact.subject, fact.started_at, fact.ended_at)
        and (content.premium in (None, fact.licence == "premium"))
        and (content.quantity in (None, fact.quantity))
    )


def astuple(cycle: Cycle) -> tuple[date, date, str]:
    return (cycle.first, cycle.last, cycle.primary_subscription)


def comparables(papers: Sequence[Json]) -> list[Json]:
    return [comparable(paper) for paper in papers]


def comparable(paper: Json) -> Json:
    """A paper without its number, its lines in their order (formats.md), those of one place sorted."""
    order = ("overage", "usage", "recurring", "other")
    places = [
        (line["subscription"], order.index(line["kind"]), line["sku"], line["period_from"])
        for line in paper["lines"]
    ]
    assert places == sorted(places), f"the lines are not in order: {places}"
    lines = [line for _, line in sorted(zip(places, paper["lines"], strict=True), key=str)]
    return {**paper, "number": None, "lines": lines}
