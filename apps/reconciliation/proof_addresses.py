"""Where the proofs of a cycle's figures are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse

from apps.catalogue.domain.kinds import UsageType
from apps.reconciliation.domain.proof import Column


@dataclass(frozen=True)
class ProofAddresses:
    """Of the cycle that starts on ``cycle``, of the customer ``ref``."""

    ref: str
    cycle: date

    def of_cell(self, day: date, usage_type: UsageType, column: Column = Column.OVERAGE) -> str:
        """Of a figure of the Daily Detail. (A table has hundreds: what is the same in all is made once.)"""
        return f"{self._of_cells}&day={day.isoformat()}&type={usage_type.value}&figure={column.value}"

    def of_billed(self, usage_type: UsageType) -> str:
        """Of a billed quantity."""
        return self._with_cycle("reconciliation:billed-proof", usage_type.value)

    def of_cell_as_json(self, day: date, usage_type: UsageType) -> str:
        """Of a row, from the API."""
        return f"{self._with_cycle('api:proof')}&day={day.isoformat()}&usage_type={usage_type.value}"

    def of_billed_as_json(self, usage_type: UsageType) -> str:
        """Of a billed quantity, from the API."""
        return self._with_cycle("api:billed-proof", usage_type.value)

    @cached_property
    def _of_cells(self) -> str:
        return self._with_cycle("reconciliation:proof")

    def _with_cycle(self, name: str, *parts: str) -> str:
        return f"{reverse(name, args=[self.ref, *parts])}?{urlencode({'cycle': self.cycle.isoformat()})}"
