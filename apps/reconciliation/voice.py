"""Reads of voice calls: how many there were at once on each day of a cycle, and how many were accepted (R9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import Stretch, count_days
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.profiles import Measure, Profiles, by_slot
from apps.reconciliation.domain.voice import judge_calls
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.selectors import (
    LOOK_BACK_TIME,
    as_facts,
    find_result,
    last_day_used,
    model_of,
    settings_of,
)
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.domain.surge import VoiceEntitlement
from apps.subscriptions.selectors import list_voice_entitlements
from apps.usage.domain.records import Kind
from apps.usage.selectors import Window, read_records


@dataclass(frozen=True, slots=True)
class VoiceDay:
    """A day's calls against what was accepted on it.

    ``peak_at``: the minute of the day in which the most calls were there first; None without a call.
    """

    day: date
    entitlement: VoiceEntitlement
    peak: int
    peak_at: int | None
    most_above: int
    minutes_above: int

    @property
    def accepted(self) -> int:
        """The most simultaneous calls that were accepted, by the percentage in force at the day's end."""
        return self.entitlement.accepted_calls


@dataclass(frozen=True)
class VoiceCycle:
    """The days of a cycle up to ``until``, the last day used; at least one."""

    cycle: Cycle
    until: date
    days: list[VoiceDay]
    is_closed: bool

    @property
    def peak(self) -> VoiceDay:
        """The first day with the most simultaneous calls."""
        return max(self.days, key=lambda each: each.peak)

    @property
    def above(self) -> list[VoiceDay]:
        """The days on which there were more than accepted."""
        return [each for each in self.days if each.most_above]

    @property
    def most_above(self) -> VoiceDay:
        """The first day with the most calls above what was accepted."""
        return max(self.days, key=lambda each: each.most_above)

    @property
    def minutes_above(self) -> int:
        """The minutes of all days that held more than accepted."""
        return sum(each.minutes_above for each in self.days)


def get_voice(customer: Customer, cycle: Cycle, *, today: date, until: date | None = None) -> VoiceCycle:
    """The calls of a contact-centre cycle: as they were counted last, or counted now where that does not hold any more.

    Raises:
        NothingToUse: no day of the cycle is complete.
    """
    last = last_day_used(cycle, today=today, until=until)
    period = Period(cycle.first, last)
    stored, is_closed = find_result(customer, cycle, until=last)
    counted = (
        _count_calls(customer, cycle, period)
        if stored is None
        else read_profiles(customer, period, [Measure.VOICE_CALLS])
    )
    nothing = np.zeros((period.days, Measure.VOICE_CALLS.slots), np.int64)
    days = _days(customer, period, counted.get(Measure.VOICE_CALLS, nothing))
    return VoiceCycle(cycle, last, list(days), is_closed)


def _days(customer: Customer, period: Period, calls: Int64) -> Iterator[VoiceDay]:
    entitlements = list_voice_entitlements(customer, period)
    judged = judge_calls(calls, np.array([each.accepted_calls for each in entitlements], np.int64))
    for day, entitlement, peak, peak_at, most_above, minutes_above in zip(
        period,
        entitlements,
        judged.peak.tolist(),
        judged.peak_at.tolist(),
        judged.most_above.tolist(),
        judged.minutes_above.tolist(),
        strict=True,
    ):
        yield VoiceDay(day, entitlement, peak, peak_at if peak else None, most_above, minutes_above)


def _count_calls(customer: Customer, cycle: Cycle, period: Period) -> Profiles:
    """The profile of the calls, from the records."""
    settings = settings_of(cycle.primary.offer)
    (records,) = read_records(
        [Window(customer.pk, period)],
        (Kind.VOICE_CALL,),
        look_back=LOOK_BACK_TIME,
        longest_open=settings.longest_open,
    )
    (counted,) = count_days([Stretch(period, model_of(cycle), settings)], [as_facts(records, settings)])
    return by_slot(counted.profiles)
