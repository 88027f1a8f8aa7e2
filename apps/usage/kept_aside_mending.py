"""What mending a group of rows kept aside and mending one have in common: done, and told in messages (R13)."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.core.formatting import number
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope
from apps.usage.domain.faults import Fault
from apps.usage.domain.mending import Correction
from apps.usage.kept_aside_forms import SetAsideForm
from apps.usage.models import RowKeptAside
from apps.usage.reasons import told
from apps.usage.services.mending import Mended, send_again, set_aside_for_good


def send_and_tell(
    request: HttpRequest,
    rows: QuerySet[RowKeptAside],
    correction: Correction,
    *,
    by: User,
    partner: int | None,
) -> None:
    """Send rows of a sender again and say what became of them; ``partner`` is the sender's key, None the provider's."""
    try:
        mended = send_again(
            rows=rows, correction=correction, by=by, sender=_sender(partner), now=timezone.now()
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        _tell(request, mended)


def set_aside_and_tell(
    request: HttpRequest, rows: QuerySet[RowKeptAside], form: SetAsideForm, *, by: User, partner: int | None
) -> None:
    """Set rows of a sender aside for good and say how many."""
    try:
        count = set_aside_for_good(
            rows=rows,
            by=by,
            reason=form.cleaned_data["reason"],
            sender=_sender(partner),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return
    said = ngettext("%(count)s row is set aside for good.", "%(count)s rows are set aside for good.", count)
    messages.success(request, said % {"count": number(count)})


def lacking_in_words(lacking: Mapping[Fault, int]) -> list[str]:
    """What rows still lack, the most frequent first."""
    return [
        ngettext("%(count)s still not: %(reason)s", "%(count)s still not: %(reason)s", count)
        % {"count": number(count), "reason": told(fault.value)}
        for fault, count in sorted(lacking.items(), key=lambda each: -each[1])
    ]


def _tell(request: HttpRequest, mended: Mended) -> None:
    """What became of the rows, as messages."""
    words = {"accepted": _("accepted"), "duplicate": _("duplicate"), "conflict": _("conflict")}
    parts = ", ".join(
        f"{number(count)} {words.get(outcome.value, told(outcome.value))}"
        for outcome, count in sorted(mended.outcomes.items())
    )
    if mended.taken:
        said = ngettext(
            "%(count)s row was sent again: %(parts)s.",
            "%(count)s rows were sent again: %(parts)s.",
            mended.taken,
        )
        messages.success(request, said % {"count": number(mended.taken), "parts": parts})
    if mended.lacking:
        messages.warning(
            request, _("Still open: %(parts)s.") % {"parts": "; ".join(lacking_in_words(mended.lacking))}
        )


def _sender(partner: int | None) -> Scope:
    """Rows are sent again with the rights of who sent them."""
    return PROVIDER if partner is None else Scope(Role.PARTNER, partner)
