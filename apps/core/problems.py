"""Refusals: typed errors with one clear line, made into a message, a 409 or a command's last words in one place."""

from typing import Any

from django.http import Http404
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.core.tenancy import abandon


class Refusal(Exception):
    """Something asked for that cannot be done. ``str()`` is one line for the person who asked.

    Subclasses say what was refused; nothing has been changed when one is raised.
    """


class NotFoundRefusal(Refusal):
    """What was named does not exist, or not for the one who asks."""


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: a refusal is a 409 (404 when something named is not there), with its line.

    As with a page that raises, nothing stays of what the request did before.
    """
    abandon()
    if isinstance(error, NotFoundRefusal | Http404):
        error = NotFound()
    elif isinstance(error, Refusal):
        conflict = APIException(str(error))
        conflict.status_code = 409
        error = conflict
    return exception_handler(error, context)
