"""Verifying closed cycles: with the papers that charge them, which only invoicing knows."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from apps.catalogue.domain.kinds import Service
from apps.invoicing.models import Invoice, InvoiceLine
from apps.reconciliation.models import Verification
from apps.reconciliation.services import record_failed_verification, record_verification
from apps.reconciliation.verification import IssuedPaper, verify
from apps.subscriptions.models import ClosedCycle

logger = logging.getLogger(__name__)


def verify_closed_cycle(*, closed: ClosedCycle, at: datetime) -> Verification:
    """Calculate a closed cycle again, and keep what differs; that it cannot be calculated is an outcome too."""
    try:
        with transaction.atomic():
            differences = verify(closed, issued_papers(closed))
    except Exception as error:
        logger.exception("closed cycle %s of customer %s cannot be verified", closed, closed.customer_id)
        return record_failed_verification(
            closed=closed, error=f"{type(error).__name__}: {error}"[:500], at=at
        )
    return record_verification(closed=closed, differences=differences, at=at)


def issued_papers(closed: ClosedCycle) -> list[IssuedPaper]:
    """The issued papers that charge the overage or the usage of a closed cycle.

    Those of the cycle itself; a digital cycle may be carried by a contact centre's (R10). Adjustments are not among
    them: they charge what came later (R13).
    """
    kind = InvoiceLine.Kind.USAGE if closed.service == Service.DIGITAL else InvoiceLine.Kind.OVERAGE
    own = Invoice.objects.filter(
        about=closed.customer_id, service=closed.service, period_from=closed.first_day
    )
    papers: dict[str, dict[str, int]] = {number: {} for number in own.values_list("number", flat=True)}
    lines = InvoiceLine.objects.filter(
        invoice__about=closed.customer_id,
        kind=kind,
        period_from=closed.first_day,
        period_to=closed.last_day,
        original_period=None,
    )
    for number, sku, quantity in lines.values_list("invoice__number", "sku", "quantity"):
        papers.setdefault(number, {})[sku] = quantity
    return [IssuedPaper(number, quantities) for number, quantities in sorted(papers.items())]
