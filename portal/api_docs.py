"""The description of the API (OpenAPI), and the page that shows it: for partners and the provider."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views import View
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.guards import not_for_customers
from apps.core.described import described


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An API key, for the description."""

    target_class = "apps.accounts.api.access.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "An API key of an organisation."}


Endpoint = tuple[str, str, str, Any]


def each_once(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Of an address that answers with and without its last slash: posted to without, read with it."""
    paths = {path for path, _pattern, _method, _view in endpoints}
    return [
        endpoint
        for endpoint in endpoints
        if not (f"{endpoint[0]}/" in paths and endpoint[2] == "GET")
        and not (endpoint[0].endswith("/") and endpoint[0][:-1] in paths and endpoint[2] == "POST")
    ]


_DOCSTRING = re.compile(r"``[A-Z]+ \S+``: (?P<says>.*)", re.DOTALL)


def in_words(result: dict[str, Any], **_generation: Any) -> dict[str, Any]:
    """What the view says of itself, without its address: the first line as the summary."""
    for methods in result["paths"].values():
        for operation in methods.values():
            found = _DOCSTRING.match(operation.get("description", ""))
            if found is not None:
                first, _line, rest = found["says"].partition("\n")
                operation["summary"] = first[:1].upper() + first[1:]
                operation["description"] = rest.strip()
    return result


@cache
def described_api(language: str) -> dict[str, Any]:
    """The description in a language: it is the same for everybody, and takes a while to make."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


class SchemaView(APIView):
    """``GET /api/v1/schema/``: this description."""

    renderer_classes = (OpenApiJsonRenderer2, OpenApiJsonRenderer)

    @described(
        OpenApiTypes.OBJECT,
        tag="schema",
        name="schema_read",
        refuses=(404, 406),
    )
    def get(self, request: Request) -> Response:
        not_for_customers(request.user)
        return Response(described_api(get_language() or ""))


class ApiDocsView(View):
    """``/api/docs/``: the description in Swagger UI, which calls the API as who is signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        not_for_customers(request.user)
        return render(request, "api_docs.html")
