"""Voice entitlement and surge protection (R9). Integers only: floats are wrong in dozens of small cases."""

from dataclasses import dataclass


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
