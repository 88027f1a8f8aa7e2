"""What somebody decides about a conflict."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

KEEP, TAKE = "keep", "take"


class DecisionForm(forms.Form):
    """The side that is to count, and why."""

    decision = forms.ChoiceField(
        label=_("What counts from now on"),
        choices=[(KEEP, _("What is stored")), (TAKE, _("What arrived"))],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept with the decision, for whoever asks later."),
    )

    @property
    def takes(self) -> bool:
        """Whether the arriving content is to count."""
        return bool(self.cleaned_data["decision"] == TAKE)
