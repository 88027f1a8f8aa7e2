"""The API of sources: until when each has brought data, and whether it still delivers. Read only."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers as of
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import not_for_customers
from apps.accounts.models import KeyScope
from apps.core.described import KEYSET, described, list_of, shape
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.usage.domain.freshness import gaps
from apps.usage.freshness import Freshness, last_days, list_freshness, list_rhythms
from apps.usage.models import Source

GAP = shape(
    "SourceGap",
    {"from": of.DateField(), "to": of.DateField(help_text="Its last day; the same for a single one.")},
)
SOURCE = shape(
    "Source",
    {
        "id": of.IntegerField(),
        "partner": of.CharField(help_text="The reference of the partner whose source it is."),
        "name": of.CharField(),
        "time_zone": of.CharField(help_text="Of times that say none; empty: such rows are kept aside."),
        "data_until": of.DateTimeField(allow_null=True, help_text="The last moment that records speak of."),
        "last_delivery": of.DateTimeField(allow_null=True),
        "usual_interval_seconds": of.IntegerField(
            allow_null=True, help_text="Between deliveries; empty where there are too few to tell."
        ),
        "is_silent": of.BooleanField(
            help_text="Nothing came for more than twice the usual interval, and more than a day."
        ),
        "gaps": of.ListField(
            child=GAP(), help_text="Days (UTC) of the last 60 on which records are missing."
        ),
    },
)


class SourceListView(APIView):
    """``GET /api/v1/sources/``: all sources, in the order in which they were first heard of."""

    key_scope = KeyScope.USAGE_READ

    @described(
        list_of("Source", SOURCE),
        tag="deliveries",
        name="sources_list",
        parameters=KEYSET,
        refuses=(400, 404),
    )
    def get(self, request: Request) -> Response:
        not_for_customers(request.user)
        keyset = Keyset(request, {"id": int})
        sources = keyset.take(Source.objects.select_related("partner"))
        now = timezone.now()
        rows = list_freshness(
            sources, list_rhythms(sources, now=now), window=last_days(now.date()), today=now.date()
        )
        return keyset.response([as_source(row) for row in rows])


def as_source(row: Freshness) -> dict[str, Any]:
    """A source as the API names it."""
    source, rhythm = row.source, row.rhythm
    return {
        "id": source.pk,
        "partner": source.partner.ref,
        "name": source.name,
        "time_zone": source.time_zone,
        "data_until": moment_json(row.until),
        "last_delivery": moment_json(rhythm.last),
        "usual_interval_seconds": None if rhythm.interval is None else round(rhythm.interval.total_seconds()),
        "is_silent": rhythm.is_silent,
        "gaps": [{"from": gap.first.isoformat(), "to": gap.last.isoformat()} for gap in gaps(row.days)],
    }
