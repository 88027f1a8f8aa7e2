"""API keys, and clients that use them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.utils import timezone

from apps.accounts.models import ApiKey, KeyScope, User
from apps.accounts.services import create_api_key
from apps.core.tenancy import scope

BOTH = (KeyScope.USAGE_WRITE, KeyScope.USAGE_READ)


def key_of(user: User, *scopes: KeyScope, **fields: Any) -> tuple[ApiKey, str]:
    """A key that somebody makes for their organisation, and its token. It may do everything unless ``scopes`` say."""
    with scope(user.scope):
        return create_api_key(
            partner=user.partner,
            name=fields.pop("name", "Exporter"),
            scopes=scopes or BOTH,
            by=user,
            now=fields.pop("now", timezone.now()),
            **fields,
        )


def program_with(token: str, **options: Any) -> Client:
    """A program that sends the token with each request."""
    return Client(headers={"Authorization": f"Bearer {token}"}, **options)


def program_of(user: User, *scopes: KeyScope, **options: Any) -> Client:
    """A program with a new key of somebody's organisation."""
    return program_with(key_of(user, *scopes)[1], **options)
