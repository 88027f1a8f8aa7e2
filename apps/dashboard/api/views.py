"""The API of customers, with the filters of the page. Read only."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.keys import KeyHolder
from apps.accounts.models import KeyScope, User
from apps.core.described import KEYSET, described, filters_of
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.dashboard.api.shapes import CUSTOMER_PAGE
from apps.dashboard.filters import CustomersFilter
from apps.dashboard.selectors import worklist
from apps.organisations.models import Customer


class CustomerListView(APIView):
    """``GET /api/v1/customers/``: the customers that the reader may see, by reference."""

    key_scope = KeyScope.USAGE_READ

    @described(
        CUSTOMER_PAGE,
        tag="customers",
        name="customers_list",
        parameters=[*filters_of(CustomersFilter), *KEYSET],
        refuses=(400,),
    )
    def get(self, request: Request) -> Response:
        caller: object = request.user
        assert isinstance(caller, User | KeyHolder)
        keyset = Keyset(request, {"ref": str})
        filters = CustomersFilter(
            request.query_params,
            queryset=worklist(today=timezone.now().date()),
            by_partner=caller.is_provider,
        )
        return keyset.response([as_customer(customer) for customer in keyset.take(filtered(filters))])


def as_customer(customer: Customer) -> dict[str, Any]:
    """A customer as the API names it."""
    return {
        "ref": customer.ref,
        "name": customer.name,
        "country": customer.country,
        "partner": customer.partner.ref,
    }
