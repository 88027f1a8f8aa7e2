from django.urls import path

from apps.reconciliation.digital_views import DigitalCsvView, DigitalView
from apps.reconciliation.proof_views import BilledProofView, ProofView
from apps.reconciliation.run_views import RunCancelView, RunListView, RunRetryView, RunView
from apps.reconciliation.unentitled_views import UnentitledView
from apps.reconciliation.views import CurrentUsageView, DailyDetailCsvView, DailyDetailView
from apps.reconciliation.voice_views import SurgePreviewView, VoiceCsvView, VoiceView

app_name = "reconciliation"
urlpatterns = [
    path("runs/", RunListView.as_view(), name="runs"),
    path("runs/<int:run_id>/", RunView.as_view(), name="run"),
    path("runs/<int:run_id>/cancel/", RunCancelView.as_view(), name="run-cancel"),
    path("runs/<int:run_id>/retry/", RunRetryView.as_view(), name="run-retry"),
    path("unentitled/", UnentitledView.as_view(), name="unentitled"),
    path("customers/<str:ref>/", CurrentUsageView.as_view(), name="current"),
    path("customers/<str:ref>/daily-detail/", DailyDetailView.as_view(), name="daily-detail"),
    path("customers/<str:ref>/daily-detail/proof/", ProofView.as_view(), name="proof"),
    path(
        "customers/<str:ref>/billed/<str:usage_type>/proof/", BilledProofView.as_view(), name="billed-proof"
    ),
    path("customers/<str:ref>/daily-detail.csv", DailyDetailCsvView.as_view(), name="daily-detail-csv"),
    path("customers/<str:ref>/voice/", VoiceView.as_view(), name="voice"),
    path("customers/<str:ref>/voice.csv", VoiceCsvView.as_view(), name="voice-csv"),
    path("customers/<str:ref>/voice/preview/", SurgePreviewView.as_view(), name="surge-preview"),
    path("customers/<str:ref>/digital/", DigitalView.as_view(), name="digital"),
    path("customers/<str:ref>/digital.csv", DigitalCsvView.as_view(), name="digital-csv"),
]
