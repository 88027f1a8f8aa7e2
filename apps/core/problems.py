"""Refusals: typed errors with one clear line, made into a message, a problem of the API or a command's last words in
one place. Every error of the API is told as a problem (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.views import exception_handler

from apps.core.tenancy import abandon

API = "/api/"
PROBLEM_JSON = "application/problem+json"


class Refusal(Exception):
    """Something asked for that cannot be done. ``str()`` is one line for the person who asked.

    Subclasses say what was refused; nothing has been changed when one is raised.
    """


class NotFoundRefusal(Refusal):
    """What was named does not exist, or not for the one who asks."""


class Problem(APIException):
    """An error of the API with a status of its own. Raised by views, and before them by what reads their bodies."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        wait: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.wait = wait
        self.headers = dict(headers or {})


def is_of_the_api(request: HttpRequest) -> bool:
    """An address that answers programs."""
    return request.path_info.startswith(API)


def problem(
    request: HttpRequest,
    status: int,
    detail: str,
    *,
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """An error as RFC 9457 writes it. ``errors`` are by field or parameter; ``instance`` is the address as asked."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": escape_uri_path(request.path),
    }
    if errors:
        told["errors"] = errors
    return HttpResponse(
        json.dumps(told, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace"),
        status=status,
        content_type=PROBLEM_JSON,
        headers=headers,
    )


def problem_response(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's exception handler: a refusal is a 409 (404 when something named is not there), with its line.

    As with a page that raises, nothing stays of what the request did before.
    """
    abandon()
    return problem_of(error, context["request"])


def problem_of(error: Exception, request: HttpRequest) -> HttpResponse | None:
    """The answer to what went wrong; None where that is nothing the asker did."""
    if isinstance(error, NotFoundRefusal | Http404):
        error = NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = PermissionDenied()
    elif isinstance(error, Refusal):
        error = Problem(HTTPStatus.CONFLICT, str(error))
    plain = exception_handler(error, {})
    if plain is None or not isinstance(error, APIException):
        return None
    detail = error.detail
    errors = detail if isinstance(detail, dict) else None
    headers = {name: value for name, value in plain.headers.items() if name != "Content-Type"}
    return problem(
        request,
        error.status_code,
        _("What was sent has mistakes.") if errors else _one_line(detail),
        errors=errors,
        headers=headers | getattr(error, "headers", {}),
    )


def _one_line(detail: Any) -> str:
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
