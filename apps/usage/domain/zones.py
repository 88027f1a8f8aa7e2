"""Times that say no zone, read in the zone of their source: never guessed where its clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apps.usage.domain.faults import Fault, RejectedRowError


def localise(naive: datetime, zone: ZoneInfo, *, fold: int | None = None) -> datetime:
    """The moment (UTC) at which the clocks of ``zone`` show ``naive``.

    When clocks are put forward an hour of their times does not exist; when they are put back an hour stands twice.
    A row with such a time is kept aside: a guess would be wrong half of the time and would look like a fact. ``fold``
    says which of the two is meant (0 the first, 1 the second), once somebody has decided; elsewhere it plays no part.

    Raises:
        RejectedRowError: the time does not exist, or stands twice and nobody said which is meant.
    """
    try:
        first, second = (naive.replace(tzinfo=zone, fold=each).astimezone(UTC) for each in (0, 1))
        shown = first.astimezone(zone).replace(tzinfo=None)
    except (OverflowError, ValueError):
        raise RejectedRowError(Fault.NOT_A_TIME) from None
    if first == second:
        return first
    if shown != naive.replace(fold=0):
        raise RejectedRowError(Fault.SKIPPED_TIME)
    if fold is None:
        raise RejectedRowError(Fault.AMBIGUOUS_TIME)
    return second if fold else first
