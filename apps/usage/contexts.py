"""What the database knows that reading other people's files needs: zones, licences, sessions that are stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import QuerySet

from apps.core.tenancy import current_scope
from apps.organisations.models import Customer
from apps.subscriptions.services import lock_customers
from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault
from apps.usage.domain.formats import Format
from apps.usage.domain.pairing import BEFORE, OpenSession, meet_stored, moments_of
from apps.usage.domain.records import LONGEST_RECORD, Kind
from apps.usage.domain.translation import Context
from apps.usage.models import AgentLicence, CustomerAlias, Interval, Source

Histories = dict[str, list[tuple[date, bool]]]


def open_context(format_: Format, *, customer_ref: str = "", source: str) -> Context:
    """The context in which a file of this format is translated. Runs in the sender's open scope.

    ``customer_ref`` is of the customer that rows without one fall to. At most four queries, whatever the file holds.
    """
    context = Context(zone=zone_of(source, customer_ref))
    if format_.from_licence_list or format_.pair:
        cells = _cells_by_customer(format_, customer_ref, source)
        context.customers = {cell: pk for pk, names in cells.items() for cell in names}
        if format_.from_licence_list:
            context.licences = _licences(cells)
    return context


def beside_stored(block: Block, context: Context, *, source: str) -> tuple[Block, Block | None]:
    """Rows of events beside the sessions that are stored when they are settled, and the ends that these have by them.

    A sign-out that a stored session ends with says the same again: it is a copy of that session, not a row kept aside.
    So is a part of a stream that comes twice. Other files' rows stay as they are. Runs in the sender's open scope, and
    keeps the customers locked: of two files at once the second sees what the first has stored. Four queries at most.
    """
    if BEFORE not in block.columns:
        return block, None
    pks = {pk for name in set(block.columns["customer"]) if (pk := context.customers.get(name)) is not None}
    lock_customers(pks)
    sessions = Interval.objects.filter(
        customer_id__in=pks,
        kind=Kind.AGENT_SESSION,
        source_id__in=Source.objects.filter(name=source).values("pk"),
        actor__in=set(block.columns["agent_id"]),
    )
    moments = moments_of(block, context.zone)
    known = _known_ends(block, context, sessions, moments)
    stored = _open_sessions(block, context, sessions, [each for each in moments if each])
    told, ends = meet_stored(known, stored, zone=context.zone) if stored else (known, None)
    for each in (told, ends):
        if each is not None:
            del each.columns[BEFORE]
    return told, ends


def _known_ends(
    block: Block, context: Context, sessions: QuerySet[Interval], moments: Sequence[datetime | None]
) -> Block:
    """Sign-outs without a sign-in that a stored session ends with become that session."""
    alone = [index for index, fault in block.broken.items() if fault is Fault.NO_SIGN_IN]
    ends = {index: end for index in alone if (end := moments[index]) is not None}
    if not ends:
        return block
    known = {
        (each.customer_id, each.actor, each.ended_at): each
        for each in sessions.filter(
            started_at__gte=min(ends.values()) - LONGEST_RECORD,
            started_at__lte=max(ends.values()),
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
            columns["licence"][index] = _licence(stored.premium)
            columns[BEFORE][index] = stored.started_at.isoformat()
            del broken[index]
    return Block(block.line_numbers, block.texts, {**columns}, broken)


def _open_sessions(
    block: Block, context: Context, sessions: QuerySet[Interval], moments: Sequence[datetime]
) -> dict[tuple[str, str], list[OpenSession]]:
    """What is stored without an end of the agents of the block, each with the start of its agent's next session."""
    if not moments:
        return {}
    since, upto = min(moments) - LONGEST_RECORD, max(moments)
    near = sessions.filter(started_at__gte=since, started_at__lte=upto).order_by("started_at", "record_id")
    found = list(near.filter(ended_at=None))
    if not found:
        return {}
    starts: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    agents = near.filter(actor__in={each.actor for each in found}, started_at__gte=found[0].started_at)
    for customer_id, actor, started_at in agents.values_list("customer_id", "actor", "started_at"):
        starts[customer_id, actor].append(started_at)
    cells: dict[int, list[str]] = defaultdict(list)
    for name in set(block.columns["customer"]):
        cells[context.customers.get(name, 0)].append(name)
    stored: dict[tuple[str, str], list[OpenSession]] = defaultdict(list)
    for each in found:
        later = (start for start in starts[each.customer_id, each.actor] if start > each.started_at)
        session = OpenSession(each.record_id, each.started_at, _licence(each.premium), next(later, None))
        for name in cells[each.customer_id]:
            stored[name, each.actor].append(session)
    return stored


def _licence(premium: bool | None) -> str:
    return "premium" if premium else "standard"


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
