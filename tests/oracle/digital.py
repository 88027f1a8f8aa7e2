"""R12: digital channels."""

from collections.abc import Iterable
from datetime import date

from tests.oracle.cycles import DIGITAL, Cycle, committed
from tests.oracle.portfolio import DIGITAL_USAGE_SKUS, Customer
from tests.oracle.records import Fact
from tests.oracle.usage import used_days


def units(
    customer: Customer, facts: Iterable[Fact], cycle: Cycle, until: date | None
) -> dict[str, dict[str, int]]:
    """Raw, included and billable units per SKU, of the SKUs that have any."""
    used = used_days(cycle, until)
    raw = dict.fromkeys(DIGITAL_USAGE_SKUS, 0)
    for fact in facts:
        if fact.kind == "digital-usage" and fact.started_at.date() in used:
            raw[fact.subject] += fact.quantity
    result = {}
    for sku in DIGITAL_USAGE_SKUS:
        # "Included units are those in force on the cycle's first day, added up over the subscriptions, never
        # in proportion."
        included = committed(customer, DIGITAL, sku, cycle.first)
        if raw[sku] or included:
            result[sku] = {
                "raw": raw[sku],
                "included": included,
                "billable": max(0, raw[sku] - included),
            }
    return result
