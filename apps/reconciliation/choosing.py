"""Which subscription and billing cycle the pages of a customer show: what the address chose, and what it may choose."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from apps.core.domain.periods import Period
from apps.reconciliation.selectors import CycleOffer
from apps.reconciliation.summaries import ended_note, vendor_period
from apps.subscriptions.domain.cycles import Cycle


def chosen_cycle(offer: CycleOffer, parameters: QueryDict) -> Cycle | None:
    """The cycle that the address names, or the one to open on; None where the customer has none.

    A cycle of another subscription than the one named gives way to it: a chooser that changes the subscription still
    sends the cycle.

    Raises:
        Http404: the customer has no such subscription or no such cycle.
    """
    first, number = parameters.get("cycle"), parameters.get("subscription")
    named = next((cycle for cycle in offer.started if cycle.first.isoformat() == first), None)
    of_subscription = offer.newest_of(number) if number else offer.newest
    if (first and named is None) or (number and of_subscription is None):
        raise Http404
    if named is not None and number in (None, "", named.primary.number):
        return named
    return of_subscription


def subscription_select(offer: CycleOffer, chosen: Cycle, *, today: date) -> dict[str, Any]:
    """Every subscription that is primary of a cycle in the availability window, ended ones too (R10)."""
    terms = dict.fromkeys(cycle.primary for cycle in [chosen, *offer.available])
    newest_first = sorted(terms, key=lambda term: term.seniority, reverse=True)
    return {
        "name": "subscription",
        "label": _("Subscription"),
        "options": [
            {
                "value": term.number,
                "label": ", ".join(filter(None, (term.number, ended_note(term.ends_on, today=today)))),
                "selected": term == chosen.primary,
            }
            for term in newest_first
        ],
    }


def cycle_select(offer: CycleOffer, chosen: Cycle, *, today: date) -> dict[str, Any]:
    """The cycles of the subscription, newest first; of those without any use since the last record only a year."""
    cycles = [cycle for cycle in offer.listed(today=today) if cycle.primary.number == chosen.primary.number]
    if chosen not in cycles:
        cycles.append(chosen)
    return {
        "name": "cycle",
        "label": _("Billing cycle"),
        "options": [
            {
                "value": cycle.first.isoformat(),
                "label": _cycle_label(cycle.period, offer.usage),
                "selected": cycle == chosen,
            }
            for cycle in sorted(cycles, key=lambda cycle: cycle.first, reverse=True)
        ],
    }


def _cycle_label(of: Period, usage: Period | None) -> str:
    if usage is None or of.first > usage.last or of.last < usage.first:
        return _("%(cycle)s, no usage") % {"cycle": vendor_period(of)}
    return vendor_period(of)
