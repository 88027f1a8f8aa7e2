"""The door for what is set of a source."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.usage.models import Source

TIME_ZONE_CHANGED = "source.time_zone_changed"


class UnknownTimeZone(Refusal):
    """No zone of that name."""


@transaction.atomic
def set_time_zone(*, source: Source, time_zone: str, by: User) -> Source:
    """From now on, times of the source that say no zone are those of ``time_zone``; empty: they are rejected.

    What is stored stays as it was read. Set to what it is, nothing changes.

    Raises:
        UnknownTimeZone: no zone of that name.
    """
    if time_zone and time_zone not in available_timezones():
        raise UnknownTimeZone(_("%(name)s is not the name of a time zone.") % {"name": time_zone})
    locked = Source.objects.select_for_update(of=("self",)).select_related("partner").get(pk=source.pk)
    before = locked.time_zone
    if before == time_zone:
        return locked
    locked.time_zone = time_zone
    locked.save(update_fields=["time_zone"])
    record_change(
        by=by,
        action=TIME_ZONE_CHANGED,
        subject=locked.name,
        partner=locked.partner,
        before={"time_zone": before},
        after={"time_zone": time_zone},
    )
    return locked
