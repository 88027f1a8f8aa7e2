"""Pages of the provider alone: for everybody else they do not exist."""

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.accounts.models import User


def provider_only(user: User | AnonymousUser) -> User:
    """Who asks, working for the provider.

    Raises:
        Http404: somebody else asks.
    """
    if isinstance(user, User) and user.is_provider:
        return user
    raise Http404


def provider_admin_only(user: User | AnonymousUser) -> User:
    """Who asks, administering the provider.

    Raises:
        Http404: somebody else asks than the provider.
        PermissionDenied: the provider's support asks.
    """
    found = provider_only(user)
    if not found.is_provider_admin:
        raise PermissionDenied
    return found
