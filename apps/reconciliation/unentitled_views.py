"""Usage outside of any subscription, and records without an end, of all customers. The provider's alone."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views import View
from django_tables2 import Table

from apps.accounts.guards import provider_only
from apps.core.domain.periods import ONE_DAY
from apps.core.formatting import number
from apps.reconciliation.unentitled import list_unentitled_use, open_too_long
from apps.reconciliation.unentitled_tables import OpenTooLongTable, UnentitledTable

ON_A_PAGE = 50


class UnentitledView(View):
    """What is billed to nobody, and what should have ended long ago."""

    def get(self, request: HttpRequest) -> HttpResponse:
        provider_only(request.user)
        yesterday = timezone.now().date() - ONE_DAY
        found = list_unentitled_use(until=yesterday)
        table = UnentitledTable(found)
        open_table = OpenTooLongTable(open_too_long(until=yesterday), prefix="open-")
        _paginate(table, request.GET.get("page"))
        still_open = _paginate(open_table, request.GET.get("open-page"))
        return render(
            request,
            "reconciliation/unentitled.html",
            {
                "table": table,
                "open_table": open_table,
                "customers": number(len({each.customer_ref for each in found})),
                "records": number(sum(each.records for each in found)),
                "open_records": number(still_open.count),
            },
        )


def _paginate(table: Table, page: str | None) -> Paginator[Any]:
    """A page that is none is the first, or the last."""
    table.paginate(per_page=ON_A_PAGE)
    table.page = table.paginator.get_page(page)
    paginator: Paginator[Any] = table.paginator
    return paginator
