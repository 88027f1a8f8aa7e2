"""The shapes of what the API of usage answers, for its description."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as of

from apps.core.described import list_of, problems, query, shape
from apps.usage.domain.records import KINDS_OF_FILE, Outcome
from apps.usage.filters import CHANNEL_CHOICES, STATE_CHOICES

KIND_NAMES = [*KINDS_OF_FILE]

USAGE_RECORD = shape(
    "UsageRecord",
    {
        "customer": of.CharField(help_text="The customer's reference."),
        "source": of.CharField(help_text="The system that it came from."),
        "record_id": of.CharField(),
        "agent_id": of.CharField(required=False, help_text="Of sessions."),
        "contact_id": of.CharField(required=False, help_text="Of legs and calls."),
        "licence": of.ChoiceField(["premium", "standard"], required=False, help_text="Of agents' sessions."),
        "started_at": of.DateTimeField(required=False, help_text="Of all but digital usage."),
        "ended_at": of.DateTimeField(
            required=False, allow_null=True, help_text="Empty while it goes on. Of all but digital usage."
        ),
        "sku": of.CharField(required=False, help_text="Of digital usage."),
        "quantity": of.IntegerField(required=False, help_text="Of digital usage."),
        "occurred_at": of.DateTimeField(required=False, help_text="Of digital usage."),
        "recorded_at": of.DateTimeField(help_text="When it was taken in."),
    },
)
USAGE_PAGE = list_of("Usage", USAGE_RECORD)

RECORD_TO_SEND = shape(
    "UsageToSend",
    {
        "record_id": of.CharField(
            required=False, help_text="Names the record for ever, with kind and source."
        ),
        "customer": of.CharField(required=False, help_text="Its reference; else that of the call counts."),
        "agent_id": of.CharField(required=False, help_text="Of sessions."),
        "contact_id": of.CharField(required=False, help_text="Of legs and calls."),
        "licence": of.CharField(required=False, help_text="Of agents' sessions: `premium` or `standard`."),
        "started_at": of.CharField(required=False, help_text="With a time zone. Of all but digital usage."),
        "ended_at": of.CharField(
            required=False, allow_null=True, help_text="Empty while it goes on. Of all but digital usage."
        ),
        "sku": of.CharField(required=False, help_text="Of digital usage."),
        "quantity": of.IntegerField(required=False, help_text="Of digital usage."),
        "occurred_at": of.CharField(required=False, help_text="With a time zone. Of digital usage."),
    },
)
RECORD_OUTCOME = shape(
    "UsageOutcome",
    {
        "index": of.IntegerField(help_text="Its place in the call, from 0."),
        "record_id": of.CharField(allow_null=True, help_text="Empty where it could not be told."),
        "outcome": of.ChoiceField([outcome.value for outcome in Outcome]),
        "reason": of.CharField(required=False, help_text="Why it was rejected."),
    },
)
USAGE_TAKEN = shape(
    "UsageTaken",
    {
        **{outcome.value: of.IntegerField(help_text="How many came to this.") for outcome in Outcome},
        "results": RECORD_OUTCOME(many=True),
    },
)
KIND = OpenApiParameter(
    "kind", str, OpenApiParameter.PATH, enum=KIND_NAMES, description="The kind of records."
)
# How records are sent: put on the ``post`` of the address of usage.
sending = extend_schema(
    operation_id="usage_send",
    tags=["usage"],
    summary="Takes up to 10,000 records, each with an outcome of its own.",
    description="A JSON array, or NDJSON with a record a line; `Content-Encoding: gzip` is understood. One record that"
    " is rejected stops no other. With an `Idempotency-Key` the same call may be made again: it is answered the same.",
    parameters=[
        KIND,
        query("customer", "The reference of the customer whose those records are that name none."),
        query("source", "The system that they come from; `import` when left out."),
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            description="1 to 255 visible characters. The same call with the same key is answered the same, once done.",
        ),
    ],
    request={
        "application/json": RECORD_TO_SEND(many=True),
        "application/x-ndjson": OpenApiTypes.STR,
    },
    responses={
        (200, "application/json"): USAGE_TAKEN,
        **problems(400, 404, 408, 409, 413, 415, 422, 503),
    },
)

DELIVERY = shape(
    "Delivery",
    {
        "id": of.IntegerField(),
        "kind": of.ChoiceField(KIND_NAMES),
        "source": of.CharField(),
        "format": of.CharField(
            help_text="The description by which it was read; empty: the portal's own columns."
        ),
        "customer": of.CharField(help_text="Whose the rows are that name no customer; empty: of nobody."),
        "channel": of.ChoiceField([name for name, _label in CHANNEL_CHOICES]),
        "sent_by": of.CharField(),
        "file_name": of.CharField(),
        "sha256": of.CharField(),
        "state": of.ChoiceField([name for name, _label in STATE_CHOICES]),
        "failure": of.CharField(help_text="Why it could not be read to its end; empty where it could."),
        "arrived_at": of.DateTimeField(),
        "started_at": of.DateTimeField(allow_null=True),
        "finished_at": of.DateTimeField(allow_null=True),
        "size": of.IntegerField(help_text="Bytes."),
        "bytes_read": of.IntegerField(help_text="Bytes of it that are read."),
        "rows": of.IntegerField(help_text="Rows that are settled so far: the sum of the four that follow."),
        "accepted": of.IntegerField(),
        "duplicate": of.IntegerField(),
        "conflict": of.IntegerField(),
        "rejected": of.IntegerField(),
    },
)
DELIVERY_PAGE = list_of("Delivery", DELIVERY)

ROW_KEPT_ASIDE = shape(
    "RowKeptAside",
    {
        "delivery": of.IntegerField(),
        "line_number": of.IntegerField(),
        "kind": of.ChoiceField(KIND_NAMES),
        "source": of.CharField(),
        "reason": of.CharField(),
        "text": of.CharField(help_text="The row as it was sent."),
        "cells": of.DictField(
            allow_null=True, help_text="What it said by column; empty where that could not be told."
        ),
        "settled_at": of.DateTimeField(allow_null=True, help_text="Empty while it is to be mended."),
        "settled_by": of.CharField(),
        "outcome": of.CharField(
            help_text="What became of it when it was sent again; empty: nothing, or it was set aside for good."
        ),
    },
)
KEPT_ASIDE_PAGE = list_of("RowKeptAside", ROW_KEPT_ASIDE)
