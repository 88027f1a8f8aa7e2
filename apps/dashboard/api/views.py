"""The API of customers, with the filters of the page. Read only."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import User
from apps.dashboard.filters import CustomersFilter
from apps.dashboard.selectors import worklist
from apps.organisations.models import Customer
from apps.reconciliation.api.pagination import Pages


class CustomerListView(APIView):
    """``GET /api/v1/customers/``: the customers that the reader may see, by reference."""

    def get(self, request: Request) -> Response:
        assert isinstance(request.user, User)
        filters = CustomersFilter(
            request.query_params,
            queryset=worklist(today=timezone.now().date()).order_by("ref"),
            by_partner=request.user.is_provider,
        )
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        pages = Pages()
        found: list[Customer] | None = pages.paginate_queryset(filters.qs, request, view=self)
        return pages.get_paginated_response([as_customer(customer) for customer in found or []])


def as_customer(customer: Customer) -> dict[str, Any]:
    """A customer as the API names it."""
    return {
        "ref": customer.ref,
        "name": customer.name,
        "country": customer.country,
        "partner": customer.partner.ref,
    }
