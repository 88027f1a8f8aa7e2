"""Addresses of the API of cycles and their Daily Detail, and of runs."""

from django.urls import path

from apps.reconciliation.api.digital import DigitalView
from apps.reconciliation.api.proof import BilledProofView, ProofView
from apps.reconciliation.api.runs import RunDetailView, RunListView
from apps.reconciliation.api.stored import StoredCycleListView, StoredDetailListView
from apps.reconciliation.api.unentitled import (
    CustomerUnentitledView,
    OpenRecordListView,
    UnentitledListView,
)
from apps.reconciliation.api.views import CycleListView, DailyDetailView
from apps.reconciliation.api.voice import VoiceView

urlpatterns = [
    path("runs/", RunListView.as_view(), name="runs"),
    path("runs/<int:run_id>/", RunDetailView.as_view(), name="run"),
    path("cycles/", StoredCycleListView.as_view(), name="stored-cycles"),
    path("daily-detail/", StoredDetailListView.as_view(), name="stored-detail"),
    path("customers/<str:ref>/cycles/", CycleListView.as_view(), name="cycles"),
    path("customers/<str:ref>/daily-detail/", DailyDetailView.as_view(), name="daily-detail"),
    path("customers/<str:ref>/daily-detail/proof/", ProofView.as_view(), name="proof"),
    path(
        "customers/<str:ref>/billed/<str:usage_type>/proof/", BilledProofView.as_view(), name="billed-proof"
    ),
    path("customers/<str:ref>/unentitled/", CustomerUnentitledView.as_view(), name="customer-unentitled"),
    path("unentitled/", UnentitledListView.as_view(), name="unentitled"),
    path("open-records/", OpenRecordListView.as_view(), name="open-records"),
    path("customers/<str:ref>/voice/", VoiceView.as_view(), name="voice"),
    path("customers/<str:ref>/digital/", DigitalView.as_view(), name="digital"),
]
