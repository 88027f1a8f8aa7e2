"""A stored record with all that identifies it: what a figure is proved by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A session, leg or call as it is stored (R13). ``premium`` is None where a kind knows no licence."""

    source: str
    record_id: str
    actor: str
    premium: bool | None
    started_at: datetime
    ended_at: datetime | None
    recorded_at: datetime
