"""The portal as people meet it, in a real browser: from the list of customers to the PDF, and what stays closed.

One module, so that all of it shares one server however the tests are spread.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.expected import (
    AUGUST,
    FJALLBACKA,
    KUNGSGATAN,
    RETAIL,
    WHOLESALE,
    WHOLESALE_AUGUST,
    Customer,
    Paper,
)
from tests.browser.kinds import KINDS, Kind
from tests.browser.portal import Portal
from tests.browser.stage import ALICE, BOB, CHARLIE, DANA, ERIN, FIRST_ADMINISTRATOR, PASSWORD, RITA, Person
from tests.browser.steps import (
    NEW_PASSWORD,
    anonymous,
    choose_password,
    compares_pdf,
    download,
    exports_what_the_command_prints,
    figure,
    finds_no_invoice,
    follows_the_reason_of_the_first_line,
    reads_current_usage,
    reads_daily_detail,
    reads_invoice,
    tab,
    tab_to,
    visit,
)
from tests.browser.visitors import NARROW, WIDE, Visitors, submit_sign_in

pytestmark = pytest.mark.browser

MOST_BYTES = 120_000
# axe's own choice of rules, and the one of WCAG 2.2 that it leaves out: the size of what is to be hit. Between light
# and dark nothing but colours differs.
RULES: dict[Literal["light", "dark"], Any] = {
    "light": {"rules": {"target-size": {"enabled": True}}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}


@pytest.mark.parametrize(
    ("person", "customer", "paper"),
    [
        pytest.param(BOB, KUNGSGATAN, WHOLESALE, id="partner"),
        pytest.param(CHARLIE, AUGUST, WHOLESALE_AUGUST, id="another-partner"),
        pytest.param(DANA, KUNGSGATAN, WHOLESALE, id="provider"),
        pytest.param(ERIN, FJALLBACKA, RETAIL, id="customer-with-invoices"),
        pytest.param(ALICE, KUNGSGATAN, None, id="customer-without-invoices"),
    ],
)
def test_from_the_customer_to_the_pdf(
    visitors: Visitors, portal: Portal, person: Person, customer: Customer, paper: Paper | None
) -> None:
    page = visitors.sign_in(person)
    portal.sessions[person] = page.context.storage_state()  # the other tests need not sign in
    if person in (ALICE, ERIN):
        expect(page).to_have_url(f"{portal.address}/customers/{customer.ref}/")
    else:
        expect(page).to_have_url(f"{portal.address}/customers/")
        page.get_by_role("link", name=customer.name).click()
    reads_current_usage(page, customer)
    reads_daily_detail(page, customer)
    if customer is KUNGSGATAN:
        exports_what_the_command_prints(page, portal)
    tab(page, "Invoices").click()
    if paper is None:
        finds_no_invoice(page)
    else:
        reads_invoice(page, paper)
        compares_pdf(page, paper)
        follows_the_reason_of_the_first_line(page, customer)


def test_a_customer_finds_its_own_invoice_but_not_the_one_its_partner_got(visitors: Visitors) -> None:
    page = visitors.page_of(ERIN)
    page.goto("/invoices/")
    expect(page.get_by_role("link", name=RETAIL.number, exact=True)).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert visit(page, "/invoices/INV-000003/").status == 404


def test_a_customer_of_somebody_else_is_as_missing_as_one_that_never_was(visitors: Visitors) -> None:
    page = visitors.page_of(CHARLIE)
    foreign = [
        "/customers/C-100/",
        "/customers/C-100/?family=ivr",
        "/customers/C-100/daily-detail/",
        "/customers/C-100/daily-detail/?cycle=2024-06-09",
        "/customers/C-100/daily-detail.csv",
        "/customers/C-100/voice/",
        "/customers/C-200/daily-detail/?org=C-100",
        "/invoices/draft/C-100/",
        "/invoices/draft/C-100/2024-06-09/",
        "/invoices/?customer=C-100",
        "/invoices/INV-000001/",
        "/invoices/INV-000001/pdf/",
        "/invoices/INV-000001/pdf-state/",
        "/invoices/INV-000001/lines.csv",
        "/api/v1/customers/C-100/cycles/",
        "/api/v1/customers/C-100/daily-detail/",
        "/api/v1/invoices/INV-000001/",
    ]
    for path in foreign:
        never = path.replace("C-100", "C-987").replace("INV-000001", "INV-000987")
        found, missing = page.request.get(path), page.request.get(never)
        assert found.status == missing.status == (200 if "?customer=" in path else 404), path
        assert anonymous(found, path) == anonymous(missing, never), path
    assert visit(page, "/customers/C-100/").status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")
    page.goto("/customers/")
    expect(page.get_by_text("Kungsgatan")).to_have_count(0)


def test_the_provider_changes_the_surge_percentage_with_a_reason(visitors: Visitors) -> None:
    page = visitors.page_of(DANA)
    page.goto("/customers/C-300/voice/")
    expect(figure(page, "Accepted calls")).to_have_text("97")
    percentage, reason = page.get_by_label("Surge percentage"), page.get_by_label("Reason")
    change = page.get_by_role("button", name="Change", exact=True)

    percentage.fill("40")
    expect(page.get_by_text("It would accept 105 calls at the same time.")).to_be_visible()
    change.click()
    assert reason.evaluate("field => field.validity.valueMissing")  # the browser says so beside the field
    reason.fill("   ")
    change.click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(percentage).to_have_value("40")
    expect(figure(page, "Accepted calls")).to_have_text("97")

    reason.fill("Summer sale, until September.")
    change.click()
    expect(page.get_by_text("The surge percentage of Fjällbacka Rederi is 40 % from now on.")).to_be_visible()
    expect(figure(page, "Accepted calls")).to_have_text("105")
    expect(figure(page, "Surge protection")).to_have_text("40 %")

    for reader in (BOB, ERIN):
        page = visitors.page_of(reader)
        page.goto("/customers/C-300/voice/")
        expect(figure(page, "Accepted calls")).to_have_text("105")
        newest = page.locator(".timeline li").first
        expect(newest).to_contain_text("From 30 % to 40 %")
        expect(newest).to_contain_text(DANA.email)
        expect(newest).to_contain_text(re.compile(r"\d{1,2} \w{3} \d{4}, \d{2}:\d{2} UTC"))
        expect(newest).to_contain_text("Summer sale, until September.")
        expect(page.get_by_label("Surge percentage")).to_have_count(0)
        expect(page.get_by_role("button", name="Change", exact=True)).to_have_count(0)


def test_the_provider_issues_an_invoice_and_its_pdf_appears_by_itself(visitors: Visitors) -> None:
    page = visitors.page_of(DANA)
    page.goto("/invoices/draft/C-200/1999-09-01/")
    page.get_by_role("button", name="Issue …").click()
    dialog = page.get_by_role("dialog", name="Issue these invoices?")
    expect(dialog).to_contain_text("Wholesale")
    dialog.get_by_role("button", name="Issue", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoice INV-000004")
    expect(page.get_by_text("Invoice INV-000004 is issued.")).to_be_visible()
    content = download(page, page.get_by_role("link", name="PDF", exact=True))
    expect(page.locator("#pdf-facts")).to_contain_text(hashlib.sha256(content).hexdigest())


def test_a_password_is_reset_by_the_link_of_a_mail(visitors: Visitors, portal: Portal) -> None:
    page = visitors.new_page()
    page.goto("/")
    submit_sign_in(page, RITA.email, "not-the-password")
    expect(
        page.get_by_text("The email address and/or password you specified are not correct.")
    ).to_be_visible()
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(RITA.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")

    body = portal.wait_for_mail(RITA.email).get_body(("plain",))
    assert body is not None
    [link] = re.findall(rf"{re.escape(portal.address)}/\S+", body.get_content())
    choose_password(page, link)
    page.get_by_role("link", name="Sign in").click()
    submit_sign_in(page, RITA.email, NEW_PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Customers")
    visit(page, link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


def test_the_first_administrator_sets_a_password_by_the_link_of_the_command(
    visitors: Visitors, portal: Portal
) -> None:
    page = visitors.new_page()
    choose_password(page, portal.first_link)
    page.get_by_role("link", name="Sign in").click()
    submit_sign_in(page, FIRST_ADMINISTRATOR, NEW_PASSWORD)
    expect(page.get_by_role("link", name="Kungsgatan Bank")).to_be_visible()


def test_who_signs_out_is_out(visitors: Visitors) -> None:
    page = visitors.sign_in(BOB)
    page.goto("/customers/C-100/")
    page.get_by_role("button", name=f"Your account, {BOB.email}").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_without_scripts(visitors: Visitors, portal: Portal) -> None:
    page = visitors.new_page(java_script_enabled=False)
    page.goto("/customers/C-100/daily-detail/")
    submit_sign_in(page, BOB.email, PASSWORD)
    expect(page.get_by_label("Billing cycle")).to_have_value("2024-06-09")
    page.get_by_label("Billing cycle").select_option("2024-05-09")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("cycle=2024-05-09"))
    page.get_by_label("Billing cycle").select_option("2024-06-09")
    page.get_by_role("button", name="Show").click()
    content = download(page, page.get_by_role("link", name="Export CSV"))
    assert content == portal.daily_detail_of_command
    expect(page.get_by_role("button", name="Copy link")).to_be_hidden()


def test_with_the_keyboard_alone(visitors: Visitors) -> None:
    page = visitors.page_of(BOB, width=NARROW)
    page.goto("/customers/C-100/daily-detail/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    tab_to(page, page.get_by_role("button", name="Menu"))
    page.keyboard.press("Enter")
    invoices = page.get_by_role("navigation", name="Main").get_by_role("link", name="Invoices")
    expect(invoices).to_be_visible()
    tab_to(page, invoices)
    page.keyboard.press("Escape")
    expect(invoices).to_be_hidden()

    page.goto("/customers/C-100/daily-detail/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    cycle = page.get_by_label("Billing cycle")
    tab_to(page, cycle)
    page.keyboard.press("ArrowDown")
    expect(cycle).to_have_value("2024-05-09")
    assert "cycle=" not in page.url  # only looked at so far
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("cycle=2024-05-09"))


def test_the_daily_detail_is_a_light_page(visitors: Visitors) -> None:
    page = visitors.page_of(BOB)
    html = visit(page, "/customers/C-100/daily-detail/").body()
    page.wait_for_load_state("networkidle")
    weights: dict[str, int] = page.evaluate(
        "Object.fromEntries(performance.getEntriesByType('resource').map(it => [it.name, it.encodedBodySize]))"
    )
    weights["HTML"] = len(gzip.compress(html))
    assert any(name.endswith(".css") for name in weights)
    assert any(name.endswith(".js") for name in weights)
    assert sum(weights.values()) < MOST_BYTES, weights


@pytest.mark.parametrize(
    "person",
    [
        pytest.param(None, id="nobody"),
        pytest.param(ALICE, id="customer"),
        pytest.param(ERIN, id="customer-with-invoices"),
        pytest.param(BOB, id="partner"),
        pytest.param(CHARLIE, id="another-partner"),
        pytest.param(DANA, id="provider"),
    ],
)
def test_every_kind_of_page_light_and_dark_wide_and_narrow(visitors: Visitors, person: Person | None) -> None:
    page = visitors.page_of(person) if person else visitors.new_page()
    found = []
    for name, kind in KINDS.items():
        if kind.person == person:
            found += [f"{name}, {said}" for said in looked_at(page, kind)]
    assert not found, "\n".join(found)


def looked_at(page: Page, kind: Kind) -> list[str]:
    """What axe finds, and what is wider than the screen."""
    page.goto(kind.path)
    expect(page.get_by_role("heading", level=1)).to_have_text(kind.heading)
    kind.then(page)
    page.evaluate(AXE_SCRIPT)
    found = []
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} px, {scheme}: {said}" for said in complaints_of_axe(page, rules)]
        beyond = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        if beyond > 0:
            found.append(f"{width} px: the page is {beyond} px wider than the screen")
    page.set_viewport_size({"width": WIDE, "height": 900})
    return found


def complaints_of_axe(page: Page, rules: dict[str, Any]) -> list[str]:
    result = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **rules})
    return [
        f"{violation['id']}: {violation['help']}\n    {node['html'][:200]}\n    {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
