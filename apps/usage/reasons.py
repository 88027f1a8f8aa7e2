"""Reasons why rows are kept aside, and why files and descriptions cannot be used, in the reader's language."""

from __future__ import annotations

from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.usage.domain.formats import CONTROL_TOTALS
from apps.usage.domain.refusals import Hole, TellingError

# What files of a kind hold, as it stands inside of a sentence.
KINDS_IN_WORDS = {
    "agent-sessions": _("agent sessions"),
    "wfo-sessions": _("workforce optimization sessions"),
    "ivr-legs": _("IVR legs"),
    "voice-calls": _("voice calls"),
    "digital-usage": _("digital usage"),
    CONTROL_TOTALS: _("control totals"),
}


def kind_of_file(name: str) -> str:
    """What files of a kind hold, where a line begins with it."""
    return str(capfirst(KINDS_IN_WORDS[name]))


def told(reason: str) -> str:
    """A stored reason in words; one that this version does not know, as it stands."""
    return gettext(reason) if reason else ""


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
