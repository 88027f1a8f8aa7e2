"""All addresses of the portal."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from apps.core.styleguide import styleguide
from portal.health import HealthView

urlpatterns = [
    path("accounts/", include("apps.accounts.urls")),
    path("language/setlang/", login_not_required(set_language), name="set_language"),
    path("api/v1/", include("portal.api_urls")),
    path("health/", HealthView.as_view(), name="health"),
    path("styleguide/", styleguide, name="styleguide"),
    path("", include("apps.dashboard.urls")),
    path("", include("apps.reconciliation.urls")),
    path("", include("apps.subscriptions.urls")),
    path("", include("apps.invoicing.urls")),
]
