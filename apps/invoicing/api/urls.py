"""Addresses of the API of invoices."""

from django.urls import path

from apps.invoicing.api.views import InvoiceDetailView, InvoiceListView

urlpatterns = [
    path("invoices/", InvoiceListView.as_view(), name="invoices"),
    path("invoices/<str:number>/", InvoiceDetailView.as_view(), name="invoice"),
]
