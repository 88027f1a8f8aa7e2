"""What people come for, as each of them: from the list of customers to the PDF, and what stays closed."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Response, expect
from pypdf import PdfReader

from tests.browser.portal import Portal
from tests.browser.stage import (
    ALICE,
    BOB,
    CHARLIE,
    DANA,
    ERIN,
    FIRST_ADMINISTRATOR,
    GUIDE,
    PASSWORD,
    RITA,
    Person,
)
from tests.browser.visitors import NARROW, Visitors, sign_in, submit_sign_in

pytestmark = pytest.mark.browser

NEW_PASSWORD = "another-figure-altogether"
MOST_BYTES = 120_000
QUANTITY, AMOUNT = 4, 8  # columns of an invoice


@dataclass(frozen=True)
class Customer:
    """What the pages of a customer must show."""

    ref: str
    name: str
    purchased: tuple[str, str]
    used: str
    above: tuple[str, str]
    billed: str
    most_ports: str
    peak_day: str
    peak_row: list[str]
    rows: int
    other_cycle: str


@dataclass(frozen=True)
class Paper:
    """What an invoice must say: its lines as SKU, quantity and amount."""

    number: str
    total: str
    currency: str
    lines: list[tuple[str, str, str]]


def guide(ref: str, name: str) -> Customer:
    """The licence guide's example, worked through to the end of its cycle."""
    return Customer(
        ref=ref,
        name=name,
        purchased=("25", "5 Premium, 20 Standard"),
        used="38",
        above=("13", "2 Premium, 11 Standard"),
        billed="13",
        most_ports="0",
        peak_day="2024-06-13",
        peak_row=["13 Jun 2024", "Premium Named Agent", "7", "5", "0", "2", "Licenses"],
        rows=60,
        other_cycle="2024-05-09",
    )


KUNGSGATAN = guide("C-100", "Kungsgatan Bank")
FJALLBACKA = guide("C-300", "Fjällbacka Rederi")
AUGUST = Customer(
    ref="C-200",
    name="Anonymous Bank",
    purchased=("8", "1 Premium, 7 Standard"),
    used="11",
    above=("3", "1 Premium, 2 Standard"),
    billed="8",
    most_ports="20",
    peak_day="1999-08-02",
    peak_row=["2 Aug 1999", "Premium Concurrent Agent", "2", "1", "0", "1", "Licenses"],
    rows=62,
    other_cycle="1999-07-01",
)
WHOLESALE = Paper(
    "INV-000001",
    "3,361.75",
    "USD",
    [
        ("A-FLEX-WCC-P-N-O", "2", "288.00"),
        ("A-FLEX-WCC-S-N-O", "11", "1,113.75"),
        ("A-FLEX-WCC-P-N", "5", "520.00"),
        ("A-FLEX-WCC-S-N", "20", "1,440.00"),
    ],
)
WHOLESALE_AUGUST = Paper(
    "INV-000002",
    "5,187.45",
    "ILS",
    [
        ("A-FLEX-WCC-P-C-O", "3", "1,402.20"),
        ("A-FLEX-WCC-S-C-O", "5", "1,681.50"),
        ("A-FLEX-WCC-P-C", "1", "348.50"),
        ("A-FLEX-WCC-S-C", "5", "1,253.75"),
        ("A-FLEX-WCC-S-C", "2", "501.50"),
    ],
)
RETAIL = Paper(
    "P-100-INV-000001",
    "4,007.50",
    "USD",
    [
        ("A-FLEX-WCC-P-N-O", "2", "320.00"),
        ("A-FLEX-WCC-S-N-O", "11", "1,237.50"),
        ("A-FLEX-WCC-P-N", "5", "650.00"),
        ("A-FLEX-WCC-S-N", "20", "1,800.00"),
    ],
)


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
    page = visitors.new_page()
    sign_in(page, person)
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


def reads_current_usage(page: Page, customer: Customer) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)
    expect(figure(page, "Licences purchased")).to_have_text(customer.purchased[0])
    expect(stat(page, "Licences purchased")).to_contain_text(customer.purchased[1])
    expect(figure(page, "Licences used")).to_have_text(customer.used)
    expect(figure(page, "Above the allowance")).to_have_text(customer.above[0])
    expect(stat(page, "Above the allowance")).to_contain_text(customer.above[1])
    expect(figure(page, "Billed for the cycle")).to_have_text(customer.billed)
    page.get_by_role("link", name="IVR ports").click()
    expect(page).to_have_url(re.compile("family=ivr"))
    expect(figure(page, "Most ports in the cycle")).to_have_text(customer.most_ports)
    page.get_by_role("link", name="Agents", exact=True).click()
    expect(figure(page, "Licences used")).to_have_text(customer.used)


def reads_daily_detail(page: Page, customer: Customer) -> None:
    tab(page, "Daily detail").click()
    rows = page.get_by_role("region", name="Daily detail").get_by_role("row")
    expect(rows).to_have_count(1 + customer.rows)
    peak = page.locator("tr.is-peak")
    expect(peak).to_contain_text("Overage peak")
    assert [
        text.strip() for text in peak.get_by_role("cell").or_(peak.get_by_role("rowheader")).all_inner_texts()
    ][:7] == customer.peak_row

    shown = page.url
    page.get_by_label("Billing cycle").select_option(customer.other_cycle)
    expect(page).to_have_url(re.compile(f"cycle={customer.other_cycle}"))
    expect(page.get_by_label("Billing cycle")).to_have_value(customer.other_cycle)
    page.goto(shown)

    row = page.locator(f"#day-{customer.peak_day}")
    expect(row).not_to_be_in_viewport()
    page.locator(f'.chart-svg a[href="#day-{customer.peak_day}"]').first.click()
    expect(page).to_have_url(re.compile(f"#day-{customer.peak_day}$"))
    expect(row).to_be_in_viewport()


def exports_what_the_command_prints(page: Page, portal: Portal) -> None:
    content = download(page, page.get_by_role("link", name="Export CSV"))
    assert content == portal.daily_detail_of_command
    assert content.startswith((GUIDE / "daily-detail.csv").read_bytes())


def reads_invoice(page: Page, paper: Paper) -> None:
    page.get_by_role("link", name=paper.number, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice {paper.number}")
    lines = page.locator(".doc-lines tbody tr")
    expect(lines).to_have_count(len(paper.lines))
    for line, (sku, quantity, amount) in zip(lines.all(), paper.lines, strict=True):
        expect(line.locator(".doc-sku")).to_have_text(sku)
        expect(line.get_by_role("cell").nth(QUANTITY)).to_have_text(quantity)
        expect(line.get_by_role("cell").nth(AMOUNT)).to_have_text(amount)
    total = page.get_by_role("table", name="Summary").get_by_role("row", name="Total Amount")
    expect(total).to_contain_text(f"{paper.total} {paper.currency}")


def compares_pdf(page: Page, paper: Paper) -> None:
    content = download(page, page.get_by_role("link", name="PDF", exact=True))
    expect(page.locator("#pdf-facts")).to_contain_text(hashlib.sha256(content).hexdigest())
    text = " ".join(sheet.extract_text() for sheet in PdfReader(BytesIO(content)).pages)
    assert paper.number in text
    assert f"{paper.total} {paper.currency}" in text
    for sku, quantity, amount in paper.lines:
        assert re.search(rf"{sku}\b.*?\b{quantity}\b.*?{re.escape(amount)}", text, re.DOTALL)


def follows_the_reason_of_the_first_line(page: Page, customer: Customer) -> None:
    page.get_by_role("link", name="Why this amount?").first.click()
    expect(page).to_have_url(re.compile(f"/customers/{customer.ref}/daily-detail/"))
    expect(page.locator("tr.is-peak")).to_contain_text("Overage peak")


def finds_no_invoice(page: Page) -> None:
    expect(page.get_by_text("does not invoice you through this portal")).to_be_visible()
    expect(page.get_by_role("link", name=WHOLESALE.number)).to_have_count(0)
    for part in ("", "pdf/", "pdf-state/", "lines.csv"):
        assert visit(page, f"/invoices/{WHOLESALE.number}/{part}").status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")


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


def anonymous(response: APIResponse, path: str) -> str:
    """The answer without the form's token and without the address that was asked for."""
    body = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", response.text())
    for name in re.findall(r"C-\d{3}|INV-\d{6}", path):
        body = body.replace(name, "X")
    return body


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


def choose_password(page: Page, link: str) -> None:
    page.goto(link)
    for field in page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    page.get_by_role("button", name="Keep this password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password is changed")


def test_who_signs_out_is_out(visitors: Visitors) -> None:
    page = visitors.new_page()
    sign_in(page, BOB)
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


def tab_to(page: Page, target: Locator, most: int = 30) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{target} is not reached with {most} times Tab.")


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


def visit(page: Page, path: str) -> Response:
    response = page.goto(path)
    assert response is not None
    return response


def tab(page: Page, name: str) -> Locator:
    return page.locator("nav.tabs").get_by_role("link", name=name)


def stat(page: Page, label: str) -> Locator:
    return page.locator(".stat").filter(has=page.locator(".stat-label", has_text=label))


def figure(page: Page, label: str) -> Locator:
    return stat(page, label).locator(".stat-value")


def download(page: Page, link: Locator) -> bytes:
    with page.expect_download() as started:
        link.click()
    return Path(started.value.path()).read_bytes()
