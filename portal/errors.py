"""Errors that no view answers: a page for people, a problem (RFC 9457) for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views import csrf, defaults

from apps.core.problems import is_of_the_api, problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: a request that cannot be understood."""
    if is_of_the_api(request):
        return problem(request, HTTPStatus.BAD_REQUEST, _("The request cannot be understood."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """403."""
    if is_of_the_api(request):
        return problem(request, HTTPStatus.FORBIDDEN, _("You may not do this."))
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404."""
    if is_of_the_api(request):
        return problem(request, HTTPStatus.NOT_FOUND, _("Nothing is here."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: our mistake. What it was stands in the log."""
    if is_of_the_api(request):
        return problem(
            request, HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong here. Nothing was changed.")
        )
    return defaults.server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "", **more: Any) -> HttpResponseBase:
    """403: a form of another site, or one that has grown old."""
    if is_of_the_api(request):
        return problem(request, HTTPStatus.FORBIDDEN, _("The CSRF token is missing or wrong."))
    return csrf.csrf_failure(request, reason=reason, **more)
