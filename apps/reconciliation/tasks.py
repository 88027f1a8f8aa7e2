"""Background work: one customer a task, so that any number of workers share a run."""

from __future__ import annotations

import logging

from celery import Task, shared_task
from django.utils import timezone

from apps.core.tenancy import PROVIDER, scope
from apps.reconciliation.models import Run, RunItem
from apps.reconciliation.services import finish_run, open_run, park_item, work_item
from apps.subscriptions.models import StaleSpan

logger = logging.getLogger(__name__)

ATTEMPTS = 3


@shared_task(bind=True, max_retries=ATTEMPTS - 1, default_retry_delay=1)
def reconcile_customer(self: Task[[int, int], None], run_id: int, customer_id: int) -> None:
    """Recalculate one customer of a run. What fails three times is parked with its reason."""
    try:
        with scope(PROVIDER):
            work_item(run_id=run_id, customer_id=customer_id, today=timezone.now().date())
    except Exception as error:
        if self.request.retries >= ATTEMPTS - 1:
            logger.exception("customer %s of run %s is parked", customer_id, run_id)
            with scope(PROVIDER):
                park_item(
                    run_id=run_id, customer_id=customer_id, reason=f"{type(error).__name__}: {error}"[:500]
                )
            return
        raise self.retry(exc=error) from error


@shared_task
def reconcile_stale() -> None:
    """The sweep: start a run for what is stale, ring again for what a lost task left, end runs that are done."""
    with scope(PROVIDER):
        for run in Run.objects.filter(finished_at=None):
            if not run.items.filter(state=RunItem.State.WAITING).exists():
                finish_run(run=run)
        waiting = list(
            RunItem.objects.filter(run__finished_at=None, state=RunItem.State.WAITING).values_list(
                "run_id", "customer_id"
            )
        )
        if not waiting and StaleSpan.objects.exists():
            run = open_run()
            waiting = [
                (run.pk, customer_id) for customer_id in run.items.values_list("customer_id", flat=True)
            ]
    ring(waiting)


def ring(waiting: list[tuple[int, int]]) -> None:
    """Tell the workers of items of runs."""
    for run_id, customer_id in waiting:
        reconcile_customer.delay(run_id, customer_id)
