"""What a cycle's invoices are made of, read from all who know a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from apps.catalogue.domain.charges import Charge
from apps.catalogue.domain.kinds import Service, UsageType
from apps.catalogue.domain.prices import Price, PriceList
from apps.catalogue.models import BookPrice, CustomerTerms, PartnerTerms, PriceBook
from apps.core.domain.periods import LONGEST_CYCLE, Period
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope
from apps.invoicing.domain.papers import days_looked_at
from apps.invoicing.models import Invoice
from apps.invoicing.status import overdue_on
from apps.organisations.models import Customer
from apps.reconciliation.digital import calculate_digital, get_digital_figures, usage_charges
from apps.reconciliation.domain.detail import Billed
from apps.reconciliation.selectors import (
    NoSuchCycle,
    calculate_cycle,
    charge_overage,
    cycle_starting,
    get_figures,
    settings_at_closing,
)
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.domain.recurring import recurring_charges
from apps.subscriptions.models import ClosedCycle
from apps.subscriptions.selectors import cycles_of, find_cycle, list_lines, subscriptions_of


class NoPriceBook(Refusal):
    """The partner buys by no price book, so nothing can be invoiced."""


@dataclass(frozen=True)
class BillingCycle:
    """A cycle that is invoiced by itself, and the days at which its invoice looks until it is issued (R10, R14)."""

    service: Service
    cycle: Cycle
    looked_at: Period


@dataclass(frozen=True)
class Terms:
    """By what a buyer buys."""

    book: PriceBook
    prices: PriceList
    tax_rate_pct: Decimal
    payment_terms_days: int


def billing_cycles_starting(customer: Customer, first_day: date, *, today: date) -> list[BillingCycle]:
    """The invoiced cycles that start on ``first_day``: of the contact centre, a digital one that stands alone, or both.

    A digital cycle whose last day lies in a contact-centre cycle is carried by that cycle's invoice (R10). One that
    goes on after the contact centre has ended is not, though both may have begun on one day.

    Raises:
        NoSuchCycle: no such cycle starts on that day.
    """
    billings = list_billings(customer, until=max(today, first_day))
    if found := [billing for billing in billings if billing.cycle.first == first_day]:
        return found
    service = (
        Service.CONTACT_CENTRE
        if subscriptions_of(customer, Service.CONTACT_CENTRE).exists()
        else Service.DIGITAL
    )
    cycle = cycle_starting(customer, first_day, today=today, service=service)
    raise NoSuchCycle(
        _("The cycle %(first)s – %(last)s of %(ref)s is carried by another invoice.")
        % {"first": cycle.first, "last": cycle.last, "ref": customer.ref}
    )


def list_billing_cycles(customer: Customer, *, until: date) -> list[tuple[Service, Cycle]]:
    """The cycles with an invoice of their own that start on or before ``until``, by their last day (R10)."""
    return _invoiced(customer, *_cycles_of_both(customer, until=until), until=until)


def _cycles_of_both(customer: Customer, *, until: date) -> tuple[list[Cycle], list[Cycle]]:
    """The contact-centre cycles, up to one that carries a digital cycle of ``until``, and the digital ones."""
    centre = cycles_of(customer, Service.CONTACT_CENTRE, until=_one_cycle_after(until))
    return centre, cycles_of(customer, Service.DIGITAL, until=until)


def _invoiced(
    customer: Customer, centre: Sequence[Cycle], digital: Sequence[Cycle], *, until: date
) -> list[tuple[Service, Cycle]]:
    invoiced = _invoiced_alone(customer) if digital else set()
    alone = [cycle for cycle in digital if cycle.first in invoiced or find_cycle(centre, cycle.last) is None]
    started = [cycle for cycle in centre if cycle.first <= until]
    return sorted(
        [(Service.CONTACT_CENTRE, cycle) for cycle in started]
        + [(Service.DIGITAL, cycle) for cycle in alone],
        key=lambda each: each[1].last,
    )


def _one_cycle_after(day: date) -> date:
    """A digital cycle can end in a contact-centre cycle that starts later than it."""
    return min(day, date.max - LONGEST_CYCLE) + LONGEST_CYCLE


def _invoiced_alone(customer: Customer) -> set[date]:
    """The first days of digital cycles that have an invoice already: a contact centre entered later carries none."""
    closed = ClosedCycle.objects.filter(customer=customer, service=Service.DIGITAL)
    return set(closed.exclude(looked_from=None).values_list("first_day", flat=True))


def list_billings(customer: Customer, *, until: date) -> list[BillingCycle]:
    """``list_billing_cycles``, each with the days at which its invoice looks."""
    centre, digital = _cycles_of_both(customer, until=until)
    active = [cycle.period for cycle in (*centre, *digital)]
    found: list[BillingCycle] = []
    for service, cycle in _invoiced(customer, centre, digital, until=until):
        before = (each.cycle.period for each in reversed(found) if each.cycle.last < cycle.last)
        looked_at = days_looked_at(cycle.period, next(before, None), active=active)
        found.append(BillingCycle(service, cycle, looked_at))
    return found


def carried_cycles(customer: Customer, billing: BillingCycle) -> list[Cycle]:
    """The digital cycles whose usage stands on the invoice of ``billing`` (R10).

    A digital cycle's own, where it is invoiced by itself; else those whose last day lies in the contact centre's.
    """
    if billing.service is Service.DIGITAL:
        return [billing.cycle]
    digital = cycles_of(customer, Service.DIGITAL, until=billing.cycle.last)
    invoiced = _invoiced_alone(customer) if digital else set()
    return [cycle for cycle in digital if cycle.last in billing.cycle.period and cycle.first not in invoiced]


def list_charges(
    customer: Customer, billing: BillingCycle, *, today: date, afresh: bool = False
) -> list[Charge]:
    """All that the invoice of a cycle carries: overage and usage in arrears, recurring charges in advance (R14).

    Of an open cycle what is there so far; of a closed one what was closed or, ``afresh``, what is right now (R13).
    """
    charges: list[Charge] = []
    if billing.service is Service.CONTACT_CENTRE and billing.cycle.first < today:
        charges += charge_overage(
            billing.cycle,
            _calculate_afresh(customer, billing.cycle)
            if afresh
            else get_figures(customer, billing.cycle, today=today).billed,
        )
    for cycle in carried_cycles(customer, billing):
        if cycle.first < today:
            charges += usage_charges(
                calculate_digital(customer, cycle, until=cycle.last)
                if afresh
                else get_digital_figures(customer, cycle, today=today)
            )
    return charges + recurring_charges(list_lines(customer), days_to_charge(customer, billing))


def _calculate_afresh(customer: Customer, cycle: Cycle) -> Mapping[UsageType, Billed]:
    """What a closed contact-centre cycle bills by the records of now and the settings of its closing."""
    settings = settings_at_closing(customer, cycle)
    return calculate_cycle(customer, cycle, until=cycle.last, settings=settings).figures.billed


def days_to_charge(customer: Customer, billing: BillingCycle) -> list[date]:
    """The days whose recurring charges the invoice of a cycle carries: none that another's looked at before.

    An issued invoice keeps those that it looked at, whatever is entered later (R13).
    """
    taken: set[date] = set()
    closed = ClosedCycle.objects.filter(customer=customer).order_by("pk")
    for service, first_day, first, last in closed.values_list(
        "service", "first_day", "looked_from", "looked_to"
    ):
        if first is None or last is None:
            continue
        days = [day for day in Period(first, last) if day not in taken]
        if (service, first_day) == (billing.service, billing.cycle.first):
            return days
        taken.update(days)
    return [day for day in billing.looked_at if day not in taken]


def wholesale_terms(customer: Customer) -> Terms:
    """By what the customer's partner buys from the provider.

    Raises:
        NoPriceBook: the partner has none.
    """
    terms = PartnerTerms.objects.filter(partner=customer.partner_id).select_related("price_book").first()
    if terms is None:
        raise NoPriceBook(
            _("The partner %(ref)s has no price book, so nothing can be invoiced.")
            % {"ref": customer.partner.ref}
        )
    return Terms(terms.price_book, price_list(terms.price_book), terms.tax_rate_pct, terms.payment_terms_days)


def find_retail_terms(customer: Customer, wholesale: Terms) -> Terms | None:
    """By what the customer buys from its partner, with the partner's tax and days to pay; None: it is not invoiced."""
    terms = CustomerTerms.objects.filter(customer=customer).select_related("price_book").first()
    if terms is None:
        return None
    return Terms(
        terms.price_book, price_list(terms.price_book), wholesale.tax_rate_pct, wholesale.payment_terms_days
    )


def price_list(book: PriceBook) -> PriceList:
    """A price book as the rules take it."""
    return PriceList.of(
        book.currency,
        (
            Price(price.sku.code, price.valid_from, price.unit_price, price.discount_pct)
            for price in BookPrice.objects.filter(book=book).select_related("sku")
        ),
    )


def visible_invoices() -> QuerySet[Invoice]:
    """The issued documents that the scope may see, newest first."""
    return Invoice.objects.select_related("pdf", "about", "partner")


@dataclass(frozen=True)
class InvoiceSum:
    """What the invoices of one seller in one currency come to: the provider's are wholesale, a partner's are retail."""

    seller: Invoice.Seller
    currency: str
    count: int
    total: Decimal
    overdue: Decimal


def sum_invoices(invoices: QuerySet[Invoice], *, on: date) -> list[InvoiceSum]:
    """The sums of a list of invoices, by seller and currency: what is bought and what is sold are not added up."""
    rows = (
        invoices.order_by()
        .values("seller", "currency")
        .annotate(count=Count("pk"), sum=Sum("total"), late=Sum("total", filter=overdue_on(on)))
        .order_by("-seller", "currency")
    )
    return [
        InvoiceSum(
            Invoice.Seller(row["seller"]),
            row["currency"],
            row["count"],
            row["sum"],
            row["late"] or Decimal(0),
        )
        for row in rows
    ]


def addressed_to(reader: Scope, invoice: Invoice) -> bool:
    """Whether a paper is for the eyes of a scope: for drafts what the database's policies are for issued ones."""
    if reader.role is Role.CUSTOMER:
        return invoice.customer_id == reader.customer
    if reader.role is Role.PARTNER:
        return invoice.partner_id == reader.partner
    return reader.role is Role.PROVIDER
