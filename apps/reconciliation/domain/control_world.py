"""What each day used, counted from records that are chosen, moved or told apart otherwise than ours: for theories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period, monthly_period
from apps.reconciliation.domain.counting import Facts, Named, Stretch, count_days
from apps.reconciliation.domain.intervals import MICROSECONDS_A_DAY, Bool, Int64, start_of
from apps.reconciliation.domain.logins import AgentsUsed, first_logins, logged_in_by_day
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.steps import Steps
from apps.usage.domain.moments import microseconds

# The highest number of agents at once, Premium and Standard together: other systems know no licences.
TOGETHER = "agents-together"


class Counted(StrEnum):
    """What is counted from records of one kind."""

    AGENTS = "agents"
    TOGETHER = "together"
    WFO = "wfo"
    IVR = "ivr"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Records of one kind, when each was recorded (microseconds since 1970) and its source; shapes ``(n,)``, int64."""

    named: Named
    recorded_at: Int64
    source: Int64

    def __len__(self) -> int:
        return len(self.named)

    @classmethod
    def none(cls) -> Recorded:
        """No records."""
        nothing = np.zeros(0, np.int64)
        return cls(Named.none(), nothing, nothing)

    def before(self, moment: datetime) -> Recorded:
        """Those recorded before a moment."""
        known = self.recorded_at < microseconds(moment)
        return Recorded(self.only(known), self.recorded_at[known], self.source[known])

    @property
    def start_day(self) -> Int64:
        """The day on which each starts, counted from 1970-01-01."""
        return self.named.intervals.start // MICROSECONDS_A_DAY

    def only(self, chosen: Bool) -> Named:
        """Those that are chosen."""
        return Named(self.named.intervals.take(chosen), self.named.names)

    def moved(self, by: int) -> Named:
        """All of them so many microseconds later."""
        own = self.named.intervals
        return replace(self.named, intervals=replace(own, start=own.start + by, end=own.end + by))

    def by_source(self) -> Named:
        """Each source's agents or contacts told apart from those of the others."""
        return self._of_actors(
            [f"{source} {name}" for source, name in zip(self.source, self._ids, strict=True)]
        )

    def by_record(self) -> Named:
        """Every record taken for somebody else."""
        return self._of_actors([str(number) for number in range(len(self))])

    def by_folded_id(self) -> Named:
        """Ids that differ in case and in spaces around them alone are one."""
        return self._of_actors([name.strip().casefold() for name in self._ids])

    @property
    def _ids(self) -> list[str]:
        names = self.named.names
        return [names[code] for code in self.named.intervals.actor.tolist()]

    def _of_actors(self, ids: Sequence[str]) -> Named:
        codes: dict[str, int] = {}
        actor = np.fromiter((codes.setdefault(each, len(codes)) for each in ids), np.int64, len(ids))
        return Named(replace(self.named.intervals, actor=actor), list(codes))


@dataclass(frozen=True)
class World:
    """The records that days of a cycle can follow from, a month around them too, and how they are counted.

    ``days``: those that are used, of a closed cycle all. Where records came since that change it, those here are of its
    closing, and ``now`` has all.
    """

    days: Period
    licence_model: LicenceModel
    settings: Settings
    agents: Recorded
    wfo: Recorded
    ivr: Recorded
    now: World | None = None

    @property
    def latest(self) -> World:
        """With the records that came since the closing too."""
        return self.now or self

    def recorded(self, counted: Counted) -> Recorded:
        """The records of which something is counted."""
        return {Counted.WFO: self.wfo, Counted.IVR: self.ivr}.get(counted, self.agents)

    def count(
        self, counted: Counted, records: Named, licence_model: LicenceModel | None = None
    ) -> dict[str, Int64]:
        """What each of the days used by these records: arrays of shape ``(days,)``, by usage type or ``TOGETHER``."""
        model = licence_model or self.licence_model
        if counted is Counted.WFO:
            return {UsageType.WORKFORCE_OPTIMIZATION: _all(self._logins(records, self.days))}
        if counted is Counted.AGENTS and model is LicenceModel.NAMED:
            return self._named(self._logins(records, self.days))
        if counted is Counted.IVR:
            facts = Facts(Named.none(), Named.none(), records, Named.none())
        else:
            facts, model = Facts(records, Named.none(), Named.none(), Named.none()), LicenceModel.CONCURRENT
        (found,) = count_days([Stretch(self.days, model, self.settings)], [facts])
        if counted is Counted.TOGETHER:
            return {TOGETHER: self._together(found.profiles)}
        nothing = np.zeros(self.days.days, np.int64)
        types = [UsageType.IVR_PORT] if counted is Counted.IVR else [PREMIUM[model], STANDARD[model]]
        return {each: found.use[each].used if each in found.use else nothing for each in types}

    def count_by_bill_day(self, counted: Counted, bill_day: int, *, whole: bool) -> dict[str, Int64]:
        """What each of the days used where counts of logins start again on another bill day (R1, R3, R11).

        ``whole``: an agent's licence is told from all of that other cycle; otherwise as far as the days go.
        """
        parts: list[dict[str, Int64]] = []
        position = 0
        records = self.recorded(counted).named
        while position < self.days.days:
            day = list(self.days)[position]
            cycle = monthly_period(day, bill_day)
            here = cycle.meet(self.days.first, self.days.last)
            assert here is not None  # the day itself is in it
            logins = self._logins(records, Period(cycle.first, cycle.last if whole else here.last))
            begin = (here.first - cycle.first).days
            cut = AgentsUsed(*(each[begin : begin + here.days] for each in (logins.premium, logins.standard)))
            parts.append(
                {UsageType.WORKFORCE_OPTIMIZATION: _all(cut)} if counted is Counted.WFO else self._named(cut)
            )
            position += here.days
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    @cached_property
    def first_day(self) -> int:
        """The first of the days, counted from 1970-01-01."""
        return start_of(self.days.first) // MICROSECONDS_A_DAY

    def records_of_days(self, counted: Counted) -> Int64:
        """How many records start on each of the days, shape ``(days,)``."""
        position = self.recorded(counted).start_day - self.first_day
        inside = position[(position >= 0) & (position < self.days.days)]
        return np.bincount(inside, minlength=self.days.days)

    def _logins(self, records: Named, period: Period) -> AgentsUsed:
        return logged_in_by_day(first_logins(records.intervals, records.names, period), period)

    def _named(self, logins: AgentsUsed) -> dict[str, Int64]:
        model = LicenceModel.NAMED
        return {PREMIUM[model]: logins.premium, STANDARD[model]: logins.standard}

    def _together(self, profiles: Mapping[Measure, Steps]) -> Int64:
        there = np.zeros(self.days.days * 96, np.int64)
        for steps in profiles.values():
            there = there + steps.dense()
        highest: Int64 = there.reshape(self.days.days, 96).max(axis=1)
        return highest


def _all(logins: AgentsUsed) -> Int64:
    return logins.premium + logins.standard
