"""What papers that were issued must be corrected by, because something was entered late (R13)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from django.db.models import Q

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import Service
from apps.catalogue.domain.prices import Price, PriceList
from apps.catalogue.models import PriceBook
from apps.core.domain.money import round_to_minor_unit
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.domain.adjustments import adjust
from apps.invoicing.domain.papers import Line, price_charges
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.selectors import BillingCycle, list_billings, list_charges, price_list
from apps.organisations.models import Customer
from apps.subscriptions.models import ClosedCycle, LateChange


@dataclass(frozen=True)
class Correction:
    """An issued paper held against what it would say right now: the adjustments, and what made somebody look."""

    paper: Invoice
    billing: BillingCycle
    lines: Sequence[Line]
    changes: Sequence[LateChange]

    def rides_on(self, seller: str, currency: str, *, cycle: Period) -> bool:
        """Whether a paper of a seller in a currency carries it: that of a later ``cycle``."""
        paper = self.paper
        return (paper.seller, paper.currency) == (seller, currency) and paper.period_to < cycle.last


def list_late_changes(customer: Customer) -> list[LateChange]:
    """What arrived for closed cycles of the customer and is not settled yet."""
    return list(
        LateChange.objects.filter(customer=customer).select_related("closed").defer("closed__snapshot")
    )


def list_corrections(customer: Customer, changes: Collection[LateChange], *, today: date) -> list[Correction]:
    """The papers of the cycles that ``changes`` are about, each with its adjustments, in the order of their cycles.

    A paper is priced as it would be now: its cycle's days, primary and settings as they were closed, today's records,
    commitments and prices. Subtracted is what was last invoiced for it: its own lines and all adjustments
    of it since.

    Raises:
        MissingPriceError: a SKU has no price on the day that counts.
    """
    if not changes:
        return []
    near = Invoice.objects.filter(
        about=customer,
        period_from__lte=max(change.closed.last_day for change in changes),
        period_to__gte=min(change.closed.first_day for change in changes),
    ).exclude(service="")
    papers = [
        (paper, touching)
        for paper in near.order_by("period_to", "pk")
        if (touching := [change for change in changes if _carries(paper, change.closed)])
    ]
    invoiced = _lines_by_paper(paper for paper, _touching in papers)
    until = max((paper.period_from for paper, _touching in papers), default=today)
    billings: dict[tuple[str, date], BillingCycle] = {
        (billing.service, billing.cycle.first): billing for billing in list_billings(customer, until=until)
    }
    charges: dict[tuple[str, date], list[Charge]] = {}
    prices: dict[tuple[str, int | None], PriceList] = {}
    corrections = []
    for paper, touching in papers:
        cycle, book = (paper.service, paper.period_from), (paper.seller, paper.price_book_id)
        if cycle not in charges:
            charges[cycle] = list_charges(customer, billings[cycle], today=today, afresh=True)
        if book not in prices:
            prices[book] = _prices_of(paper)
        now = price_charges(charges[cycle], prices[book])
        lines = adjust(now, _as_lines(invoiced[paper.pk], paper.currency, now))
        lines = [replace(line, corrects=paper.pk) for line in lines]
        corrections.append(Correction(paper, billings[cycle], lines, touching))
    return corrections


def settled(
    changes: Iterable[LateChange], corrections: Iterable[Correction], corrected: Collection[int]
) -> list[LateChange]:
    """The changes of which nothing is left to be issued, once the papers with the keys ``corrected`` are."""
    waiting = {
        change.pk
        for correction in corrections
        if correction.lines and correction.paper.pk not in corrected
        for change in correction.changes
    }
    return [change for change in changes if change.pk not in waiting]


def _carries(paper: Invoice, closed: ClosedCycle) -> bool:
    """Whether a paper invoices a closed cycle: its own, or a digital one that ended in it (R10)."""
    if (paper.service, paper.period_from) == (closed.service, closed.first_day):
        return True
    is_carried = closed.service == Service.DIGITAL and closed.looked_from is None
    return is_carried and paper.period_from <= closed.last_day <= paper.period_to


def _lines_by_paper(papers: Iterable[Invoice]) -> dict[int, list[InvoiceLine]]:
    """For each paper its own lines and the adjustments of it that were issued since."""
    found: dict[int, list[InvoiceLine]] = {paper.pk: [] for paper in papers}
    lines = InvoiceLine.objects.filter(Q(invoice__in=found, corrects=None) | Q(corrects__in=found))
    for line in lines.order_by("invoice_id", "position"):
        found[line.corrects_id or line.invoice_id].append(line)
    return found


def _prices_of(paper: Invoice) -> PriceList:
    """The prices by which a paper was made, as they are now.

    Read with the provider's eyes: its reader may buy by another price book meanwhile, and sees the old one no more. A
    paper that does not name its price book is priced by the one that its buyer has now.
    """
    buyer = (
        {"partnerterms__partner": paper.partner_id}
        if paper.seller == Invoice.Seller.PROVIDER
        else {"customerterms__customer": paper.customer_id}
    )
    with scope(PROVIDER):
        book = paper.price_book or PriceBook.objects.filter(**buyer).first()
        return PriceList(paper.currency) if book is None else price_list(book)


def _as_lines(invoiced: Iterable[InvoiceLine], currency: str, now: Iterable[Line]) -> list[Line]:
    """Issued lines as the rules take them."""
    shares: Mapping[tuple[str, str, Period], Fraction] = {
        (line.charge.subscription, line.charge.sku, line.charge.period): line.charge.share for line in now
    }
    lines = []
    for line in invoiced:
        period = Period(line.period_from, line.period_to)
        share = (
            Fraction(period.days, line.whole_days)
            if line.whole_days
            else shares.get((line.subscription, line.sku, period), Fraction(1))
        )
        lines.append(
            Line(
                charge=Charge(
                    kind=ChargeKind(line.kind),
                    sku=line.sku,
                    subscription=line.subscription,
                    offer=line.offer,
                    period=period,
                    quantity=line.quantity,
                    price_day=period.first,
                    share=share,
                ),
                price=Price(line.sku, period.first, line.unit_price, line.discount_pct),
                amount=round_to_minor_unit(line.amount, currency),
            )
        )
    return lines
