"""What an administrator sets of a source."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


def zone_choices(current: str = "") -> list[tuple[str, Any]]:
    """Zones of places by area, UTC first, and the one that is set; none is a choice too."""
    names = available_timezones()
    groups = [
        (area, [(name, name) for name in sorted(names) if name.startswith(f"{area}/")]) for area in _AREAS
    ]
    first = [("", _("None: a time that says no zone is rejected")), ("UTC", "UTC")]
    if current and current != "UTC" and not current.startswith(_AREAS):
        first.append((current, current))
    return [*first, *groups]


class TimeZoneForm(forms.Form):
    """The zone of times that say none."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone of times that say none"),
        required=False,
        help_text=gettext_lazy(
            "Holds for files and calls that come from now on. Records that are stored stay as they were read;"
            " rows kept aside because their time named no zone are read anew when they are sent again. A time in the"
            " hour that a change of clocks takes away or repeats is kept aside: nothing is guessed."
        ),
    )

    def __init__(self, data: Any = None, *, current: str) -> None:
        super().__init__(data, initial={"time_zone": current}, label_suffix="")
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = zone_choices(current)
