"""Addresses of invoices. A number never holds a slash, so ``draft`` with its two parts is none."""

from datetime import date

from django.urls import path, register_converter

from apps.invoicing.views import (
    DraftView,
    InvoiceDetailView,
    InvoiceLinesCsvView,
    InvoiceListCsvView,
    InvoiceListView,
    InvoicePdfStateView,
    InvoicePdfView,
    NewestDraftView,
)


class CycleDayConverter:
    """A day like 2024-06-09."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(CycleDayConverter, "cycle_day")

app_name = "invoicing"
urlpatterns = [
    path("invoices/", InvoiceListView.as_view(), name="list"),
    path("invoices/export.csv", InvoiceListCsvView.as_view(), name="list-csv"),
    path("invoices/draft/<str:ref>/", NewestDraftView.as_view(), name="newest-draft"),
    path("invoices/draft/<str:ref>/<cycle_day:first_day>/", DraftView.as_view(), name="draft"),
    path("invoices/<str:number>/", InvoiceDetailView.as_view(), name="detail"),
    path("invoices/<str:number>/pdf/", InvoicePdfView.as_view(), name="pdf"),
    path("invoices/<str:number>/pdf-state/", InvoicePdfStateView.as_view(), name="pdf-state"),
    path("invoices/<str:number>/lines.csv", InvoiceLinesCsvView.as_view(), name="lines-csv"),
]
