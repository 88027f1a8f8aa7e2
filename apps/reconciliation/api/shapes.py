"""The shapes of what the API of reconciliation answers, for its description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers as of

from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.described import list_of, query, shape
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.proof import Difference
from apps.reconciliation.domain.workings import Rule
from apps.reconciliation.stored import Freshness
from apps.usage.domain.records import KINDS_OF_FILE

KIND_NAMES = [*KINDS_OF_FILE]
TYPE_NAMES = [usage_type.value for usage_type in UsageType]
DAY: dict[str, Any] = {"type": "string", "format": "date"}

CYCLE_PARAMETER = query("cycle", "The first day of the cycle; when left out, the newest with usage.", of=DAY)
UNTIL_PARAMETER = query("until", "The last complete day to use; when left out, yesterday at most.", of=DAY)
TYPE_PARAMETER = query("usage_type", "One of the usage types.", choices=TYPE_NAMES)
TYPE_IN_ADDRESS = OpenApiParameter("usage_type", str, OpenApiParameter.PATH, enum=TYPE_NAMES)
SERVICE_PARAMETER = query("service", "Cycles of one service alone.", choices=[*Service])
FAMILY_PARAMETER = query("family", "Rows of one family alone.", choices=[*Family])

# Runs

RUN_CUSTOMERS = shape(
    "RunCustomers",
    {name: of.IntegerField() for name in ("total", "waiting", "done", "parked", "cancelled")},
)
_RUN: dict[str, Any] = {
    "id": of.IntegerField(),
    "started_at": of.DateTimeField(),
    "started_by": of.CharField(help_text="Empty: by itself."),
    "until": of.DateField(allow_null=True, help_text="The last day that it calculates."),
    "finished_at": of.DateTimeField(allow_null=True),
    "cancelled_at": of.DateTimeField(allow_null=True),
    "cancelled_by": of.CharField(),
    "customers": RUN_CUSTOMERS(),
    "records_expected": of.IntegerField(),
    "records_read": of.IntegerField(),
    "days_calculated": of.IntegerField(),
    "seconds": of.FloatField(),
    "records_per_second": of.IntegerField(),
    "seconds_left": of.IntegerField(allow_null=True),
}
RUN = shape("Run", _RUN)
RUN_PAGE = list_of("Run", RUN)
PARKED = shape("ParkedCustomer", {"customer": of.CharField(), "reason": of.CharField()})
RUN_DETAIL = shape("RunDetail", {**_RUN, "parked": PARKED(many=True)})

# Cycles and the Daily Detail

CYCLE = shape(
    "Cycle",
    {
        "first_day": of.DateField(),
        "last_day": of.DateField(),
        "subscription": of.CharField(help_text="The primary subscription."),
    },
)
LISTED_CYCLE = shape(
    "CustomerCycle",
    {
        "service": of.ChoiceField([each.value for each in Service]),
        "first_day": of.DateField(),
        "last_day": of.DateField(),
        "subscription": of.CharField(),
        "is_closed": of.BooleanField(),
        "calculated_until": of.DateField(
            allow_null=True,
            help_text="Empty: nothing is stored of it. Digital usage is counted when it is asked for.",
        ),
        "has_usage": of.BooleanField(),
    },
)
CYCLE_LIST = shape("CustomerCycles", {"customer": of.CharField(), "results": LISTED_CYCLE(many=True)})

DETAIL_ROW = shape(
    "DailyDetailRow",
    {
        "Usage Date": of.DateField(),
        "Usage Type": of.CharField(),
        "Units Used": of.IntegerField(),
        "Units Commitment": of.IntegerField(),
        "Units Substituted": of.IntegerField(),
        "Units Overage": of.IntegerField(),
        "Usage Unit": of.CharField(),
        "Comment": of.CharField(help_text="`Overage peak`, or empty."),
    },
)


def _of_cycle(name: str, rows: Any) -> Any:
    """Rows of one cycle of a customer."""
    return shape(
        name,
        {
            "customer": of.CharField(),
            "cycle": CYCLE(),
            "until": of.DateField(help_text="The last day used."),
            "is_provisional": of.BooleanField(help_text="The cycle is not closed yet."),
            "results": rows(many=True),
        },
    )


DAILY_DETAIL = _of_cycle("DailyDetail", DETAIL_ROW)

FRESHNESS = of.ChoiceField(
    [each.value for each in Freshness],
    help_text="`final`: the cycle is closed. `provisional`: right for what is known up to the last day used."
    " `stale`: something came since; it is about to be calculated again, and must not be relied on.",
)
BILLED_QUANTITY = shape(
    "BilledQuantity",
    {
        "usage_type": of.ChoiceField(TYPE_NAMES),
        "quantity": of.IntegerField(),
        "day": of.DateField(allow_null=True, help_text="The first day with that overage; empty without any."),
    },
)
STORED_CYCLE = shape(
    "StoredCycle",
    {
        "customer": of.CharField(),
        "service": of.ChoiceField([each.value for each in Service]),
        "first_day": of.DateField(),
        "last_day": of.DateField(),
        "subscription": of.CharField(),
        "until": of.DateField(help_text="The last day that is calculated."),
        "freshness": FRESHNESS,
        "closed_at": of.DateTimeField(allow_null=True, help_text="Empty while the cycle is open."),
        "calculated_at": of.DateTimeField(),
        "has_usage": of.BooleanField(),
        "billed": BILLED_QUANTITY(many=True),
    },
)
STORED_CYCLE_PAGE = list_of("StoredCycle", STORED_CYCLE)
STORED_ROW = shape(
    "StoredDetailRow",
    {
        "customer": of.CharField(),
        "cycle": of.DateField(help_text="The first day of the cycle."),
        "day": of.DateField(),
        "usage_type": of.ChoiceField(TYPE_NAMES),
        "used": of.IntegerField(),
        "committed": of.IntegerField(),
        "substituted": of.IntegerField(),
        "overage": of.IntegerField(),
        "comment": of.CharField(help_text="`Overage peak`, or empty."),
        "freshness": FRESHNESS,
    },
)
STORED_DETAIL_PAGE = list_of("StoredDetail", STORED_ROW)

# Voice and digital channels

VOICE_DAY = shape(
    "VoiceDay",
    {
        "day": of.DateField(),
        "peak": of.IntegerField(),
        "peak_at": of.CharField(allow_null=True, help_text="Hour and minute, UTC."),
        "voice_paths": of.IntegerField(),
        "surge_pct": of.CharField(),
        "accepted": of.IntegerField(),
        "most_above": of.IntegerField(),
        "minutes_above": of.IntegerField(),
    },
)
VOICE = _of_cycle("Voice", VOICE_DAY)
DIGITAL_UNITS = shape(
    "DigitalUnits",
    {
        "sku": of.CharField(),
        "description": of.CharField(),
        "raw": of.IntegerField(),
        "included": of.IntegerField(),
        "billable": of.IntegerField(),
    },
)
DIGITAL = _of_cycle("Digital", DIGITAL_UNITS)

# Usage that nobody is billed for

UNENTITLED_DAY = shape(
    "UnentitledDay",
    {"day": of.DateField(), "kind": of.ChoiceField(KIND_NAMES), "records": of.IntegerField()},
)
UNENTITLED_DAYS = list_of("UnentitledDay", UNENTITLED_DAY)
UNENTITLED_USE = shape(
    "UnentitledUse",
    {
        "customer": of.CharField(),
        "kind": of.ChoiceField(KIND_NAMES),
        "first_day": of.DateField(),
        "last_day": of.DateField(),
        "days": of.IntegerField(),
        "records": of.IntegerField(),
    },
)
UNENTITLED = list_of("UnentitledUse", UNENTITLED_USE)
OPEN_RECORD = shape(
    "OpenRecord",
    {
        "customer": of.CharField(),
        "kind": of.ChoiceField(KIND_NAMES),
        "record_id": of.CharField(),
        "started_at": of.DateTimeField(),
        "counted_to": of.DateTimeField(),
    },
)
OPEN_RECORDS = list_of("OpenRecord", OPEN_RECORD)

# Proofs


def _value(**options: Any) -> of.JSONField:
    return of.JSONField(help_text="A number, or numbers by day.", **options)


STEP = shape(
    "ProofStep",
    {
        "key": of.CharField(),
        "rule": of.ChoiceField([each.value for each in Rule]),
        "formula": of.CharField(help_text="Over `inputs`: names, `+`, `-`, `*`, `max`, `min`, `highest`."),
        "inputs": of.DictField(help_text="A number, or numbers by day, by name."),
        "result": _value(),
    },
)
FIGURES = shape(
    "ProofFigures",
    {name: of.IntegerField() for name in ("used", "committed", "substituted", "overage")},
)
PEAK = shape(
    "ProofPeak",
    {
        "reading": of.CharField(),
        "start": of.DateTimeField(),
        "end": of.DateTimeField(),
        "looks_back_to": of.DateTimeField(),
    },
)
RECORD = shape(
    "ProofRecord",
    {
        "source": of.CharField(),
        "record_id": of.CharField(),
        "licence": of.ChoiceField(["premium", "standard"], allow_null=True),
        "started_at": of.DateTimeField(),
        "ended_at": of.DateTimeField(allow_null=True),
        "recorded_at": of.DateTimeField(),
    },
)
WITNESS = shape(
    "ProofWitness",
    {
        "actor": of.CharField(help_text="An agent or a contact."),
        "present_seconds": of.ListField(child=of.FloatField(), required=False),
        "first_login": of.DateField(required=False),
        "first_premium": of.DateField(required=False, allow_null=True),
        "records": RECORD(many=True),
    },
)
COUNTED = shape(
    "ProofCounted",
    {
        "count": of.IntegerField(),
        "restated": of.IntegerField(),
        "results": WITNESS(many=True),
    },
)
COMMITMENT = shape(
    "ProofCommitment",
    {
        "subscription": of.CharField(),
        "sku": of.CharField(),
        "usage_type": of.ChoiceField(TYPE_NAMES),
        "quantity": of.IntegerField(),
        "from": of.DateField(),
        "to": of.DateField(allow_null=True),
    },
)
BILLED = shape("ProofBilled", {"quantity": of.IntegerField(), "day": of.DateField(allow_null=True)})
_BASIS: dict[str, Any] = {
    "agrees": of.BooleanField(),
    "difference": of.ChoiceField([each.value for each in Difference], allow_null=True),
    "verdict": of.CharField(),
    "rules": of.ListField(child=of.ChoiceField([each.value for each in Rule])),
    "rules_version": of.CharField(),
    "settings": of.DictField(),
    "steps": STEP(many=True),
}
_OF_CYCLE: dict[str, Any] = {
    "customer": of.CharField(),
    "cycle": CYCLE(),
    "until": of.DateField(),
    "is_provisional": of.BooleanField(),
}
_CELL: dict[str, Any] = {
    "day": of.DateField(),
    "usage_type": of.ChoiceField(TYPE_NAMES),
    "figures": FIGURES(),
    "comment": of.CharField(),
    "recomputed": FIGURES(),
    **_BASIS,
    "mark": STEP(many=True),
    "peak": PEAK(allow_null=True),
    "counted": COUNTED(),
    "commitments": COMMITMENT(many=True),
    "billed": BILLED(),
}
PROOF = shape("Proof", {**_OF_CYCLE, **_CELL})
CELL_PROOF = shape("ProofOfDay", _CELL)
MARKED = shape(
    "ProofMarked", {"day": of.DateField(allow_null=True), "overage": of.IntegerField(allow_null=True)}
)
PROOF_DAY = shape(
    "ProofDay",
    {
        "day": of.DateField(),
        **{name: of.IntegerField() for name in ("used", "committed", "substituted", "overage")},
    },
)
BILLED_PROOF = shape(
    "BilledProof",
    {
        **_OF_CYCLE,
        "usage_type": of.ChoiceField(TYPE_NAMES),
        "billed": BILLED(),
        "marked": MARKED(),
        "recomputed": of.IntegerField(),
        **_BASIS,
        "days": PROOF_DAY(many=True),
        "of_day": CELL_PROOF(),
    },
)
