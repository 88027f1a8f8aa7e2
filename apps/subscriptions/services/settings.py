"""Changing the settings of an offer: the other readings that the rules leave to the provider (R2, R6, R8)."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Offer
from apps.core.domain.periods import LAST_DAY
from apps.core.problems import Refusal
from apps.subscriptions.models import StaleCause, StaleSpan, Subscription

SETTINGS_CHANGED = "offer.settings"
BILLED_PEAKS = ("per_type", "combined_day")
IVR_PEAKS = ("minute", "instant")
MOST_HOURS = timedelta(days=31) // timedelta(hours=1)  # no record lasts longer (R13)


class SettingsRefused(Refusal):
    """The settings of an offer cannot be changed as asked."""


def settings_as_stored(offer: Offer) -> dict[str, object]:
    """The settings of an offer as plain values."""
    return {
        "billed_peak": offer.billed_peak,
        "ivr_peak": offer.ivr_peak,
        "longest_open_hours": offer.longest_open_hours,
    }


@transaction.atomic
def change_offer_settings(
    *, offer: Offer, billed_peak: str, ivr_peak: str, longest_open_hours: int, reason: str, by: User
) -> Offer:
    """Set the readings by which cycles of the offer are calculated from now on, those still open included.

    Who, when, old, new and why are kept. All customers with a subscription to the offer become stale; what is invoiced
    stays as it was calculated.

    Raises:
        SettingsRefused: not a provider administrator, no reason, no such reading, out of range, or no change.
    """
    if not by.is_provider_admin:
        raise SettingsRefused(_("Only a provider administrator changes the settings of an offer."))
    if not reason.strip():
        raise SettingsRefused(_("A change of settings needs a reason."))
    if offer.service != Service.CONTACT_CENTRE:
        raise SettingsRefused(_("Digital channels are counted one by one; they have no settings."))
    if billed_peak not in BILLED_PEAKS or ivr_peak not in IVR_PEAKS:
        raise SettingsRefused(_("There is no such way to count."))
    if not 1 <= longest_open_hours <= MOST_HOURS:
        raise SettingsRefused(
            _("A record still open lasts at least 1 hour and at most %(most)s hours.") % {"most": MOST_HOURS}
        )
    offer = Offer.objects.select_for_update().get(pk=offer.pk)
    before = settings_as_stored(offer)
    offer.billed_peak, offer.ivr_peak, offer.longest_open_hours = billed_peak, ivr_peak, longest_open_hours
    after = settings_as_stored(offer)
    if before == after:
        raise SettingsRefused(_("These are the settings already."))
    offer.save(update_fields=list(after))
    _mark_stale(offer)
    record_change(
        by=by,
        action=SETTINGS_CHANGED,
        subject=offer.code,
        before=before,
        after=after,
        reason=reason.strip(),
    )
    return offer


def _mark_stale(offer: Offer) -> None:
    """All days of the offer's subscriptions; figures notice by themselves that they were calculated otherwise."""
    StaleSpan.objects.bulk_create(
        (
            StaleSpan(
                partner_id=partner_id,
                customer_id=customer_id,
                cause=StaleCause.TERMS,
                first_day=starts_on,
                last_day=ends_on or LAST_DAY,
            )
            for partner_id, customer_id, starts_on, ends_on in Subscription.objects.filter(
                offer=offer
            ).values_list("partner_id", "customer_id", "starts_on", "ends_on")
        ),
        batch_size=5_000,
    )
