"""What is named in an address, or 404: the same whether it does not exist or belongs to somebody else."""

from django.http import Http404

from apps.organisations.models import Customer
from apps.organisations.selectors import UnknownCustomer, get_customer


def visible_customer(ref: str) -> Customer:
    """The customer of a reference, with its partner.

    Raises:
        Http404: there is none that the scope may see.
    """
    if "\x00" in ref:  # no text of PostgreSQL holds it, and asking for one is an error
        raise Http404
    try:
        return get_customer(ref)
    except UnknownCustomer:
        raise Http404 from None
