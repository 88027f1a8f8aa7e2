"""Rendering PDFs: the one door for their state. Only workers come here, because the engine takes a second to load."""

from __future__ import annotations

import hashlib

from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from weasyprint import CSS, HTML

from apps.invoicing.document import PAPER_LANGUAGE, make_document
from apps.invoicing.models import Invoice, InvoicePdf

PDF_ATTEMPTS = 3


def render_document_pdf(invoice: Invoice) -> bytes:
    """The PDF of an issued document."""
    with translation.override(PAPER_LANGUAGE):
        document = make_document(invoice, list(invoice.lines.all()), on=None)
        html = render_to_string("pdf/invoice.html", {"document": document, "invoice": document})
    stylesheet = finders.find("portal/pdf.css")
    pdf: bytes | None = HTML(string=html, base_url=None).write_pdf(stylesheets=[CSS(filename=stylesheet)])
    assert pdf is not None  # without a target the bytes are returned
    return pdf


@transaction.atomic
def render_pdf(*, invoice_id: int) -> None:
    """Render the PDF of an issued document once, and keep it with its SHA-256. Done already: nothing happens."""
    pdf = (
        InvoicePdf.objects.select_for_update(of=("self",))
        .select_related("invoice")
        .get(invoice_id=invoice_id)
    )
    if pdf.state != InvoicePdf.State.PENDING:
        return
    content = render_document_pdf(pdf.invoice)
    pdf.file.save(f"{pdf.invoice.number}.pdf", ContentFile(content), save=False)
    pdf.sha256 = hashlib.sha256(content).hexdigest()
    pdf.state = InvoicePdf.State.READY
    pdf.rendered_at = timezone.now()
    pdf.save()


@transaction.atomic
def note_failed_rendering(*, invoice_id: int, error: str) -> None:
    """Count a failure; after the last attempt the PDF is given up and listed."""
    pdf = InvoicePdf.objects.select_for_update().get(invoice_id=invoice_id)
    pdf.attempts += 1
    pdf.error = error
    if pdf.attempts >= PDF_ATTEMPTS:
        pdf.state = InvoicePdf.State.FAILED
    pdf.save(update_fields=["attempts", "error", "state"])
