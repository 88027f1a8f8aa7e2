"""How far the reading of a delivery has come, and why rows of it were kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from apps.usage.models import Delivery, DeliveryState

ENOUGH_TO_FORETELL = 2.0  # seconds; before that the first rows say little of the others


@dataclass(frozen=True, slots=True)
class Progress:
    """A delivery at a moment. ``seconds_left`` is None where nothing can be foretold."""

    delivery: Delivery
    seconds: float
    rows_per_second: float
    seconds_left: float | None

    @property
    def is_over(self) -> bool:
        """Nothing of it is read any more."""
        return self.delivery.state in (DeliveryState.DONE, DeliveryState.FAILED)

    @property
    def per_cent(self) -> int:
        """How much of the file was read, 0 to 100; what is over without a failure is read."""
        if self.delivery.state == DeliveryState.DONE:
            return 100
        if not self.delivery.size:
            return 0
        return min(99, 100 * self.delivery.bytes_read // self.delivery.size)


def get_progress(delivery: Delivery, *, now: datetime) -> Progress:
    """How far it is. The pace is that of all of its reading so far, interruptions included."""
    if delivery.started_at is None:
        return Progress(delivery, 0.0, 0.0, None)
    seconds = max(0.0, ((delivery.finished_at or now) - delivery.started_at).total_seconds())
    pace = delivery.rows / seconds if seconds else 0.0
    left = None
    if delivery.finished_at is None and seconds >= ENOUGH_TO_FORETELL and delivery.bytes_read > 0:
        left = seconds * max(0, delivery.size - delivery.bytes_read) / delivery.bytes_read
    return Progress(delivery, seconds, pace, left)


def count_reasons(delivery: Delivery) -> list[tuple[str, int, int]]:
    """Why rows were kept aside: the reason, how many rows, how many of them still wait to be mended; most first."""
    rows = (
        delivery.rows_kept_aside.values("reason")
        .annotate(rows=Count("pk"), settled=Count("settled_at"))
        .order_by("-rows", "reason")
    )
    return [(row["reason"], row["rows"], row["rows"] - row["settled"]) for row in rows]
