"""The doors for changes of results: recalculating customers, and runs over all that is stale."""

from apps.reconciliation.services.control import (
    ReadPaper,
    compare_once_more,
    keep_comparison,
    keep_paper,
    lease_paper,
    note_failed_comparison,
)
from apps.reconciliation.services.recalculation import Recalculated, reconcile_customer, reconcile_customers
from apps.reconciliation.services.runs import (
    NothingToDo,
    RunOver,
    cancel_run,
    finish_run,
    list_tasks,
    open_run,
    park_item,
    retry_parked,
    start_run,
    work_items,
)
from apps.reconciliation.services.verifying import record_failed_verification, record_verification

__all__ = [
    "NothingToDo",
    "ReadPaper",
    "Recalculated",
    "RunOver",
    "cancel_run",
    "compare_once_more",
    "finish_run",
    "keep_comparison",
    "keep_paper",
    "lease_paper",
    "list_tasks",
    "note_failed_comparison",
    "open_run",
    "park_item",
    "reconcile_customer",
    "reconcile_customers",
    "record_failed_verification",
    "record_verification",
    "retry_parked",
    "start_run",
    "work_items",
]
