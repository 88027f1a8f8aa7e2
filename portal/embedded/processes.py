"""The portal's own processes: web server, worker, scheduler, started and stopped as children of this one."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from portal.celery import app
from portal.embedded.errors import EmbeddedError
from portal.embedded.places import REPOSITORY, home

GRACE_SECONDS = 15
WORKER_START_SECONDS = 60
LEASH = Path(__file__).with_name("leash.py")
# Celery warns when it runs as root. It accepts JSON only here, and the account is the caller's choice.
WITHOUT_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
FAREWELL = "worker: Warm shutdown"


class Child:
    """A running child in a session of its own, so that Ctrl-C reaches it through us only and in order.

    What it prints goes to our standard error, each line behind its name. It ends when we do, whatever ends us.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(LEASH), str(os.getpid()), sys.executable, *command],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": _warnings()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._forward, daemon=True)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            self._process.terminate()

    def stop(self, *, deadline: float) -> None:
        """Waits until ``deadline`` (of the monotonic clock) for its end, then ends it and its own children."""
        try:
            self._process.wait(timeout=max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(timeout=1)
        if self._process.stdout and not self._reader.is_alive():
            self._process.stdout.close()

    def _forward(self) -> None:
        for line in self._process.stdout or ():
            if line.strip() and not line.startswith(FAREWELL):
                print(f"{self.name} | {line}", end="", file=sys.stderr, flush=True)


def stop_all(children: Sequence[Child], *, grace: float = GRACE_SECONDS) -> None:
    """Asks all to stop at once, gives them ``grace`` seconds together, then ends what is left."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + grace
    for child in children:
        child.stop(deadline=deadline)


def start_web(*, host: str, port: int) -> Child:
    return Child(
        "web",
        [
            *("-m", "gunicorn", "portal.wsgi:application", "--config", "portal/serving.py"),
            *("--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"),
            *("--graceful-timeout", "10", "--log-level", "warning"),
        ],
    )


def start_worker(*, concurrency: int = 2, node: str | None = None) -> Child:
    return Child(
        "worker",
        [
            *("-m", "celery", "--app", "portal.celery", "--quiet", "worker"),
            *("--concurrency", str(concurrency), "--hostname", node or _node_name(), "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle"),
        ],
    )


def start_scheduler() -> Child:
    return Child(
        "scheduler",
        [
            *("-m", "celery", "--app", "portal.celery", "--quiet", "beat"),
            *("--schedule", str(home() / "beat-schedule"), "--pidfile", "", "--loglevel", "WARNING"),
        ],
    )


@contextlib.contextmanager
def worker_process(concurrency: int = 2) -> Iterator[None]:
    """A Celery worker that is ready for tasks inside the block and stopped, its current tasks finished, after it.

    Raises EmbeddedError when the worker does not become ready.
    """
    node = _node_name()
    worker = start_worker(concurrency=concurrency, node=node)
    try:
        deadline = time.monotonic() + WORKER_START_SECONDS
        while not app.control.ping(destination=[node], timeout=0.5, limit=1):
            if worker.exit_code is not None:
                raise EmbeddedError(f"The worker ended at its start with exit code {worker.exit_code}.")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"The worker was not ready after {WORKER_START_SECONDS} seconds.")
        yield
    finally:
        stop_all([worker])


def _warnings() -> str:
    return ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), WITHOUT_ROOT_WARNING]))


def _node_name() -> str:
    return f"portal-{os.getpid()}@{os.uname().nodename}"
