"""The primary navigation and the name of the organisation, by who is signed in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.tenancy import NOBODY, current_scope
from apps.organisations.models import Customer, Organisation, Partner, Provider

# Pages about all customers together, which only the provider has.
OF_THE_PROVIDER = (
    "reconciliation:runs",
    "reconciliation:run",
    "reconciliation:unentitled",
    "subscriptions:offers",
    "subscriptions:offer",
)
# Pages about usage data that stand in an app above it.
ABOUT_CONFLICTS = ("invoicing:conflicts", "invoicing:conflict")
# Pages about a customer that do.
ABOUT_CUSTOMERS = ("invoicing:control", "invoicing:control-paper")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``navigation`` and ``organisation_name``, worked out only where a page shows them."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"navigation": [], "organisation_name": ""}
    bar = _Bar(request, user)
    return {
        "navigation": SimpleLazyObject(lambda: bar.entries),
        "organisation_name": SimpleLazyObject(lambda: bar.organisation_name),
    }


class _Bar:
    """What the top of a page says. One query, for the organisation."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        self.request, self.user = request, user

    @cached_property
    def organisation(self) -> Organisation | None:
        """None where the database cannot be asked: outside of a scope, and after a failure."""
        if current_scope() == NOBODY or connection.needs_rollback:
            return None
        if self.user.customer_id is not None:
            return Customer.objects.filter(pk=self.user.customer_id).first()
        if self.user.partner_id is not None:
            return Partner.objects.filter(pk=self.user.partner_id).first()
        return Provider.objects.first()

    @property
    def organisation_name(self) -> str:
        return self.organisation.name if self.organisation else ""

    @property
    def entries(self) -> list[dict[str, Any]]:
        invoices = self._entry(_("Invoices"), "document-text", reverse("invoicing:list"), "invoicing:")
        if not self.user.is_customer:
            customers = reverse("dashboard:customers")
            usage = reverse("usage:deliveries")
            entries = [
                self._entry(
                    _("Customers"), "users", customers, "dashboard:", "reconciliation:", *ABOUT_CUSTOMERS
                ),
                self._entry(_("Usage data"), "inbox-arrow-down", usage, "usage:", *ABOUT_CONFLICTS),
                invoices,
            ]
            return [*entries, self._provider_entry] if self.user.is_provider else entries
        if not isinstance(self.organisation, Customer):
            return [self._entry(_("Current usage"), "chart-bar", reverse("dashboard:home")), invoices]
        pages = [
            (_("Current usage"), "chart-bar", "reconciliation:current"),
            (_("Daily detail"), "table-cells", "reconciliation:daily-detail"),
            (_("Voice and surge"), "phone", "reconciliation:voice"),
        ]
        ref = self.organisation.ref
        return [
            *(self._entry(label, icon, reverse(route, args=[ref]), route) for label, icon, route in pages),
            invoices,
        ]

    @property
    def _provider_entry(self) -> dict[str, Any]:
        return self._entry(
            _("Reconciliation"), "arrow-path", reverse("reconciliation:runs"), *OF_THE_PROVIDER
        )

    def _entry(self, label: str, icon: str, url: str, *routes: str) -> dict[str, Any]:
        """``routes`` are those of which the entry is the current one; those of an app end with a colon, but for
        the provider's alone."""
        match = self.request.resolver_match
        here = match.view_name if match else ""
        return {
            "label": label,
            "icon": icon,
            "url": url,
            "current": any(
                here == route
                or (
                    route.endswith(":")
                    and here.startswith(route)
                    and here not in (*OF_THE_PROVIDER, *ABOUT_CONFLICTS, *ABOUT_CUSTOMERS)
                )
                for route in routes
            ),
        }
