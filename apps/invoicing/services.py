"""The one door for papers: making drafts, issuing invoices, rendering their PDFs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services import record_change
from apps.catalogue.domain.kinds import Service
from apps.catalogue.domain.prices import MissingPriceError
from apps.core.domain.money import money_text, plain_text
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.problems import Refusal
from apps.invoicing.adjustments import Correction, list_corrections, list_late_changes, settled
from apps.invoicing.domain.papers import in_order, price_charges
from apps.invoicing.drafting import Draft, Heading, draft_paper
from apps.invoicing.models import Invoice, InvoiceLine, InvoicePdf, NumberSeries
from apps.invoicing.selectors import (
    BillingCycle,
    billing_cycles_starting,
    carried_cycles,
    find_retail_terms,
    list_charges,
    wholesale_terms,
)
from apps.organisations.models import Customer
from apps.reconciliation.digital import calculate_digital
from apps.reconciliation.services import reconcile_customer
from apps.reconciliation.snapshots import snapshot_of
from apps.subscriptions.models import ClosedCycle, LateChange
from apps.subscriptions.services import close_cycle, forget_late, lock_customer, mark_cycles_late


class CycleStillOpen(Refusal):
    """The cycle is not over, so its invoice cannot be issued."""


class PriceMissing(Refusal):
    """A SKU has no price on the day that counts."""


@transaction.atomic
def make_drafts(*, customer: Customer, first_day: date, today: date) -> list[Draft]:
    """The papers of the cycle that starts on a day that are not issued yet: the provider's, and the partner's where it
    has retail prices; of both services where cycles of both start then.

    Each carries what earlier papers of its seller must be corrected by (R13). A cycle still open gives drafts that say
    so. A paper without lines is left out.

    Raises:
        NoSuchCycle, NoPriceBook, PriceMissing: what stands in the way.
    """
    corrections = _corrections(customer, list_late_changes(customer), today=today)
    drafts: list[Draft] = []
    for billing in billing_cycles_starting(customer, first_day, today=today):
        carried = _corrected_by(drafts)
        left = [correction for correction in corrections if correction.paper.pk not in carried]
        drafts += _drafts(customer, billing, left, today=today)
    return drafts


@transaction.atomic
def issue_invoices(*, customer: Customer, first_day: date, today: date, by: str) -> list[Invoice]:
    """Issue the papers of a cycle and close it. Returns all that it has; what is issued already stays as it is.

    Raises:
        CycleStillOpen: the cycle is not over.
        NoSuchCycle, NoPriceBook, PriceMissing: what stands in the way.
    """
    lock_customer(customer.pk)
    billings = billing_cycles_starting(customer, first_day, today=today)
    over = [billing for billing in billings if billing.cycle.last < today]
    if not over:
        cycle = billings[0].cycle
        raise CycleStillOpen(
            _("The cycle %(first)s – %(last)s is still open; its invoice can be issued from %(day)s on.")
            % {"first": cycle.first, "last": cycle.last, "day": cycle.last + ONE_DAY}
        )
    return [paper for billing in over for paper in _issue_cycle(customer, billing, today=today, by=by)]


def _issue_cycle(customer: Customer, billing: BillingCycle, *, today: date, by: str) -> list[Invoice]:
    if billing.service is Service.CONTACT_CENTRE:
        reconcile_customer(customer=customer, cycle=billing.cycle, today=today)
    changes = list_late_changes(customer)
    corrections = _corrections(customer, changes, today=today)
    drafts = _drafts(customer, billing, corrections, today=today)
    if drafts:
        is_later = _issued(customer, billing).exists()
        closed = _close(customer, billing)
        if is_later:  # this seller's paper of a closed cycle says what was closed, not what came since
            mark_cycles_late([closed])
    _issue_all(customer, drafts, changes, corrections, by=by)
    return list(_issued(customer, billing).prefetch_related("lines"))


@transaction.atomic
def make_adjustments(*, customer: Customer, today: date) -> list[Draft]:
    """Papers of their own for what issued papers must be corrected by, for a customer whose cycles are over (R13).

    One for each seller and currency; their transaction date is ``today``, their period that of all they correct.

    Raises:
        NoPriceBook, PriceMissing: what stands in the way.
    """
    return _adjustments(
        customer, _corrections(customer, list_late_changes(customer), today=today), today=today
    )


@transaction.atomic
def issue_adjustments(*, customer: Customer, today: date, by: str) -> list[Invoice]:
    """Issue ``make_adjustments``. Returns the papers issued now: none where nothing is left to correct.

    Raises:
        NoPriceBook, PriceMissing: what stands in the way.
    """
    lock_customer(customer.pk)
    changes = list_late_changes(customer)
    corrections = _corrections(customer, changes, today=today)
    drafts = _adjustments(customer, corrections, today=today)
    return _issue_all(customer, drafts, changes, corrections, by=by)


def list_issued(*, customer: Customer, first_day: date, today: date) -> list[Invoice]:
    """The papers of a cycle that are issued, the provider's first."""
    return [
        paper
        for billing in billing_cycles_starting(customer, first_day, today=today)
        for paper in _issued(customer, billing).prefetch_related("lines")
    ]


def _issued(customer: Customer, billing: BillingCycle) -> Any:
    return Invoice.objects.filter(
        about=customer, service=billing.service, period_from=billing.cycle.first
    ).order_by("-seller")


def _corrections(customer: Customer, changes: Collection[LateChange], *, today: date) -> list[Correction]:
    with _prices_named():
        return list_corrections(customer, changes, today=today)


@contextmanager
def _prices_named() -> Iterator[None]:
    try:
        yield
    except MissingPriceError as missing:
        raise PriceMissing(
            _("%(sku)s has no price on %(day)s.") % {"sku": missing.sku, "day": missing.day}
        ) from None


def _drafts(
    customer: Customer, billing: BillingCycle, corrections: Sequence[Correction], *, today: date
) -> list[Draft]:
    issued = set(_issued(customer, billing).values_list("seller", flat=True))
    charges = list_charges(customer, billing, today=today)
    wholesale = wholesale_terms(customer)
    retail = find_retail_terms(customer, wholesale)
    heading = Heading(
        service=billing.service,
        period=billing.cycle.period,
        transaction_date=billing.cycle.last + ONE_DAY,
        is_provisional=billing.cycle.last >= today,
    )
    drafts = []
    for seller, terms in ((Invoice.Seller.PROVIDER, wholesale), (Invoice.Seller.PARTNER, retail)):
        if terms is None:
            continue
        with _prices_named():
            lines = price_charges(charges, terms.prices)
        currency = terms.prices.currency
        for correction in corrections:
            if correction.rides_on(seller, currency, cycle=billing.cycle.period):
                lines += correction.lines
        if lines and seller not in issued:
            drafts.append(draft_paper(customer, heading, seller, in_order(lines), terms, currency=currency))
    return drafts


def _adjustments(customer: Customer, corrections: Iterable[Correction], *, today: date) -> list[Draft]:
    by_seller: dict[tuple[str, str], list[Correction]] = {}
    for correction in corrections:
        if correction.lines:
            by_seller.setdefault((correction.paper.seller, correction.paper.currency), []).append(correction)
    if not by_seller:
        return []
    terms = wholesale_terms(customer)
    drafts = []
    for (seller, currency), of_seller in sorted(by_seller.items(), reverse=True):
        papers = [correction.paper for correction in of_seller]
        period = Period(min(each.period_from for each in papers), max(each.period_to for each in papers))
        heading = Heading(service="", period=period, transaction_date=today)
        lines = in_order(line for correction in of_seller for line in correction.lines)
        drafts.append(draft_paper(customer, heading, Invoice.Seller(seller), lines, terms, currency=currency))
    return drafts


def _close(customer: Customer, billing: BillingCycle) -> ClosedCycle:
    """Close a cycle, and the digital ones whose usage its invoice carries, each with what explains it."""
    if billing.service is Service.CONTACT_CENTRE:
        kept = snapshot_of(customer, billing.cycle)
        inputs_hash, snapshot = kept.inputs_hash, kept.content
    else:
        figures = calculate_digital(customer, billing.cycle, until=billing.cycle.last)
        inputs_hash, snapshot = figures.inputs_hash, figures.snapshot()
    _close_carried(customer, billing)
    return close_cycle(
        customer=customer,
        service=billing.service,
        cycle=billing.cycle,
        inputs_hash=inputs_hash,
        snapshot=snapshot,
        looked_at=billing.looked_at,
    )


def _close_carried(customer: Customer, billing: BillingCycle) -> None:
    """The digital cycles that a contact-centre cycle's invoice carries are closed with it."""
    if billing.service is Service.CONTACT_CENTRE:
        for cycle in carried_cycles(customer, billing):
            figures = calculate_digital(customer, cycle, until=cycle.last)
            close_cycle(
                customer=customer,
                service=Service.DIGITAL,
                cycle=cycle,
                inputs_hash=figures.inputs_hash,
                snapshot=figures.snapshot(),
            )


def _issue_all(
    customer: Customer,
    drafts: Sequence[Draft],
    changes: Iterable[LateChange],
    corrections: Sequence[Correction],
    *,
    by: str,
) -> list[Invoice]:
    """Issue papers, and settle what they correct."""
    issued = [_issue(draft, by=by) for draft in drafts]
    corrected = _corrected_by(drafts)
    for correction in corrections:
        if correction.paper.pk in corrected:
            _close_carried(customer, correction.billing)
    forget_late(settled(changes, corrections, corrected))
    return issued


def _corrected_by(drafts: Iterable[Draft]) -> set[int]:
    """The papers that these correct."""
    return {line.corrects_id for draft in drafts for line in draft.lines if line.corrects_id}


def _issue(draft: Draft, *, by: str) -> Invoice:
    invoice = draft.invoice
    invoice.number = _next_number(invoice)
    invoice.issued_by = by
    invoice.save(force_insert=True)
    for line in draft.lines:
        line.invoice = invoice
    InvoiceLine.objects.bulk_create(draft.lines)
    InvoicePdf.objects.create(partner=invoice.partner, customer=invoice.customer, invoice=invoice)
    record_change(
        by=by,
        action="invoice.issued",
        subject=invoice.number,
        customer=invoice.customer,
        partner=invoice.partner,
        after=str(invoice.total),
    )
    return invoice


def _next_number(invoice: Invoice) -> str:
    """The next number of the seller's series: gapless, because the counter is locked until the paper is stored."""
    word = "CN" if invoice.is_credit_note else "INV"
    is_partners = invoice.seller == Invoice.Seller.PARTNER
    prefix = f"{invoice.partner.ref}-{word}-" if is_partners else f"{word}-"
    NumberSeries.objects.get_or_create(
        prefix=prefix, defaults={"partner": invoice.partner if is_partners else None}
    )
    series = NumberSeries.objects.select_for_update().get(prefix=prefix)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    return f"{prefix}{series.last_number:06d}"


def as_printed(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, is_provisional: bool = False
) -> dict[str, Any]:
    """An invoice or a draft in the form of formats.md."""
    currency = invoice.currency
    seller_is_partner = invoice.seller == Invoice.Seller.PARTNER
    printed: dict[str, Any] = {
        "number": invoice.number or None,
        "seller": invoice.partner.ref if seller_is_partner else "provider",
        "recipient": invoice.about.ref if seller_is_partner else invoice.partner.ref,
        "customer": invoice.about.ref,
        "currency": currency,
        "period_from": invoice.period_from.isoformat(),
        "period_to": invoice.period_to.isoformat(),
        "transaction_date": invoice.transaction_date.isoformat(),
        "due_date": invoice.due_date.isoformat(),
        "lines": [_printed_line(line, currency) for line in lines],
        "subtotal": money_text(invoice.subtotal, currency),
        "taxes": money_text(invoice.taxes, currency),
        "total": money_text(invoice.total, currency),
    }
    if is_provisional:
        printed["provisional"] = True
    return printed


def _printed_line(line: InvoiceLine, currency: str) -> dict[str, Any]:
    printed: dict[str, Any] = {
        "kind": str(line.kind),
        "sku": line.sku,
        "subscription": line.subscription,
        "period_from": line.period_from.isoformat(),
        "period_to": line.period_to.isoformat(),
        "quantity": line.quantity,
        "unit_price": money_text(line.unit_price, currency),
        "discount_pct": plain_text(line.discount_pct),
        "amount": money_text(line.amount, currency),
    }
    if line.original_period:
        printed["original_period"] = [day.isoformat() for day in line.original_period]
    return printed
