"""Records with their ids, for the proof of a figure: the few that it follows from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from apps.usage.domain.evidence import StoredRecord
from apps.usage.domain.records import LONGEST_RECORD, Kind


@dataclass(frozen=True, slots=True)
class Span:
    """The time from ``since`` up to ``upto``. A record still open lasts ``longest_open`` at most."""

    since: datetime
    upto: datetime
    longest_open: timedelta


def list_touching(customer_id: int, kind: Kind, span: Span) -> list[StoredRecord]:
    """The records that touch a span of time, those of one agent or contact together.

    An end that falls on ``since`` does not touch it; a record of no length touches the moment that it is.
    """
    return _read(_IN_ORDER, customer_id, kind, span)


def list_first(customer_id: int, kind: Kind, span: Span) -> list[StoredRecord]:
    """Of the records that touch a span of time the first of each agent, and its first as Premium: at most two."""
    return _read(_FIRST, customer_id, kind, span)


# As ``read_records``: those that last longer than a day have an index of their own, and none lasts longer than 31.
_RECORD = """
    SELECT source.name AS source, record_id, actor, premium, started_at, ended_at, record.recorded_at
    FROM usage_interval AS record
    JOIN usage_source AS source ON source.id = record.source_id
    WHERE record.customer_id = %(customer)s AND kind = %(kind)s
      AND (started_at >= %(since)s OR coalesce(ended_at > %(since)s, started_at > %(open_since)s))
"""
_TOUCHING = f"""
    {_RECORD} AND started_at >= %(since)s - INTERVAL '24 hours' AND started_at < %(upto)s
    UNION ALL
    {_RECORD} AND started_at >= %(earliest)s AND started_at < %(since)s - INTERVAL '24 hours'
      AND (ended_at IS NULL OR ended_at - started_at > INTERVAL '24 hours')
"""
_IN_ORDER = f"{_TOUCHING} ORDER BY actor, started_at, ended_at, source, record_id"
_FIRST = f"""
    SELECT DISTINCT ON (actor, premium) * FROM ({_TOUCHING}) AS touching
    ORDER BY actor, premium, started_at, source, record_id
"""  # noqa: S608 - of constants


def _read(statement: str, customer_id: int, kind: Kind, span: Span) -> list[StoredRecord]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "customer": customer_id,
                "kind": int(kind),
                "since": span.since,
                "upto": span.upto,
                "earliest": span.since - max(LONGEST_RECORD, span.longest_open),
                "open_since": span.since - span.longest_open,
            },
        )
        return [
            StoredRecord(
                source,
                record_id,
                actor,
                premium,
                started_at.astimezone(UTC),
                None if ended_at is None else ended_at.astimezone(UTC),
                recorded_at.astimezone(UTC),
            )
            for source, record_id, actor, premium, started_at, ended_at, recorded_at in cursor.fetchall()
        ]
