"""The worker's sign of life: a key in Redis that it renews every two seconds and that outlives it by a few more."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
from django.conf import settings

KEY = "portal:worker-heartbeat"
SECONDS = 15
PATIENCE = 1.0  # seconds to wait for Redis


@cache
def connection() -> redis.Redis:
    """Redis, asked with little patience."""
    return redis.Redis.from_url(
        str(settings.CACHES["default"]["LOCATION"]),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
    )


def beat(**_signal: Any) -> None:
    """The worker is alive. Receives Celery's ``heartbeat_sent``."""
    connection().set(KEY, 1, ex=SECONDS)


def has_beaten() -> bool:
    """A worker was alive within the last seconds. Raises ``redis.RedisError`` when Redis does not answer."""
    return bool(connection().exists(KEY))
