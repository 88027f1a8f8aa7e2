"""What is chosen to compare a vendor's paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.domain.periods import Period
from apps.core.formatting import period
from apps.usage.domain.controls import LARGEST_PAPER


class MomentField(forms.DateTimeField):
    """A moment, UTC, as browsers write one (``2024-06-09T14:05``) or with an offset."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def to_python(self, value: Any) -> datetime | None:
        """The moment; without an offset it is UTC."""
        if value in self.empty_values:
            return None
        try:
            found = datetime.fromisoformat(str(value).strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class ControlForm(forms.Form):
    """A paper, the cycle it is about and when its vendor counted."""

    cycle = forms.ChoiceField(label=_("Billing cycle"), required=False)
    as_of = MomentField(
        label=_("Counted at (UTC)"),
        required=False,
        help_text=_(
            "When the vendor counted, where you know it: records that came later are left out to see."
        ),
    )
    paper = forms.FileField(
        label=_("Paper"),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".csv,.txt,.tsv,.json,.xlsx", "aria-describedby": "paper-note"}
        ),
    )

    def __init__(self, *arguments: Any, cycles: Sequence[Period], **options: Any) -> None:
        super().__init__(*arguments, **options)
        choices = [(each.first.isoformat(), period(each)) for each in cycles]
        self.fields["cycle"].choices = [("", _("The one of its days")), *choices]  # type: ignore[attr-defined]

    @property
    def first_day(self) -> date | None:
        """The first day of the cycle that was chosen, None where the paper's days shall tell."""
        chosen = self.cleaned_data["cycle"]
        return date.fromisoformat(chosen) if chosen else None

    def clean_paper(self) -> Any:
        """A file that is not too large to be read."""
        paper = self.cleaned_data["paper"]
        if paper.size > LARGEST_PAPER:
            raise ValidationError(_("The file is larger than 5 MB."), code="large")
        return paper
