"""Addresses of the API of invoices, and of what cycles would come to."""

from django.urls import path

from apps.invoicing.api.control import ControlTotalListView, ControlTotalRowsView, ControlTotalView
from apps.invoicing.api.views import InvoiceDetailView, InvoiceListView, WhatIfView

urlpatterns = [
    path("invoices/", InvoiceListView.as_view(), name="invoices"),
    path("invoices/<str:number>/", InvoiceDetailView.as_view(), name="invoice"),
    path("customers/<str:ref>/control-totals/", ControlTotalListView.as_view(), name="control-totals"),
    path(
        "customers/<str:ref>/control-totals/<int:paper_id>/",
        ControlTotalView.as_view(),
        name="control-total",
    ),
    path(
        "customers/<str:ref>/control-totals/<int:paper_id>/rows/",
        ControlTotalRowsView.as_view(),
        name="control-total-rows",
    ),
    path("customers/<str:ref>/what-if/", WhatIfView.as_view(), name="what-if"),
]
