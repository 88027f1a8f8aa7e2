"""Addresses of the settings of offers."""

from django.urls import path

from apps.subscriptions.views import OfferListView, OfferSettingsView

app_name = "subscriptions"
urlpatterns = [
    path("offers/", OfferListView.as_view(), name="offers"),
    path("offers/<str:code>/", OfferSettingsView.as_view(), name="offer"),
]
