"""Addresses of the pages about usage data."""

from django.urls import include, path

from apps.usage.delivery_views import DeliveryAgainView, DeliveryFileView, DeliveryListView, DeliveryView
from apps.usage.kept_aside_group_views import KeptAsideGroupView
from apps.usage.kept_aside_row_views import KeptAsideRowView
from apps.usage.kept_aside_views import KeptAsideCsvView, KeptAsideView
from apps.usage.source_views import SourceListView, SourceView

app_name = "usage"
urlpatterns = [
    path("", include("apps.usage.format_urls")),
    path("deliveries/", DeliveryListView.as_view(), name="deliveries"),
    path("deliveries/<int:delivery_id>/", DeliveryView.as_view(), name="delivery"),
    path("deliveries/<int:delivery_id>/again/", DeliveryAgainView.as_view(), name="delivery-again"),
    path("deliveries/<int:delivery_id>/file/", DeliveryFileView.as_view(), name="delivery-file"),
    path("sources/", SourceListView.as_view(), name="sources"),
    path("sources/<int:source_id>/", SourceView.as_view(), name="source"),
    path("kept-aside/", KeptAsideView.as_view(), name="kept_aside"),
    path("kept-aside/export.csv", KeptAsideCsvView.as_view(), name="kept_aside_csv"),
    path("kept-aside/group/", KeptAsideGroupView.as_view(), name="kept_aside_group"),
    path("kept-aside/<int:row_id>/", KeptAsideRowView.as_view(), name="kept_aside_row"),
]
