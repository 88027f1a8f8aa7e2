"""Addresses of what a customer has committed to."""

from django.urls import path

from apps.subscriptions.views import SurgePreviewView, VoiceView

app_name = "subscriptions"
urlpatterns = [
    path("customers/<str:ref>/voice/", VoiceView.as_view(), name="voice"),
    path("customers/<str:ref>/voice/preview/", SurgePreviewView.as_view(), name="surge-preview"),
]
