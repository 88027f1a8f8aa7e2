"""Results: a pure function of facts, commitments and settings. They may be thrown away and made again."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.catalogue.domain.kinds import Service, UsageType
from apps.subscriptions.models import OfCustomer, Subscription

_USAGE_TYPES = [(usage_type.value, usage_type.value) for usage_type in UsageType]


class CycleResult(OfCustomer):
    """What one cycle of a customer came to, calculated up to ``until``, the last day used.

    Peaks of the agents' rows and the sum of overage stand here too, so that a list of customers reads one row each.
    """

    service = models.CharField(max_length=20, choices=[(service.value, service.value) for service in Service])
    first_day = models.DateField()
    last_day = models.DateField()
    until = models.DateField()
    primary = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    rules_version = models.CharField(max_length=20)
    inputs_hash = models.CharField(max_length=64)
    calculated_at = models.DateTimeField(default=timezone.now)
    has_usage = models.BooleanField()
    agent_overage = models.PositiveIntegerField(help_text="Billed overage of Premium and Standard together.")
    daily_agents = ArrayField(
        models.PositiveIntegerField(), help_text="Agents used a day, both licences, for a line."
    )

    class Meta:
        ordering = ("first_day",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "service", "first_day"], name="reconciliation_one_result"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["partner", "customer"], name="reconciliation_of_customer")]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"


class DayFigure(OfCustomer):
    """One row of the Daily Detail (R2–R8, R11)."""

    result = models.ForeignKey(CycleResult, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    position = models.PositiveSmallIntegerField(help_text="Order of a day's rows: Premium before Standard.")
    usage_type = models.CharField(max_length=30, choices=_USAGE_TYPES)
    used = models.PositiveIntegerField()
    committed = models.PositiveIntegerField()
    substituted = models.PositiveIntegerField()
    overage = models.PositiveIntegerField()
    peak_at = models.PositiveSmallIntegerField(
        null=True, help_text="Minute of the day at which the peak was reached."
    )
    is_overage_peak = models.BooleanField()

    class Meta:
        ordering = ("day", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["result", "day", "usage_type"], name="reconciliation_one_row_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.usage_type}"


class BilledQuantity(OfCustomer):
    """What a cycle bills of one usage type, and the first day whose overage it is (R6, R8)."""

    result = models.ForeignKey(CycleResult, on_delete=models.CASCADE, related_name="billed")
    usage_type = models.CharField(max_length=30, choices=_USAGE_TYPES)
    quantity = models.PositiveIntegerField()
    day = models.DateField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["result", "usage_type"], name="reconciliation_one_billed_quantity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.usage_type}: {self.quantity}"


class DayProfile(OfCustomer):
    """A day's counts as a compact array of unsigned 32-bit numbers: 96 quarter-hours or 1,440 minutes."""

    result = models.ForeignKey(CycleResult, on_delete=models.CASCADE, related_name="profiles")
    day = models.DateField()
    usage_type = models.CharField(max_length=30, choices=_USAGE_TYPES)
    counts = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["result", "day", "usage_type"], name="reconciliation_one_profile")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.usage_type}"


class Run(models.Model):
    """One recalculation of everything that was stale. Its items say what became of each customer."""

    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    until = models.DateField(null=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"run {self.pk}"


class RunItem(models.Model):
    """A customer of a run: waiting, done, or parked with the reason. The others finish all the same."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        PARKED = "parked"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    customer_id = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True)
    days = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "customer_id"], name="reconciliation_one_item_a_customer")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.state}"
