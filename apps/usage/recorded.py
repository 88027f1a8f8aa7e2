"""A customer's records with when each was recorded and by which source: what control totals try their theories on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from apps.core.bulk import plain_cursor, read_moments
from apps.core.domain.periods import ONE_DAY, Period
from apps.usage.domain.records import LONGEST_RECORD, Kind
from apps.usage.selectors import Records, midnight


@dataclass(frozen=True, slots=True)
class RecordedRecords:
    """``records`` of one kind; ``recorded_at`` in microseconds since 1970 UTC, ``source`` as the sources' keys.

    Shapes ``(n,)``, int64.
    """

    records: Records
    recorded_at: NDArray[np.int64]
    source: NDArray[np.int64]


def read_recorded(
    customer_id: int, kinds: Collection[Kind], days: Period, *, longest_open: timedelta
) -> dict[Kind, RecordedRecords]:
    """The records of each kind that can touch ``days``, in one question; a kind without any is left out."""
    values = {
        "customer": customer_id,
        "kinds": [int(kind) for kind in kinds],
        "since": midnight(days.first),
        "upto": midnight(days.last + ONE_DAY),
        "longest": max(LONGEST_RECORD, longest_open),
    }
    with plain_cursor() as cursor:
        rows = cursor.execute(_RECORDS, values, binary=True).fetchall()
    return {
        Kind(kind): RecordedRecords(
            Records(actors, read_moments(start), read_moments(end), np.frombuffer(premium, np.bool_)),
            read_moments(recorded_at),
            np.frombuffer(source, ">i4").astype(np.int64),
        )
        for kind, actors, start, end, premium, recorded_at, source in rows
    }


_RECORDS = """
    SELECT kind, array_agg(actor), string_agg(timestamptz_send(started_at), ''::bytea),
           string_agg(timestamptz_send(coalesce(ended_at, 'infinity')), ''::bytea),
           string_agg(boolsend(coalesce(premium, false)), ''::bytea),
           string_agg(timestamptz_send(recorded_at), ''::bytea), string_agg(int4send(source_id), ''::bytea)
    FROM usage_interval
    WHERE customer_id = %(customer)s AND kind = ANY(%(kinds)s)
      AND started_at >= %(since)s - %(longest)s::interval AND started_at < %(upto)s
      AND (ended_at IS NULL OR ended_at >= %(since)s)
    GROUP BY kind
"""
