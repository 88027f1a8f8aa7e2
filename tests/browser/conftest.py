"""A portal that is served for real, a browser, and people who use it. Whatever a page complains about fails its test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
    expect,
    sync_playwright,
)

from portal.embedded import home
from portal.embedded.places import POINTER, REPOSITORY, socket_folder
from portal.embedded.processes import LEASH
from portal.embedded.system import find_browser
from tests.browser.stage import DETAIL_CSV, FIRST_LINK, PASSWORD, Person

START_SECONDS, STOP_SECONDS, PATIENCE_SECONDS = 180, 40, 30
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 390
NOT_FOUND = "the server responded with a status of 404"
TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation", event =>
    console.error(`policy ${event.violatedDirective} broken by ${event.blockedURI || event.sample}`))"""
SERVICES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL")


class Portal:
    """A portal with everything that belongs to it, in a ``PORTAL_HOME`` of its own."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.home, self.log = folder, log
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sessions: dict[Person, StorageState] = {}

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SERVICES} | {
            "DJANGO_SETTINGS_MODULE": "portal.settings.local",
            "PORTAL_HOME": str(self.home),
            "PORTAL_URL": self.address,
            "EMAIL_URL": f"filemail:///{self.home / 'mail'}",
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", str(LEASH), str(os.getpid())),
                    *(sys.executable, "-m", "tests.browser", str(self.port)),
                ],
                cwd=REPOSITORY,
                env=environment,
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

    def remove(self) -> None:
        pointer = self.home / POINTER
        if pointer.exists():
            shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(socket_folder(self.home), ignore_errors=True)

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
        deadline = time.monotonic() + PATIENCE_SECONDS
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


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Portal]:
    """One for all browser tests of a process; it ends with them, whatever happens."""
    made = Portal(home() / f"browser-{worker_id}", tmp_path_factory.mktemp("portal") / "log")
    if os.environ.get("DEVURL"):  # DEVELOPMENT
        made.address, made.home = os.environ["DEVURL"], Path(os.environ["DEVHOME"])  # DEVELOPMENT
        yield made  # DEVELOPMENT
        return  # DEVELOPMENT
    made.remove()  # what a killed run left
    try:
        made.start()
        yield made
    finally:
        made.stop()
        made.remove()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's. Only as long as a module: while it runs, Django takes the process for an asynchronous one."""
    program = find_browser()
    if program is None:
        pytest.fail("Chromium is missing: install it with 'apt-get install chromium'.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield browser
        browser.close()


expect.set_options(timeout=PATIENCE_SECONDS * 1000)


class Visitors:
    """Opens pages as people see them and writes down what goes wrong there."""

    def __init__(self, portal: Portal, browser: Browser) -> None:
        self.portal, self.browser = portal, browser
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    def new_page(self, *, width: int = WIDE, **options: Any) -> Page:
        """A page of somebody who is not signed in, in a browser that nobody used before."""
        context = self.browser.new_context(
            base_url=self.portal.address,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            **options,
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("request", self._see_request)
        context.on("response", self._see_response)
        return context.new_page()

    def page_of(self, person: Person, **options: Any) -> Page:
        """A page of somebody who has signed in before."""
        if person not in self.portal.sessions:
            page = self.new_page()
            sign_in(page, person)
            self.portal.sessions[person] = page.context.storage_state()
        return self.new_page(storage_state=self.portal.sessions[person], **options)

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and NOT_FOUND not in message.text:
            self.complaints.append(f"{message.location['url']}: {message.text}")

    def _see_request(self, request: Request) -> None:
        there = urlsplit(request.url)
        if there.scheme not in ("data", "blob") and there.netloc != urlsplit(self.portal.address).netloc:
            self.complaints.append(f"a request left this machine: {request.url}")

    def _see_response(self, response: Response) -> None:
        """What is missing may be so on purpose for a page, never for what a page loads."""
        missing = response.status == 404 and not response.request.is_navigation_request()
        if missing or response.status >= 500:
            self.complaints.append(f"{response.url} answered {response.status}")


@pytest.fixture
def visitors(portal: Portal, chromium: Browser) -> Iterator[Visitors]:
    """The people of this test. No page may complain: no errors, no broken policy, no request to elsewhere."""
    made = Visitors(portal, chromium)
    yield made
    made.close()
    assert not made.complaints, "\n".join(made.complaints)


def sign_in(page: Page, person: Person, password: str = PASSWORD) -> None:
    """Through the form, wherever the address leads then."""
    page.goto("/")
    submit_sign_in(page, person.email, password)
    expect(page.get_by_role("button", name=f"Your account, {person.email}")).to_be_visible()


def submit_sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
