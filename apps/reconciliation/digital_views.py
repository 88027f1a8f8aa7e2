"""The page of a customer's digital channels: the provider's raw count, what is included, and what is billable (R12)."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.generic import View

from apps.accounts.models import User
from apps.organisations.guards import visible_customer
from apps.reconciliation.digital import DigitalOffer, get_digital_figures, offered_digital_cycles
from apps.reconciliation.digital_export import digital_csv, digital_records
from apps.reconciliation.summaries import ended_note, vendor_period
from apps.reconciliation.tables import DigitalTable
from apps.subscriptions.domain.cycles import Cycle


def _chosen_cycle(offer: DigitalOffer, parameters: QueryDict) -> Cycle | None:
    """The cycle that the address names, or the one to open on; None where the customer has none.

    Raises:
        Http404: the customer has no such cycle.
    """
    first = parameters.get("cycle")
    if not first:
        return offer.newest
    named = next((cycle for cycle in offer.started if cycle.first.isoformat() == first), None)
    if named is None:
        raise Http404
    return named


class DigitalView(View):
    """Raw, included and billable units of each SKU, side by side."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        offer = offered_digital_cycles(customer, today=today)
        cycle = _chosen_cycle(offer, request.GET)
        assert isinstance(request.user, User)  # nobody gets here without signing in
        page = {
            "current": "digital",
            "customer": customer,
            "breadcrumbs": []
            if request.user.is_customer
            else [(_("Customers"), reverse("dashboard:customers"))],
            "partner": customer.partner if request.user.is_provider else None,
        }
        if cycle is None:
            return render(request, "reconciliation/digital.html", page)
        figures = get_digital_figures(customer, cycle, today=today)
        query = f"?{urlencode({'cycle': cycle.first.isoformat()})}"
        return render(
            request,
            "reconciliation/digital.html",
            {
                **page,
                "figures": figures,
                "cycle": cycle.period,
                "selects": [_cycle_select(offer, cycle)],
                "subscription": _definitions(cycle, today),
                "table": DigitalTable(digital_records(figures.units)),
                "link": request.build_absolute_uri(request.path + query),
                "csv_url": reverse("reconciliation:digital-csv", args=[ref]) + query,
            },
        )


class DigitalCsvView(View):
    """The same as a file."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        cycle = _chosen_cycle(offered_digital_cycles(customer, today=today), request.GET)
        if cycle is None:
            raise Http404
        figures = get_digital_figures(customer, cycle, today=today)
        name = f"digital-channels-{ref}-{cycle.first.isoformat()}.csv"
        return HttpResponse(
            digital_csv(digital_records(figures.units)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name) or "attachment"},
        )


def _cycle_select(offer: DigitalOffer, chosen: Cycle) -> dict[str, Any]:
    """The cycles to choose from; an older one that the address names is one of them."""
    cycles = offer.listed if chosen in offer.listed else [*offer.listed, chosen]
    return {
        "name": "cycle",
        "label": _("Billing cycle"),
        "options": [
            {
                "value": cycle.first.isoformat(),
                "label": vendor_period(cycle.period)
                if offer.has_usage(cycle)
                else _("%(cycle)s, no usage") % {"cycle": vendor_period(cycle.period)},
                "selected": cycle == chosen,
            }
            for cycle in cycles
        ],
    }


def _definitions(cycle: Cycle, today: date) -> list[tuple[str, str]]:
    term = cycle.primary
    items = [
        (_("Billing cycle"), vendor_period(cycle.period)),
        (_("Primary subscription"), term.number),
        (_("Bill day"), str(term.bill_day)),
    ]
    if note := ended_note(term.ends_on, today=today):
        items.append((_("State"), note))
    return items
