"""What somebody fills in to mend rows: for each kind of reason a form that becomes a correction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalogue.domain.kinds import SkuKind
from apps.catalogue.models import Sku
from apps.organisations.models import Customer
from apps.usage.domain.faults import Fault
from apps.usage.domain.mending import (
    AgentsLicence,
    AsTheyAre,
    CellsMeant,
    Correction,
    CustomerMeant,
    HourMeant,
    LicenceMeant,
    OneHourLater,
    SkuMeant,
    ZoneMeant,
)
from apps.usage.domain.records import KindOfFile
from apps.usage.kept_aside import GroupKey

_LICENCES = [("premium", "Premium"), ("standard", "Standard")]
_CELL_LABELS = {
    "record_id": gettext_lazy("Record"),
    "agent_id": gettext_lazy("Agent"),
    "contact_id": gettext_lazy("Contact"),
    "licence": gettext_lazy("Licence"),
    "sku": gettext_lazy("SKU"),
    "quantity": gettext_lazy("Quantity"),
    "started_at": gettext_lazy("Started"),
    "ended_at": gettext_lazy("Ended"),
    "occurred_at": gettext_lazy("Used at"),
    "customer": gettext_lazy("Customer"),
}
_MAY_BE_EMPTY = ("ended_at",)


def cells_in_words(cells: Mapping[str, str], described: KindOfFile) -> list[tuple[str, str]]:
    """The cells that say something, in the order of the form and named as there."""
    return [
        (str(_CELL_LABELS[name]), cells[name]) for name in ("customer", *described.columns) if cells.get(name)
    ]


class CorrectionForm(forms.Form):
    """A correction of a group's rows; without fields: they are sent as they are."""

    title = gettext_lazy("Send them again as they are")
    note = gettext_lazy("For what has become known or has come to pass since.")

    def __init__(self, *args: Any, group: GroupKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group

    def correction(self) -> Correction:
        """What was filled in, once it is valid."""
        return AsTheyAre()


class CustomerForm(CorrectionForm):
    """The customer that is meant."""

    title = gettext_lazy("Say which customer is meant")
    note = gettext_lazy("All of these rows are then of that customer.")
    customer = forms.CharField(
        label=gettext_lazy("Customer's reference"),
        max_length=64,
        widget=forms.TextInput(attrs={"list": "customers", "autocomplete": "off"}),
    )
    remember = forms.BooleanField(
        label=gettext_lazy("Remember this for later files of the source"), required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.group.value:
            del self.fields["remember"]

    def clean_customer(self) -> str:
        """A customer of whoever sent the rows."""
        ref = str(self.cleaned_data["customer"]).strip()
        found = Customer.objects.filter(ref=ref)
        if self.group.partner is not None:
            found = found.filter(partner=self.group.partner)
        if not found.exists():
            raise forms.ValidationError(_("There is no customer with this reference."))
        return ref

    def correction(self) -> Correction:
        """The customer."""
        remember = bool(self.cleaned_data.get("remember"))
        return CustomerMeant(self.cleaned_data["customer"], remember=remember)


class ZoneForm(CorrectionForm):
    """The time zone of the source."""

    title = gettext_lazy("Say in which time zone the source writes")
    note = gettext_lazy("It is remembered for all later files of the source.")
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"list": "zones", "autocomplete": "off", "placeholder": "Europe/Stockholm"}
        ),
    )

    def clean_zone(self) -> str:
        """The name of a zone."""
        name = str(self.cleaned_data["zone"]).strip()
        if name not in available_timezones():
            raise forms.ValidationError(_("%(name)s is not the name of a time zone.") % {"name": name})
        return name

    def correction(self) -> Correction:
        """The zone."""
        return ZoneMeant(self.cleaned_data["zone"])


class HourForm(CorrectionForm):
    """Which of two hours is meant."""

    title = gettext_lazy("Say which of the two hours is meant")
    note = gettext_lazy("Clocks were put back, so these times stand twice in the day.")
    hour = forms.ChoiceField(
        label=gettext_lazy("Hour"),
        choices=[
            ("first", gettext_lazy("The first: before the clocks were put back")),
            ("second", gettext_lazy("The second: after it")),
        ],
        widget=forms.RadioSelect,
    )

    def correction(self) -> Correction:
        """The hour."""
        return HourMeant(second=self.cleaned_data["hour"] == "second")


class LaterForm(CorrectionForm):
    """Times that do not exist, an hour later."""

    title = gettext_lazy("Take them one hour later")
    note = gettext_lazy("Clocks were put forward, so these times do not exist in the day.")

    def correction(self) -> Correction:
        """An hour later."""
        return OneHourLater()


class LicenceForm(CorrectionForm):
    """What the source means by a licence's name."""

    title = gettext_lazy("Say which licence is meant")
    note = gettext_lazy("All of these rows then have that licence.")
    licence = forms.ChoiceField(label=gettext_lazy("Licence"), choices=_LICENCES, widget=forms.RadioSelect)

    def correction(self) -> Correction:
        """The licence."""
        return LicenceMeant(premium=self.cleaned_data["licence"] == "premium")


class AgentsLicenceForm(LicenceForm):
    """The licence that an agent has from a day on."""

    title = gettext_lazy("Say which licence the agent has")
    note = gettext_lazy("It is remembered for all later files of the customer.")
    first_day = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))

    def correction(self) -> Correction:
        """The licence and its first day."""
        return AgentsLicence(
            premium=self.cleaned_data["licence"] == "premium", first_day=self.cleaned_data["first_day"]
        )


class SkuForm(CorrectionForm):
    """The SKU of digital usage that is meant."""

    title = gettext_lazy("Say which SKU is meant")
    note = gettext_lazy("All of these rows are then of that SKU.")
    sku = forms.ModelChoiceField(
        queryset=Sku.objects.filter(kind=SkuKind.DIGITAL_USAGE).order_by("code"),
        to_field_name="code",
        label=gettext_lazy("SKU"),
    )

    def correction(self) -> Correction:
        """The SKU."""
        return SkuMeant(self.cleaned_data["sku"].code)


_FORMS: Mapping[str, type[CorrectionForm]] = {
    Fault.UNKNOWN_CUSTOMER: CustomerForm,
    Fault.NO_CUSTOMER: CustomerForm,
    Fault.NO_TIME_ZONE: ZoneForm,
    Fault.AMBIGUOUS_TIME: HourForm,
    Fault.SKIPPED_TIME: LaterForm,
    Fault.UNKNOWN_LICENCE: LicenceForm,
    Fault.NO_LICENCE: AgentsLicenceForm,
    Fault.UNKNOWN_SKU: SkuForm,
}


def form_of(reason: str) -> type[CorrectionForm] | None:
    """The form that mends all rows of a reason; None: each of them has to be looked at."""
    return _FORMS.get(reason)


class SetAsideForm(forms.Form):
    """Why rows are set aside for good."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )


class CellsForm(forms.Form):
    """The cells of one row, a field for each column of its kind."""

    def __init__(self, *args: Any, described: KindOfFile, cells: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("customer", *described.columns):
            self.fields[name] = forms.CharField(
                label=_CELL_LABELS[name],
                initial=cells.get(name, ""),
                required=name not in _MAY_BE_EMPTY,
                max_length=2_000,
                help_text=_("Empty: still going on.") if name == "ended_at" else "",
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def correction(self) -> Correction:
        """The cells as they are now."""
        return CellsMeant({name: str(self.cleaned_data[name]).strip() for name in self.fields})
