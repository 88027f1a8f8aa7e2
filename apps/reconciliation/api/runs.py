"""The API of runs, for the provider and its keys alone. Read only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import provider_or_its_key_only
from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described, filters_of
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.reconciliation.api.shapes import RUN_DETAIL, RUN_PAGE
from apps.reconciliation.filters import RunFilter
from apps.reconciliation.models import Run
from apps.reconciliation.runs import Progress, get_progress, list_progress, parked_customers


class RunListView(APIView):
    """``GET /api/v1/runs/``: newest first, each with its counts in and out; with the filters of the page."""

    key_scope = KeyScope.USAGE_READ

    @described(
        RUN_PAGE,
        tag="runs",
        name="runs_list",
        parameters=[*filters_of(RunFilter), *KEYSET],
        refuses=(400, 404),
    )
    def get(self, request: Request) -> Response:
        provider_or_its_key_only(request.user)
        keyset = Keyset(request, {"-id": int})
        runs = filtered(RunFilter(request.query_params, queryset=Run.objects.all()))
        found = list_progress(keyset.take(runs), now=timezone.now())
        return keyset.response([as_run(progress) for progress in found])


class RunDetailView(APIView):
    """``GET /api/v1/runs/<id>/``: one run, with the customers that it has parked and why."""

    key_scope = KeyScope.USAGE_READ

    @described(RUN_DETAIL, tag="runs", name="runs_read", refuses=(404,))
    def get(self, request: Request, run_id: int) -> Response:
        provider_or_its_key_only(request.user)
        run = get_object_or_404(Run, pk=run_id)
        parked = [{"customer": each["ref"], "reason": each["reason"]} for each in parked_customers(run)]
        return Response({**as_run(get_progress(run, now=timezone.now())), "parked": parked})


def as_run(progress: Progress) -> dict[str, Any]:
    """A run as the API names it."""
    run = progress.run
    left = progress.seconds_left
    return {
        "id": run.pk,
        "started_at": run.started_at.isoformat(),
        "started_by": run.started_by,
        "until": run.until.isoformat() if run.until else None,
        "finished_at": _moment(run.finished_at),
        "cancelled_at": _moment(run.cancelled_at),
        "cancelled_by": run.cancelled_by,
        "customers": {
            "total": progress.customers,
            "waiting": progress.waiting,
            "done": progress.done,
            "parked": progress.parked,
            "cancelled": progress.cancelled,
        },
        "records_expected": progress.expected,
        "records_read": progress.records,
        "days_calculated": progress.days,
        "seconds": round(progress.seconds, 3),
        "records_per_second": round(progress.records_per_second),
        "seconds_left": None if left is None else round(left),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
