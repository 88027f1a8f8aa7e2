"""The panel "Why this figure?": into a dialog of the page that asks, or as a page of its own."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.generic import View

from apps.accounts.models import User
from apps.catalogue.domain.kinds import UsageType
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.choosing import chosen_cycle
from apps.reconciliation.domain.proof import Column, Ground
from apps.reconciliation.proof import NoSuchFigure, prove_billed, prove_cell
from apps.reconciliation.proof_addresses import ProofAddresses
from apps.reconciliation.proof_panel import billed_panel, cell_panel
from apps.reconciliation.selectors import offered_cycles
from apps.subscriptions.domain.cycles import Cycle


class ProofView(View):
    """Why a figure of the Daily Detail is what it is. Without a day of the last one used."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        asked, day = _column(request.GET), _day(request.GET)
        usage_type = _usage_type(request.GET["type"]) if request.GET.get("type") else None
        cycle = _cycle(customer, request.GET, today=today)
        try:
            proof = prove_cell(customer, cycle, day, usage_type, today=today)
        except NoSuchFigure:
            raise Http404 from None
        panel = cell_panel(proof, ProofAddresses(ref, cycle.first), asked)
        return _respond(request, customer, cycle, proof.ground, panel)


class BilledProofView(View):
    """Why so much of a usage type is billed for a cycle."""

    def get(self, request: HttpRequest, ref: str, usage_type: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        billed, cycle = _usage_type(usage_type), _cycle(customer, request.GET, today=today)
        try:
            proof = prove_billed(customer, cycle, billed, today=today)
        except NoSuchFigure:
            raise Http404 from None
        panel = billed_panel(proof, ProofAddresses(ref, cycle.first))
        return _respond(request, customer, cycle, proof.ground, panel)


def _column(parameters: QueryDict) -> Column:
    try:
        return Column(parameters.get("figure") or Column.OVERAGE)
    except ValueError:
        raise Http404 from None


def _usage_type(named: str) -> UsageType:
    try:
        return UsageType(named)
    except ValueError:
        raise Http404 from None


def _day(parameters: QueryDict) -> date | None:
    named = parameters.get("day")
    if not named:
        return None
    try:
        day = date.fromisoformat(named)
    except ValueError:
        raise Http404 from None
    if day.isoformat() != named:
        raise Http404
    return day


def _cycle(customer: Customer, parameters: QueryDict, *, today: date) -> Cycle:
    """The cycle that the address names, or the one on which the Daily Detail opens.

    Raises:
        Http404: the customer has no such cycle, or none at all.
    """
    cycle = chosen_cycle(offered_cycles(customer, today=today), parameters)
    if cycle is None:
        raise Http404
    return cycle


def _respond(
    request: HttpRequest, customer: Customer, cycle: Cycle, ground: Ground, panel: dict[str, Any]
) -> HttpResponse:
    """The panel alone for a dialog, or with a page around it."""
    if request.headers.get("HX-Request"):
        response = render(request, "reconciliation/_proof.html", {"panel": panel})
        patch_vary_headers(response, ("HX-Request",))
        response["HX-Push-Url"] = "false"  # the page beneath the dialog keeps its address
        return response
    user = request.user
    assert isinstance(user, User)  # nobody gets here without signing in
    state = f"?cycle={cycle.first.isoformat()}"
    return render(
        request,
        "reconciliation/proof.html",
        {
            "current": "daily-detail",
            "customer": customer,
            "partner": customer.partner if user.is_provider else None,
            "breadcrumbs": [] if user.is_customer else [(_("Customers"), reverse("dashboard:customers"))],
            "query": state,
            "is_closed": ground.closed_at is not None,
            "until": ground.period.last,
            "detail_url": reverse("reconciliation:daily-detail", args=[customer.ref]) + state,
            "panel": panel,
        },
    )
