"""All that is stored of a customer's results, in a form that can be compared."""

from __future__ import annotations

from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.models import BilledQuantity, CycleLogins, CycleProfile, CycleResult, TypeFigures

RESULTS = (CycleResult, TypeFigures, BilledQuantity, CycleProfile, CycleLogins)
_OF_THE_MOMENT = ("id", "result_id", "calculated_at")


def bytes_of(owner: Customer) -> list[list[tuple[str, ...]]]:
    """The rows of each table, without keys and clocks."""
    with scope(PROVIDER):
        return [
            sorted(
                tuple(
                    repr(bytes(value) if isinstance(value, memoryview) else value)
                    for name, value in row.items()
                    if name not in _OF_THE_MOMENT
                )
                for row in table.objects.filter(customer_id=owner.pk).values()
            )
            for table in RESULTS
        ]
