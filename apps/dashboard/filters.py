"""What the list of customers is filtered by; all of it stands in the address."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.dashboard.selectors import Standing, of_standing
from apps.organisations.models import Customer, Partner


class CustomersFilter(django_filters.FilterSet):
    """Name or reference, how a customer stands, and for the provider the partner."""

    q = django_filters.CharFilter(
        method="search",
        label=_("Name or reference"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    partner = django_filters.ModelChoiceFilter(
        queryset=Partner.objects.order_by("name", "ref"),
        to_field_name="ref",
        label=_("Partner"),
        empty_label=_("All partners"),
    )
    status = django_filters.ChoiceFilter(
        choices=Standing.choices, method="filter_status", label=_("Status"), widget=forms.HiddenInput
    )

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, by_partner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by_partner:
            del self.filters["partner"]

    def search(self, customers: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Folded, anywhere in the name or the reference."""
        return customers.filter(Q(name__icontains=value) | Q(ref__icontains=value))

    def filter_status(self, customers: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Those that stand so, whatever else holds of them."""
        return of_standing(customers, Standing(value))

    @property
    def chosen(self) -> Standing | None:
        """The standing that is asked for."""
        chosen = self.form.cleaned_data.get("status") if self.form.is_valid() else None
        return Standing(chosen) if chosen else None

    def count_by_status(self) -> dict[str, int]:
        """How many stand so among those that all other filters leave; ``all`` of them."""
        customers = self.queryset
        for name, value in self.form.cleaned_data.items():
            if name != "status":
                customers = self.filters[name].filter(customers, value)
        counts: dict[str, int] = customers.aggregate(
            all=Count("pk"),
            **{
                standing.value: Count("pk", filter=Q(**{f"is_{standing.value}": True}))
                for standing in Standing
            },
        )
        return counts
