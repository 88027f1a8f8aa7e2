"""Rows kept aside: what waits to be mended by kind, and the rows, on a page and as CSV (R13)."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views import View

from apps.accounts.guards import staff_only
from apps.usage.filters import KeptAsideFilter
from apps.usage.kept_aside import GROUPS_SHOWN, list_groups
from apps.usage.kept_aside_tables import ROWS_A_PAGE, GroupTable, KeptAsideTable, write_csv
from apps.usage.models import RowKeptAside

EXPORTED_AT_ONCE = 50_000


class KeptAsideView(View):
    """What waits to be mended by kind, then the rows."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        filters, rows = _filtered(request)
        table = KeptAsideTable(rows)
        table.paginate(per_page=ROWS_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        asked = filters.form.cleaned_data if filters.is_valid() else {}
        groups = [] if asked.get("settled") == "true" else list_groups(rows)
        query = request.GET.urlencode()
        return render(
            request,
            "usage/kept_aside.html",
            {
                "groups": GroupTable(groups[:GROUPS_SHOWN], with_sender=user.is_provider) if groups else None,
                "more_groups": len(groups) > GROUPS_SHOWN,
                "table": table,
                "filters": filters.form,
                "is_filtered": not filters.is_valid() or any(asked.values()),
                "csv_url": f"{reverse('usage:kept_aside_csv')}{f'?{query}' if query else ''}",
            },
        )


class KeptAsideCsvView(View):
    """The same rows, all of their pages, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        staff_only(request.user)
        _filters, rows = _filtered(request)
        name = f"rows-kept-aside-{timezone.now().date().isoformat()}.csv"
        answer = HttpResponse(
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name)},
        )
        write_csv(rows[:EXPORTED_AT_ONCE].iterator(chunk_size=2_000), answer)
        return answer


def _filtered(request: HttpRequest) -> tuple[KeptAsideFilter, QuerySet[RowKeptAside]]:
    """The filters that the address asks for and what they leave: nothing where one cannot be understood."""
    listed = RowKeptAside.objects.select_related("delivery").order_by("-delivery_id", "line_number")
    filters = KeptAsideFilter(request.GET, queryset=listed, request=request)
    return filters, filters.qs if filters.is_valid() else listed.none()
