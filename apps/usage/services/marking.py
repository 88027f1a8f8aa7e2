"""Marking the days whose figures are no longer what the records say."""

from __future__ import annotations

import numpy as np

from apps.catalogue.domain.kinds import Service
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import mark_all_late, mark_all_stale
from apps.usage.conflict_sides import longest_open
from apps.usage.domain.days import days_changed_of, single_days
from apps.usage.domain.moments import MICROSECOND, STILL_OPEN
from apps.usage.domain.records import Kind
from apps.usage.services.storing import Arriving


def mark_changed(arriving: Arriving, *, cause: StaleCause) -> None:
    """The days whose figures these records can change are stale.

    ``REPLACED``: they were stored without an end, and count for what they were until then and for what they are now.
    Units of digital channels make no day stale: they are counted when somebody asks. But late they can be.
    """
    if not len(arriving):
        return
    owners, start, end = arriving.customer_ids, arriving.records.start, arriving.records.end
    if arriving.kind is Kind.DIGITAL_USAGE:
        mark_all_late(service=Service.DIGITAL, days=single_days(owners, start))
        return
    open_end = start + longest_open() // MICROSECOND
    if cause is StaleCause.REPLACED:
        owners, start, end = np.tile(owners, 2), np.tile(start, 2), np.concatenate([end, open_end])
    else:
        end = np.where(end == STILL_OPEN, open_end, end)
    partners = dict(zip(arriving.customer_ids.tolist(), arriving.partner_ids.tolist(), strict=True))
    mark_all_stale(days=days_changed_of(owners, start, end), partners=partners, cause=cause)
