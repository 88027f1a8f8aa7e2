"""Reasons why rows are kept aside, and why files and descriptions cannot be used, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.usage.domain.faults import Fault
from apps.usage.domain.formats import CONTROL_TOTALS
from apps.usage.domain.refusals import Hole, TellingError

REASONS = {
    Fault.ENDED_BEFORE_START: _("ended before it started"),
    Fault.TOO_LONG: _("lasts more than 31 days"),
    Fault.IN_FUTURE: _("starts in the future"),
    Fault.NO_TIME_ZONE: _("no time zone"),
    Fault.NOT_A_TIME: _("not a time"),
    Fault.AMBIGUOUS_TIME: _("this time stands twice in its zone"),
    Fault.SKIPPED_TIME: _("this time does not exist in its zone"),
    Fault.UNKNOWN_CUSTOMER: _("unknown customer"),
    Fault.NO_CUSTOMER: _("no customer"),
    Fault.NO_RECORD_ID: _("no record id"),
    Fault.NO_ACTOR: _("no agent or contact"),
    Fault.UNKNOWN_LICENCE: _("unknown licence"),
    Fault.NO_LICENCE: _("no licence known for this agent on that day"),
    Fault.NO_SIGN_IN: _("signed out without having signed in"),
    Fault.UNKNOWN_SKU: _("unknown SKU, or none of digital usage"),
    Fault.NOT_A_QUANTITY: _("quantity is no whole number of units"),
    Fault.TOO_LONG_TEXT: _("a value is longer than 200 characters"),
    Fault.FORBIDDEN_CHARACTER: _("a value has a forbidden character"),
    Fault.NOT_A_ROW: _("not a row of this file"),
}

# What files of a kind hold, inside of a sentence.
KINDS_IN_WORDS = {
    "agent-sessions": _("agent sessions"),
    "wfo-sessions": _("workforce optimization sessions"),
    "ivr-legs": _("IVR legs"),
    "voice-calls": _("voice calls"),
    "digital-usage": _("digital usage"),
    CONTROL_TOTALS: _("control totals"),
}


def told(reason: str) -> str:
    """A stored reason in words; one that this version does not know, as it stands."""
    try:
        return str(REASONS[Fault(reason)])
    except (KeyError, ValueError):
        return reason


def in_words(error: TellingError) -> str:
    """Why something cannot be used, as one line."""
    return gettext(error.line) % {name: _filled(name, hole) for name, hole in error.holes.items()}


def _filled(name: str, hole: Hole) -> str | int:
    if isinstance(hole, int):
        return hole
    names = [hole] if isinstance(hole, str) else list(hole)
    if name.startswith("kind"):
        names = [str(KINDS_IN_WORDS.get(each, each)) for each in names]
    *others, last = names
    if not others:
        return last
    return gettext("%(names)s and %(last)s") % {"names": ", ".join(others), "last": last}
