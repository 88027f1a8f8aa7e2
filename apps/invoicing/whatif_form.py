"""What people write to ask what a cycle would come to: in an address, on a page or on the command line."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalogue.domain.kinds import SkuKind
from apps.catalogue.domain.prices import NewPrice
from apps.catalogue.models import Sku
from apps.invoicing.domain.whatif import Side
from apps.reconciliation.domain.whatif import Changes, Commitment, NewQuantity
from apps.subscriptions.services.surge import HIGHEST_PERCENT

MOST_CYCLES = 36
LARGEST_QUANTITY = 10_000_000

_QUANTITY = re.compile(r"([+-]?)([0-9]{1,8})", re.ASCII)
_PRICE = re.compile(
    r"(?P<sku>[^\s=]{1,64})=(?P<unit>[0-9]{1,12}(\.[0-9]{1,6})?)(/(?P<discount>[0-9]{1,3}(\.[0-9]{1,6})?))?",
    re.ASCII,
)


class DayField(forms.Field):
    """A day like ``2024-06-09``."""

    default_error_messages = {"invalid": gettext_lazy("Write a day like 2024-06-09.")}

    def to_python(self, value: Any) -> Any:
        """The day; None where nothing was written."""
        if value in self.empty_values:
            return None
        try:
            return date.fromisoformat(value) if len(value) == 10 else self._refuse()
        except ValueError:
            return self._refuse()

    def _refuse(self) -> None:
        raise ValidationError(self.error_messages["invalid"], code="invalid")


class DaysField(DayField):
    """One day or several, each once."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "many": gettext_lazy("Choose at most %(most)s cycles."),
        "required": gettext_lazy("Name the first day of a cycle."),
    }

    def to_python(self, value: Any) -> Any:
        """The days, in the order in which they were written."""
        days = [super(DaysField, self).to_python(text) for text in dict.fromkeys(value or ()) if text]
        if len(days) > MOST_CYCLES:
            raise ValidationError(self.error_messages["many"], code="many", params={"most": str(MOST_CYCLES)})
        return days


class QuantityField(forms.Field):
    """A quantity (``12``), or so many more or fewer (``+3``, ``-3``). A plus in an address arrives as a space."""

    default_error_messages = {
        "invalid": gettext_lazy("Write a quantity like 12, or a change like +3 or -3, of at most %(most)s.")
    }

    def to_python(self, value: Any) -> Any:
        """The quantity; None where nothing was written."""
        if value in self.empty_values:
            return None
        found = _QUANTITY.fullmatch(re.sub(r"^ ", "+", value))
        if found is None or int(found[2]) > LARGEST_QUANTITY:
            raise ValidationError(
                self.error_messages["invalid"], code="invalid", params={"most": str(LARGEST_QUANTITY)}
            )
        quantity = int(found[2])
        return NewQuantity(-quantity if found[1] == "-" else quantity, is_added=bool(found[1]))


class PricesField(forms.Field):
    """Prices like ``SKU=150.00`` or, with a discount in per cent, ``SKU=150.00/10``."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "invalid": gettext_lazy(
            "Write a price like SKU=150.00, or with a discount in per cent SKU=150.00/10."
        ),
        "twice": gettext_lazy("%(sku)s has two prices."),
        "unknown": gettext_lazy("%(sku)s is no SKU of a commitment or of overage."),
    }

    def to_python(self, value: Any) -> Any:
        """The prices by SKU."""
        prices: dict[str, NewPrice] = {}
        for text in value or ():
            found = _PRICE.fullmatch(text)
            discount = Decimal(found["discount"]) if found and found["discount"] else None
            if found is None or (discount is not None and discount > 100):
                raise ValidationError(self.error_messages["invalid"], code="invalid")
            sku = found["sku"]
            if sku in prices:
                raise ValidationError(self.error_messages["twice"], code="twice", params={"sku": sku})
            prices[sku] = NewPrice(Decimal(found["unit"]), discount)
        if prices:
            self._check_skus(prices)
        return prices

    def _check_skus(self, prices: Mapping[str, NewPrice]) -> None:
        kinds = (SkuKind.COMMITTED, SkuKind.OVERAGE)
        known = set(Sku.objects.filter(kind__in=kinds).values_list("code", flat=True))
        for sku in prices:
            if sku not in known:
                raise ValidationError(self.error_messages["unknown"], code="unknown", params={"sku": sku})


class WhatIfForm(forms.Form):
    """The cycles, by their first days, and what shall be otherwise; what is left out stays as it is.

    ``price`` is wholesale. ``sides``: those whose prices the one who asks may know.
    """

    cycle = DaysField()
    premium = QuantityField(required=False)
    standard = QuantityField(required=False)
    wfo = QuantityField(required=False)
    ports = QuantityField(required=False)
    since = DayField(required=False)
    surge = forms.DecimalField(
        required=False, min_value=Decimal(0), max_value=Decimal(HIGHEST_PERCENT), decimal_places=2
    )
    price = PricesField(required=False)
    retail_price = PricesField(required=False)

    def __init__(self, data: MultiValueDict[str, str], *, sides: Container[Side]) -> None:
        super().__init__(data)
        self.sides = sides

    def clean_price(self) -> Any:
        """Prices of a side that there is."""
        return self._known(Side.WHOLESALE, "price", _("There are no wholesale prices to change."))

    def clean_retail_price(self) -> Any:
        """Prices of a side that there is."""
        return self._known(Side.RETAIL, "retail_price", _("There are no retail prices to change."))

    def _known(self, side: Side, name: str, otherwise: str) -> Any:
        prices = self.cleaned_data[name]
        if prices and side not in self.sides:
            raise ValidationError(otherwise, code="side")
        return prices

    @property
    def changes(self) -> Changes:
        """What shall be otherwise of commitments and surge protection."""
        given = self.cleaned_data
        surge = given["surge"]
        return Changes(
            quantities={each: given[each] for each in Commitment if given[each] is not None},
            since=given["since"],
            surge_basis_points=None if surge is None else int(surge * 100),
        )

    @property
    def prices(self) -> dict[Side, dict[str, NewPrice]]:
        """The other prices, by whose they are."""
        return {
            Side.WHOLESALE: self.cleaned_data["price"],
            Side.RETAIL: self.cleaned_data["retail_price"],
        }
