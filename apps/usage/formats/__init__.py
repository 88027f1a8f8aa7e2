"""The shipped descriptions of other people's files, and those that partners have added."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.db.models import QuerySet

from apps.core.tenancy import current_scope
from apps.usage.domain.descriptions import parse_format
from apps.usage.domain.formats import Format, FormatError
from apps.usage.models import FormatDescription

_FOLDER = Path(__file__).resolve().parent


@cache
def shipped_texts() -> dict[str, str]:
    """The shipped descriptions as they are written, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.toml"))}


@cache
def shipped_formats() -> tuple[Format, ...]:
    """The shipped descriptions."""
    return tuple(parse_format(text, is_built_in=True) for text in shipped_texts().values())


def list_formats() -> list[Format]:
    """The shipped formats and those of the organisation in whose scope this runs. One query.

    The provider sees the descriptions of all partners, but its own files are read by its own alone. A description that
    was valid once and is no more (the rules for them have changed) is passed over.
    """
    formats = list(shipped_formats())
    for text in own_descriptions().values_list("text", flat=True):
        try:
            formats.append(parse_format(text))
        except FormatError:
            continue
    return formats


def own_descriptions() -> QuerySet[FormatDescription]:
    """What the organisation in whose scope this runs has added, by name."""
    return FormatDescription.objects.filter(partner=current_scope().partner).order_by("name")
