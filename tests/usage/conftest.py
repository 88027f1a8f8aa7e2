"""What the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from apps.usage import tasks
from tests.factories.committed import committed
from tests.factories.usage import files

__all__ = ["committed", "files"]


@pytest.fixture
def folders(settings: Settings, tmp_path: Path) -> Path:
    """Files of the test alone."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.UPLOADS_ARRIVE_IN = tmp_path / "arriving"
    return tmp_path


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Deliveries that workers were told of."""
    told: list[int] = []
    monkeypatch.setattr(tasks.read_delivery, "delay", told.append)
    return told
