"""What people do on the pages, step by step; each step checks what it sees."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Response, expect
from pypdf import PdfReader

from tests.browser.expected import WHOLESALE, Customer, Paper
from tests.browser.portal import Portal
from tests.browser.stage import GUIDE

NEW_PASSWORD = "another-figure-altogether"
QUANTITY, AMOUNT = 4, 8  # columns of an invoice


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


def choose_password(page: Page, link: str) -> None:
    page.goto(link)
    for field in page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    page.get_by_role("button", name="Keep this password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password is changed")


def anonymous(response: APIResponse, path: str) -> str:
    """The answer without the form's token and without the address that was asked for."""
    body = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", response.text())
    for name in re.findall(r"C-\d{3}|INV-\d{6}", path):
        body = body.replace(name, "X")
    return body


def tab_to(page: Page, target: Locator, most: int = 30) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{target} is not reached with {most} times Tab.")


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
