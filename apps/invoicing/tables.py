"""The list of invoices as a declaration."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _

from apps.core import formatting
from apps.core.domain.periods import Period
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.status import TONES, status_of

ROWS_A_PAGE = 50
_NUMBER = {"cell": {"class": "num nowrap"}}
_NARROW = {"cell": {"class": "nowrap"}}


class InvoiceTable(tables.Table):
    """Issued invoices; what is overdue follows from ``table.today``."""

    number = tables.Column(verbose_name=_("Invoice"), attrs=_NARROW)
    customer = tables.Column(verbose_name=_("Customer"), accessor="customer_details", order_by=("about__name", "about__ref"))
    recipient = tables.Column(verbose_name=_("Recipient"), accessor="recipient_details", orderable=False)
    sender = tables.Column(verbose_name=_("From"), accessor="seller_details", orderable=False)
    period = tables.Column(
        verbose_name=_("Usage period"), accessor="period_from", order_by=("period_from", "period_to"), attrs=_NARROW,
        initial_sort_descending=True,
    )
    transaction_date = tables.Column(verbose_name=_("Transaction date"), attrs=_NARROW, initial_sort_descending=True)
    due_date = tables.Column(verbose_name=_("Due date"), attrs=_NARROW)
    status = tables.Column(verbose_name=_("Status"), empty_values=(), orderable=False, attrs=_NARROW)
    total = tables.Column(verbose_name=_("Total"), order_by=("currency", "total"), attrs=_NUMBER, initial_sort_descending=True)
    pdf = tables.Column(verbose_name=_("PDF"), empty_values=(), orderable=False, attrs=_NARROW)

    class Meta:
        attrs = {"aria-label": _("Invoices"), "row_header": "number", "class": "is-dense is-sticky"}
        empty_text = _("No invoice fits these filters.")

    def __init__(self, invoices: QuerySet[Invoice], *, request: HttpRequest, today: Any, for_customer: bool) -> None:
        hidden = ("customer", "recipient") if for_customer else ("sender",)
        super().__init__(invoices, exclude=hidden)
        self.today = today
        self.for_customer = for_customer
        self.request = request
        if sort := request.GET.getlist(self.prefixed_order_by_field):
            self.order_by = sort
        # The number of rows is ours to say, and a page that is none shows the first or the last.
        paginator = Paginator(self.rows, ROWS_A_PAGE)
        self.paginator = paginator
        self.page = paginator.get_page(request.GET.get(self.prefixed_page_field))

    def render_number(self, record: Invoice) -> SafeString:
        kind = "" if self.for_customer else kind_of(record)
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("invoicing:detail", args=[record.number]),
            record.number,
            now("Credit note") if record.is_credit_note else kind,
        )

    def render_customer(self, value: dict[str, str]) -> SafeString:
        return _party(value)

    def render_recipient(self, value: dict[str, str]) -> SafeString:
        return _party(value)

    def render_sender(self, value: dict[str, str]) -> str:
        return value["name"]

    def render_period(self, record: Invoice) -> str:
        return formatting.period(Period(record.period_from, record.period_to))

    def render_status(self, record: Invoice) -> SafeString:
        status = status_of(record, on=self.today)
        return render_badge(str(status.label), TONES[status])

    def render_total(self, record: Invoice) -> SafeString:
        return formatting.money_html(record.total, record.currency)

    def render_pdf(self, record: Invoice) -> SafeString | str:
        if record.pdf.state == InvoicePdf.State.READY:
            return format_html(
                '<a href="{}" aria-label="{}" download>{}</a>',
                reverse("invoicing:pdf", args=[record.number]),
                now("PDF of %(number)s") % {"number": record.number},
                now("PDF"),
            )
        return format_html('<span class="muted">{}</span>', record.pdf.get_state_display())


def kind_of(invoice: Invoice) -> str:
    """Wholesale: the provider sells to a partner. Retail: the partner sells to its customer."""
    return now("Retail") if invoice.seller == Invoice.Seller.PARTNER else now("Wholesale")


def render_badge(label: str, tone: str) -> SafeString:
    """The component, for a cell."""
    return render_to_string("components/badge.html", {"label": label, "tone": tone})


def _party(details: dict[str, str]) -> SafeString:
    return format_html('{}<span class="sub">{}</span>', details["name"], details["ref"])
