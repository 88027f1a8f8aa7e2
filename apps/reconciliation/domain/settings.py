"""The settings of an offer that change how it is calculated, and the version of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from apps.catalogue.domain.kinds import LicenceModel

RULES_VERSION = "2026.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """Copied into the snapshot of every calculation, so that an old result can be explained."""

    billed_peak: Literal["per_type", "combined_day"] = "per_type"
    ivr_peak: Literal["minute", "instant"] = "minute"
    longest_open_hours: int = 24

    @property
    def longest_open(self) -> timedelta:
        """How long a record without an end lasts at most."""
        return timedelta(hours=self.longest_open_hours)

    def snapshot(self, licence_model: LicenceModel) -> dict[str, str | int]:
        """As plain values, with the licence model, which decides how agents are counted."""
        return {
            "licence_model": licence_model.value,
            "billed_peak": self.billed_peak,
            "ivr_peak": self.ivr_peak,
            "longest_open_hours": self.longest_open_hours,
        }

    @classmethod
    def of_snapshot(cls, snapshot: Mapping[str, Any]) -> Settings:
        """From the plain values of a snapshot."""
        return cls(**{name: value for name, value in snapshot.items() if name != "licence_model"})
