"""The figures of digital channels: counted when they are asked for, and kept when their cycle is closed (R12)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, OuterRef

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import Service, SkuKind
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.digital import Units, settle_units
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.selectors import last_day_used
from apps.subscriptions.domain.commitments import quantity_on
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import Subscription
from apps.subscriptions.selectors import closed_as, cycles_of, list_lines
from apps.usage.digital import count_units, days_with_units
from apps.usage.models import Event

_AVAILABLE = timedelta(days=400)  # R10: 13 months back from the newest cycle with usage


@dataclass(frozen=True)
class DigitalFigures:
    """A digital cycle, the last day used of it, and its units by SKU. Provisional until the cycle is closed."""

    customer: Customer
    cycle: Cycle
    until: date
    units: Sequence[Units]
    is_closed: bool = False

    def snapshot(self) -> dict[str, Any]:
        """What went in and what came out, as plain values, for the closing of the cycle (R15)."""
        return {
            "inputs": {
                "rules": RULES_VERSION,
                "cycle": [
                    self.cycle.first.isoformat(),
                    self.cycle.last.isoformat(),
                    self.cycle.primary.number,
                ],
                "until": self.until.isoformat(),
            },
            "units": {
                each.sku: {"raw": each.raw, "included": each.included, "billable": each.billable}
                for each in self.units
            },
        }

    @property
    def inputs_hash(self) -> str:
        """One hash over all that these figures are made of."""
        return hashlib.sha256(json.dumps(self.snapshot(), sort_keys=True).encode()).hexdigest()


def calculate_digital(customer: Customer, cycle: Cycle, *, until: date) -> DigitalFigures:
    """The figures of a digital cycle as the records and subscriptions say now, up to ``until`` (R12).

    Included units are those in force on the cycle's first day, over all subscriptions, never in proportion.
    """
    lines = [line for line in list_lines(customer, Service.DIGITAL) if line.kind is SkuKind.DIGITAL_USAGE]
    included = {
        sku: quantity_on((line for line in lines if line.sku == sku), cycle.first)
        for sku in {line.sku for line in lines}
    }
    raw = count_units(customer, Period(cycle.first, until))
    return DigitalFigures(customer, cycle, until, settle_units(raw=raw, included=included))


def get_digital_figures(
    customer: Customer, cycle: Cycle, *, today: date, until: date | None = None
) -> DigitalFigures:
    """The figures of a digital cycle: a closed one's as they were, or those of now.

    Raises:
        NothingToUse: no day of the cycle is complete yet, or none up to ``until``.
    """
    last = last_day_used(cycle, today=today, until=until)
    closed = closed_as(customer, Service.DIGITAL, cycle.first).first()
    if closed is None:
        return calculate_digital(customer, cycle, until=last)
    kept = closed.snapshot.get("units")
    if kept is None or last < cycle.last:  # closed before units were kept, or asked for a part of it
        return replace(calculate_digital(customer, cycle, until=last), is_closed=True)
    units = [Units(sku, counted["raw"], counted["included"]) for sku, counted in sorted(kept.items())]
    return DigitalFigures(customer, cycle, last, units, is_closed=True)


def usage_charges(figures: DigitalFigures) -> list[Charge]:
    """The billable units of a digital cycle, on its primary subscription and for its own days (R10, R12, R14)."""
    cycle = figures.cycle
    return [
        Charge(
            kind=ChargeKind.USAGE,
            sku=units.sku,
            subscription=cycle.primary.number,
            offer=cycle.primary.offer,
            period=cycle.period,
            quantity=units.billable,
            price_day=cycle.last,
        )
        for units in figures.units
    ]


@dataclass(frozen=True, slots=True)
class DigitalOffer:
    """The digital cycles of a customer, newest first, and from when to when there are records of it.

    ``started`` have a complete day; ``listed`` are worth listing: those of the availability window (R10), of the ones
    after the last record only the last 13 months. ``newest`` is the one that pages open on.
    """

    started: list[Cycle]
    listed: list[Cycle]
    newest: Cycle | None
    usage: Period | None

    def has_usage(self, cycle: Cycle) -> bool:
        """It has days between the first and the last record."""
        return self.usage is not None and cycle.period.meet(self.usage.first, self.usage.last) is not None


def offered_digital_cycles(customer: Customer, *, today: date) -> DigitalOffer:
    """What pages let their readers choose from: 13 months back from the newest cycle with usage (R10)."""
    started = [
        cycle for cycle in reversed(cycles_of(customer, Service.DIGITAL, until=today)) if cycle.first < today
    ]
    usage = days_with_units(customer)
    newest = next(
        (cycle for cycle in started if usage is not None and cycle.first <= usage.last),
        started[0] if started else None,
    )
    listed = [
        cycle
        for cycle in started
        if newest is not None
        and cycle.last >= newest.last - _AVAILABLE
        and (cycle.first <= newest.first or cycle.last >= today - _AVAILABLE)
    ]
    return DigitalOffer(started, listed, newest, usage)


def has_digital_channels(customer: Customer) -> bool:
    """Whether there is something of digital channels to show: a subscription, or usage."""
    subscribed = Subscription.objects.filter(customer=OuterRef("pk"), offer__service=Service.DIGITAL)
    used = Event.objects.filter(customer_id=OuterRef("pk"))
    return Customer.objects.filter(Exists(subscribed) | Exists(used), pk=customer.pk).exists()
