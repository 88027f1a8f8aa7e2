"""The files of deliveries: kept while somebody may still have to read them, and no longer.

A file that was read to its end is removed at once: what it said is stored, what could not be a record is kept aside
with its text, and its SHA-256 recognises it. One that failed is kept for ``KEPT_AFTER_FAILURE``, to be read again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.usage.models import Delivery, DeliveryState

FOLDER = "deliveries"
KEPT_AFTER_FAILURE = timedelta(days=14)
# What belongs to no delivery may be one that is just coming; after so long it is what a killed process left.
LEFT_BEHIND_AFTER = timedelta(days=1)
READ_AGAIN = "delivery.read_again"
REMOVED_AT_ONCE = 500


class CannotBeReadAgain(Refusal):
    """The delivery did not fail, or its file is no longer kept."""


def stored_file(delivery: Delivery) -> Path | None:
    """Where the file of a delivery lies; None where it is not kept."""
    if not delivery.stored_as:
        return None
    path = Path(settings.MEDIA_ROOT) / delivery.stored_as
    return path if path.is_file() else None


def due_deliveries(*, now: datetime) -> QuerySet[Delivery]:
    """What a worker has to read: it waits, or the worker that read it is given up. Oldest first."""
    return (
        Delivery.objects.filter(state__in=[DeliveryState.WAITING, DeliveryState.READING])
        .filter(Q(leased_until=None) | Q(leased_until__lt=now))
        .exclude(stored_as="")
        .order_by("pk")
    )


@transaction.atomic
def read_again(*, delivery: Delivery, by: User) -> Delivery:
    """Let a delivery that failed be read once more; rows that were stored then are duplicates now.

    Raises:
        CannotBeReadAgain: it did not fail, or its file is no longer kept.
    """
    locked = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if locked.state != DeliveryState.FAILED:
        raise CannotBeReadAgain(_("Only a delivery that failed is read again."))
    if stored_file(locked) is None:
        raise CannotBeReadAgain(_("The file is no longer kept. Send it again."))
    failure, locked.failure = locked.failure, ""
    locked.state = DeliveryState.WAITING
    locked.finished_at = locked.leased_until = None
    locked.save(update_fields=["state", "failure", "finished_at", "leased_until"])
    record_change(
        by=by, action=READ_AGAIN, subject=str(locked.pk), partner=locked.partner, before={"failure": failure}
    )
    return locked


def remove_read_files(*, now: datetime, deliveries: QuerySet[Delivery] | None = None) -> int:
    """Remove the files of deliveries that are done, and of those that failed long ago. Returns how many.

    The row forgets its file first: killed in between, the file is one that belongs to nothing.
    """
    over = Q(state=DeliveryState.DONE) | Q(
        state=DeliveryState.FAILED, finished_at__lt=now - KEPT_AFTER_FAILURE
    )
    wanted = (Delivery.objects.all() if deliveries is None else deliveries).filter(over).exclude(stored_as="")
    kept = dict(wanted.order_by("pk").values_list("pk", "stored_as")[:REMOVED_AT_ONCE])
    with transaction.atomic():
        Delivery.objects.filter(pk__in=kept).update(stored_as="")
    for stored_as in kept.values():
        (Path(settings.MEDIA_ROOT) / stored_as).unlink(missing_ok=True)
    return len(kept)


def remove_left_behind(*, now: datetime) -> int:
    """Remove what killed processes left: files of no delivery, and uploads that never ended. Returns how many."""
    before = (now - LEFT_BEHIND_AFTER).timestamp()
    root = Path(settings.MEDIA_ROOT)
    old = [path for path in (root / FOLDER).rglob("*") if _is_older(path, before)]
    known = set(
        Delivery.objects.filter(stored_as__in=[str(path.relative_to(root)) for path in old]).values_list(
            "stored_as", flat=True
        )
    )
    left = [path for path in old if str(path.relative_to(root)) not in known]
    left += [path for path in Path(settings.UPLOADS_ARRIVE_IN).glob("*") if _is_older(path, before)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _is_older(path: Path, before: float) -> bool:
    """A file, and not one that is written to at the moment."""
    try:
        return path.is_file() and path.stat().st_ctime < before
    except FileNotFoundError:
        return False
