"""What people write into the filters of invoices."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.domain.periods import Period

_YEAR_OR_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?", re.ASCII)


class YearOrMonthField(forms.CharField):
    """A year (``2024``) or a month (``2024-07``), as the days that it has."""

    default_error_messages = {"invalid": _("Write a year like 2024 or a month like 2024-07.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 7, "widget": forms.Select, **options})

    def clean(self, value: Any) -> Any:
        """The period; None where nothing was chosen."""
        text = super().clean(value)
        if not text:
            return None
        found = _YEAR_OR_MONTH.fullmatch(text)
        if found is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        year, month = int(found[1]), int(found[2] or 1)
        if year == 0 or not 1 <= month <= 12:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        if not found[2]:
            return Period(date(year, 1, 1), date(year, 12, 31))
        return Period(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
