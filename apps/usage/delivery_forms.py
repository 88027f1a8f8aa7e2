"""What somebody fills in to send files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.usage.filters import KIND_CHOICES
from apps.usage.services import DEFAULT_SOURCE

LONGEST_NAME = 255


class FilesInput(forms.ClearableFileInput):
    """A choice of several files."""

    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class FilesField(forms.FileField):
    """One file or more, none of them empty."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """The files, in the order in which they were chosen.

        Raises:
            ValidationError: there is none, or one that cannot be taken; the line names it.
        """
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            raise forms.ValidationError(_("Choose at least one file."))
        for file in files:
            if not file.size:
                raise forms.ValidationError(_("%(name)s is empty.") % {"name": file.name})
        return list(files)


class UploadForm(forms.Form):
    """Files and what they are."""

    file = FilesField(
        label=gettext_lazy("Files"),
        widget=FilesInput(
            attrs={
                "accept": ".csv,.tsv,.txt,.ndjson,.jsonl,.json,.xlsx,.gz,.zip",
                "aria-describedby": "files-note",
            }
        ),
    )
    kind = forms.ChoiceField(label=gettext_lazy("What they hold"), required=False)
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=64,
        widget=forms.TextInput(attrs={"list": "known-sources", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "The system that they come from. A record is known by its id within its source for ever."
        ),
    )
    customer = forms.CharField(
        label=gettext_lazy("Customer of rows that name none"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("A customer's reference. A row's own always wins."),
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"), required=False)

    def __init__(self, *args: Any, formats: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"source": DEFAULT_SOURCE})
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self._choices("kind", [("", _("Recognised by itself")), *KIND_CHOICES])
        self._choices("format", [("", _("Recognised by itself")), *formats])

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def line(self) -> str:
        """All that is wrong, as one line."""
        return " ".join(str(error) for errors in self.errors.values() for error in errors)
