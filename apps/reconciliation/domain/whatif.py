"""What a cycle would come to under other commitments or another surge percentage: a pure function (R4–R9, R11).

All that it needs is kept of every cycle: what each day used, and how many voice calls each minute held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.detail import Billed, Figures, Use, settle
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.ports import MINUTES_A_DAY
from apps.reconciliation.domain.settings import Settings
from apps.subscriptions.domain.surge import VoiceEntitlement


class Commitment(StrEnum):
    """What can be committed, by its name under both licence models. ``PORTS`` are the additional IVR ports."""

    PREMIUM = "premium"
    STANDARD = "standard"
    WFO = "wfo"
    PORTS = "ports"

    def usage_type(self, licence_model: LicenceModel) -> UsageType:
        """The usage type that it is under a licence model."""
        return {
            Commitment.PREMIUM: PREMIUM[licence_model],
            Commitment.STANDARD: STANDARD[licence_model],
            Commitment.WFO: UsageType.WORKFORCE_OPTIMIZATION,
            Commitment.PORTS: UsageType.IVR_PORT,
        }[self]


@dataclass(frozen=True, slots=True)
class NewQuantity:
    """Another quantity for a commitment or, where it ``is_added``, so many more; fewer than none are none."""

    quantity: int
    is_added: bool = False

    def instead_of(self, committed: Int64) -> Int64:
        """What it makes of the quantities of some days."""
        if self.is_added:
            return np.maximum(committed + self.quantity, 0)
        return np.full_like(committed, self.quantity)


@dataclass(frozen=True, slots=True)
class Changes:
    """What shall be otherwise. ``quantities`` change from the day ``since`` on (None: on every day)."""

    quantities: Mapping[Commitment, NewQuantity] = field(default_factory=dict)
    since: date | None = None
    surge_basis_points: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a cycle: enough to rate it again without any record.

    ``committed`` has the quantity of each day of the whole ``cycle``, of IVR ports the additional ones; a type that is
    not in it has none. The others are of the days up to ``until``: ``calls`` the most simultaneous voice contacts of
    each minute, int64 ``(days, 1440)``, None where there were none; ``surge`` the percentage, in basis points.
    """

    cycle: Period
    until: date
    licence_model: LicenceModel
    settings: Settings
    committed: Mapping[UsageType, Int64]
    use: Mapping[UsageType, Use]
    calls: Int64 | None
    surge: Sequence[int]

    @property
    def days_used(self) -> Period:
        """The days whose use is known."""
        return Period(self.cycle.first, self.until)

    def committed_of(self, usage_type: UsageType) -> Int64:
        """The quantity of a type on each day of the cycle."""
        return self.committed.get(usage_type, np.zeros(self.cycle.days, np.int64))


@dataclass(frozen=True, slots=True)
class Voice:
    """How each day's calls stand against what was accepted at once (R9): int64, shape ``(days,)``."""

    accepted: Int64
    minutes_above: Int64
    most_above: Int64


@dataclass(frozen=True, slots=True)
class Rated:
    """A cycle under certain commitments, by day of the whole cycle, and surge percentages, by day used."""

    committed: Mapping[UsageType, Int64]
    surge: Sequence[int]
    figures: Figures
    voice: Voice

    def billed_of(self, usage_type: UsageType) -> Billed:
        """What is billed of a type; nothing of one that has no rows."""
        return self.figures.billed.get(usage_type, Billed(0, None))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A cycle as it is and as it would be. ``calls``: the most simultaneous calls of each day, and their minute."""

    before: Rated
    after: Rated
    calls: Use

    @property
    def usage_types(self) -> list[UsageType]:
        """The types that have rows as it is, or would have."""
        found = {*self.before.figures.billed, *self.after.figures.billed}
        return [usage_type for usage_type in UsageType if usage_type in found]


def re_rate(kept: Kept, changes: Changes) -> Comparison:
    """What a cycle comes to as it is, and under ``changes``."""
    days = kept.days_used.days
    calls = np.zeros((days, MINUTES_A_DAY), np.int64) if kept.calls is None else kept.calls
    after = dict(kept.committed)
    first = 0 if changes.since is None else max((changes.since - kept.cycle.first).days, 0)
    for commitment, new in changes.quantities.items():
        usage_type = commitment.usage_type(kept.licence_model)
        committed = kept.committed_of(usage_type).copy()
        committed[first:] = new.instead_of(committed[first:])
        after[usage_type] = committed
    surge = changes.surge_basis_points
    return Comparison(
        before=_rate(kept, kept.committed, kept.surge, calls),
        after=_rate(kept, after, kept.surge if surge is None else [surge] * days, calls),
        calls=Use(calls.max(axis=1), calls.argmax(axis=1)),
    )


def _rate(kept: Kept, committed: Mapping[UsageType, Int64], surge: Sequence[int], calls: Int64) -> Rated:
    days = kept.days_used.days
    of_days_used = {usage_type: quantities[:days] for usage_type, quantities in committed.items()}
    figures = settle(
        period=kept.days_used,
        licence_model=kept.licence_model,
        committed={usage_type: quantities.tolist() for usage_type, quantities in of_days_used.items()},
        use=kept.use,
        settings=kept.settings,
    )
    accepted = _accepted_calls(of_days_used, kept.licence_model, surge)
    above = np.maximum(calls - accepted[:, np.newaxis], 0)
    voice = Voice(accepted, np.count_nonzero(above, axis=1).astype(np.int64), above.max(axis=1))
    return Rated(committed, surge, figures, voice)


def _accepted_calls(
    committed: Mapping[UsageType, Int64], licence_model: LicenceModel, surge: Sequence[int]
) -> Int64:
    """The most simultaneous calls accepted on each day, by that day's commitments (R9)."""
    nothing = np.zeros(len(surge), np.int64)
    columns = (
        committed.get(usage_type, nothing).tolist()
        for usage_type in (PREMIUM[licence_model], STANDARD[licence_model], UsageType.IVR_PORT)
    )
    return np.array(
        [VoiceEntitlement(*of_day).accepted_calls for of_day in zip(*columns, surge, strict=True)],
        np.int64,
    )
