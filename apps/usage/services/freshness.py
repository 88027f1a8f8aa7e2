"""How many records a source brings of each day, and until when: what freshness is told by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apps.core.bulk import BigInts, Ints, Moments, array_cursor
from apps.usage.domain.days import DAY
from apps.usage.domain.moments import STILL_OPEN
from apps.usage.services.storing import Arriving

_DAYS = 10_000_000  # more than there are


def count_days(arriving: Arriving, *, added: NDArray[np.bool_], completed: NDArray[np.int64]) -> None:
    """Count the records that were added to the days on which they start, and see how far those and others reach.

    The last statement of a transaction that touches what others touch too: they wait for its end alone.
    """
    news = added.copy()
    news[completed] = True
    if not news.any():
        return
    counted = added[news].astype(np.int64)
    arriving = arriving if news.all() else arriving.chosen(news)
    start, end = arriving.records.start, arriving.records.end
    until = np.where(end == STILL_OPEN, start, end)
    keys, first, of_record = np.unique(
        arriving.source_ids * _DAYS + start // DAY, return_index=True, return_inverse=True
    )
    latest = np.full(len(keys), np.iinfo(np.int64).min)
    np.maximum.at(latest, of_record, until)
    with array_cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO usage_sourceday AS known (source_id, partner_id, kind, day, records, until)
            SELECT source_id, partner_id, %(kind)s, date '1970-01-01' + day, records, until
            FROM unnest(%(sources)s::int[], %(partners)s::int[], %(days)s::int[], %(records)s::bigint[],
                        %(until)s::timestamptz[]) AS counted (source_id, partner_id, day, records, until)
            ORDER BY source_id, day
            ON CONFLICT (partner_id, source_id, kind, day) DO UPDATE
            SET records = known.records + excluded.records, until = greatest(known.until, excluded.until)
            """,
            {
                "kind": int(arriving.kind),
                "sources": Ints(arriving.source_ids[first]),
                "partners": Ints(arriving.partner_ids[first]),
                "days": Ints(start[first] // DAY),
                "records": BigInts(np.bincount(of_record, weights=counted).astype(np.int64)),
                "until": Moments(latest),
            },
        )
