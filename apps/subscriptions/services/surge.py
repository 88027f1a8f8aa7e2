"""Changing the surge protection percentage (R9)."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.organisations.models import Customer
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.selectors import surge_basis_points
from apps.subscriptions.services.cycles import lock_customer

HIGHEST_PERCENT = 1000


class SurgeRefused(Refusal):
    """The percentage cannot be changed as asked."""


@transaction.atomic
def change_surge(*, customer: Customer, percent: Decimal, reason: str, by: User) -> SurgeChange:
    """Set the percentage, effective at once; who, when, old, new and why are kept (R9).

    Raises:
        SurgeRefused: not a provider administrator, no reason, out of range, or no change.
    """
    if not by.may_change_surge:
        raise SurgeRefused(_("Only a provider administrator changes the surge percentage."))
    if not reason.strip():
        raise SurgeRefused(_("A change of the surge percentage needs a reason."))
    if not 0 <= percent <= HIGHEST_PERCENT or percent != round(percent, 2):
        raise SurgeRefused(
            _("The surge percentage is a number from 0 to %(highest)s with at most two decimals.")
            % {"highest": HIGHEST_PERCENT}
        )
    lock_customer(customer.pk)
    before, after = surge_basis_points(customer), int(percent * 100)
    if before == after:
        raise SurgeRefused(_("The surge percentage is %(percent)s already.") % {"percent": f"{percent:f} %"})
    change = SurgeChange.objects.create(
        partner_id=customer.partner_id,
        customer=customer,
        by=str(by),
        before_basis_points=before,
        after_basis_points=after,
        reason=reason.strip(),
    )
    record_change(
        by=by,
        action="surge.changed",
        subject=customer.ref,
        customer=customer,
        before=before,
        after=after,
        reason=reason.strip(),
    )
    return change
