"""The API of stored cycles and of their Daily Detail, of all customers together. Read only."""

from __future__ import annotations

from datetime import date
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described, filters_of
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.reconciliation.api.shapes import STORED_CYCLE_PAGE, STORED_DETAIL_PAGE
from apps.reconciliation.detail_export import OVERAGE_PEAK
from apps.reconciliation.filters import CycleFilter, DailyDetailFilter
from apps.reconciliation.models import CycleResult, TypeFigures
from apps.reconciliation.stored import (
    Freshness,
    StoredRow,
    cycles_of_rows,
    freshness_of,
    list_stored_rows,
    stored_cycles,
)


class StoredCycleListView(APIView):
    """``GET /api/v1/cycles/``: what cycles bill, as it was calculated last; by customer and first day.

    Digital usage is counted when it is asked for and none of it stored, so its cycles are not here: they are listed at
    ``/api/v1/customers/<ref>/cycles/``, their units at ``/api/v1/customers/<ref>/digital/``.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        STORED_CYCLE_PAGE,
        tag="usage",
        name="cycles_list",
        parameters=[*filters_of(CycleFilter), *KEYSET],
        refuses=(400,),
    )
    def get(self, request: Request) -> Response:
        keyset = Keyset(request, {"customer_id": int, "service": str, "first_day": date.fromisoformat})
        cycles = stored_cycles().select_related("customer", "primary").prefetch_related("billed")
        found = keyset.take(filtered(CycleFilter(request.query_params, queryset=cycles)))
        freshness = freshness_of(found)
        return keyset.response([as_stored_cycle(cycle, freshness[cycle.pk]) for cycle in found])


class StoredDetailListView(APIView):
    """``GET /api/v1/daily-detail/``: rows as they were calculated last; by customer, cycle, day and usage type."""

    key_scope = KeyScope.USAGE_READ

    @described(
        STORED_DETAIL_PAGE,
        tag="usage",
        name="daily_detail_list",
        parameters=[*filters_of(DailyDetailFilter), *KEYSET],
        refuses=(400,),
    )
    def get(self, request: Request) -> Response:
        keyset = Keyset(
            request,
            {"customer_id": int, "first_day": date.fromisoformat, "number": int, "position": int},
        )
        filters = DailyDetailFilter(request.query_params, queryset=TypeFigures.objects.all())
        found = list_stored_rows(
            filtered(filters),
            days=filters.days,
            only_overage=filters.only_overage,
            after=keyset.after,
            limit=keyset.size + 1,
        )
        rows = keyset.cut(found, lambda row: row.place)
        cycles = cycles_of_rows(rows)
        freshness = freshness_of([*cycles.values()])
        of_cycle = {place: freshness[cycle.pk] for place, cycle in cycles.items()}
        return keyset.response([as_stored_row(row, of_cycle[row.place[:2]]) for row in rows])


def as_stored_cycle(cycle: CycleResult, freshness: Freshness) -> dict[str, Any]:
    """A stored cycle as the API names it."""
    return {
        "customer": cycle.customer.ref,
        "service": cycle.service,
        "first_day": cycle.first_day.isoformat(),
        "last_day": cycle.last_day.isoformat(),
        "subscription": cycle.primary.number,
        "until": cycle.until.isoformat(),
        "freshness": freshness.value,
        "closed_at": moment_json(getattr(cycle, "closed_at", None)),
        "calculated_at": moment_json(cycle.calculated_at),
        "has_usage": cycle.has_usage,
        "billed": [
            {
                "usage_type": each.usage_type,
                "quantity": each.quantity,
                "day": each.day and each.day.isoformat(),
            }
            for each in sorted(cycle.billed.all(), key=lambda each: each.usage_type)
        ],
    }


def as_stored_row(row: StoredRow, freshness: Freshness) -> dict[str, Any]:
    """A row of the Daily Detail as the API names it."""
    return {
        "customer": row.customer_ref,
        "cycle": row.first_day.isoformat(),
        "day": row.day.isoformat(),
        "usage_type": row.usage_type.value,
        "used": row.used,
        "committed": row.committed,
        "substituted": row.substituted,
        "overage": row.overage,
        "comment": OVERAGE_PEAK if row.is_overage_peak else "",
        "freshness": freshness.value,
    }
