"""The API of issued invoices, in the form of formats.md. Read only."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.invoicing.filters import InvoiceFilter
from apps.invoicing.models import Invoice
from apps.invoicing.selectors import visible_invoices
from apps.invoicing.services import as_printed
from apps.reconciliation.api.pagination import Pages


class InvoiceListView(APIView):
    """``GET /api/v1/invoices/``: newest first, with the filters of the page."""

    def get(self, request: Request) -> Response:
        filters = InvoiceFilter(
            request.query_params,
            queryset=visible_invoices().prefetch_related("lines"),
            request=request,
            today=timezone.now().date(),
        )
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        pages = Pages()
        found: list[Invoice] | None = pages.paginate_queryset(filters.qs, request, view=self)
        return pages.get_paginated_response(
            [as_printed(invoice, list(invoice.lines.all())) for invoice in found or []]
        )


class InvoiceDetailView(APIView):
    """``GET /api/v1/invoices/<number>/``: one invoice with its lines."""

    def get(self, request: Request, number: str) -> Response:
        invoice = None if "\x00" in number else visible_invoices().filter(number=number).first()
        if invoice is None:
            raise NotFound
        return Response(as_printed(invoice, list(invoice.lines.all())))
