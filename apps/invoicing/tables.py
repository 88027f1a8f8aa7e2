"""The list of invoices as a declaration."""

from __future__ import annotations

from datetime import date

import django_tables2 as tables
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.core import formatting
from apps.core.columns import badge
from apps.core.domain.periods import Period
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.status import TONES, status_of

ROWS_A_PAGE = 50
_NARROW = {"cell": {"class": "nowrap"}}


def _days(name: Promise, *fields: str) -> tables.Column:
    return tables.Column(
        verbose_name=name,
        accessor=fields[0],
        order_by=(*fields, "pk"),
        attrs=_NARROW,
        initial_sort_descending=True,
    )


class InvoiceTable(tables.Table):
    """Issued invoices; what is overdue follows from ``today``. Each reader sees the other side of the sale."""

    number = tables.Column(verbose_name=_("Invoice"), order_by=("number",), attrs=_NARROW)
    customer = tables.Column(
        verbose_name=_("Customer"), accessor="customer_details", order_by=("about__name", "about__ref", "pk")
    )
    recipient = tables.Column(verbose_name=_("Recipient"), accessor="recipient_details", orderable=False)
    sender = tables.Column(verbose_name=_("From"), accessor="seller_details", orderable=False)
    period = _days(_("Usage period"), "period_from", "period_to")
    transaction_date = _days(_("Transaction date"), "transaction_date")
    due_date = _days(_("Due date"), "due_date")
    status = tables.Column(verbose_name=_("Status"), empty_values=(), orderable=False, attrs=_NARROW)
    total = tables.Column(
        verbose_name=_("Total"),
        order_by=("currency", "total", "pk"),
        attrs={"cell": {"class": "num nowrap"}},
        initial_sort_descending=True,
    )
    pdf = tables.Column(verbose_name=_("PDF"), empty_values=(), orderable=False, attrs=_NARROW)

    class Meta:
        attrs = {"aria-label": _("Invoices"), "row_header": "number", "class": "is-dense is-sticky"}
        empty_text = _("No invoice fits these filters.")

    def __init__(
        self, invoices: QuerySet[Invoice], *, request: HttpRequest, reader: User, today: date
    ) -> None:
        hidden = {"sender"} if reader.is_provider else {"recipient", "sender"}
        super().__init__(
            invoices,
            exclude={"recipient", "customer"} if reader.is_customer else hidden,
            order_by=request.GET.getlist("sort") or None,
        )
        self.today = today
        self.shows_kind = not reader.is_customer
        # How many rows a page has is ours to say; a page that does not exist is the first or the last.
        self.paginate(per_page=ROWS_A_PAGE)
        self.page = self.paginator.get_page(request.GET.get("page"))

    def render_number(self, record: Invoice) -> SafeString:
        kind = kind_of(record) if self.shows_kind else ""
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("invoicing:detail", args=[record.number]),
            record.number,
            gettext("Credit note") if record.is_credit_note else kind,
        )

    def render_customer(self, value: dict[str, str]) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', value["name"], value["ref"])

    def render_recipient(self, value: dict[str, str]) -> str:
        return value["name"]

    def render_sender(self, value: dict[str, str]) -> str:
        return value["name"]

    def render_period(self, record: Invoice) -> str:
        return formatting.period(Period(record.period_from, record.period_to))

    def render_status(self, record: Invoice) -> SafeString:
        status = status_of(record, on=self.today)
        return badge(status.label, TONES[status])

    def render_total(self, record: Invoice) -> SafeString:
        return formatting.money_html(record.total, record.currency)

    def render_pdf(self, record: Invoice) -> SafeString | str:
        if record.pdf.state == InvoicePdf.State.READY:
            return format_html(
                '<a href="{}" aria-label="{}" download>{}</a>',
                reverse("invoicing:pdf", args=[record.number]),
                gettext("PDF of %(number)s") % {"number": record.number},
                gettext("PDF"),
            )
        return format_html('<span class="muted">{}</span>', record.pdf.get_state_display())


def kind_of(invoice: Invoice) -> str:
    """Wholesale: the provider sells to a partner. Retail: the partner sells to its customer."""
    return gettext("Retail") if invoice.seller == Invoice.Seller.PARTNER else gettext("Wholesale")
