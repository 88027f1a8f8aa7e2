"""Writing results set-wise: a statement a table, whatever the number of customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import connection

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, Service, UsageType
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import Profiles
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.profiles import pack
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import BilledQuantity, CycleLogins, CycleResult
from apps.subscriptions.models import Subscription

if TYPE_CHECKING:
    from apps.reconciliation.services.sheets import Sheet

POSITION = {
    **dict.fromkeys(PREMIUM.values(), 0),
    **dict.fromkeys(STANDARD.values(), 1),
    UsageType.WORKFORCE_OPTIMIZATION: 2,
    UsageType.IVR_PORT: 3,
}


class StretchProfiles(NamedTuple):
    """The profiles of consecutive days of a customer, by measure; a measure that is left out has no counts."""

    customer: Customer
    period: Period
    profiles: Profiles


def store_profiles(stretches: Sequence[StretchProfiles]) -> None:
    """Replace the day profiles of these days; a day without any count has none."""
    delete_days("reconciliation_dayprofile", ((each.customer.pk, each.period) for each in stretches))
    rows = [
        (customer.partner_id, customer.pk, measure.value, period.first.toordinal() + day, pack(counts[day]))
        for customer, period, profiles in stretches
        for measure, counts in profiles.items()
        for day in np.flatnonzero(counts.any(axis=1)).tolist()
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO reconciliation_dayprofile (partner_id, customer_id, measure, day, counts)
            SELECT partner_id, customer_id, measure, {_day("ordinal")}, counts
            FROM unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::bytea[])
                AS counted (partner_id, customer_id, measure, ordinal, counts)
            """,
            _columns(rows),
        )


def store_results(sheets: Sequence[Sheet]) -> None:
    """Replace the results of these cycles."""
    if not sheets:
        return
    primaries = dict(
        Subscription.objects.filter(
            number__in={sheet.work.cycle.primary.number for sheet in sheets}
        ).values_list("number", "pk")
    )
    results = CycleResult.objects.bulk_create(
        [_head(sheet, primaries[sheet.work.cycle.primary.number]) for sheet in sheets],
        update_conflicts=True,
        unique_fields=["customer", "service", "first_day"],
        update_fields=[
            *("last_day", "until", "primary", "rules_version", "settings", "inputs_hash", "calculated_at"),
            *("has_usage", "agent_overage", "daily_agents", "daily_committed"),
        ],
    )
    _store_billed(sheets, results)
    _store_logins(sheets, results)
    _store_days(sheets)


def _head(sheet: Sheet, primary: int) -> CycleResult:
    figures, cycle = sheet.figures, sheet.work.cycle
    agents = [each for each in figures.types if each.family is Family.AGENTS]
    return CycleResult(
        partner_id=sheet.customer.partner_id,
        customer_id=sheet.customer.pk,
        service=Service.CONTACT_CENTRE,
        first_day=cycle.first,
        last_day=cycle.last,
        until=sheet.period.last,
        primary_id=primary,
        rules_version=RULES_VERSION,
        settings=sheet.settings.snapshot(sheet.licence_model),
        inputs_hash=sheet.inputs_hash,
        has_usage=figures.has_usage,
        agent_overage=sum(figures.billed[each.usage_type].quantity for each in agents),
        daily_agents=sum(each.used for each in agents).tolist(),  # type: ignore[union-attr]
        daily_committed=sum(each.committed for each in agents).tolist(),  # type: ignore[union-attr]
    )


def _store_billed(sheets: Sequence[Sheet], results: Sequence[CycleResult]) -> None:
    BilledQuantity.objects.filter(result__in=results).delete()
    BilledQuantity.objects.bulk_create(
        BilledQuantity(
            partner_id=sheet.customer.partner_id,
            customer_id=sheet.customer.pk,
            result=result,
            usage_type=usage_type,
            quantity=billed.quantity,
            day=billed.day,
        )
        for sheet, result in zip(sheets, results, strict=True)
        for usage_type, billed in sheet.figures.billed.items()
    )


def _store_logins(sheets: Sequence[Sheet], results: Sequence[CycleResult]) -> None:
    CycleLogins.objects.filter(result__in=results).delete()
    CycleLogins.objects.bulk_create(
        CycleLogins(
            partner_id=sheet.customer.partner_id,
            customer_id=sheet.customer.pk,
            result=result,
            family=family,
            agents=list(logins.agents),
            first=logins.first.tolist(),
            premium=logins.premium.tolist(),
        )
        for sheet, result in zip(sheets, results, strict=True)
        for family, logins in sheet.logins.items()
        if len(logins)
    )


def _store_days(sheets: Sequence[Sheet]) -> None:
    """Rows that are as they were are not written again."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM reconciliation_dayfigure AS stored
            USING unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::text[])
                AS cycle (customer_id, first, last, until, types)
            WHERE stored.customer_id = cycle.customer_id
              AND stored.day BETWEEN {_day("first")} AND {_day("last")}
              AND (stored.day > {_day("until")} OR NOT stored.usage_type = ANY(string_to_array(types, ',')))
            """,
            _columns(
                (
                    sheet.customer.pk,
                    sheet.work.cycle.first.toordinal(),
                    sheet.work.cycle.last.toordinal(),
                    sheet.period.last.toordinal(),
                    ",".join(each.usage_type for each in sheet.figures.types),
                )
                for sheet in sheets
            ),
        )
        cursor.execute(
            f"""
            INSERT INTO reconciliation_dayfigure AS stored (partner_id, customer_id, usage_type, position, day, used,
                committed, substituted, overage, peak_at, is_overage_peak)
            SELECT partner_id, customer_id, usage_type, position, {_day("ordinal")}, used, committed, substituted,
                overage, peak_at, is_overage_peak
            FROM unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
                %s::int[], %s::int[], %s::bool[])
                AS settled (partner_id, customer_id, usage_type, position, ordinal, used, committed, substituted,
                    overage, peak_at, is_overage_peak)
            ON CONFLICT (customer_id, day, usage_type) DO UPDATE
            SET used = excluded.used, committed = excluded.committed, substituted = excluded.substituted,
                overage = excluded.overage, peak_at = excluded.peak_at, is_overage_peak = excluded.is_overage_peak
            WHERE (stored.used, stored.committed, stored.substituted, stored.overage, stored.peak_at,
                   stored.is_overage_peak)
                IS DISTINCT FROM (excluded.used, excluded.committed, excluded.substituted, excluded.overage,
                                  excluded.peak_at, excluded.is_overage_peak)
            """,
            _columns(row for sheet in sheets for row in _rows(sheet)),
        )


def _rows(sheet: Sheet) -> Iterator[tuple[object, ...]]:
    days = range(sheet.period.first.toordinal(), sheet.period.last.toordinal() + 1)
    owner = (sheet.customer.partner_id, sheet.customer.pk)
    for each in sheet.figures.types:
        peaks = repeat(None) if each.peak_at is None else each.peak_at.tolist()
        yield from zip(
            *(repeat(part) for part in (*owner, each.usage_type.value, POSITION[each.usage_type])),
            days,
            each.used.tolist(),
            each.committed.tolist(),
            each.substituted.tolist(),
            each.overage.tolist(),
            peaks,
            (position == each.marked for position in range(len(days))),
        )


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows as columns, the form in which PostgreSQL takes many at once."""
    return [list(column) for column in zip(*rows, strict=True)]


def _day(ordinal: str) -> str:
    """A day that was sent as Python's ordinal number: plain numbers travel faster than dates."""
    return f"(DATE '0001-01-01' + ({ordinal} - 1))"


def forget_results(results: Sequence[CycleResult]) -> None:
    """Take away what is stored of cycles that are no more."""
    if results:
        days = [(result.customer_id, Period(result.first_day, result.last_day)) for result in results]
        delete_days("reconciliation_dayprofile", days)
        delete_days("reconciliation_dayfigure", days)
        CycleResult.objects.filter(pk__in=[result.pk for result in results]).delete()


def delete_days(table: str, days: Iterable[tuple[int, Period]]) -> None:
    """Delete the rows of these days of customers."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {table} AS stored
            USING unnest(%s::int[], %s::int[], %s::int[]) AS period (customer_id, first, last)
            WHERE stored.customer_id = period.customer_id
              AND stored.day BETWEEN {_day("first")} AND {_day("last")}
            """,
            _columns(
                (customer_id, period.first.toordinal(), period.last.toordinal())
                for customer_id, period in days
            ),
        )
