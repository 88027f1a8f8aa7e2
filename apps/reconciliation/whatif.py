"""What past cycles would come to under other commitments, from what is stored of them: no record is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import peaked_types
from apps.reconciliation.domain.detail import Use
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.whatif import Changes, Comparison, Kept, re_rate
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.selectors import (
    cycle_starting,
    is_fresh,
    last_day_used,
    model_of,
    read_types,
    settings_of,
    stored_as,
)
from apps.subscriptions.domain.commitments import Line, committed_by_day
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import closed_as, has_stale_days, list_lines, surge_by_day


@dataclass(frozen=True)
class ReRated:
    """A cycle as it is and as it would be, up to ``until``.

    ``is_up_to_date``: nothing has come in that its stored figures do not know of; a closed cycle's always are.
    """

    cycle: Cycle
    until: date
    is_closed: bool
    is_up_to_date: bool
    comparison: Comparison


def re_rate_cycles(
    customer: Customer, first_days: Iterable[date], changes: Changes, *, today: date
) -> list[ReRated]:
    """The contact-centre cycles that start on these days, as they are and under ``changes``.

    A closed cycle is taken as it was closed, an open one as it was calculated last, by the commitments of now; one
    that is not stored used nothing.

    Raises:
        NoSuchCycle, NothingToUse: of one of them.
    """
    lines = list_lines(customer, Service.CONTACT_CENTRE)
    return [
        _re_rate(
            customer,
            cycle_starting(customer, first_day, today=today, service=Service.CONTACT_CENTRE),
            changes,
            lines=lines,
            today=today,
        )
        for first_day in dict.fromkeys(first_days)
    ]


def _re_rate(
    customer: Customer, cycle: Cycle, changes: Changes, *, lines: Sequence[Line], today: date
) -> ReRated:
    last = last_day_used(cycle, today=today)
    closed = closed_as(customer, Service.CONTACT_CENTRE, cycle.first).first()
    stored = stored_as(customer, cycle).first()
    until = last if stored is None else stored.until
    if closed is not None:
        inputs = closed.snapshot["inputs"]
        settings = Settings.of_snapshot(inputs["settings"])
        committed = {UsageType(name): days for name, days in inputs["committed"].items()}
        is_up_to_date = True
    else:
        settings = settings_of(cycle.primary.offer)
        committed = committed_by_day(lines, cycle.period)
        is_up_to_date = (
            not has_stale_days(customer, cycle.period)
            if stored is None
            else stored.until == last and is_fresh(stored, customer, cycle)
        )
    days_used = Period(cycle.first, until)
    profiles = {} if stored is None else read_profiles(customer, days_used, [Measure.VOICE_CALLS])
    kept = Kept(
        cycle=cycle.period,
        until=until,
        licence_model=model_of(cycle),
        settings=settings,
        committed={usage_type: np.array(days, np.int64) for usage_type, days in committed.items()},
        use=_read_use(customer, cycle, days_used, is_stored=stored is not None),
        calls=profiles.get(Measure.VOICE_CALLS),
        surge=surge_by_day(customer, days_used),
    )
    return ReRated(cycle, until, closed is not None, is_up_to_date, re_rate(kept, changes))


def _read_use(customer: Customer, cycle: Cycle, period: Period, *, is_stored: bool) -> dict[UsageType, Use]:
    """What is stored of the days' use, of all types; nothing was used of a cycle that is not stored."""
    nothing = np.zeros(period.days, np.int64)
    use = dict.fromkeys(peaked_types(model_of(cycle)), Use(nothing, nothing))
    if not is_stored:
        return use
    return use | {
        each.usage_type: Use(each.used, each.peak_at) for each in read_types(customer.pk, cycle.first)
    }
