"""Runs: everything that is stale, written down customer by customer, worked off by any number of workers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import record_change
from apps.core.bulk import columns
from apps.core.domain.periods import ONE_DAY
from apps.core.problems import Refusal
from apps.organisations.models import Customer
from apps.reconciliation.models import Run, RunItem
from apps.reconciliation.runs import list_stale, list_waiting
from apps.reconciliation.services.recalculation import reconcile_customers
from apps.usage.domain.records import LONGEST_RECORD
from apps.usage.selectors import count_records

# A task takes a second or two of them: short enough to cancel, long enough that its overhead does not count.
RECORDS_A_TASK = 100_000
CUSTOMERS_A_TASK = 100
_EARLIEST = date(1971, 1, 1)


class RunOver(Refusal):
    """A run that has ended cannot be cancelled."""


class NothingToDo(Refusal):
    """There is nothing stale for the run that was asked for."""


@transaction.atomic
def open_run(
    *, today: date, until: date | None = None, by: str = "", customers: Collection[int] | None = None
) -> Run:
    """Write down what is to be done: one item for each customer with stale days, or with days that passed since.

    ``customers``: no others than these. A customer that waits in another run already is left to it.
    """
    last_day = min(today - ONE_DAY, until or date.max)
    stale = list_stale(last_day)
    waiting = list_waiting(last_day) if stale else set()
    since = {
        customer_id: day
        for customer_id, day in stale.items()
        if customer_id not in waiting and (customers is None or customer_id in customers)
    }
    expected = _expect(since)
    run = Run.objects.create(until=until, started_by=by)
    RunItem.objects.bulk_create(
        RunItem(run=run, customer_id=customer_id, expected=expected.get(customer_id, 0))
        for customer_id in sorted(since)
    )
    return run


@transaction.atomic
def start_run(*, today: date, by: str) -> Run:
    """Open a run of everything that is stale because somebody asks for it.

    Raises:
        NothingToDo: nothing is stale, or all of it waits in a run already.
    """
    return _started(open_run(today=today, by=by), by=by)


@transaction.atomic
def retry_parked(*, run: Run, today: date, by: str, customer: Customer | None = None) -> Run:
    """Open another run of the customers that this one has parked, or of one of them.

    Raises:
        NothingToDo: none of them is stale any more, or they wait in a run already.
    """
    parked = run.items.filter(state=RunItem.State.PARKED)
    if customer is not None:
        parked = parked.filter(customer_id=customer.pk)
    customers = set(parked.values_list("customer_id", flat=True))
    return _started(open_run(today=today, until=run.until, by=by, customers=customers), by=by)


def _started(run: Run, *, by: str) -> Run:
    if not run.items.exists():
        raise NothingToDo(_("Nothing is stale that does not wait in a run already."))
    record_change(by=by, action="run.started", subject=str(run), after=run.items.count())
    return run


def _expect(since: dict[int, date]) -> dict[int, int]:
    if not since:
        return {}
    return count_records(list(since), since=max(min(since.values()), _EARLIEST) - LONGEST_RECORD)


def list_tasks(waiting: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Customers of a run, given with the records expected, as one task takes them."""
    task: list[int] = []
    records = 0
    for customer_id, expected in waiting:
        if task and (records + expected > RECORDS_A_TASK or len(task) == CUSTOMERS_A_TASK):
            yield task
            task, records = [], 0
        task.append(customer_id)
        records += expected
    if task:
        yield task


@transaction.atomic
def work_items(*, run_id: int, customer_ids: Sequence[int], today: date) -> None:
    """Do items of a run, all or nothing; those that are done, parked or cancelled already stay as they are.

    Raises:
        Refusal: something stands in the way of one of them.
    """
    items = {
        item.customer_id: item
        for item in RunItem.objects.select_for_update(of=("self",))
        .filter(run_id=run_id, customer_id__in=customer_ids, state=RunItem.State.WAITING)
        .select_related("run")
        .order_by("customer_id")
    }
    if not items:
        return
    done = reconcile_customers(
        customers=list(Customer.objects.filter(pk__in=items)),
        today=today,
        until=next(iter(items.values())).run.until,
        expected={customer_id: item.expected for customer_id, item in items.items()},
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE reconciliation_runitem AS item SET state = %s, days = done.days, records = done.records
            FROM unnest(%s::int[], %s::int[], %s::int[]) AS done (customer_id, days, records)
            WHERE item.run_id = %s AND item.customer_id = done.customer_id
            """,
            [
                RunItem.State.DONE,
                *columns((customer_id, *done[customer_id]) for customer_id in items),
                run_id,
            ],
        )


def park_item(*, run_id: int, customer_id: int, reason: str) -> None:
    """A customer that fails again and again is set aside and listed."""
    RunItem.objects.filter(run_id=run_id, customer_id=customer_id, state=RunItem.State.WAITING).update(
        state=RunItem.State.PARKED, reason=reason
    )


@transaction.atomic
def cancel_run(*, run: Run, by: str) -> None:
    """What is being done is finished; what waits stays stale until something new comes in or somebody starts a run.

    Raises:
        RunOver: it has ended.
    """
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.finished_at is not None:
        raise RunOver(_("The run has ended; there is nothing left to cancel."))
    run.items.filter(state=RunItem.State.WAITING).update(state=RunItem.State.CANCELLED)
    run.cancelled_at = run.finished_at = timezone.now()
    run.cancelled_by = by
    run.save(update_fields=["cancelled_at", "cancelled_by", "finished_at"])
    record_change(by=by, action="run.cancelled", subject=str(run))


def finish_run(*, run_id: int) -> None:
    """End a run of which no item is waiting any more; asked in a transaction that began after the last was worked."""
    waiting = RunItem.objects.filter(run=OuterRef("pk"), state=RunItem.State.WAITING)
    Run.objects.filter(~Exists(waiting), pk=run_id, finished_at=None).update(finished_at=timezone.now())
