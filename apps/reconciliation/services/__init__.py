"""The doors for changes of results: recalculating customers, and runs over all that is stale."""

from apps.reconciliation.services.recalculation import Recalculated, reconcile_customer, reconcile_customers
from apps.reconciliation.services.runs import (
    RunOver,
    cancel_run,
    finish_run,
    is_anything_stale,
    list_tasks,
    open_run,
    park_item,
    work_items,
)

__all__ = [
    "Recalculated",
    "RunOver",
    "cancel_run",
    "finish_run",
    "is_anything_stale",
    "list_tasks",
    "open_run",
    "park_item",
    "reconcile_customer",
    "reconcile_customers",
    "work_items",
]
