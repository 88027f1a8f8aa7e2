"""Who may call the API: people who are signed in, and programs with a key, those only what their key was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.accounts.guards import usage_sender_only
from apps.accounts.keys import KeyHolder
from apps.accounts.models import User

if TYPE_CHECKING:  # views read the settings, which name the classes below
    from rest_framework.views import APIView


class KeyAuthentication(BaseAuthentication):
    """Hands on the holder of a key, whom ``ApiKeyMiddleware`` has found before the tenant's scope opened."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, str] | None:
        holder: object = request._request.user
        return (holder, holder.prefix) if isinstance(holder, KeyHolder) else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def sender_before_scope(request: HttpRequest) -> None:
    """Let nobody go on who may not send, before a body is read; from a browser nobody without its token.

    Raises:
        Http404, PermissionDenied: who asks may not send.
    """
    if isinstance(usage_sender_only(request.user), User):
        asked: Any = request
        SessionAuthentication().enforce_csrf(asked)


class SignedInOrKey(BasePermission):
    """Everybody who is signed in; a key where the view names the scope that it needs.

    ``key_scope`` is needed to read, ``key_scope_to_write`` to change something; without them a key opens nothing.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller: object = request.user
        if not isinstance(caller, KeyHolder):
            return request.user.is_authenticated
        wanted = getattr(view, "key_scope" if request.method in SAFE_METHODS else "key_scope_to_write", None)
        if wanted is None:
            raise PermissionDenied(_("API keys do not open this address."))
        if not caller.may(wanted):
            raise PermissionDenied(
                _("This API key was not made for this: it needs the scope %(scope)s.") % {"scope": wanted}
            )
        return True
