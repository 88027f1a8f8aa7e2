"""Each request of somebody known runs in one transaction, with the eyes of their organisation."""

from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from apps.accounts.keys import KeyHolder, find_holder
from apps.accounts.limits import Spent, spend
from apps.accounts.models import User
from apps.core.problems import is_of_the_api, problem, problem_of
from apps.core.tenancy import abandon, scope

GetResponse = Callable[[HttpRequest], HttpResponse]


class ApiKeyMiddleware:
    """``Authorization: Bearer <key>`` makes the request its holder's. Only the API knows keys; pages do not.

    A key that is none, or none any more, is 401 even where somebody is signed in too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_of_the_api(request):
            return self.get_response(request)
        now = timezone.now()
        holder = find_holder(token.strip(), now=now)
        if holder is None:
            return problem(
                request,
                HTTPStatus.UNAUTHORIZED,
                _("There is no such API key, or it is revoked or expired."),
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        spent = spend(what="requests", key_id=holder.pk, amount=1, limit=holder.requests_a_minute, now=now)
        if spent.is_over:
            return too_many(
                request,
                spent,
                _("This API key may make %(limit)s requests a minute.") % {"limit": spent.limit},
            )
        anybody: Any = request
        anybody.user = holder
        response = self.get_response(request)
        for name, value in spent.headers.items():
            response.headers.setdefault(name, value)
        return response


def too_many(request: HttpRequest, spent: Spent, detail: str) -> HttpResponse:
    """429, and when to come again."""
    return problem(
        request,
        HTTPStatus.TOO_MANY_REQUESTS,
        detail,
        headers={"Retry-After": str(spent.wait), **spent.headers},
    )


class TenantMiddleware:
    """Opens the scope from the organisation of the user or the key, never from the address or a header.

    Signing in and out runs outside of it: that needs the sessions, and nothing of a tenant. What somebody has seen no
    cache keeps. The body is read before: as a form, or as the view says (``before_scope``).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user: object = request.user
        match = _match(request.path_info)
        is_about_signing_in = match is not None and match.route.startswith("accounts/")
        if not isinstance(user, User | KeyHolder) or is_about_signing_in:
            return self.get_response(request)
        with ExitStack() as until_answered:
            refusal = _read_body(request, match, until_answered)
            if refusal is not None:
                return refusal
            with scope(user.scope):
                response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """A view that raises leaves nothing behind."""
        abandon()


def _match(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None


def _read_body(
    request: HttpRequest, match: ResolverMatch | None, until_answered: ExitStack
) -> HttpResponse | None:
    """A slow client sends its body before the transaction opens. Returns what a view of the API refuses it with."""
    view = getattr(match.func, "cls", None) if match else None
    before_scope = getattr(view, "before_scope", None)
    if match is None or before_scope is None:
        request.POST  # noqa: B018 - read here
        return None
    try:
        before_scope(request, until_answered, **match.kwargs)
    except Exception as error:
        answer = problem_of(error, request)
        if answer is None:
            raise
        return answer
    return None
