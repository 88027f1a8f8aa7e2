"""The API of a customer's cycles and its Daily Detail. Read only."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.catalogue.domain.kinds import Service
from apps.core.described import described
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.api.shapes import (
    CYCLE_LIST,
    CYCLE_PARAMETER,
    DAILY_DETAIL,
    FAMILY_PARAMETER,
    UNTIL_PARAMETER,
)
from apps.reconciliation.detail_export import detail_json, detail_records
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.selectors import (
    cycle_starting,
    get_figures,
    list_available_cycles,
    newest_cycle_with_usage,
    results_of,
)
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import list_closed_cycles


class CycleListView(APIView):
    """``GET /api/v1/customers/<ref>/cycles/``: those of the availability window (R10), newest first."""

    key_scope = KeyScope.USAGE_READ

    @described(CYCLE_LIST, tag="customers", name="customers_cycles", refuses=(404,))
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        closed = {cycle.first for cycle in list_closed_cycles(customer, Service.CONTACT_CENTRE)}
        used = {result.first_day: result for result in results_of(customer)}
        return Response(
            {
                "customer": customer.ref,
                "results": [
                    {
                        **as_cycle(cycle),
                        "is_closed": cycle.first in closed,
                        "calculated_until": used[cycle.first].until.isoformat()
                        if cycle.first in used
                        else None,
                        "has_usage": cycle.first in used and used[cycle.first].has_usage,
                    }
                    for cycle in list_available_cycles(customer, today=today)
                ],
            }
        )


def as_cycle(cycle: Cycle) -> dict[str, Any]:
    """A cycle as the API names it."""
    return {
        "first_day": cycle.first.isoformat(),
        "last_day": cycle.last.isoformat(),
        "subscription": cycle.primary.number,
    }


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
        family = _family(request)
        cycle = chosen_cycle(customer, first_day, today=today)
        figures = get_figures(customer, cycle, today=today, until=until)
        return Response(
            {
                "customer": customer.ref,
                "cycle": as_cycle(cycle),
                "until": figures.until.isoformat(),
                "is_provisional": not figures.is_closed,
                "results": detail_json(detail_records(figures.rows, family)),
            }
        )


def chosen_cycle(customer: Customer, first_day: date | None, *, today: date) -> Cycle:
    """The cycle that starts on ``first_day``; without one the newest with usage.

    Raises:
        NotFound, NoSuchCycle: there is none.
    """
    if first_day is None:
        newest = newest_cycle_with_usage(customer, list_available_cycles(customer, today=today))
        if newest is None:
            raise NotFound
        return newest
    if first_day > today:
        raise NotFound
    return cycle_starting(customer, first_day, today=today, service=Service.CONTACT_CENTRE)


def read_day(request: Request, name: str) -> date | None:
    """A day that the address names, None where it names none.

    Raises:
        ValidationError: what stands there is no day.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise ValidationError({name: [_("Write a day like 2024-06-09.")]})
    return day


def _family(request: Request) -> Family | None:
    text = request.query_params.get("family")
    if not text:
        return None
    try:
        return Family(text)
    except ValueError:
        choices = ", ".join(Family)
        raise ValidationError({"family": [_("Choose one of %(choices)s.") % {"choices": choices}]}) from None
