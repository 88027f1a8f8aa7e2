"""Voice entitlement and surge protection (R9). Integers only: floats are wrong in dozens of small cases."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from apps.core.domain.periods import Period


@dataclass(frozen=True, slots=True)
class VoiceEntitlement:
    """What a day's commitments entitle to, with each step of the sum."""

    premium: int
    standard: int
    additional_ports: int
    surge_basis_points: int

    @property
    def agents(self) -> int:
        """Premium and Standard committed."""
        return self.premium + self.standard

    @property
    def voice_paths(self) -> int:
        """Three a committed agent, and the additional IVR ports."""
        return 3 * self.agents + self.additional_ports

    @property
    def accepted_calls(self) -> int:
        """The most simultaneous voice contacts that are accepted."""
        return self.voice_paths * (10_000 + self.surge_basis_points) // 10_000


def basis_points_by_day(changes: Sequence[tuple[date, int]], period: Period, *, before: int) -> list[int]:
    """The percentage in force at the end of each day of ``period``, in basis points (R9).

    ``changes``: in order, the day of each and what was in force from then on; ``before``: until the first.
    """
    days = [day for day, _after in changes]
    in_force = [before, *(after for _day, after in changes)]
    return [in_force[bisect_right(days, day)] for day in period]
