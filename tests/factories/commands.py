"""Running management commands as the shell does: what they print, what they say, and how they exit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import ManagementUtility
from django.db import connections


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON; there must be nothing else on standard output."""
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        """The one line with which it refused: exit code 1, nothing printed, no traceback."""
        assert (self.code, self.out) == (1, ""), (self.code, self.out, self.err)
        (line,) = self.err.splitlines()
        assert line.startswith("CommandError: ")
        return line.removeprefix("CommandError: ")


class Shell:
    """``shell("daily_detail", "--customer", "C-1", …)`` inside the test's own transaction."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        # A command closes its connections when it ends; here they are the test's.
        monkeypatch.setattr(connections, "close_all", lambda: None)

    def __call__(self, *arguments: object) -> Ran:
        self._capsys.readouterr()
        code: object = 0
        try:
            ManagementUtility(["manage.py", *map(str, arguments), "--skip-checks", "--no-color"]).execute()
        except SystemExit as ended:
            code = ended.code
        out, err = self._capsys.readouterr()
        assert isinstance(code, int)
        return Ran(code, out, err)


@pytest.fixture
def shell(db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs management commands."""
    return Shell(capsys, monkeypatch)
