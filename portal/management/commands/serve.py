"""Serves the portal: web server, worker and scheduler together, until Ctrl-C or one of them ends."""

import hashlib
import http.client
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.embedded.processes import Child, start_scheduler, start_web, start_worker, stop_all

READY_SECONDS = 90
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = "Serves the portal with its worker and its scheduler until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
        parser.add_argument(
            "--port", type=int, default=8000, help="the port to listen on (%(default)s); 0 takes a free one"
        )

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        port = _free_port(host, port)
        _collect_static_files()
        with _told_to_stop() as stopping:
            children: list[Child] = []
            try:
                children += [start_web(host=host, port=port), start_worker(), start_scheduler()]
                if _wait_until_healthy(children, stopping, host, port):
                    self.stdout.write(f"The portal is served at {_address(host, port)} until Ctrl-C.")
                    self.stdout.flush()
                while not stopping.wait(0.5):
                    _check_all_alive(children)
                self.stderr.write("Stopping.")
            finally:
                stop_all(children)


def _collect_static_files() -> None:
    """Collects them anew when a file came, went or changed since the last time: it takes seconds."""
    listed = "".join(
        f"{path} {status.st_size} {status.st_mtime_ns}\n"
        for finder in get_finders()
        for path, storage in finder.list([])
        for status in (Path(storage.path(path)).stat(),)
    )
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    fingerprint = hashlib.sha256(listed.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != fingerprint:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(fingerprint)


def _free_port(host: str, port: int) -> int:
    """The port to use; refuses one that is taken before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
            raise CommandError(f"Port {port} of {host} cannot be used: {reason}.") from error
        return int(probe.getsockname()[1])


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C, TERM and HUP set; asking again while stopping interrupts at once."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_healthy(children: list[Child], stopping: threading.Event, host: str, port: int) -> bool:
    """True once the health address says that everything works; False when told to stop before."""
    deadline = time.monotonic() + READY_SECONDS
    answer = "nothing"
    while time.monotonic() < deadline:
        if stopping.wait(0.2):
            return False
        _check_all_alive(children)
        status = _health(host, port)
        if status == http.HTTPStatus.OK:
            return True
        if status is not None:
            answer = f"status {status}"
    raise CommandError(f"{_address(host, port)}health/ answered {answer} for {READY_SECONDS} seconds.")


def _health(host: str, port: int) -> int | None:
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/health/", headers={"Host": "localhost"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _check_all_alive(children: list[Child]) -> None:
    for child in children:
        if child.exit_code is not None:
            raise CommandError(
                f"The {child.name} process ended with exit code {child.exit_code}: all are stopped."
            )


def _address(host: str, port: int) -> str:
    shown = ANY_ADDRESS.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
