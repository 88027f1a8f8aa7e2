"""The API of usage that nobody is billed for, and of records without an end. Read only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import provider_or_its_key_only
from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described
from apps.core.domain.periods import ONE_DAY
from apps.core.keyset import Keyset
from apps.organisations.guards import visible_customer
from apps.reconciliation.api.shapes import OPEN_RECORDS, UNENTITLED, UNENTITLED_DAYS
from apps.reconciliation.unentitled import list_unentitled_days, list_unentitled_use, open_too_long
from apps.usage.domain.records import DESCRIBED

_BY_START: dict[str, Callable[[str], Any]] = {
    "started_at": datetime.fromisoformat,
    "customer_id": int,
    "kind": int,
    "source_id": int,
    "record_id": str,
}


def _yesterday() -> date:
    return timezone.now().date() - ONE_DAY


class CustomerUnentitledView(APIView):
    """``GET /api/v1/customers/<ref>/unentitled/``: days without a subscription and their kinds of records (R10)."""

    key_scope = KeyScope.USAGE_READ

    @described(
        UNENTITLED_DAYS,
        tag="customers",
        name="customers_unentitled",
        parameters=KEYSET,
        refuses=(400, 404),
    )
    def get(self, request: Request, ref: str) -> Response:
        keyset = Keyset(request, {"day": date.fromisoformat, "kind": int})
        found = list_unentitled_days(visible_customer(ref), until=_yesterday())
        return keyset.response(
            [
                {"day": each.day.isoformat(), "kind": DESCRIBED[each.kind].name, "records": each.records}
                for each in keyset.pick(found, lambda each: (each.day, each.kind))
            ]
        )


class UnentitledListView(APIView):
    """``GET /api/v1/unentitled/``: the same of all customers, by customer and kind. The provider's alone."""

    key_scope = KeyScope.USAGE_READ

    @described(UNENTITLED, tag="runs", name="unentitled_list", parameters=KEYSET, refuses=(400, 404))
    def get(self, request: Request) -> Response:
        provider_or_its_key_only(request.user)
        keyset = Keyset(request, {"customer_ref": str, "kind": int})
        found = list_unentitled_use(until=_yesterday())
        return keyset.response(
            [
                {
                    "customer": each.customer_ref,
                    "kind": DESCRIBED[each.kind].name,
                    "first_day": each.first.isoformat(),
                    "last_day": each.last.isoformat(),
                    "days": each.days,
                    "records": each.records,
                }
                for each in keyset.pick(found, lambda each: (each.customer_ref, each.kind))
            ]
        )


class OpenRecordListView(APIView):
    """``GET /api/v1/open-records/``: records that should have ended long ago, oldest first. The provider's alone."""

    key_scope = KeyScope.USAGE_READ

    @described(OPEN_RECORDS, tag="runs", name="open_records_list", parameters=KEYSET, refuses=(400, 404))
    def get(self, request: Request) -> Response:
        provider_or_its_key_only(request.user)
        keyset = Keyset(request, _BY_START)
        found: list[Any] = keyset.take(open_too_long(until=_yesterday()))
        return keyset.response(
            [
                {
                    "customer": each.ref,
                    "kind": DESCRIBED[each.kind].name,
                    "record_id": each.record_id,
                    "started_at": each.started_at.isoformat(),
                    "counted_to": each.counted_to.isoformat(),
                }
                for each in found
            ]
        )
