"""When the servers run: from the first process that uses them until the last one leaves.

Each process that uses them holds a shared lock on ``users.lock`` for as long as it lives; the operating system
takes it back however the process ends. Starting and leaving happen one at a time, under ``start.lock``. Whoever
leaves and then gets the exclusive lock was the last, and stops the servers. Servers that a killed process left
running are found by the next one, used, and stopped by it.
"""

import atexit
import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from portal.embedded.places import Places, home, prepare_home, prepare_places
from portal.embedded.servers import (
    end_servers_of_lost_data,
    start_postgresql,
    start_redis,
    stop_postgresql,
    stop_redis,
)


@dataclass(frozen=True)
class _Use:
    """One process using the servers. A forked child inherits this, but it is another process's."""

    pid: int
    lock: int
    places: Places


class _Current:
    use: _Use | None = None


def ensure_running() -> None:
    """Starts the embedded services unless they run, and counts this process among their users until it ends.

    ``DATABASE_URL`` and ``REDIS_URL``, where set, stand for services of your own: those are left alone. May be
    called often and by several processes at once. Raises EmbeddedError.
    """
    current = _Current.use
    if current is not None and current.pid == os.getpid():
        return
    postgresql = not os.environ.get("DATABASE_URL")
    redis = not os.environ.get("REDIS_URL")
    folder = home()
    prepare_home(folder)
    if not postgresql and not redis:
        return
    with _only_one_starts(folder):
        lock = _open_lock(folder / "users.lock")
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            places = prepare_places(folder)
            _tell_unless_at_home(places)
            end_servers_of_lost_data(places)
            try:
                if redis:
                    start_redis(places)
                if postgresql:
                    start_postgresql(places)
            except BaseException:
                _stop_unless_used(lock, places)
                raise
        except BaseException:
            os.close(lock)
            raise
    _Current.use = _Use(pid=os.getpid(), lock=lock, places=places)
    atexit.register(_leave)
    _exit_in_order_when_told_to()


def _leave() -> None:
    use = _Current.use
    if use is None or use.pid != os.getpid():
        return
    _Current.use = None
    if not use.places.home.is_dir():
        end_servers_of_lost_data(use.places)
        return
    with _only_one_starts(use.places.home):
        _stop_unless_used(use.lock, use.places)
        os.close(use.lock)


def _stop_unless_used(lock: int, places: Places) -> None:
    """Stops both servers when nobody else holds ``users.lock``; under ``start.lock``, so that nobody can begin."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stop_redis(places)
        stop_postgresql(places)
        with contextlib.suppress(OSError):
            places.sockets.rmdir()
        # A forked child that lives on shares the lock and must not keep it from the next ones.
        fcntl.flock(lock, fcntl.LOCK_UN)


@contextlib.contextmanager
def _only_one_starts(folder: Path) -> Iterator[None]:
    lock = _open_lock(folder / "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _exit_in_order_when_told_to() -> None:
    """Makes TERM and HUP end this process like an exit, unless it has its own ideas about them."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _tell_unless_at_home(places: Places) -> None:
    if places.servers != places.home and not places.postgresql.exists():
        print(
            f"{places.home} is closed to {places.account.name}, as which PostgreSQL and Redis run: "
            f"their data are kept in {places.servers}.",
            file=sys.stderr,
            flush=True,
        )
