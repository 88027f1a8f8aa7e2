"""Who sees what was sent in, and who may mend and decide: not a customer's users, for whom it does not exist."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.accounts.models import Role, User

ADMINISTRATORS = (Role.PROVIDER_ADMIN, Role.PARTNER_ADMIN)


def sender_only(user: User | AnonymousUser) -> User:
    """Who asks, working for the provider or a partner.

    Raises:
        Http404: somebody else asks.
    """
    if isinstance(user, User) and not user.is_customer:
        return user
    raise Http404


def sender_admin_only(user: User | AnonymousUser) -> User:
    """Who asks, administering the provider or a partner.

    Raises:
        Http404: a customer's user asks.
        PermissionDenied: somebody asks who only looks.
    """
    found = sender_only(user)
    if not may_mend(found):
        raise PermissionDenied
    return found


def may_mend(user: User) -> bool:
    """Whether somebody mends rows and decides conflicts: administrators."""
    return user.role in ADMINISTRATORS
