"""Pages of some alone: for those whom they do not concern they do not exist."""

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.accounts.keys import KeyHolder
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


def provider_or_its_key_only(caller: object) -> User | KeyHolder:
    """Who asks, working for the provider, or a program with the provider's key.

    Raises:
        Http404: somebody else asks.
    """
    if isinstance(caller, User | KeyHolder) and caller.is_provider:
        return caller
    raise Http404


def not_for_customers(user: object) -> User | KeyHolder:
    """Who asks, working for a partner or for the provider, or a program with their key.

    Raises:
        Http404: a customer's user asks, or nobody who is signed in.
    """
    if isinstance(user, User | KeyHolder) and not user.is_customer:
        return user
    raise Http404


def staff_only(user: User | AnonymousUser) -> User:
    """Who asks, working for the provider or a partner.

    Raises:
        Http404: somebody else asks.
    """
    if isinstance(user, User) and not user.is_customer:
        return user
    raise Http404


def administrator_only(user: User | AnonymousUser) -> User:
    """Who asks, administering the provider or a partner.

    Raises:
        Http404: a customer asks.
        PermissionDenied: somebody else of the provider or of a partner asks.
    """
    found = staff_only(user)
    if not found.is_administrator:
        raise PermissionDenied
    return found


def usage_sender_only(caller: object) -> User | KeyHolder:
    """Who sends usage: a program with a key (what its key is for is asked elsewhere), or an administrator.

    Raises:
        Http404: a customer asks; its usage is its partner's to send.
        PermissionDenied: somebody else of the provider or of a partner asks.
    """
    if isinstance(caller, KeyHolder):
        return caller
    if not isinstance(caller, User) or caller.is_customer:
        raise Http404
    if not caller.is_administrator:
        raise PermissionDenied
    return caller
