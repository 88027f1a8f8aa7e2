"""The one door through which usage comes in (R13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.domain.periods import ONE_DAY
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope, scope
from apps.organisations.models import Customer, Partner
from apps.organisations.selectors import get_customer
from apps.subscriptions.services import lock_customer, mark_stale
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
from apps.usage.models import Conflict, Delivery, RowKeptAside, Source

DEFAULT_SOURCE = "import"
ROWS_AT_ONCE = 50_000
LONGEST_OPEN = timedelta(days=1)
NULL = r"\N"
COPY_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


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


class _Arriving(NamedTuple):
    """A good row: its line, its identity and what it says."""

    line_number: int
    customer: Customer
    source_id: int
    record_id: str
    content: Content


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
        if told_before is not None:
            return told_before
        imported = UsageImported(unknown_columns=file.unknown_columns)
        desk = _Desk(described, delivery, customer_ref, source, now, imported)
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
    if reasons.keys() & {Fault.IN_FUTURE, Fault.UNKNOWN_CUSTOMER}:
        return None
    return UsageImported(
        duplicate=delivery.accepted + delivery.duplicate + delivery.conflict,
        rejected=delivery.rejected,
        unknown_columns=unknown_columns,
        reasons=reasons,
    )


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
        imported: UsageImported,
    ) -> None:
        self.described = described
        self.delivery = delivery
        self.customer_ref = customer_ref
        self.source = source
        self.now = now
        self.imported = imported

    def settle(self, rows: Sequence[FileRow]) -> None:
        good, bad = self._parse(rows)
        self._keep_aside(bad)
        if not good:
            return
        for customer_id in sorted({arriving.customer.pk for arriving in good}):
            lock_customer(customer_id)
        with connection.cursor() as cursor:
            accepted = _store(cursor, self.described.kind, good)
            accepted += self._meet_stored(cursor, {arriving.line_number: arriving for arriving in good})
            cursor.execute("DROP TABLE arriving")
        self.imported.accepted += len(accepted)
        _mark_days(accepted)

    def _parse(self, rows: Sequence[FileRow]) -> tuple[list[_Arriving], list[tuple[FileRow, Fault]]]:
        customers = self._customers(rows)
        sources = self._sources(customers.values())
        good: list[_Arriving] = []
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
                record_id, content = parse_record(row.cells, self.described, now=self.now)
            except RejectedRowError as error:
                bad.append((row, error.fault))
                continue
            good.append(
                _Arriving(row.line_number, customer, sources[customer.partner_id], record_id, content)
            )
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

    def _meet_stored(self, cursor: CursorWrapper, good: dict[int, _Arriving]) -> list[_Arriving]:
        """Rows whose id is stored already: copies, ends that were missing, conflicts. Returns those that complete."""
        cursor.execute(
            """
            SELECT count(*) FROM arriving JOIN usage_interval AS stored USING (customer_id, kind, source_id, record_id)
            WHERE NOT arriving.is_new AND (arriving.actor, arriving.premium, arriving.started_at, arriving.ended_at)
                  IS NOT DISTINCT FROM (stored.actor, stored.premium, stored.started_at, stored.ended_at)
            """
        )
        self.imported.duplicate += cursor.fetchone()[0]
        cursor.execute(
            """
            SELECT arriving.line_number, stored.actor, stored.premium, stored.started_at, stored.ended_at
            FROM arriving JOIN usage_interval AS stored USING (customer_id, kind, source_id, record_id)
            WHERE NOT arriving.is_new AND (arriving.actor, arriving.premium, arriving.started_at, arriving.ended_at)
                  IS DISTINCT FROM (stored.actor, stored.premium, stored.started_at, stored.ended_at)
            ORDER BY arriving.line_number
            """
        )
        current: dict[tuple[int, int, str], Content] = {}
        completing: dict[tuple[int, int, str], _Arriving] = {}
        for line_number, *stored in cursor.fetchall():
            arriving = good[line_number]
            identity = (arriving.customer.pk, arriving.source_id, arriving.record_id)
            outcome = meet(current.setdefault(identity, Content(*stored)), arriving.content)
            if outcome is Outcome.ACCEPTED:
                current[identity] = arriving.content
                completing[identity] = arriving
            elif outcome is Outcome.DUPLICATE or not self._is_new_conflict(arriving):
                self.imported.duplicate += 1
            else:
                self.imported.conflict += 1
        for arriving in completing.values():
            cursor.execute(
                "UPDATE usage_interval SET ended_at = %s"
                " WHERE customer_id = %s AND kind = %s AND source_id = %s AND record_id = %s",
                [
                    arriving.content.ended_at,
                    arriving.customer.pk,
                    self.described.kind,
                    arriving.source_id,
                    arriving.record_id,
                ],
            )
        return list(completing.values())

    def _is_new_conflict(self, arriving: _Arriving) -> bool:
        """Keep a conflict aside; False where it is a copy of one that is."""
        content = arriving.content
        _kept, created = Conflict.objects.get_or_create(
            customer=arriving.customer,
            kind=self.described.kind,
            source_id=arriving.source_id,
            record_id=arriving.record_id,
            actor=content.actor,
            premium=content.premium,
            started_at=content.started_at,
            ended_at=content.ended_at,
            defaults={
                "partner_id": arriving.customer.partner_id,
                "delivery": self.delivery,
                "line_number": arriving.line_number,
            },
        )
        return created


def _store(cursor: CursorWrapper, kind: Kind, good: Sequence[_Arriving]) -> list[_Arriving]:
    """Stage the rows and store the first of each identity that is not there yet. Returns those stored."""
    cursor.execute(
        """
        CREATE TEMPORARY TABLE arriving (
            line_number integer, partner_id integer, customer_id integer, kind smallint, source_id integer,
            record_id text COLLATE "C", actor text, premium boolean, started_at timestamptz, ended_at timestamptz,
            is_new boolean DEFAULT false
        ) ON COMMIT DROP
        """
    )
    copied: Any = cursor
    with copied.copy(
        "COPY arriving (line_number, partner_id, customer_id, kind, source_id, record_id, actor, premium, started_at,"
        " ended_at) FROM STDIN"
    ) as copy:
        copy.write("".join(_copy_line(kind, arriving) for arriving in good))
    cursor.execute(
        """
        UPDATE arriving SET is_new = true
        FROM (SELECT DISTINCT ON (customer_id, source_id, record_id) line_number FROM arriving
              ORDER BY customer_id, source_id, record_id, line_number) AS first
        WHERE arriving.line_number = first.line_number AND NOT EXISTS (
            SELECT FROM usage_interval AS stored WHERE stored.customer_id = arriving.customer_id
            AND stored.kind = arriving.kind AND stored.source_id = arriving.source_id
            AND stored.record_id = arriving.record_id)
        """
    )
    cursor.execute(
        """
        INSERT INTO usage_interval
            (partner_id, customer_id, kind, source_id, record_id, actor, premium, started_at, ended_at)
        SELECT partner_id, customer_id, kind, source_id, record_id, actor, premium, started_at, ended_at
        FROM arriving WHERE is_new ORDER BY customer_id, source_id, record_id
        """
    )
    cursor.execute("SELECT line_number FROM arriving WHERE is_new")
    stored = {line_number for (line_number,) in cursor.fetchall()}
    return [arriving for arriving in good if arriving.line_number in stored]


def _copy_line(kind: Kind, arriving: _Arriving) -> str:
    """A line of PostgreSQL's COPY text format; by hand, because that is three times faster than cell by cell."""
    line_number, customer, source_id, record_id, content = arriving
    premium = NULL if content.premium is None else content.premium
    ended_at = NULL if content.ended_at is None else content.ended_at.isoformat()
    return (
        f"{line_number}\t{customer.partner_id}\t{customer.pk}\t{int(kind)}\t{source_id}\t"
        f"{record_id.translate(COPY_ESCAPES)}\t{content.actor.translate(COPY_ESCAPES)}\t{premium}\t"
        f"{content.started_at.isoformat()}\t{ended_at}\n"
    )


def _mark_days(accepted: Iterable[_Arriving]) -> None:
    """The days that the records touch, and the day after: the look-back of R2 reaches over midnight."""
    customers: dict[int, Customer] = {}
    moments: dict[int, list[datetime]] = {}
    for arriving in accepted:
        content = arriving.content
        customers[arriving.customer.pk] = arriving.customer
        moments.setdefault(arriving.customer.pk, []).extend(
            (content.started_at, content.ended_at or content.started_at + LONGEST_OPEN)
        )
    for customer_id, touched in moments.items():
        mark_stale(
            customer=customers[customer_id],
            first_day=min(touched).date(),
            last_day=max(touched).date() + ONE_DAY,
        )


def _storable(text: str) -> str:
    """Text without what PostgreSQL cannot hold; what is replaced stays recognisable."""
    return text.replace("\x00", "␀").encode("utf-8", "backslashreplace").decode()
