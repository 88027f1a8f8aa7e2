"""Facts as the rules take them: rows of intervals of one customer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.db.models import Max, Q

from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.usage.domain.records import LONGEST_RECORD, Kind
from apps.usage.models import Interval

IntervalRow = tuple[str, int, int | None, bool]


def midnight(day: date) -> datetime:
    """The moment at which a day starts, UTC."""
    return datetime.combine(day, time.min, UTC)


def list_intervals(
    customer: Customer, kind: Kind, period: Period, *, look_back: timedelta = timedelta(0)
) -> list[IntervalRow]:
    """Rows (actor, start, end or None, premium) that can touch ``period`` or the time ``look_back`` before it.

    Times are microseconds since 1970 UTC. No record lasts longer than 31 days, so none that starts earlier counts.
    """
    first, last = midnight(period.first) - look_back, midnight(period.last + ONE_DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT actor, (extract(epoch FROM started_at) * 1000000)::bigint,
                   (extract(epoch FROM ended_at) * 1000000)::bigint, coalesce(premium, false)
            FROM usage_interval
            WHERE customer_id = %s AND kind = %s AND started_at >= %s AND started_at < %s
              AND (ended_at IS NULL OR ended_at >= %s)
            ORDER BY actor, started_at, source_id, record_id
            """,
            [customer.pk, int(kind), first - LONGEST_RECORD, last, first],
        )
        rows: list[IntervalRow] = cursor.fetchall()
        return rows


def days_with_usage(customer: Customer) -> Period | None:
    """From the first to the last day on which a record of the customer starts, None where there is none.

    Kind by kind, because the index leads from a kind straight to its first and its last record.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(edge.first), max(edge.last)
            FROM unnest(%s::smallint[]) AS kinds (kind), LATERAL (
                SELECT min(started_at) AS first, max(started_at) AS last FROM usage_interval
                WHERE customer_id = %s AND usage_interval.kind = kinds.kind
            ) AS edge
            """,
            [[int(kind) for kind in Kind], customer.pk],
        )
        first, last = cursor.fetchone()
    return None if first is None else Period(first.astimezone(UTC).date(), last.astimezone(UTC).date())


def last_day_reached(customer: Customer, usage: Period) -> date:
    """The last day that a record touches: one that starts on a day of ``usage`` can end in the next cycle (R3)."""
    found = Interval.objects.filter(
        customer_id=customer.pk,
        kind__in=[kind.value for kind in Kind],
        started_at__gte=midnight(usage.last) - LONGEST_RECORD,
    ).aggregate(ended=Max("ended_at"), opened=Max("started_at", filter=Q(ended_at=None)))
    touched = [usage.last]
    if found["ended"] is not None:
        touched.append((found["ended"] - timedelta(microseconds=1)).date())
    if found["opened"] is not None:
        touched.append((found["opened"] + ONE_DAY).date())
    return max(touched)
