"""Rows kept aside: those of a kind together, because one correction mends them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Max, Min, QuerySet, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, NullIf

from apps.usage.domain.faults import Fault
from apps.usage.domain.records import DESCRIBED, Kind, KindOfFile
from apps.usage.models import RowKeptAside

GROUPS_SHOWN = 50
_NOTHING = Value("", output_field=TextField())

# The column whose value makes rows of one reason of one kind.
OFFENDING = {
    Fault.UNKNOWN_CUSTOMER: "customer",
    Fault.UNKNOWN_LICENCE: "licence",
    Fault.NO_LICENCE: "agent_id",
    Fault.UNKNOWN_SKU: "sku",
}


@dataclass(frozen=True, slots=True)
class GroupKey:
    """Rows of one sender, source, kind and reason, with one offending value (empty where none offends).

    ``partner`` is the sender's key, None for the provider.
    """

    partner: int | None
    source: str
    kind: Kind
    reason: str
    value: str

    @property
    def described(self) -> KindOfFile:
        """The kind of file."""
        return DESCRIBED[self.kind]


@dataclass(frozen=True, slots=True)
class Group:
    """So many open rows of a kind; ``file_name`` is empty where they stand in several files."""

    key: GroupKey
    sender: str
    rows: int
    file_name: str
    newest: datetime


def with_value(rows: QuerySet[RowKeptAside]) -> QuerySet[Any]:
    """The rows with their offending ``value``."""
    whens = []
    for fault, column in OFFENDING.items():
        cell: Any = KeyTextTransform(column, "cells")
        if column == "customer":
            cell = Coalesce(NullIf(cell, _NOTHING), F("delivery__customer_ref"), output_field=TextField())
        whens.append(When(reason=fault.value, then=Coalesce(cell, _NOTHING)))
    return rows.annotate(value=Case(*whens, default=_NOTHING))


def list_groups(rows: QuerySet[RowKeptAside]) -> list[Group]:
    """The groups of these rows' open ones, the largest first; one more than ``GROUPS_SHOWN`` at most."""
    found = (
        with_value(rows.filter(settled_at=None))
        .order_by()
        .values(
            "partner_id",
            "partner__name",
            "delivery__source_name",
            "delivery__kind",
            "reason",
            "value",
        )
        .annotate(
            rows=Count("pk"),
            first=Min("delivery__file_name"),
            last=Max("delivery__file_name"),
            newest=Max("delivery__arrived_at"),
        )
        .order_by("-rows", "delivery__source_name", "reason", "value")[: GROUPS_SHOWN + 1]
    )
    return [
        Group(
            key=GroupKey(
                each["partner_id"],
                each["delivery__source_name"],
                Kind(each["delivery__kind"]),
                each["reason"],
                each["value"],
            ),
            sender=each["partner__name"] or "",
            rows=each["rows"],
            file_name=each["first"] if each["first"] == each["last"] else "",
            newest=each["newest"],
        )
        for each in found
    ]


def rows_of(key: GroupKey) -> QuerySet[RowKeptAside]:
    """The open rows of a group, in the order in which they came."""
    rows = RowKeptAside.objects.filter(
        settled_at=None,
        partner=key.partner,
        reason=key.reason,
        delivery__source_name=key.source,
        delivery__kind=key.kind,
    )
    return with_value(rows).filter(value=key.value).order_by("pk")
