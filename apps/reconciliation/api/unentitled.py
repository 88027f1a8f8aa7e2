"""The API of usage that nobody is billed for, and of records without an end. Read only."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import provider_or_its_key_only
from apps.accounts.models import KeyScope
from apps.core.described import NUMBERED, described
from apps.core.domain.periods import ONE_DAY
from apps.organisations.guards import visible_customer
from apps.reconciliation.api.pagination import Pages
from apps.reconciliation.api.shapes import OPEN_RECORDS, UNENTITLED, UNENTITLED_DAYS
from apps.reconciliation.unentitled import list_unentitled_days, list_unentitled_use, open_too_long
from apps.usage.domain.records import KINDS_OF_FILE, Kind

_NAMES = {described.kind: name for name, described in KINDS_OF_FILE.items()}


def _yesterday() -> date:
    return timezone.now().date() - ONE_DAY


class CustomerUnentitledView(APIView):
    """``GET /api/v1/customers/<ref>/unentitled/``: days without a subscription and their kinds of records (R10)."""

    key_scope = KeyScope.USAGE_READ

    @described(
        UNENTITLED_DAYS,
        tag="customers",
        name="customers_unentitled",
        parameters=NUMBERED,
        refuses=(404,),
    )
    def get(self, request: Request, ref: str) -> Response:
        found = list_unentitled_days(visible_customer(ref), until=_yesterday())
        pages = Pages()
        page = pages.paginate_queryset(found, request, view=self) or []
        return pages.get_paginated_response(
            [
                {"day": each.day.isoformat(), "kind": _NAMES[each.kind], "records": each.records}
                for each in page
            ]
        )


class UnentitledListView(APIView):
    """``GET /api/v1/unentitled/``: the same of all customers, a line for each and kind. The provider's alone."""

    key_scope = KeyScope.USAGE_READ

    @described(UNENTITLED, tag="runs", name="unentitled_list", parameters=NUMBERED, refuses=(404,))
    def get(self, request: Request) -> Response:
        provider_or_its_key_only(request.user)
        found = list_unentitled_use(until=_yesterday())
        pages = Pages()
        page = pages.paginate_queryset(found, request, view=self) or []
        return pages.get_paginated_response(
            [
                {
                    "customer": each.customer_ref,
                    "kind": _NAMES[each.kind],
                    "first_day": each.first.isoformat(),
                    "last_day": each.last.isoformat(),
                    "days": each.days,
                    "records": each.records,
                }
                for each in page
            ]
        )


class OpenRecordListView(APIView):
    """``GET /api/v1/open-records/``: records that should have ended long ago, oldest first. The provider's alone."""

    key_scope = KeyScope.USAGE_READ

    @described(OPEN_RECORDS, tag="runs", name="open_records_list", parameters=NUMBERED, refuses=(404,))
    def get(self, request: Request) -> Response:
        provider_or_its_key_only(request.user)
        pages = Pages()
        found: list[Any] = (
            pages.paginate_queryset(open_too_long(until=_yesterday()), request, view=self) or []
        )
        return pages.get_paginated_response(
            [
                {
                    "customer": each.ref,
                    "kind": _NAMES[Kind(each.kind)],
                    "record_id": each.record_id,
                    "started_at": each.started_at.isoformat(),
                    "counted_to": each.counted_to.isoformat(),
                }
                for each in found
            ]
        )
