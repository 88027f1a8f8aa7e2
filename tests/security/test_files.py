"""Files that leave the portal: no cell is a formula, no name leads to another file, no paper holds foreign markup."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client

from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.document import make_document
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer, Partner
from tests.security.world import OPEN_CYCLE, TODAY, World

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "＝", "x\r=", "x\n=", "x;=", "x; @", "x\t+")
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")


def is_formula(cell: str) -> bool:
    """A spreadsheet would calculate it, or a part of it where it ends cells at other signs than we do."""
    try:
        Decimal(cell)
    except InvalidOperation:
        return any(FORMULA.match(part) for part in re.split(r"[;\t\r\n]", cell))
    return False


@pytest.mark.parametrize("starts", [STARTS[:4], STARTS[4:8], STARTS[8:12], STARTS[12:]])
def test_no_cell_of_a_file_is_a_formula(
    world: World, browser_of: Callable[..., Client], starts: tuple[str, ...]
) -> None:
    numbers = []
    with scope(PROVIDER), connection.cursor() as cursor:
        customers = Customer.objects.select_related("partner").order_by("ref")
        for customer, start in zip(customers, starts, strict=False):
            evil = f"{start}cmd|' /C calc'!A0"
            Customer.objects.filter(pk=customer.pk).update(name=evil)
            Partner.objects.filter(pk=customer.partner_id).update(name=evil)
            for column in ("subscriptions_subscription SET number", "catalogue_sku SET name"):
                cursor.execute(f"UPDATE {column} = %s || id", [start])
            again = customers.get(pk=customer.pk)
            issued = issue_invoices(customer=again, first_day=OPEN_CYCLE, today=TODAY, by="test")
            numbers += [invoice.number for invoice in issued]
    browser = browser_of("dana")
    files = [
        "/customers.csv",
        "/invoices/export.csv",
        f"/customers/C-100/daily-detail.csv?cycle={OPEN_CYCLE}",
        *(f"/invoices/{number}/lines.csv" for number in numbers),
    ]
    assert len(files) >= 9
    for address in files:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Content-Disposition"].startswith("attachment"), address
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        cells = [cell for row in csv.reader(io.StringIO(answer.content.decode())) for cell in row]
        assert [cell for cell in cells if is_formula(cell)] == [], address
        assert len(cells) > 10


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "invoices/../../secret", "invoices/none.pdf"]
)
def test_a_pdf_comes_out_of_its_folder_and_from_nowhere_else(
    world: World, browser_of: Callable[..., Client], name: str
) -> None:
    with scope(PROVIDER):
        invoice = Invoice.objects.filter(customer=world.home.customers[0])[0]
        InvoicePdf.objects.filter(invoice=invoice).update(file=name)
    answer = browser_of("alice", raise_request_exception=False).get(f"/invoices/{invoice.number}/pdf/")
    assert answer.status_code in (400, 404)


def test_a_pdf_is_a_file_for_its_reader_alone(world: World, browser_of: Callable[..., Client]) -> None:
    with scope(PROVIDER):
        invoice = Invoice.objects.filter(customer=world.home.customers[0])[0]
    answer = browser_of("alice").get(f"/invoices/{invoice.number}/pdf/")

    assert b"".join(answer) == f"%PDF-1.7 {invoice.number}".encode()
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert "private" in answer.headers["Cache-Control"]
    known = browser_of("charlie").get(
        f"/invoices/{invoice.number}/pdf/", headers={"if-none-match": answer.headers["ETag"]}
    )
    assert known.status_code == 404


def test_files_are_not_served_by_their_names(world: World, client: Client) -> None:
    with scope(PROVIDER):
        names = list(InvoicePdf.objects.values_list("file", flat=True))
    for name in names:
        for address in (f"/{name}", f"/files/{name}", f"/media/{name}", f"/static/{name}"):
            assert client.get(address).status_code in (301, 302, 404), address
    for address in (
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/static/..%2f..%2fmanage.py",
        "/static//etc/passwd",
    ):
        assert client.get(address).status_code == 404


def test_names_on_a_paper_are_words(world: World) -> None:
    """The engine that makes the PDF would fetch what markup names."""
    markup = '<img src="file:///etc/passwd"><link rel=attachment href="file:///etc/passwd">'
    with scope(PROVIDER):
        invoice = Invoice.objects.filter(customer=world.home.customers[0])[0]
        for details in (invoice.seller_details, invoice.recipient_details, invoice.customer_details):
            details.update(dict.fromkeys(details, markup))
        lines = list(invoice.lines.all())
        for line in lines:
            line.description = line.subscription = line.offer_name = markup
        document = make_document(invoice, lines, on=None)
    html = render_to_string("pdf/invoice.html", {"document": document, "invoice": document})

    assert "&lt;img src=" in html
    assert not re.search(r"<img[^>]+file:|<link", html)
