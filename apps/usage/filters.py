"""What deliveries, rows kept aside and conflicts are filtered by: in the address of their pages and of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.core.filters import FromDayFilter, ToDayFilter, YesNoFilter
from apps.organisations.models import Customer
from apps.usage.domain.records import DESCRIBED, KINDS_OF_FILE, Fault
from apps.usage.models import (
    Channel,
    Conflict,
    Delivery,
    DeliveryState,
    Event,
    Interval,
    RowKeptAside,
    Source,
)
from apps.usage.reasons import KINDS_IN_WORDS, kind_of_file

# A kind is named as its files are; a state and a channel by the small letters of their names.
KIND_CHOICES = [(name, capfirst(KINDS_IN_WORDS[name])) for name in KINDS_OF_FILE]
STATE_CHOICES = [(state.name.lower(), state.label) for state in DeliveryState]
CHANNEL_CHOICES = [(channel.name.lower(), channel.label) for channel in Channel]
REASON_CHOICES = [(fault.value, _(fault.value)) for fault in Fault]


def kind_in_words(kind: int) -> str:
    """What records of a kind are called."""
    return kind_of_file(DESCRIBED[kind].name)


def _search_input() -> forms.TextInput:
    return forms.TextInput(attrs={"type": "search", "autocomplete": "off"})


class _ByKindFilter(django_filters.ChoiceFilter):
    """The kind of records, by the name of its files."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=KIND_CHOICES, label=_("Kind"), empty_label=_("All"), **kwargs)

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Those of the kind."""
        return qs.filter(**{self.field_name: KINDS_OF_FILE[value].kind}) if value else qs


class _ByNameFilter(django_filters.ChoiceFilter):
    """A member of an enumeration, by its name in small letters."""

    def __init__(self, *, members: type[DeliveryState | Channel], **kwargs: Any) -> None:
        super().__init__(empty_label=_("All"), **kwargs)
        self.members = members

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Those that have it."""
        return qs.filter(**{self.field_name: self.members[value.upper()]}) if value else qs


class _ByDeliveryFilter(django_filters.NumberFilter):
    """The delivery that brought something, by its key. Pages lead there; nobody writes it."""

    def __init__(self) -> None:
        super().__init__(
            field_name="delivery_id",
            decimal_places=0,
            min_value=1,
            max_value=2**63 - 1,
            label=_("Delivery"),
            widget=forms.HiddenInput(),
        )


class DeliveryFilter(django_filters.FilterSet):
    """Filters of deliveries: how far they are, of what, from where, and when they came (days, UTC)."""

    q = django_filters.CharFilter(
        field_name="file_name",
        lookup_expr="icontains",
        label=_("File"),
        max_length=200,
        widget=_search_input(),
    )
    state = _ByNameFilter(field_name="state", members=DeliveryState, choices=STATE_CHOICES, label=_("State"))
    kind = _ByKindFilter(field_name="kind")
    channel = _ByNameFilter(field_name="channel", members=Channel, choices=CHANNEL_CHOICES, label=_("Way"))
    source = django_filters.CharFilter(field_name="source_name", max_length=64, label=_("Source"))
    customer = django_filters.CharFilter(field_name="customer_ref", max_length=64, label=_("Customer"))
    arrived_from = FromDayFilter(field_name="arrived_at", label=_("Arrived from"))
    arrived_to = ToDayFilter(field_name="arrived_at", label=_("Arrived to"))

    class Meta:
        model = Delivery
        fields = ("q", "state", "kind", "channel", "source", "customer", "arrived_from", "arrived_to")


class KeptAsideFilter(django_filters.FilterSet):
    """Filters of rows kept aside: of one delivery, for one reason, of a kind or a source, to mend or settled."""

    delivery = _ByDeliveryFilter()
    reason = django_filters.ChoiceFilter(choices=REASON_CHOICES, label=_("Reason"), empty_label=_("All"))
    kind = _ByKindFilter(field_name="delivery__kind")
    source = django_filters.CharFilter(field_name="delivery__source_name", max_length=64, label=_("Source"))
    settled = YesNoFilter(method="is_settled", yes=_("Settled"), no=_("To be mended"), label=_("State"))

    class Meta:
        model = RowKeptAside
        fields = ("delivery", "reason", "kind", "source", "settled")

    def is_settled(self, rows: QuerySet[RowKeptAside], name: str, value: str) -> QuerySet[RowKeptAside]:
        """Those sent again or set aside for good, or those that still wait for it."""
        return rows.filter(settled_at__isnull=value == "false")


class ConflictFilter(django_filters.FilterSet):
    """Filters of conflicts: of a delivery, a customer (its reference), a kind, a source, a record, decided or not."""

    delivery = _ByDeliveryFilter()
    customer = django_filters.CharFilter(field_name="customer__ref", max_length=64, label=_("Customer"))
    kind = _ByKindFilter(field_name="kind")
    source = django_filters.CharFilter(method="of_source", max_length=64, label=_("Source"))
    record_id = django_filters.CharFilter(field_name="record_id", max_length=200, label=_("Record"))
    decided = YesNoFilter(method="is_decided", yes=_("Decided"), no=_("To be decided"), label=_("State"))

    class Meta:
        model = Conflict
        fields = ("delivery", "customer", "kind", "source", "record_id", "decided")

    def of_source(self, conflicts: QuerySet[Conflict], name: str, value: str) -> QuerySet[Conflict]:
        """Of the sources of that name; each partner has its own."""
        return conflicts.filter(source_id__in=Source.objects.filter(name=value).values("pk"))

    def is_decided(self, conflicts: QuerySet[Conflict], name: str, value: str) -> QuerySet[Conflict]:
        """Those that somebody decided, or those that wait for it."""
        return conflicts.filter(decided_at__isnull=value == "false")


class _RecordFilter(django_filters.FilterSet):
    """What records of every kind are filtered by. ``customer`` must be named by whoever has more than one.

    Without it no index leads through the records of a kind in their order.
    """

    customer = django_filters.CharFilter(
        method="of_customer",
        max_length=64,
        label=_("Customer"),
        help_text=_(
            "Its reference. A customer's own people may leave it out; everybody else has to name it."
        ),
    )
    source = django_filters.CharFilter(method="of_source", max_length=64, label=_("Source"))

    def __init__(self, data: Mapping[str, Any], *, queryset: QuerySet[Any], own: int | None) -> None:
        """``own`` is the customer whose people ask."""
        super().__init__(data, queryset=queryset if own is None else queryset.filter(customer_id=own))
        if own is None:
            self.filters["customer"].extra["required"] = True

    def of_customer(self, records: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Of the customer of that reference; of none where there is none."""
        customer = Customer.objects.filter(ref=value).values_list("pk", flat=True).first()
        return records.none() if customer is None else records.filter(customer_id=customer)

    def of_source(self, records: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Of the sources of that name; each partner has its own."""
        found = Source.objects.filter(name=value).values_list("pk", flat=True)
        return records.filter(source_id__in=list(found))


class IntervalFilter(_RecordFilter):
    """Filters of sessions, legs and calls. ``agent_id`` or ``contact_id``: whichever the kind has."""

    agent_id = django_filters.CharFilter(field_name="actor", max_length=200, label=_("Agent"))
    contact_id = django_filters.CharFilter(field_name="actor", max_length=200, label=_("Contact"))
    started_from = FromDayFilter(field_name="started_at", label=_("Started on that day or later (UTC)"))
    started_to = ToDayFilter(field_name="started_at", label=_("Started on that day or earlier (UTC)"))
    open = YesNoFilter(
        method="is_open", yes=_("Still open"), no=_("Ended"), label=_("Without an end, or with one")
    )

    class Meta:
        model = Interval
        fields = ("customer", "source", "agent_id", "contact_id", "started_from", "started_to", "open")

    def is_open(self, records: QuerySet[Interval], name: str, value: str) -> QuerySet[Interval]:
        """Those without an end, or with one."""
        return records.filter(ended_at__isnull=value == "true")


class EventFilter(_RecordFilter):
    """Filters of digital usage."""

    sku = django_filters.CharFilter(field_name="sku", max_length=200, label=_("SKU"))
    occurred_from = FromDayFilter(field_name="occurred_at", label=_("Used on that day or later (UTC)"))
    occurred_to = ToDayFilter(field_name="occurred_at", label=_("Used on that day or earlier (UTC)"))

    class Meta:
        model = Event
        fields = ("customer", "source", "sku", "occurred_from", "occurred_to")
