"""The voice and surge page of a customer (R9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.models import User
from apps.catalogue.domain.kinds import Service
from apps.core.formatting import NO_BREAK, number
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import Term
from apps.subscriptions.domain.surge import VoiceEntitlement
from apps.subscriptions.forms import PercentageForm, SurgeForm
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.selectors import list_terms, voice_entitlement
from apps.subscriptions.services import SurgeRefused, change_surge

CHANGES_A_PAGE = 20


@dataclass(frozen=True)
class Step:
    """A step of the sum."""

    label: str
    result: str
    expression: str = ""
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """A change in the history."""

    title: str
    at: Any
    by: str
    note: str


def may_change_surge(request: HttpRequest) -> bool:
    """Provider administrators alone (R9)."""
    return isinstance(request.user, User) and request.user.may_change_surge


def is_provider(request: HttpRequest) -> bool:
    """Works for the provider, who sees customers of several partners."""
    return isinstance(request.user, User) and request.user.is_provider


def is_customer(request: HttpRequest) -> bool:
    """Works for a customer, who sees no list of customers."""
    return isinstance(request.user, User) and request.user.is_customer


class VoiceView(View):
    """What a customer's voice channels may carry, each step of the sum, and who changed the percentage when."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer = visible_customer(ref)
        return self.show(request, customer, SurgeForm() if may_change_surge(request) else None)

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer = visible_customer(ref)
        if not may_change_surge(request):
            raise PermissionDenied
        assert isinstance(request.user, User)
        form = SurgeForm(request.POST)
        if form.is_valid():
            try:
                change = change_surge(
                    customer=customer,
                    percent=form.cleaned_data["percentage"],
                    reason=form.cleaned_data["reason"],
                    by=request.user,
                )
            except SurgeRefused as refusal:
                form.add_error("percentage", str(refusal))
            else:
                messages.success(
                    request,
                    _("The surge percentage of %(customer)s is %(percent)s from now on.")
                    % {"customer": customer.name, "percent": percent(change.after_basis_points)},
                )
                return redirect("subscriptions:voice", ref=ref)
        return self.show(request, customer, form)

    def show(self, request: HttpRequest, customer: Customer, form: SurgeForm | None) -> HttpResponse:
        today = timezone.now().date()
        day = day_shown(list_terms(customer, Service.CONTACT_CENTRE), today=today)
        entitlement = voice_entitlement(customer, on=day)
        changes = Paginator(SurgeChange.objects.filter(customer=customer), CHANGES_A_PAGE)
        page = changes.get_page(request.GET.get("page"))
        return render(
            request,
            "subscriptions/voice.html",
            {
                "customer": customer,
                "partner": customer.partner if is_provider(request) else None,
                "breadcrumbs": []
                if is_customer(request)
                else [(_("Customers"), reverse("dashboard:customers"))],
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
            },
        )


class SurgePreviewView(View):
    """A part of the form: how many calls another percentage would accept. It changes nothing."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer = visible_customer(ref)
        if not may_change_surge(request):
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
        return render(request, "subscriptions/_surge_preview.html", {"calls": calls})


def day_shown(terms: Sequence[Term], *, today: date) -> date:
    """Today when a subscription is active or none was yet, else the last day on which one was."""
    if any(term.active_on(today) for term in terms):
        return today
    ended = [term.ends_on for term in terms if term.ends_on is not None and term.ends_on < today]
    return max(ended, default=today)


def percent(basis_points: int) -> str:
    """``3000`` as ``30 %``."""
    return f"{number(Decimal(basis_points) / 100)}{NO_BREAK}%"


def steps_of(entitlement: VoiceEntitlement) -> list[Step]:
    """The sum of R9, a line for each step."""
    agents, ports = entitlement.agents, entitlement.additional_ports
    basis_points = entitlement.surge_basis_points
    return [
        Step(_("Premium committed"), number(entitlement.premium)),
        Step(_("Standard committed"), number(entitlement.standard)),
        Step(
            _("Committed agents"),
            number(agents),
            f"{number(entitlement.premium)} + {number(entitlement.standard)}",
        ),
        Step(
            _("Voice paths of the agents"),
            number(3 * agents),
            f"{number(agents)} × 3",
            _("Three for each agent"),
        ),
        Step(_("Additional IVR ports"), number(ports)),
        Step(_("Voice paths"), number(entitlement.voice_paths), f"{number(3 * agents)} + {number(ports)}"),
        Step(
            _("Surge protection"),
            percent(basis_points),
        ),
        Step(
            _("Accepted calls"),
            number(entitlement.accepted_calls),
            f"⌊{number(entitlement.voice_paths)} × {number(Decimal(10_000 + basis_points) / 100)} ÷ 100⌋",
            _("At the same time, rounded down"),
        ),
    ]


def as_entry(change: SurgeChange) -> Entry:
    """A change for the timeline."""
    return Entry(
        title=_("From %(before)s to %(after)s")
        % {"before": percent(change.before_basis_points), "after": percent(change.after_basis_points)},
        at=change.at,
        by=change.by,
        note=change.reason,
    )
