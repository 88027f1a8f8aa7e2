"""The API of issued invoices, in the form of formats.md, and of what cycles would come to. Read only."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.described import KEYSET, described, filters_of, query
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.invoicing.api.shapes import INVOICE, INVOICE_PAGE, WHAT_IF
from apps.invoicing.filters import InvoiceFilter
from apps.invoicing.models import Invoice
from apps.invoicing.selectors import visible_invoices
from apps.invoicing.services import as_printed
from apps.invoicing.whatif import visible_sides, what_if
from apps.invoicing.whatif_export import what_if_json
from apps.invoicing.whatif_form import WhatIfForm
from apps.organisations.guards import visible_customer

_CHANGE = "{}: a quantity like 12, or a change like +3 or -3; when left out, as it is."
_PRICE = "{}, like SKU=150.00, or with a discount in per cent SKU=150.00/10."
_WHAT_IF = [
    query("cycle", "The first days of the cycles.", of=OpenApiTypes.DATE, required=True, many=True),
    query("premium", _CHANGE.format("Premium agents")),
    query("standard", _CHANGE.format("Standard agents")),
    query("wfo", _CHANGE.format("Workforce optimization")),
    query("ports", _CHANGE.format("Additional IVR ports")),
    query("since", "The day from which the quantities hold.", of=OpenApiTypes.DATE),
    query("surge", "The surge protection percentage.", of=OpenApiTypes.NUMBER),
    query("price", _PRICE.format("A wholesale price"), many=True),
    query("retail_price", _PRICE.format("A retail price"), many=True),
]


class InvoiceListView(APIView):
    """``GET /api/v1/invoices/``: newest first, with the filters of the page."""

    @described(
        INVOICE_PAGE,
        tag="invoices",
        name="invoices_list",
        parameters=[*filters_of(InvoiceFilter), *KEYSET],
        refuses=(400,),
    )
    def get(self, request: Request) -> Response:
        keyset = Keyset(request, {"-transaction_date": date.fromisoformat, "-id": int})
        filters = InvoiceFilter(
            request.query_params,
            queryset=visible_invoices().prefetch_related("lines"),
            request=request,
            today=timezone.now().date(),
        )
        found: list[Invoice] = keyset.take(filtered(filters))
        return keyset.response([as_printed(invoice, list(invoice.lines.all())) for invoice in found])


class InvoiceDetailView(APIView):
    """``GET /api/v1/invoices/<number>/``: one invoice with its lines."""

    @described(INVOICE, tag="invoices", name="invoices_read", refuses=(404,))
    def get(self, request: Request, number: str) -> Response:
        invoice = None if "\x00" in number else visible_invoices().filter(number=number).first()
        if invoice is None:
            raise NotFound
        return Response(as_printed(invoice, list(invoice.lines.all())))


class WhatIfView(APIView):
    """``GET /api/v1/customers/<ref>/what-if/?cycle=&premium=&standard=&wfo=&ports=&since=&surge=&price=&retail_price=``

    The cycles that start on the days ``cycle``, as they are and as they would be. Nothing is changed.
    """

    @described(
        WHAT_IF, tag="customers", name="customers_what_if", parameters=_WHAT_IF, refuses=(400, 404, 409)
    )
    def get(self, request: Request, ref: str) -> Response:
        customer = visible_customer(ref)
        form = WhatIfForm(request.query_params, sides=visible_sides(customer))
        if not form.is_valid():
            raise ValidationError({name: [*map(str, problems)] for name, problems in form.errors.items()})
        answer = what_if(
            customer,
            form.cleaned_data["cycle"],
            form.changes,
            today=timezone.now().date(),
            prices=form.prices,
        )
        return Response(what_if_json(answer))
