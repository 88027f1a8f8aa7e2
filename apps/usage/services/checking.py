"""Rows kept aside as the one door would find them, once they are corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from apps.organisations.models import Customer
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.licences import LicenceHistory
from apps.usage.domain.mending import (
    AgentsLicence,
    CellsMeant,
    Correction,
    CustomerMeant,
    ZoneMeant,
    correct,
    with_licence,
    with_zones,
)
from apps.usage.domain.records import Kind, KindOfFile, parse_record
from apps.usage.models import AgentLicence, CustomerAlias, RowKeptAside, Source
from apps.usage.services.opening import digital_skus


@dataclass(frozen=True)
class Checked:
    """Rows with their corrected cells, and what those lack that still cannot be taken."""

    good: list[tuple[RowKeptAside, dict[str, str]]]
    bad: list[tuple[RowKeptAside, dict[str, str] | None, Fault]]

    @property
    def lacking(self) -> dict[Fault, int]:
        """How many rows have each fault."""
        return dict(Counter(fault for *_row, fault in self.bad))


def check(rows: Sequence[RowKeptAside], correction: Correction, *, now: datetime) -> Checked:
    """The rows as the door would find them."""
    world = World(rows, correction)
    good: list[tuple[RowKeptAside, dict[str, str]]] = []
    bad: list[tuple[RowKeptAside, dict[str, str] | None, Fault]] = []
    for row in rows:
        described = row.delivery.described
        try:
            cells = world.cells_of(row, described)
            zone = world.zone_of(row, cells)
            parse_record(cells, described, now=now, digital_skus=world.digital_skus, zone=zone)
            cells = with_zones(cells, described, zone=zone)
        except RejectedRowError as error:
            bad.append((row, world.improved(row, described), error.fault))
        else:
            good.append((row, cells))
    return Checked(good, bad)


class World:
    """What the door would know of the rows' customers, zones, licences and SKUs, once the correction is remembered."""

    def __init__(self, rows: Sequence[RowKeptAside], correction: Correction) -> None:
        self.correction = correction
        names = {reference_of(row) for row in rows}
        if isinstance(correction, CustomerMeant):
            names.add(correction.ref)
        if isinstance(correction, CellsMeant):
            names.add(correction.cells.get("customer", ""))
        sources = {row.delivery.source_name for row in rows}
        self.customers = {each.ref: each for each in Customer.objects.filter(ref__in=names)}
        self.aliases = {
            (alias.source.name, alias.name): alias.customer
            for alias in CustomerAlias.objects.filter(
                source__name__in=sources, name__in=names
            ).select_related("source", "customer")
        }
        self.zones = {
            (partner_id, name): ZoneInfo(time_zone)
            for partner_id, name, time_zone in Source.objects.filter(name__in=sources)
            .exclude(time_zone="")
            .values_list("partner_id", "name", "time_zone")
        }
        kinds = {Kind(row.delivery.kind) for row in rows}
        self.digital_skus = frozenset().union(*map(digital_skus, kinds))
        self.licences = _read_licences(rows)

    def cells_of(self, row: RowKeptAside, described: KindOfFile) -> dict[str, str]:
        """The corrected cells, the customer by its reference.

        Raises:
            RejectedRowError: it could not be told into cells, or its customer or its agent's licence is not known.
        """
        if row.cells is None and not isinstance(self.correction, CellsMeant):
            raise RejectedRowError(Fault(row.reason))
        nothing = dict.fromkeys((*described.columns, "customer"), "")
        cells: dict[str, str] = {**nothing, **(row.cells or {}), "customer": reference_of(row)}
        zone = None
        if not isinstance(self.correction, CustomerMeant | CellsMeant):
            zone = self.zone_of(row, cells)
        cells = correct(cells, described, self.correction, zone=zone)
        customer = self.customer_of(row, cells)
        cells["customer"] = customer.ref
        if isinstance(self.correction, AgentsLicence) or _takes_listed_licence(row):
            history = self._history_of(customer, cells.get("agent_id", ""))
            cells = with_licence(cells, described, history, zone=self.zone_of(row, cells))
        return cells

    def improved(self, row: RowKeptAside, described: KindOfFile) -> dict[str, str] | None:
        """The cells of a row that still cannot be taken, as far as the correction reaches: another one may follow."""
        kept: dict[str, str] | None = row.cells
        if kept is None or isinstance(self.correction, CellsMeant):
            return kept
        cells: dict[str, str] = {**kept, "customer": reference_of(row)}
        try:
            zone = None if isinstance(self.correction, CustomerMeant) else self.zone_of(row, cells)
            return correct(cells, described, self.correction, zone=zone)
        except RejectedRowError:
            return kept

    def zone_of(self, row: RowKeptAside, cells: Mapping[str, str]) -> ZoneInfo | None:
        """The zone of the row's times that say none."""
        if isinstance(self.correction, ZoneMeant):
            return ZoneInfo(self.correction.name)
        customer = self.customer_of(row, cells)
        return self.zones.get((customer.partner_id, row.delivery.source_name))

    def customer_of(self, row: RowKeptAside, cells: Mapping[str, str]) -> Customer:
        """The customer that the cells name.

        Raises:
            RejectedRowError: none, or none that the sender has.
        """
        name = cells["customer"]
        if not name:
            raise RejectedRowError(Fault.NO_CUSTOMER)
        found = self.customers.get(name) or self.aliases.get((row.delivery.source_name, name))
        if found is None:
            raise RejectedRowError(Fault.UNKNOWN_CUSTOMER)
        return found

    def _history_of(self, customer: Customer, agent: str) -> LicenceHistory:
        known = dict(self.licences.get((customer.pk, agent), ()))
        if isinstance(self.correction, AgentsLicence):
            known[self.correction.first_day] = self.correction.premium
        return sorted(known.items())


def reference_of(row: RowKeptAside) -> str:
    """What the row says its customer is called."""
    return str((row.cells or {}).get("customer") or row.delivery.customer_ref)


def _takes_listed_licence(row: RowKeptAside) -> bool:
    """Rows of own formats may leave their licences to the list."""
    return row.reason == Fault.NO_LICENCE or bool(row.delivery.format_name)


def _read_licences(rows: Sequence[RowKeptAside]) -> dict[tuple[int, str], list[tuple[date, bool]]]:
    agents = {(row.cells or {}).get("agent_id", "") for row in rows if _takes_listed_licence(row)}
    found: dict[tuple[int, str], list[tuple[date, bool]]] = {}
    for customer_id, agent, first_day, premium in AgentLicence.objects.filter(
        agent_id__in=agents
    ).values_list("customer_id", "agent_id", "first_day", "premium"):
        found.setdefault((customer_id, agent), []).append((first_day, premium))
    return found
