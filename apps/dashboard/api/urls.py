"""Addresses of the API of the list of customers."""

from django.urls import path

from apps.dashboard.api.views import CustomerListView

urlpatterns = [path("customers/", CustomerListView.as_view(), name="customers")]
