"""Substitution (R4), overage of a day (R5) and the ports bundled with licences (R8)."""

from __future__ import annotations

from dataclasses import dataclass

BUNDLED_PORTS = 2


@dataclass(frozen=True, slots=True)
class DayOfAgents:
    """What a day's agents come to: ``substituted`` stands on the Standard row."""

    substituted: int
    premium_overage: int
    standard_overage: int


def settle_agents(
    *, premium: int, standard: int, premium_committed: int, standard_committed: int
) -> DayOfAgents:
    """Unused Premium commitment covers Standard; Standard never covers Premium (R4); what is left is overage (R5)."""
    substituted = min(max(0, standard - standard_committed), max(0, premium_committed - premium))
    return DayOfAgents(
        substituted=substituted,
        premium_overage=max(0, premium - premium_committed),
        standard_overage=max(0, standard - standard_committed - substituted),
    )


def port_commitment(*, committed_agents: int, overage_agents: int, additional: int) -> int:
    """Two ports with every agent licence, committed or incurred as overage, and the additional ones (R8)."""
    return BUNDLED_PORTS * (committed_agents + overage_agents) + additional
