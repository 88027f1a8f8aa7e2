"""``manage.py soak``: what it counts, and what it leaves where portal and rules differ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from tests.factories.commands import Shell, shell
from tests.oracle import usage
from tests.soak import loop
from tests.soak.stories import read_story, write_story

__all__ = ["shell"]

ROOT = Path(__file__).resolve().parents[2]


def test_it_compares_in_a_database_of_its_own_and_drops_it(db: None) -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "soak", "--minutes", "0", "--seed", "1", "--format", "json"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    counts = json.loads(run.stdout)
    assert set(counts) == {"customers", "histories", "comparisons", "differences"}
    assert (counts["customers"], counts["histories"], counts["differences"]) == (6, 6, 0)
    assert counts["comparisons"] > 50
    assert "seed 1" in run.stderr


def test_a_seed_always_makes_the_same_histories() -> None:
    first, again, other = (loop.draw_together(seed) for seed in (4, 4, 5))
    assert first == again != other


def test_a_difference_leaves_the_smallest_history_that_shows_it(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PRESENT_FROM", usage.PRESENT_FROM * 40)  # a wrong reading of R2
    monkeypatch.setattr(usage, "logged_in", lambda sessions, first, last: set())  # and of R3
    monkeypatch.setattr(loop, "SECONDS_TO_SHRINK", 1)
    path = tmp_path / "difference.json"
    seen: Counter[str] = Counter()
    with pytest.raises(loop.Differs) as raised:
        loop.soak(seconds=60, first_seed=1, reproduction=path, progress=seen.update)
    told = json.loads(path.read_text())
    assert str(raised.value) == told["difference"]
    assert (raised.value.path, "the portal: " in told["difference"]) == (path, True)
    story = read_story(path)
    assert loop.differs(story)
    monkeypatch.undo()
    assert not loop.differs(story)
    write_story(story, tmp_path / "again.json", seed=told["seed"], difference=told["difference"])
    assert (tmp_path / "again.json").read_text() == path.read_text()


def test_without_the_tests_it_says_what_it_needs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests.soak.loop", None)
    refusal = shell("soak", "--minutes", "1").refusal
    assert refusal.startswith("soak needs the tests and the libraries for development")


def test_a_file_that_it_did_not_write_cannot_be_repeated(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    assert shell("soak", "--repeat", path).refusal == f"{path}: No such file or directory"
    path.write_text('{"steps": []}')
    assert shell("soak", "--repeat", path).refusal == f"{path} is no history that soak wrote."
    assert not (Path(settings.PORTAL_HOME) / "soak-difference.json").exists()
