"""Substitution (R4), overage of a day (R5) and the ports bundled with licences (R8), all days of a cycle at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.reconciliation.domain.intervals import Int64

BUNDLED_PORTS = 2


@dataclass(frozen=True, slots=True)
class DaysOfAgents:
    """What each day's agents come to, shape ``(days,)``: ``substituted`` stands on the Standard row."""

    substituted: Int64
    premium_overage: Int64
    standard_overage: Int64


def settle_agents(
    *, premium: Int64, standard: Int64, premium_committed: Int64, standard_committed: Int64
) -> DaysOfAgents:
    """Unused Premium commitment covers Standard; Standard never covers Premium (R4); what is left is overage (R5)."""
    above = np.maximum(standard - standard_committed, 0)
    substituted = np.minimum(above, np.maximum(premium_committed - premium, 0))
    return DaysOfAgents(
        substituted=substituted,
        premium_overage=np.maximum(premium - premium_committed, 0),
        standard_overage=above - substituted,
    )


def port_commitment(*, committed_agents: Int64, overage_agents: Int64 | int, additional: Int64) -> Int64:
    """Two ports with every agent licence, committed or incurred as overage, and the additional ones (R8)."""
    return BUNDLED_PORTS * (committed_agents + overage_agents) + additional
