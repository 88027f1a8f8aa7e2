"""Invoices as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from django.utils import translation

from apps.core.domain.money import money_text, plain_text
from apps.core.spreadsheets import FILE_LANGUAGE, harmless
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.status import status_of

Cell = str | int | Decimal | date | None


@translation.override(FILE_LANGUAGE)
def invoices_csv(invoices: Iterable[Invoice], *, on: date) -> str:
    """A row for each invoice; ``on`` is the day that tells what is overdue."""
    heading = [
        "Invoice",
        "Kind",
        "Seller",
        "Recipient",
        "Recipient reference",
        "Customer",
        "Customer reference",
        "Period from",
        "Period to",
        "Transaction date",
        "Due date",
        "Status",
        "Currency",
        "Subtotal (Excl. Tax)",
        "Taxes",
        "Total Amount (Incl. Tax)",
    ]
    rows = (
        (
            harmless(invoice.number),
            "Retail" if invoice.seller == Invoice.Seller.PARTNER else "Wholesale",
            harmless(invoice.seller_details["name"]),
            harmless(invoice.recipient_details["name"]),
            harmless(invoice.recipient_details["ref"]),
            harmless(invoice.customer_details["name"]),
            harmless(invoice.customer_details["ref"]),
            invoice.period_from,
            invoice.period_to,
            invoice.transaction_date,
            invoice.due_date,
            str(status_of(invoice, on=on).label),
            invoice.currency,
            money_text(invoice.subtotal, invoice.currency),
            money_text(invoice.taxes, invoice.currency),
            money_text(invoice.total, invoice.currency),
        )
        for invoice in invoices
    )
    return _written(heading, rows)


@translation.override(FILE_LANGUAGE)
def lines_csv(invoice: Invoice, lines: Iterable[InvoiceLine]) -> str:
    """A row for each line of an invoice."""
    heading = [
        "PO Line #",
        "Kind",
        "SKU",
        "Description",
        "Offer",
        "Subscription ID",
        "Period from",
        "Period to",
        "Qty",
        "UOM",
        "Unit Price",
        "Discount %",
        "Tax %",
        "Extended Amount",
        "Currency",
        "Corrects from",
        "Corrects to",
    ]
    rows = (
        (
            line.position,
            str(InvoiceLine.Kind(line.kind).label),
            harmless(line.sku),
            harmless(line.description),
            harmless(line.offer),
            harmless(line.subscription),
            line.period_from,
            line.period_to,
            line.quantity,
            harmless(line.unit),
            money_text(line.unit_price, invoice.currency),
            plain_text(line.discount_pct),
            plain_text(invoice.tax_rate_pct),
            money_text(line.amount, invoice.currency),
            invoice.currency,
            *(line.original_period or ("", "")),
        )
        for line in lines
    )
    return _written(heading, rows)


def _written(heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return out.getvalue()
