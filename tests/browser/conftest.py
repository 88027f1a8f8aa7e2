"""A portal that is served for real, a browser, and people who use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from portal.embedded import home
from portal.embedded.system import find_browser
from tests.browser.portal import Portal
from tests.browser.visitors import Visitors

pytest.register_assert_rewrite("tests.browser.steps")

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Chromium one browser test fails and says so, instead of all."""
    if find_browser() is None:
        others = [item for item in items if item.get_closest_marker("browser")][1:]
        items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def program() -> str:
    """The system's Chromium."""
    found = find_browser()
    if found is None:
        pytest.fail("Chromium is missing: install it with 'apt-get install chromium'.", pytrace=False)
    return found


@pytest.fixture(scope="session")
def portal(program: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Portal]:
    """One for all browser tests of a process; it ends with them, whatever happens."""
    made = Portal(home() / f"browser-{worker_id}", tmp_path_factory.mktemp("portal") / "log")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def chromium(program: str) -> Iterator[Browser]:
    """Only as long as a module: while it runs, Django takes this process for an asynchronous one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def visitors(portal: Portal, chromium: Browser) -> Iterator[Visitors]:
    """The people of this test. No page may complain: no errors, no broken policy, no request to elsewhere."""
    made = Visitors(portal, chromium)
    yield made
    made.close()
    assert not made.complaints, "\n".join(made.complaints)
