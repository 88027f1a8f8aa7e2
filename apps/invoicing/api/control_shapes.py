"""The shapes of what the API of control totals answers, and takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as of

from apps.core.described import list_of, problems, query, shape
from apps.reconciliation.domain.control_theories import Certainty
from apps.reconciliation.models import ControlPaper

CYCLE = shape("ControlCycle", {"first_day": of.DateField(), "last_day": of.DateField()})
_TOTAL: dict[str, Any] = {
    "id": of.IntegerField(),
    "customer": of.CharField(),
    "kind": of.ChoiceField([kind.value for kind in ControlPaper.Kind]),
    "cycle": CYCLE(),
    "name": of.CharField(),
    "sha256": of.CharField(),
    "as_of": of.DateTimeField(allow_null=True, help_text="When the vendor counted, where that was said."),
    "state": of.ChoiceField(
        [state.value for state in ControlPaper.State],
        help_text="`waiting`: a worker is about to compare it. What stands beside it is of the time before.",
    ),
    "failure": of.CharField(help_text="Why it could not be compared; empty where it could."),
    "agrees": of.BooleanField(allow_null=True, help_text="Empty until it was compared once."),
    "uploaded_at": of.DateTimeField(),
    "uploaded_by": of.CharField(),
    "compared_at": of.DateTimeField(allow_null=True),
    "compared_by": of.CharField(help_text="Who asked for it. Empty until it was compared once."),
}
TOTAL = shape("ControlTotal", _TOTAL)
TOTAL_PAGE = list_of("ControlTotal", TOTAL)
EXPLANATION = shape(
    "ControlExplanation",
    {
        "cause": of.CharField(),
        "certainty": of.ChoiceField(
            [each.value for each in Certainty],
            help_text="`exact`: it gives all their figures. `partly`: more of them than ours do. `fits`: not counted.",
        ),
        "about": of.CharField(help_text="What is counted, or a usage type."),
        "column": of.CharField(),
        "text": of.CharField(help_text="In a sentence."),
    },
)
TAXES = shape(
    "ControlTaxes",
    {"ours": of.CharField(), "theirs": of.CharField(allow_null=True), "differ": of.BooleanField()},
)
OUTCOME = shape(
    "ControlOutcome",
    {
        "verdict": of.CharField(help_text="In a sentence."),
        "rules_version": of.CharField(),
        "closed_at": of.DateTimeField(
            allow_null=True,
            help_text="The cycle was closed then: it is compared with what it was closed with.",
        ),
        "invoice": of.CharField(
            help_text="Of invoice lines: which one of ours; empty: our draft, or no invoice."
        ),
        "compared": of.IntegerField(help_text="Days, or lines of an invoice."),
        "differing": of.IntegerField(),
        "unexplained": of.IntegerField(),
        "explanations": EXPLANATION(many=True),
        "taxes": TAXES(allow_null=True),
    },
)
TOTAL_DETAIL = shape("ControlTotalDetail", {**_TOTAL, "outcome": OUTCOME(allow_null=True)})


def _side(whose: str) -> of.DictField:
    return of.DictField(
        allow_null=True, help_text=f"{whose} figures of the row by their names; empty: no such row."
    )


REASON = shape(
    "ControlReason", {"cause": of.CharField(), "certainty": of.CharField(), "text": of.CharField()}
)
DIFFERENCE = shape(
    "ControlDifference",
    {"column": of.CharField(), "reasons": REASON(many=True, help_text="Empty: nobody can tell.")},
)
ROW = shape(
    "ControlRow",
    {
        "line": of.IntegerField(allow_null=True, help_text="Where it stands in their paper."),
        "day": of.DateField(allow_null=True, help_text="Empty for lines of an invoice."),
        "usage_type": of.CharField(allow_null=True),
        "ours": _side("Our"),
        "theirs": _side("Their"),
        "differs": DIFFERENCE(many=True),
    },
)
ROW_PAGE = list_of("ControlRow", ROW)

PARAMETERS = [
    query("cycle", "The first day of the cycle; when left out, the one of its days.", of=OpenApiTypes.DATE),
    query("as_of", "When the vendor counted, where that is known.", of=OpenApiTypes.DATETIME),
    query("name", "What the paper is called."),
]
sending_paper = extend_schema(
    operation_id="control_totals_send",
    tags=["control totals"],
    summary="Takes a vendor's paper, to be compared with our figures.",
    description="The body is the file itself, of up to 5 MB: a Daily Detail, days with their peaks, or invoice lines;"
    " as CSV, as a workbook, or (invoices) as JSON. Read the paper again until its `state` is no longer `waiting`. The"
    " same content again is the same paper, compared anew.",
    parameters=PARAMETERS,
    request={
        "application/octet-stream": OpenApiTypes.BINARY,
        "text/csv": OpenApiTypes.STR,
        "application/json": OpenApiTypes.ANY,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": OpenApiTypes.BINARY,
    },
    responses={(202, "application/json"): TOTAL, **problems(400, 404, 408, 409, 413, 415, 422)},
)
