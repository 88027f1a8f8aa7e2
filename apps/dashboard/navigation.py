"""The primary navigation, by who is signed in."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor."""
    return {"navigation": []}
