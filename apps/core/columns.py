"""Columns of tables whose cells are made by ``render_…``: what stands in nearly all of them."""

from __future__ import annotations

from typing import Any

import django_tables2
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString


def column(name: Any, **attributes: Any) -> django_tables2.Column:
    """A column that is not sorted by, and is rendered even where the row has no such value."""
    return django_tables2.Column(verbose_name=name, empty_values=(), orderable=False, **attributes)


def figure(name: Any) -> django_tables2.Column:
    """The same for a number."""
    return column(name, attrs={"cell": {"class": "num"}})


def badge(label: str | Promise, tone: str = "") -> SafeString:
    """The component in a cell; its inputs stand in its head."""
    return SafeString(render_to_string("components/badge.html", {"label": label, "tone": tone}).strip())
