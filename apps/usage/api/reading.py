"""Records of usage, as they were sent, read back page by page. Read only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope, User
from apps.core.described import KEYSET, described, filters_of
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.organisations.models import Customer
from apps.usage.api.shapes import KIND, USAGE_PAGE
from apps.usage.domain.records import KINDS_OF_FILE, Kind, KindOfFile
from apps.usage.filters import EventFilter, IntervalFilter
from apps.usage.models import Event, Interval, Source

_BY_START: dict[str, Callable[[str], Any]] = {
    "started_at": datetime.fromisoformat,
    "source_id": int,
    "record_id": str,
}
_BY_TIME: dict[str, Callable[[str], Any]] = {
    "occurred_at": datetime.fromisoformat,
    "source_id": int,
    "record_id": str,
}
_PARAMETERS = [
    KIND,
    *filters_of(IntervalFilter),
    *filters_of(EventFilter, without=IntervalFilter.base_filters),
    *KEYSET,
]


def described_kind(kind: str) -> KindOfFile:
    """The kind of records that an address names.

    Raises:
        NotFound: there is no such kind.
    """
    described = KINDS_OF_FILE.get(kind)
    if described is None:
        raise NotFound
    return described


class UsageReadView(APIView):
    """``GET /api/v1/usage/<kind>/``: the records of a customer, by the moment at which they start."""

    key_scope = KeyScope.USAGE_READ

    @described(
        USAGE_PAGE,
        tag="usage",
        name="usage_list",
        summary="The records of a customer, by the moment at which they start.",
        description="As they were sent. Everybody but a customer's own people names the `customer`: without it no"
        " index leads through the records in their order, and it is a bad request.",
        parameters=_PARAMETERS,
        refuses=(400, 404),
    )
    def get(self, request: Request, kind: str) -> Response:
        described = described_kind(kind)
        if described.kind is Kind.DIGITAL_USAGE:
            return _read_events(request, described)
        return _read_intervals(request, described)


def _read_intervals(request: Request, described: KindOfFile) -> Response:
    keyset = Keyset(request, _BY_START)
    records = Interval.objects.filter(kind=described.kind)
    filters = IntervalFilter(request.query_params, queryset=records, own=_own_customer(request))
    for other in {"agent_id", "contact_id"} - {described.actor_column}:
        del filters.filters[other]
    return _respond(keyset, keyset.take(filtered(filters)), described)


def _read_events(request: Request, described: KindOfFile) -> Response:
    keyset = Keyset(request, _BY_TIME)
    filters = EventFilter(request.query_params, queryset=Event.objects.all(), own=_own_customer(request))
    return _respond(keyset, keyset.take(filtered(filters)), described)


def _own_customer(request: Request) -> int | None:
    """The customer whose people ask, None where a partner or the provider asks."""
    return request.user.customer_id if isinstance(request.user, User) else None


def _respond(keyset: Keyset, records: Sequence[Interval | Event], described: KindOfFile) -> Response:
    sources = Source.objects.in_bulk({record.source_id for record in records})
    customers = Customer.objects.in_bulk({record.customer_id for record in records})
    return keyset.response(
        [
            {
                "customer": customers[record.customer_id].ref,
                "source": sources[record.source_id].name,
                **as_record(record, described),
            }
            for record in records
        ]
    )


def as_record(record: Interval | Event, described: KindOfFile) -> Mapping[str, Any]:
    """A record with the columns in which it was sent, and when it was taken in."""
    said: dict[str, Any] = {"record_id": record.record_id}
    if isinstance(record, Event):
        said |= {
            "sku": record.sku,
            "quantity": record.quantity,
            "occurred_at": moment_json(record.occurred_at),
        }
    else:
        said[described.actor_column] = record.actor
        if described.has_licence:
            said["licence"] = "premium" if record.premium else "standard"
        said |= {"started_at": moment_json(record.started_at), "ended_at": moment_json(record.ended_at)}
    return {**said, "recorded_at": moment_json(record.recorded_at)}
