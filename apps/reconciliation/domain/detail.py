"""A cycle's Daily Detail and billed quantities, from facts, commitments and settings: a pure function (R15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.agents import AgentsUsed, concurrent_samples, named_by_day
from apps.reconciliation.domain.intervals import Int64, Intervals
from apps.reconciliation.domain.overage import port_commitment, settle_agents
from apps.reconciliation.domain.ports import contacts_by_instant, contacts_by_minute
from apps.reconciliation.domain.settings import Settings

MINUTES_A_SAMPLE = 15


class Family(StrEnum):
    """Usage types whose overage is marked together (R7)."""

    AGENTS = "agents"
    WFO = "wfo"
    IVR = "ivr"


def family_of(usage_type: UsageType) -> Family:
    """The family that a usage type belongs to."""
    if usage_type is UsageType.IVR_PORT:
        return Family.IVR
    return Family.WFO if usage_type is UsageType.WORKFORCE_OPTIMIZATION else Family.AGENTS


@dataclass(frozen=True, slots=True)
class Facts:
    """The intervals of a customer that can touch a cycle."""

    agents: Intervals
    wfo: Intervals
    ivr: Intervals

    def __bool__(self) -> bool:
        return any((len(self.agents), len(self.wfo), len(self.ivr)))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the Daily Detail. ``peak_at``: the minute of the day at which its peak began, None for named agents."""

    day: date
    usage_type: UsageType
    used: int
    committed: int
    substituted: int
    overage: int
    peak_at: int | None = None
    is_overage_peak: bool = False

    @property
    def family(self) -> Family:
        """Its family."""
        return family_of(self.usage_type)


@dataclass(frozen=True, slots=True)
class Billed:
    """The billed quantity of a usage type, and the first day that gives it (None where nothing is billed)."""

    quantity: int
    day: date | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a cycle comes to. Rows by day, then Premium, Standard, workforce optimization, IVR ports.

    ``profiles`` holds for each usage type the counts by sample ``(days, 96)`` or by minute ``(days, 1440)``.
    """

    rows: Sequence[Row]
    billed: Mapping[UsageType, Billed]
    profiles: Mapping[UsageType, Int64]


def calculate(
    *,
    period: Period,
    licence_model: LicenceModel,
    committed: Mapping[UsageType, Sequence[int]],
    facts: Facts,
    settings: Settings,
) -> Figures:
    """The figures of a cycle whose days ``period`` are used.

    ``committed`` gives for a usage type the quantity of each day; a type that is not in it has none. For IVR ports
    that is the additional ports.
    """
    premium_type, standard_type = PREMIUM[licence_model], STANDARD[licence_model]
    nothing = [0] * period.days
    premium_committed = committed.get(premium_type, nothing)
    standard_committed = committed.get(standard_type, nothing)
    wfo_committed = committed.get(UsageType.WORKFORCE_OPTIMIZATION, nothing)
    additional = committed.get(UsageType.IVR_PORT, nothing)

    profiles: dict[UsageType, Int64] = {}
    agents, peaks = _agents_used(facts.agents, period, licence_model, profiles)
    wfo = named_by_day(facts.wfo, period)
    wfo_used = wfo.premium + wfo.standard
    count_contacts = contacts_by_minute if settings.ivr_peak == "minute" else contacts_by_instant
    ports = profiles[UsageType.IVR_PORT] = count_contacts(facts.ivr, period)
    ports_used, ports_at = ports.max(axis=1), ports.argmax(axis=1)
    shows_wfo = any(wfo_committed) or bool(wfo_used[-1])

    rows: list[Row] = []
    for index, day in enumerate(period):
        used_p, used_s = int(agents.premium[index]), int(agents.standard[index])
        of_day = settle_agents(
            premium=used_p,
            standard=used_s,
            premium_committed=premium_committed[index],
            standard_committed=standard_committed[index],
        )
        at_p, at_s = (int(peak[index]) * MINUTES_A_SAMPLE for peak in peaks) if peaks else (None, None)
        rows.append(Row(day, premium_type, used_p, premium_committed[index], 0, of_day.premium_overage, at_p))
        rows.append(
            Row(
                day,
                standard_type,
                used_s,
                standard_committed[index],
                of_day.substituted,
                of_day.standard_overage,
                at_s,
            )
        )
        if shows_wfo:
            used, held = int(wfo_used[index]), wfo_committed[index]
            rows.append(Row(day, UsageType.WORKFORCE_OPTIMIZATION, used, held, 0, max(0, used - held)))
        port_count = int(ports_used[index])
        held = port_commitment(
            committed_agents=premium_committed[index] + standard_committed[index],
            overage_agents=of_day.premium_overage + of_day.standard_overage,
            additional=additional[index],
        )
        over = max(0, port_count - held)
        rows.append(Row(day, UsageType.IVR_PORT, port_count, held, 0, over, int(ports_at[index])))

    marked = mark_overage_peaks(rows)
    billed = _billed_by_type(marked, settings)
    if settings.billed_peak == "per_type":
        billed_agents = billed[premium_type].quantity + billed[standard_type].quantity
        billed[UsageType.IVR_PORT] = _largest(
            (
                day,
                int(ports_used[index])
                - port_commitment(
                    committed_agents=premium_committed[index] + standard_committed[index],
                    overage_agents=billed_agents,
                    additional=additional[index],
                ),
            )
            for index, day in enumerate(period)
        )
    return Figures(marked, billed, profiles)


def _agents_used(
    sessions: Intervals, period: Period, licence_model: LicenceModel, profiles: dict[UsageType, Int64]
) -> tuple[AgentsUsed, tuple[Int64, Int64] | None]:
    """Units used by day, and for concurrent agents the samples of the peaks; their profiles are added."""
    if licence_model is LicenceModel.NAMED:
        return named_by_day(sessions, period), None
    counted = concurrent_samples(sessions, period)
    profiles[UsageType.PREMIUM_CONCURRENT] = counted.premium
    profiles[UsageType.STANDARD_CONCURRENT] = counted.standard
    used = AgentsUsed(counted.premium.max(axis=1), counted.standard.max(axis=1))
    return used, (np.argmax(counted.premium, axis=1), np.argmax(counted.standard, axis=1))


def mark_overage_peaks(rows: Sequence[Row]) -> list[Row]:
    """Mark one row a family: on the first day with the largest overage above 0, the first row with any (R7)."""
    peaks: dict[Family, date] = {}
    for family in Family:
        by_day: dict[date, int] = {}
        for row in rows:
            if row.family is family:
                by_day[row.day] = by_day.get(row.day, 0) + row.overage
        largest = max(by_day.values(), default=0)
        if largest > 0:
            peaks[family] = min(day for day, overage in by_day.items() if overage == largest)
    marked = []
    for row in rows:
        is_peak = row.overage > 0 and peaks.get(row.family) == row.day
        if is_peak:
            del peaks[row.family]
        marked.append(replace(row, is_overage_peak=is_peak))
    return marked


def _billed_by_type(rows: Sequence[Row], settings: Settings) -> dict[UsageType, Billed]:
    """The quantity of each type: its largest daily overage, or that of its family's marked day (R6).

    For IVR ports the largest is not what is billed: R8 counts with the agents' billed overage.
    """
    by_type: dict[UsageType, list[Row]] = {}
    for row in rows:
        by_type.setdefault(row.usage_type, []).append(row)
    marked_day = {row.family: row.day for row in rows if row.is_overage_peak}
    return {
        usage_type: _largest(
            (row.day, row.overage)
            for row in held
            if settings.billed_peak == "per_type" or row.day == marked_day.get(row.family)
        )
        for usage_type, held in by_type.items()
    }


def _largest(by_day: Iterable[tuple[date, int]]) -> Billed:
    """The largest overage above 0 and the first day that has it."""
    largest = Billed(0, None)
    for day, overage in by_day:
        if overage > largest.quantity:
            largest = Billed(overage, day)
    return largest
