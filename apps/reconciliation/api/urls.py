"""Addresses of the API of a customer's usage."""

from django.urls import path

from apps.reconciliation.api.views import CycleListView, DailyDetailView

urlpatterns = [
    path("customers/<str:ref>/cycles/", CycleListView.as_view(), name="cycles"),
    path("customers/<str:ref>/daily-detail/", DailyDetailView.as_view(), name="daily-detail"),
]
