"""Background work: some customers a task, so that any number of workers on any number of machines share a run."""

from __future__ import annotations

import logging
from itertools import groupby

from celery import Task, shared_task
from django.utils import timezone

from apps.core.domain.periods import ONE_DAY
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, scope
from apps.reconciliation.models import Run, RunItem
from apps.reconciliation.runs import list_due
from apps.reconciliation.services import (
    finish_run,
    list_tasks,
    open_run,
    park_item,
    work_items,
)

logger = logging.getLogger(__name__)

ATTEMPTS = 3


@shared_task(bind=True, max_retries=ATTEMPTS - 1, default_retry_delay=1)
def reconcile_customers(self: Task[[int, list[int]], None], run_id: int, customer_ids: list[int]) -> None:
    """Recalculate some customers of a run. Where one fails each is tried alone; what fails three times is parked."""
    today = timezone.now().date()
    try:
        with scope(PROVIDER):
            work_items(run_id=run_id, customer_ids=customer_ids, today=today)
    except Exception as error:
        if len(customer_ids) > 1:
            for customer_id in customer_ids:
                reconcile_customers.delay(run_id, [customer_id])
        elif isinstance(error, Refusal) or self.request.retries >= ATTEMPTS - 1:
            logger.exception("customer %s of run %s is parked", customer_ids[0], run_id)
            reason = (
                str(error)
                if isinstance(error, Refusal)
                else ": ".join(filter(None, (type(error).__name__, str(error))))
            )
            with scope(PROVIDER):
                park_item(run_id=run_id, customer_id=customer_ids[0], reason=reason[:500])
        else:
            raise self.retry(exc=error) from error
    with scope(PROVIDER):
        finish_run(run_id=run_id)


@shared_task
def reconcile_stale() -> None:
    """The sweep: start a run for what is stale, ring again for what a lost task left, end runs that are done."""
    with scope(PROVIDER):
        for run_id in Run.objects.filter(finished_at=None).values_list("pk", flat=True):
            finish_run(run_id=run_id)
        today = timezone.now().date()
        if not Run.objects.filter(finished_at=None).exists() and (due := list_due(last_day=today - ONE_DAY)):
            open_run(today=today, customers=due)
    ring()


def ring(run: Run | None = None) -> None:
    """Tell the workers of what waits, of one run or of all."""
    with scope(PROVIDER):
        waiting = RunItem.objects.filter(run__finished_at=None, state=RunItem.State.WAITING)
        if run is not None:
            waiting = waiting.filter(run=run)
        rows = list(
            waiting.order_by("run_id", "customer_id").values_list("run_id", "customer_id", "expected")
        )
    for run_id, items in groupby(rows, key=lambda row: row[0]):
        for customer_ids in list_tasks((customer_id, expected) for _run, customer_id, expected in items):
            reconcile_customers.delay(run_id, customer_ids)
