"""The one door for papers: making drafts, issuing invoices, rendering their PDFs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services import record_change
from apps.catalogue.domain.kinds import Service
from apps.catalogue.domain.prices import MissingPriceError
from apps.catalogue.models import Offer, Sku
from apps.core.domain.money import money_text, plain_text
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.problems import Refusal
from apps.invoicing.domain.papers import Line, Totals, add_up, price_charges
from apps.invoicing.models import Invoice, InvoiceLine, InvoicePdf, NumberSeries
from apps.invoicing.selectors import (
    BillingCycle,
    Terms,
    billing_cycle_starting,
    find_retail_terms,
    list_charges,
    wholesale_terms,
)
from apps.organisations.models import Customer, Organisation, Partner, Provider
from apps.reconciliation.selectors import calculate_cycle
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.services import close_cycle, lock_customer


class CycleStillOpen(Refusal):
    """The cycle is not over, so its invoice cannot be issued."""


class PriceMissing(Refusal):
    """A SKU has no price on the day that counts."""


@dataclass(frozen=True)
class Draft:
    """A paper that is not issued: unsaved rows, so that a page, a PDF and a command show drafts like invoices."""

    invoice: Invoice
    lines: list[InvoiceLine]
    is_provisional: bool


@transaction.atomic
def make_drafts(*, customer: Customer, first_day: date, today: date) -> list[Draft]:
    """The papers of a cycle that are not issued yet: the provider's, and the partner's where it has retail prices.

    A cycle still open gives drafts that say so. A paper without lines is left out.

    Raises:
        NoSuchCycle, NoPriceBook, PriceMissing: what stands in the way.
    """
    billing = billing_cycle_starting(customer, first_day, today=today)
    issued = set(_issued(customer, billing).values_list("seller", flat=True))
    return [draft for draft in _drafts(customer, billing, today=today) if draft.invoice.seller not in issued]


@transaction.atomic
def issue_invoices(*, customer: Customer, first_day: date, today: date, by: str) -> list[Invoice]:
    """Issue the papers of a cycle and close it. Returns all that it has; what is issued already stays as it is.

    Raises:
        CycleStillOpen: the cycle is not over.
        NoSuchCycle, NoPriceBook, PriceMissing: what stands in the way.
    """
    lock_customer(customer.pk)
    billing = billing_cycle_starting(customer, first_day, today=today)
    if billing.cycle.last >= today:
        raise CycleStillOpen(
            _("The cycle %(first)s – %(last)s is still open; its invoice can be issued from %(day)s on.")
            % {"first": billing.cycle.first, "last": billing.cycle.last, "day": billing.cycle.last + ONE_DAY}
        )
    if billing.service is Service.CONTACT_CENTRE:
        reconcile_customer(customer=customer, cycle=billing.cycle, today=today)
    drafts = make_drafts(customer=customer, first_day=first_day, today=today)
    if drafts:
        _close(customer, billing)
    for draft in drafts:
        _issue(draft, by=by)
    return list(_issued(customer, billing).prefetch_related("lines"))


def list_issued(*, customer: Customer, first_day: date, today: date) -> list[Invoice]:
    """The papers of a cycle that are issued, the provider's first."""
    billing = billing_cycle_starting(customer, first_day, today=today)
    return list(_issued(customer, billing).prefetch_related("lines"))


def _issued(customer: Customer, billing: BillingCycle) -> Any:
    return Invoice.objects.filter(
        about=customer, service=billing.service, period_from=billing.cycle.first
    ).order_by("-seller")


def _drafts(customer: Customer, billing: BillingCycle, *, today: date) -> list[Draft]:
    charges = list_charges(customer, billing, today=today)
    wholesale = wholesale_terms(customer)
    retail = find_retail_terms(customer, wholesale)
    partner = customer.partner
    papers: list[tuple[Invoice.Seller, Organisation, Organisation, Terms]] = [
        (Invoice.Seller.PROVIDER, Provider.objects.get(), partner, wholesale)
    ]
    if retail is not None:
        papers.append((Invoice.Seller.PARTNER, partner, customer, retail))
    drafts = []
    for seller, from_whom, to_whom, terms in papers:
        try:
            lines = price_charges(charges, terms.prices)
        except MissingPriceError as missing:
            raise PriceMissing(
                _("%(sku)s has no price on %(day)s.") % {"sku": missing.sku, "day": missing.day}
            ) from None
        if lines:
            drafts.append(_draft(customer, billing, lines, terms, seller, from_whom, to_whom, today))
    return drafts


def _draft(
    customer: Customer,
    billing: BillingCycle,
    lines: Sequence[Line],
    terms: Terms,
    seller: Invoice.Seller,
    from_whom: Organisation,
    to_whom: Organisation,
    today: date,
) -> Draft:
    currency = terms.prices.currency
    totals: Totals = add_up(lines, tax_rate_pct=terms.tax_rate_pct, currency=currency)
    transaction_date = billing.cycle.last + ONE_DAY
    invoice = Invoice(
        partner=customer.partner,
        customer=customer if seller is Invoice.Seller.PARTNER else None,
        about=customer,
        seller=seller,
        service=billing.service,
        currency=currency,
        period_from=billing.cycle.first,
        period_to=billing.cycle.last,
        transaction_date=transaction_date,
        due_date=transaction_date + timedelta(days=terms.payment_terms_days),
        payment_terms_days=terms.payment_terms_days,
        seller_details=_details(from_whom),
        recipient_details=_details(to_whom),
        customer_details=_details(customer),
        tax_rate_pct=terms.tax_rate_pct,
        subtotal=totals.subtotal,
        taxes=totals.taxes,
        total=totals.total,
    )
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in={line.charge.sku for line in lines})}
    offers = {offer.code: offer.name for offer in Offer.objects.all()}
    return Draft(
        invoice=invoice,
        lines=[
            InvoiceLine(
                partner=invoice.partner,
                customer=invoice.customer,
                invoice=invoice,
                position=position,
                kind=line.charge.kind,
                sku=line.charge.sku,
                description=skus[line.charge.sku].name,
                unit=skus[line.charge.sku].unit,
                offer=line.charge.offer,
                offer_name=offers[line.charge.offer],
                subscription=line.charge.subscription,
                period_from=line.charge.period.first,
                period_to=line.charge.period.last,
                quantity=line.charge.quantity,
                unit_price=line.price.unit_price,
                discount_pct=line.price.discount_pct,
                amount=line.amount,
                original_period=_days(line.original_period),
            )
            for position, line in enumerate(lines, start=1)
        ],
        is_provisional=billing.cycle.last >= today,
    )


def _days(period: Period | None) -> list[date] | None:
    return None if period is None else [period.first, period.last]


def _details(organisation: Organisation) -> dict[str, str]:
    """An organisation as it is now, for a paper that will not change when it does."""
    return {
        "ref": organisation.ref if isinstance(organisation, Partner | Customer) else "",
        "name": organisation.name,
        "country": organisation.country,
        "address": organisation.address,
        "tax_registration": organisation.tax_registration,
        "contact_name": organisation.contact_name,
        "contact_email": organisation.contact_email,
        "contact_phone": organisation.contact_phone,
    }


def _close(customer: Customer, billing: BillingCycle) -> None:
    snapshot: dict[str, Any] = {}
    inputs_hash = ""
    if billing.service is Service.CONTACT_CENTRE:
        calculated = calculate_cycle(customer, billing.cycle, until=billing.cycle.last)
        inputs_hash = calculated.inputs_hash
        snapshot = {
            "inputs": calculated.inputs,
            "rows": [
                {**asdict(row), "day": row.day.isoformat(), "usage_type": row.usage_type.value}
                for row in calculated.figures.rows
            ],
            "billed": {
                usage_type.value: billed.quantity for usage_type, billed in calculated.figures.billed.items()
            },
        }
    close_cycle(
        customer=customer,
        service=billing.service,
        cycle=billing.cycle,
        inputs_hash=inputs_hash,
        snapshot=snapshot,
    )


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
