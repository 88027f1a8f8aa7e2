"""The API of a customer's cycles and its Daily Detail. Read only."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.catalogue.domain.kinds import Service
from apps.core.described import described
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.api.cycles import as_cycle, chosen_cycle, of_cycle, read_choice, read_day
from apps.reconciliation.api.shapes import (
    CYCLE_LIST,
    CYCLE_PARAMETER,
    DAILY_DETAIL,
    FAMILY_PARAMETER,
    SERVICE_PARAMETER,
    UNTIL_PARAMETER,
)
from apps.reconciliation.detail_export import detail_json, detail_records
from apps.reconciliation.digital import offered_digital_cycles
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.selectors import (
    get_figures,
    list_available_cycles,
    results_of,
)
from apps.subscriptions.selectors import list_closed_cycles


class CycleListView(APIView):
    """``GET /api/v1/customers/<ref>/cycles/?service=``: those of the availability window (R10), newest first.

    Those of the contact centre, then those of digital channels.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        CYCLE_LIST,
        tag="customers",
        name="customers_cycles",
        parameters=[SERVICE_PARAMETER],
        refuses=(400, 404),
    )
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        service = read_choice(request, "service", Service)
        results: list[dict[str, Any]] = []
        if service is not Service.DIGITAL:
            results += _contact_centre_cycles(customer, today)
        if service is not Service.CONTACT_CENTRE:
            results += _digital_cycles(customer, today)
        return Response({"customer": customer.ref, "results": results})


def _contact_centre_cycles(customer: Customer, today: date) -> list[dict[str, Any]]:
    closed = {cycle.first for cycle in list_closed_cycles(customer, Service.CONTACT_CENTRE)}
    used = {result.first_day: result for result in results_of(customer)}
    return [
        {
            "service": Service.CONTACT_CENTRE.value,
            **as_cycle(cycle),
            "is_closed": cycle.first in closed,
            "calculated_until": used[cycle.first].until.isoformat() if cycle.first in used else None,
            "has_usage": cycle.first in used and used[cycle.first].has_usage,
        }
        for cycle in list_available_cycles(customer, today=today)
    ]


def _digital_cycles(customer: Customer, today: date) -> list[dict[str, Any]]:
    closed = {cycle.first for cycle in list_closed_cycles(customer, Service.DIGITAL)}
    offered = offered_digital_cycles(customer, today=today)
    return [
        {
            "service": Service.DIGITAL.value,
            **as_cycle(cycle),
            "is_closed": cycle.first in closed,
            "calculated_until": None,
            "has_usage": offered.has_usage(cycle),
        }
        for cycle in offered.listed
    ]


class DailyDetailView(APIView):
    """``GET /api/v1/customers/<ref>/daily-detail/?cycle=&until=&family=``: the records of the CSV.

    Without ``cycle``: the newest with usage. ``until`` is the last complete day to use.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        DAILY_DETAIL,
        tag="customers",
        name="customers_daily_detail",
        parameters=[CYCLE_PARAMETER, UNTIL_PARAMETER, FAMILY_PARAMETER],
        refuses=(400, 404, 409),
    )
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        first_day, until = read_day(request, "cycle"), read_day(request, "until")
        family = read_choice(request, "family", Family)
        cycle = chosen_cycle(customer, first_day, today=today)
        figures = get_figures(customer, cycle, today=today, until=until)
        return Response(
            {
                **of_cycle(customer, cycle, until=figures.until, is_closed=figures.is_closed),
                "results": detail_json(detail_records(figures.rows, family)),
            }
        )
