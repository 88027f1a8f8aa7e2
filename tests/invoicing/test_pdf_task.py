"""The PDF of an issued document: rendered once, after the commit, and what is lost is picked up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from django.test import override_settings
from pypdf import PdfReader

from apps.core.tenancy import PROVIDER, scope
from apps.invoicing import rendering, tasks
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.services import issue_invoices
from apps.organisations.services import describe_organisation
from tests.factories.portfolios import STANDARD, entered, line, stored_customer, subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(tmp_path: Path) -> Iterator[Invoice]:
    """The invoice of C-1's June; files lie in a folder of the test's own."""
    owner = entered(subscription("Sub-1", line(STANDARD, 1)))
    with scope(PROVIDER):
        (issued,) = issue_invoices(
            customer=owner, first_day=date(2024, 6, 1), today=date(2024, 12, 1), by="erin@example.com"
        )
    with override_settings(MEDIA_ROOT=tmp_path):
        yield issued


def pdf_of(invoice: Invoice) -> InvoicePdf:
    with scope(PROVIDER):
        return InvoicePdf.objects.get(invoice=invoice)


def text_of(pdf: InvoicePdf) -> str:
    with pdf.file.open("rb") as content:
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content.read())).pages)


def test_a_pdf_is_rendered_once_and_kept_with_its_sha_256(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pdf_of(invoice).state == "pending"
    tasks.render_invoice_pdf(invoice.pk)
    pdf = pdf_of(invoice)
    with pdf.file.open("rb") as content:
        stored = content.read()
    assert (pdf.state, pdf.attempts, pdf.error) == ("ready", 0, "")
    assert pdf.rendered_at is not None
    assert stored.startswith(b"%PDF-")
    assert pdf.sha256 == hashlib.sha256(stored).hexdigest()

    monkeypatch.setattr(rendering, "render_document_pdf", _broken)
    tasks.render_invoice_pdf(invoice.pk)
    again = pdf_of(invoice)
    assert (again.sha256, again.file.name, again.attempts) == (pdf.sha256, pdf.file.name, 0)


def _broken(_: Invoice) -> bytes:
    raise ValueError("no font")


def test_a_pdf_tells_number_lines_and_total_as_they_were_issued(invoice: Invoice) -> None:
    with scope(PROVIDER):
        describe_organisation(organisation=stored_customer("C-1"), name="Renamed")
    tasks.render_invoice_pdf(invoice.pk)
    text = text_of(pdf_of(invoice))
    for said in (invoice.number, "Customer C-1", "Partner P-1", "Sub-1", STANDARD, "50.00"):
        assert said in text
    assert "Renamed" not in text


def test_a_failure_is_written_down_and_after_the_third_the_pdf_is_given_up(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "render_document_pdf", _broken)
    found = []
    for _ in range(4):
        tasks.render_invoice_pdf(invoice.pk)
        pdf = pdf_of(invoice)
        found.append((pdf.state, pdf.attempts))
    assert found == [("pending", 1), ("pending", 2), ("failed", 3), ("failed", 3)]
    assert pdf_of(invoice).error == "ValueError: no font"


def test_after_a_failure_the_next_attempt_can_succeed(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(rendering, "render_document_pdf", _broken)
        tasks.render_invoice_pdf(invoice.pk)
    tasks.render_invoice_pdf(invoice.pk)
    assert pdf_of(invoice).state == "ready"


def test_the_sweep_rings_for_what_waits_and_for_nothing_else(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(tasks.render_invoice_pdf, "delay", rung.append)
    tasks.render_pending_pdfs()
    assert rung == [invoice.pk]
    for state in ("ready", "failed"):
        with scope(PROVIDER):
            InvoicePdf.objects.update(state=state)
        tasks.render_pending_pdfs()
    assert rung == [invoice.pk]
