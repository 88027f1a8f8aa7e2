"""Addresses of the pages about formats, among those of usage data."""

from django.urls import path

from apps.usage.format_views import FormatAddView, FormatDeleteView, FormatListView, FormatView

urlpatterns = [
    path("formats/", FormatListView.as_view(), name="formats"),
    path("formats/new/", FormatAddView.as_view(), name="format-add"),
    path("formats/<str:format_name>/", FormatView.as_view(), name="format"),
    path("formats/<str:format_name>/delete/", FormatDeleteView.as_view(), name="format-delete"),
]
