"""The filters of invoices, shared by the page, its CSV and the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.dates import MONTHS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.core.domain.periods import Period
from apps.invoicing.forms import YearOrMonthField
from apps.invoicing.models import Invoice
from apps.invoicing.status import Status, in_status
from apps.organisations.models import Customer

KINDS = [(Invoice.Seller.PROVIDER.value, _("Wholesale")), (Invoice.Seller.PARTNER.value, _("Retail"))]


def _search_input() -> forms.TextInput:
    return forms.TextInput(attrs={"type": "search", "autocomplete": "off"})


class YearOrMonthFilter(django_filters.Filter):
    """A day in a year or in a month."""

    field_class = YearOrMonthField

    def filter(self, qs: QuerySet[Any], value: Period | None) -> QuerySet[Any]:
        """Between the period's days."""
        return qs.filter(**{f"{self.field_name}__range": (value.first, value.last)}) if value else qs


class InvoiceFilter(django_filters.FilterSet):
    """Filters of issued invoices. ``today`` tells what is overdue.

    ``customer`` is the reference of one customer, or else a part of a name. A customer's own people have no use for it,
    nor for the difference of wholesale and retail.
    """

    q = django_filters.CharFilter(
        field_name="number",
        lookup_expr="icontains",
        label=_("Number"),
        max_length=100,
        widget=_search_input(),
    )
    customer = django_filters.CharFilter(
        method="about_customer",
        label=_("Customer, name or reference"),
        max_length=200,
        widget=_search_input(),
    )
    status = django_filters.ChoiceFilter(
        method="in_status",
        label=_("Status"),
        choices=[(status.value, status.label) for status in Status if status is not Status.DRAFT],
        empty_label=_("All"),
    )
    kind = django_filters.ChoiceFilter(
        field_name="seller", label=_("Kind"), choices=KINDS, empty_label=_("All")
    )
    period = YearOrMonthFilter(field_name="transaction_date", label=_("Invoiced in"))

    class Meta:
        model = Invoice
        fields = ("q", "customer", "status", "kind", "period")

    def __init__(
        self, data: Mapping[str, Any], *, queryset: QuerySet[Invoice], request: HttpRequest, today: date
    ) -> None:
        super().__init__(data, queryset=queryset, request=request)
        self.today = today
        self.found: Customer | None = None  # the one asked for by its reference, once the filter has run
        if isinstance(request.user, User) and request.user.is_customer:
            del self.filters["customer"], self.filters["kind"]

    def about_customer(self, invoices: QuerySet[Invoice], name: str, value: str) -> QuerySet[Invoice]:
        """Invoices about the customer of that reference; where there is none, of customers with such a name."""
        self.found = Customer.objects.select_related("partner").filter(ref=value).first()
        if self.found is not None:
            return invoices.filter(about=self.found)
        return invoices.filter(Q(about__ref__icontains=value) | Q(about__name__icontains=value))

    def in_status(self, invoices: QuerySet[Invoice], name: str, value: str) -> QuerySet[Invoice]:
        """Invoices in a status, which follows from the day."""
        return invoices.filter(in_status(Status(value), on=self.today))

    def offer_periods(self, months: Iterable[date]) -> None:
        """Let the form offer these months (newest first) and their years, and what is chosen already."""
        chosen = self.form.cleaned_data.get("period") if self.is_valid() else None
        if chosen is not None:
            months = sorted({*months, chosen.first.replace(day=1)}, reverse=True)
        choices: list[tuple[str, Any]] = [("", gettext("All"))]
        for year, of_year in groupby(months, key=lambda month: month.year):
            choices.append(
                (
                    str(year),
                    [(str(year), gettext("All of %(year)s") % {"year": year})]
                    + [
                        (
                            f"{month:%Y-%m}",
                            gettext("%(month)s %(year)s") % {"month": MONTHS[month.month], "year": year},
                        )
                        for month in of_year
                    ],
                )
            )
        self.form.fields["period"].widget.choices = choices
