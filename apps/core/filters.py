"""Filters of days and of yes and no, the same in an address of a page and of the API, and what they leave."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import DateInput
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from apps.core.domain.periods import ONE_DAY


def filtered(filters: django_filters.FilterSet) -> QuerySet[Any]:
    """What the filters of an address of the API leave.

    Raises:
        ValidationError: one of them is not understood.
    """
    if not filters.is_valid():
        raise ValidationError(filters.errors)
    left: QuerySet[Any] = filters.qs
    return left


class DayFilter(django_filters.DateFilter):
    """A day, written like 2024-06-09 and in no other way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%Y-%m-%d"])
        kwargs.setdefault("widget", DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
        super().__init__(*args, **kwargs)


class FromDayFilter(DayFilter):
    """Moments on a day (UTC) or after it."""

    def filter(self, qs: QuerySet[Any], value: date | None) -> QuerySet[Any]:
        """Those not before the day's midnight."""
        return qs if value is None else qs.filter(**{f"{self.field_name}__gte": _midnight(value)})


class ToDayFilter(DayFilter):
    """Moments on a day (UTC) or before it."""

    def filter(self, qs: QuerySet[Any], value: date | None) -> QuerySet[Any]:
        """Those before the next day's midnight; after the last day that can be written comes nothing."""
        if value is None or value == date.max:
            return qs
        return qs.filter(**{f"{self.field_name}__lt": _midnight(value + ONE_DAY)})


class YesNoFilter(django_filters.ChoiceFilter):
    """``true`` or ``false``, in the words ``yes`` and ``no``; ``method`` is called with the text."""

    def __init__(self, *, yes: Any, no: Any, **kwargs: Any) -> None:
        kwargs.setdefault("empty_label", _("All"))
        super().__init__(choices=[("true", yes), ("false", no)], **kwargs)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
