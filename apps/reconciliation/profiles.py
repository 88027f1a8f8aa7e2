"""The day profiles that are stored, as arrays."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.profiles import Measure, unpack
from apps.reconciliation.models import DayProfile


def read_profiles(
    customer: Customer, period: Period, measures: Collection[Measure] = tuple(Measure)
) -> dict[Measure, Int64]:
    """The counts of each measure through the days of ``period``: int64 ``(days, slots)``; one without is left out."""
    profiles: dict[Measure, Int64] = {}
    stored = DayProfile.objects.filter(
        customer_id=customer.pk, measure__in=measures, day__range=(period.first, period.last)
    )
    for name, day, counts in stored.values_list("measure", "day", "counts"):
        measure = Measure(name)
        profile = profiles.setdefault(measure, np.zeros((period.days, measure.slots), np.int64))
        profile[(day - period.first).days] = unpack(bytes(counts), measure)
    return profiles
