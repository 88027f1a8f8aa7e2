"""A portal of its own for the browser tests, started and stopped as a whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import StorageState

from portal.embedded.places import POINTER, REPOSITORY
from portal.embedded.processes import LEASH
from tests.browser.stage import DETAIL_CSV, FIRST_LINK, Person

START_SECONDS, STOP_SECONDS, MAIL_SECONDS = 180, 40, 30
SERVICES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL")


class Portal:
    """A portal with everything that belongs to it, in a ``PORTAL_HOME`` of its own."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.home, self.log = folder, log
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sessions: dict[Person, StorageState] = {}

    def start(self) -> None:
        if self.home.exists():  # what a killed run left
            self._end_servers()
            self._remove()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", str(LEASH), str(os.getpid())),
                    *(sys.executable, "-m", "tests.browser", str(self.port)),
                ],
                cwd=REPOSITORY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while "is served at" not in self.log.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The portal did not start:\n{self.log.read_text()[-3000:]}", pytrace=False)
            time.sleep(0.1)

    def stop(self) -> None:
        """As Ctrl-C does; what does not end by itself is ended."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._end_servers()
        self._remove()

    def _end_servers(self) -> None:
        """PostgreSQL and Redis that a killed process left running end with the next one, if that is the last."""
        use = "from portal.embedded import ensure_running; ensure_running()"
        subprocess.run([sys.executable, "-c", use], cwd=REPOSITORY, env=self._environment, check=False)

    def _remove(self) -> None:
        pointer = self.home / POINTER
        if pointer.exists():
            shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in SERVICES} | {
            "DJANGO_SETTINGS_MODULE": "portal.settings.local",
            "PORTAL_HOME": str(self.home),
            "PORTAL_URL": self.address,
            "EMAIL_URL": f"filemail:///{self.home / 'mail'}",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def daily_detail_of_command(self) -> bytes:
        """What ``daily_detail`` printed for C-100."""
        return (self.home / DETAIL_CSV).read_bytes()

    @property
    def first_link(self) -> str:
        """What ``create_provider_admin`` printed."""
        link: str = json.loads((self.home / FIRST_LINK).read_text())["link"]
        return link

    def wait_for_mail(self, to: str) -> EmailMessage:
        """The newest mail to somebody."""
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            for path in sorted((self.home / "mail").glob("*.log"), reverse=True):
                mail = message_from_bytes(path.read_bytes().rpartition(b"-" * 79)[0], policy=policy.default)
                if mail["To"] == to:
                    return mail
            time.sleep(0.1)
        pytest.fail(f"No mail to {to} was sent.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
