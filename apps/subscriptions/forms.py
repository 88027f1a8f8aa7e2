"""What a provider administrator writes to change the surge protection, or the settings of an offer."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.subscriptions.services.settings import MOST_HOURS
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


class OfferSettingsForm(forms.Form):
    """The readings of an offer, and why they are changed."""

    billed_peak = forms.ChoiceField(
        label=_("Which day is billed (rule R6)"),
        choices=[
            ("per_type", _("Each usage type by its own largest day")),
            ("combined_day", _("All usage types by the marked day")),
        ],
        widget=forms.RadioSelect,
        help_text=_(
            "By its own largest day, 2 Premium of 13 June and 11 Standard of 12 June are billed together. By the marked"
            " day, both are billed as they stood on the one day whose sum was the largest."
        ),
    )
    ivr_peak = forms.ChoiceField(
        label=_("How IVR ports are counted (rule R8)"),
        choices=[
            ("minute", _("All contacts that touch a clock minute")),
            ("instant", _("Contacts at one and the same moment")),
        ],
        widget=forms.RadioSelect,
        help_text=_(
            "Two contacts in menus one after the other within a minute are 2 ports by the minute, and 1 port by the"
            " moment. The minute never counts less."
        ),
    )
    longest_open_hours = forms.IntegerField(
        label=_("Hours that a record without an end lasts"),
        min_value=1,
        max_value=MOST_HOURS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=_(
            "A session, leg or call whose end has not arrived counts for so long at most, and is reported then."
        ),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the history."),
    )
