"""Static files that are collected: what pages use, and not all that the libraries bring along."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class PortalStaticFilesConfig(StaticFilesConfig):
    """Compressing what no page loads would take most of the time of a start."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        *("account", "django_tables2", "rest_framework"),
        *("ext", "htmax-*", "htmx-2.js", "htmx-4*"),
        *("redoc", "swagger-ui-standalone-preset.js*", "swagger-ui-bundle.js.map", "oauth2-redirect.*"),
    ]
