"""Writing results set-wise: a statement or two a table, whatever the number of customers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice, repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, Service, UsageType
from apps.core.bulk import NULL, as_bytes, columns, columns_of_blocks, literal
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import Profiles
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.profiles import Measure, pack_days
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import BilledQuantity, CycleLogins, CycleResult, DayFigure, DayProfile
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
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM reconciliation_dayprofile AS stored
            USING unnest(%s::int[], %s::date[], %s::date[]) AS stretch (customer_id, first, last)
            WHERE stored.customer_id = stretch.customer_id AND stored.day BETWEEN stretch.first AND stretch.last
            """,
            columns((each.customer.pk, each.period.first, each.period.last) for each in stretches),
        )
        blocks = [block for measure in Measure for block in _profile_blocks(measure, stretches)]
        if blocks:
            cursor.execute(
                """
                INSERT INTO reconciliation_dayprofile (partner_id, customer_id, measure, day, counts)
                SELECT partner_id, customer_id, measure, DATE '1970-01-01' + day, counts
                FROM unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::bytea[])
                    AS counted (partner_id, customer_id, measure, day, counts)
                """,
                columns_of_blocks(blocks),
            )


def _profile_blocks(
    measure: Measure, stretches: Sequence[StretchProfiles]
) -> Iterator[tuple[Iterable[object], ...]]:
    """The days with a count of one measure, packed all at once."""
    counted = [each for each in stretches if measure in each.profiles]
    if not counted:
        return
    packed = iter(pack_days(np.concatenate([each.profiles[measure] for each in counted])))
    for customer, period, _profiles in counted:
        first = _days_since_1970(period.first)
        held = [(day, told) for day, told in enumerate(islice(packed, period.days), first) if told]
        yield (
            repeat(customer.partner_id, len(held)),
            repeat(customer.pk, len(held)),
            repeat(measure.value, len(held)),
            [day for day, _told in held],
            [as_bytes(told) for _day, told in held],
        )


def _days_since_1970(day: date) -> int:
    """A day as a number, which travels faster."""
    return (day - date(1970, 1, 1)).days


def store_results(sheets: Sequence[Sheet]) -> None:
    """Replace the results of these cycles."""
    if sheets:
        with connection.cursor() as cursor:
            results = _store_heads(cursor, sheets)
            _store_billed(cursor, sheets, results)
            _store_logins(cursor, sheets, results)
            _store_days(cursor, sheets)


def _store_heads(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> list[int]:
    """The keys of the results, in the order of the sheets."""
    cursor.execute(
        """
        INSERT INTO reconciliation_cycleresult (partner_id, customer_id, service, first_day, last_day, until,
            primary_id, rules_version, settings, inputs_hash, calculated_at, has_usage, agent_overage, daily_agents,
            daily_committed)
        SELECT partner_id, customer_id, %s, first_day, last_day, until, primary_id, %s,
            convert_from(settings, 'UTF8')::jsonb, inputs_hash, %s, has_usage, agent_overage, daily_agents::int[],
            daily_committed::int[]
        FROM unnest(%s::int[], %s::int[], %s::date[], %s::date[], %s::date[], %s::bigint[], %s::bytea[],
            %s::text[], %s::bool[], %s::int[], %s::text[], %s::text[])
            AS settled (partner_id, customer_id, first_day, last_day, until, primary_id, settings, inputs_hash,
                has_usage, agent_overage, daily_agents, daily_committed)
        ON CONFLICT (customer_id, service, first_day) DO UPDATE
        SET last_day = excluded.last_day, until = excluded.until, primary_id = excluded.primary_id,
            rules_version = excluded.rules_version, settings = excluded.settings,
            inputs_hash = excluded.inputs_hash, calculated_at = excluded.calculated_at,
            has_usage = excluded.has_usage, agent_overage = excluded.agent_overage,
            daily_agents = excluded.daily_agents, daily_committed = excluded.daily_committed
        RETURNING customer_id, first_day, id
        """,
        [Service.CONTACT_CENTRE, RULES_VERSION, timezone.now(), *columns(_heads(sheets))],
    )
    keys = {(customer_id, first_day): pk for customer_id, first_day, pk in cursor.fetchall()}
    return [keys[sheet.customer.pk, sheet.period.first] for sheet in sheets]


def _heads(sheets: Sequence[Sheet]) -> Iterator[tuple[object, ...]]:
    numbers = {sheet.work.cycle.primary.number for sheet in sheets}
    primaries = dict(Subscription.objects.filter(number__in=numbers).values_list("number", "pk"))
    for sheet in sheets:
        figures, cycle = sheet.figures, sheet.work.cycle
        agents = [each for each in figures.types if each.family is Family.AGENTS]
        yield (
            sheet.customer.partner_id,
            sheet.customer.pk,
            cycle.first,
            cycle.last,
            sheet.period.last,
            primaries[cycle.primary.number],
            json.dumps(sheet.settings.snapshot(sheet.licence_model)).encode(),
            sheet.inputs_hash,
            figures.has_usage,
            sum(figures.billed[each.usage_type].quantity for each in agents),
            literal(np.sum([each.used for each in agents], axis=0).tolist()),
            literal(np.sum([each.committed for each in agents], axis=0).tolist()),
        )


def _store_billed(cursor: CursorWrapper, sheets: Sequence[Sheet], results: Sequence[int]) -> None:
    BilledQuantity.objects.filter(result__in=results).delete()
    cursor.execute(
        """
        INSERT INTO reconciliation_billedquantity (partner_id, customer_id, result_id, usage_type, quantity, day)
        SELECT * FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::text[], %s::int[], %s::date[])
        """,
        columns(
            (
                sheet.customer.partner_id,
                sheet.customer.pk,
                result,
                usage_type.value,
                billed.quantity,
                billed.day,
            )
            for sheet, result in zip(sheets, results, strict=True)
            for usage_type, billed in sheet.figures.billed.items()
        ),
    )


def _store_logins(cursor: CursorWrapper, sheets: Sequence[Sheet], results: Sequence[int]) -> None:
    CycleLogins.objects.filter(result__in=results).delete()
    rows = [
        (
            sheet.customer.partner_id,
            sheet.customer.pk,
            result,
            family.value,
            json.dumps(logins.agents).encode(),
            literal(logins.first.tolist()),
            literal(logins.premium.tolist()),
        )
        for sheet, result in zip(sheets, results, strict=True)
        for family, logins in sheet.logins.items()
        if len(logins)
    ]
    if rows:
        cursor.execute(
            """
            INSERT INTO reconciliation_cyclelogins (partner_id, customer_id, result_id, family, agents, first, premium)
            SELECT partner_id, customer_id, result_id, family,
                ARRAY(SELECT value FROM jsonb_array_elements_text(convert_from(agents, 'UTF8')::jsonb)
                      WITH ORDINALITY AS agent (value, number) ORDER BY number),
                logins::int[], premium::int[]
            FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::text[], %s::bytea[], %s::text[], %s::text[])
                AS kept (partner_id, customer_id, result_id, family, agents, logins, premium)
            """,
            columns(rows),
        )


def _store_days(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    """Rows that are as they were are not written again."""
    cursor.execute(
        """
        DELETE FROM reconciliation_dayfigure AS stored
        USING unnest(%s::int[], %s::date[], %s::date[], %s::date[], %s::text[])
            AS cycle (customer_id, first, last, until, types)
        WHERE stored.customer_id = cycle.customer_id AND stored.day BETWEEN cycle.first AND cycle.last
          AND (stored.day > cycle.until OR NOT stored.usage_type = ANY(types::text[]))
        """,
        columns(
            (
                sheet.customer.pk,
                sheet.work.cycle.first,
                sheet.work.cycle.last,
                sheet.period.last,
                literal(each.usage_type.value for each in sheet.figures.types),
            )
            for sheet in sheets
        ),
    )
    cursor.execute(
        """
        INSERT INTO reconciliation_dayfigure AS stored (partner_id, customer_id, usage_type, position, day, used,
            committed, substituted, overage, peak_at, is_overage_peak)
        SELECT partner_id, customer_id, usage_type, position, DATE '1970-01-01' + day, used, committed, substituted,
            overage, peak_at, is_overage_peak
        FROM unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
            %s::int[], %s::int[], %s::bool[])
            AS settled (partner_id, customer_id, usage_type, position, day, used, committed, substituted, overage,
                peak_at, is_overage_peak)
        ON CONFLICT (customer_id, day, usage_type) DO UPDATE
        SET used = excluded.used, committed = excluded.committed, substituted = excluded.substituted,
            overage = excluded.overage, peak_at = excluded.peak_at, is_overage_peak = excluded.is_overage_peak
        WHERE (stored.used, stored.committed, stored.substituted, stored.overage, stored.peak_at,
               stored.is_overage_peak)
            IS DISTINCT FROM (excluded.used, excluded.committed, excluded.substituted, excluded.overage,
                              excluded.peak_at, excluded.is_overage_peak)
        """,
        columns_of_blocks(block for sheet in sheets for block in _blocks(sheet)),
    )


def _blocks(sheet: Sheet) -> Iterator[tuple[Iterable[object], ...]]:
    """The rows of each usage type, as columns."""
    count = sheet.period.days
    first = _days_since_1970(sheet.period.first)
    for each in sheet.figures.types:
        marks = [False] * count
        if each.marked is not None:
            marks[each.marked] = True
        yield (
            repeat(sheet.customer.partner_id, count),
            repeat(sheet.customer.pk, count),
            repeat(each.usage_type.value, count),
            repeat(POSITION[each.usage_type], count),
            range(first, first + count),
            each.used.tolist(),
            each.committed.tolist(),
            each.substituted.tolist(),
            each.overage.tolist(),
            repeat(NULL, count) if each.peak_at is None else each.peak_at.tolist(),
            marks,
        )


def forget_results(results: Sequence[CycleResult]) -> None:
    """Take away what is stored of cycles that are no more."""
    for result in results:
        days = {"customer_id": result.customer_id, "day__range": (result.first_day, result.last_day)}
        DayProfile.objects.filter(**days).delete()
        DayFigure.objects.filter(**days).delete()
        result.delete()
