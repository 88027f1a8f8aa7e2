"""The calls of a cycle's days as they go out: to CSV and to JSON."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

from apps.core.domain.money import plain_text
from apps.reconciliation.voice import VoiceCycle, VoiceDay

HEADER = (
    "Day",
    "Most simultaneous calls",
    "At (UTC)",
    "Voice paths",
    "Surge percentage",
    "Accepted calls",
    "Most above",
    "Minutes above",
)


def voice_csv(voice: VoiceCycle) -> str:
    """As CSV: a line for each day used."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_record(each).values() for each in voice.days)
    return out.getvalue()


def voice_json(voice: VoiceCycle) -> list[dict[str, Any]]:
    """As objects, with names as the API writes them."""
    return [_record(each) for each in voice.days]


def _record(each: VoiceDay) -> dict[str, Any]:
    """What is told of a day, in the order of the header."""
    return {
        "day": each.day.isoformat(),
        "peak": each.peak,
        "peak_at": None if each.peak_at is None else f"{each.peak_at // 60:02}:{each.peak_at % 60:02}",
        "voice_paths": each.entitlement.voice_paths,
        "surge_pct": plain_text(Decimal(each.entitlement.surge_basis_points) / 100),
        "accepted": each.accepted,
        "most_above": each.most_above,
        "minutes_above": each.minutes_above,
    }
