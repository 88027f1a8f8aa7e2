"""Conflicts: a content that contradicts the one stored is kept aside until a person decides (R13)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import lock_customer
from apps.usage.domain.records import Content, Kind
from apps.usage.models import Conflict, Delivery, Event, Interval
from apps.usage.services.marking import mark_days
from apps.usage.services.storing import Arriving


class AlreadyDecided(Refusal):
    """Somebody has decided this conflict."""


class ReasonMissing(Refusal):
    """A decision says why."""


def keep_aside(*, arriving: Arriving, kind: Kind, delivery: Delivery) -> bool:
    """Keep a content aside; False where it is a copy of one that is, or of one decided."""
    _kept, created = Conflict.objects.get_or_create(
        customer=arriving.customer,
        kind=kind,
        source_id=arriving.source_id,
        record_id=arriving.record_id,
        **_columns(arriving.content),
        defaults={
            "partner_id": arriving.customer.partner_id,
            "delivery": delivery,
            "line_number": arriving.line_number,
        },
    )
    return created


@transaction.atomic
def decide_conflict(*, conflict: Conflict, take_arriving: bool, by: str, reason: str) -> Conflict:
    """Decide once and for all: the stored record stays, or the content kept aside takes its place (R13).

    What counted until then is kept beside it, decided too, so a later copy of either is a duplicate. The days that one
    of the two touches are stale. Only the provider has the right to change what is stored.

    Raises:
        AlreadyDecided: it was decided before.
        ReasonMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonMissing(_("A decision about a conflict needs a reason."))
    lock_customer(conflict.customer_id)
    conflict = Conflict.objects.select_related("customer").get(pk=conflict.pk)
    if conflict.decided_at is not None:
        raise AlreadyDecided(
            _("%(by)s has decided about the record %(record)s already.")
            % {"by": conflict.decided_by, "record": conflict.record_id}
        )
    decision = {"decided_at": timezone.now(), "decided_by": by, "reason": reason.strip()}
    if take_arriving:
        _replace_stored(conflict, decision)
    for name, value in (decision | {"took_arriving": take_arriving}).items():
        setattr(conflict, name, value)
    conflict.save(update_fields=[*decision, "took_arriving"])
    record_change(
        by=by,
        action="conflict.decided",
        subject=conflict.record_id,
        customer=conflict.customer,
        after={"conflict": conflict.pk, "took_arriving": take_arriving},
        reason=reason.strip(),
    )
    return conflict


def _replace_stored(conflict: Conflict, decision: dict[str, Any]) -> None:
    identity = {
        "customer_id": conflict.customer_id,
        "source_id": conflict.source_id,
        "record_id": conflict.record_id,
    }
    if conflict.kind == Kind.DIGITAL_USAGE:
        event = Event.objects.get(**identity)
        replaced = Content(event.sku, None, event.occurred_at, event.occurred_at, event.quantity)
        Event.objects.filter(**identity).update(
            sku=conflict.actor, quantity=conflict.quantity, occurred_at=conflict.started_at
        )
    else:
        interval = Interval.objects.get(**identity, kind=conflict.kind)
        replaced = Content(interval.actor, interval.premium, interval.started_at, interval.ended_at)
        Interval.objects.filter(**identity, kind=conflict.kind).update(
            actor=conflict.actor,
            premium=conflict.premium,
            started_at=conflict.started_at,
            ended_at=conflict.ended_at,
        )
    Conflict.objects.get_or_create(
        **identity,
        kind=conflict.kind,
        **_columns(replaced),
        defaults={"partner_id": conflict.partner_id, "took_arriving": False, **decision},
    )
    mark_days(
        [(conflict.customer, replaced), (conflict.customer, conflict.content)],
        kind=Kind(conflict.kind),
        cause=StaleCause.REPLACED,
    )


def _columns(content: Content) -> dict[str, Any]:
    """A content as the columns of a conflict."""
    return {
        "actor": content.actor,
        "premium": content.premium,
        "started_at": content.started_at,
        "ended_at": content.ended_at,
        "quantity": content.quantity,
    }
