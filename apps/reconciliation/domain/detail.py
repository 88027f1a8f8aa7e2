"""A cycle's Daily Detail and billed quantities, from use, commitments and settings: a pure function (R15)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.overage import port_commitment, settle_agents
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings

# The columns of the vendor's file.
HEADER = (
    "Usage Date",
    "Usage Type",
    "Units Used",
    "Units Commitment",
    "Units Substituted",
    "Units Overage",
    "Usage Unit",
    "Comment",
)


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
class Use:
    """What each day used of a usage type, and the minute of the day at which its peak began (None: has no peak).

    Shapes: ``(days,)``, int64.
    """

    used: Int64
    peak_at: Int64 | None = None


@dataclass(frozen=True, slots=True)
class TypeDetail:
    """The rows of one usage type through a cycle, as columns, shape ``(days,)``; ``marked``: a day's position (R7)."""

    usage_type: UsageType
    used: Int64
    peak_at: Int64 | None
    committed: Int64
    substituted: Int64
    overage: Int64
    marked: int | None

    @property
    def family(self) -> Family:
        """Its family."""
        return family_of(self.usage_type)


@dataclass(frozen=True)
class Figures:
    """All that a cycle comes to. Types in the order of a day's rows: Premium, Standard, WFO, IVR ports."""

    period: Period
    types: Sequence[TypeDetail]
    billed: Mapping[UsageType, Billed]
    profiles: Mapping[Measure, Int64] = field(default_factory=dict)

    @cached_property
    def rows(self) -> list[Row]:
        """The Daily Detail: by day, then in the order of the types."""
        return list_rows(self.period, self.types)

    @property
    def has_usage(self) -> bool:
        """Anything was used on any day."""
        return any(bool(each.used.any()) for each in self.types)

    def hash_of(self, inputs: Mapping[str, Any]) -> str:
        """One hash over what the figures follow from: ``inputs``, plain values, and what every day used (R15)."""
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
        for each in self.types:
            digest.update(each.usage_type.encode())
            digest.update(each.used.astype("<i8").tobytes())
        return digest.hexdigest()


def list_rows(period: Iterable[date], types: Iterable[TypeDetail]) -> list[Row]:
    """The rows of the days of ``period``: by day, then in the order of ``types``."""
    columns = [
        (
            each.usage_type,
            each.marked,
            each.used.tolist(),
            each.committed.tolist(),
            each.substituted.tolist(),
            each.overage.tolist(),
            None if each.peak_at is None else each.peak_at.tolist(),
        )
        for each in types
    ]
    return [
        Row(
            day,
            usage_type,
            used[index],
            committed[index],
            substituted[index],
            overage[index],
            None if peak_at is None else peak_at[index],
            marked == index,
        )
        for index, day in enumerate(period)
        for usage_type, marked, used, committed, substituted, overage, peak_at in columns
    ]


def settle(
    *,
    period: Period,
    licence_model: LicenceModel,
    committed: Mapping[UsageType, Sequence[int]],
    use: Mapping[UsageType, Use],
    settings: Settings,
) -> Figures:
    """What the use of a cycle's days ``period`` comes to against its commitments (R4–R8, R10, R11).

    ``committed`` gives for a usage type the quantity of each day; a type that is not in it has none. For IVR ports
    that is the additional ports. A type that is not in ``use`` was not used.
    """
    nothing = np.zeros(period.days, np.int64)

    def held(usage_type: UsageType) -> Int64:
        return np.asarray(committed.get(usage_type, nothing), np.int64)

    def used(usage_type: UsageType) -> Use:
        return use.get(usage_type, Use(nothing))

    premium, standard = PREMIUM[licence_model], STANDARD[licence_model]
    wfo, ivr = UsageType.WORKFORCE_OPTIMIZATION, UsageType.IVR_PORT
    agents = settle_agents(
        premium=used(premium).used,
        standard=used(standard).used,
        premium_committed=held(premium),
        standard_committed=held(standard),
    )
    columns = {
        premium: (held(premium), nothing, agents.premium_overage),
        standard: (held(standard), agents.substituted, agents.standard_overage),
    }
    if held(wfo).any() or used(wfo).used[-1]:
        columns[wfo] = (held(wfo), nothing, np.maximum(used(wfo).used - held(wfo), 0))
    committed_agents = held(premium) + held(standard)
    ports = port_commitment(
        committed_agents=committed_agents,
        overage_agents=agents.premium_overage + agents.standard_overage,
        additional=held(ivr),
    )
    columns[ivr] = (ports, nothing, np.maximum(used(ivr).used - ports, 0))

    marked = mark_overage_peaks({usage_type: overage for usage_type, (_, _, overage) in columns.items()})
    types = [
        TypeDetail(
            usage_type, used(usage_type).used, used(usage_type).peak_at, *column, marked.get(usage_type)
        )
        for usage_type, column in columns.items()
    ]
    if settings.billed_peak == "combined_day":
        return Figures(period, types, _billed_on_marked_days(types, period))
    billed = {each.usage_type: _largest(each.overage, period) for each in types}
    ports_as_billed = port_commitment(
        committed_agents=committed_agents,
        overage_agents=billed[premium].quantity + billed[standard].quantity,
        additional=held(ivr),
    )
    billed[ivr] = _largest(used(ivr).used - ports_as_billed, period)
    return Figures(period, types, billed)


def mark_overage_peaks(overage: Mapping[UsageType, Int64]) -> dict[UsageType, int]:
    """The position of the day marked of a type: one a family, on the first day with the largest sum above 0, the
    first type with any (R7). ``overage``: in the order of a day's rows.
    """
    marked = {}
    for family in Family:
        of_family = {
            usage_type: days for usage_type, days in overage.items() if family_of(usage_type) is family
        }
        if not of_family:
            continue
        by_day = sum(of_family.values())
        peak = int(np.argmax(by_day))
        first = next((usage_type for usage_type, days in of_family.items() if days[peak] > 0), None)
        if first is not None:
            marked[first] = peak
    return marked


def _billed_on_marked_days(types: Sequence[TypeDetail], period: Period) -> dict[UsageType, Billed]:
    """Each type's overage on its family's marked day (R6, setting ``billed_peak``)."""
    peaks = {each.family: each.marked for each in types if each.marked is not None}
    billed = {}
    for each in types:
        peak = peaks.get(each.family)
        quantity = 0 if peak is None else int(each.overage[peak])
        billed[each.usage_type] = Billed(
            quantity, _day(period, peak) if quantity and peak is not None else None
        )
    return billed


def _largest(by_day: Int64, period: Period) -> Billed:
    """The largest overage above 0 and the first day that has it (R6)."""
    peak = int(np.argmax(by_day))
    quantity = int(by_day[peak])
    return Billed(quantity, _day(period, peak)) if quantity > 0 else Billed(0, None)


def _day(period: Period, position: int) -> date:
    return date.fromordinal(period.first.toordinal() + position)
