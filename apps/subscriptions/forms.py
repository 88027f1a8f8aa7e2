"""What a provider administrator writes to change the surge protection."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.subscriptions.services.surge import HIGHEST_PERCENT


class PercentageForm(forms.Form):
    """A surge percentage: from 0, with at most two decimals (R9)."""

    percentage = forms.DecimalField(
        label=_("Surge percentage"),
        min_value=Decimal(0),
        max_value=Decimal(HIGHEST_PERCENT),
        decimal_places=2,
        widget=forms.NumberInput(
            attrs={
                "inputmode": "decimal",
                "hx-get": "preview/",
                "hx-trigger": "input changed delay:300ms",
                "hx-target": "#surge-preview",
            }
        ),
    )


class SurgeForm(PercentageForm):
    """A new percentage and why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the history for everybody who sees this customer."),
    )
