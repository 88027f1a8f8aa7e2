"""Recalculating what is stale, many customers at once: read set-wise, count together, settle each, write set-wise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.db import transaction

from apps.catalogue.domain.kinds import LicenceModel, Service
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.domain.staleness import Basis, Stale, Stored, Work, plan
from apps.reconciliation.models import CycleLogins, CycleResult
from apps.reconciliation.selectors import last_day_used, list_settings, model_of
from apps.reconciliation.services.sheets import Sheet, count_stretches
from apps.reconciliation.services.storage import forget_results, store_results
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import StaleCause, StaleSpan
from apps.subscriptions.selectors import Standing, list_standings
from apps.subscriptions.services import lock_customers
from apps.usage.domain.records import LONGEST_RECORD
from apps.usage.selectors import list_usage_spans


class Recalculated(NamedTuple):
    """What was done of a customer: days settled, and records read for them."""

    days: int
    records: int


def reconcile_customer(
    *, customer: Customer, today: date, cycle: Cycle | None = None, until: date | None = None
) -> int:
    """Recalculate what is stale of a customer; one named cycle from its records, whatever its state.

    Returns how many days were settled. Two runs of one customer are kept apart by a lock; running it again changes
    nothing. What is closed stays as it is.

    Raises:
        NothingToUse: no day of the named cycle is complete.
    """
    if cycle is None:
        return reconcile_customers(customers=[customer], today=today, until=until)[customer.pk].days
    with transaction.atomic():
        lock_customers([customer.pk])
        standing = list_standings([customer.pk], Service.CONTACT_CENTRE)[customer.pk]
        if cycle.first in {closed.first for closed in standing.closed} or (until and until < cycle.first):
            return 0
        work = Work.whole(cycle, last_day_used(cycle, today=today, until=until))
        sheet = Sheet(customer, work, standing.lines, list_settings()[cycle.primary.offer])
        count_stretches([sheet])
        store_results([sheet])
        return work.period.days


@transaction.atomic
def reconcile_customers(
    *,
    customers: Sequence[Customer],
    today: date,
    until: date | None = None,
    expected: Mapping[int, int] | None = None,
) -> dict[int, Recalculated]:
    """Recalculate what is stale of customers, and what depends on it, up to ``until`` (yesterday at the latest).

    ``expected``: how many records each has to read, roughly; asked of the database where it is left out. What was
    marked stale meanwhile stays marked.
    """
    ids = [customer.pk for customer in customers]
    lock_customers(ids)
    last_day = min(today - ONE_DAY, until or date.max)
    settings = list_settings()
    spans = _spans(ids)
    standings = list_standings(ids, Service.CONTACT_CENTRE)
    results = _results(ids)
    with_logins = set(CycleLogins.objects.filter(customer__in=ids).values_list("result", flat=True))
    usage = list_usage_spans(ids)

    sheets: list[Sheet] = []
    vanished: list[CycleResult] = []
    for customer in customers:
        standing = standings[customer.pk]
        cycles = standing.cycles(until=last_day)
        kept, gone = _part(results[customer.pk], cycles, last_day)
        vanished += gone
        works = plan(
            _open(cycles, standing),
            stored={
                result.first_day: _as_stored(result, has_logins=result.pk in with_logins) for result in kept
            },
            basis={cycle.first: _basis(cycle, settings[cycle.primary.offer]) for cycle in cycles},
            stale=[_as_stale(span) for span in spans[customer.pk]],
            usage=_reach(usage[customer.pk]),
            last_day=last_day,
            used=usage[customer.pk],
        )
        sheets += (
            Sheet(customer, work, standing.lines, settings[work.cycle.primary.offer]) for work in works
        )
    forget_results(vanished)
    count_stretches(sheets, expected=expected)
    unused = {
        (sheet.customer.pk, sheet.work.cycle.first)
        for sheet in sheets
        if not _is_stored(sheet, usage[sheet.customer.pk])
    }
    forget_results(
        [
            each
            for held in results.values()
            for each in held
            if each.pk and (each.customer_id, each.first_day) in unused
        ]
    )
    sheets = [sheet for sheet in sheets if (sheet.customer.pk, sheet.work.cycle.first) not in unused]
    store_results(sheets)
    done = [span.pk for held in spans.values() for span in held if until is None or span.last_day <= until]
    StaleSpan.objects.filter(pk__in=done).delete()

    recalculated = dict.fromkeys(ids, Recalculated(0, 0))
    for sheet in sheets:
        days, records = recalculated[sheet.customer.pk]
        recalculated[sheet.customer.pk] = Recalculated(days + sheet.period.days, records + sheet.records)
    return recalculated


def _spans(ids: Sequence[int]) -> dict[int, list[StaleSpan]]:
    spans: dict[int, list[StaleSpan]] = {pk: [] for pk in ids}
    for span in StaleSpan.objects.filter(customer__in=ids):
        spans[span.customer_id].append(span)
    return spans


def _results(ids: Sequence[int]) -> dict[int, list[CycleResult]]:
    results: dict[int, list[CycleResult]] = {pk: [] for pk in ids}
    stored = CycleResult.objects.filter(customer__in=ids).select_related("primary")
    for result in stored.defer("daily_agents", "daily_committed"):
        results[result.customer_id].append(result)
    return results


def _open(cycles: Sequence[Cycle], standing: Standing) -> list[Cycle]:
    closed = {cycle.first for cycle in standing.closed}
    return [cycle for cycle in cycles if cycle.first not in closed]


def _part(
    results: Sequence[CycleResult], cycles: Sequence[Cycle], last_day: date
) -> tuple[list[CycleResult], list[CycleResult]]:
    """Results of cycles that are as they were, and of those that a changed subscription has cut otherwise."""
    known = {(cycle.first, cycle.last, cycle.primary.number) for cycle in cycles}
    kept: list[CycleResult] = []
    gone: list[CycleResult] = []
    for result in results:
        is_known = (result.first_day, result.last_day, result.primary.number) in known
        (kept if is_known or result.first_day > last_day else gone).append(result)
    return kept, gone


def _as_stored(result: CycleResult, *, has_logins: bool) -> Stored:
    return Stored(
        until=result.until,
        basis=(result.last_day, result.primary.number, result.settings, result.rules_version),
        keeps_logins=has_logins or result.settings.get("licence_model") == LicenceModel.NAMED,
    )


def _basis(cycle: Cycle, settings: Settings) -> Basis:
    return (cycle.last, cycle.primary.number, settings.snapshot(model_of(cycle)), RULES_VERSION)


def _as_stale(span: StaleSpan) -> Stale:
    return Stale(
        span.first_day,
        span.last_day,
        recounts=span.cause != StaleCause.TERMS,
        replaces=span.cause == StaleCause.REPLACED,
    )


def _reach(usage: Period | None) -> Period | None:
    """From the first day on which a record starts to the last that one may touch."""
    return None if usage is None else Period(usage.first, usage.last + LONGEST_RECORD)


def _is_stored(sheet: Sheet, usage: Period | None) -> bool:
    """A cycle after the last record that starts is stored only where a record reaches into it (R3)."""
    return (usage is not None and sheet.work.cycle.first <= usage.last) or sheet.figures.has_usage
