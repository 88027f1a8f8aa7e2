"""R13 as time goes by: deliveries, decisions, portfolios entered again, days that pass, invoices that are issued.

What R13 says of late and corrected records is read like this (**chosen**). When a paper is drafted, every closed cycle
that ended before the paper's own is priced again as it would be invoiced now: its days, its primary and the days that
its invoice looked at as they were frozen, but the records, commitments, settings and prices of today; all its charges,
so overage, digital usage and the recurring charges of those days. The lines that this gives are compared, for each
seller by itself, with what that seller last invoiced for the cycle: the lines of its paper, and the adjustments that
name the cycle, issued since.

What differs is an adjustment: a line of kind `other` with SKU, subscription and period of what it corrects, and that
period once more as `original_period`. There is one for each (subscription, SKU, period, unit price, discount, share of
the whole period); its quantity is the quantity right now minus the quantity last invoiced at that price, its amount
likewise the amount right now minus the amount last invoiced. Each of those amounts was rounded once, so nothing is
rounded here. A changed price therefore gives two lines, one that takes back and one that charges. Lines with quantity 0
and amount 0 are left out.

A cycle for which a seller issued no paper is none to correct for that seller: its paper can still be issued. What a
dispute conceded is no part of this ("never net of what a dispute conceded").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle import money, records, usage
from tests.oracle.cycles import CONTACT_CENTRE, DIGITAL, LONGEST_CYCLE, ONE_DAY, Cycle
from tests.oracle.money import Charge, Line
from tests.oracle.portfolio import OFFERS, Closed, Customer, Offer, PriceBook, Settings, read_portfolio
from tests.oracle.records import Fact
from tests.oracle.world import World


class StillOpen(Exception):
    """R14: "A cycle still open gives a draft that ... cannot be issued"."""


@dataclass(frozen=True)
class Paper:
    """What was issued: as printed, by whom (True: retail), and its lines, each with the cycle that it belongs to.

    A cycle is named by its service and first day: of a line of the paper's own, the paper's; of an adjustment, the one
    corrected.
    """

    customer: str
    retail: bool
    cycle: tuple[str, date]
    printed: dict[str, Any]
    lines: tuple[tuple[tuple[str, date], Line], ...]


class History(World):
    """A world in which things happen one after the other. `today` is the day on which they do.

    At each moment it answers as a World: `daily_detail`, `billed` and `digital` of a closed cycle as they were when its
    invoice was issued, `invoice` with the drafts of the papers that a cycle does not have yet.
    """

    def __init__(
        self, portfolio: Mapping[str, Any], today: date, offers: Mapping[str, Offer] = OFFERS
    ) -> None:
        super().__init__(portfolio, [], offers=offers)
        self.offers = offers
        self.today = today
        self.closed: dict[str, list[Closed]] = {}
        self.papers: list[Paper] = []
        self._frozen: dict[tuple[str, date], tuple[list[usage.Row], dict[str, int]]] = {}
        self._frozen_units: dict[tuple[str, date], dict[str, dict[str, int]]] = {}

    # What happens

    @property
    def now(self) -> datetime:
        """Things happen at noon."""
        return datetime.combine(self.today, time(12), UTC)

    def deliver(self, rows: Iterable[Mapping[str, str]]) -> list[str]:
        """A file comes in; what became of each row."""
        self._known.clear()
        arrived = list(rows)
        self.records += arrived
        return records.deliver(arrived, self.portfolio.customers, self.now, self.store)

    def conflicts(self, customer: str) -> list[Fact]:
        """What nobody has decided, in order of identity and arrival."""
        return [
            arriving
            for identity, kept_aside in sorted(self.store.conflicts.items())
            for arriving in kept_aside
            if identity[0] == customer
        ]

    def decide(self, arriving: Fact, *, take: bool) -> None:
        """A conflict is decided: take what arrived, or keep what is stored."""
        self._known.clear()
        records.decide(arriving, self.store, take=take)

    def enter(self, portfolio: Mapping[str, Any]) -> None:
        """The portfolio as it is from now on, in whole, the days that are invoiced included (`--late`)."""
        self._known.clear()
        self.portfolio = read_portfolio(portfolio, self.offers)

    def pass_days(self, number: int) -> None:
        self.today += number * ONE_DAY

    def issue(self, customer: str, cycle_first: date, service: str | None = None) -> list[Paper]:
        """Issue the papers that a cycle does not have yet, and close it. Without lines nothing happens."""
        cycle, its_service = money.invoiced_cycle(self.customer(customer), cycle_first, service)
        if cycle.last >= self.today:
            raise StillOpen(f"{cycle} is open on {self.today}")
        papers = self._drafts(customer, cycle, its_service)
        if papers and (its_service, cycle.first) not in self._closed_cycles(customer):
            self._close(customer, cycle, its_service)
        self.papers += papers
        return papers

    def _close(self, customer: str, cycle: Cycle, service: str) -> None:
        """R10, R13: the cycle, and the digital cycles on its invoice, keep their days and their primary."""
        closed = self.closed.setdefault(customer, [])
        looked_at = tuple(money.days_looked_at(self.customer(customer), cycle))
        new = [Closed(service, cycle.first, cycle.last, cycle.primary_subscription, looked_at)]
        if service == CONTACT_CENTRE:
            rows = self._rows(customer, cycle, None, None)
            self._frozen[customer, cycle.first] = (rows, self._billed(customer, cycle, None, None))
            frozen = {each.first for each in closed if each.service == DIGITAL}
            new += [
                Closed(DIGITAL, each.first, each.last, each.primary_subscription, carried_by=cycle.first)
                for each in money.digital_cycles_carried(self.customer(customer), cycle)
                if each.first not in frozen
            ]
        for each in new:
            if each.service == DIGITAL:
                self._frozen_units[customer, each.first] = self.digital(customer, each.first)
        closed += new

    # What is so

    def customer(self, ref: str) -> Customer:
        """With the cycles that are closed."""
        return replace(super().customer(ref), closed=tuple(self.closed.get(ref, [])))

    def _closed_cycles(self, customer: str) -> dict[tuple[str, date], Cycle]:
        """The closed cycles with a paper of their own, in order."""
        closed = sorted(self.closed.get(customer, []), key=lambda each: (each.last, each.service))
        return {
            (each.service, each.first): Cycle(each.first, each.last, each.primary_subscription)
            for each in closed
            if each.carried_by is None
        }

    def is_closed(self, customer: str, cycle: Cycle, service: str = CONTACT_CENTRE) -> bool:
        return (service, cycle.first) in self._closed_cycles(customer)

    def last_day_used(self, cycle: Cycle) -> date:
        """The cycle's last, or, while it is open, yesterday."""
        return min(cycle.last, self.today - ONE_DAY)

    def daily_detail(
        self,
        customer: str,
        cycle_first: date,
        until: date | None = None,
        family: str | None = None,
        settings: Settings | None = None,
    ) -> list[dict[str, str | int]]:
        frozen = self._frozen_figures(customer, cycle_first, until, settings)
        if frozen is not None:
            return usage.daily_detail(frozen[0], family)
        return super().daily_detail(customer, cycle_first, until, family, settings)

    def billed(
        self, customer: str, cycle_first: date, until: date | None = None, settings: Settings | None = None
    ) -> dict[str, int]:
        frozen = self._frozen_figures(customer, cycle_first, until, settings)
        if frozen is not None:
            return frozen[1]
        return super().billed(customer, cycle_first, until, settings)

    def digital(
        self, customer: str, cycle_first: date, until: date | None = None
    ) -> dict[str, dict[str, int]]:
        for each in self.closed.get(customer, []):
            if (each.service, each.first) == (DIGITAL, cycle_first) and (until is None or until >= each.last):
                return self._frozen_units[customer, cycle_first]
        return super().digital(customer, cycle_first, until)

    def _frozen_figures(
        self, customer: str, cycle_first: date, until: date | None, settings: Settings | None
    ) -> tuple[list[usage.Row], dict[str, int]] | None:
        """Rows and billed quantities of a cycle that is closed, where all of it is asked for."""
        closed = self._closed_cycles(customer).get((CONTACT_CENTRE, cycle_first))
        if closed is None or settings is not None or (until is not None and until < closed.last):
            return None
        return self._frozen[customer, cycle_first]

    # Papers

    def issued(self, customer: str) -> list[dict[str, Any]]:
        """The papers as they were issued. Nothing that happens later changes one."""
        return [paper.printed for paper in self.papers if paper.customer == customer]

    def invoiceable(self, customer: str, since: date = date.min) -> list[tuple[str, Cycle]]:
        """The cycles with an invoice of their own that are over and not closed, with their service, in order; those
        alone that end on a day or after it."""
        closed = self._closed_cycles(customer)
        return [
            (service, cycle)
            for service, cycle in money.cycles_invoiced_alone(self.customer(customer), self.today - ONE_DAY)
            if (service, cycle.first) not in closed and cycle.last >= since
        ]

    def starting(self, customer: str, first: date) -> list[tuple[str, Cycle]]:
        """The cycles with an invoice of their own that begin on a day, over or not, with their service, in order."""
        found = money.cycles_invoiced_alone(self.customer(customer), first + LONGEST_CYCLE)
        return [(service, cycle) for service, cycle in found if cycle.first == first]

    def invoice(
        self,
        customer: str,
        cycle_first: date,
        price_book: str | None = None,
        *,
        until: date | None = None,
        service: str | None = None,
        settings: Settings | None = None,
    ) -> list[dict[str, Any]]:
        """The drafts of the papers that the cycle does not have yet, their adjustments included."""
        if until is not None or settings is not None:
            raise ValueError("a history knows its last day used and its settings")
        cycle, its_service = money.invoiced_cycle(self.customer(customer), cycle_first, service)
        drafts = self._drafts(customer, cycle, its_service)
        refs = {retail: book.ref for book, retail in self.price_books(customer)}
        return [paper.printed for paper in drafts if price_book in (None, refs[paper.retail])]

    def _drafts(self, customer: str, cycle: Cycle, service: str) -> list[Paper]:
        of_customer = self.customer(customer)
        key = (service, cycle.first)
        charged = self.charges(customer, cycle, service, self.last_day_used(cycle))
        found = []
        for book, retail in self.price_books(customer):
            if any(
                (paper.customer, paper.retail, paper.cycle) == (customer, retail, key)
                for paper in self.papers
            ):
                continue
            lines = [(key, line) for line in money.priced(charged, book)]
            lines += self.adjustments(customer, cycle, book, retail=retail)
            lines.sort(key=lambda each: each[1].charge.place)
            if lines:
                printed = money.invoice(of_customer, cycle, [line for _, line in lines], book, retail=retail)
                found.append(Paper(customer, retail, key, printed, tuple(lines)))
        return found

    # R13

    def adjustments(
        self, customer: str, cycle: Cycle, book: PriceBook, *, retail: bool
    ) -> list[tuple[tuple[str, date], Line]]:
        """What a seller's paper of a cycle corrects, each line with the cycle corrected."""
        found = []
        papers = [paper for paper in self.papers if (paper.customer, paper.retail) == (customer, retail)]
        for key, closed in self._closed_cycles(customer).items():
            if closed.last >= cycle.last or not any(paper.cycle == key for paper in papers):
                continue
            right_now = money.priced(self.charges(customer, closed, key[0]), book)
            invoiced = [line for paper in papers for of_cycle, line in paper.lines if of_cycle == key]
            found += [(key, line) for line in differences(right_now, invoiced)]
        return found


Corrected = tuple[str, str, date, date, Fraction, Fraction, Fraction]


def corrected(line: Line) -> Corrected:
    """What an adjustment corrects, together: subscription, SKU, period, unit price, discount, share."""
    charge = line.charge
    return (
        charge.subscription,
        charge.sku,
        charge.first,
        charge.last,
        line.unit_price,
        line.discount_pct,
        charge.share,
    )


def differences(right_now: Iterable[Line], invoiced: Iterable[Line]) -> list[Line]:
    """What is right now minus what was last invoiced, as lines of kind `other`."""
    quantities: dict[Corrected, int] = {}
    amounts: dict[Corrected, Decimal] = {}
    for lines, sign in ((right_now, 1), (invoiced, -1)):
        for line in lines:
            key = corrected(line)
            quantities[key] = quantities.get(key, 0) + sign * line.charge.quantity
            amounts[key] = amounts.get(key, Decimal(0)) + sign * line.amount
    found = []
    for key in sorted(quantities):
        if quantities[key] == 0 and amounts[key] == 0:
            continue
        subscription, sku, first, last, unit_price, discount_pct, share = key
        charge = Charge("other", sku, subscription, first, last, quantities[key], first, share)
        found.append(Line(charge, unit_price, discount_pct, amounts[key]))
    return found


__all__ = ["History", "Paper", "StillOpen", "differences"]
