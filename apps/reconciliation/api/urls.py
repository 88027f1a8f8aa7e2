"""Addresses of the API of customers."""

from django.urls import path

from apps.reconciliation.api.views import CustomerListView, CycleListView, DailyDetailView

urlpatterns = [
    path("customers/", CustomerListView.as_view(), name="customers"),
    path("customers/<str:ref>/cycles/", CycleListView.as_view(), name="cycles"),
    path("customers/<str:ref>/daily-detail/", DailyDetailView.as_view(), name="daily-detail"),
]
