"""Writing results set-wise: a statement a table, whatever the number of customers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, Service, UsageType
from apps.core.bulk import columns, literal
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import Profiles
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.profiles import pack_days
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import CycleResult
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
    delete_days("reconciliation_dayprofile", [(each.customer.pk, each.period) for each in stretches])
    rows = [
        (customer.partner_id, customer.pk, measure.value, day, packed)
        for customer, period, profiles in stretches
        for measure, counts in profiles.items()
        for day, packed in enumerate(pack_days(counts), period.first.toordinal())
        if packed
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
            columns(rows),
        )


def store_results(sheets: Sequence[Sheet]) -> None:
    """Replace the results of these cycles."""
    if sheets:
        with connection.cursor() as cursor:
            _store_heads(cursor, sheets)
            _store_billed(cursor, sheets)
            _store_logins(cursor, sheets)
            _store_days(cursor, sheets)


def _store_heads(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    cursor.execute(
        f"""
        INSERT INTO reconciliation_cycleresult (partner_id, customer_id, service, first_day, last_day, until, primary_id,
            rules_version, settings, inputs_hash, calculated_at, has_usage, agent_overage, daily_agents,
            daily_committed)
        SELECT settled.partner_id, settled.customer_id, %s, {_day("first")}, {_day("last")}, {_day("until")}, primary_id,
            %s, convert_from(settings, 'UTF8')::jsonb, inputs_hash, %s, has_usage, agent_overage,
            daily_agents::int[], daily_committed::int[]
        FROM unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::bigint[], %s::bytea[], %s::text[],
            %s::bool[], %s::int[], %s::text[], %s::text[])
            AS settled (partner_id, customer_id, first, last, until, primary_id, settings, inputs_hash, has_usage,
                agent_overage, daily_agents, daily_committed)
        ON CONFLICT (customer_id, service, first_day) DO UPDATE
        SET last_day = excluded.last_day, until = excluded.until, primary_id = excluded.primary_id,
            rules_version = excluded.rules_version, settings = excluded.settings,
            inputs_hash = excluded.inputs_hash, calculated_at = excluded.calculated_at,
            has_usage = excluded.has_usage, agent_overage = excluded.agent_overage,
            daily_agents = excluded.daily_agents, daily_committed = excluded.daily_committed
        """,
        [Service.CONTACT_CENTRE, RULES_VERSION, timezone.now(), *columns(_heads(sheets))],
    )


def _heads(sheets: Sequence[Sheet]) -> Iterator[tuple[object, ...]]:
    numbers = {sheet.work.cycle.primary.number for sheet in sheets}
    primaries = dict(Subscription.objects.filter(number__in=numbers).values_list("number", "pk"))
    for sheet in sheets:
        figures, cycle = sheet.figures, sheet.work.cycle
        agents = [each for each in figures.types if each.family is Family.AGENTS]
        yield (
            sheet.customer.partner_id,
            sheet.customer.pk,
            cycle.first.toordinal(),
            cycle.last.toordinal(),
            sheet.period.last.toordinal(),
            primaries[cycle.primary.number],
            json.dumps(sheet.settings.snapshot(sheet.licence_model)).encode(),
            sheet.inputs_hash,
            figures.has_usage,
            sum(figures.billed[each.usage_type].quantity for each in agents),
            literal(np.sum([each.used for each in agents], axis=0).tolist()),
            literal(np.sum([each.committed for each in agents], axis=0).tolist()),
        )


# The results of the cycles that are stored, by what identifies them.
_OF_RESULT = f"""
    result.customer_id = settled.customer_id AND result.service = '{Service.CONTACT_CENTRE.value}'
    AND result.first_day = (DATE '0001-01-01' + (settled.first - 1))
"""


def _forget_parts(cursor: CursorWrapper, table: str, sheets: Sequence[Sheet]) -> None:
    cursor.execute(
        f"""
        DELETE FROM {table} AS part
        USING reconciliation_cycleresult AS result, unnest(%s::int[], %s::int[]) AS settled (customer_id, first)
        WHERE part.result_id = result.id AND {_OF_RESULT}
        """,
        columns(_identity(sheet) for sheet in sheets),
    )


def _identity(sheet: Sheet) -> tuple[int, int]:
    return (sheet.customer.pk, sheet.work.cycle.first.toordinal())


def _store_billed(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    _forget_parts(cursor, "reconciliation_billedquantity", sheets)
    cursor.execute(
        f"""
        INSERT INTO reconciliation_billedquantity (partner_id, customer_id, result_id, usage_type, quantity, day)
        SELECT result.partner_id, result.customer_id, result.id, usage_type, quantity, {_day("peak")}
        FROM unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::int[])
            AS settled (customer_id, first, usage_type, quantity, peak)
        JOIN reconciliation_cycleresult AS result ON {_OF_RESULT}
        """,
        columns(
            (*_identity(sheet), usage_type.value, billed.quantity, billed.day and billed.day.toordinal())
            for sheet in sheets
            for usage_type, billed in sheet.figures.billed.items()
        ),
    )


def _store_logins(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    _forget_parts(cursor, "reconciliation_cyclelogins", sheets)
    rows = [
        (
            *_identity(sheet),
            family.value,
            json.dumps(logins.agents).encode(),
            literal(logins.first.tolist()),
            literal(logins.premium.tolist()),
        )
        for sheet in sheets
        for family, logins in sheet.logins.items()
        if len(logins)
    ]
    if rows:
        cursor.execute(
            f"""
            INSERT INTO reconciliation_cyclelogins (partner_id, customer_id, result_id, family, agents, first, premium)
            SELECT result.partner_id, result.customer_id, result.id, family,
                ARRAY(SELECT value FROM jsonb_array_elements_text(convert_from(settled.agents, 'UTF8')::jsonb)
                      WITH ORDINALITY AS agent (value, number) ORDER BY number),
                settled.logins::int[], settled.premium::int[]
            FROM unnest(%s::int[], %s::int[], %s::text[], %s::bytea[], %s::text[], %s::text[])
                AS settled (customer_id, first, family, agents, logins, premium)
            JOIN reconciliation_cycleresult AS result ON {_OF_RESULT}
            """,
            columns(rows),
        )


def _store_days(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    """Rows that are as they were are not written again."""
    cursor.execute(
        f"""
        DELETE FROM reconciliation_dayfigure AS stored
        USING unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::text[])
            AS cycle (customer_id, first, last, until, types)
        WHERE stored.customer_id = cycle.customer_id
          AND stored.day BETWEEN {_day("first")} AND {_day("last")}
          AND (stored.day > {_day("until")} OR NOT stored.usage_type = ANY(types::text[]))
        """,
        columns(
            (
                *_identity(sheet),
                sheet.work.cycle.last.toordinal(),
                sheet.period.last.toordinal(),
                "{" + ",".join(each.usage_type for each in sheet.figures.types) + "}",
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
        columns(row for sheet in sheets for row in _rows(sheet)),
    )


def _rows(sheet: Sheet) -> Iterator[tuple[object, ...]]:
    days = range(sheet.period.first.toordinal(), sheet.period.last.toordinal() + 1)
    owner = (sheet.customer.partner_id, sheet.customer.pk)
    for each in sheet.figures.types:
        peaks = repeat(None, len(days)) if each.peak_at is None else each.peak_at.tolist()
        yield from zip(
            *(repeat(part, len(days)) for part in (*owner, each.usage_type.value, POSITION[each.usage_type])),
            days,
            each.used.tolist(),
            each.committed.tolist(),
            each.substituted.tolist(),
            each.overage.tolist(),
            peaks,
            (position == each.marked for position in range(len(days))),
            strict=True,
        )


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


def delete_days(table: str, days: Sequence[tuple[int, Period]]) -> None:
    """Delete the rows of these days of customers."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {table} AS stored
            USING unnest(%s::int[], %s::int[], %s::int[]) AS period (customer_id, first, last)
            WHERE stored.customer_id = period.customer_id
              AND stored.day BETWEEN {_day("first")} AND {_day("last")}
            """,
            columns(
                (customer_id, period.first.toordinal(), period.last.toordinal())
                for customer_id, period in days
            ),
        )
