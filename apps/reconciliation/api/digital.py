"""The API of a customer's digital channels. Read only."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.catalogue.domain.kinds import Service
from apps.core.described import described
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.api.shapes import CYCLE_PARAMETER, DIGITAL, UNTIL_PARAMETER
from apps.reconciliation.api.views import as_cycle, read_day
from apps.reconciliation.digital import get_digital_figures, offered_digital_cycles
from apps.reconciliation.digital_export import digital_json, digital_records
from apps.reconciliation.selectors import cycle_starting
from apps.subscriptions.domain.cycles import Cycle


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
        cycle = _cycle(customer, first_day, today=today)
        figures = get_digital_figures(customer, cycle, today=today, until=until)
        return Response(
            {
                "customer": customer.ref,
                "cycle": as_cycle(cycle),
                "until": figures.until.isoformat(),
                "is_provisional": not figures.is_closed,
                "results": digital_json(digital_records(figures.units)),
            }
        )


def _cycle(customer: Customer, first_day: date | None, *, today: date) -> Cycle:
    if first_day is None:
        newest = offered_digital_cycles(customer, today=today).newest
        if newest is None:
            raise NotFound
        return newest
    if first_day > today:
        raise NotFound
    return cycle_starting(customer, first_day, today=today, service=Service.DIGITAL)
