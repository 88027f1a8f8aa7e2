"""How the API describes itself (OpenAPI): parameters from filters, shapes of answers, and errors as problems.

The shapes are descriptions and no more: answers are written by functions beside the views, and a test holds every
answer against its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import django_filters
from django.utils.functional import Promise
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from apps.core.keyset import LARGEST_PAGE, PAGE_SIZE
from apps.core.problems import PROBLEM_JSON

View = TypeVar("View", bound=Callable[..., Any])
Shape = type[serializers.Serializer[Any]]

# What every address may answer: somebody who is not signed in, a key that is none, too many requests of a key.
ALWAYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)

_WHEN = {
    HTTPStatus.BAD_REQUEST: "A parameter, or what was sent, is not understood; `errors` says which.",
    HTTPStatus.UNAUTHORIZED: "The API key is unknown, revoked or expired.",
    HTTPStatus.FORBIDDEN: "Nobody is signed in, or who asks may not do this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or not for the one who asks.",
    HTTPStatus.NOT_ACCEPTABLE: "None of the media types asked for is written here.",
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly.",
    HTTPStatus.CONFLICT: "What was asked for cannot be done; `detail` says why.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "More was sent than one call may bring.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "What was sent is of a type that is not read here.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "What was sent cannot be processed; `detail` says why.",
    HTTPStatus.TOO_MANY_REQUESTS: "The API key has reached its limit; `Retry-After` says when to come again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The call can be made again later.",
}


def shape(name: str, fields: Mapping[str, serializers.Field[Any, Any, Any, Any] | Shape]) -> Shape:
    """An object of an answer. ``fields`` by their names, which need not be names in Python: ``from``."""
    return type(name, (serializers.Serializer,), dict(fields))


PROBLEM = shape(
    "Problem",
    {
        "type": serializers.CharField(help_text="Always `about:blank`: the status says what kind it is."),
        "title": serializers.CharField(help_text="The status in words."),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="What is wrong, in one line for people."),
        "instance": serializers.CharField(help_text="The address that was asked."),
        "errors": serializers.DictField(
            required=False, help_text="What is wrong with a parameter or a field, by its name."
        ),
    },
)


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """The errors of an address, for ``extend_schema(responses=…)``."""
    return {
        (int(status), PROBLEM_JSON): OpenApiResponse(PROBLEM, description=_WHEN[HTTPStatus(status)])
        for status in sorted({*ALWAYS, *statuses})
    }


def described(
    answer: Any,
    *,
    tag: str,
    name: str,
    parameters: Sequence[OpenApiParameter] = (),
    refuses: Collection[int] = (),
    **more: Any,
) -> Callable[[View], View]:
    """Describe a ``get``: what it answers, its parameters, and the errors that it has beside those of all.

    ``name`` is that of the operation, for programs that are made from the description.
    """
    responses = {(200, "application/json"): answer, **problems(*refuses)}
    return extend_schema(operation_id=name, tags=[tag], parameters=[*parameters], responses=responses, **more)


def list_of(name: str, rows: Shape) -> Shape:
    """A page of a long list, by position."""
    return shape(
        f"{name}Page",
        {
            "next": serializers.URLField(allow_null=True, help_text="The address of the next page."),
            "results": rows(many=True),
        },
    )


def query(
    name: str,
    says: str | Promise,
    *,
    of: Any = OpenApiTypes.STR,
    choices: Iterable[str] | None = None,
    required: bool = False,
    many: bool = False,
) -> OpenApiParameter:
    """A parameter of the address."""
    return OpenApiParameter(
        name,
        of,
        OpenApiParameter.QUERY,
        description=str(says),
        enum=None if choices is None else [*choices],
        required=required,
        many=many,
    )


_SIZE = query(
    "page_size",
    f"How many to a page: {PAGE_SIZE} when left out, at most {LARGEST_PAGE}; more counts as {LARGEST_PAGE}.",
    of={"type": "integer", "minimum": 1},
)
KEYSET = (
    query("cursor", "Where the page begins: as `next` of the page before gives it. It holds for ever."),
    _SIZE,
)


def filters_of(
    filters: type[django_filters.FilterSet], *, without: Collection[str] = ()
) -> list[OpenApiParameter]:
    """The parameters that a FilterSet reads, in its own words."""
    return [
        query(
            name,
            _says(each),
            of=_type_of(each),
            choices=_choices_of(each),
        )
        for name, each in filters.base_filters.items()
        if name not in without
    ]


def _says(each: django_filters.Filter) -> str:
    text = str(each.extra.get("help_text") or "")
    label = str(each.label or "")
    return f"{label}. {text}" if label and text and not text.startswith(label) else text or label


def _type_of(each: django_filters.Filter) -> Any:
    if isinstance(each, django_filters.DateFilter):
        return OpenApiTypes.DATE
    if isinstance(each, django_filters.NumberFilter):
        return {"type": "integer", "minimum": 1}
    return OpenApiTypes.STR


def _choices_of(each: django_filters.Filter) -> list[str] | None:
    choices = each.extra.get("choices")
    return None if choices is None else [str(value) for value, _label in choices]
