"""From records to what each day used: many customers at once, because a kernel's work is the same for one as for all.

The days to be counted are laid end to end on one long axis with a day between, so that no look-back reaches from one
customer into another, and every kernel sees a single long period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.agents import LOOK_BACK, SAMPLE, concurrent_samples
from apps.reconciliation.domain.detail import Figures, Use, settle
from apps.reconciliation.domain.intervals import MICROSECONDS_A_DAY, Int64, Intervals, start_of
from apps.reconciliation.domain.logins import Logins, first_logins, logged_in_by_day
from apps.reconciliation.domain.ports import contacts_by_instant, contacts_by_minute
from apps.reconciliation.domain.profiles import Measure, by_slot
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.steps import Steps

_AXIS_STARTS = date(1970, 1, 2)
_LOOK_BACK = LOOK_BACK * SAMPLE


@dataclass(frozen=True, slots=True)
class Named:
    """Intervals, and the ids of those whom the codes of their actors stand for: a code is a position in ``names``."""

    intervals: Intervals
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.intervals)

    @classmethod
    def none(cls) -> Named:
        """No intervals."""
        nothing = np.zeros(0, np.int64)
        return cls(Intervals(nothing, nothing, nothing, np.zeros(0, np.bool_)), ())


@dataclass(frozen=True, slots=True)
class Facts:
    """The intervals of one customer that can touch some days."""

    agents: Named
    wfo: Named
    ivr: Named
    voice: Named

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(len(each) for each in (self.agents, self.wfo, self.ivr, self.voice))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive days of one customer in one cycle, and how they are counted."""

    period: Period
    licence_model: LicenceModel
    settings: Settings


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of the days of a stretch, by measure, and what they used of the types that have peaks (R2, R8).

    A measure without records is left out.
    """

    profiles: dict[Measure, Steps] = field(default_factory=dict)
    use: dict[UsageType, Use] = field(default_factory=dict)


def count_days(stretches: Sequence[Stretch], facts: Sequence[Facts]) -> list[Counted]:
    """What each stretch comes to from the records that touch it."""
    counted = [Counted() for _ in stretches]

    def count(
        chosen: Iterable[int],
        pick: Callable[[Facts], Named],
        kernel: Callable[[Intervals, Period], Mapping[Measure, Steps]],
    ) -> None:
        found = [position for position in chosen if len(pick(facts[position]))]
        if not found:
            return
        periods = [stretches[position].period for position in found]
        axis, laid = _lay_end_to_end(periods, [pick(facts[position]) for position in found])
        for measure, steps in kernel(laid, axis).items():
            highest, at = steps.peaks(measure.slots)
            first = 0
            for position, period in zip(found, periods, strict=True):
                beyond = first + period.days
                counted[position].profiles[measure] = steps.cut(first * measure.slots, beyond * measure.slots)
                if measure is not Measure.VOICE_CALLS:
                    counted[position].use[UsageType(measure.value)] = Use(
                        highest[first:beyond], at[first:beyond] * measure.minutes_a_slot
                    )
                first = beyond + 1

    everything = range(len(stretches))
    count(
        (n for n in everything if stretches[n].licence_model is LicenceModel.CONCURRENT),
        lambda each: each.agents,
        _agents,
    )
    for ivr_peak, contacts in (("minute", contacts_by_minute), ("instant", contacts_by_instant)):
        count(
            (n for n in everything if stretches[n].settings.ivr_peak == ivr_peak),
            lambda each: each.ivr,
            lambda legs, axis, contacts=contacts: {Measure.IVR_PORTS: contacts(legs, axis)},  # type: ignore[misc]
        )
    count(
        everything,
        lambda each: each.voice,
        lambda calls, axis: {Measure.VOICE_CALLS: contacts_by_instant(calls, axis)},
    )
    return counted


def _agents(sessions: Intervals, axis: Period) -> dict[Measure, Steps]:
    counted = concurrent_samples(sessions, axis)
    return {Measure.PREMIUM_AGENTS: counted.premium, Measure.STANDARD_AGENTS: counted.standard}


def _lay_end_to_end(periods: Sequence[Period], named: Sequence[Named]) -> tuple[Period, Intervals]:
    """One long period, and the intervals cut to their days (and the look-back before them) and moved onto it."""
    days = np.array([period.days for period in periods])
    offset = np.cumsum(days + 1) - days - 1
    starts = np.array([start_of(period.first) for period in periods])
    lengths = [len(each) for each in named]
    actors = np.array([len(each.names) for each in named])

    def spread(of_stretch: Int64) -> Int64:
        return np.repeat(of_stretch, lengths)

    def joined(column: Callable[[Intervals], Int64]) -> Int64:
        return np.concatenate([column(each.intervals) for each in named])

    moved = spread(start_of(_AXIS_STARTS) + offset * MICROSECONDS_A_DAY - starts)
    begin = spread(starts - _LOOK_BACK) + moved
    end = spread(starts + days * MICROSECONDS_A_DAY) + moved
    start, stop = joined(lambda each: each.start) + moved, joined(lambda each: each.end) + moved
    inside = (start < end) & ((stop > begin) | ((start == stop) & (start >= begin)))
    laid = Intervals(
        actor=joined(lambda each: each.actor) + spread(np.cumsum(actors) - actors),
        start=np.maximum(start, begin),
        end=np.minimum(stop, end),
        premium=np.concatenate([each.intervals.premium for each in named]),
    )
    axis = Period(_AXIS_STARTS, _AXIS_STARTS + timedelta(days=int(offset[-1] + days[-1]) - 1))
    return axis, laid if inside.all() else laid.take(inside)


def use_of_logins(
    agents: Logins, wfo: Logins, period: Period, licence_model: LicenceModel
) -> dict[UsageType, Use]:
    """What each day used of the types that count logins (R3, R11)."""
    with_tools = logged_in_by_day(wfo, period)
    use = {UsageType.WORKFORCE_OPTIMIZATION: Use(with_tools.premium + with_tools.standard)}
    if licence_model is LicenceModel.NAMED:
        counted = logged_in_by_day(agents, period)
        use[PREMIUM[licence_model]] = Use(counted.premium)
        use[STANDARD[licence_model]] = Use(counted.standard)
    return use


def peaked_types(licence_model: LicenceModel) -> list[UsageType]:
    """The usage types of a licence model that have a peak through a day; one without use peaks at midnight."""
    agents = [PREMIUM[licence_model], STANDARD[licence_model]]
    return [*(agents if licence_model is LicenceModel.CONCURRENT else []), UsageType.IVR_PORT]


def calculate(
    *,
    period: Period,
    licence_model: LicenceModel,
    committed: Mapping[UsageType, Sequence[int]],
    facts: Facts,
    settings: Settings,
) -> Figures:
    """The figures of a cycle whose days ``period`` are used, from its records alone (R2–R8, R11, R15)."""
    (counted,) = count_days([Stretch(period, licence_model, settings)], [facts])
    nothing = np.zeros(period.days, np.int64)
    use = dict.fromkeys(peaked_types(licence_model), Use(nothing, nothing)) | counted.use
    use |= use_of_logins(
        first_logins(facts.agents.intervals, facts.agents.names, period),
        first_logins(facts.wfo.intervals, facts.wfo.names, period),
        period,
        licence_model,
    )
    figures = settle(
        period=period,
        licence_model=licence_model,
        committed=committed,
        use=use,
        settings=settings,
    )
    return Figures(figures.period, figures.types, figures.billed, by_slot(counted.profiles))
