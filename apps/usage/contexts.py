"""What the database knows that reading other people's files needs: zones, licences, sessions without an end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.core.tenancy import current_scope
from apps.organisations.models import Customer
from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.formats import Format
from apps.usage.domain.moments import parse_moment
from apps.usage.domain.pairing import OpenSession
from apps.usage.domain.records import LONGEST_RECORD, Kind
from apps.usage.domain.translation import Context
from apps.usage.models import AgentLicence, CustomerAlias, Interval, Source

Histories = dict[str, list[tuple[date, bool]]]


def open_context(format_: Format, *, customer_ref: str = "", source: str, decimal: str = "") -> Context:
    """The context in which a file of this format is translated. Runs in the sender's open scope.

    ``customer_ref`` is of the customer that rows without one fall to. At most five queries, whatever the file holds.
    """
    context = Context(zone=zone_of(source, customer_ref), decimal=decimal)
    if format_.from_licence_list or format_.pair:
        cells = _cells_by_customer(format_, customer_ref, source)
        context.customers = {cell: pk for pk, names in cells.items() for cell in names}
        if format_.from_licence_list:
            context.licences = _licences(cells)
        if format_.pair:
            context.open_sessions = _open_sessions(cells, source)
    return context


def with_known_ends(block: Block, context: Context, *, source: str) -> Block:
    """Sign-outs without a sign-in that a stored session ends with become that session: the same is said again.

    So a part of a stream that comes twice is a copy, not a row kept aside. Runs in the sender's open scope; one query
    where there is such a row.
    """
    alone = [index for index, fault in block.broken.items() if fault is Fault.NO_SIGN_IN]
    ends = {index: end for index in alone if (end := _moment(block, index, context)) is not None}
    if not ends:
        return block
    known = {
        (each.customer_id, each.actor, each.ended_at): each
        for each in Interval.objects.filter(
            customer_id__in={*context.customers.values()},
            kind=Kind.AGENT_SESSION,
            source_id__in=Source.objects.filter(name=source).values("pk"),
            started_at__gte=min(ends.values()) - LONGEST_RECORD,
            started_at__lte=max(ends.values()),
            actor__in={block.columns["agent_id"][index] for index in ends},
            ended_at__in=set(ends.values()),
        )
    }
    columns = {name: list(column) for name, column in block.columns.items()}
    broken = dict(block.broken)
    for index, end in ends.items():
        customer = context.customers.get(columns["customer"][index])
        stored = known.get((customer or 0, columns["agent_id"][index], end))
        if stored is not None:
            columns["record_id"][index] = stored.record_id
            columns["started_at"][index] = stored.started_at.isoformat()
            columns["licence"][index] = "premium" if stored.premium else "standard"
            del broken[index]
    return Block(block.line_numbers, block.texts, {**columns}, broken)


def _moment(block: Block, index: int, context: Context) -> datetime | None:
    try:
        return parse_moment(block.columns["ended_at"][index], context.zone)
    except RejectedRowError:
        return None


def zone_of(source: str, customer_ref: str = "") -> ZoneInfo | None:
    """The zone of the times of a source that say none; None where nobody said it, or partners say different ones."""
    sources = Source.objects.filter(name=source)
    if customer_ref and current_scope().partner is None:
        sources = sources.filter(partner__customers__ref=customer_ref)
    zones = set(sources.values_list("time_zone", flat=True)[:2])
    name = zones.pop() if len(zones) == 1 else ""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _cells_by_customer(format_: Format, customer_ref: str, source: str) -> dict[int, list[str]]:
    """What a file may call each customer: nothing, its reference, or a name that the source has for it."""
    cells: dict[int, list[str]] = defaultdict(list)
    customers = Customer.objects.all()
    if "customer" not in format_.columns:
        customers = customers.filter(ref=customer_ref)
    for pk, ref in customers.values_list("pk", "ref"):
        cells[pk].append(ref)
        if ref == customer_ref:
            cells[pk].append("")
    if "customer" in format_.columns:
        for pk, name in CustomerAlias.objects.filter(source__name=source).values_list("customer_id", "name"):
            cells[pk].append(name)
    return cells


def _licences(cells: dict[int, list[str]]) -> dict[str, Histories]:
    found: dict[int, Histories] = defaultdict(lambda: defaultdict(list))
    rows = AgentLicence.objects.filter(customer_id__in=cells).order_by("customer_id", "agent_id", "first_day")
    for customer_id, agent_id, first_day, premium in rows.values_list(
        "customer_id", "agent_id", "first_day", "premium"
    ):
        found[customer_id][agent_id].append((first_day, premium))
    return {cell: found[pk] for pk, names in cells.items() for cell in names if pk in found}


def _open_sessions(cells: dict[int, list[str]], source: str) -> dict[tuple[str, str], OpenSession]:
    """Of several of one agent the one that started last: the others were given up by signing in again."""
    rows = Interval.objects.filter(
        customer_id__in=cells,
        kind=Kind.AGENT_SESSION,
        source_id__in=Source.objects.filter(name=source).values("pk"),
        ended_at=None,
    ).order_by("started_at")
    return {
        (cell, actor): OpenSession(record_id, started_at, "premium" if premium else "standard")
        for customer_id, actor, record_id, started_at, premium in rows.values_list(
            "customer_id", "actor", "record_id", "started_at", "premium"
        )
        for cell in _names(cells, customer_id)
    }


def _names(cells: dict[int, list[str]], customer_id: int) -> Sequence[str]:
    return cells.get(customer_id, ())
