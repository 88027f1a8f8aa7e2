"""What an administrator writes to make an API key, and the provider's to limit one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import KeyScope
from apps.core.domain.periods import ONE_DAY


class NewKeyForm(forms.Form):
    """A key's name, what it may do, and its last day."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("For example the program that will use it."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=KeyScope.choices, widget=forms.CheckboxSelectMultiple
    )
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("It works to the end of this day (UTC). Without one it works until it is revoked."),
    )

    def clean_last_day(self) -> date | None:
        """A day that has a next one."""
        day: date | None = self.cleaned_data["last_day"]
        if day == date.max:
            raise ValidationError(_("This day is too far away."))
        return day

    @property
    def expires_at(self) -> datetime | None:
        """The midnight after the last day."""
        day = self.cleaned_data["last_day"]
        return day and datetime.combine(day + ONE_DAY, time.min, UTC)


class KeyLimitsForm(forms.Form):
    """How much a key may ask for in a minute."""

    requests_a_minute = forms.IntegerField(
        label=_("Requests a minute"),
        min_value=1,
        max_value=2**31 - 1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    records_a_minute = forms.IntegerField(
        label=_("Records a minute"),
        min_value=1,
        max_value=2**31 - 1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
