"""The one door through which files of usage come in (R13), read here or by a worker. Records of a call: ``calls``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.tenancy import PROVIDER, Scope, scope
from apps.organisations.selectors import get_customer
from apps.usage.domain.blocks import Block
from apps.usage.domain.contents import UnreadableFileError
from apps.usage.domain.records import Fault, Outcome
from apps.usage.models import Channel, Delivery, DeliveryState, FormatDescription, RowKeptAside
from apps.usage.reasons import in_words
from apps.usage.services.opening import (
    DEFAULT_SOURCE,
    Opened,
    UsageRefused,
    check_source,
    open_file,
    own_partner,
    shown_name,
)
from apps.usage.services.settling import OUTCOMES, Desk, Settled, prepare

MOST_REJECTED = 1_000_000  # rows of one file that are no records; who sends more sends something else
LEASE = timedelta(minutes=5)  # how long a worker may be silent until another one takes over
# What may be taken another day: its time has come, its customer, its SKU or its agent is known.
TAKEN_LATER = {
    Fault.IN_FUTURE,
    Fault.UNKNOWN_CUSTOMER,
    Fault.UNKNOWN_SKU,
    Fault.NO_LICENCE,
    Fault.NO_SIGN_IN,
}


@dataclass
class UsageImported:
    """What became of the rows, columns that nobody knows, and rows that the file's format does not ask for."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    unknown_columns: Sequence[str] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    left_out: int = 0

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.accepted + self.duplicate + self.conflict + self.rejected

    def counts(self) -> dict[str, int]:
        """The outcomes, for the record and for print."""
        return {outcome.value: getattr(self, outcome.value) for outcome in Outcome}

    def add(self, settled: Settled) -> None:
        """What became of some more rows."""
        for name, count in settled.counts().items():
            setattr(self, name, getattr(self, name) + count)
        for fault in settled.faults.values():
            self.reasons[fault.value] = self.reasons.get(fault.value, 0) + 1


def import_usage(
    *,
    kind: str,
    path: Path,
    sha256: str,
    sender: Scope,
    now: datetime,
    customer_ref: str = "",
    source: str = DEFAULT_SOURCE,
    format_name: str = "",
    channel: Channel = Channel.COMMAND,
    sent_by: str = "",
    progress: Callable[[UsageImported], None] = lambda so_far: None,
) -> UsageImported:
    """Import a file with the rights of ``sender``; good rows are stored, bad ones are kept aside.

    Rows are settled in transactions of ``ROWS_AT_ONCE``, each of which says how far it came: run again after a crash
    it goes on there, run twice it changes nothing. ``now`` says what the future is. ``sha256`` is the file's. Without a
    ``format_name`` the format is recognised.

    Raises:
        UsageRefused: an unknown kind, or a file that is none of its kind: nothing was stored. Or one that is damaged
            further down: what stands before is stored.
        UnknownCustomer: ``customer_ref`` names nobody.
    """
    check_source(source)
    began = timezone.now()
    with path.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        with scope(sender):
            if customer_ref:
                get_customer(customer_ref)
            opened = open_file(raw, size, path.name, kind, format_name, customer_ref, source, now=now)
            delivery, _created = Delivery.objects.get_or_create(
                partner=own_partner(sender),
                customer_ref=customer_ref,
                kind=opened.reading.described.kind,
                source_name=source,
                format_name="" if opened.format.is_own else opened.format.name,
                sha256=sha256,
                defaults={
                    "file_name": shown_name(path.name),
                    "size": size,
                    "channel": channel,
                    "sent_by": sent_by,
                    "started_at": began,
                },
            )
            told_before = _told_before(delivery, opened.unknown_columns)
        if told_before is not None:
            return told_before
        if delivery.finished_at is not None:
            return _read_once_more(delivery, opened, sender=sender, progress=progress)
        with scope(PROVIDER):
            delivery = Delivery.objects.select_for_update().get(pk=delivery.pk)
            begin_again_if_described_anew(delivery, now=began)
        try:
            return read_on(delivery, opened, raw, sender=sender, progress=progress)
        except UnreadableFileError as error:
            raise UsageRefused(f"{path.name}: {in_words(error)}") from None


def _told_before(delivery: Delivery, unknown_columns: Sequence[str]) -> UsageImported | None:
    """The outcome of a file that was imported to its end before: what was taken then is a duplicate now.

    None where it must be read again: it was never finished, or it has rows that may be taken today.
    """
    if delivery.finished_at is None:
        return None
    reasons = _reasons(delivery)
    if reasons.keys() & TAKEN_LATER:
        return None
    return UsageImported(
        duplicate=delivery.accepted + delivery.duplicate + delivery.conflict,
        rejected=delivery.rejected,
        unknown_columns=unknown_columns,
        reasons=reasons,
    )


def begin_again_if_described_anew(delivery: Delivery, *, now: datetime) -> None:
    """Where the description of its format was changed when a part was read: as if nothing was.

    Other rows may become of the file. What is stored counts as a duplicate then, rows kept aside are judged anew.
    Runs in the provider's scope, with the delivery locked.
    """
    if not delivery.rows or not _is_described_anew(delivery):
        return
    delivery.rows_kept_aside.filter(settled_at=None).delete()
    delivery.started_at = now
    for name in ("rows", "bytes_read", *(outcome.value for outcome in Outcome)):
        setattr(delivery, name, 0)
    delivery.save()


def _is_described_anew(delivery: Delivery) -> bool:
    return FormatDescription.objects.filter(
        partner=delivery.partner_id, name=delivery.format_name, changed_at__gt=delivery.started_at
    ).exists()


def read_on(
    delivery: Delivery,
    opened: Opened,
    raw: IO[bytes],
    *,
    sender: Scope,
    progress: Callable[[UsageImported], None] = lambda so_far: None,
    may_go_on: Callable[[], bool] = lambda: True,
) -> UsageImported:
    """Settle the rows behind those that are settled, and finish the delivery; until somebody says to stop.

    Several may do so at once: each block is settled by one of them, and counted once.

    Raises:
        UnreadableFileError: the file is damaged further down. What stands before is settled.
    """
    imported = UsageImported(unknown_columns=opened.unknown_columns)
    desk = Desk(delivery)
    at = delivery.rows
    for prepared in opened.blocks(skip=at):
        rows = len(prepared.block)
        with scope(sender):
            locked = Delivery.objects.select_for_update().get(pk=delivery.pk)
            by_others = locked.rows - at
            at += rows
            if by_others < 0:  # somebody reads the file from its beginning
                return imported
            if 0 < by_others < rows:
                prepared = prepare(prepared.block.part(by_others, rows), opened.reading)
            if by_others < rows:
                settled = opened.settle(desk, prepared)
                imported.add(settled)
                _note(locked, settled, rows=rows - by_others, bytes_read=raw.tell())
        progress(imported)
        if locked.rejected > MOST_REJECTED:
            raise UnreadableFileError(
                _("too many rows are no records: the rest is not read, what stands before is stored")
            )
        if not may_go_on():
            return imported
    imported.left_out = opened.context.left_out
    with scope(sender):
        Delivery.objects.filter(pk=delivery.pk, finished_at=None).update(
            state=DeliveryState.DONE, finished_at=timezone.now(), leased_until=None
        )
        _add_what_others_settled(imported, Delivery.objects.get(pk=delivery.pk))
    return imported


def _add_what_others_settled(imported: UsageImported, delivery: Delivery) -> None:
    """Rows that were settled before, or by somebody else meanwhile: what was taken then is a duplicate now."""
    if delivery.rows == imported.rows:
        return
    rejected = delivery.rejected - imported.rejected
    imported.duplicate += delivery.rows - imported.rows - rejected
    imported.rejected += rejected
    imported.reasons = _reasons(delivery)


def _reasons(delivery: Delivery) -> dict[str, int]:
    """How many rows of a delivery were kept aside for each reason."""
    counted = delivery.rows_kept_aside.order_by().values_list("reason").annotate(count=Count("pk"))
    return dict(counted.values_list("reason", "count"))


def _note(delivery: Delivery, settled: Settled, *, rows: int, bytes_read: int) -> None:
    """How far a delivery came, in the transaction that came so far."""
    delivery.rows += rows
    delivery.bytes_read = bytes_read
    for name, count in settled.counts().items():
        setattr(delivery, name, getattr(delivery, name) + count)
    if delivery.leased_until is not None:
        delivery.leased_until = timezone.now() + LEASE
    delivery.save(
        update_fields=["rows", "bytes_read", "leased_until", *(outcome.value for outcome in Outcome)]
    )


def _read_once_more(
    delivery: Delivery, opened: Opened, *, sender: Scope, progress: Callable[[UsageImported], None]
) -> UsageImported:
    """A file that was read to its end, and has rows that may be taken today. What the first time counted stays."""
    imported = UsageImported(unknown_columns=opened.unknown_columns)
    desk = Desk(delivery)
    for prepared in opened.blocks():
        with scope(sender):
            settled = opened.settle(desk, prepared)
            imported.add(settled)
            _settle_rows_aside(delivery, prepared.block, settled)
        progress(imported)
    imported.left_out = opened.context.left_out
    return imported


def _settle_rows_aside(delivery: Delivery, block: Block, settled: Settled) -> None:
    """Rows that were kept aside and are taken now are no longer."""
    of_block = delivery.rows_kept_aside.filter(
        settled_at=None, line_number__range=(block.line_numbers[0], block.line_numbers[-1])
    )
    aside = {(number, part): pk for number, part, pk in of_block.values_list("line_number", "part", "pk")}
    if not aside:
        return
    taken: dict[str, list[int]] = {}
    for row, place in enumerate(zip(block.line_numbers, block.parts(), strict=True)):
        if place in aside and row not in settled.faults:
            taken.setdefault(OUTCOMES[settled.outcomes[row]].value, []).append(aside[place])
    for outcome, pks in taken.items():
        RowKeptAside.objects.filter(pk__in=pks).update(
            settled_at=timezone.now(), settled_by=delivery.sent_by, outcome=outcome
        )
