"""Addresses of API keys. They stand apart from signing in, which sees nothing of a tenant."""

from django.urls import path

from apps.accounts.key_views import KeyListView, KeyRevokeView, KeyView

app_name = "keys"
urlpatterns = [
    path("", KeyListView.as_view(), name="list"),
    path("<str:prefix>/", KeyView.as_view(), name="key"),
    path("<str:prefix>/revoke/", KeyRevokeView.as_view(), name="revoke"),
]
