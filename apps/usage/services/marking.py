"""Marking the days whose figures are no longer what the records say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, timedelta

import numpy as np
from django.db.models import Max

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import mark_all_late, mark_all_stale, mark_late, mark_stale
from apps.usage.domain.days import DAY, days_changed, days_changed_of, single_days
from apps.usage.domain.moments import MICROSECOND, STILL_OPEN
from apps.usage.domain.records import Content, Kind
from apps.usage.services.storing import Arriving


def mark_changed(arriving: Arriving, *, cause: StaleCause) -> None:
    """The days whose figures these records can change are stale.

    ``REPLACED``: they were stored without an end, and count for what they were until then and for what they are now.
    """
    if not len(arriving):
        return
    owners = arriving.customer_ids
    start, end = arriving.columns.start[arriving.rows], arriving.columns.end[arriving.rows]
    partners = dict(zip(owners.tolist(), arriving.partner_ids.tolist(), strict=True))
    if arriving.kind is Kind.DIGITAL_USAGE:
        used = np.unique(np.stack([owners, start // DAY]), axis=1)
        mark_all_late(service=Service.DIGITAL, days=single_days(*used))
        return
    open_end = start + _longest_open() // MICROSECOND
    if cause is StaleCause.REPLACED:
        owners, start, end = np.tile(owners, 2), np.tile(start, 2), np.concatenate([end, open_end])
    else:
        end = np.where(end == STILL_OPEN, open_end, end)
    mark_all_stale(days=days_changed_of(owners, start, end), partners=partners, cause=cause)


def _longest_open() -> timedelta:
    hours = Offer.objects.aggregate(longest=Max("longest_open_hours"))["longest"]
    return timedelta(hours=hours)


def mark_days(changed: Iterable[tuple[Customer, Content]], *, kind: Kind, cause: StaleCause) -> None:
    """The days whose figures these records can change are stale, run by run.

    Units of digital channels make none stale: they are counted when their figures are asked for. But late they can be.
    """
    customers: dict[int, Customer] = {}
    contents: dict[int, list[Content]] = {}
    for customer, content in changed:
        customers[customer.pk] = customer
        contents.setdefault(customer.pk, []).append(content)
    if kind is Kind.DIGITAL_USAGE:
        for customer_id, of_customer in contents.items():
            days = {content.started_at.astimezone(UTC).date() for content in of_customer}
            mark_late(
                customer=customers[customer_id],
                service=Service.DIGITAL,
                days=[Period(day, day) for day in days],
            )
        return
    if not contents:
        return
    longest_open = _longest_open()
    for customer_id, of_customer in contents.items():
        mark_stale(
            customer=customers[customer_id],
            days=days_changed(of_customer, longest_open=longest_open),
            cause=cause,
        )
