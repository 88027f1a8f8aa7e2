"""Writing results set-wise: a statement or two a table, whatever the number of customers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, Service, UsageType
from apps.core.bulk import columns, numbers
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import BilledQuantity, CycleLogins, CycleProfile, CycleResult, TypeFigures
from apps.subscriptions.models import Subscription

if TYPE_CHECKING:
    from apps.reconciliation.services.sheets import Sheet

POSITION = {
    **dict.fromkeys(PREMIUM.values(), 0),
    **dict.fromkeys(STANDARD.values(), 1),
    UsageType.WORKFORCE_OPTIMIZATION: 2,
    UsageType.IVR_PORT: 3,
}


def store_results(sheets: Sequence[Sheet]) -> None:
    """Replace the results of these cycles."""
    if sheets:
        with connection.cursor() as cursor:
            results = _store_heads(cursor, sheets)
            _store_billed(cursor, sheets, results)
            _store_logins(cursor, sheets, results)
            _store_types(cursor, sheets)
            _store_profiles(cursor, sheets)


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
    subscriptions = Subscription.objects.filter(
        number__in={sheet.work.cycle.primary.number for sheet in sheets}
    )
    primaries = dict(subscriptions.values_list("number", "pk"))
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
            numbers(np.sum([each.used for each in agents], axis=0).tolist()),
            numbers(np.sum([each.committed for each in agents], axis=0).tolist()),
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
            numbers(logins.first.tolist()),
            numbers(logins.premium.tolist()),
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


def _store_types(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    cursor.execute(
        """
        DELETE FROM reconciliation_typefigures AS stored
        USING unnest(%s::int[], %s::date[]) AS cycle (customer_id, first)
        WHERE stored.customer_id = cycle.customer_id AND stored.first_day = cycle.first
        """,
        columns((sheet.customer.pk, sheet.period.first) for sheet in sheets),
    )
    cursor.execute(
        """
        INSERT INTO reconciliation_typefigures (partner_id, customer_id, first_day, usage_type, position, used,
            committed, substituted, overage, peak_at, marked)
        SELECT partner_id, customer_id, first_day, usage_type, position, used::int[], committed::int[],
            substituted::int[], overage::int[], peak_at::smallint[], marked
        FROM unnest(%s::int[], %s::int[], %s::date[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::int[])
            AS settled (partner_id, customer_id, first_day, usage_type, position, used, committed, substituted, overage,
                peak_at, marked)
        """,
        columns(
            (
                sheet.customer.partner_id,
                sheet.customer.pk,
                sheet.period.first,
                each.usage_type.value,
                POSITION[each.usage_type],
                numbers(each.used.tolist()),
                numbers(each.committed.tolist()),
                numbers(each.substituted.tolist()),
                numbers(each.overage.tolist()),
                None if each.peak_at is None else numbers(each.peak_at.tolist()),
                each.marked,
            )
            for sheet in sheets
            for each in sheet.figures.types
        ),
    )


def _store_profiles(cursor: CursorWrapper, sheets: Sequence[Sheet]) -> None:
    """Also what was stored of a cycle that was cut otherwise goes."""
    cursor.execute(
        """
        DELETE FROM reconciliation_cycleprofile AS stored
        USING unnest(%s::int[], %s::date[], %s::date[]) AS cycle (customer_id, first, last)
        WHERE stored.customer_id = cycle.customer_id
          AND stored.first_day <= cycle.last AND stored.last_day >= cycle.first
        """,
        columns((sheet.customer.pk, sheet.work.cycle.first, sheet.work.cycle.last) for sheet in sheets),
    )
    rows = [
        (
            sheet.customer.partner_id,
            sheet.customer.pk,
            sheet.work.cycle.first,
            sheet.work.cycle.last,
            measure.value,
            steps.pack(),
        )
        for sheet in sheets
        for measure, steps in sheet.profiles.items()
    ]
    if rows:
        cursor.execute(
            """
            INSERT INTO reconciliation_cycleprofile (partner_id, customer_id, first_day, last_day, measure, counts)
            SELECT * FROM unnest(%s::int[], %s::int[], %s::date[], %s::date[], %s::text[], %s::bytea[])
            """,
            columns(rows),
        )


def forget_results(results: Sequence[CycleResult]) -> None:
    """Take away what is stored of cycles that are no more."""
    for result in results:
        for table in (CycleProfile, TypeFigures):
            table.objects.filter(customer_id=result.customer_id, first_day=result.first_day).delete()
        result.delete()
