"""The API of deliveries and of the rows that they kept aside. For partners and the provider. Read only."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import not_for_customers
from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described, filters_of
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.usage.api.shapes import DELIVERY, DELIVERY_PAGE, KEPT_ASIDE_PAGE
from apps.usage.filters import DeliveryFilter, KeptAsideFilter
from apps.usage.models import Channel, Delivery, DeliveryState, RowKeptAside

LARGEST_ID = 2**63 - 1


class DeliveryListView(APIView):
    """``GET /api/v1/deliveries/``: newest first."""

    key_scope = KeyScope.USAGE_READ

    @described(
        DELIVERY_PAGE,
        tag="deliveries",
        name="deliveries_list",
        parameters=[*filters_of(DeliveryFilter), *KEYSET],
        refuses=(400, 404),
    )
    def get(self, request: Request) -> Response:
        not_for_customers(request.user)
        keyset = Keyset(request, {"-id": int})
        deliveries = filtered(DeliveryFilter(request.query_params, queryset=Delivery.objects.all()))
        return keyset.response([as_delivery(delivery) for delivery in keyset.take(deliveries)])


class DeliveryDetailView(APIView):
    """``GET /api/v1/deliveries/<id>/``: one, and how far it is."""

    key_scope = KeyScope.USAGE_READ

    @described(DELIVERY, tag="deliveries", name="deliveries_read", refuses=(404,))
    def get(self, request: Request, delivery_id: int) -> Response:
        not_for_customers(request.user)
        if delivery_id > LARGEST_ID:
            raise Http404
        return Response(as_delivery(get_object_or_404(Delivery, pk=delivery_id)))


class KeptAsideListView(APIView):
    """``GET /api/v1/kept-aside/``: rows that could not be records, in the order in which they came."""

    key_scope = KeyScope.USAGE_READ

    @described(
        KEPT_ASIDE_PAGE,
        tag="deliveries",
        name="kept_aside_list",
        parameters=[*filters_of(KeptAsideFilter), *KEYSET],
        refuses=(400, 404),
    )
    def get(self, request: Request) -> Response:
        not_for_customers(request.user)
        keyset = Keyset(request, {"delivery_id": int, "line_number": int})
        rows = RowKeptAside.objects.select_related("delivery")
        found = keyset.take(filtered(KeptAsideFilter(request.query_params, queryset=rows)))
        return keyset.response([as_row_kept_aside(row) for row in found])


def as_delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API names it."""
    return {
        "id": delivery.pk,
        "kind": delivery.described.name,
        "source": delivery.source_name,
        "format": delivery.format_name,
        "customer": delivery.customer_ref,
        "channel": Channel(delivery.channel).name.lower(),
        "sent_by": delivery.sent_by,
        "file_name": delivery.file_name,
        "sha256": delivery.sha256,
        "state": DeliveryState(delivery.state).name.lower(),
        "failure": delivery.failure,
        "arrived_at": moment_json(delivery.arrived_at),
        "started_at": moment_json(delivery.started_at),
        "finished_at": moment_json(delivery.finished_at),
        "size": delivery.size,
        "bytes_read": delivery.bytes_read,
        "rows": delivery.rows,
        "accepted": delivery.accepted,
        "duplicate": delivery.duplicate,
        "conflict": delivery.conflict,
        "rejected": delivery.rejected,
    }


def as_row_kept_aside(row: RowKeptAside) -> dict[str, Any]:
    """A row kept aside as the API names it."""
    return {
        "delivery": row.delivery_id,
        "line_number": row.line_number,
        "kind": row.delivery.described.name,
        "source": row.delivery.source_name,
        "reason": row.reason,
        "text": row.text,
        "cells": row.cells,
        "settled_at": moment_json(row.settled_at),
        "settled_by": row.settled_by,
        "outcome": row.outcome,
    }
