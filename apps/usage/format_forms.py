"""What somebody writes to describe files of another system."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.usage.domain.descriptions import LONGEST_DESCRIPTION

LONGEST_SAMPLE = 100_000


class FormatForm(forms.Form):
    """A description, and rows to try it with."""

    text = forms.CharField(
        label=_("Description"),
        max_length=LONGEST_DESCRIPTION,
        widget=forms.Textarea(
            attrs={"rows": 22, "class": "mono", "spellcheck": "false", "autocapitalize": "off"}
        ),
        help_text=_("What the columns of the file are called there, in TOML."),
    )
    sample = forms.CharField(
        label=_("Sample"),
        max_length=LONGEST_SAMPLE,
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "mono", "spellcheck": "false", "autocapitalize": "off"}
        ),
        help_text=_(
            "The first lines of such a file, with the header. They are shown as they would be read, not kept."
        ),
    )
