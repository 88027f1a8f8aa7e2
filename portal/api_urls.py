"""The API, version 1. What it does not have is 404 in JSON, like what is somebody else's."""

from django.urls import path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.dashboard.api import urls as dashboard
from apps.invoicing.api import urls as invoicing
from apps.reconciliation.api import urls as reconciliation


class NothingHereView(APIView):
    """Any other address."""

    def get(self, request: Request) -> Response:
        raise NotFound


app_name = "api"
urlpatterns = [
    *dashboard.urlpatterns,
    *reconciliation.urlpatterns,
    *invoicing.urlpatterns,
    path("", NothingHereView.as_view()),
    re_path("", NothingHereView.as_view()),
]
