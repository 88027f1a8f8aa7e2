"""All addresses of the portal."""

from django.urls import include, path

from apps.core.styleguide import styleguide
from portal.health import HealthView

urlpatterns = [
    path("accounts/", include("apps.accounts.urls")),
    path("language/", include("django.conf.urls.i18n")),
    path("api/v1/", include("portal.api_urls")),
    path("health/", HealthView.as_view(), name="health"),
    path("styleguide/", styleguide, name="styleguide"),
    path("", include("apps.dashboard.urls")),
    path("", include("apps.reconciliation.urls")),
    path("", include("apps.subscriptions.urls")),
    path("", include("apps.invoicing.urls")),
]
