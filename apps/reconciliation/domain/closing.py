"""What is kept of a cycle when it is closed, and what a later calculation makes of it (R13, R15)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.detail import Billed, Family, Figures, Row, Use, settle
from apps.reconciliation.domain.logins import Logins
from apps.reconciliation.domain.profiles import Profiles
from apps.reconciliation.domain.settings import Settings

Plain = dict[str, Any]


class Cause(StrEnum):
    """Why a closed cycle would come out otherwise.

    What came later is in order: its difference is adjusted (R13). All else must never happen.
    """

    RECORDS = "records"
    COMMITMENTS = "commitments"
    STORED = "stored"
    INVOICED = "invoiced"
    RULES = "rules"
    SNAPSHOT = "snapshot"

    @property
    def is_error(self) -> bool:
        """Something that was closed is not as it was closed."""
        return self not in (Cause.RECORDS, Cause.COMMITMENTS)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be, or is, otherwise: plain values. ``before`` is what was closed."""

    cause: Cause
    name: str
    day: date | None
    before: Any
    after: Any

    def plain(self) -> Plain:
        """As it is stored and printed."""
        return {
            "cause": self.cause.value,
            "name": self.name,
            "day": self.day and self.day.isoformat(),
            "before": self.before,
            "after": self.after,
        }


def plain_rows(rows: Iterable[Row]) -> list[Plain]:
    """The Daily Detail as plain values."""
    return [{**asdict(row), "day": row.day.isoformat(), "usage_type": row.usage_type.value} for row in rows]


def hash_logins(logins: Mapping[Family, Logins]) -> dict[str, Plain]:
    """How many first logins are kept of a family, and one hash over them: agents' ids are personal data."""
    return {
        family.value: {
            "count": len(kept),
            "sha256": _hash([kept.agents, kept.first.tolist(), kept.premium.tolist()]),
        }
        for family, kept in sorted(logins.items())
        if len(kept)
    }


def hash_profiles(profiles: Profiles) -> dict[str, str]:
    """One hash over the counts of each measure; one without any is left out."""
    return {
        measure.value: hashlib.sha256(counts.astype("<i8").tobytes()).hexdigest()
        for measure, counts in sorted(profiles.items())
        if counts.any()
    }


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True)
class Closed:
    """The snapshot of a contact-centre cycle, read again.

    ``billed_on`` has the first day that gives each quantity. It, ``facts``, ``logins`` and ``profiles`` are None where
    the cycle was closed before they were kept.
    """

    period: Period
    licence_model: LicenceModel
    settings: Settings
    inputs: Plain
    committed: Mapping[UsageType, Sequence[int]]
    rows: Sequence[Row]
    billed: Mapping[UsageType, int]
    billed_on: Mapping[str, str] | None
    facts: Plain | None
    logins: Mapping[str, Plain] | None
    profiles: Mapping[str, str] | None

    @classmethod
    def of(cls, snapshot: Plain, *, licence_model: LicenceModel) -> Closed:
        """From a snapshot. ``licence_model`` is that of the cycle's primary subscription."""
        inputs = snapshot["inputs"]
        first, last, _primary = inputs["cycle"]
        return cls(
            period=Period(date.fromisoformat(first), date.fromisoformat(last)),
            licence_model=LicenceModel(inputs["settings"].get("licence_model", licence_model)),
            settings=Settings.of_snapshot(inputs["settings"]),
            inputs=inputs,
            committed={UsageType(name): days for name, days in inputs["committed"].items()},
            rows=[
                Row(
                    **{
                        **row,
                        "day": date.fromisoformat(row["day"]),
                        "usage_type": UsageType(row["usage_type"]),
                    }
                )
                for row in snapshot["rows"]
            ],
            billed={UsageType(name): quantity for name, quantity in snapshot["billed"].items()},
            billed_on=snapshot.get("billed_on"),
            facts=snapshot.get("facts"),
            logins=snapshot.get("logins"),
            profiles=snapshot.get("profiles"),
        )

    @property
    def use(self) -> dict[UsageType, Use]:
        """What each day used, by the rows."""
        columns: dict[UsageType, list[Row]] = {}
        for row in self.rows:
            columns.setdefault(row.usage_type, []).append(row)
        return {
            usage_type: Use(
                np.array([row.used for row in rows], np.int64),
                None
                if any(row.peak_at is None for row in rows)
                else np.array([row.peak_at for row in rows], np.int64),
            )
            for usage_type, rows in columns.items()
        }

    def settle(self, use: Mapping[UsageType, Use], committed: Mapping[UsageType, Sequence[int]]) -> Figures:
        """What a use comes to against commitments, by the settings of the closing."""
        return settle(
            period=self.period,
            licence_model=self.licence_model,
            committed=committed,
            use=use,
            settings=self.settings,
        )


def use_of(figures: Figures) -> dict[UsageType, Use]:
    """What each day used, by figures."""
    return {each.usage_type: Use(each.used, each.peak_at) for each in figures.types}


_CELLS = [field.name for field in fields(Row) if field.name not in ("day", "usage_type")]


def compare_rows(cause: Cause, before: Iterable[Row], after: Iterable[Row]) -> Iterator[Difference]:
    """The cells of the Daily Detail that differ, and the rows that only one side has."""
    was, now = ({(row.day, row.usage_type): row for row in rows} for rows in (before, after))
    for day, usage_type in sorted(was.keys() | now.keys()):
        one, other = was.get((day, usage_type)), now.get((day, usage_type))
        if one is None or other is None:
            yield Difference(cause, f"{usage_type} row", day, one and one.used, other and other.used)
            continue
        for cell in _CELLS:
            if getattr(one, cell) != getattr(other, cell):
                yield Difference(cause, f"{usage_type} {cell}", day, getattr(one, cell), getattr(other, cell))


def compare_billed(
    cause: Cause, before: Mapping[UsageType, int], after: Mapping[UsageType, int]
) -> Iterator[Difference]:
    """The billed quantities that differ."""
    for usage_type in UsageType:
        one, other = before.get(usage_type, 0), after.get(usage_type, 0)
        if one != other:
            yield Difference(cause, f"billed {usage_type}", None, one, other)


def compare_committed(
    period: Period, before: Mapping[UsageType, Sequence[int]], after: Mapping[UsageType, Sequence[int]]
) -> Iterator[Difference]:
    """The days whose commitments are others now."""
    nothing = [0] * period.days
    for usage_type in UsageType:
        quantities = zip(period, before.get(usage_type, nothing), after.get(usage_type, nothing), strict=True)
        for day, one, other in quantities:
            if one != other:
                yield Difference(Cause.COMMITMENTS, f"{usage_type} committed", day, one, other)


def compare_values(
    cause: Cause, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    """The named values that differ."""
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield Difference(cause, f"{name} {key}", None, before.get(key), after.get(key))


def quantities(billed: Mapping[UsageType, Billed]) -> dict[UsageType, int]:
    """Billed quantities without their days."""
    return {usage_type: of_type.quantity for usage_type, of_type in billed.items()}


def plain_days(billed: Mapping[UsageType, Billed]) -> dict[str, str]:
    """The first day that gives each billed quantity, as plain values."""
    return {
        usage_type.value: of_type.day.isoformat()
        for usage_type, of_type in sorted(billed.items())
        if of_type.day is not None
    }
