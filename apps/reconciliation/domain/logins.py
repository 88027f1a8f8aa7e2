"""Who logged in when: named agents (R3) and workforce optimization (R11), from each agent's first login in a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.core.domain.periods import Period
from apps.reconciliation.domain.intervals import MICROSECONDS_A_DAY, Int64, Intervals, start_of

NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class AgentsUsed:
    """Agents counted each day, Premium and Standard: int64, shape ``(days,)``."""

    premium: Int64
    standard: Int64


@dataclass(frozen=True, slots=True)
class Logins:
    """The agents of a cycle in the order of their ids, the first day on which each logged in, and the first on which
    it did as Premium (``NEVER``: it did not). Days are counted from 1970-01-01; shapes ``(agents,)``, int64.
    """

    agents: tuple[str, ...]
    first: Int64
    premium: Int64

    @classmethod
    def none(cls) -> Logins:
        """Nobody."""
        return cls((), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.agents)

    def merged(self, other: Logins) -> Logins:
        """The logins of both: of an agent in both the earlier days."""
        if not len(self) or not len(other):
            return self if len(self) else other
        return _earliest(
            (*self.agents, *other.agents),
            np.concatenate([self.first, other.first]),
            np.concatenate([self.premium, other.premium]),
        )


def first_logins(sessions: Intervals, names: Sequence[str], period: Period) -> Logins:
    """The first logins of the sessions that touch ``period``; ``names[code]`` is the id of the agent ``code``.

    One that is open across the period's start logs in on its first day. No minimum length (R3).
    """
    first = start_of(period.first)
    seen = sessions.within(first, first + period.days * MICROSECONDS_A_DAY)
    day = seen.start // MICROSECONDS_A_DAY
    return _earliest_of_codes(seen.actor, names, day, np.where(seen.premium, day, NEVER))


def _earliest_of_codes(codes: Int64, names: Sequence[str], first: Int64, premium: Int64) -> Logins:
    by_code = np.full(len(names), NEVER, np.int64)
    as_premium = np.full(len(names), NEVER, np.int64)
    np.minimum.at(by_code, codes, first)
    np.minimum.at(as_premium, codes, premium)
    order = sorted(np.flatnonzero(by_code != NEVER).tolist(), key=names.__getitem__)
    return Logins(tuple(names[code] for code in order), by_code[order], as_premium[order])


def _earliest(agents: tuple[str, ...], first: Int64, premium: Int64) -> Logins:
    codes: dict[str, int] = {}
    of_row = np.fromiter((codes.setdefault(agent, len(codes)) for agent in agents), np.int64, len(agents))
    return _earliest_of_codes(of_row, list(codes), first, premium)


def logged_in_by_day(logins: Logins, period: Period) -> AgentsUsed:
    """Distinct agents who logged in from the period's first day up to and including each day (R3, R11).

    Returns arrays of shape ``(days,)``. An agent with any Premium session in the period is Premium from its first
    login on, so earlier days are restated when ``period`` ends later. Logins after the period do not count.
    """
    first = start_of(period.first) // MICROSECONDS_A_DAY
    seen = logins.first < first + period.days
    is_premium = logins.premium < first + period.days
    day = np.maximum(logins.first - first, 0)

    def count(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Int64:
        return np.cumsum(np.bincount(day[seen & chosen], minlength=period.days))

    return AgentsUsed(premium=count(is_premium), standard=count(~is_premium))
