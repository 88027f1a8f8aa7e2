"""What is read to tell whether sources are on time: when their files came, and which days they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Max, Min, Sum

from apps.core.domain.periods import ONE_DAY, Period
from apps.usage.domain.freshness import CalendarDay, Rhythm, calendar, rhythm
from apps.usage.models import Channel, Source, SourceDay

DAYS_SHOWN = 60
ARRIVALS_READ = 50  # of each source, the newest

# What the provider itself sent for a source counts as well, where it names a customer of the source's partner or none.
_ARRIVALS = """
SELECT source.id, newest.arrived_at
FROM usage_source source
CROSS JOIN LATERAL (
    (SELECT arrived_at FROM usage_delivery
     WHERE partner_id = source.partner_id AND source_name = source.name AND channel <> %(mended)s
     ORDER BY arrived_at DESC LIMIT %(most)s)
    UNION ALL
    (SELECT arrived_at FROM usage_delivery
     WHERE partner_id IS NULL AND source_name = source.name AND channel <> %(mended)s
       AND (customer_ref = '' OR EXISTS (
            SELECT FROM organisations_customer customer
            WHERE customer.ref = customer_ref AND customer.partner_id = source.partner_id))
     ORDER BY arrived_at DESC LIMIT %(most)s)
) newest
WHERE source.id = ANY(%(sources)s)
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A source: its rhythm, the last moment that its records speak of, and its calendar over all kinds."""

    source: Source
    rhythm: Rhythm
    until: datetime | None
    days: Sequence[CalendarDay]


@dataclass(frozen=True, slots=True)
class KindOfSource:
    """What a source brought of one kind."""

    kind: int
    until: datetime
    first: date
    days: Sequence[CalendarDay]


def last_days(today: date) -> Period:
    """The days that a calendar shows, to today."""
    return Period(today - (DAYS_SHOWN - 1) * ONE_DAY, today)


def list_rhythms(sources: Iterable[Source], *, now: datetime) -> dict[int, Rhythm]:
    """The rhythm of each source, by its key; mended rows are no delivery. One query."""
    arrivals: dict[int, list[datetime]] = {source.pk: [] for source in sources}
    with connection.cursor() as cursor:
        cursor.execute(
            _ARRIVALS, {"mended": Channel.MENDED, "most": ARRIVALS_READ, "sources": list(arrivals)}
        )
        for source_id, arrived_at in cursor.fetchall():
            arrivals[source_id].append(arrived_at)
    return {source_id: rhythm(moments, now=now) for source_id, moments in arrivals.items()}


def by_need(sources: Iterable[Source], rhythms: dict[int, Rhythm]) -> list[Source]:
    """Silent ones first, the longest silence at the top; the others by name."""

    def need(source: Source) -> tuple[float, str, int]:
        found = rhythms[source.pk]
        silent_since = found.last.timestamp() if found.is_silent and found.last else float("inf")
        return (silent_since, source.name, source.pk)

    return sorted(sources, key=need)


def list_freshness(
    sources: Sequence[Source], rhythms: dict[int, Rhythm], *, window: Period, today: date
) -> list[Freshness]:
    """What a list shows of sources. Two queries."""
    keys = [source.pk for source in sources]
    spans = {
        row["source_id"]: row
        for row in SourceDay.objects.filter(source_id__in=keys)
        .values("source_id")
        .annotate(until=Max("until"), first=Min("day"))
    }
    records: dict[int, dict[date, int]] = {}
    for row in (
        SourceDay.objects.filter(source_id__in=keys, day__range=(window.first, window.last))
        .values("source_id", "day")
        .annotate(records=Sum("records"))
    ):
        records.setdefault(row["source_id"], {})[row["day"]] = row["records"]
    return [
        Freshness(
            source,
            rhythms[source.pk],
            spans[source.pk]["until"] if source.pk in spans else None,
            calendar(
                records.get(source.pk, {}),
                window,
                first=spans[source.pk]["first"] if source.pk in spans else None,
                today=today,
            ),
        )
        for source in sources
    ]


def list_kinds(source: Source, *, window: Period, today: date) -> list[KindOfSource]:
    """What a source brought, kind by kind. Two queries."""
    records: dict[int, dict[date, int]] = {}
    for kind, day, count in SourceDay.objects.filter(
        source_id=source.pk, day__range=(window.first, window.last)
    ).values_list("kind", "day", "records"):
        records.setdefault(kind, {})[day] = count
    spans = (
        SourceDay.objects.filter(source_id=source.pk)
        .values("kind")
        .annotate(until=Max("until"), first=Min("day"))
        .order_by("kind")
    )
    return [
        KindOfSource(
            span["kind"],
            span["until"],
            span["first"],
            calendar(records.get(span["kind"], {}), window, first=span["first"], today=today),
        )
        for span in spans
    ]


def last_day_of(source: Source) -> date | None:
    """The newest day that a source's records speak of, of any kind."""
    newest: date | None = SourceDay.objects.filter(source_id=source.pk).aggregate(newest=Max("day"))["newest"]
    return newest
