"""What is stored of the cycles of many customers, and how far each can be trusted: read without calculating."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apps.catalogue.domain.kinds import LicenceModel, Service, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import CycleResult, TypeFigures
from apps.reconciliation.selectors import list_settings
from apps.subscriptions.models import ClosedCycle, StaleSpan


class Freshness(StrEnum):
    """How far figures can be trusted.

    ``FINAL``: the cycle is closed, they are those invoiced. ``PROVISIONAL``: right for what is known up to the last
    day used. ``STALE``: something came since, or the rules or settings changed; they wait to be calculated again.
    """

    FINAL = "final"
    PROVISIONAL = "provisional"
    STALE = "stale"


_CLOSED = ClosedCycle.objects.filter(
    customer=OuterRef("customer_id"), service=OuterRef("service"), first_day=OuterRef("first_day")
)


def stored_cycles() -> QuerySet[CycleResult]:
    """The stored results of all that the scope sees, each with ``closed_at``, None while the cycle is open."""
    return CycleResult.objects.annotate(closed_at=Subquery(_CLOSED.values("closed_at")[:1])).defer(
        "daily_agents", "daily_committed"
    )


def only_closed(cycles: QuerySet[CycleResult], *, closed: bool) -> QuerySet[CycleResult]:
    """Those whose cycle is closed, or those whose is open."""
    return cycles.filter(Exists(_CLOSED) if closed else ~Exists(_CLOSED))


def freshness_of(cycles: Sequence[CycleResult]) -> dict[int, Freshness]:
    """How far each of ``stored_cycles`` can be trusted, by its key, in three queries."""
    touched: dict[int, list[Period]] = {}
    spans = StaleSpan.objects.filter(customer__in={cycle.customer_id for cycle in cycles})
    for customer_id, first, last in spans.values_list("customer_id", "first_day", "last_day"):
        touched.setdefault(customer_id, []).append(Period(first, last))
    settings = list_settings()
    offers = dict(
        CycleResult.objects.filter(pk__in=[cycle.pk for cycle in cycles]).values_list(
            "pk", "primary__offer__code"
        )
    )

    def state(cycle: CycleResult) -> Freshness:
        if getattr(cycle, "closed_at", None) is not None:
            return Freshness.FINAL
        model = LicenceModel(cycle.settings["licence_model"])
        holds = (
            cycle.rules_version == RULES_VERSION
            and cycle.settings == settings[offers[cycle.pk]].snapshot(model)
            and not any(
                span.meet(cycle.first_day, cycle.last_day) for span in touched.get(cycle.customer_id, ())
            )
        )
        return Freshness.PROVISIONAL if holds else Freshness.STALE

    return {cycle.pk: state(cycle) for cycle in cycles}


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of the Daily Detail as it is stored; ``number`` counts its cycle's days from 1."""

    customer_id: int
    customer_ref: str
    first_day: date
    number: int
    position: int
    day: date
    usage_type: UsageType
    used: int
    committed: int
    substituted: int
    overage: int
    is_overage_peak: bool

    @property
    def place(self) -> tuple[int, date, int, int]:
        """Where it stands in the order of all rows."""
        return self.customer_id, self.first_day, self.number, self.position


# Rows come by cycle, and only those of one cycle are sorted: the primary key leads from cycle to cycle.
_ROWS = """
    SELECT figures.customer_id, customer.ref, figures.first_day, days.number, figures.position,
           figures.first_day + (days.number - 1)::int AS day, figures.usage_type,
           days.used, days.committed, days.substituted, days.overage,
           coalesce(figures.marked = days.number - 1, false)
    FROM ({figures}) AS figures
    JOIN organisations_customer AS customer ON customer.id = figures.customer_id
    CROSS JOIN LATERAL unnest(figures.used, figures.committed, figures.substituted, figures.overage)
         WITH ORDINALITY AS days (used, committed, substituted, overage, number)
    WHERE {conditions}
    ORDER BY figures.customer_id, figures.first_day, days.number, figures.position
    LIMIT %s
"""


def list_stored_rows(
    figures: QuerySet[TypeFigures],
    *,
    days: tuple[date | None, date | None] = (None, None),
    only_overage: bool = False,
    after: Sequence[Any] | None = None,
    limit: int,
) -> list[StoredRow]:
    """Rows of the Daily Detail by customer, cycle, day and usage type, at most ``limit`` that follow ``after``.

    ``figures`` are the cycles and usage types wanted; ``days`` the first and the last day.
    """
    columns = figures.order_by().values(
        "customer_id", "first_day", "usage_type", "position", "used", "committed", "substituted", "overage", "marked"
    )  # fmt: skip
    try:
        inner, parameters = columns.query.sql_with_params()
    except EmptyResultSet:  # the filters leave nothing
        return []
    conditions, values = ["true"], []
    day = "figures.first_day + (days.number - 1)::int"
    for sign, wanted in zip((">=", "<="), days, strict=True):
        if wanted is not None:
            conditions.append(f"{day} {sign} %s")
            values.append(wanted)
    if only_overage:
        conditions.append("days.overage > 0")
    if after is not None:
        conditions += [
            "figures.customer_id >= %s",
            "(figures.customer_id, figures.first_day, days.number, figures.position) > (%s, %s, %s, %s)",
        ]
        values += [after[0], *after]
    query = _ROWS.format(figures=inner, conditions=" AND ".join(conditions))
    with connection.cursor() as cursor:
        cursor.execute(query, [*parameters, *values, limit])
        return [
            StoredRow(
                customer, ref, first, number, position, day, UsageType(kind), used, held, lent, over, is_peak
            )
            for customer, ref, first, number, position, day, kind, used, held, lent, over, is_peak in cursor
        ]


def cycles_of_rows(rows: Iterable[StoredRow]) -> dict[tuple[int, date], CycleResult]:
    """The cycles that rows stand in, by customer and first day."""
    wanted = {(row.customer_id, row.first_day) for row in rows}
    found = stored_cycles().filter(
        service=Service.CONTACT_CENTRE,
        customer__in={customer for customer, _first in wanted},
        first_day__in={first for _customer, first in wanted},
    )
    return {
        (each.customer_id, each.first_day): each
        for each in found
        if (each.customer_id, each.first_day) in wanted
    }
