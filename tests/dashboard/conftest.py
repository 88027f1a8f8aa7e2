"""What the tests of the landing pages share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.factories.usage import UsageFiles

ToDay = Callable[[date], None]


@pytest.fixture
def to_day(monkeypatch: pytest.MonkeyPatch) -> ToDay:
    """Set the clock."""

    def move(day: date) -> None:
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    return move


@pytest.fixture
def usage(tmp_path: Path) -> UsageFiles:
    return UsageFiles(tmp_path)
