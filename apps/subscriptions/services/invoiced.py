"""What an import would change of days that are invoiced already (R13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Max, Q, QuerySet

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import PriceBook
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.subscriptions.domain.commitments import Line, quantity_on
from apps.subscriptions.domain.cycles import Cycle, Term, list_cycles
from apps.subscriptions.domain.recurring import recurring_charges
from apps.subscriptions.models import ClosedCycle, Subscription, SubscriptionLine
from apps.subscriptions.selectors import as_line, as_term


@dataclass(frozen=True)
class Held:
    """What a customer holds, as it counts for invoices."""

    lines: Mapping[tuple[str, str], Sequence[Line]]  # by subscription's number and SKU
    services: Mapping[str, Service]  # by subscription's number, as all that follows
    models: Mapping[str, str]
    digital: Sequence[Term]

    @classmethod
    def of(cls, subscriptions: Iterable[Subscription], lines: Iterable[SubscriptionLine]) -> Held:
        """A picture of it: subscriptions and lines may be changed in place later."""
        by_sku: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            by_sku.setdefault((line.subscription.number, line.sku.code), []).append(as_line(line))
        known = list(subscriptions)
        return cls(
            by_sku,
            {subscription.number: Service(subscription.offer.service) for subscription in known},
            {
                subscription.number: f"{subscription.offer.code} {subscription.licence_model}".strip()
                for subscription in known
            },
            [as_term(each) for each in known if each.offer.service == Service.DIGITAL],
        )


@dataclass(frozen=True)
class Difference:
    """What of a subscription would be another on invoiced days. ``sku`` is empty where it is the subscription itself.

    ``day`` and ``said`` are for people; charges change from ``since`` on, which can be the start of a period before it.
    """

    number: str
    sku: str
    day: date
    said: str
    since: date
    invoiced_until: date
    is_possible: bool = True


def find_differences(customer: Customer, was: Held, now: Held) -> Iterator[Difference]:
    """What would make issued invoices come out differently, by subscription and SKU."""
    closed = list(
        ClosedCycle.objects.filter(customer=customer).select_related("primary__offer").defer("snapshot")
    )
    primaries: dict[str, date] = {}
    for each in closed:
        primaries.setdefault(each.primary.number, each.first_day)
    for number, day in primaries.items():
        if was.models[number] != now.models[number]:
            yield Difference(
                number=number,
                sku="",
                day=day,
                said=f"{now.models[number]} instead of {was.models[number]}",
                since=day,
                invoiced_until=max(each.last_day for each in closed),
                is_possible=was.services[number] is now.services[number],
            )
    for cycle in _cycles_carried_late(closed, was, now):
        yield Difference(
            number=cycle.primary.number,
            sku="",
            day=cycle.first,
            said=f"its cycle to {cycle.last} would belong to an invoice that is issued",
            since=cycle.first,
            invoiced_until=max(each.last_day for each in closed),
        )
    days = {service: _invoiced_days(closed, service) for service in Service}
    for number, sku in sorted(set(was.lines) | set(now.lines)):
        invoiced = days[now.services[number]]
        if invoiced is not None:
            before, after = (held.lines.get((number, sku), ()) for held in (was, now))
            yield from _find_difference(number, sku, before, after, invoiced)


def _cycles_carried_late(closed: Sequence[ClosedCycle], was: Held, now: Held) -> Iterator[Cycle]:
    """Digital cycles, new or cut otherwise, that would end in a contact-centre cycle whose invoice is issued (R10)."""
    centre = [each for each in closed if each.service == Service.CONTACT_CENTRE]
    if not centre or was.digital == now.digital:
        return
    standing = [
        Cycle(Period(each.first_day, each.last_day), as_term(each.primary))
        for each in sorted(closed, key=lambda each: each.first_day)
        if each.service == Service.DIGITAL
    ]
    until = max(each.last_day for each in centre)
    known = {
        (cycle.period, cycle.primary.number)
        for cycle in list_cycles(was.digital, until=until, closed=standing)
    }
    for cycle in list_cycles(now.digital, until=until, closed=standing):
        is_carried = any(each.first_day <= cycle.last <= each.last_day for each in centre)
        if is_carried and (cycle.period, cycle.primary.number) not in known:
            yield cycle


def _invoiced_days(closed: Iterable[ClosedCycle], service: Service) -> Period | None:
    """From the first to the last day on which an issued invoice looked at lines of a service."""
    days = [
        day for each in closed if each.service == service for day in (each.first_day, each.last_day + ONE_DAY)
    ]
    days += [day for each in closed for day in (each.looked_from, each.looked_to) if day is not None]
    return Period(min(days), max(days)) if days else None


def _find_difference(
    number: str, sku: str, was: Sequence[Line], now: Sequence[Line], invoiced: Period
) -> Iterator[Difference]:
    """The quantity, or a charge made in advance, that would be another on an invoiced day."""
    changed = set(recurring_charges(was, invoiced)) ^ set(recurring_charges(now, invoiced))
    days = [charge.price_day for charge in changed]
    told: tuple[date, str] | None = (min(days), "another period is charged") if days else None
    for day in invoiced:
        before, after = quantity_on(was, day), quantity_on(now, day)
        if before != after:
            told = day, f"{after} instead of {before}"
            days.append(day)
            break
    if told is not None:
        yield Difference(number, sku, *told, since=min(days), invoiced_until=invoiced.last)


def invoiced_by(book: PriceBook) -> QuerySet[ClosedCycle]:
    """The closed cycles of those who buy by a price book."""
    buyers = Customer.objects.filter(Q(partner__terms__price_book=book) | Q(terms__price_book=book))
    return ClosedCycle.objects.filter(customer__in=buyers).defer("snapshot")


def invoiced_until(book: PriceBook) -> date | None:
    """The last day that an issued invoice of those who buy by a price book looked at."""
    newest: date | None = invoiced_by(book).aggregate(newest=Max("last_day"))["newest"]
    return None if newest is None else newest + ONE_DAY
