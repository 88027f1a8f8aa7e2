"""The one door through which usage comes in (R13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.catalogue.domain.kinds import SkuKind
from apps.catalogue.models import Sku
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope, scope
from apps.organisations.models import Customer, Partner
from apps.organisations.selectors import get_customer
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import lock_customers
from apps.usage.domain.files import FileRow, UnreadableFileError, read_usage_file
from apps.usage.domain.records import (
    KINDS_OF_FILE,
    Content,
    Fault,
    Kind,
    KindOfFile,
    Outcome,
    RejectedRowError,
    meet,
    parse_record,
)
from apps.usage.models import Delivery, RowKeptAside, Source
from apps.usage.services.conflicts import keep_aside
from apps.usage.services.marking import mark_days
from apps.usage.services.storing import (
    Arriving,
    clear,
    complete,
    count_copies,
    list_different,
    shelf_of,
    stage,
    store_new,
)

DEFAULT_SOURCE = "import"
ROWS_AT_ONCE = 50_000
# What may be taken another day: its time has come, its customer or its SKU is known.
TAKEN_LATER = {Fault.IN_FUTURE, Fault.UNKNOWN_CUSTOMER, Fault.UNKNOWN_SKU}


class UsageRefused(Refusal):
    """The file as a whole cannot be imported."""


@dataclass
class UsageImported:
    """What became of the rows, and columns that nobody knows."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    unknown_columns: Sequence[str] = ()
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.accepted + self.duplicate + self.conflict + self.rejected

    def counts(self) -> dict[str, int]:
        """The outcomes, for the record and for print."""
        return {outcome.value: getattr(self, outcome.value) for outcome in Outcome}


def import_usage(
    *,
    kind: str,
    path: Path,
    sha256: str,
    sender: Scope,
    now: datetime,
    customer_ref: str = "",
    source: str = DEFAULT_SOURCE,
    progress: Callable[[UsageImported], None] = lambda so_far: None,
) -> UsageImported:
    """Import a file with the rights of ``sender``; good rows are stored, bad ones are kept aside.

    Rows are settled in transactions of ``ROWS_AT_ONCE``. Run twice, or again after a crash, it changes nothing that
    is there. ``now`` says what the future is. ``sha256`` is the file's.

    Raises:
        UsageRefused: an unknown kind, or a file that is none of its kind. Nothing was stored.
        UnknownCustomer: ``customer_ref`` names nobody.
    """
    described = KINDS_OF_FILE.get(kind)
    if described is None:
        raise UsageRefused(
            _("%(kind)s is not a kind of usage; there are %(kinds)s.")
            % {"kind": kind, "kinds": ", ".join(KINDS_OF_FILE)}
        )
    if not source or len(source) > 64:
        raise UsageRefused(_("The name of a source has 1 to 64 characters."))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        try:
            file = read_usage_file(lines, described)
        except UnreadableFileError as error:
            raise UsageRefused(f"{path.name}: {error}") from None
        with scope(sender):
            if customer_ref:
                get_customer(customer_ref)
            delivery, _created = Delivery.objects.get_or_create(
                partner=Partner.objects.get() if sender.role is Role.PARTNER else None,  # it sees but itself
                customer_ref=customer_ref,
                kind=described.kind,
                source_name=source,
                sha256=sha256,
                defaults={"file_name": _storable(path.name)[:255]},
            )
            told_before = _told_before(delivery, file.unknown_columns)
            digital_skus = _digital_skus(described)
        if told_before is not None:
            return told_before
        imported = UsageImported(unknown_columns=file.unknown_columns)
        desk = _Desk(described, delivery, customer_ref, source, now, digital_skus, imported)
        for rows in _chunks(file.rows):
            with scope(sender):
                desk.settle(rows)
            progress(imported)
    if delivery.finished_at is None:
        with scope(sender):
            Delivery.objects.filter(pk=delivery.pk).update(finished_at=timezone.now(), **imported.counts())
    return imported


def _told_before(delivery: Delivery, unknown_columns: Sequence[str]) -> UsageImported | None:
    """The outcome of a file that was imported to its end before: what was taken then is a duplicate now.

    None where it must be read again: it was never finished, or it has rows that may be taken today.
    """
    if delivery.finished_at is None:
        return None
    reasons = dict(
        delivery.rows_kept_aside.values_list("reason")
        .annotate(count=Count("pk"))
        .values_list("reason", "count")
    )
    if reasons.keys() & TAKEN_LATER:
        return None
    return UsageImported(
        duplicate=delivery.accepted + delivery.duplicate + delivery.conflict,
        rejected=delivery.rejected,
        unknown_columns=unknown_columns,
        reasons=reasons,
    )


def _digital_skus(described: KindOfFile) -> frozenset[str]:
    """The SKUs that digital usage may name (R12)."""
    if described.kind is not Kind.DIGITAL_USAGE:
        return frozenset()
    return frozenset(Sku.objects.filter(kind=SkuKind.DIGITAL_USAGE).values_list("code", flat=True))


def _chunks(rows: Iterator[FileRow]) -> Iterator[list[FileRow]]:
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield chunk


class _Desk:
    """Where the rows of one delivery are looked through, chunk by chunk, each in a transaction of its own."""

    def __init__(
        self,
        described: KindOfFile,
        delivery: Delivery,
        customer_ref: str,
        source: str,
        now: datetime,
        digital_skus: frozenset[str],
        imported: UsageImported,
    ) -> None:
        self.described = described
        self.delivery = delivery
        self.customer_ref = customer_ref
        self.source = source
        self.now = now
        self.digital_skus = digital_skus
        self.imported = imported

    def settle(self, rows: Sequence[FileRow]) -> None:
        good, bad = self._parse(rows)
        self._keep_aside(bad)
        if not good:
            return
        lock_customers({arriving.customer.pk for arriving in good})
        with connection.cursor() as cursor:
            stage(cursor, self.described.kind, good)
            new = store_new(cursor, shelf_of(self.described.kind))
            completing = self._meet_stored(cursor, {arriving.line_number: arriving for arriving in good})
            clear(cursor)
        self.imported.accepted += len(new) + len(completing)
        self._mark_days([arriving for arriving in good if arriving.line_number in new], completing)

    def _parse(self, rows: Sequence[FileRow]) -> tuple[list[Arriving], list[tuple[FileRow, Fault]]]:
        customers = self._customers(rows)
        sources = self._sources(customers.values())
        good: list[Arriving] = []
        bad: list[tuple[FileRow, Fault]] = []
        for row in rows:
            try:
                if isinstance(row.cells, RejectedRowError):
                    raise row.cells
                reference = row.cells.get("customer") or self.customer_ref
                if not reference:
                    raise RejectedRowError(Fault.NO_CUSTOMER)
                customer = customers.get(reference)
                if customer is None:
                    raise RejectedRowError(Fault.UNKNOWN_CUSTOMER)
                record_id, content = parse_record(
                    row.cells, self.described, now=self.now, digital_skus=self.digital_skus
                )
            except RejectedRowError as error:
                bad.append((row, error.fault))
                continue
            good.append(Arriving(row.line_number, customer, sources[customer.partner_id], record_id, content))
        return good, bad

    def _customers(self, rows: Iterable[FileRow]) -> dict[str, Customer]:
        references = {
            row.cells.get("customer") or self.customer_ref for row in rows if isinstance(row.cells, dict)
        }
        return {customer.ref: customer for customer in Customer.objects.filter(ref__in=references)}

    def _sources(self, customers: Iterable[Customer]) -> dict[int, int]:
        """The source of each partner, in the partners' order: two imports that make them never wait for each other."""
        return {
            partner_id: Source.objects.get_or_create(partner_id=partner_id, name=self.source)[0].pk
            for partner_id in sorted({customer.partner_id for customer in customers})
        }

    def _keep_aside(self, bad: Sequence[tuple[FileRow, Fault]]) -> None:
        RowKeptAside.objects.bulk_create(
            [
                RowKeptAside(
                    partner_id=self.delivery.partner_id,
                    delivery=self.delivery,
                    line_number=row.line_number,
                    text=_storable(row.text),
                    reason=fault.value,
                )
                for row, fault in bad
            ],
            ignore_conflicts=True,
            batch_size=5_000,
        )
        self.imported.rejected += len(bad)
        for _row, fault in bad:
            self.imported.reasons[fault.value] = self.imported.reasons.get(fault.value, 0) + 1

    def _meet_stored(self, cursor: CursorWrapper, good: dict[int, Arriving]) -> list[Arriving]:
        """Rows whose id is stored already: copies, ends that were missing, conflicts. Returns those that complete."""
        shelf = shelf_of(self.described.kind)
        self.imported.duplicate += count_copies(cursor, shelf)
        current: dict[tuple[int, int, str], Content] = {}
        completing: list[Arriving] = []
        for line_number, stored in list_different(cursor, shelf):
            arriving = good[line_number]
            identity = (arriving.customer.pk, arriving.source_id, arriving.record_id)
            outcome = meet(current.setdefault(identity, stored), arriving.content)
            if outcome is Outcome.ACCEPTED:
                current[identity] = arriving.content
                completing.append(arriving)
            elif outcome is Outcome.CONFLICT and keep_aside(
                arriving=arriving, kind=self.described.kind, delivery=self.delivery
            ):
                self.imported.conflict += 1
            else:
                self.imported.duplicate += 1
        complete(cursor, self.described.kind, completing)
        return completing

    def _mark_days(self, new: Iterable[Arriving], completing: Iterable[Arriving]) -> None:
        """A record that is completed counts for what it was until then, and for what it is now."""
        kind = self.described.kind
        mark_days(
            ((arriving.customer, arriving.content) for arriving in new), kind=kind, cause=StaleCause.ADDED
        )
        mark_days(
            (
                (arriving.customer, content)
                for arriving in completing
                for content in (replace(arriving.content, ended_at=None), arriving.content)
            ),
            kind=kind,
            cause=StaleCause.REPLACED,
        )


def _storable(text: str) -> str:
    """Text without what PostgreSQL cannot hold; what is replaced stays recognisable."""
    return text.replace("\x00", "␀").encode("utf-8", "backslashreplace").decode()
