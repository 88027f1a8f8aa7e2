"""Starting and stopping the two servers. Who may do so, and when, is decided in ``portal.embedded.life``."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from portal.embedded import roles
from portal.embedded.errors import EmbeddedError
from portal.embedded.places import (
    POSTGRESQL_PORT,
    POSTGRESQL_SOCKET,
    REDIS_SOCKET,
    Account,
    Places,
    clean_environment,
    postgresql_programs,
    redis_program,
    run_as,
)
from portal.embedded.urls import SUPERUSER, admin_url

START_SECONDS = 60
STOP_SECONDS = 60
LARGEST_LOG = 10_000_000
POSTGRESQL_VERSION = "18"
POSTGRESQL_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRESQL_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


def end_servers_of_lost_data(places: Places) -> None:
    """Ends servers that still listen for data that were deleted or moved under them, after a killed user.

    Where the system does not tell who listens, nothing is done.
    """
    for name, folder in ((POSTGRESQL_SOCKET, places.postgresql), (REDIS_SOCKET, places.redis)):
        path = places.sockets / name
        pid = _listener(path)
        if pid is not None and not _runs_in(pid, folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT if name == POSTGRESQL_SOCKET else signal.SIGKILL)
            _wait_while(functools.partial(_accepts, path))


def start_postgresql(places: Places) -> None:
    """Starts PostgreSQL unless it runs. Makes its data on first use, and the roles and the database it lacks."""
    if not _accepts(places.sockets / POSTGRESQL_SOCKET):
        programs = postgresql_programs(places.account)
        _make_data(places, programs)
        _remove_stale_locks(places)
        log = places.logs / "postgresql.log"
        command = [str(programs / "postgres"), "-D", str(places.postgresql)]
        settings = {**POSTGRESQL_SETTINGS, "unix_socket_directories": str(places.sockets)}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        pid = _launch(command, folder=places.postgresql, log=log, account=places.account)
        _wait_until(
            lambda: _postgresql_answers(places.sockets),
            alive=lambda: _runs_in(pid, places.postgresql),
            name="PostgreSQL",
            log=log,
        )
    else:
        _wait_until(
            lambda: _postgresql_answers(places.sockets), name="PostgreSQL", log=places.logs / "postgresql.log"
        )
    with psycopg.connect(admin_url(places.sockets), autocommit=True) as connection:
        roles.prepare(connection, login_password="", owner_password="")


def stop_postgresql(places: Places) -> None:
    """Stops PostgreSQL in order ("fast": sessions end, nothing committed is lost) and waits for its end."""
    if not _accepts(places.sockets / POSTGRESQL_SOCKET):
        return
    pid_file = places.postgresql / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    _wait_while(pid_file.exists)


def start_redis(places: Places) -> None:
    """Starts Redis unless it runs. A dump that it cannot read, of a newer Redis, is put aside.

    Nothing is lost by that: what is to be done stands in PostgreSQL.
    """
    if _redis_answers(places.sockets):
        return
    program = redis_program(places.account)
    try:
        _start_redis_once(places, program)
    except EmbeddedError:
        dump = places.redis / "dump.rdb"
        if not dump.exists():
            raise
        dump.rename(places.redis / "dump.rdb.unreadable")
        _start_redis_once(places, program)


def stop_redis(places: Places) -> None:
    """Stops Redis after it saved its data, and waits for it."""
    if _accepts(places.sockets / REDIS_SOCKET):
        _ask_redis(places.sockets, b"SHUTDOWN SAVE")


def _start_redis_once(places: Places, program: Path) -> None:
    log = places.logs / "redis.log"
    settings = {
        "port": "0",
        "unixsocket": str(places.sockets / REDIS_SOCKET),
        "unixsocketperm": "700",
        "dir": str(places.redis),
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "save": "300 1",
    }
    command = [str(program)]
    for name, value in settings.items():
        command += [f"--{name}", value]
    pid = _launch(command, folder=places.redis, log=log, account=places.account)
    _wait_until(
        lambda: _redis_answers(places.sockets),
        alive=lambda: _runs_in(pid, places.redis),
        name="Redis",
        log=log,
    )


def _make_data(places: Places, programs: Path) -> None:
    """Runs ``initdb`` beside the final place and moves the result there, so that half of it never counts."""
    version = places.postgresql / "PG_VERSION"
    if places.postgresql.exists():
        found = run_as(places.account, ["cat", str(version)]).stdout.strip()
        if found != POSTGRESQL_VERSION:
            raise EmbeddedError(
                f"{places.postgresql} was made by PostgreSQL {found or 'unknown'} and this is "
                f"{POSTGRESQL_VERSION}: dump it with the old version and load it into a new PORTAL_HOME."
            )
        return
    scratch = places.servers / "postgresql.new"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    if not places.account.is_us:
        os.chown(scratch, places.account.uid, places.account.gid)
    made = run_as(
        places.account,
        [
            str(programs / "initdb"),
            f"--pgdata={scratch}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ],
    )
    if made.returncode != 0:
        reason = (made.stderr.strip().splitlines() or ["no reason given"])[0]
        raise EmbeddedError(f"PostgreSQL's data cannot be made in {places.postgresql}: {reason}")
    scratch.rename(places.postgresql)


def _remove_stale_locks(places: Places) -> None:
    """Removes lock files that a crash left behind, where their process number now means another process."""
    socket_lock = places.sockets / f"{POSTGRESQL_SOCKET}.lock"
    for lock in (places.postgresql / "postmaster.pid", socket_lock):
        pid = _pid_in(lock)
        if pid is not None and not _runs_in(pid, places.postgresql):
            lock.unlink(missing_ok=True)
    if not socket_lock.exists():
        (places.sockets / POSTGRESQL_SOCKET).unlink(missing_ok=True)


def _launch(command: list[str], *, folder: Path, log: Path, account: Account) -> int:
    """Starts a server that outlives us, in a session of its own: Ctrl-C in our terminal does not reach it.

    Returns its process number. A shell in between takes it off our hands: it is no child of ours.
    """
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".old.log"))
    with log.open("ab") as output:
        started = subprocess.run(
            ["/bin/sh", "-c", '"$@" </dev/null >&2 & echo $!', "sh", *command],
            user=None if account.is_us else account.uid,
            group=None if account.is_us else account.gid,
            extra_groups=None if account.is_us else [],
            umask=0o077,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            check=True,
        )
    return int(started.stdout)


def _wait_until(
    answers: Callable[[], bool], *, name: str, log: Path, alive: Callable[[], bool] = lambda: True
) -> None:
    deadline = time.monotonic() + START_SECONDS
    grace = time.monotonic() + 1
    while time.monotonic() < deadline:
        if answers():
            return
        if time.monotonic() > grace and not alive():
            break
        time.sleep(0.02)
    raise EmbeddedError(f"{name} did not start: {_last_line(log)} (more in {log})")


def _wait_while(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def _postgresql_answers(sockets: Path) -> bool:
    try:
        psycopg.connect(admin_url(sockets), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(sockets: Path) -> bool:
    return _ask_redis(sockets, b"PING").startswith(b"+PONG")


def _ask_redis(sockets: Path, command: bytes) -> bytes:
    """The answer to an inline command; nothing when Redis does not run, or ends instead of answering."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(STOP_SECONDS)
        connection.connect(os.fspath(sockets / REDIS_SOCKET))
        connection.sendall(command + b"\r\n")
        return connection.recv(1024)
    return b""


def _accepts(path: Path) -> bool:
    """True when a server listens on the socket at ``path``."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.fspath(path))
        return True
    return False


def _listener(path: Path) -> int | None:
    """The process that listens on the socket at ``path``, where Linux tells."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.fspath(path))
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[0])
    return None


def _runs_in(pid: int, folder: Path) -> bool:
    """True when the process ``pid`` works in ``folder``, as our servers do in their data."""
    if not os.path.isdir("/proc/self"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return False


def _pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    serious = [line for line in lines[-20:] if "FATAL" in line or "ERROR" in line]
    return (serious or lines or ["no log"])[-1].strip()
