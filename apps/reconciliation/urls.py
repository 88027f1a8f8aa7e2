from django.urls import path

from apps.reconciliation.views import CurrentUsageView, DailyDetailCsvView, DailyDetailView

app_name = "reconciliation"
urlpatterns = [
    path("customers/<str:ref>/", CurrentUsageView.as_view(), name="current"),
    path("customers/<str:ref>/daily-detail/", DailyDetailView.as_view(), name="daily-detail"),
    path("customers/<str:ref>/daily-detail.csv", DailyDetailCsvView.as_view(), name="daily-detail-csv"),
]
