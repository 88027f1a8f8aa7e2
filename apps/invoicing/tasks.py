"""Background work of invoicing: PDFs. What is to be rendered stands in the database; a lost task is picked up."""

from __future__ import annotations

import logging

from celery import shared_task

from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.models import InvoicePdf
from apps.invoicing.rendering import note_failed_rendering, render_pdf

logger = logging.getLogger(__name__)


@shared_task
def render_invoice_pdf(invoice_id: int) -> None:
    """Render one document; a failure is written down and tried again by the sweep."""
    try:
        with scope(PROVIDER):
            render_pdf(invoice_id=invoice_id)
    except Exception as error:
        logger.exception("the PDF of invoice %s cannot be rendered", invoice_id)
        with scope(PROVIDER):
            note_failed_rendering(invoice_id=invoice_id, error=f"{type(error).__name__}: {error}"[:500])


@shared_task
def render_pending_pdfs() -> None:
    """The sweep: ring for every PDF that is waiting."""
    with scope(PROVIDER):
        waiting = list(
            InvoicePdf.objects.filter(state=InvoicePdf.State.PENDING).values_list("invoice_id", flat=True)
        )
    for invoice_id in waiting:
        render_invoice_pdf.delay(invoice_id)
