"""What the tests of the landing pages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.clock import to_day
from tests.factories.usage import UsageFiles

__all__ = ["to_day", "usage"]


@pytest.fixture
def usage(tmp_path: Path) -> UsageFiles:
    return UsageFiles(tmp_path)
