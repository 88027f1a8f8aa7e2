"""What corrections of rows tell of later files too: customers' names, zones of sources, licences of agents."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.organisations.models import Customer
from apps.usage.domain.faults import RejectedRowError
from apps.usage.domain.mending import AgentsLicence, Correction, CustomerMeant, ZoneMeant
from apps.usage.domain.records import LONGEST_VALUE
from apps.usage.models import CustomerAlias, RowKeptAside, Source
from apps.usage.services.checking import World, reference_of
from apps.usage.services.licences import import_licences
from apps.usage.services.sources import set_time_zone


def remember(rows: Sequence[RowKeptAside], correction: Correction, *, by: User) -> None:
    """What the correction tells of later files too."""
    match correction:
        case CustomerMeant(ref=ref, remember=True):
            _remember_customer(rows, ref, by=by)
        case ZoneMeant(name=name):
            for source in _sources(rows):
                set_time_zone(source=source, time_zone=name, by=by)
        case AgentsLicence():
            _remember_licences(rows, correction, by=by)


def _remember_customer(rows: Sequence[RowKeptAside], ref: str, *, by: User) -> None:
    customer = Customer.objects.get(ref=ref)
    names = {(row.delivery.source_name, reference_of(row)) for row in rows}
    for source_name, name in sorted(names):
        if not name or name == ref or len(name) > LONGEST_VALUE:
            continue
        source, _created = Source.objects.get_or_create(partner_id=customer.partner_id, name=source_name)
        CustomerAlias.objects.update_or_create(
            source=source, name=name, defaults={"partner_id": customer.partner_id, "customer": customer}
        )
        record_change(
            by=by,
            action="alias.set",
            subject=name,
            customer=customer,
            after={"source": source_name, "customer": ref},
        )


def _sources(rows: Sequence[RowKeptAside]) -> list[Source]:
    """The sources that the rows came from: of their sender or, of the provider's rows, of their customers' partners."""
    partners = {row.partner_id for row in rows if row.partner_id is not None}
    if any(row.partner_id is None for row in rows):
        refs = {reference_of(row) for row in rows}
        partners |= set(Customer.objects.filter(ref__in=refs).values_list("partner_id", flat=True))
    return [
        Source.objects.get_or_create(partner_id=partner, name=name)[0]
        for partner in sorted(partners)
        for name in sorted({row.delivery.source_name for row in rows})
    ]


def _remember_licences(rows: Sequence[RowKeptAside], correction: AgentsLicence, *, by: User) -> None:
    """As a licence list says it; rows of unknown customers tell of nobody."""
    world = World(rows, correction)
    known = set()
    for row in rows:
        agent = (row.cells or {}).get("agent_id", "")
        try:
            customer = world.customer_of(row, {"customer": reference_of(row)})
        except RejectedRowError:
            continue
        if agent:
            known.add((customer.ref, agent))
    if not known:
        return
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("agent_id", "licence", "from", "customer"))
    licence = "premium" if correction.premium else "standard"
    writer.writerows((agent, licence, correction.first_day.isoformat(), ref) for ref, agent in sorted(known))
    import_licences(text=out.getvalue(), by=by)
