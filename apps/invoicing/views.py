"""Pages of invoices and of the drafts that become some."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.models import Role, User
from apps.catalogue.domain.kinds import SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core import formatting
from apps.core.bell import ring_on_commit
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.problems import NotFoundRefusal, Refusal
from apps.invoicing.bell import render_invoice_pdf
from apps.invoicing.document import make_document
from apps.invoicing.drafting import Draft
from apps.invoicing.drafts import NoDraftForYou, drafts_to_read, is_invoiced_here
from apps.invoicing.exports import invoices_csv, lines_csv
from apps.invoicing.filters import InvoiceFilter
from apps.invoicing.models import Invoice, InvoiceLine, InvoicePdf
from apps.invoicing.selectors import InvoiceSum, list_billing_cycles, sum_invoices, visible_invoices
from apps.invoicing.services import issue_invoices
from apps.invoicing.status import TONES, status_of
from apps.invoicing.tables import InvoiceTable, kind_of
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import family_of

logger = logging.getLogger(__name__)


def signed_in(request: HttpRequest) -> User:
    """Who asks; the middleware lets nobody else through."""
    assert isinstance(request.user, User)
    return request.user


def visible_invoice(number: str) -> Invoice:
    """The issued document of a number.

    Raises:
        Http404: there is none that the scope may see.
    """
    if "\x00" in number:  # no text of PostgreSQL holds it, and asking for one is an error
        raise Http404
    return get_object_or_404(visible_invoices(), number=number)


def filtered_invoices(request: HttpRequest, *, today: date) -> tuple[InvoiceFilter, QuerySet[Invoice]]:
    """The filters that the address asks for and what they leave: nothing where one cannot be understood."""
    filters = InvoiceFilter(request.GET, queryset=visible_invoices(), request=request, today=today)
    return filters, filters.qs if filters.is_valid() else visible_invoices().none()


class InvoiceListView(View):
    """The issued invoices that the reader may see, newest first."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user, today = signed_in(request), timezone.now().date()
        filters, invoices = filtered_invoices(request, today=today)
        is_filtered = not filters.is_valid() or any(filters.form.cleaned_data.values())
        filters.offer_periods(visible_invoices().dates("transaction_date", "month", order="DESC"))
        customer = filters.found
        own_drafts = False
        if user.is_customer:
            customer = get_object_or_404(Customer.objects.select_related("partner"), pk=user.customer_id)
            own_drafts = is_invoiced_here(customer)
        sums = sum_invoices(invoices, on=today)
        return render(
            request,
            "invoicing/list.html",
            {
                "table": InvoiceTable(invoices, request=request, reader=user, today=today),
                "filters": filters.form,
                "sort": request.GET.get("sort", ""),
                "is_filtered": is_filtered,
                "is_empty": not sums and not is_filtered,
                "sums": [_stat(each, with_kind=not user.is_customer) for each in sums],
                "customer": customer,
                "breadcrumbs": (
                    [(_("Customers"), reverse("dashboard:customers"))]
                    if customer is not None and not user.is_customer
                    else []
                ),
                "draft_url": (
                    reverse("invoicing:newest-draft", args=[customer.ref])
                    if customer is not None and (own_drafts or not user.is_customer)
                    else ""
                ),
                "is_invoiced_here": own_drafts,
                "csv_url": _with_query(reverse("invoicing:list-csv"), request),
            },
        )


def _stat(each: InvoiceSum, *, with_kind: bool) -> dict[str, str]:
    """A figure of the list's head."""
    labels = {Invoice.Seller.PROVIDER: _("Wholesale"), Invoice.Seller.PARTNER: _("Retail")}
    hint = ngettext("%(count)s invoice", "%(count)s invoices", each.count) % {
        "count": formatting.number(each.count)
    }
    if each.overdue:
        hint = _("%(invoices)s, %(amount)s overdue") % {
            "invoices": hint,
            "amount": formatting.amount(each.overdue, each.currency),
        }
    return {
        "label": labels[each.seller] if with_kind else _("Total"),
        "value": formatting.amount(each.total, each.currency),
        "unit": each.currency,
        "hint": hint,
    }


def _with_query(address: str, request: HttpRequest) -> str:
    parameters = request.GET.copy()
    parameters.pop("page", None)
    return f"{address}?{parameters.urlencode()}" if parameters else address


class InvoiceListCsvView(View):
    """All invoices that the filters leave, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        today = timezone.now().date()
        _filters, invoices = filtered_invoices(request, today=today)
        return _csv(invoices_csv(invoices.iterator(chunk_size=2000), on=today), "invoices.csv")


def _csv(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return response


class InvoiceDetailView(View):
    """One invoice, in the blocks of the guide's sample."""

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        today = timezone.now().date()
        invoice = visible_invoice(number)
        lines = list(invoice.lines.all())
        reasons = _reasons(lines, ref=invoice.about.ref)
        status = status_of(invoice, on=today)
        address = settings.PORTAL_URL + reverse("invoicing:detail", args=[number])
        subject = _("Invoice %(number)s") % {"number": number}
        return render(
            request,
            "invoicing/detail.html",
            {
                "invoice": invoice,
                "breadcrumbs": [(_("Invoices"), reverse("invoicing:list"))],
                "document": make_document(invoice, lines, on=today, actions=reasons),
                "has_actions": bool(reasons),
                "status": {"label": status.label, "tone": TONES[status]},
                "kind": "" if signed_in(request).is_customer else kind_of(invoice),
                "period": Period(invoice.period_from, invoice.period_to),
                "mail_url": f"mailto:?{urlencode({'subject': subject, 'body': address}, quote_via=quote)}",
                **_pdf_state(invoice.pdf, tries=0),
            },
        )


def _reasons(lines: Iterable[InvoiceLine], *, ref: str) -> dict[int, list[tuple[str, str]]]:
    """ "Why this amount?" for overage, usage and what adjusts them: the page of the cycle on which it was counted."""
    kinds = (SkuKind.OVERAGE, SkuKind.DIGITAL_USAGE)
    skus = {
        sku.code: sku for sku in Sku.objects.filter(kind__in=kinds, code__in={line.sku for line in lines})
    }
    links = {}
    for line in lines:
        sku = skus.get(line.sku)
        if sku is None:
            continue
        page, query = "reconciliation:digital", {"cycle": line.period_from.isoformat()}
        if sku.kind == SkuKind.OVERAGE:
            family = family_of(UsageType(sku.usage_type)).value
            page = "reconciliation:daily-detail"
            query = {"subscription": line.subscription, **query, "family": family}
        links[line.position] = [(_("Why this amount?"), f"{reverse(page, args=[ref])}?{urlencode(query)}")]
    return links


class InvoicePdfStateView(View):
    """A part of the page: whether the PDF is there. It asks again by itself while it is not."""

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        invoice = visible_invoice(number)
        tries = request.GET.get("tries", "")
        context = _pdf_state(invoice.pdf, tries=int(tries) if re.fullmatch("[0-9]{1,3}", tries) else 0)
        return render(request, "invoicing/_pdf_answer.html", {"invoice": invoice, **context})


def _pdf_state(pdf: InvoicePdf, *, tries: int) -> dict[str, Any]:
    """The PDF's state; while it waits, the page asks again after 2, 3, 4 … at most 30 seconds."""
    return {"pdf": pdf, "tries": tries + 1, "seconds": min(2 + tries, 30)}


class InvoicePdfView(View):
    """The PDF as it was rendered once. What is not there, or not yet, is 404."""

    def get(self, request: HttpRequest, number: str) -> HttpResponseBase:
        pdf = visible_invoice(number).pdf
        if pdf.state != InvoicePdf.State.READY:
            raise Http404
        etag = f'"{pdf.sha256}"'
        response: HttpResponseBase | None = get_conditional_response(request, etag=etag)
        if response is None:
            try:
                content = pdf.file.open("rb")
            except FileNotFoundError:
                logger.error("the PDF of invoice %s is not in the storage", pdf.invoice_id)
                raise Http404 from None
            response = FileResponse(
                content, as_attachment=True, filename=f"{number}.pdf", content_type="application/pdf"
            )
        response["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return response


class InvoiceLinesCsvView(View):
    """The lines of an invoice as CSV."""

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        invoice = visible_invoice(number)
        return _csv(lines_csv(invoice, invoice.lines.all()), f"{number}-lines.csv")


def _list_of(customer: Customer) -> str:
    """The list of one customer's invoices."""
    return f"{reverse('invoicing:list')}?{urlencode({'customer': customer.ref})}"


class NewestDraftView(View):
    """To the draft of the cycle that is running."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        cycles = list_billing_cycles(customer, until=today)
        if not cycles:
            messages.info(request, _("%(customer)s has no billing cycle yet.") % {"customer": customer.name})
            return redirect(_list_of(customer))
        newest = max(cycle.first for _service, cycle in cycles)
        return redirect("invoicing:draft", ref=ref, first_day=newest)


class DraftView(View):
    """What a cycle's invoices would say now. Provider administrators issue them from here."""

    def get(self, request: HttpRequest, ref: str, first_day: date) -> HttpResponse:
        user, today = signed_in(request), timezone.now().date()
        customer = visible_customer(ref)
        if chosen := _other_day(request.GET.get("cycle", ""), than=first_day):
            return redirect("invoicing:draft", ref=ref, first_day=chosen)
        cycles = [cycle.period for _service, cycle in list_billing_cycles(customer, until=today)]
        period = next((each for each in cycles if each.first == first_day), None)
        if period is None:
            raise Http404
        drafts: list[Draft] = []
        problem = ""
        try:
            drafts = drafts_to_read(customer=customer, first_day=first_day, today=today)
        except (NoDraftForYou, NotFoundRefusal):
            raise Http404 from None
        except Refusal as refusal:
            problem = str(refusal)
        issued = list(
            Invoice.objects.filter(about=customer).exclude(service="").only("number", "period_from", "seller")
        )
        wanted = request.GET.get("paper")
        shown = next(
            (draft for draft in drafts if draft.invoice.seller == wanted), drafts[0] if drafts else None
        )
        is_over = period.last < today
        return render(
            request,
            "invoicing/draft.html",
            {
                "customer": customer,
                "breadcrumbs": [(_("Invoices"), _list_of(customer))],
                "period": period,
                "first_issuing_day": period.last + ONE_DAY,
                "is_over": is_over,
                "papers": [_as_paper(draft) for draft in drafts],
                "document": _as_paper(shown)["document"] if shown else None,
                "segments": _kinds_of_papers(drafts, shown),
                "problem": problem,
                "issued": [invoice for invoice in issued if invoice.period_from == first_day],
                "may_issue": user.role == Role.PROVIDER_ADMIN and is_over and bool(drafts),
                "selects": [_cycle_choice(cycles, period, {invoice.period_from for invoice in issued}, user)],
            },
        )

    def post(self, request: HttpRequest, ref: str, first_day: date) -> HttpResponse:
        user, today = signed_in(request), timezone.now().date()
        customer = visible_customer(ref)
        if user.role != Role.PROVIDER_ADMIN:
            raise PermissionDenied
        if first_day > today:
            raise Http404
        try:
            invoices = issue_invoices(customer=customer, first_day=first_day, today=today, by=user.email)
        except NotFoundRefusal:
            raise Http404 from None
        except Refusal as refusal:
            messages.error(request, str(refusal))
            return redirect("invoicing:draft", ref=ref, first_day=first_day)
        if not invoices:
            messages.info(request, _("There is nothing to invoice for this cycle."))
            return redirect("invoicing:draft", ref=ref, first_day=first_day)
        for invoice in invoices:
            ring_on_commit(render_invoice_pdf.delay, invoice.pk)
        numbers = ", ".join(invoice.number for invoice in invoices)
        messages.success(
            request,
            ngettext("Invoice %(numbers)s is issued.", "Invoices %(numbers)s are issued.", len(invoices))
            % {"numbers": numbers},
        )
        return redirect("invoicing:detail", number=invoices[0].number)


def _other_day(text: str, *, than: date) -> date | None:
    """The day that was chosen, when it is one and another."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day != than else None


def _as_paper(draft: Draft) -> dict[str, Any]:
    document = make_document(draft.invoice, draft.lines, on=None, is_provisional=draft.is_provisional)
    return {"document": document, "kind": kind_of(draft.invoice)}


def _kinds_of_papers(drafts: Sequence[Draft], shown: Draft | None) -> list[dict[str, Any]]:
    """Links to each of several papers; one needs none."""
    if len(drafts) < 2:
        return []
    return [
        {
            "label": kind_of(draft.invoice),
            "url": f"?{urlencode({'paper': draft.invoice.seller})}",
            "current": draft is shown,
        }
        for draft in drafts
    ]


def _cycle_choice(cycles: Sequence[Period], shown: Period, issued: set[date], user: User) -> dict[str, Any]:
    """The cycles of the customer, newest first; a customer's own people choose among what is not issued."""
    return {
        "name": "cycle",
        "label": _("Billing cycle"),
        "options": [
            {
                "value": period.first.isoformat(),
                "label": (
                    _("%(period)s, issued") % {"period": formatting.period(period)}
                    if period.first in issued
                    else formatting.period(period)
                ),
                "selected": period == shown,
            }
            for period in reversed(cycles)
            if not (user.is_customer and period.first in issued)
        ],
    }
