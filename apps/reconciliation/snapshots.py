"""What is kept of a contact-centre cycle when it is closed: enough to explain its figures without the records (R15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.catalogue.domain.kinds import Service, SkuKind
from apps.organisations.models import Customer
from apps.reconciliation.domain.closing import hash_logins, hash_profiles, plain_days, plain_rows, quantities
from apps.reconciliation.selectors import calculate_cycle, read_known_logins
from apps.subscriptions.domain.commitments import Line
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import list_lines


@dataclass(frozen=True)
class Snapshot:
    """The hash over all that the figures follow from, that over the records themselves, and what is kept."""

    inputs_hash: str
    facts_hash: str
    content: dict[str, Any]


def snapshot_of(customer: Customer, cycle: Cycle) -> Snapshot:
    """The snapshot of a cycle, calculated from its records. Its results must have been stored just before.

    Content: ``inputs`` (rules, settings with the licence model, cycle, commitments by day), the committed ``lines`` in
    force with their days in the cycle, the Daily Detail's ``rows``, ``billed`` quantities and their days, and hashes
    that tell whether the records (``facts``), first ``logins`` and day ``profiles`` are still those of the closing.
    """
    calculated = calculate_cycle(customer, cycle, until=cycle.last)
    (logins,) = read_known_logins([(customer.pk, cycle.period)])
    return Snapshot(
        inputs_hash=calculated.inputs_hash,
        facts_hash=calculated.facts_hash,
        content={
            "inputs": calculated.inputs,
            "facts": {"count": calculated.records, "sha256": calculated.facts_hash},
            "lines": [
                {
                    "subscription": line.term.number,
                    "sku": line.sku,
                    "usage_type": line.usage_type.value,
                    "quantity": line.quantity,
                    "from": days.first.isoformat(),
                    "to": days.last.isoformat(),
                }
                for line in sorted(list_lines(customer, Service.CONTACT_CENTRE), key=_place)
                if line.kind is SkuKind.COMMITTED and line.usage_type is not None
                if (days := line.in_force_during(cycle.period)) is not None
            ],
            "rows": plain_rows(calculated.figures.rows),
            "billed": {
                usage_type.value: quantity
                for usage_type, quantity in quantities(calculated.figures.billed).items()
            },
            "billed_on": plain_days(calculated.figures.billed),
            "logins": hash_logins(logins),
            "profiles": hash_profiles(calculated.figures.profiles),
        },
    )


def _place(line: Line) -> tuple[str, str, str]:
    """By subscription, SKU and first day."""
    return (line.term.number, line.sku, "" if line.first is None else line.first.isoformat())
