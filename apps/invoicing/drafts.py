"""Drafts as somebody may see them. They are rows that nobody saved, so the database does not filter them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from apps.catalogue.models import CustomerTerms
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope, current_scope, scope
from apps.invoicing.drafting import Draft
from apps.invoicing.selectors import addressed_to
from apps.invoicing.services import make_drafts
from apps.organisations.models import Customer


class NoDraftForYou(Refusal):
    """Nothing of the cycle is addressed to the one who asks."""


def drafts_to_read(*, customer: Customer, first_day: date, today: date) -> list[Draft]:
    """The drafts of a cycle that are addressed to the scope: a customer never sees what its partner pays.

    Raises:
        NoDraftForYou: to a customer, whatever the reason.
        NoSuchCycle, NoPriceBook, PriceMissing: to its partner and the provider.
    """
    reader = current_scope()
    if reader.role is not Role.CUSTOMER:
        drafts = make_drafts(customer=customer, first_day=first_day, today=today)
        return [draft for draft in drafts if addressed_to(reader, draft.invoice)]
    try:
        with _as_its_partner(reader):
            drafts = make_drafts(customer=customer, first_day=first_day, today=today)
    except Refusal as refusal:
        raise NoDraftForYou from refusal
    own = [draft for draft in drafts if addressed_to(reader, draft.invoice)]
    if not own:
        raise NoDraftForYou
    return own


def is_invoiced_here(customer: Customer) -> bool:
    """Whether the customer's partner invoices it through the portal: it has retail prices."""
    reader = current_scope()
    if reader.role is not Role.CUSTOMER:
        return CustomerTerms.objects.filter(customer=customer).exists()
    with _as_its_partner(reader):
        return CustomerTerms.objects.filter(customer=customer).exists()


@contextmanager
def _as_its_partner(reader: Scope) -> Iterator[None]:
    """Prices are not for a customer's eyes, but its own draft is made with them."""
    with scope(Scope(Role.PARTNER, reader.partner)):
        yield
