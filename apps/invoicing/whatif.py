"""What past cycles would have come to, in quantities and in money, under other commitments or prices.

Nothing is stored, and no usage record is read: quantities come from what reconciliation keeps of each cycle.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date

from django.utils.translation import gettext as _

from apps.catalogue.domain.charges import Charge
from apps.catalogue.domain.kinds import Service, SkuKind, UsageType
from apps.catalogue.domain.prices import MissingPriceError, NewPrice, PriceList
from apps.catalogue.models import CustomerTerms, PartnerTerms, PriceBook, Sku
from apps.core.tenancy import Role, Scope, current_scope, scope
from apps.invoicing.domain.whatif import Committed, Position, Side, Sums, price_commitments, price_overage
from apps.invoicing.selectors import price_list
from apps.invoicing.services import PriceMissing
from apps.organisations.models import Customer
from apps.reconciliation.domain.whatif import Changes, Commitment
from apps.reconciliation.selectors import charge_overage, model_of
from apps.reconciliation.whatif import ReRated, re_rate_cycles
from apps.subscriptions.selectors import list_lines

NewPrices = Mapping[Side, Mapping[str, NewPrice]]


@dataclass(frozen=True)
class CycleMoney:
    """What a cycle costs on one side, before tax: its overage, and those commitments that are changed or re-priced."""

    cycle: ReRated
    positions: Sequence[Position]

    @property
    def sums(self) -> Sums:
        """All of it."""
        return Sums.of(self.positions)


@dataclass(frozen=True)
class Money:
    """What the cycles cost on one side, in its currency."""

    side: Side
    currency: str
    cycles: Sequence[CycleMoney]

    @property
    def sums(self) -> Sums:
        """All cycles together."""
        return Sums.of(position for cycle in self.cycles for position in cycle.positions)


@dataclass(frozen=True)
class WhatIf:
    """Cycles as they are and as they would be; ``money`` has the sides whose prices the scope may know."""

    customer: Customer
    cycles: Sequence[ReRated]
    money: Sequence[Money] = field(default_factory=list)


def what_if(
    customer: Customer,
    first_days: Iterable[date],
    changes: Changes,
    *,
    today: date,
    prices: NewPrices | None = None,
) -> WhatIf:
    """The cycles that start on ``first_days``, as they are and under other commitments, surge percentage and prices.

    In the sums, before tax: the overage of each cycle, at the price of its last day, as its invoice charges it (R6,
    R14); and what the commitments that are changed, or whose price is, cost for the whole cycle, at the price of its
    first day (``price_commitments``). All else that is invoiced is the same either way and left out. Both wholesale
    and, where the customer has retail prices, retail, as far as the scope may know them: a customer sees its own
    prices only. Prices are those entered now, even of a closed cycle.

    Raises:
        NoSuchCycle, NothingToUse: of one of the cycles.
        PriceMissing: a SKU has no price on the day that counts.
    """
    cycles = re_rate_cycles(customer, first_days, changes, today=today)
    skus = _committed_skus(customer)
    money = []
    for side, list_of_prices in _price_lists(customer).items():
        new = (prices or {}).get(side, {})
        changed = list_of_prices.changed(new)
        try:
            of_cycles = [
                CycleMoney(
                    each,
                    [
                        *price_overage(*_overage(each), list_of_prices, changed),
                        *price_commitments(
                            each.cycle, _commitments(each, changes, skus, new), list_of_prices, changed
                        ),
                    ],
                )
                for each in cycles
            ]
        except MissingPriceError as missing:
            raise PriceMissing(
                _("%(sku)s has no price on %(day)s.") % {"sku": missing.sku, "day": missing.day}
            ) from None
        money.append(Money(side, list_of_prices.currency, of_cycles))
    return WhatIf(customer, cycles, money)


def visible_sides(customer: Customer) -> set[Side]:
    """The sides whose prices there are, and the scope may know."""
    return set(_books(customer))


def _price_lists(customer: Customer) -> dict[Side, PriceList]:
    books = _books(customer)
    with _as_buyer():
        return {side: price_list(book) for side, book in books.items()}


def _books(customer: Customer) -> dict[Side, PriceBook]:
    """By which prices the partner buys, and the customer; a customer knows of its own alone."""
    books = {}
    is_customer = current_scope().role is Role.CUSTOMER
    with _as_buyer():
        wholesale = PartnerTerms.objects.filter(partner=customer.partner_id).select_related("price_book")
        retail = CustomerTerms.objects.filter(customer=customer).select_related("price_book")
        if not is_customer and (partner := wholesale.first()):
            books[Side.WHOLESALE] = partner.price_book
        if own := retail.first():
            books[Side.RETAIL] = own.price_book
    return books


def _as_buyer() -> AbstractContextManager[None]:
    """Price books are not for a customer's eyes, but what it pays itself is counted by one."""
    reader = current_scope()
    return scope(Scope(Role.PARTNER, reader.partner)) if reader.role is Role.CUSTOMER else nullcontext()


def _committed_skus(customer: Customer) -> dict[UsageType, str]:
    """The SKU by which each usage type is committed: the one that the customer holds or has held, else the catalogue's.

    Of several the first by code.
    """
    offered = Sku.objects.filter(kind=SkuKind.COMMITTED).order_by("-code").values_list("usage_type", "code")
    skus = {UsageType(usage_type): code for usage_type, code in offered}
    lines = list_lines(customer, Service.CONTACT_CENTRE)
    for line in sorted(lines, key=lambda line: line.sku, reverse=True):
        if line.kind is SkuKind.COMMITTED and line.usage_type is not None:
            skus[line.usage_type] = line.sku
    return skus


def _overage(each: ReRated) -> tuple[list[Charge], list[Charge]]:
    """The overage charged as it is and under the change, of the same usage types."""
    types = each.comparison.usage_types
    before, after = (
        charge_overage(each.cycle, {usage_type: rated.billed_of(usage_type) for usage_type in types})
        for rated in (each.comparison.before, each.comparison.after)
    )
    return before, after


def _commitments(
    each: ReRated, changes: Changes, skus: Mapping[UsageType, str], new_prices: Container[str]
) -> list[Committed]:
    """The commitments that are changed, and those whose price is."""
    found = []
    for commitment in Commitment:
        usage_type = commitment.usage_type(model_of(each.cycle))
        sku = skus.get(usage_type)
        if sku is not None and (commitment in changes.quantities or sku in new_prices):
            before, after = (
                rated.committed[usage_type].tolist()
                if usage_type in rated.committed
                else [0] * each.cycle.period.days
                for rated in (each.comparison.before, each.comparison.after)
            )
            found.append(Committed(sku, before, after))
    return found
