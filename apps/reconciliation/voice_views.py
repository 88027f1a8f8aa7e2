"""The voice and surge page of a customer: what its calls may be, what they were, and the percentage's changes (R9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.models import User
from apps.catalogue.domain.kinds import Service
from apps.core.formatting import number
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.choosing import chosen_cycle, cycle_select, subscription_select
from apps.reconciliation.selectors import offered_cycles
from apps.reconciliation.voice import get_voice
from apps.reconciliation.voice_export import voice_csv
from apps.reconciliation.voice_parts import (
    CallTable,
    as_entry,
    call_chart,
    call_stats,
    day_shown,
    percent,
    steps_of,
)
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.forms import PercentageForm, SurgeForm
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.selectors import list_terms, voice_entitlement
from apps.subscriptions.services import SurgeRefused, change_surge

CHANGES_A_PAGE = 20


def _signed_in(request: HttpRequest) -> User:
    """Who asks; nobody gets here without signing in."""
    assert isinstance(request.user, User)
    return request.user


class VoiceView(View):
    """What a customer's voice channels may carry, what they did, and who changed the percentage when."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer = visible_customer(ref)
        return self.show(request, customer, SurgeForm() if _signed_in(request).may_change_surge else None)

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, user = visible_customer(ref), _signed_in(request)
        if not user.may_change_surge:
            raise PermissionDenied
        form = SurgeForm(request.POST)
        if form.is_valid():
            try:
                change = change_surge(
                    customer=customer,
                    percent=form.cleaned_data["percentage"],
                    reason=form.cleaned_data["reason"],
                    by=user,
                )
            except SurgeRefused as refusal:
                form.add_error("percentage", str(refusal))
            else:
                messages.success(
                    request,
                    _("The surge percentage of %(customer)s is %(percent)s from now on.")
                    % {"customer": customer.name, "percent": percent(change.after_basis_points)},
                )
                return redirect("reconciliation:voice", ref=ref)
        return self.show(request, customer, form)

    def show(self, request: HttpRequest, customer: Customer, form: SurgeForm | None) -> HttpResponse:
        user, today = _signed_in(request), timezone.now().date()
        day = day_shown(list_terms(customer, Service.CONTACT_CENTRE), today=today)
        entitlement = voice_entitlement(customer, on=day)
        changes = Paginator(SurgeChange.objects.filter(customer=customer), CHANGES_A_PAGE)
        page = changes.get_page(request.GET.get("page"))
        return render(
            request,
            "reconciliation/voice.html",
            {
                "customer": customer,
                "partner": customer.partner if user.is_provider else None,
                "breadcrumbs": [] if user.is_customer else [(_("Customers"), reverse("dashboard:customers"))],
                "day": day,
                "is_today": day == today,
                "entitlement": entitlement,
                "percent": percent(entitlement.surge_basis_points),
                "accepted_calls": number(entitlement.accepted_calls),
                "voice_paths": number(entitlement.voice_paths),
                "steps": steps_of(entitlement),
                "form": form,
                "changes": page,
                "entries": [as_entry(change) for change in page.object_list],
                **_calls(request, customer, today),
            },
        )


def _calls(request: HttpRequest, customer: Customer, today: date) -> dict[str, Any]:
    """The calls of the cycle that the address chose; nothing where the customer has no cycle."""
    offer = offered_cycles(customer, today=today)
    cycle = chosen_cycle(offer, request.GET)
    if cycle is None:
        return {}
    voice = get_voice(customer, cycle, today=today)
    return {
        "voice": voice,
        "has_calls": bool(voice.peak.peak),
        "cycle": cycle.period,
        "selects": [
            subscription_select(offer, cycle, today=today),
            cycle_select(offer, cycle, today=today),
        ],
        "call_stats": call_stats(voice),
        "chart": call_chart(voice),
        "table": CallTable(voice.days),
        "csv_url": reverse("reconciliation:voice-csv", args=[customer.ref]) + _query(cycle),
    }


def _query(cycle: Cycle) -> str:
    return "?" + urlencode({"subscription": cycle.primary.number, "cycle": cycle.first.isoformat()})


class VoiceCsvView(View):
    """The calls of a cycle's days as a file."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        cycle = chosen_cycle(offered_cycles(customer, today=today), request.GET)
        if cycle is None:
            raise Http404
        name = f"voice-{ref}-{cycle.first.isoformat()}.csv"
        return HttpResponse(
            voice_csv(get_voice(customer, cycle, today=today)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name) or "attachment"},
        )


class SurgePreviewView(View):
    """A part of the form: how many calls another percentage would accept. It changes nothing."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer = visible_customer(ref)
        if not _signed_in(request).may_change_surge:
            raise PermissionDenied
        form = PercentageForm(request.GET)
        calls = None
        if form.is_valid():
            day = day_shown(list_terms(customer, Service.CONTACT_CENTRE), today=timezone.now().date())
            other = replace(
                voice_entitlement(customer, on=day),
                surge_basis_points=int(form.cleaned_data["percentage"] * 100),
            )
            calls = number(other.accepted_calls)
        return render(request, "reconciliation/_surge_preview.html", {"calls": calls})
