"""Papers that nobody issued: rows that are not saved, so that a page, a PDF and a command show drafts like invoices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from apps.catalogue.models import Offer, Sku
from apps.core.domain.periods import Period
from apps.invoicing.domain.papers import Line, add_up
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.selectors import Terms
from apps.organisations.models import Customer, Organisation, Partner, Provider


@dataclass(frozen=True)
class Draft:
    """A paper that is not issued, with its lines."""

    invoice: Invoice
    lines: list[InvoiceLine]
    is_provisional: bool


@dataclass(frozen=True)
class Heading:
    """What a paper is for: a cycle of a service, or, without ``service``, the correction of other papers."""

    service: str
    period: Period
    transaction_date: date
    is_provisional: bool = False


def draft_paper(
    customer: Customer,
    heading: Heading,
    seller: Invoice.Seller,
    lines: Sequence[Line],
    terms: Terms,
    *,
    currency: str,
) -> Draft:
    """The paper about a customer with these lines, as it would be issued now."""
    partner = customer.partner
    from_whom: Organisation = partner
    to_whom: Organisation = customer
    if seller is Invoice.Seller.PROVIDER:
        from_whom, to_whom = Provider.objects.get(), partner
    totals = add_up(lines, tax_rate_pct=terms.tax_rate_pct, currency=currency)
    invoice = Invoice(
        partner=partner,
        customer=customer if seller is Invoice.Seller.PARTNER else None,
        about=customer,
        seller=seller,
        service=heading.service,
        price_book=terms.book if heading.service else None,
        currency=currency,
        period_from=heading.period.first,
        period_to=heading.period.last,
        transaction_date=heading.transaction_date,
        due_date=heading.transaction_date + timedelta(days=terms.payment_terms_days),
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
                whole_days=int(line.charge.period.days / line.charge.share),
                corrects_id=line.corrects,
                original_period=_days(line.original_period),
            )
            for position, line in enumerate(lines, start=1)
        ],
        is_provisional=heading.is_provisional,
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
