"""Every kind of page, and what is done there before it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.stage import ALICE, BOB, CHARLIE, DANA, ERIN, GUIDE, Person

GOLD = "/kept-aside/group/?sender=&source=import&kind=agent-sessions&reason=unknown+licence&value=gold"


@dataclass(frozen=True)
class Kind:
    """A kind of page: who opens which address, what is done there, and what its heading says."""

    path: str
    person: Person | None
    heading: str
    then: Callable[[Page], Any] = lambda page: None


def open_account_menu(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def open_numbers_of_chart(page: Page) -> None:
    page.locator(".chart summary").last.click()
    expect(page.locator(".chart table").last).to_be_visible()


def send_empty_reason(page: Page) -> None:
    page.get_by_label("Reason").fill(" ")
    page.get_by_label("Surge percentage").fill("30")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_text("This field is required.")).to_be_visible()


def choose_a_file(page: Page) -> None:
    page.get_by_label("Drop files here, or choose them").set_input_files(
        {"name": "usage.csv", "mimeType": "text/csv", "buffer": b"record_id\n1\n"}
    )
    expect(page.get_by_text("usage.csv")).to_be_visible()


def preview_mending(page: Page) -> None:
    page.get_by_label("Standard").check()
    page.get_by_role("button", name="See what would become of them").first.click()
    expect(page.get_by_text("Nothing is sent yet.")).to_be_visible()


def open_row(page: Page) -> None:
    page.get_by_role("link", name="Line 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Line 2 of faults.csv")
    expect(page.get_by_label("Customer")).to_have_value("C-100")


def open_conflict(page: Page) -> None:
    page.get_by_role("link", name="s05-1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Conflict about s05-1")


def compare_a_paper(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(GUIDE / "daily-detail.csv")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Theirs beside ours")).to_be_visible(timeout=30_000)


def make_a_key(page: Page) -> None:
    page.get_by_label("Name").fill("Warehouse")
    page.get_by_label("Read usage").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("rowheader", name="Warehouse")).to_be_visible()


def open_days_as_table(page: Page) -> None:
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("region", name="Agent sessions")).to_be_visible()


def send_wrong_password(page: Page) -> None:
    page.get_by_label("Email").fill("nobody@customer.example")
    page.get_by_label("Password").fill("wrong-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("are not correct")).to_be_visible()


KINDS = {
    "sign-in": Kind("/accounts/login/", None, "Sign in"),
    "sign-in-refused": Kind("/accounts/login/", None, "Sign in", send_wrong_password),
    "password-reset": Kind("/accounts/password/reset/", None, "Reset your password"),
    "password-reset-sent": Kind("/accounts/password/reset/done/", None, "Look into your mail"),
    "password-link-used": Kind("/accounts/password/reset/key/1-used/", None, "This link no longer works"),
    "password-changed": Kind("/accounts/password/reset/key/done/", None, "Your password is changed"),
    "by-invitation-only": Kind("/accounts/signup/", None, "By invitation only"),
    "password-change": Kind("/accounts/password/change/", ALICE, "Change your password"),
    "sign-out": Kind("/accounts/logout/", ALICE, "Sign out?"),
    "nothing-here": Kind("/customers/C-987/", ALICE, "Nothing is here"),
    "customers": Kind("/customers/", BOB, "Customers"),
    "customers-of-all": Kind("/customers/?q=bank&sort=-overage", DANA, "Customers"),
    "customers-none": Kind("/customers/?q=nobody", DANA, "Customers"),
    "account-menu": Kind("/customers/", BOB, "Customers", open_account_menu),
    "current-usage": Kind("/customers/C-100/", ALICE, "Kungsgatan Bank"),
    "current-usage-ports": Kind("/customers/C-200/?family=ivr", CHARLIE, "Anonymous Bank"),
    "current-usage-none": Kind("/customers/C-100/?cycle=2024-05-09", DANA, "Kungsgatan Bank"),
    "daily-detail": Kind("/customers/C-100/daily-detail/", BOB, "Kungsgatan Bank"),
    "daily-detail-ports": Kind(
        "/customers/C-200/daily-detail/?family=ivr", CHARLIE, "Anonymous Bank", open_numbers_of_chart
    ),
    "voice": Kind("/customers/C-100/voice/", ALICE, "Kungsgatan Bank"),
    "voice-change": Kind("/customers/C-100/voice/", DANA, "Kungsgatan Bank", send_empty_reason),
    "invoices": Kind("/invoices/", DANA, "Invoices"),
    "invoices-of-a-customer": Kind("/invoices/?customer=C-100", BOB, "Invoices for Kungsgatan Bank"),
    "invoices-none": Kind("/invoices/", ALICE, "Invoices for Kungsgatan Bank"),
    "invoice": Kind("/invoices/INV-000001/", BOB, "Invoice INV-000001"),
    "invoice-retail": Kind("/invoices/P-100-INV-000001/", ERIN, "Invoice P-100-INV-000001"),
    "draft": Kind("/invoices/draft/C-300/2024-07-09/", DANA, "Draft for Fjällbacka Rederi"),
    "draft-running": Kind("/invoices/draft/C-100/", BOB, "Draft for Kungsgatan Bank"),
    "deliveries": Kind("/deliveries/", BOB, "Usage data", choose_a_file),
    "deliveries-of-all": Kind("/deliveries/?state=done", DANA, "Usage data"),
    "delivery": Kind("/deliveries/1/", DANA, "agent-sessions.csv"),
    "sources": Kind("/sources/", DANA, "Usage data"),
    "source": Kind("/sources/1/", BOB, "import", open_days_as_table),
    "kept-aside": Kind("/kept-aside/", BOB, "Usage data"),
    "conflicts": Kind("/conflicts/", BOB, "Usage data"),
    "delivery-with-faults": Kind("/deliveries/5/", DANA, "faults.csv"),
    "kept-aside-of-all": Kind("/kept-aside/?settled=false", DANA, "Usage data"),
    "kept-aside-group": Kind(GOLD, DANA, "Unknown licence “gold”", preview_mending),
    "kept-aside-row": Kind("/kept-aside/?delivery=5", DANA, "Usage data", open_row),
    "conflicts-of-a-file": Kind("/conflicts/?delivery=5", DANA, "Usage data"),
    "conflict": Kind("/conflicts/?delivery=5", DANA, "Usage data", open_conflict),
    "conflict-of-a-partner": Kind("/conflicts/?record_id=s05-1", BOB, "Usage data", open_conflict),
    "formats": Kind("/formats/", BOB, "Usage data"),
    "format": Kind("/formats/webex-tasks/", BOB, "Webex Contact Center tasks with activities"),
    "format-add": Kind("/formats/new/", BOB, "Describe a format"),
    "control": Kind("/customers/C-100/control/", DANA, "Kungsgatan Bank"),
    "control-paper": Kind("/customers/C-100/control/", BOB, "Kungsgatan Bank", compare_a_paper),
    "digital": Kind("/customers/C-100/digital/", ALICE, "Kungsgatan Bank"),
    "proof": Kind("/customers/C-100/billed/premium-named/proof/?cycle=2024-06-09", BOB, "Kungsgatan Bank"),
    "api-keys": Kind("/api-keys/", DANA, "API keys"),
    "api-key-made": Kind("/api-keys/", BOB, "API keys", make_a_key),
    "runs": Kind("/runs/", DANA, "Reconciliation"),
    "unentitled-usage": Kind("/unentitled/", DANA, "Reconciliation"),
    "offers": Kind("/offers/", DANA, "Reconciliation"),
    "offer-settings": Kind("/offers/A-FLEX-3-CC/", DANA, "Flex 3.0 for Contact Center"),
    "style-guide": Kind("/styleguide/", DANA, "Style guide"),
}
