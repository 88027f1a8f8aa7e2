"""Background work of usage: deliveries read part by part. What is to be done stands in the database."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from apps.core.tenancy import PROVIDER, scope
from apps.usage.models import Delivery
from apps.usage.services import deliveries as reading
from apps.usage.services.kept_files import due_deliveries, remove_left_behind, remove_read_files
from apps.usage.services.remembering import forget_answers

logger = logging.getLogger(__name__)

# A worker reads one delivery so long, and then takes its place behind what else waits. Below the time limit of tasks.
SECONDS_A_PART = 480.0
RUNG_AT_ONCE = 20  # deliveries that the sweep rings for; the others are next


@shared_task
def read_delivery(delivery_id: int) -> None:
    """Read on in a delivery, and ring again where more of it is left for a worker to take."""
    if reading.read_delivery(delivery_id=delivery_id, now=timezone.now(), seconds=SECONDS_A_PART):
        with scope(PROVIDER):
            remove_read_files(now=timezone.now(), deliveries=Delivery.objects.filter(pk=delivery_id))
        return
    with scope(PROVIDER):
        is_due = due_deliveries(now=timezone.now()).filter(pk=delivery_id).exists()
    if is_due:  # else another worker is at it
        read_delivery.delay(delivery_id)


@shared_task
def read_waiting() -> None:
    """The sweep: ring for every delivery that waits, or whose worker died."""
    with scope(PROVIDER):
        due = list(due_deliveries(now=timezone.now()).values_list("pk", flat=True)[:RUNG_AT_ONCE])
    for delivery_id in due:
        read_delivery.delay(delivery_id)


@shared_task
def tidy_files() -> None:
    """Remove files that nobody has to read any more, and what killed processes left."""
    with scope(PROVIDER):
        now = timezone.now()
        removed = remove_read_files(now=now) + remove_left_behind(now=now)
    if removed:
        logger.info("%s files that nobody has to read any more are removed", removed)


@shared_task
def forget_old_answers() -> None:
    """Forget what calls with an ``Idempotency-Key`` were answered more than a day ago."""
    with scope(PROVIDER):
        forget_answers(now=timezone.now())
