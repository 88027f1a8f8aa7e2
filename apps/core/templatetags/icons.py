"""Icons: ``{% load icons %}{% icon "arrow-down-tray" %}``."""

from functools import lru_cache

from django import template
from django.utils.safestring import SafeString
from heroicons.templatetags import heroicons

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 20, style: str = "") -> SafeString:
    """A heroicon that decorates a text beside it, hidden from screen readers.

    ``size`` 16 and 20 take the solid drawings made for that size, others the outline; ``style`` ("micro", "mini",
    "outline", "solid") overrules it.
    """
    chosen = style or {16: "micro", 20: "mini"}.get(size, "outline")
    draw = getattr(heroicons, f"heroicon_{chosen}")
    return SafeString(draw(name, size=size, **{"class": "icon", "aria_hidden": "true", "focusable": "false"}))
