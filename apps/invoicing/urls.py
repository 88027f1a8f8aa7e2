"""Addresses of invoices. A number never holds a slash, so ``draft`` with its two parts is none."""

from datetime import date

from django.urls import path, register_converter

from apps.invoicing.conflict_views import ConflictListView, ConflictsCsvView, ConflictView
from apps.invoicing.control_views import (
    ControlPaperAgainView,
    ControlPaperCsvView,
    ControlPaperView,
    ControlView,
)
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
    path("conflicts/", ConflictListView.as_view(), name="conflicts"),
    path("conflicts/export.csv", ConflictsCsvView.as_view(), name="conflicts-csv"),
    path("conflicts/<int:conflict_id>/", ConflictView.as_view(), name="conflict"),
    path("customers/<str:ref>/control/", ControlView.as_view(), name="control"),
    path("customers/<str:ref>/control/<int:paper_id>/", ControlPaperView.as_view(), name="control-paper"),
    path(
        "customers/<str:ref>/control/<int:paper_id>/again/",
        ControlPaperAgainView.as_view(),
        name="control-again",
    ),
    path(
        "customers/<str:ref>/control/<int:paper_id>/export.csv",
        ControlPaperCsvView.as_view(),
        name="control-csv",
    ),
    path("invoices/", InvoiceListView.as_view(), name="list"),
    path("invoices/export.csv", InvoiceListCsvView.as_view(), name="list-csv"),
    path("invoices/draft/<str:ref>/", NewestDraftView.as_view(), name="newest-draft"),
    path("invoices/draft/<str:ref>/<cycle_day:first_day>/", DraftView.as_view(), name="draft"),
    path("invoices/<str:number>/", InvoiceDetailView.as_view(), name="detail"),
    path("invoices/<str:number>/pdf/", InvoicePdfView.as_view(), name="pdf"),
    path("invoices/<str:number>/pdf-state/", InvoicePdfStateView.as_view(), name="pdf-state"),
    path("invoices/<str:number>/lines.csv", InvoiceLinesCsvView.as_view(), name="lines-csv"),
]
