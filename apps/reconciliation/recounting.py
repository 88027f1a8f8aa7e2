"""Counting a day, or a cycle, again from its records: for proofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from apps.catalogue.domain.kinds import PREMIUM, LicenceModel, UsageType
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import Stretch, calculate, count_days
from apps.reconciliation.domain.detail import Figures
from apps.reconciliation.domain.profiles import Measure, Profiles
from apps.reconciliation.domain.proof import Ground
from apps.reconciliation.domain.witnesses import (
    MINUTE,
    SAMPLE,
    Peak,
    Witness,
    agents_in_sample,
    busiest_instant,
    contacts_between,
    logged_in,
    start_of_day,
)
from apps.reconciliation.selectors import LOOK_BACK_TIME, as_facts
from apps.subscriptions.domain.commitments import Line, committed_by_day
from apps.usage.domain.evidence import StoredRecord
from apps.usage.domain.records import Kind
from apps.usage.evidence import Span, list_first, list_touching
from apps.usage.selectors import Records, Window, read_records

_KIND = {UsageType.IVR_PORT: Kind.IVR_LEG, UsageType.WORKFORCE_OPTIMIZATION: Kind.WFO_SESSION}


@dataclass(frozen=True)
class DayCount:
    """What a day used of some usage types, and for one of them its peak (None: it has none) and who is counted."""

    used: Mapping[UsageType, int]
    peak: Peak | None
    witnesses: Sequence[Witness]


@dataclass(frozen=True)
class Recounting:
    """The records of a customer, counted by the settings that the stated figures were made by."""

    customer: Customer
    ground: Ground

    def cycle(self, lines: Sequence[Line]) -> Figures:
        """The figures of all days used, from all their records."""
        ground = self.ground
        kinds = (Kind.AGENT_SESSION, Kind.WFO_SESSION, Kind.IVR_LEG)
        return calculate(
            period=ground.period,
            licence_model=ground.licence_model,
            committed=committed_by_day(lines, ground.period),
            facts=as_facts(self._read(ground.period, kinds), ground.settings),
            settings=ground.settings,
        )

    def day(self, day: date, usage_type: UsageType, behind: Iterable[UsageType]) -> DayCount:
        """What a day used of the types ``behind`` a usage type, which is one of them, and who is counted in that."""
        peaked = [each for each in behind if self._has_peak(each)]
        profiles = self._profiles(day, peaked)
        logins = self._logins(behind)
        used = {
            each: int(profiles[Measure(each)].max()) if Measure(each) in profiles else 0 for each in peaked
        }
        used |= {each: len(_up_to(day, who)) for each, who in logins.items()}
        if usage_type in logins:
            return DayCount(used, None, _up_to(day, logins[usage_type]))
        if not used[usage_type]:
            return DayCount(used, None, ())
        return DayCount(used, *self._peak(day, usage_type, profiles[Measure(usage_type)].tolist()))

    def _has_peak(self, usage_type: UsageType) -> bool:
        is_named = self.ground.licence_model is LicenceModel.NAMED
        return usage_type is UsageType.IVR_PORT or not (is_named or usage_type in _KIND)

    def _read(self, period: Period, kinds: Sequence[Kind]) -> dict[Kind, Records]:
        (records,) = read_records(
            [Window(self.customer.pk, period)],
            kinds,
            look_back=LOOK_BACK_TIME,
            longest_open=self.ground.settings.longest_open,
        )
        return records

    def _profiles(self, day: date, types: Sequence[UsageType]) -> Profiles:
        if not types:
            return {}
        ground, today = self.ground, Period(day, day)
        kinds = {_KIND.get(each, Kind.AGENT_SESSION) for each in types}
        facts = as_facts(self._read(today, sorted(kinds)), ground.settings)
        (counted,) = count_days([Stretch(today, ground.licence_model, ground.settings)], [facts])
        return {measure: steps.dense() for measure, steps in counted.profiles.items()}

    def _logins(self, types: Iterable[UsageType]) -> dict[UsageType, list[Witness]]:
        """Who logged in during the cycle as what: an agent with any Premium session is Premium (R3)."""
        period, found = self.ground.period, {}
        span = self._span(start_of_day(period.first), start_of_day(period.last + ONE_DAY))
        by_kind: dict[Kind, list[Witness]] = {}
        for usage_type in types:
            if self._has_peak(usage_type):
                continue
            kind = _KIND.get(usage_type, Kind.AGENT_SESSION)
            if kind not in by_kind:
                by_kind[kind] = logged_in(list_first(self.customer.pk, kind, span), period)
            is_premium = usage_type in PREMIUM.values()
            found[usage_type] = [
                each for each in by_kind[kind] if (each.premium_day is not None) is is_premium
            ]
        return found

    def _peak(self, day: date, usage_type: UsageType, counts: list[int]) -> tuple[Peak, list[Witness]]:
        """The first sample or minute with the most, and who is counted there."""
        longest, position = self.ground.settings.longest_open, counts.index(max(counts))
        if usage_type is not UsageType.IVR_PORT:
            start = start_of_day(day) + position * SAMPLE
            peak = Peak("sample", start, start + SAMPLE, tuple(counts))
            sessions = self._touching(Kind.AGENT_SESSION, peak.since, peak.end)
            is_premium = usage_type in PREMIUM.values()
            return peak, agents_in_sample(sessions, peak, premium=is_premium, longest_open=longest)
        start = start_of_day(day) + position * MINUTE
        legs = self._touching(Kind.IVR_LEG, start, start + MINUTE)
        if self.ground.settings.ivr_peak == "minute":
            peak = Peak("minute", start, start + MINUTE, tuple(counts))
            return peak, contacts_between(legs, peak.start, peak.end, longest_open=longest)
        instant, there = busiest_instant(legs, start, longest_open=longest)
        return Peak("instant", instant, instant, tuple(counts)), there

    def _touching(self, kind: Kind, since: datetime, upto: datetime) -> list[StoredRecord]:
        return list_touching(self.customer.pk, kind, self._span(since, upto))

    def _span(self, since: datetime, upto: datetime) -> Span:
        return Span(since, upto, self.ground.settings.longest_open)


def _up_to(day: date, logins: Sequence[Witness]) -> list[Witness]:
    """Those who had logged in by a day."""
    return [each for each in logins if each.first_day is not None and each.first_day <= day]
