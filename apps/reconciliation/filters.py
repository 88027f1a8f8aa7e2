"""What runs, stored cycles and rows of the Daily Detail are filtered by: in the address of a page and of the API."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, Func, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.domain.periods import LONGEST_CYCLE
from apps.core.filters import DayFilter, FromDayFilter, ToDayFilter, YesNoFilter
from apps.organisations.models import Customer
from apps.reconciliation.models import BilledQuantity, CycleResult, Run, RunItem, TypeFigures
from apps.reconciliation.stored import only_closed

RUN_STATES = [
    ("running", _("Running")),
    ("finished", _("Finished")),
    ("parked", _("Some parked")),
    ("cancelled", _("Cancelled")),
]
# Those that a Daily Detail has; units of digital channels are counted by SKU and have none.
USAGE_TYPES = [
    (usage_type.value, usage_type.value) for usage_type in UsageType if usage_type is not UsageType.DIGITAL
]
SERVICES = [(Service.CONTACT_CENTRE.value, _("Contact centre")), (Service.DIGITAL.value, _("Digital"))]


class RunFilter(django_filters.FilterSet):
    """Filters of runs: how they stand, when they began, who asked for them."""

    state = django_filters.ChoiceFilter(
        method="in_state", choices=RUN_STATES, label=_("State"), empty_label=_("All")
    )
    started_from = FromDayFilter(field_name="started_at", label=_("Started from"))
    started_to = ToDayFilter(field_name="started_at", label=_("Started to"))
    started_by = django_filters.CharFilter(
        lookup_expr="icontains",
        max_length=254,
        label=_("Started by"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    class Meta:
        model = Run
        fields = ("state", "started_from", "started_to", "started_by")

    def in_state(self, runs: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        """Those that stand so: the states that the list of runs names."""
        if value == "running":
            return runs.filter(finished_at=None)
        over = runs.filter(finished_at__isnull=False)
        if value == "cancelled":
            return over.filter(cancelled_at__isnull=False)
        parked = Exists(RunItem.objects.filter(run=OuterRef("pk"), state=RunItem.State.PARKED))
        return over.filter(parked if value == "parked" else ~parked, cancelled_at=None)


class _OfCustomersFilter(django_filters.FilterSet):
    """What is a customer's: by its reference."""

    customer = django_filters.CharFilter(
        method="of_customer", max_length=64, label=_("Customer"), help_text=_("The customer's reference.")
    )

    def of_customer(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Of the customer of that reference; of none where there is none."""
        customer = Customer.objects.filter(ref=value).values_list("pk", flat=True).first()
        return rows.none() if customer is None else rows.filter(customer_id=customer)


class CycleFilter(_OfCustomersFilter):
    """Filters of stored cycles."""

    service = django_filters.ChoiceFilter(choices=SERVICES, label=_("Service"), empty_label=_("All"))
    closed = YesNoFilter(method="is_closed", yes=_("Closed"), no=_("Open"), label=_("State"))
    first_day_from = DayFilter(
        field_name="first_day", lookup_expr="gte", label=_("Starts on that day or later")
    )
    first_day_to = DayFilter(
        field_name="first_day", lookup_expr="lte", label=_("Starts on that day or earlier")
    )
    overage = YesNoFilter(
        method="has_overage", yes=_("Some is billed"), no=_("None is billed"), label=_("Overage")
    )

    class Meta:
        model = CycleResult
        fields = ("customer", "service", "closed", "first_day_from", "first_day_to", "overage")

    def is_closed(self, cycles: QuerySet[CycleResult], name: str, value: str) -> QuerySet[CycleResult]:
        """Closed ones, or open ones."""
        return only_closed(cycles, closed=value == "true")

    def has_overage(self, cycles: QuerySet[CycleResult], name: str, value: str) -> QuerySet[CycleResult]:
        """Those that bill some overage, or those that bill none."""
        billed = Exists(BilledQuantity.objects.filter(result=OuterRef("pk"), quantity__gt=0))
        return cycles.filter(billed if value == "true" else ~billed)


class DailyDetailFilter(_OfCustomersFilter):
    """Filters of rows of the Daily Detail, as it is stored: a row of figures holds the days of a cycle.

    Those that concern single days narrow the cycles here; the rest is said by ``days`` and ``only_overage``.
    """

    cycle = DayFilter(field_name="first_day", label=_("First day of the cycle"))
    day_from = DayFilter(method="from_day", label=_("That day or later"))
    day_to = DayFilter(method="to_day", label=_("That day or earlier"))
    usage_type = django_filters.ChoiceFilter(choices=USAGE_TYPES, label=_("Usage type"), empty_label=_("All"))
    overage = django_filters.ChoiceFilter(
        method="with_overage",
        choices=[("true", _("Days with overage"))],
        label=_("Overage"),
        empty_label=_("All"),
    )

    class Meta:
        model = TypeFigures
        fields = ("customer", "cycle", "day_from", "day_to", "usage_type", "overage")

    @property
    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day asked for."""
        return self.form.cleaned_data.get("day_from"), self.form.cleaned_data.get("day_to")

    @property
    def only_overage(self) -> bool:
        """Only days with overage are asked for."""
        return bool(self.form.cleaned_data.get("overage"))

    def from_day(self, figures: QuerySet[TypeFigures], name: str, value: date) -> QuerySet[TypeFigures]:
        """Of cycles that can reach the day."""
        earliest = value - LONGEST_CYCLE if value - date.min > LONGEST_CYCLE else date.min
        return figures.filter(first_day__gte=earliest)

    def to_day(self, figures: QuerySet[TypeFigures], name: str, value: date) -> QuerySet[TypeFigures]:
        """Of cycles that start by the day."""
        return figures.filter(first_day__lte=value)

    def with_overage(self, figures: QuerySet[TypeFigures], name: str, value: str) -> QuerySet[TypeFigures]:
        """Of cycles with overage on some day."""
        some = Func(F("overage"), template="0 < ANY (%(expressions)s)", output_field=BooleanField())
        return figures.filter(ExpressionWrapper(some, output_field=BooleanField()))
