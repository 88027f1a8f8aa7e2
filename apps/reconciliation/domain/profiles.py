"""What is counted through each day of a cycle: 96 quarter-hours or 1,440 minutes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from apps.reconciliation.domain.agents import SAMPLES_A_DAY
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.ports import MINUTES_A_DAY
from apps.reconciliation.domain.steps import Steps


class Measure(StrEnum):
    """What is counted through a day. The first three are the usage types that they give the peak of."""

    PREMIUM_AGENTS = "premium-concurrent"
    STANDARD_AGENTS = "standard-concurrent"
    IVR_PORTS = "ivr-port"
    VOICE_CALLS = "voice"

    @property
    def slots(self) -> int:
        """How many counts a day has."""
        is_agents = self in (Measure.PREMIUM_AGENTS, Measure.STANDARD_AGENTS)
        return SAMPLES_A_DAY if is_agents else MINUTES_A_DAY

    @property
    def minutes_a_slot(self) -> int:
        """How long each is counted for."""
        return MINUTES_A_DAY // self.slots


Profiles = Mapping[Measure, Int64]


def by_slot(counted: Mapping[Measure, Steps]) -> dict[Measure, Int64]:
    """Every count of each measure: int64, shape ``(days, slots)``."""
    return {measure: steps.dense().reshape(-1, measure.slots) for measure, steps in counted.items()}
