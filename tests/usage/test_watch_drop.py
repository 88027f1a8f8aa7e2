"""A folder that somebody else puts files into: which are taken, by whom, once, and where they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.utils import OperationalError

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.usage.drop_folder import DONE, FAILED, PROCESSING, DropFolder
from apps.usage.management.commands import watch_drop
from apps.usage.models import Channel, Delivery, Interval
from apps.usage.services import import_usage
from portal.embedded.places import REPOSITORY
from tests.factories.commands import Shell, shell
from tests.factories.portfolios import customer, enter, partner, portfolio

__all__ = ["shell"]

HEADER = "record_id,agent_id,licence,started_at,ended_at"
SAID = ("--kind", "agent-sessions", "--source", "acd", "--customer", "C-100", "--once", "--settle", "0")


def sessions(*names: str) -> str:
    lines = [f"{name},anna,standard,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z" for name in names]
    return "\n".join([HEADER, *lines, ""])


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def tree(drop: Path) -> set[str]:
    """All files, by their path in the folder."""
    return {str(path.relative_to(drop)) for path in drop.rglob("*") if not path.is_dir() or path.is_symlink()}


def records() -> set[str]:
    with scope(PROVIDER):
        return set(Interval.objects.exclude(record_id__contains="-").values_list("record_id", flat=True))


# The folder alone, without a database


def test_only_what_has_not_changed_for_a_while_is_complete(drop: Path) -> None:
    folder = DropFolder(drop, settle=10)
    (drop / "a.csv").write_text("x")
    assert folder.look(at=0) == []
    assert folder.look(at=9) == []
    (drop / "a.csv").write_text("xy")
    assert folder.look(at=10) == [], "it grew in the meantime"
    assert folder.look(at=19) == []
    assert folder.look(at=20) == ["a.csv"]


def test_the_time_that_a_sender_gives_its_file_plays_no_part(drop: Path) -> None:
    folder = DropFolder(drop, settle=10)
    (drop / "a.csv").write_text("x")
    os.utime(drop / "a.csv", (0, 0))
    assert folder.look(at=0) == []


def test_another_file_of_the_same_name_starts_anew(drop: Path) -> None:
    folder = DropFolder(drop, settle=10)
    (drop / "a.csv").write_text("x")
    folder.look(at=0)
    status = (drop / "a.csv").stat()
    (drop / "other").write_text("y")
    (drop / "other").rename(drop / "a.csv")
    os.utime(drop / "a.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert folder.look(at=11) == []


def test_what_is_unfinished_hidden_a_link_or_a_folder_is_left_alone(drop: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x")
    for name in ("a.csv.part", "b.tmp", "c.FILEPART", ".hidden.csv", "d.csv"):
        (drop / name).write_text("x")
    (drop / "link.csv").symlink_to(tmp_path / "secret.csv")
    (drop / "folder.csv").mkdir()
    os.mkfifo(drop / "pipe.csv")
    folder = DropFolder(drop, settle=0)
    assert folder.look(at=0) == ["d.csv"]


def test_two_watchers_never_take_one_file_twice(drop: Path) -> None:
    one, other = DropFolder(drop, settle=0), DropFolder(drop, settle=0)
    (drop / "a.csv").write_text("x")
    assert one.look(at=0) == other.look(at=0) == ["a.csv"]
    with one.take("a.csv") as first:
        assert first is not None
        with other.take("a.csv") as second:
            assert second is None
        assert list(other.left_behind()) == [], "what another one works on is left alone"
        one.finish(first, {}, into=DONE)
    assert list((drop / PROCESSING).iterdir()) == []


def test_what_a_watcher_left_in_work_is_taken_up_by_the_next(drop: Path) -> None:
    folder = DropFolder(drop, settle=0)
    (drop / "a.csv").write_text("x")
    with pytest.raises(KeyboardInterrupt), folder.take("a.csv"):
        raise KeyboardInterrupt
    assert [path.name for path in DropFolder(drop, settle=0).left_behind()] == ["a.csv"]


def test_nothing_that_is_there_is_overwritten(drop: Path) -> None:
    folder = DropFolder(drop, settle=0)
    for content in ("1", "2", "3"):
        (drop / "usage.csv.gz").write_text(content)
        with folder.take("usage.csv.gz") as taken:
            assert taken is not None
            folder.finish(taken, {"content": content}, into=FAILED)
    found = {path.name: path.read_text() for path in (drop / FAILED).glob("*.gz")}
    assert found == {"usage.csv.gz": "1", "usage-2.csv.gz": "2", "usage-3.csv.gz": "3"}
    assert json.loads((drop / FAILED / "usage-3.csv.gz.json").read_text()) == {"content": "3"}


@pytest.mark.parametrize(
    "name", ["x" * 255, "x" * 251 + ".csv", "ø" * 127, os.fsdecode(b"\xff\xfe.csv"), "a b\n.csv"]
)
def test_any_name_of_a_file_system_finds_its_place(drop: Path, name: str) -> None:
    (drop / name).write_text("x")
    folder = DropFolder(drop, settle=0)
    with folder.take(name) as taken:
        assert taken is not None
        target = folder.finish(taken, {"file": name}, into=DONE)
    assert target.read_text() == "x"
    assert target.with_name(f"{target.name}.json").is_file()


# The command


def test_files_are_imported_and_moved_with_what_became_of_them(
    shell: Shell, drop: Path, guide_example: Customer
) -> None:
    (drop / "a.csv").write_text(sessions("a", "b") + "bad,anna,standard,never,\n")
    (drop / "b.csv").write_text("neither,of,these\n1,2,3\n")
    ran = shell("watch_drop", drop, *SAID)
    assert ran.code == 0
    assert tree(drop) == {"done/a.csv", "done/a.csv.json", "failed/b.csv", "failed/b.csv.json"}
    outcome = json.loads((drop / "done" / "a.csv.json").read_text())
    assert {**outcome, "finished_at": ""} == {
        "file": "a.csv",
        "finished_at": "",
        "rows": 3,
        "accepted": 2,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 1,
        "reasons": {"not a time": 1},
    }
    assert "b.csv" in json.loads((drop / "failed" / "b.csv.json").read_text())["failure"]
    assert records() == {"a", "b"}
    with scope(PROVIDER):
        delivery = Delivery.objects.get(file_name="a.csv")
    assert (delivery.channel, delivery.source_name, delivery.partner) == (Channel.DROP, "acd", None)


def test_the_same_file_again_counts_nothing_twice(shell: Shell, drop: Path, guide_example: Customer) -> None:
    for _twice in range(2):
        (drop / "a.csv").write_text(sessions("a", "b"))
        shell("watch_drop", drop, *SAID)
    assert tree(drop) == {"done/a.csv", "done/a.csv.json", "done/a-2.csv", "done/a-2.csv.json"}
    assert json.loads((drop / "done" / "a-2.csv.json").read_text())["duplicate"] == 2
    assert records() == {"a", "b"}


def test_with_a_partner_the_rights_are_that_partners(
    shell: Shell, drop: Path, guide_example: Customer, strangers: Customer
) -> None:
    """C-900 is a customer of another partner: for P-100 there is none of that name."""
    (drop / "a.csv").write_text(
        f"{HEADER},customer\n"
        "a,anna,standard,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z,C-100\n"
        "b,anna,standard,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z,C-900\n"
    )
    said = ("--kind", "agent-sessions", "--source", "acd", "--once", "--settle", "0", "--partner", "P-100")
    assert shell("watch_drop", drop, *said).code == 0
    outcome = json.loads((drop / "done" / "a.csv.json").read_text())
    assert (outcome["accepted"], outcome["reasons"]) == (1, {"unknown customer": 1})
    assert records() == {"a"}
    with scope(PROVIDER):
        assert Delivery.objects.get(file_name="a.csv").partner == guide_example.partner
    refusal = shell("watch_drop", drop, *said, "--customer", "C-900").refusal
    assert refusal == "There is no customer C-900."


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--kind", "cookies"), "cookies is not a kind of usage"),
        (("--customer", "C-987"), "There is no customer C-987."),
        (("--partner", "P-987"), "There is no partner P-987."),
        (("--settle", "-1"), "0 to 86400 seconds"),
        (("--settle", "nan"), "0 to 86400 seconds"),
    ],
)
def test_a_slip_of_the_keyboard_moves_no_file(
    shell: Shell, drop: Path, guide_example: Customer, arguments: tuple[str, ...], line: str
) -> None:
    (drop / "a.csv").write_text(sessions("a"))
    ran = shell("watch_drop", drop, *SAID, *arguments)
    assert ran.code != 0
    assert line in ran.err
    assert tree(drop) == {"a.csv"}


def test_a_folder_that_is_none_is_refused(shell: Shell, tmp_path: Path) -> None:
    assert "is no folder" in shell("watch_drop", tmp_path / "nowhere", *SAID).refusal


def test_an_error_of_the_portal_fails_the_file_and_stops_no_other(
    shell: Shell, drop: Path, guide_example: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**said: Any) -> Any:
        if said["path"].name == "a.csv":
            raise ZeroDivisionError("of all things")
        return import_usage(**said)

    monkeypatch.setattr(watch_drop, "import_usage", breaks)
    for name in ("a", "b"):
        (drop / f"{name}.csv").write_text(sessions(name))
    shell("watch_drop", drop, *SAID)
    assert tree(drop) == {"failed/a.csv", "failed/a.csv.json", "done/b.csv", "done/b.csv.json"}
    told = json.loads((drop / "failed" / "a.csv.json").read_text())
    assert told["failure"] == "ZeroDivisionError: of all things"


def test_while_the_database_is_away_the_file_stays_in_work(
    shell: Shell, drop: Path, guide_example: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**said: Any) -> Any:
        raise OperationalError("the server closed the connection")

    (drop / "a.csv").write_text(sessions("a"))
    with monkeypatch.context() as patch:
        patch.setattr(watch_drop, "import_usage", away)
        assert "The database does not answer" in shell("watch_drop", drop, *SAID).refusal
    assert [path for path in tree(drop) if path.startswith("processing/")]
    shell("watch_drop", drop, *SAID)
    assert tree(drop) == {"done/a.csv", "done/a.csv.json"}
    assert records() == {"a"}


# As a process of its own

COMMAND = """
import sys, time
import django
django.setup()
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connections
settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = sys.argv.pop(1)
from apps.usage.services import importing, opening
opening.ROWS_AT_ONCE = 100
note = importing._note
def slowly(*arguments, **options):
    note(*arguments, **options)
    time.sleep(0.1)
importing._note = slowly
execute_from_command_line(sys.argv)
"""
Watch = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def watch(committed: None, drop: Path) -> Iterator[Watch]:
    """Starts watchers of the folder; none outlives the test."""
    enter(portfolio(partner("P-100", customer("C-100"))))
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        arguments = ["watch_drop", str(drop), *SAID]
        arguments.remove("--once")
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, connection.settings_dict["NAME"], *arguments, "--skip-checks"],
            cwd=REPOSITORY,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings.test"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rows_of(name: str) -> int:
    with scope(PROVIDER):
        found = Delivery.objects.filter(file_name=name).first()
    return found.rows if found else 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_watcher_that_is_stopped_leaves_its_file_and_the_next_goes_on(
    watch: Watch, drop: Path, how: signal.Signals
) -> None:
    names = [f"r{number}" for number in range(1000)]
    (drop / "large.csv").write_text(sessions(*names))
    first = watch()
    wait_for(lambda: rows_of("large.csv") >= 200)
    first.send_signal(how)
    ended = first.wait(30)
    if how is signal.SIGTERM:
        assert ended == 0, "told to stop, it stops after the part that it is at"
    assert 200 <= rows_of("large.csv") < 1000
    assert not (drop / "done" / "large.csv").exists()

    second = watch()
    wait_for((drop / "done" / "large.csv").exists)
    second.terminate()
    assert second.wait(30) == 0
    with scope(PROVIDER):
        delivery = Delivery.objects.get(file_name="large.csv")
    assert (delivery.rows, delivery.accepted, delivery.duplicate) == (1000, 1000, 0)
    assert tree(drop) == {"done/large.csv", "done/large.csv.json"}


def test_two_watchers_share_a_folder(watch: Watch, drop: Path) -> None:
    watchers = [watch(), watch()]
    for number in range(12):
        (drop / f"{number}.csv").write_text(sessions(f"r{number}"))
    wait_for(lambda: len(list((drop / "done").glob("*.json"))) == 12)
    for process in watchers:
        process.terminate()
        assert process.wait(30) == 0
    assert len(tree(drop)) == 24
    with scope(PROVIDER):
        assert Delivery.objects.count() == 12
        assert Interval.objects.count() == 12


def test_a_watcher_has_no_eyes_but_those_that_it_was_given(
    shell: Shell, drop: Path, guide_example: Customer, charlie: User
) -> None:
    """What a watcher of P-100 brings, nobody of another partner sees."""
    (drop / "a.csv").write_text(sessions("a"))
    shell("watch_drop", drop, *SAID, "--partner", "P-100")
    with scope(charlie.scope):
        assert not Delivery.objects.exists()
        assert not Interval.objects.exists()
