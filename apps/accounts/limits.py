"""How much an API key may ask for in a minute. Counted in Redis, where all processes see it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from redis import RedisError

logger = logging.getLogger(__name__)

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Spent:
    """What was counted in this minute: ``before`` this time, of ``limit``; the next begins in ``wait`` seconds."""

    before: int
    amount: int
    limit: int
    wait: int

    @property
    def is_over(self) -> bool:
        """The limit was reached before. So a single call may go over it, and none can never be made."""
        return self.before >= self.limit

    @property
    def remaining(self) -> int:
        """What is left of the minute."""
        return max(0, self.limit - self.before - self.amount)

    @property
    def headers(self) -> dict[str, str]:
        """The limit as an answer tells it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.wait),
        }


def spend(*, what: str, key_id: int, amount: int, limit: int, now: datetime) -> Spent:
    """Count ``amount`` of ``what`` ("requests", "records") for a key. Without Redis nothing is counted or limited."""
    moment = int(now.timestamp())
    name = f"api-key:{key_id}:{what}:{moment // MINUTE}"
    try:
        cache.add(name, 0, timeout=2 * MINUTE)
        before = cache.incr(name, amount) - amount
    except (RedisError, ValueError):  # ValueError: Redis was emptied between the two
        logger.warning("API keys are served without limits: Redis does not answer", exc_info=True)
        before = 0
    return Spent(before, amount, limit, MINUTE - moment % MINUTE)
