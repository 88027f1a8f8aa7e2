"""The settings of offers: which reading of a rule is applied. The provider's pages alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import provider_admin_only, provider_only
from apps.accounts.models import AuditEntry
from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.formatting import number
from apps.subscriptions.forms import OfferSettingsForm
from apps.subscriptions.models import Subscription
from apps.subscriptions.services import SettingsRefused, change_offer_settings
from apps.subscriptions.services.settings import SETTINGS_CHANGED, settings_as_stored
from apps.subscriptions.tables import OfferTable, setting_in_words

CHANGES_A_PAGE = 20


@dataclass(frozen=True)
class Entry:
    """A change in the history."""

    title: str
    at: datetime
    by: str
    note: str


def offers_with_settings() -> QuerySet[Offer]:
    """Those that agents and contacts are counted by, each with how many ``customers`` have a subscription to it."""
    return Offer.objects.filter(service=Service.CONTACT_CENTRE).annotate(
        customers=Count("subscription__customer", distinct=True)
    )


class OfferListView(View):
    """The offers and how each is counted."""

    def get(self, request: HttpRequest) -> HttpResponse:
        provider_only(request.user)
        return render(request, "subscriptions/offers.html", {"table": OfferTable(offers_with_settings())})


class OfferSettingsView(View):
    """The settings of an offer in plain words, and who changed them when and why."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        user = provider_only(request.user)
        offer = _visible_offer(code)
        form = OfferSettingsForm(initial=settings_as_stored(offer)) if user.is_provider_admin else None
        return self.show(request, offer, form)

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        user = provider_admin_only(request.user)
        offer = _visible_offer(code)
        form = OfferSettingsForm(request.POST)
        if form.is_valid():
            try:
                change_offer_settings(offer=offer, by=user, **form.cleaned_data)
            except SettingsRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(
                    request,
                    _("The settings of %(offer)s are changed; its customers are recalculated.")
                    % {"offer": offer.code},
                )
                return redirect("subscriptions:offer", code=code)
        return self.show(request, offer, form)

    def show(self, request: HttpRequest, offer: Offer, form: OfferSettingsForm | None) -> HttpResponse:
        changes = Paginator(
            AuditEntry.objects.filter(
                partner=None, customer=None, action=SETTINGS_CHANGED, subject=offer.code
            ),
            CHANGES_A_PAGE,
        )
        page = changes.get_page(request.GET.get("page"))
        customers = Subscription.objects.filter(offer=offer).values("customer").distinct().count()
        return render(
            request,
            "subscriptions/offer.html",
            {
                "offer": offer,
                "breadcrumbs": [(_("Offer settings"), reverse("subscriptions:offers"))],
                "settings": list(_in_words(settings_as_stored(offer)).items()),
                "effect": _effect(customers),
                "form": form,
                "changes": page,
                "entries": [_as_entry(change) for change in page.object_list],
            },
        )


def _visible_offer(code: str) -> Offer:
    """The offer of a code that has settings.

    Raises:
        Http404: there is none.
    """
    if "\x00" in code:  # no text of PostgreSQL holds it, and asking for one is an error
        raise Http404
    return get_object_or_404(Offer, code=code, service=Service.CONTACT_CENTRE)


def _in_words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as the page names them."""
    names = {
        "billed_peak": _("Billed by"),
        "ivr_peak": _("IVR ports"),
        "longest_open_hours": _("A record without an end lasts"),
    }
    return {
        label: setting_in_words(name, settings[name]) for name, label in names.items() if name in settings
    }


def _effect(customers: int) -> str:
    """What a change does."""
    concerned = ngettext(
        "%(count)s customer has a subscription to it and is recalculated.",
        "%(count)s customers have a subscription to it and are recalculated.",
        customers,
    ) % {"count": number(customers)}
    return f"{concerned} {_('Cycles that are invoiced stay as they are.')}"


def _as_entry(change: AuditEntry) -> Entry:
    """A change for the timeline: what is another now."""
    before, after = _in_words(change.before or {}), _in_words(change.after or {})
    return Entry(
        title="; ".join(
            _("%(setting)s: from “%(before)s” to “%(after)s”")
            % {"setting": label, "before": before[label], "after": after[label]}
            for label in after
            if before[label] != after[label]
        ),
        at=change.at,
        by=change.by,
        note=change.reason,
    )
