"""Where everybody starts, and the list of customers."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.generic import View

from apps.accounts.models import User
from apps.dashboard.customers_csv import customers_csv
from apps.dashboard.filters import CustomersFilter
from apps.dashboard.selectors import Standing, describe, worklist
from apps.dashboard.tables import CustomersTable
from apps.usage.freshness import list_rhythms
from apps.usage.models import Source
from apps.usage.source_tables import alarm_of

ON_A_PAGE = 50
DESCRIBED_AT_ONCE = 1000


class HomeView(View):
    """A customer's own usage, or the list of customers."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = _signed_in(request)
        if user.customer is not None:
            return redirect("reconciliation:current", user.customer.ref)
        return redirect("dashboard:customers")


class CustomersView(View):
    """A partner's customers, or the provider's, those that need attention first; a partner's silent sources above."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = _signed_in(request)
        if user.is_customer:
            return redirect("dashboard:home")
        now = timezone.now()
        today = now.date()
        filters, table = _filtered(request.GET, user, today)
        table.paginate(per_page=ON_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        table.describe(today=today)
        return render(
            request,
            "dashboard/customers.html",
            {
                "alarm": alarm_of(list_rhythms(Source.objects.all(), now=now).values())
                if user.is_partner
                else "",
                "table": table,
                "form": filters.form,
                "chips": _chips(request.GET, filters.count_by_status(), filters.chosen),
                "is_filtered": any(filters.form.cleaned_data.values()),
                "sort": request.GET.get("sort", ""),
                "csv_url": _address("dashboard:customers-csv", request.GET, page=None),
            },
        )


class CustomersCsvView(View):
    """The same list, all of its pages, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = _signed_in(request)
        if user.is_customer:
            return redirect("dashboard:home")
        today = timezone.now().date()
        _filters, table = _filtered(request.GET, user, today)
        customers = [row.record for row in table.rows]
        glances = [
            glance
            for start in range(0, len(customers), DESCRIBED_AT_ONCE)
            for glance in describe(customers[start : start + DESCRIBED_AT_ONCE], today=today)
        ]
        return HttpResponse(
            customers_csv(glances),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": content_disposition_header(True, f"customers-{today.isoformat()}.csv")
            },
        )


def _signed_in(request: HttpRequest) -> User:
    """Who asks; nobody gets here without signing in."""
    assert isinstance(request.user, User)
    return request.user


def _filtered(parameters: QueryDict, user: User, today: date) -> tuple[CustomersFilter, CustomersTable]:
    """The filters, and the table of what they leave in the order asked for."""
    filters = CustomersFilter(parameters, queryset=worklist(today=today), by_partner=user.is_provider)
    table = CustomersTable(
        filters.qs,
        exclude=() if user.is_provider else ("partner",),
        order_by=parameters.getlist("sort") or None,
    )
    return filters, table


def _chips(parameters: QueryDict, counts: dict[str, int], chosen: Standing | None) -> list[dict[str, Any]]:
    """A chip for all, and one for each way to stand; the rare one only where there is one."""
    chips: list[dict[str, Any]] = [
        {
            "label": _("All"),
            "url": _address("dashboard:customers", parameters, status=None, page=None),
            "current": chosen is None,
            "count": counts["all"],
        }
    ]
    return chips + [
        {
            "label": standing.label,
            "url": _address("dashboard:customers", parameters, status=standing.value, page=None),
            "current": chosen is standing,
            "count": counts[standing],
        }
        for standing in Standing
        if standing is not Standing.NONE or counts[standing]
    ]


def _address(route: str, parameters: QueryDict, **changes: str | None) -> str:
    """The page of a route with the parameters of this one, some changed or (None) left out."""
    kept = parameters.copy()
    for name, value in changes.items():
        kept.pop(name, None)
        if value is not None:
            kept[name] = value
    query = kept.urlencode()
    return f"{reverse(route)}?{query}" if query else reverse(route)
