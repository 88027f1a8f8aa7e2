"""API keys as they come with a request: who holds one, and what it opens."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from apps.accounts.models import ApiKey, KeyScope
from apps.core.tenancy import PROVIDER, Role, Scope

# pp_<public name>_<secret>: recognisable where one was pasted by mistake.
MARK = "pp"
PUBLIC_LENGTH = 12
_SECRET_BYTES = 32
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_NOTED_EVERY = timedelta(minutes=1)
_OF_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A program that acts for an organisation by an API key, in the place of a user (``request.user``)."""

    pk: int
    name: str
    prefix: str
    partner_id: int | None
    scopes: frozenset[str]
    requests_a_minute: int
    records_a_minute: int

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_customer = False

    def __str__(self) -> str:
        return f"{self.name} ({MARK}_{self.prefix})"

    @property
    def scope(self) -> Scope:
        """What the database shows: as much as to the organisation."""
        return PROVIDER if self.partner_id is None else Scope(Role.PARTNER, self.partner_id)

    @property
    def is_provider(self) -> bool:
        """Acts for the provider."""
        return self.partner_id is None

    @property
    def is_partner(self) -> bool:
        """Acts for a partner."""
        return self.partner_id is not None

    def may(self, wanted: KeyScope) -> bool:
        """Whether the key was made for that."""
        return wanted in self.scopes


def new_public_name() -> str:
    """The public part of a new key."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PUBLIC_LENGTH))


def new_secret() -> str:
    """The secret part of a new key."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def as_token(prefix: str, secret: str) -> str:
    """A key as its holder sends it."""
    return f"{MARK}_{prefix}_{secret}"


def fingerprint(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find_holder(token: str, *, now: datetime) -> KeyHolder | None:
    """Who holds this token; None when there is no such key, or none any more. Reads as ``portal_auth``.

    The work is the same whether the public name is known or not. That the key was used is noted once a minute.
    """
    mark, _first, rest = token.partition("_")
    prefix, _second, secret = rest.partition("_")
    is_name = len(prefix) == PUBLIC_LENGTH and prefix.isascii() and prefix.isalnum()
    key = ApiKey.objects.filter(prefix=prefix if is_name else "").first()
    kept = key.secret_sha256 if key else _OF_NOBODY
    is_same = secrets.compare_digest(kept, fingerprint(secret))
    if key is None or not is_same or mark != MARK or not secret or not key.is_valid_at(now):
        return None
    if key.last_used_at is None or key.last_used_at <= now - _NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - _NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return KeyHolder(
        pk=key.pk,
        name=key.name,
        prefix=key.prefix,
        partner_id=key.partner_id,
        scopes=frozenset(key.scopes),
        requests_a_minute=key.requests_a_minute,
        records_a_minute=key.records_a_minute,
    )
