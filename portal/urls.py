"""All addresses of the portal."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from apps.core.styleguide import styleguide
from portal.api_docs import ApiDocsView
from portal.health import HealthView

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler404 = "portal.errors.page_not_found"
handler500 = "portal.errors.server_error"

urlpatterns = [
    path("accounts/", include("apps.accounts.urls")),
    path("language/setlang/", login_not_required(set_language), name="set_language"),
    path("api/v1/", include("portal.api_urls")),
    path("api/docs/", ApiDocsView.as_view(), name="api-docs"),
    path("api-keys/", include("apps.accounts.key_urls")),
    path("health/", HealthView.as_view(), name="health"),
    path("styleguide/", styleguide, name="styleguide"),
    path("", include("apps.dashboard.urls")),
    path("", include("apps.reconciliation.urls")),
    path("", include("apps.usage.urls")),
    path("", include("apps.subscriptions.urls")),
    path("", include("apps.invoicing.urls")),
]
