"""Each request of somebody signed in runs in one transaction, with the eyes of their organisation."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.cache import patch_cache_control

from apps.accounts.models import User
from apps.core.tenancy import abandon, scope

GetResponse = Callable[[HttpRequest], HttpResponse]


class TenantMiddleware:
    """Opens the scope from the user's organisation, never from the address or a header.

    Signing in and out runs outside of it: that needs the sessions, and nothing of a tenant. What somebody has seen no
    cache keeps.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or _is_about_signing_in(request.path_info):
            return self.get_response(request)
        request.POST  # noqa: B018 - a slow client sends its body before the transaction opens
        with scope(user.scope):
            response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """A view that raises leaves nothing behind."""
        abandon()


def _is_about_signing_in(path: str) -> bool:
    try:
        return resolve(path).route.startswith("accounts/")
    except Resolver404:
        return False
