"""People in front of a browser, whose pages may not complain."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.browser.portal import Portal
from tests.browser.stage import PASSWORD, Person

PATIENCE_SECONDS = 30
WIDE, NARROW = 1280, 390
NOT_FOUND = "the server responded with a status of 404"
TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation", event =>
    console.error(`policy ${event.violatedDirective} broken by ${event.blockedURI || event.sample}`))"""

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

    def sign_in(self, person: Person) -> Page:
        """Through the form, from the start; the page is where that leads."""
        page = self.new_page()
        page.goto("/")
        submit_sign_in(page, person.email, PASSWORD)
        expect(page.get_by_role("button", name=f"Your account, {person.email}")).to_be_visible()
        return page

    def page_of(self, person: Person, **options: Any) -> Page:
        """A page of somebody who has signed in before."""
        if person not in self.portal.sessions:
            self.portal.sessions[person] = self.sign_in(person).context.storage_state()
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


def submit_sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
