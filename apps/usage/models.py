"""Facts: usage records, where they came from, and what was kept aside."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.organisations.models import Partner
from apps.subscriptions.models import OfCustomer
from apps.usage.domain.records import KINDS_OF_INTERVAL, Content, Kind

_KINDS = [(kind.value, kind.name.lower()) for kind in Kind]
_KINDS_OF_INTERVAL = [(kind.value, kind.name.lower()) for kind in KINDS_OF_INTERVAL]


class Source(models.Model):
    """A system that delivers usage. ``import`` is the one when nothing is said. Names belong to a partner."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner", "name"], name="usage_one_source_a_name")
        ]

    def __str__(self) -> str:
        return self.name


class Interval(models.Model):
    """A record with a start and an end: a session, a leg or a call, identified for ever (R13).

    There are no foreign keys: the one door (``services.import_usage``) checks set-wise. ``actor`` is the agent or the
    contact; ``premium`` is None where a kind knows no licence; without ``ended_at`` it is still going on.
    """

    pk = models.CompositePrimaryKey("customer_id", "kind", "source_id", "record_id")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    kind = models.SmallIntegerField(choices=_KINDS_OF_INTERVAL)
    source_id = models.IntegerField()
    record_id = models.TextField()
    actor = models.TextField()
    premium = models.BooleanField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "kind", "started_at"], name="usage_interval_by_start"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="usage_interval_ends_after_start",
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
            )
        ]

    def __str__(self) -> str:
        return self.record_id


class Event(models.Model):
    """Units of a digital SKU that were used at a moment (R12), identified for ever (R13). No foreign keys either."""

    pk = models.CompositePrimaryKey("customer_id", "source_id", "record_id")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    source_id = models.IntegerField()
    record_id = models.TextField()
    sku = models.TextField()
    quantity = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "occurred_at"], name="usage_event_by_time"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="usage_event_counts_up", condition=models.Q(quantity__gte=0))
        ]

    def __str__(self) -> str:
        return self.record_id


class Delivery(models.Model):
    """One file that was imported, once for each content. Belongs to the organisation that sent it.

    ``partner`` is empty when the provider sent it. ``customer`` is the one that rows without a customer fall to.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    customer_ref = models.CharField(max_length=64, blank=True)
    kind = models.SmallIntegerField(choices=_KINDS)
    source_name = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    arrived_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    accepted = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    conflict = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "customer_ref", "kind", "source_name", "sha256"],
                name="usage_one_delivery_a_content",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.file_name


class RowKeptAside(models.Model):
    """A row that could not be a record: its line, its text and the reason. Belongs to who sent it."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="rows_kept_aside")
    line_number = models.PositiveIntegerField()
    text = models.TextField()
    reason = models.CharField(max_length=100)

    class Meta:
        ordering = ("delivery", "line_number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["delivery", "line_number"], name="usage_one_row_aside_a_line")
        ]

    def __str__(self) -> str:
        return f"{self.line_number}: {self.reason}"


class Conflict(OfCustomer):
    """A record whose id is stored with another content; what was stored first counts until somebody decides (R13).

    A content that counted until a decision took another in its place is kept in the same way, without a delivery: all
    that was ever decided about a record stands here, and none of it is a conflict when it arrives again.
    """

    kind = models.SmallIntegerField(choices=_KINDS)
    source_id = models.IntegerField()
    record_id = models.TextField()
    actor = models.TextField()
    premium = models.BooleanField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    quantity = models.BigIntegerField(null=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, null=True, related_name="conflicts")
    line_number = models.PositiveIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)
    took_arriving = models.BooleanField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "customer",
                    "kind",
                    "source_id",
                    "record_id",
                    "actor",
                    "premium",
                    "started_at",
                    "ended_at",
                    "quantity",
                ],
                name="usage_one_conflict_a_content",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="usage_conflict_decided_or_not",
                condition=models.Q(decided_at=None, took_arriving=None)
                | models.Q(decided_at__isnull=False, took_arriving__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.record_id

    @property
    def content(self) -> Content:
        """What the record says that was kept aside."""
        return Content(self.actor, self.premium, self.started_at, self.ended_at, self.quantity)
