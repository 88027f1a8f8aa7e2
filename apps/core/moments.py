"""Moments as the API writes them."""

from __future__ import annotations

from datetime import datetime


def moment_json(moment: datetime | None) -> str | None:
    """``2024-06-09T08:15:00Z``; None stays None. ``moment`` is UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
