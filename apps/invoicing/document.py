"""A paper as its reader sees it: the blocks of an invoice, the same on a page and in the PDF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from babel import Locale
from django.utils import translation
from django.utils.translation import gettext as _

from apps.core.domain.money import round_to_minor_unit
from apps.core.formatting import amount, number, paper_day
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.status import status_of

PAPER_LANGUAGE = "en"  # a paper is one document, whoever opens it; so its bytes never depend on a reader


@dataclass(frozen=True)
class Party:
    """A seller, a buyer or the customer served, as frozen on the paper."""

    name: str
    address_lines: list[str]
    country_name: str
    billing_id: str
    shipping_id: str
    tax_registration: str
    note: str = ""


@dataclass(frozen=True)
class LineGroup:
    """Lines under one offer and subscription."""

    offer_sku: str
    offer_name: str
    subscription: str
    lines: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """All that the templates of a paper need; amounts are texts."""

    number: str | None
    title: str
    provisional: bool
    status: str
    currency: str
    period_from: date
    period_to: date
    seller: Party
    recipient: Party
    service_to: Party
    fields: dict[str, list[tuple[str, str]]]
    groups: list[LineGroup]
    summary: dict[str, Any]


def make_document(
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    *,
    on: date | None,
    is_provisional: bool = False,
    actions: Mapping[int, Sequence[tuple[str, str]]] = MappingProxyType({}),
) -> Document:
    """Arrange a paper into the blocks of the guide's sample.

    ``on`` is the day that tells whether it is overdue; None: as on the paper itself. ``actions`` gives links (label,
    address) for lines by their position, for a page.
    """
    seller, recipient, customer = (
        _party(details)
        for details in (invoice.seller_details, invoice.recipient_details, invoice.customer_details)
    )
    title = _title(invoice)
    status = str(status_of(invoice, on=on).label)
    if invoice.seller == Invoice.Seller.PROVIDER:
        note = _("End customer of %(partner)s") % {"partner": recipient.name}
        customer = replace(customer, note=note)
    return Document(
        number=invoice.number or None,
        title=title,
        provisional=is_provisional,
        status=status,
        currency=invoice.currency,
        period_from=invoice.period_from,
        period_to=invoice.period_to,
        seller=seller,
        recipient=recipient,
        service_to=customer,
        fields=_fields(invoice, lines, status),
        groups=_groups(lines, invoice, actions),
        summary=_summary(invoice, lines),
    )


def _title(invoice: Invoice) -> str:
    if invoice.number:
        return _("Credit note") if invoice.is_credit_note else _("Invoice")
    return _("Draft credit note") if invoice.is_credit_note else _("Draft invoice")


def _party(details: dict[str, str]) -> Party:
    territories = Locale.parse(translation.get_language() or PAPER_LANGUAGE).territories
    return Party(
        name=details["name"],
        address_lines=details["address"].splitlines(),
        country_name=territories.get(details["country"], details["country"]),
        billing_id=details["ref"],
        shipping_id=details["ref"],
        tax_registration=details["tax_registration"],
    )


def _fields(invoice: Invoice, lines: Iterable[InvoiceLine], status: str) -> dict[str, list[tuple[str, str]]]:
    subscriptions = ", ".join(sorted({line.subscription for line in lines}))
    seller, recipient, customer = invoice.seller_details, invoice.recipient_details, invoice.customer_details
    none = "–"
    return {
        "purchase_order": [
            (_("Purchase Order #"), none),
            (_("Reference #"), invoice.number or none),
            (_("Account Manager"), seller["contact_name"] or none),
            (_("GST Registration #"), seller["tax_registration"] or none),
            (_("Due Date"), paper_day(invoice.due_date)),
            (_("Service Reference"), subscriptions or none),
            (_("Payment Terms"), _("%(days)s NET") % {"days": invoice.payment_terms_days}),
        ],
        "sales": [(_("Carrier / Service Level"), none), (_("Web Order ID"), none)],
        "transaction": [
            (_("Transaction Date"), paper_day(invoice.transaction_date)),
            (_("Transaction Status"), status.upper()),
        ],
        "shipment": [
            (_("Ship Date"), none),
            (_("Tracking #"), none),
            (
                _("Document Sequence #"),
                str(int(invoice.number.rpartition("-")[2])) if invoice.number else none,
            ),
        ],
        "customer": [
            (_("Customer Contact"), recipient["contact_name"] or none),
            (_("Customer #"), customer["ref"]),
            (_("Location #"), customer["country"]),
        ],
        "collector": [
            (_("Name"), seller["contact_name"] or seller["name"]),
            (_("E-mail"), seller["contact_email"] or none),
            (_("Phone"), seller["contact_phone"] or none),
        ],
    }


def _groups(
    lines: Iterable[InvoiceLine], invoice: Invoice, actions: Mapping[int, Sequence[tuple[str, str]]]
) -> list[LineGroup]:
    groups: dict[tuple[str, str], LineGroup] = {}
    lines = list(lines)
    corrected = _numbers_of_corrected(lines)
    for line in lines:
        group = groups.setdefault(
            (line.offer, line.subscription), LineGroup(line.offer, line.offer_name, line.subscription)
        )
        group.lines.append(
            {
                "po_line": line.position,
                "item_no": f"{line.position:03d}",
                "sku": line.sku,
                "description": line.description,
                "period_from": line.period_from,
                "period_to": line.period_to,
                "months": 1,
                "quantity": number(line.quantity),
                "uom": line.unit,
                "tax_pct": f"{number(invoice.tax_rate_pct)} %",
                "unit_price": amount(line.unit_price, invoice.currency),
                "discount_pct": number(line.discount_pct) if line.discount_pct else "",
                "amount": amount(line.amount, invoice.currency),
                "kind": line.kind,
                "original_period": line.original_period,
                "corrects": corrected.get(line.corrects_id, ""),
                "actions": actions.get(line.position, ()),
            }
        )
    return list(groups.values())


def _numbers_of_corrected(lines: Iterable[InvoiceLine]) -> dict[int | None, str]:
    """The numbers of the papers that adjustments correct, by their keys."""
    keys = {line.corrects_id for line in lines if line.corrects_id}
    return dict(Invoice.objects.filter(pk__in=keys).values_list("pk", "number")) if keys else {}


def _summary(invoice: Invoice, lines: Iterable[InvoiceLine]) -> dict[str, Any]:
    kinds = InvoiceLine.Kind
    sums = dict.fromkeys(("recurring", "usage_overage", "other"), Decimal(0))
    for line in lines:
        block = {kinds.RECURRING: "recurring", kinds.OTHER: "other"}.get(kinds(line.kind), "usage_overage")
        sums[block] += line.amount
    currency = invoice.currency
    return {
        **{block: amount(round_to_minor_unit(value, currency), currency) for block, value in sums.items()},
        "subtotal": amount(invoice.subtotal, currency),
        "taxes": [
            (
                number(invoice.tax_rate_pct),
                amount(invoice.subtotal, currency),
                amount(invoice.taxes, currency),
            )
        ],
        "total": amount(invoice.total, currency),
        "currency": currency,
    }
