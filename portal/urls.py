"""All addresses of the portal."""

from django.urls import include, path

from apps.core.styleguide import styleguide

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("language/", include("django.conf.urls.i18n")),
    path("styleguide/", styleguide, name="styleguide"),
    path("", include("apps.dashboard.urls")),
    path("", include("apps.reconciliation.urls")),
    path("", include("apps.subscriptions.urls")),
    path("", include("apps.invoicing.urls")),
]
