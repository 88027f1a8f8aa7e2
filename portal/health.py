"""``/health/``: whether the portal works, for machines. It tells nothing else, and nothing of any tenant."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View

from portal import heartbeat

logger = logging.getLogger(__name__)

OK, FAILED, NONE = "ok", "failed", "none"
FRESH_SECONDS = 2.0


def look() -> dict[str, str]:
    """Ask the database and Redis, which also knows whether a worker is alive."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = OK
    except Error:
        logger.warning("health: the database does not answer", exc_info=True)
        database = FAILED
    try:
        worker = OK if heartbeat.has_beaten() else NONE
        broker = OK
    except redis.RedisError:
        logger.warning("health: Redis does not answer", exc_info=True)
        broker, worker = FAILED, NONE
    return {"database": database, "broker": broker, "worker": worker}


@dataclass
class Findings:
    """What was found last, kept for a moment: however often the address is asked, the services are not."""

    found: Mapping[str, str] = field(default_factory=dict)
    at: float = -FRESH_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, *, now: float) -> Mapping[str, str]:
        """At most ``FRESH_SECONDS`` old. ``now`` in seconds of a clock that only goes forward."""
        with self._lock:
            if not self.found or now - self.at >= FRESH_SECONDS:
                self.found, self.at = look(), now
            return self.found

    def forget(self) -> None:
        """Look anew next time."""
        self.found = {}


findings = Findings()


@method_decorator(login_not_required, name="dispatch")
class HealthView(View):
    """200 while database and broker work: a web server without a worker stays in service.

    With ``?require=worker`` a missing worker is 503 too.
    """

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        found = findings.get(now=time.monotonic())
        needed = ["database", "broker"]
        if request.GET.get("require") == "worker":
            needed.append("worker")
        works = all(found[part] == OK for part in needed)
        return JsonResponse(dict(found), status=200 if works else 503, headers={"Cache-Control": "no-store"})
