"""Addresses of the API of usage: records, the deliveries that brought them, and the rows that were kept aside."""

from django.urls import path

from apps.usage.api.conflicts import ConflictListView
from apps.usage.api.deliveries import DeliveryDetailView, DeliveryListView, KeptAsideListView
from apps.usage.api.sources import SourceListView
from apps.usage.api.views import UsageView

urlpatterns = [
    path("usage/<str:kind>/", UsageView.as_view(), name="usage"),
    path("usage/<str:kind>", UsageView.as_view()),  # programs post to it as it is written down
    path("deliveries/", DeliveryListView.as_view(), name="deliveries"),
    path("deliveries/<int:delivery_id>/", DeliveryDetailView.as_view(), name="delivery"),
    path("sources/", SourceListView.as_view(), name="sources"),
    path("kept-aside/", KeptAsideListView.as_view(), name="kept-aside"),
    path("conflicts/", ConflictListView.as_view(), name="conflicts"),
]
