"""A partner's customers as a worklist: how each one stands, and what its newest cycle with usage came to.

Two steps, so that ten thousand customers cost as many queries as ten: ``worklist`` annotates what is filtered and
sorted by, ``describe`` reads everything else for the customers of one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import (
    Case,
    DateField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import Service, SkuKind, UsageType
from apps.catalogue.domain.prices import MissingPriceError, Price, PriceList
from apps.catalogue.models import BookPrice, PartnerTerms, Sku
from apps.core.domain.periods import Period
from apps.invoicing.domain.papers import line_amount
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Family, family_of
from apps.reconciliation.models import BilledQuantity, CycleResult
from apps.subscriptions.domain.cycles import Term, primary_on
from apps.subscriptions.models import ClosedCycle, StaleSpan, Subscription
from apps.subscriptions.selectors import as_term
from apps.usage.domain.records import Kind
from apps.usage.models import Interval
from apps.usage.selectors import midnight

SOON = timedelta(days=30)
RECENT = timedelta(days=35)  # a month and some days: whoever delivers once a month is not inactive

_AGENT_TYPES = [usage_type for usage_type in UsageType if family_of(usage_type) is Family.AGENTS]


class Standing(TextChoices):
    """How a customer stands. Several may hold at once; the strongest, first here, is the one shown first."""

    OVERAGE = "overage", _("Licence overage")
    EXPIRING = "expiring", _("Expiring soon")
    INACTIVE = "inactive", _("No recent activity")
    ACTIVE = "active", _("Active")
    NONE = "none", _("No subscription")
    EXPIRED = "expired", _("Expired")


def worklist(*, today: date) -> QuerySet[Customer]:
    """The customers that the scope shows, with how they stand on ``today`` and what a list is sorted by.

    ``is_overage``: the newest cycle with usage bills overage. ``is_expiring``: a subscription active today ends within
    30 days. ``is_inactive``: a subscription has been active for 35 days, and no record starts in them. ``is_active``: a
    subscription is active today. ``is_expired``: all have ended. ``is_none``: none is active, not all have ended.
    ``attention`` is the strongest as a number, smallest first; whoever has no active subscription stands last.
    """
    subscriptions = Subscription.objects.filter(customer=OuterRef("pk"))
    lasting = subscriptions.filter(Q(ends_on=None) | Q(ends_on__gte=today))
    active = lasting.filter(starts_on__lte=today)
    recent_use = Interval.objects.filter(
        customer_id=OuterRef("pk"),
        kind__in=[kind.value for kind in Kind],
        started_at__gte=midnight(today - RECENT),
    )
    newest = CycleResult.objects.filter(
        customer=OuterRef("pk"), service=Service.CONTACT_CENTRE, has_usage=True
    ).order_by("-first_day")
    billed = BilledQuantity.objects.filter(result=OuterRef("newest_result"), quantity__gt=0)
    return (
        Customer.objects.select_related("partner")
        .annotate(
            folded_name=Lower("name"),
            # A value, not an EXISTS: that PostgreSQL would rather answer by reading all records of everybody once.
            recent_use=Subquery(recent_use.values("kind")[:1]),
            newest_result=Subquery(newest.values("pk")[:1]),
            newest_day=Coalesce(
                Subquery(newest.values("first_day")[:1]), Value(date.min), output_field=DateField()
            ),
            most_agents=_or_zero(newest.annotate(most=_largest_of("daily_agents")).values("most")[:1]),
            agent_overage=_or_zero(newest.values("agent_overage")[:1]),
            is_active=Exists(active),
            is_expiring=Exists(active.filter(ends_on__lte=today + SOON)),
            is_expired=Exists(subscriptions) & ~Exists(lasting),
        )
        .annotate(
            port_overage=_or_zero(billed.filter(usage_type=UsageType.IVR_PORT).values("quantity")[:1]),
            is_overage=Exists(billed),
            is_inactive=Exists(active.filter(starts_on__lte=today - RECENT)) & Q(recent_use=None),
            is_none=Q(is_active=False, is_expired=False),
        )
        .annotate(
            attention=Case(
                When(is_expired=True, then=5),
                When(is_active=False, then=4),
                When(is_overage=True, then=0),
                When(is_expiring=True, then=1),
                When(is_inactive=True, then=2),
                default=3,
                output_field=IntegerField(),
            )
        )
    )


def _or_zero(number: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(number), Value(0), output_field=IntegerField())


def _largest_of(array: str) -> Func:
    return Func(
        F(array),
        template="(SELECT max(value) FROM unnest(%(expressions)s) AS value)",
        output_field=IntegerField(),
    )


def of_standing(customers: QuerySet[Customer], standing: Standing) -> QuerySet[Customer]:
    """Those of a worklist that stand so."""
    return customers.filter(**{f"is_{standing.value}": True})


@dataclass(frozen=True, slots=True)
class NewestCycle:
    """What the newest cycle with usage came to. Lists hold a number for each day up to ``until``.

    ``committed`` are the agents, Premium and Standard together, as are ``used``; ``amount`` is the overage at the
    partner's prices, None where a price is missing; ``currency`` is empty where the partner buys by no price book.
    """

    period: Period
    until: date
    is_closed: bool
    is_stale: bool
    used: list[int]
    committed: list[int]
    billed: dict[UsageType, int]
    amount: Decimal | None
    currency: str

    @property
    def peak(self) -> tuple[int, int]:
        """Agents used on the day with the most, and the agents committed on that day."""
        most = max(self.used)
        return most, self.committed[self.used.index(most)]

    @property
    def agent_overage(self) -> int:
        """Agents billed as overage."""
        return sum(self.billed.get(usage_type, 0) for usage_type in _AGENT_TYPES)


@dataclass(frozen=True, slots=True)
class CustomerAtAGlance:
    """A customer of the worklist with all that its row shows. ``primary`` is the primary contact-centre subscription
    today, or the one that was the last."""

    customer: Customer
    standings: list[Standing]
    primary: Term | None
    ends_next: Term | None
    cycle: NewestCycle | None

    @property
    def is_active(self) -> bool:
        """A subscription is active."""
        return Standing.ACTIVE in self.standings

    @property
    def strongest(self) -> Standing:
        """The one shown first: without an active subscription that is what counts."""
        return self.standings[0] if self.is_active else self.standings[-1]

    @property
    def also(self) -> list[Standing]:
        """What else is worth saying; whoever is anything else is known to be active."""
        return [each for each in self.standings if each not in (self.strongest, Standing.ACTIVE)]


def describe(customers: Iterable[Customer], *, today: date) -> list[CustomerAtAGlance]:
    """Customers of a ``worklist`` with all that their rows show, in a number of queries that is always the same."""
    listed: list[Any] = list(customers)
    terms = _terms(listed)
    cycles = _cycles(listed)
    return [
        CustomerAtAGlance(
            customer=customer,
            standings=[standing for standing in Standing if getattr(customer, f"is_{standing.value}")],
            primary=_primary(terms.get(customer.pk, []), today),
            ends_next=_ends_next(terms.get(customer.pk, []), today),
            cycle=cycles.get(customer.newest_result),
        )
        for customer in listed
    ]


def _terms(customers: Sequence[Customer]) -> dict[int, list[Term]]:
    """The contact-centre subscriptions by customer."""
    found = (
        Subscription.objects.filter(customer__in=customers, offer__service=Service.CONTACT_CENTRE)
        .select_related("offer")
        .order_by("customer_id")
    )
    return {
        customer_id: [as_term(subscription) for subscription in held]
        for customer_id, held in groupby(found, key=attrgetter("customer_id"))
    }


def _primary(terms: Sequence[Term], today: date) -> Term | None:
    """The primary on ``today`` (R10); without one the subscription that ended last, or that comes first."""
    now = primary_on(terms, today)
    if now is not None:
        return now
    ended = [term for term in terms if term.ends_on is not None and term.ends_on < today]
    if ended:
        return max(ended, key=lambda term: (term.ends_on or date.max, term.seniority))
    return min(terms, key=lambda term: term.seniority, default=None)


def _ends_next(terms: Sequence[Term], today: date) -> Term | None:
    """Of the subscriptions active today the one that ends first, None where none ends soon."""
    ending = [
        term for term in terms if term.active_on(today) and term.ends_on and term.ends_on <= today + SOON
    ]
    return min(ending, key=lambda term: (term.ends_on or date.max, term.number), default=None)


def _cycles(customers: Sequence[Any]) -> dict[int, NewestCycle]:
    """By the primary key of their results."""
    results = list(
        CycleResult.objects.filter(
            pk__in=[customer.newest_result for customer in customers if customer.newest_result]
        )
        .select_related("primary__offer")
        .prefetch_related("billed")
    )
    closed = set(
        ClosedCycle.objects.filter(
            customer__in=[result.customer_id for result in results], service=Service.CONTACT_CENTRE
        ).values_list("customer_id", "first_day")
    )
    stale: dict[int, list[tuple[date, date]]] = {}
    for customer_id, first, last in StaleSpan.objects.filter(
        customer__in=[result.customer_id for result in results]
    ).values_list("customer_id", "first_day", "last_day"):
        stale.setdefault(customer_id, []).append((first, last))
    prices = _prices(results)
    skus = {
        UsageType(usage_type): code
        for usage_type, code in Sku.objects.filter(kind=SkuKind.OVERAGE).values_list("usage_type", "code")
    }
    cycles = {}
    for result in results:
        billed = {UsageType(row.usage_type): row.quantity for row in result.billed.all() if row.quantity}
        book = prices.get(result.partner_id)
        cycles[result.pk] = NewestCycle(
            period=Period(result.first_day, result.last_day),
            until=result.until,
            is_closed=(result.customer_id, result.first_day) in closed,
            is_stale=any(
                first <= result.last_day and result.first_day <= last
                for first, last in stale.get(result.customer_id, [])
            ),
            used=result.daily_agents,
            committed=result.daily_committed,
            billed=billed,
            amount=_amount(result, billed, skus, book) if book else None,
            currency=book.currency if book else "",
        )
    return cycles


def _prices(results: Sequence[CycleResult]) -> dict[int, PriceList]:
    """The prices of overage by which the partners buy, by partner."""
    terms = list(
        PartnerTerms.objects.filter(partner__in={result.partner_id for result in results}).select_related(
            "price_book"
        )
    )
    by_book: dict[int, list[Price]] = {}
    for price in BookPrice.objects.filter(
        book__in={each.price_book_id for each in terms}, sku__kind=SkuKind.OVERAGE
    ).select_related("sku"):
        by_book.setdefault(price.book_id, []).append(
            Price(price.sku.code, price.valid_from, price.unit_price, price.discount_pct)
        )
    return {
        each.partner_id: PriceList.of(each.price_book.currency, by_book.get(each.price_book_id, []))
        for each in terms
    }


def _amount(
    result: CycleResult, billed: dict[UsageType, int], skus: dict[UsageType, str], book: PriceList
) -> Decimal | None:
    """The overage before tax, at the prices of the cycle's last day (R14)."""
    amount = Decimal(0)
    for usage_type, quantity in billed.items():
        charge = Charge(
            kind=ChargeKind.OVERAGE,
            sku=skus[usage_type],
            subscription=result.primary.number,
            offer=result.primary.offer.code,
            period=Period(result.first_day, result.last_day),
            quantity=quantity,
            price_day=result.last_day,
        )
        try:
            amount += line_amount(charge, book.on(charge.sku, charge.price_day), book.currency)
        except MissingPriceError:
            return None
    return amount
