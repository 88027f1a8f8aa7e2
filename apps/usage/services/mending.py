"""Sending rows kept aside again, corrected: through the same door as any other usage (R13)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.core.tenancy import Scope, scope
from apps.organisations.models import Customer, Partner
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
from apps.usage.domain.records import (
    KINDS_OF_FILE,
    LONGEST_VALUE,
    Kind,
    KindOfFile,
    Outcome,
    parse_record,
)
from apps.usage.models import AgentLicence, Channel, CustomerAlias, RowKeptAside, Source
from apps.usage.services.importing import digital_skus, take_records
from apps.usage.services.licences import import_licences
from apps.usage.services.sources import set_time_zone

MENDED_AT_ONCE = 20_000
_DESCRIBED = {described.kind: described for described in KINDS_OF_FILE.values()}


class NothingToMend(Refusal):
    """The rows were settled meanwhile, or there are none."""


class ReasonForSettingAsideMissing(Refusal):
    """Rows are set aside for good with a reason."""


@dataclass(frozen=True)
class Preview:
    """What would become of rows: how many would be taken, and what the others lack."""

    taken: int
    lacking: Mapping[Fault, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.taken + sum(self.lacking.values())


@dataclass(frozen=True)
class Mended:
    """What became of rows: outcomes of those that were taken, and what the others, still open, lack."""

    outcomes: Mapping[Outcome, int]
    lacking: Mapping[Fault, int]

    @property
    def taken(self) -> int:
        """Those that are settled."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class _Checked:
    """Rows with their corrected cells, or what they lack."""

    good: list[tuple[RowKeptAside, dict[str, str]]]
    bad: list[tuple[RowKeptAside, Fault]]

    @property
    def lacking(self) -> dict[Fault, int]:
        return dict(Counter(fault for _row, fault in self.bad))


def open_rows(rows: QuerySet[RowKeptAside]) -> QuerySet[RowKeptAside]:
    """Those of the rows that wait, with their deliveries: so many as are mended at once."""
    return rows.filter(settled_at=None).prefetch_related("delivery").order_by("pk")[:MENDED_AT_ONCE]


def preview_sending(*, rows: QuerySet[RowKeptAside], correction: Correction, now: datetime) -> Preview:
    """What would become of the open ones of ``rows``, corrected, if they were sent now. Changes nothing."""
    checked = _check(list(open_rows(rows)), correction, now=now)
    return Preview(len(checked.good), checked.lacking)


def send_again(
    *, rows: QuerySet[RowKeptAside], correction: Correction, by: User, sender: Scope, now: datetime
) -> Mended:
    """Send the open ones of ``rows`` again, corrected, with the rights of their ``sender``, all or nothing.

    What the correction tells of later files is remembered. Rows that are taken are settled; those that would be
    rejected again stay open and are not sent. Of two who mend a row at once one comes second, and finds it settled.

    Raises:
        NothingToMend: none of them waits any more.
    """
    with scope(sender):
        locked = list(open_rows(rows).select_for_update(of=("self",)))
        if not locked:
            raise NothingToMend(_("These rows are settled already."))
        partner = None if sender.partner is None else Partner.objects.get(pk=sender.partner)
        _remember(locked, correction, by=by)
        checked = _check(locked, correction, now=now)
        outcomes: Counter[Outcome] = Counter()
        for (kind, source), batch in _batches(checked.good):
            outcomes += _take(kind, source, batch, by=by, sender=sender, now=now)
        record_change(
            by=by,
            action="rows.sent_again",
            subject=locked[0].delivery.source_name,
            partner=partner,
            after={
                "correction": _plain(correction),
                "rows": len(locked),
                **{outcome.value: count for outcome, count in sorted(outcomes.items())},
                "still_open": len(checked.bad),
            },
        )
        return Mended(dict(outcomes), checked.lacking)


def set_aside_for_good(
    *, rows: QuerySet[RowKeptAside], by: User, reason: str, sender: Scope, now: datetime
) -> int:
    """Settle the open ones of ``rows`` without sending them again. Returns how many.

    Raises:
        NothingToMend: none of them waits any more.
        ReasonForSettingAsideMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonForSettingAsideMissing(_("Rows are set aside for good with a reason."))
    with scope(sender):
        locked = list(open_rows(rows).select_for_update(of=("self",)))
        if not locked:
            raise NothingToMend(_("These rows are settled already."))
        _settle(locked, outcome="", by=by, now=now)
        record_change(
            by=by,
            action="rows.set_aside",
            subject=locked[0].delivery.source_name,
            partner=None if sender.partner is None else Partner.objects.get(pk=sender.partner),
            after={"rows": len(locked), "reasons": dict(Counter(row.reason for row in locked))},
            reason=reason.strip(),
        )
        return len(locked)


def _take(
    kind: Kind,
    source: str,
    batch: Sequence[tuple[RowKeptAside, dict[str, str]]],
    *,
    by: User,
    sender: Scope,
    now: datetime,
) -> Counter[Outcome]:
    """Rows of one kind and source through the door, as one delivery, and settled by their outcomes."""
    records = [cells for _row, cells in batch]
    lines = [row.line_number for row, _cells in batch]
    taken = take_records(
        kind=_DESCRIBED[kind].name,
        records=records,
        sender=sender,
        now=now,
        source=source,
        sent_by=by.email,
        channel=Channel.MENDED,
        sha256=_content([(row.pk, cells) for row, cells in batch]),
        line_numbers=lines if len(set(lines)) == len(lines) else range(1, len(lines) + 1),
    )
    came_to: dict[Outcome, list[RowKeptAside]] = {}
    for (row, _cells), outcome in zip(batch, taken.outcomes, strict=True):
        came_to.setdefault(outcome, []).append(row)
    for outcome, rows in came_to.items():
        # One that is rejected after all is kept aside anew, with what it says now.
        _settle(rows, outcome=outcome.value, by=by, now=now)
    return Counter({outcome: len(rows) for outcome, rows in came_to.items()})


def _settle(rows: Iterable[RowKeptAside], *, outcome: str, by: User, now: datetime) -> None:
    RowKeptAside.objects.filter(pk__in=[row.pk for row in rows]).update(
        settled_at=now, settled_by=by.email, outcome=outcome
    )


def _batches(
    good: Sequence[tuple[RowKeptAside, dict[str, str]]],
) -> list[tuple[tuple[Kind, str], list[tuple[RowKeptAside, dict[str, str]]]]]:
    def key(each: tuple[RowKeptAside, dict[str, str]]) -> tuple[Kind, str]:
        return Kind(each[0].delivery.kind), each[0].delivery.source_name

    return [(of, list(batch)) for of, batch in groupby(sorted(good, key=key), key=key)]


def _content(rows: Sequence[tuple[int, Mapping[str, str]]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _plain(correction: Correction) -> dict[str, object]:
    """For the audit trail, which holds no agent's id."""
    told = {} if isinstance(correction, CellsMeant) else asdict(correction)
    return {
        "kind": type(correction).__name__,
        **{name: value.isoformat() if isinstance(value, date) else value for name, value in told.items()},
    }


def _check(rows: Sequence[RowKeptAside], correction: Correction, *, now: datetime) -> _Checked:
    """The rows as the door would find them."""
    world = _World(rows, correction)
    good: list[tuple[RowKeptAside, dict[str, str]]] = []
    bad: list[tuple[RowKeptAside, Fault]] = []
    for row in rows:
        described = _DESCRIBED[Kind(row.delivery.kind)]
        try:
            cells = world.cells_of(row, described)
            zone = world.zone_of(row, cells)
            parse_record(cells, described, now=now, digital_skus=world.digital_skus, zone=zone)
            cells = with_zones(cells, described, zone=zone)
        except RejectedRowError as error:
            bad.append((row, error.fault))
        else:
            good.append((row, cells))
    return _Checked(good, bad)


class _World:
    """What the door would know of the rows' customers, zones, licences and SKUs, once the correction is remembered."""

    def __init__(self, rows: Sequence[RowKeptAside], correction: Correction) -> None:
        self.correction = correction
        names = {_reference(row) for row in rows}
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
        cells: dict[str, str] = {**nothing, **(row.cells or {}), "customer": _reference(row)}
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


def _reference(row: RowKeptAside) -> str:
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


def _remember(rows: Sequence[RowKeptAside], correction: Correction, *, by: User) -> None:
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
    names = {(row.delivery.source_name, _reference(row)) for row in rows}
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
        refs = {_reference(row) for row in rows}
        partners |= set(Customer.objects.filter(ref__in=refs).values_list("partner_id", flat=True))
    return [
        Source.objects.get_or_create(partner_id=partner, name=name)[0]
        for partner in sorted(partners)
        for name in sorted({row.delivery.source_name for row in rows})
    ]


def _remember_licences(rows: Sequence[RowKeptAside], correction: AgentsLicence, *, by: User) -> None:
    """As a licence list says it; rows of unknown customers tell of nobody."""
    world = _World(rows, correction)
    known = set()
    for row in rows:
        agent = (row.cells or {}).get("agent_id", "")
        try:
            customer = world.customer_of(row, {"customer": _reference(row)})
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
