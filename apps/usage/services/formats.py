"""Descriptions of an organisation's own files: added, changed and removed."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.usage.domain.descriptions import parse_format
from apps.usage.domain.formats import Format, FormatError
from apps.usage.formats import own_descriptions, shipped_texts
from apps.usage.models import FormatDescription
from apps.usage.reasons import in_words


class FormatRefused(Refusal):
    """A description that cannot be kept."""


def checked_format(*, text: str, replaces: FormatDescription | None = None) -> Format:
    """The format that a description makes, if it may be kept: it can be used, and its name is free.

    Raises:
        FormatRefused: it may not.
    """
    if "\x00" in text:
        raise FormatRefused(_("A description has no such characters."))
    try:
        format_ = parse_format(text)
    except FormatError as error:
        raise FormatRefused(in_words(error)) from None
    if format_.name in shipped_texts():
        raise FormatRefused(
            _("%(name)s is the name of a shipped format; choose another.") % {"name": format_.name}
        )
    others = own_descriptions().filter(name=format_.name)
    if replaces is not None:
        others = others.exclude(pk=replaces.pk)
    if others.exists():
        raise _there_is_one(format_.name)
    return format_


def _there_is_one(name: str) -> FormatRefused:
    return FormatRefused(_("There is a format %(name)s already.") % {"name": name})


@transaction.atomic
def save_format(*, text: str, by: User, replaces: FormatDescription | None = None) -> FormatDescription:
    """Keep a description of the user's organisation, in the place of another where ``replaces`` says so.

    Saving what is there already changes nothing.

    Raises:
        FormatRefused: it cannot be used, or its name is taken; or what it replaces was removed meanwhile.
    """
    format_ = checked_format(text=text, replaces=replaces)
    description = FormatDescription(partner=by.partner)
    if replaces is not None:
        found = _locked(replaces)
        if found is None:
            raise FormatRefused(_("The format %(name)s is removed.") % {"name": replaces.name})
        description = found
    if description.text == text:
        return description
    before = description.text or None
    description.name, description.text = format_.name, text
    description.changed_by, description.changed_at = by.email, timezone.now()
    try:
        with transaction.atomic():
            description.save()
    except IntegrityError:  # of two who add one at once, the second
        raise _there_is_one(format_.name) from None
    record_change(
        by=by,
        action="format.saved",
        subject=format_.name,
        partner=by.partner,
        before=None if before is None else {"text": before},
        after={"text": text},
    )
    return description


@transaction.atomic
def delete_format(*, description: FormatDescription, by: User) -> None:
    """Remove a description. Deliveries that were read by it stay as they are. Removed twice, it is removed once."""
    if _locked(description) is None:
        return
    record_change(
        by=by,
        action="format.deleted",
        subject=description.name,
        partner=by.partner,
        before={"text": description.text},
    )
    description.delete()


def _locked(description: FormatDescription) -> FormatDescription | None:
    """The description as it is now, for nobody else to change; None where it was removed."""
    return own_descriptions().select_for_update().filter(pk=description.pk).first()
