"""The kernels' counts one by one, by day and slot, as the rules put them."""

from __future__ import annotations

from apps.core.domain.periods import Period
from apps.reconciliation.domain import agents, ports
from apps.reconciliation.domain.intervals import Int64, Intervals
from apps.reconciliation.domain.logins import AgentsUsed


def concurrent_samples(sessions: Intervals, period: Period) -> AgentsUsed:
    """Agents counted in each quarter-hour (R2): shape ``(days, 96)``."""
    counted = agents.concurrent_samples(sessions, period)
    premium, standard = (
        steps.dense().reshape(period.days, -1) for steps in (counted.premium, counted.standard)
    )
    return AgentsUsed(premium, standard)


def contacts_by_minute(legs: Intervals, period: Period) -> Int64:
    """Distinct contacts that touch each clock minute (R8): shape ``(days, 1440)``."""
    return ports.contacts_by_minute(legs, period).dense().reshape(period.days, -1)


def contacts_by_instant(legs: Intervals, period: Period) -> Int64:
    """The most distinct contacts at one instant of each clock minute (R8, R9): shape ``(days, 1440)``."""
    return ports.contacts_by_instant(legs, period).dense().reshape(period.days, -1)
