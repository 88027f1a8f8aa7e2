"""Finding organisations by the references that the provider gave them."""

from django.utils.translation import gettext as _

from apps.core.problems import NotFoundRefusal
from apps.organisations.models import Customer


class UnknownCustomer(NotFoundRefusal):
    """No customer of that reference, or not for the one who asks."""


def get_customer(ref: str) -> Customer:
    """The customer of a reference, with its partner.

    Raises:
        UnknownCustomer: there is none that the scope may see.
    """
    customer = Customer.objects.select_related("partner").filter(ref=ref).first()
    if customer is None:
        raise UnknownCustomer(_("There is no customer %(ref)s.") % {"ref": ref})
    return customer
