"""Contents that contradict what is stored, kept aside until a person decides (R13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from apps.usage.domain.records import Content, Kind
from apps.usage.models import Conflict, Delivery


class Contradiction(NamedTuple):
    """A record that arrived and says something else than what is stored under its id."""

    partner_id: int
    customer_id: int
    source_id: int
    record_id: str
    content: Content
    line_number: int

    @property
    def identity(self) -> tuple[int, int, str]:
        """Customer, source and record id."""
        return (self.customer_id, self.source_id, self.record_id)


def keep_contradictions(
    contradictions: Sequence[Contradiction], *, kind: Kind, delivery: Delivery
) -> list[bool]:
    """Keep them aside; False for each that is a copy of one kept aside or decided before.

    Their customers are locked: nobody else keeps one of them aside meanwhile.
    """
    if not contradictions:
        return []
    known = {
        (conflict.customer_id, conflict.source_id, conflict.record_id, conflict.content)
        for conflict in Conflict.objects.filter(
            kind=kind,
            customer_id__in={each.customer_id for each in contradictions},
            record_id__in={each.record_id for each in contradictions},
        )
    }
    kept: list[bool] = []
    new: list[Conflict] = []
    for each in contradictions:
        told = (*each.identity, each.content)
        kept.append(told not in known)
        if told not in known:
            known.add(told)
            new.append(_conflict(each, kind, delivery))
    Conflict.objects.bulk_create(new, batch_size=5_000)
    return kept


def _conflict(each: Contradiction, kind: Kind, delivery: Delivery) -> Conflict:
    return Conflict(
        partner_id=each.partner_id,
        customer_id=each.customer_id,
        kind=kind,
        source_id=each.source_id,
        record_id=each.record_id,
        actor=each.content.actor,
        premium=each.content.premium,
        started_at=each.content.started_at,
        ended_at=each.content.ended_at,
        quantity=each.content.quantity,
        delivery=delivery,
        line_number=each.line_number,
    )
