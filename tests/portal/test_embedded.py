"""The embedded PostgreSQL and Redis: who starts them, who stops them, who may enter."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.embedded import EmbeddedError, addresses, home
from portal.embedded import roles as portal_roles
from portal.embedded.places import (
    POINTER,
    POSTGRESQL_SOCKET,
    REDIS_SOCKET,
    REPOSITORY,
    SOCKET_PATH_LIMIT,
    prepare_places,
    socket_folder,
)
from portal.embedded.urls import admin_url

AS_ROOT = os.geteuid() == 0
USE = """
import sys
from portal.embedded import EmbeddedError, ensure_running
try:
    ensure_running()
except EmbeddedError as error:
    sys.exit(str(error))
print("ready", flush=True)
{then}
sys.stdin.read()
"""


class User:
    """A process that uses the services of ``home`` until it is told to leave."""

    def __init__(self, home: Path, then: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USE.format(then=then)],
            cwd=REPOSITORY,
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> "User":
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line == "ready\n", self.end()
        return self

    def end(self, number: signal.Signals | None = None) -> str:
        """Lets it leave, or sends it a signal; returns what it wrote to standard error."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=30)[1]


def environment(home: Path) -> dict[str, str]:
    services = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if name not in services} | {
        "PORTAL_HOME": str(home)
    }


def listens(home: Path, name: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_folder(home) / name))
        return True
    return False


def postmaster(home: Path) -> str:
    return (home / "postgresql" / "postmaster.pid").read_text().split("\n")[0]


def remove_installation(home: Path) -> None:
    pointer = home / POINTER
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip())
    shutil.rmtree(socket_folder(home), ignore_errors=True)


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """A home of its own that the servers' account can enter, empty at first."""
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o755)
    yield parent / "home"
    remove_installation(parent / "home")
    shutil.rmtree(parent)


@pytest.fixture(scope="class")
def running(installation: Path) -> Iterator[Path]:
    user = User(installation).ready()
    yield installation
    user.end()


def test_two_starting_at_once_share_the_servers_and_the_last_to_leave_stops_them(installation: Path) -> None:
    first, second = User(installation), User(installation)
    first.ready()
    second.ready()
    server = postmaster(installation)
    first.end()
    assert postmaster(installation) == server
    assert listens(installation, POSTGRESQL_SOCKET)
    assert listens(installation, REDIS_SOCKET)
    second.end()
    assert not socket_folder(installation).exists()
    assert not (installation / "postgresql" / "postmaster.pid").exists()


def test_a_killed_user_blocks_nobody_and_the_next_one_stops_the_servers(installation: Path) -> None:
    killed = User(installation).ready()
    server = postmaster(installation)
    killed.end(signal.SIGKILL)
    assert listens(installation, POSTGRESQL_SOCKET)
    after = User(installation).ready()
    assert postmaster(installation) == server
    after.end()
    assert not listens(installation, POSTGRESQL_SOCKET)


def test_a_home_deleted_under_running_servers_starts_anew(installation: Path) -> None:
    User(installation).ready().end(signal.SIGKILL)
    shutil.rmtree(installation)
    user = User(installation).ready()
    with psycopg.connect(admin_url(socket_folder(installation))) as connection:
        assert connection.execute("SHOW data_directory").fetchone() == (str(installation / "postgresql"),)
    user.end()
    assert not listens(installation, POSTGRESQL_SOCKET)
    assert not listens(installation, REDIS_SOCKET)


def test_a_user_told_to_terminate_stops_the_servers(installation: Path) -> None:
    user = User(installation).ready()
    user.end(signal.SIGTERM)
    assert user.process.returncode == 128 + signal.SIGTERM
    assert not listens(installation, POSTGRESQL_SOCKET)


def test_ctrl_c_reaches_no_server_and_leaves_the_data_whole(installation: Path) -> None:
    user = User(installation).ready()
    with psycopg.connect(admin_url(socket_folder(installation)), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    user.end(signal.SIGINT)
    assert (
        "database system is shut down"
        in (installation / "log" / "postgresql.log").read_text().splitlines()[-1]
    )
    after = User(installation).ready()
    with psycopg.connect(admin_url(socket_folder(installation))) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    after.end()


def test_a_forked_child_that_ends_leaves_the_servers_alone(installation: Path) -> None:
    fork = "import os; pid = os.fork(); pid or sys.exit(); os.waitpid(pid, 0); print('forked', flush=True)"
    user = User(installation, then=fork).ready()
    assert user.process.stdout
    assert user.process.stdout.readline() == "forked\n"
    assert listens(installation, POSTGRESQL_SOCKET)
    user.end()
    assert not listens(installation, POSTGRESQL_SOCKET)


def test_lock_files_of_a_crash_do_not_stop_the_start(installation: Path) -> None:
    owner = (installation / "postgresql").stat()
    folder = socket_folder(installation)
    folder.mkdir(mode=0o700)
    # The process number in them now means this test, which is no PostgreSQL.
    stale = f"{os.getpid()}\n{installation / 'postgresql'}\n1\n5432\n{folder}\n\n"
    for lock in (installation / "postgresql" / "postmaster.pid", folder / f"{POSTGRESQL_SOCKET}.lock"):
        lock.write_text(stale)
        lock.chmod(0o600)
        os.chown(lock, owner.st_uid, owner.st_gid)
    User(installation).ready().end()


class TestWhileRunning:
    def test_roles_are_as_little_as_they_can_be(self, running: Path) -> None:
        with psycopg.connect(admin_url(socket_folder(running))) as connection:
            found = connection.execute(
                "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreatedb, rolcreaterole, rolinherit, rolconfig"
                " FROM pg_roles WHERE rolname LIKE 'portal%' ORDER BY 1"
            ).fetchall()
            members = connection.execute(
                "SELECT roleid::regrole::text, member::regrole::text, inherit_option, set_option, admin_option"
                " FROM pg_auth_members WHERE member::regrole::text LIKE 'portal%' ORDER BY 1"
            ).fetchall()
        no_login = (False, False, False, False, False, True, None)
        assert found == [
            ("portal_auth", *no_login),
            ("portal_backup", False, True, False, False, False, True, None),
            ("portal_customer", *no_login),
            ("portal_login", False, False, True, False, False, False, ["role=portal_auth"]),
            ("portal_owner", False, False, True, True, False, True, None),
            ("portal_partner", *no_login),
            ("portal_provider", *no_login),
        ]
        assert members == [
            ("pg_read_all_data", "portal_backup", True, True, False),
            ("portal_auth", "portal_login", False, True, False),
            ("portal_customer", "portal_login", False, True, False),
            ("portal_partner", "portal_login", False, True, False),
            ("portal_provider", "portal_login", False, True, False),
        ]

    def test_the_portal_signs_in_as_portal_auth_and_takes_only_its_roles(self, running: Path) -> None:
        url = admin_url(socket_folder(running)).replace("postgres@/postgres", "portal_login@/portal")
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT current_user, session_user").fetchone() == (
                "portal_auth",
                "portal_login",
            )
            for role in portal_roles.TAKEN_ROLES:
                connection.execute(f"SET ROLE {role}")
            for role in (portal_roles.OWNER, portal_roles.BACKUP, "postgres"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SET ROLE {role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE intruder ()")

    def test_order_of_text_does_not_follow_the_machine(self, running: Path) -> None:
        with psycopg.connect(admin_url(socket_folder(running))) as connection:
            locales = connection.execute(
                "SELECT DISTINCT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database"
            ).fetchall()
            assert locales == [("b", "C.UTF-8", "UTF8")]
            assert connection.execute("SELECT upper('ž'), 'Z' < 'a'").fetchone() == ("Ž", True)

    def test_preparing_another_server_twice_changes_nothing(
        self, running: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = admin_url(socket_folder(running))
        monkeypatch.setenv("DATABASE_ADMIN_URL", url)
        monkeypatch.setenv("DATABASE_URL", "postgresql://portal_login:secret-1@db.example/elsewhere")
        monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://portal_owner:secret-2@db.example/elsewhere")
        for _ in range(2):
            call_command("prepare_database", stdout=StringIO())
        with psycopg.connect(url) as connection:
            passwords = connection.execute(
                "SELECT rolname, split_part(rolpassword, '$', 1) FROM pg_authid"
                " WHERE rolpassword IS NOT NULL ORDER BY 1"
            ).fetchall()
            owner = connection.execute(
                "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'elsewhere'"
            ).fetchone()
        assert passwords == [("portal_login", "SCRAM-SHA-256"), ("portal_owner", "SCRAM-SHA-256")]
        assert owner == ("portal_owner",)

    def test_nobody_else_reaches_the_sockets(self, running: Path) -> None:
        folder = socket_folder(running).stat()
        assert stat.S_IMODE(folder.st_mode) == 0o700
        assert folder.st_uid == (running / "postgresql").stat().st_uid
        with psycopg.connect(admin_url(socket_folder(running))) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert "port 0" in redis_setting(running, "port")


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("DATABASE_ADMIN_URL", "", "DATABASE_ADMIN_URL is not set."),
        ("DATABASE_ADMIN_URL", "postgresql://x@127.0.0.1:1/x", "DATABASE_ADMIN_URL: .*refused.*"),
        (
            "DATABASE_URL",
            "postgresql://postgres@db.example/portal",
            "DATABASE_URL must sign in as portal_login.",
        ),
        ("DATABASE_URL", "postgresql://portal_login@db.example", "DATABASE_URL names no database."),
        (
            "DATABASE_URL",
            "postgresql://portal_login@db.example/other",
            "DATABASE_URL names the database other, .*",
        ),
    ],
)
def test_preparing_a_server_refuses_with_one_clear_line(
    variable: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_ADMIN_URL", "postgresql://postgres@127.0.0.1:1/postgres")
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal_login@127.0.0.1:1/portal")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://portal_owner@127.0.0.1:1/portal")
    monkeypatch.setenv(variable, value)
    with pytest.raises(CommandError, match=f"^{line}$"):
        call_command("prepare_database")


def redis_setting(home: Path, name: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_folder(home) / REDIS_SOCKET))
        connection.sendall(f"CONFIG GET {name}\r\n".encode())
        return " ".join(word for word in connection.recv(1024).decode().split() if word[0] not in "*$")


@pytest.mark.skipif(not AS_ROOT, reason="only root can give a folder away")
def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = socket_folder(tmp_path)
    folder.mkdir(mode=0o777)
    os.chown(folder, 54321, 54321)
    try:
        with pytest.raises(EmbeddedError, match="belongs to user 54321 and cannot hold the sockets"):
            prepare_places(tmp_path)
    finally:
        folder.rmdir()
        remove_installation(tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the servers as somebody else")
def test_data_of_root_are_refused_and_told_whose_they_should_be(tmp_path: Path) -> None:
    (tmp_path / "postgresql").mkdir()
    with pytest.raises(EmbeddedError, match=r"postgresql belongs to root, not to (postgres|nobody): set"):
        prepare_places(tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the servers as somebody else")
def test_a_private_folder_stays_private_and_the_data_are_kept_elsewhere(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = private / "home"
    try:
        told = User(home).ready().end()
        servers = Path((home / POINTER).read_text().strip())
        assert f"their data are kept in {servers}." in told
        assert stat.S_IMODE(servers.stat().st_mode) == 0o700
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        assert (servers / "postgresql" / "PG_VERSION").exists()
        assert User(home).ready().end() == ""
    finally:
        remove_installation(home)


def test_addresses_are_known_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_services(monkeypatch)
    monkeypatch.setenv("PORTAL_HOME", str(tmp_path / ("long" * 60)))
    found = addresses()
    folder = socket_folder(home())
    assert found.database_url == f"postgresql://portal_login@/portal?host={folder}&port=5432"
    assert found.database_owner_url == f"postgresql://portal_owner@/portal?host={folder}&port=5432"
    assert found.redis_url == f"unix://{folder}/redis.sock?db=0"
    assert found.broker_url == f"redis+socket://{folder}/redis.sock?virtual_host=0"
    assert len(str(folder / POSTGRESQL_SOCKET)) <= SOCKET_PATH_LIMIT
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_services_of_ones_own_replace_the_embedded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_services(monkeypatch)
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal_login@db.example/portal")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example:6379/0")
    found = addresses()
    assert found.database_url == found.database_owner_url == "postgresql://portal_login@db.example/portal"
    assert found.redis_url == found.broker_url == "redis://redis.example:6379/0"
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://portal_owner@db.example/portal")
    assert addresses().database_owner_url == "postgresql://portal_owner@db.example/portal"
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(EmbeddedError, match="DATABASE_URL is not"):
        addresses()


def forget_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)


def test_a_child_ends_with_its_parent_even_a_killed_one() -> None:
    program = (
        "import time; from portal.embedded.processes import Child;"
        " child = Child('sleeper', ['-c', 'import os, time; print(os.getpid()); time.sleep(60)']); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    assert parent.stderr
    name, _, pid = parent.stderr.readline().partition(" | ")
    assert name == "sleeper"
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while is_alive(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(int(pid))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
