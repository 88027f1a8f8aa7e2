"""Files that a worker reads: received, read on for a while, finished or failed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.selectors import get_customer
from apps.usage.domain.contents import UnreadableFileError
from apps.usage.domain.formats import OWN_NAME
from apps.usage.models import Channel, Delivery, DeliveryState
from apps.usage.services.importing import LEASE, begin_again_if_described_anew, read_on
from apps.usage.services.kept_files import FOLDER, stored_file
from apps.usage.services.opening import (
    DEFAULT_SOURCE,
    UsageRefused,
    check_source,
    open_file,
    own_partner,
    recognise_file,
    shown_name,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# After its time is over a worker waits so long for the block that is being read. Below the time limit of tasks.
SECONDS_FOR_A_BLOCK = 30.0
_RECEIVING_LOCK = 2  # customers have the first


def receive_file(
    *,
    path: Path,
    name: str,
    kind: str,
    sender: Scope,
    by: str,
    channel: Channel,
    customer_ref: str = "",
    source: str = DEFAULT_SOURCE,
    format_name: str = "",
) -> Delivery:
    """Take a file over for a worker to read: it is moved below the folder of files.

    ``kind`` may be left out where the format tells it. A content that came before is its delivery of then, untouched;
    but one that was never read to its end, and whose file is no longer kept, waits again with this one.

    Raises:
        UsageRefused: it is no file of that kind, or none at all; it stays where it is.
        UnknownCustomer: ``customer_ref`` names nobody.
    """
    check_source(source)
    with path.open("rb") as raw, scope(sender):
        if customer_ref:
            get_customer(customer_ref)
        size = os.fstat(raw.fileno()).st_size
        format_ = recognise_file(raw, size, name=name, kind=kind, format_name=format_name)
    with path.open("rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    stored_as = f"{FOLDER}/{sender.partner or 'provider'}/{sha256}-{os.urandom(4).hex()}"
    target = Path(settings.MEDIA_ROOT) / stored_as
    with scope(sender):
        _take_turns(sender)
        delivery, is_new = Delivery.objects.get_or_create(
            partner=own_partner(sender),
            customer_ref=customer_ref,
            kind=format_.described.kind,
            source_name=source,
            format_name="" if format_.is_own else format_.name,
            sha256=sha256,
            defaults={
                "file_name": shown_name(name),
                "size": size,
                "channel": channel,
                "sent_by": by,
                "state": DeliveryState.WAITING,
                "stored_as": stored_as,
            },
        )
        if not is_new and _lacks_its_file(delivery):
            delivery.state, delivery.failure, delivery.stored_as = DeliveryState.WAITING, "", stored_as
            delivery.finished_at = delivery.leased_until = None
            delivery.save(update_fields=["state", "failure", "stored_as", "finished_at", "leased_until"])
            is_new = True
        if is_new:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(path, target)
        else:
            path.unlink()
    return delivery


def _take_turns(sender: Scope) -> None:
    """Until the transaction ends nobody else receives files of the organisation: two who send the same ones at once, in
    another order each, would wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_RECEIVING_LOCK, sender.partner or 0])


def _lacks_its_file(delivery: Delivery) -> bool:
    """It is still to be read, or failed, and there is nothing to read it from."""
    return delivery.state != DeliveryState.DONE and stored_file(delivery) is None


def read_delivery(*, delivery_id: int, now: datetime, seconds: float) -> bool:
    """A worker's part: read on for so long. True when nothing is left to do for this worker.

    It takes the lease, which each block renews; while another worker has it there is nothing to do. The first block may
    take all of its time: events make rows at the end of their file. Progress is in the delivery after each block. A
    file that cannot be read fails with one line that says why. One whose description was changed when a part of it was
    read is read from its beginning: other rows may have become of it.
    """
    until = time.monotonic() + seconds
    with scope(PROVIDER):
        delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
        if delivery.state not in (DeliveryState.WAITING, DeliveryState.READING):
            return True
        if delivery.leased_until is not None and delivery.leased_until > now:
            return True
        begin_again_if_described_anew(delivery, now=now)
        delivery.state = DeliveryState.READING
        delivery.started_at = delivery.started_at or now
        delivery.leased_until = timezone.now() + max(LEASE, timedelta(seconds=seconds + SECONDS_FOR_A_BLOCK))
        delivery.save(update_fields=["state", "started_at", "leased_until"])
    try:
        is_over = _read_for(delivery, until, now)
    except (UnreadableFileError, Refusal) as error:
        _fail(delivery, str(error))
        return True
    except (OperationalError, InterfaceError):
        raise  # the database went away: the lease runs out, and somebody reads on
    except Exception:
        _fail(
            delivery, _("The file could not be read because of an error of the portal, which is on record.")
        )
        raise
    if not is_over:
        with scope(PROVIDER):
            Delivery.objects.filter(pk=delivery.pk).update(leased_until=None)
    return is_over


def _read_for(delivery: Delivery, until: float, now: datetime) -> bool:
    """Whether the file was read to its end."""
    sender = PROVIDER if delivery.partner_id is None else Scope(Role.PARTNER, delivery.partner_id)
    path = Path(settings.MEDIA_ROOT) / delivery.stored_as
    stopped = False

    def may_go_on() -> bool:
        nonlocal stopped
        stopped = time.monotonic() > until
        return not stopped

    with _opened(path, until + SECONDS_FOR_A_BLOCK) as raw:
        with scope(sender):
            opened = open_file(
                raw,
                delivery.size,
                delivery.file_name,
                delivery.described.name,
                delivery.format_name or OWN_NAME,
                delivery.customer_ref,
                delivery.source_name,
                now=now,
            )
        read_on(delivery, opened, raw, sender=sender, may_go_on=may_go_on)
    return not stopped


def _opened(path: Path, until: float) -> IO[bytes]:
    """The file of a delivery, that can be read until then.

    Raises:
        UsageRefused: somebody has removed it.
    """
    try:
        return io.BufferedReader(_ReadInTime(path, until))
    except FileNotFoundError:
        raise UsageRefused(_("The file is no longer kept. Send it again.")) from None


class _ReadInTime(io.FileIO):
    """A file that makes no rows for minutes is given up: each worker after this one would begin with it anew."""

    def __init__(self, path: Path, until: float) -> None:
        super().__init__(path)
        self._until = until

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """As of any file.

        Raises:
            UnreadableFileError: it is too late.
        """
        if time.monotonic() > self._until:
            raise UnreadableFileError(_("reading it takes too long: send it in parts"))
        return super().readinto(buffer)


def _fail(delivery: Delivery, why: str) -> None:
    with scope(PROVIDER):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.FAILED, failure=why, finished_at=timezone.now(), leased_until=None
        )
