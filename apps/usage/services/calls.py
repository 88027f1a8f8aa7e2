"""The one door through which records of a call come in (R13): JSON values, of the API or of rows that were mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from apps.core.tenancy import Scope
from apps.usage.contexts import zone_of
from apps.usage.domain.blocks import block_of_records
from apps.usage.domain.columns import Reading
from apps.usage.domain.records import Fault, Outcome
from apps.usage.models import Channel, Delivery, DeliveryState
from apps.usage.services.importing import UsageImported
from apps.usage.services.opening import (
    DEFAULT_SOURCE,
    check_source,
    described_kind,
    digital_skus,
    own_partner,
)
from apps.usage.services.settling import OUTCOMES, Desk, prepare


@dataclass(frozen=True)
class Taken:
    """What became of the records of a call, one by one, and why some were rejected, by their index."""

    outcomes: list[Outcome]
    faults: dict[int, Fault]
    imported: UsageImported
    delivery: Delivery


def take_records(
    *,
    kind: str,
    records: Sequence[object],
    sender: Scope,
    now: datetime,
    sha256: str,
    customer_ref: str = "",
    source: str = DEFAULT_SOURCE,
    sent_by: str = "",
    channel: Channel = Channel.API,
    line_numbers: Sequence[int] | None = None,
    delivery: Delivery | None = None,
) -> Taken:
    """Take the records of one call, values of JSON. Runs in the sender's open scope.

    Each has its own outcome, whatever becomes of the others. They are a delivery of their own, known by the hash of the
    call, unless they belong to the one given.

    Raises:
        UsageRefused: an unknown kind, or no name of a source.
    """
    described = described_kind(kind)
    check_source(source)
    is_new = False
    if delivery is None:
        delivery, is_new = Delivery.objects.get_or_create(
            partner=own_partner(sender),
            customer_ref=customer_ref,
            kind=described.kind,
            source_name=source,
            format_name="",
            sha256=sha256,
            defaults={"file_name": "", "channel": channel, "sent_by": sent_by, "started_at": timezone.now()},
        )
    reading = Reading(
        described, now, customer_ref, zone_of(source, customer_ref), digital_skus(described.kind)
    )
    block = block_of_records(
        records,
        (*described.columns, "customer"),
        line_numbers=range(1, len(records) + 1) if line_numbers is None else line_numbers,
    )
    settled = Desk(delivery).settle(prepare(block, reading))
    imported = UsageImported()
    imported.add(settled)
    if is_new:
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.DONE, finished_at=timezone.now(), rows=len(block), **imported.counts()
        )
    outcomes = [OUTCOMES[outcome] for outcome in settled.outcomes.tolist()]
    return Taken(outcomes, settled.faults, imported, delivery)
