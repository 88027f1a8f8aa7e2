"""The API, version 1. What it does not have is 404 in JSON, like what is somebody else's."""

from typing import NoReturn

from django.http import HttpRequest
from django.urls import path, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.dashboard.api import urls as dashboard
from apps.invoicing.api import urls as invoicing
from apps.reconciliation.api import urls as reconciliation
from apps.usage.api import urls as usage
from portal.api_docs import SchemaView


class NothingHereView(APIView):
    """Any other address, whatever is asked of it."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        raise NotFound

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> NoReturn:
        raise NotFound


app_name = "api"
urlpatterns = [
    *dashboard.urlpatterns,
    *reconciliation.urlpatterns,
    *invoicing.urlpatterns,
    *usage.urlpatterns,
    path("schema/", SchemaView.as_view(), name="schema"),
    path("", NothingHereView.as_view()),
    re_path("", NothingHereView.as_view()),
]
