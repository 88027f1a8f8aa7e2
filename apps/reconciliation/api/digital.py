"""The API of a customer's digital channels. Read only."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.catalogue.domain.kinds import Service
from apps.core.described import described
from apps.organisations.guards import visible_customer
from apps.reconciliation.api.cycles import chosen_cycle, of_cycle, read_day
from apps.reconciliation.api.shapes import CYCLE_PARAMETER, DIGITAL, UNTIL_PARAMETER
from apps.reconciliation.digital import get_digital_figures
from apps.reconciliation.digital_export import digital_json, digital_records


class DigitalView(APIView):
    """``GET /api/v1/customers/<ref>/digital/?cycle=&until=``: raw, included and billable units by SKU (R12).

    Without ``cycle``: the newest with usage. ``until`` is the last complete day to use.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        DIGITAL,
        tag="customers",
        name="customers_digital",
        parameters=[CYCLE_PARAMETER, UNTIL_PARAMETER],
        refuses=(400, 404, 409),
    )
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        first_day, until = read_day(request, "cycle"), read_day(request, "until")
        cycle = chosen_cycle(customer, first_day, today=today, service=Service.DIGITAL)
        figures = get_digital_figures(customer, cycle, today=today, until=until)
        return Response(
            {
                **of_cycle(customer, cycle, until=figures.until, is_closed=figures.is_closed),
                "results": digital_json(digital_records(figures.units)),
            }
        )
