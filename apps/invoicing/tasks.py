"""Background work of invoicing: PDFs, vendors' papers compared, and closed cycles calculated again.

What is to be done stands in the database; what a lost task left is picked up.
"""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import compare_paper
from apps.invoicing.models import InvoicePdf
from apps.invoicing.rendering import note_failed_rendering, render_pdf
from apps.invoicing.verification import verify_closed_cycle
from apps.reconciliation.services.control import papers_to_compare
from apps.reconciliation.verification import least_recently_verified
from apps.subscriptions.models import ClosedCycle

logger = logging.getLogger(__name__)

CYCLES_A_TASK = 20
RUNG_AT_ONCE = 20  # papers that the sweep rings for; the others are next


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


@shared_task
def compare_control_paper(paper_id: int) -> None:
    """Compare a vendor's paper with our figures."""
    compare_paper(paper_id=paper_id, now=timezone.now())


@shared_task
def compare_waiting_papers() -> None:
    """The sweep: ring for every paper that waits, or whose worker died."""
    with scope(PROVIDER):
        due = list(papers_to_compare(now=timezone.now()).values_list("pk", flat=True)[:RUNG_AT_ONCE])
    for paper_id in due:
        compare_control_paper.delay(paper_id)


@shared_task
def verify_closed_cycles(closed_ids: list[int]) -> None:
    """Calculate some closed cycles again, each in a transaction of its own; what differs is kept and logged."""
    for closed_id in closed_ids:
        with scope(PROVIDER):
            closed = ClosedCycle.objects.select_related("customer", "primary__offer").get(pk=closed_id)
            verify_closed_cycle(closed=closed, at=timezone.now())


@shared_task
def verify_rotating_part() -> None:
    """Every night: the closed cycles that were verified longest ago, so that each has its turn."""
    with scope(PROVIDER):
        closed_ids = least_recently_verified(settings.VERIFIED_A_NIGHT)
    for first in range(0, len(closed_ids), CYCLES_A_TASK):
        verify_closed_cycles.delay(closed_ids[first : first + CYCLES_A_TASK])
