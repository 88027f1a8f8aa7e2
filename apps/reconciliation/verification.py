"""Calculating closed cycles again: what of them is not as it was closed, and what only came later (R13, R15)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import F

from apps.catalogue.domain.kinds import Service, SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core.domain.periods import Period
from apps.reconciliation.digital import calculate_digital
from apps.reconciliation.domain.closing import (
    Cause,
    Closed,
    Difference,
    compare_billed,
    compare_committed,
    compare_rows,
    compare_values,
    hash_logins,
    hash_profiles,
    plain_days,
    quantities,
    use_of,
)
from apps.reconciliation.domain.counting import calculate
from apps.reconciliation.domain.detail import Billed, list_rows
from apps.reconciliation.domain.digital import settle_units
from apps.reconciliation.models import CycleResult
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.selectors import as_facts, hash_records, read_facts, read_known_logins, read_types
from apps.subscriptions.domain.commitments import committed_by_day
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import ClosedCycle
from apps.subscriptions.selectors import as_term, list_lines


@dataclass(frozen=True)
class IssuedPaper:
    """A paper that charges a cycle's overage or usage: the quantity of each SKU that it has a line of."""

    number: str
    quantities: Mapping[str, int] = field(default_factory=dict)


def verify(closed: ClosedCycle, issued: Iterable[IssuedPaper]) -> list[Difference]:
    """What of a closed cycle would come out, or stands, otherwise than its snapshot says; empty: nothing.

    Its results as they are stored, the papers that charge it, its snapshot's own inputs put through the rules of now,
    and the records and commitments of now by the settings of the closing. A snapshot without contents is not looked at.
    """
    if "inputs" not in closed.snapshot:
        return []
    is_digital = closed.service == Service.DIGITAL
    found = _verify_digital(closed, issued) if is_digital else _verify_centre(closed, issued)
    return list(found)


def _verify_centre(row: ClosedCycle, issued: Iterable[IssuedPaper]) -> Iterator[Difference]:
    licence_model = as_term(row.primary).licence_model
    assert licence_model is not None  # the portfolio refuses a contact-centre subscription without one
    closed = Closed.of(row.snapshot, licence_model=licence_model)
    yield from _compare_stored(row, closed)
    skus = {
        sku.code: UsageType(sku.usage_type)
        for sku in Sku.objects.filter(kind=SkuKind.OVERAGE).only("code", "usage_type")
    }
    for paper in issued:
        charged = {skus[sku]: quantity for sku, quantity in paper.quantities.items() if sku in skus}
        for difference in compare_billed(Cause.INVOICED, closed.billed, charged):
            yield Difference(
                Cause.INVOICED,
                f"{paper.number} {difference.name}",
                None,
                difference.before,
                difference.after,
            )

    own = closed.settle(closed.use, closed.committed)
    yield from compare_rows(Cause.RULES, closed.rows, own.rows)
    yield from compare_billed(Cause.RULES, closed.billed, quantities(own.billed))
    if closed.billed_on is not None:
        yield from compare_values(Cause.RULES, "day billed of", closed.billed_on, plain_days(own.billed))
    if closed.facts is not None:
        yield from _compare_hash(row, own.hash_of(closed.inputs))
    yield from _compare_now(row, closed)


def _compare_hash(row: ClosedCycle, found: str) -> Iterator[Difference]:
    if found != row.inputs_hash:
        yield Difference(Cause.SNAPSHOT, "hash of the inputs", None, row.inputs_hash, found)


def _compare_stored(row: ClosedCycle, closed: Closed) -> Iterator[Difference]:
    """Results are stored beside the snapshot, for pages to read."""
    period = closed.period
    stored = list_rows(period, read_types(row.customer_id, period.first))
    yield from compare_rows(Cause.STORED, closed.rows, stored)
    result = CycleResult.objects.filter(
        customer=row.customer_id, service=row.service, first_day=row.first_day
    ).first()
    if result is None:
        yield Difference(Cause.STORED, "result", None, row.inputs_hash, None)
        return
    if result.inputs_hash != row.inputs_hash:
        yield Difference(Cause.STORED, "hash of the inputs", None, row.inputs_hash, result.inputs_hash)
    billed = {UsageType(each.usage_type): Billed(each.quantity, each.day) for each in result.billed.all()}
    yield from compare_billed(Cause.STORED, closed.billed, quantities(billed))
    if closed.billed_on is not None:
        yield from compare_values(Cause.STORED, "day billed of", closed.billed_on, plain_days(billed))
    if closed.logins is not None:
        (logins,) = read_known_logins([(row.customer_id, period)])
        yield from compare_values(Cause.STORED, "first logins of", closed.logins, hash_logins(logins))
    if closed.profiles is not None:
        profiles = hash_profiles(read_profiles(row.customer, period))
        yield from compare_values(Cause.STORED, "day profiles of", closed.profiles, profiles)


def _compare_now(row: ClosedCycle, closed: Closed) -> Iterator[Difference]:
    """The records and the commitments of now, each for itself: the same records must be counted the same."""
    records = read_facts(row.customer, closed.period, closed.settings)
    facts = {"count": sum(map(len, records.values())), "sha256": hash_records(records)}
    cause = Cause.RECORDS
    if closed.facts == facts:
        cause = Cause.RULES
    elif closed.facts is not None:
        yield Difference(Cause.RECORDS, "records", None, closed.facts, facts)
    counted = calculate(
        period=closed.period,
        licence_model=closed.licence_model,
        committed=closed.committed,
        facts=as_facts(records, closed.settings),
        settings=closed.settings,
    )
    yield from compare_rows(cause, closed.rows, counted.rows)
    yield from compare_billed(cause, closed.billed, quantities(counted.billed))

    committed = committed_by_day(list_lines(row.customer, Service.CONTACT_CENTRE), closed.period)
    changed = list(compare_committed(closed.period, closed.committed, committed))
    if changed:
        settled = closed.settle(use_of(counted), committed)
        yield from changed
        yield from compare_billed(Cause.COMMITMENTS, quantities(counted.billed), quantities(settled.billed))


def _verify_digital(row: ClosedCycle, issued: Iterable[IssuedPaper]) -> Iterator[Difference]:
    """Units are added up from the records; there is nothing stored beside the snapshot."""
    kept = row.snapshot["units"]
    billable = {sku: units["billable"] for sku, units in kept.items() if units["billable"]}
    for paper in issued:
        yield from compare_values(Cause.INVOICED, f"{paper.number} billed", billable, paper.quantities)
    own = settle_units(
        raw={sku: units["raw"] for sku, units in kept.items()},
        included={sku: units["included"] for sku, units in kept.items()},
    )
    yield from compare_values(
        Cause.RULES,
        "billable",
        {sku: units["billable"] for sku, units in kept.items()},
        {units.sku: units.billable for units in own},
    )
    found = hashlib.sha256(json.dumps(row.snapshot, sort_keys=True).encode()).hexdigest()
    yield from _compare_hash(row, found)
    cycle = Cycle(Period(row.first_day, row.last_day), as_term(row.primary))
    now = {units.sku: units for units in calculate_digital(row.customer, cycle, until=cycle.last).units}
    for cause, name in ((Cause.RECORDS, "raw"), (Cause.COMMITMENTS, "included")):
        yield from compare_values(
            cause,
            f"{name} units of",
            {sku: units[name] for sku, units in kept.items() if units[name]},
            {sku: getattr(units, name) for sku, units in now.items() if getattr(units, name)},
        )


def least_recently_verified(count: int) -> list[int]:
    """The closed cycles that have waited longest: first those never verified."""
    waiting = ClosedCycle.objects.order_by(F("verification__verified_at").asc(nulls_first=True), "pk")
    return list(waiting.values_list("pk", flat=True)[:count])
