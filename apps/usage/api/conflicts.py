"""The API of conflicts: contents that arrived for records stored with another one (R13). Read only."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as of
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import not_for_customers
from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described, filters_of, list_of, shape
from apps.core.filters import filtered
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.usage.api.shapes import KIND_NAMES
from apps.usage.domain.records import DESCRIBED
from apps.usage.filters import ConflictFilter
from apps.usage.models import Conflict, Decision, Source

CONFLICT = shape(
    "Conflict",
    {
        "id": of.IntegerField(),
        "customer": of.CharField(help_text="The customer's reference."),
        "kind": of.ChoiceField(KIND_NAMES),
        "source": of.CharField(),
        "record_id": of.CharField(),
        "actor": of.CharField(help_text="The agent, the contact or the SKU."),
        "licence": of.ChoiceField(["premium", "standard"], allow_null=True, help_text="Of agents' sessions."),
        "started_at": of.DateTimeField(help_text="Of digital usage: when it was used."),
        "ended_at": of.DateTimeField(allow_null=True, help_text="Empty while it goes on."),
        "quantity": of.IntegerField(allow_null=True, help_text="Of digital usage."),
        "delivery": of.IntegerField(
            allow_null=True,
            help_text="That which brought it. Empty: one of the provider's, or it was stored before the decision.",
        ),
        "line_number": of.IntegerField(allow_null=True),
        "decided_at": of.DateTimeField(allow_null=True, help_text="Empty while it is to be decided."),
        "decided_by": of.CharField(),
        "decision": of.ChoiceField(
            Decision.values,
            allow_null=True,
            help_text="Which content was taken; a later decision may have taken another. "
            "Replaced: this one was stored until then.",
        ),
        "reason": of.CharField(help_text="Why it was decided so."),
    },
)


class ConflictListView(APIView):
    """``GET /api/v1/conflicts/``: in the order in which they came, with the filters of the page."""

    key_scope = KeyScope.USAGE_READ

    @described(
        list_of("Conflict", CONFLICT),
        tag="deliveries",
        name="conflicts_list",
        parameters=[*filters_of(ConflictFilter), *KEYSET],
        refuses=(400, 404),
    )
    def get(self, request: Request) -> Response:
        not_for_customers(request.user)
        keyset = Keyset(request, {"id": int})
        conflicts = Conflict.objects.select_related("customer").prefetch_related("delivery").defer("opposite")
        found = keyset.take(filtered(ConflictFilter(request.query_params, queryset=conflicts)))
        sources = Source.objects.in_bulk({conflict.source_id for conflict in found})
        return keyset.response(
            [as_conflict(conflict, sources[conflict.source_id].name) for conflict in found]
        )


def as_conflict(conflict: Conflict, source: str) -> dict[str, Any]:
    """A conflict as the API names it: what arrived, and what was decided."""
    licences = {None: None, True: "premium", False: "standard"}
    return {
        "id": conflict.pk,
        "customer": conflict.customer.ref,
        "kind": DESCRIBED[conflict.kind].name,
        "source": source,
        "record_id": conflict.record_id,
        "actor": conflict.actor,
        "licence": licences[conflict.premium],
        "started_at": moment_json(conflict.started_at),
        "ended_at": moment_json(conflict.ended_at),
        "quantity": conflict.quantity,
        "delivery": None if conflict.delivery is None else conflict.delivery.pk,
        "line_number": conflict.line_number,
        "decided_at": moment_json(conflict.decided_at),
        "decided_by": conflict.decided_by,
        "decision": conflict.decision,
        "reason": conflict.reason,
    }
