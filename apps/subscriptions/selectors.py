"""A customer's subscriptions, lines and cycles in the form in which the rules take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from apps.catalogue.domain.kinds import LicenceModel, Service, SkuKind, UsageType
from apps.core.bulk import Ints, array_cursor
from apps.core.domain.day_runs import DayRuns
from apps.core.domain.periods import LONGEST_CYCLE, Period
from apps.organisations.models import Customer
from apps.subscriptions.domain.commitments import Line, committed_by_day, quantity_on
from apps.subscriptions.domain.cycles import Cycle, Term, list_cycles
from apps.subscriptions.domain.surge import VoiceEntitlement, basis_points_by_day
from apps.subscriptions.models import (
    BY_PORTFOLIO,
    ClosedCycle,
    StaleSpan,
    Subscription,
    SubscriptionLine,
    SurgeChange,
)

AGENT_TYPES = {
    UsageType.PREMIUM_NAMED,
    UsageType.PREMIUM_CONCURRENT,
    UsageType.STANDARD_NAMED,
    UsageType.STANDARD_CONCURRENT,
}


def as_term(subscription: Subscription) -> Term:
    """A subscription as the rules see it."""
    return Term(
        number=subscription.number,
        starts_on=subscription.starts_on,
        ends_on=subscription.ends_on,
        bill_day=subscription.bill_day,
        licence_model=LicenceModel(subscription.licence_model) if subscription.licence_model else None,
        offer=subscription.offer.code,
    )


def as_line(line: SubscriptionLine) -> Line:
    """A line as the rules see it."""
    return Line(
        term=as_term(line.subscription),
        sku=line.sku.code,
        kind=SkuKind(line.sku.kind),
        usage_type=UsageType(line.sku.usage_type) if line.sku.usage_type else None,
        quantity=line.quantity,
        first=line.valid_from,
        last=line.valid_to,
    )


def subscriptions_of(customer: Customer, service: Service) -> QuerySet[Subscription]:
    """The customer's subscriptions to offers of one service."""
    return Subscription.objects.filter(customer=customer, offer__service=service).select_related("offer")


def list_terms(customer: Customer, service: Service) -> list[Term]:
    """The customer's subscriptions of a service, for the rules."""
    return [as_term(subscription) for subscription in subscriptions_of(customer, service)]


def list_lines(customer: Customer, service: Service | None = None) -> list[Line]:
    """The customer's lines in force at some time, of one service or of all."""
    lines = SubscriptionLine.objects.filter(customer=customer, withdrawn_at=None).select_related(
        "subscription__offer", "sku"
    )
    if service is not None:
        lines = lines.filter(subscription__offer__service=service)
    return [as_line(line) for line in lines]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a customer holds of one service: its subscriptions, their lines, and the cycles that are closed."""

    terms: Sequence[Term]
    lines: Sequence[Line]
    closed: Sequence[Cycle]

    def cycles(self, *, until: date) -> list[Cycle]:
        """The cycles that start on or before ``until``, in order (R1, R10)."""
        return list_cycles(self.terms, until=until, closed=self.closed)


def list_standings(customer_ids: Sequence[int], service: Service) -> dict[int, Standing]:
    """What each of many customers holds, in three queries."""
    terms: dict[int, dict[int, Term]] = {customer_id: {} for customer_id in customer_ids}
    lines: dict[int, list[Line]] = {customer_id: [] for customer_id in customer_ids}
    closed: dict[int, list[Cycle]] = {customer_id: [] for customer_id in customer_ids}
    for customer_id, pk, number, starts_on, ends_on, bill_day, model, offer in Subscription.objects.filter(
        customer__in=customer_ids, offer__service=service
    ).values_list(
        "customer_id", "pk", "number", "starts_on", "ends_on", "bill_day", "licence_model", "offer__code"
    ):
        terms[customer_id][pk] = Term(
            number, starts_on, ends_on, bill_day, LicenceModel(model) if model else None, offer
        )
    for customer_id, pk, sku, kind, usage_type, quantity, first, last in SubscriptionLine.objects.filter(
        customer__in=customer_ids, withdrawn_at=None, subscription__offer__service=service
    ).values_list(
        "customer_id", "subscription_id", "sku__code", "sku__kind", "sku__usage_type", "quantity",
        "valid_from", "valid_to",
    ):  # fmt: skip
        lines[customer_id].append(
            Line(
                terms[customer_id][pk],
                sku,
                SkuKind(kind),
                UsageType(usage_type) if usage_type else None,
                quantity,
                first,
                last,
            )
        )
    for customer_id, first_day, last_day, pk in (
        ClosedCycle.objects.filter(customer__in=customer_ids, service=service)
        .order_by("first_day")
        .values_list("customer_id", "first_day", "last_day", "primary_id")
    ):
        closed[customer_id].append(Cycle(Period(first_day, last_day), terms[customer_id][pk]))
    return {
        customer_id: Standing(list(held.values()), lines[customer_id], closed[customer_id])
        for customer_id, held in terms.items()
    }


def closed_as(customer: Customer, service: Service, first_day: date) -> QuerySet[ClosedCycle]:
    """The closed cycle of a service that starts on a day: one, or none while it is open."""
    return ClosedCycle.objects.filter(customer=customer, service=service, first_day=first_day)


def closed_cycles_looking_at(*, service: Service, days: DayRuns) -> QuerySet[ClosedCycle]:
    """Closed cycles whose invoices look at one of these days of records of a service.

    A contact-centre invoice carries the digital cycles that end in its cycle (R10): their records can be a month older.
    """
    if not len(days):
        return ClosedCycle.objects.none()
    with array_cursor() as cursor:  # a file may touch thousands of customers at once
        cursor.execute(
            """
            SELECT DISTINCT closed.id FROM subscriptions_closedcycle AS closed
            JOIN unnest(%(customers)s::int[], %(first)s::int[], %(last)s::int[]) AS changed (customer_id, first, last)
                ON changed.customer_id = closed.customer_id
            WHERE closed.service = ANY(%(services)s)
              AND closed.first_day - %(reach)s <= date '1970-01-01' + changed.last
              AND closed.last_day >= date '1970-01-01' + changed.first
            """,
            {
                "services": [service.value, Service.CONTACT_CENTRE.value],
                "reach": LONGEST_CYCLE.days if service is Service.DIGITAL else 0,
                **days_sent(days),
            },
        )
        found = [pk for (pk,) in cursor]
    return ClosedCycle.objects.filter(pk__in=found)


def days_sent(days: DayRuns) -> dict[str, Ints]:
    """Runs of days as parameters of a statement."""
    return {"customers": Ints(days.owners), "first": Ints(days.first), "last": Ints(days.last)}


def list_closed_cycles(customer: Customer, service: Service) -> list[Cycle]:
    """The closed cycles, in order, with the primary that they had."""
    closed = (
        ClosedCycle.objects.filter(customer=customer, service=service)
        .select_related("primary__offer")
        .defer("snapshot")
    )
    return [
        Cycle(Period(row.first_day, row.last_day), as_term(row.primary))
        for row in closed.order_by("first_day")
    ]


def cycles_of(customer: Customer, service: Service, *, until: date) -> list[Cycle]:
    """The customer's cycles that start on or before ``until``, in order (R1, R10)."""
    return list_cycles(
        list_terms(customer, service), until=until, closed=list_closed_cycles(customer, service)
    )


def find_cycle(cycles: Iterable[Cycle], day: date) -> Cycle | None:
    """The cycle that ``day`` lies in, None where there is none."""
    return next((cycle for cycle in cycles if day in cycle.period), None)


def surge_basis_points(customer: Customer) -> int:
    """The surge protection percentage in force, in basis points (R9)."""
    newest = SurgeChange.objects.filter(customer=customer).first()
    return newest.after_basis_points if newest else 0


def voice_entitlement(customer: Customer, *, on: date) -> VoiceEntitlement:
    """What the commitments in force on a day entitle to, with the surge percentage in force now (R9)."""
    lines = [line for line in list_lines(customer, Service.CONTACT_CENTRE) if line.kind is SkuKind.COMMITTED]
    premium = {UsageType.PREMIUM_NAMED, UsageType.PREMIUM_CONCURRENT}
    return VoiceEntitlement(
        premium=quantity_on((line for line in lines if line.usage_type in premium), on),
        standard=quantity_on((line for line in lines if line.usage_type in AGENT_TYPES - premium), on),
        additional_ports=quantity_on((line for line in lines if line.usage_type is UsageType.IVR_PORT), on),
        surge_basis_points=surge_basis_points(customer),
    )


def surge_by_day(customer: Customer, period: Period) -> list[int]:
    """The percentage in force at the end of each day, in basis points (R9).

    What the first portfolio said the customer came with: it holds for the days before it was entered too.
    """
    changes = list(
        SurgeChange.objects.filter(customer=customer)
        .order_by("at", "pk")
        .values_list("at", "by", "before_basis_points", "after_basis_points")
    )
    if not changes:
        return [0] * period.days
    _at, by, before, after = changes[0]
    return basis_points_by_day(
        [(at.date(), after) for at, _by, _before, after in changes],
        period,
        before=after if by == BY_PORTFOLIO else before,
    )


def list_voice_entitlements(customer: Customer, period: Period) -> list[VoiceEntitlement]:
    """What each day's commitments entitle to, with the percentage in force at its end (R9)."""
    committed = committed_by_day(list_lines(customer, Service.CONTACT_CENTRE), period)

    def of_types(*usage_types: UsageType) -> list[int]:
        found = [committed[usage_type] for usage_type in usage_types if usage_type in committed]
        return [sum(quantities) for quantities in zip(*found, strict=True)] if found else [0] * period.days

    return [
        VoiceEntitlement(*of_day)
        for of_day in zip(
            of_types(UsageType.PREMIUM_NAMED, UsageType.PREMIUM_CONCURRENT),
            of_types(UsageType.STANDARD_NAMED, UsageType.STANDARD_CONCURRENT),
            of_types(UsageType.IVR_PORT),
            surge_by_day(customer, period),
            strict=True,
        )
    ]


def has_stale_days(customer: Customer, period: Period) -> bool:
    """Days of the period are waiting to be calculated again."""
    return StaleSpan.objects.filter(
        customer=customer, first_day__lte=period.last, last_day__gte=period.first
    ).exists()
