"""Answers to calls with an ``Idempotency-Key``: the same call is answered the same, and its work done once."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import connection
from django.utils.translation import gettext as _

from apps.core.problems import Refusal
from apps.usage.models import RememberedAnswer

KEPT_FOR = timedelta(hours=24)


class AnotherCall(Refusal):
    """A key that stands for another call than this one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the key of the call: ``sender`` names the API key or the user."""

    partner_id: int | None
    sender: str
    key: str


def recall(*, caller: Caller, request_sha256: str) -> bytes | None:
    """What this call was answered; None where it was not made, or so long ago that it is forgotten.

    While the first is still at work the second waits here. Belongs into the transaction of the work.
    ``request_sha256`` is of all that makes the call what it is.

    Raises:
        AnotherCall: the key stands for another one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(caller)])
    remembered = RememberedAnswer.objects.filter(**asdict(caller)).first()
    if remembered is None:
        return None
    if remembered.request_sha256 != request_sha256:
        raise AnotherCall(_("This Idempotency-Key stands for another call."))
    return zlib.decompress(bytes(remembered.body))


def remember(*, caller: Caller, request_sha256: str, answer: bytes, now: datetime) -> None:
    """Keep an answer, in the transaction of the work that it tells of."""
    RememberedAnswer.objects.create(
        **asdict(caller),
        request_sha256=request_sha256,
        status=HTTPStatus.OK,
        body=zlib.compress(answer, 1),
        created_at=now,
    )


def forget_answers(*, now: datetime) -> int:
    """Forget what was answered more than a day ago. Returns how many. Runs with the provider's eyes."""
    forgotten, _each = RememberedAnswer.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    return forgotten


def _number(caller: Caller) -> int:
    """A number of PostgreSQL's locks for a call of somebody."""
    name = f"{caller.partner_id} {caller.sender} {caller.key}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
