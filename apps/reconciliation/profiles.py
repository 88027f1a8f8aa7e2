"""The day profiles that are stored, as arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import numpy as np

from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.steps import Steps
from apps.reconciliation.models import CycleProfile


def read_profiles(
    customer: Customer, period: Period, measures: Collection[Measure] = tuple(Measure)
) -> dict[Measure, Int64]:
    """The counts of each measure through the days of ``period``: int64 ``(days, slots)``; one without is left out."""
    profiles: dict[Measure, Int64] = {}
    for stored in CycleProfile.objects.filter(
        customer_id=customer.pk, measure__in=measures, first_day__lte=period.last, last_day__gte=period.first
    ):
        measure, cycle = Measure(stored.measure), Period(stored.first_day, stored.last_day)
        counts = _steps(stored).dense()
        first, last = max(cycle.first, period.first), min(cycle.last, period.last)
        begin, end = (first - cycle.first).days, (last - cycle.first).days + 1
        wanted = counts.reshape(cycle.days, measure.slots)[begin:end]
        if wanted.any():
            profile = profiles.setdefault(measure, np.zeros((period.days, measure.slots), np.int64))
            begin = (first - period.first).days
            profile[begin : begin + len(wanted)] = wanted
    return profiles


def read_known_profiles(cycles: Sequence[tuple[int, Period]]) -> list[dict[Measure, Steps]]:
    """What is stored of the cycles of customers that start with these periods; a measure without any is left out."""
    found: dict[tuple[int, date], dict[Measure, Steps]] = {
        (customer_id, period.first): {} for customer_id, period in cycles
    }
    for stored in CycleProfile.objects.filter(
        customer_id__in={customer_id for customer_id, _first in found},
        first_day__in={first for _customer, first in found},
    ):
        of_cycle = found.get((stored.customer_id, stored.first_day))
        if of_cycle is not None:
            of_cycle[Measure(stored.measure)] = _steps(stored)
    return list(found.values())


def _steps(stored: CycleProfile) -> Steps:
    length = Period(stored.first_day, stored.last_day).days * Measure(stored.measure).slots
    return Steps.unpack(bytes(stored.counts), length)
