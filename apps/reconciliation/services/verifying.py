"""Keeping what came out when a closed cycle was calculated again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from apps.reconciliation.domain.closing import Difference
from apps.reconciliation.models import Verification
from apps.subscriptions.models import ClosedCycle

logger = logging.getLogger(__name__)


def record_verification(
    *, closed: ClosedCycle, differences: Sequence[Difference], at: datetime
) -> Verification:
    """Keep the outcome of a verification instead of the one before; what must never happen goes to the log too."""
    errors = [difference for difference in differences if difference.cause.is_error]
    if errors:
        outcome = Verification.Outcome.DIFFERENT
    else:
        outcome = Verification.Outcome.LATER if differences else Verification.Outcome.SAME
    if errors:
        first = errors[0].plain()
        logger.error(
            "closed cycle %s of customer %s is not as it was closed: %s differences, first %s",
            closed,
            closed.customer_id,
            len(errors),
            first,
        )
    return _keep(closed, at, outcome, [difference.plain() for difference in differences])


def record_failed_verification(*, closed: ClosedCycle, error: str, at: datetime) -> Verification:
    """Keep that a closed cycle could not be calculated again, so that the others have their turn."""
    return _keep(closed, at, Verification.Outcome.FAILED, [{"cause": "failed", "name": error}])


def _keep(
    closed: ClosedCycle, at: datetime, outcome: Verification.Outcome, differences: list[dict[str, object]]
) -> Verification:
    verification, _created = Verification.objects.update_or_create(
        closed=closed, defaults={"verified_at": at, "outcome": outcome, "differences": differences}
    )
    return verification
