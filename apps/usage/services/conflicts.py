"""Conflicts: a content that contradicts the one stored is kept aside until a person decides (R13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import record_change
from apps.catalogue.domain.kinds import Service
from apps.core.formatting import period
from apps.core.problems import Refusal
from apps.core.tenancy import Role, current_scope
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import lock_customer, lock_customers, mark_late, mark_stale
from apps.usage.conflict_sides import days_of, get_stored, list_closed_cycles_touched
from apps.usage.domain.records import Content, Kind
from apps.usage.models import Conflict, Event, Interval


class AlreadyDecided(Refusal):
    """Somebody has decided this conflict."""


class ReasonMissing(Refusal):
    """A decision says why."""


class ProviderDecides(Refusal):
    """A cycle that the decision could touch is closed: what is invoiced is the provider's to correct."""


@transaction.atomic
def decide_conflict(*, conflict: Conflict, take_arriving: bool, by: str, reason: str) -> Conflict:
    """Decide once and for all: the stored record stays, or the content kept aside takes its place (R13).

    What counted until then is kept beside it, decided too, so a later copy of either is a duplicate. The days that one
    of the two touches are stale. The provider decides any; a partner those of its customers that touch no closed cycle.

    Raises:
        AlreadyDecided: it was decided before.
        ProviderDecides: a partner decides, and a closed cycle could change.
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
    if current_scope().role is Role.PARTNER:
        _refuse_closed(conflict)
    decision = {"decided_at": timezone.now(), "decided_by": by, "reason": reason.strip()}
    stored = get_stored(conflict).content
    if take_arriving:
        _replace(stored, conflict, decision)
    decision |= {"took_arriving": take_arriving, "opposite": stored.snapshot()}
    for name, value in decision.items():
        setattr(conflict, name, value)
    conflict.save(update_fields=[*decision])
    record_change(
        by=by,
        action="conflict.decided",
        subject=conflict.record_id,
        customer=conflict.customer,
        after={"conflict": conflict.pk, "took_arriving": take_arriving},
        reason=reason.strip(),
    )
    return conflict


@transaction.atomic
def decide_conflicts(
    *, conflicts: Iterable[Conflict], take_arriving: bool, by: str, reason: str
) -> list[Conflict]:
    """The same decision about several, in the order of their lines: of two about one record the later line counts.

    All of them or none is decided.

    Raises:
        AlreadyDecided, ProviderDecides, ReasonMissing: of one of them.
    """
    listed = sorted(conflicts, key=lambda each: (each.line_number or 0, each.pk))
    lock_customers({conflict.customer_id for conflict in listed})
    return [
        decide_conflict(conflict=conflict, take_arriving=take_arriving, by=by, reason=reason)
        for conflict in listed
    ]


@contextmanager
def as_if_taken(conflict: Conflict) -> Iterator[None]:
    """Inside, the content kept aside counts in place of the stored one; afterwards nothing of that is left."""
    with transaction.atomic():
        _put(conflict)
        yield
        transaction.set_rollback(True)


def _refuse_closed(conflict: Conflict) -> None:
    closed = list_closed_cycles_touched(conflict)
    if closed:
        raise ProviderDecides(
            _("The cycle %(cycle)s of %(ref)s is invoiced: the provider decides about the record %(record)s.")
            % {
                "cycle": period(closed[0]),
                "ref": conflict.customer.ref,
                "record": conflict.record_id,
            }
        )


def _replace(stored: Content, conflict: Conflict, decision: dict[str, Any]) -> None:
    _put(conflict)
    Conflict.objects.get_or_create(
        customer_id=conflict.customer_id,
        source_id=conflict.source_id,
        record_id=conflict.record_id,
        kind=conflict.kind,
        **asdict(stored),
        defaults={
            "partner_id": conflict.partner_id,
            "took_arriving": False,
            "opposite": conflict.content.snapshot(),
            **decision,
        },
    )
    days = days_of([stored, conflict.content], Kind(conflict.kind))
    if conflict.kind == Kind.DIGITAL_USAGE:
        mark_late(customer=conflict.customer, service=Service.DIGITAL, days=days)
    else:
        mark_stale(customer=conflict.customer, days=days, cause=StaleCause.REPLACED)


def _put(conflict: Conflict) -> None:
    """The content kept aside in the place of the stored one."""
    identity = {
        "customer_id": conflict.customer_id,
        "source_id": conflict.source_id,
        "record_id": conflict.record_id,
    }
    if conflict.kind == Kind.DIGITAL_USAGE:
        Event.objects.filter(**identity).update(
            sku=conflict.actor, quantity=conflict.quantity, occurred_at=conflict.started_at
        )
        return
    Interval.objects.filter(**identity, kind=conflict.kind).update(
        actor=conflict.actor,
        premium=conflict.premium,
        started_at=conflict.started_at,
        ended_at=conflict.ended_at,
    )
