"""The clock of a test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

ToDay = Callable[[date], None]


@pytest.fixture
def to_day(monkeypatch: pytest.MonkeyPatch) -> ToDay:
    """Set the clock to the noon of a day."""

    def move(day: date) -> None:
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    return move
