"""What a cycle's invoices are made of, read from all who know a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from apps.catalogue.domain.charges import Charge
from apps.catalogue.domain.kinds import Service
from apps.catalogue.domain.prices import Price, PriceList
from apps.catalogue.models import BookPrice, CustomerTerms, PartnerTerms, PriceBook
from apps.core.domain.periods import Period
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope
from apps.invoicing.domain.papers import days_looked_at
from apps.invoicing.models import Invoice
from apps.invoicing.status import overdue_on
from apps.organisations.models import Customer
from apps.reconciliation.selectors import NoSuchCycle, cycle_starting, get_figures, overage_charges
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.domain.recurring import recurring_charges
from apps.subscriptions.selectors import cycles_of, find_cycle, list_lines, subscriptions_of


class NoPriceBook(Refusal):
    """The partner buys by no price book, so nothing can be invoiced."""


@dataclass(frozen=True)
class BillingCycle:
    """A cycle that is invoiced by itself, and the one invoiced before it (R10, R14)."""

    service: Service
    cycle: Cycle
    previous: Period | None


@dataclass(frozen=True)
class Terms:
    """By what a buyer buys."""

    prices: PriceList
    tax_rate_pct: Decimal
    payment_terms_days: int


def billing_cycle_starting(customer: Customer, first_day: date, *, today: date) -> BillingCycle:
    """The invoiced cycle that starts on ``first_day``: a contact-centre cycle, or a digital one that stands alone.

    A digital cycle whose last day lies in a contact-centre cycle is carried by that cycle's invoice (R10).

    Raises:
        NoSuchCycle: no such cycle starts on that day.
    """
    previous: Period | None = None
    for service, cycle in list_billing_cycles(customer, until=max(today, first_day)):
        if cycle.first == first_day:
            return BillingCycle(service, cycle, previous)
        previous = cycle.period
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
    centre = cycles_of(customer, Service.CONTACT_CENTRE, until=until)
    alone = [
        cycle
        for cycle in cycles_of(customer, Service.DIGITAL, until=until)
        if find_cycle(centre, cycle.last) is None
    ]
    return sorted(
        [(Service.CONTACT_CENTRE, cycle) for cycle in centre] + [(Service.DIGITAL, cycle) for cycle in alone],
        key=lambda each: each[1].last,
    )


def list_charges(customer: Customer, billing: BillingCycle, *, today: date) -> list[Charge]:
    """Everything that the invoice of a cycle carries: overage in arrears, recurring charges in advance (R14)."""
    charges: list[Charge] = []
    if billing.service is Service.CONTACT_CENTRE and billing.cycle.first < today:
        charges += overage_charges(get_figures(customer, billing.cycle, today=today))
    lines = list_lines(customer, None if billing.service is Service.CONTACT_CENTRE else billing.service)
    active_from = min((line.term.starts_on for line in lines), default=billing.cycle.first)
    looked_at = days_looked_at(billing.cycle.period, billing.previous, active_from=active_from)
    return charges + recurring_charges(lines, looked_at)


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
    return Terms(price_list(terms.price_book), terms.tax_rate_pct, terms.payment_terms_days)


def find_retail_terms(customer: Customer, wholesale: Terms) -> Terms | None:
    """By what the customer buys from its partner, with the partner's tax and days to pay; None: it is not invoiced."""
    terms = CustomerTerms.objects.filter(customer=customer).select_related("price_book").first()
    if terms is None:
        return None
    return Terms(price_list(terms.price_book), wholesale.tax_rate_pct, wholesale.payment_terms_days)


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
