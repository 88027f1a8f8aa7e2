"""Results: a pure function of facts, commitments and settings. They may be thrown away and made again."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.kinds import Service, UsageType
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.profiles import Measure
from apps.subscriptions.models import ClosedCycle, OfCustomer, Subscription

_USAGE_TYPES = [(usage_type.value, usage_type.value) for usage_type in UsageType]


class CycleResult(OfCustomer):
    """What one cycle of a customer came to, calculated up to ``until``, the last day used.

    The days' agents and the sum of overage stand here too, so that a list of customers reads one row each.
    """

    service = models.CharField(max_length=20, choices=[(service.value, service.value) for service in Service])
    first_day = models.DateField()
    last_day = models.DateField()
    until = models.DateField()
    primary = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    rules_version = models.CharField(max_length=20)
    settings = models.JSONField(
        help_text="The licence model and the offer's settings by which it was calculated."
    )
    inputs_hash = models.CharField(max_length=64)
    calculated_at = models.DateTimeField(default=timezone.now)
    has_usage = models.BooleanField()
    agent_overage = models.PositiveIntegerField(help_text="Billed overage of Premium and Standard together.")
    daily_agents = ArrayField(
        models.PositiveIntegerField(), help_text="Agents used a day, both licences, for a line."
    )
    daily_committed = ArrayField(models.PositiveIntegerField(), help_text="Agents committed a day, likewise.")

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


class TypeFigures(models.Model):
    """The Daily Detail of one usage type through a cycle (R2–R8, R11): arrays with a number for each day used.

    A row a cycle and not one a day, because rows, and not rules, were most of the time of a run. There are no foreign
    keys, as in facts: the one door (``services``) writes for customers that it has locked.
    """

    pk = models.CompositePrimaryKey("customer_id", "first_day", "usage_type")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    first_day = models.DateField()
    usage_type = models.CharField(max_length=30, choices=_USAGE_TYPES)
    position = models.PositiveSmallIntegerField(help_text="Order of a day's rows: Premium before Standard.")
    used = ArrayField(models.PositiveIntegerField())
    committed = ArrayField(models.PositiveIntegerField())
    substituted = ArrayField(models.PositiveIntegerField())
    overage = ArrayField(models.PositiveIntegerField())
    peak_at = ArrayField(
        models.PositiveSmallIntegerField(),
        null=True,
        help_text="Minute of the day at which each day's peak was reached.",
    )
    marked = models.PositiveSmallIntegerField(
        null=True, help_text="The day of the overage peak, from 0 (R7)."
    )

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        return f"{self.first_day} {self.usage_type}"


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


class CycleProfile(models.Model):
    """A cycle's counts of one measure, day by day, as a compact array (``domain.profiles``). Without any, no row."""

    pk = models.CompositePrimaryKey("customer_id", "first_day", "measure")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    first_day = models.DateField()
    last_day = models.DateField()
    measure = models.CharField(max_length=30, choices=[(measure.value, measure.value) for measure in Measure])
    counts = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.first_day} {self.measure}"


class CycleLogins(OfCustomer):
    """The first login of each agent in a cycle, and its first as Premium: parallel arrays (``domain.logins``).

    Kept so that what named agents and workforce optimization come to needs no record twice (R3, R11).
    """

    result = models.ForeignKey(CycleResult, on_delete=models.CASCADE, related_name="logins")
    family = models.CharField(
        max_length=10, choices=[(family, family) for family in (Family.AGENTS, Family.WFO)]
    )
    agents = ArrayField(models.TextField())
    first = ArrayField(models.IntegerField(), help_text="Days since 1970-01-01.")
    premium = ArrayField(models.IntegerField())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["result", "family"], name="reconciliation_one_list_of_logins")
        ]

    def __str__(self) -> str:
        return f"{self.family}: {len(self.agents)}"


class Run(models.Model):
    """One recalculation of everything that was stale. Its items say what became of each customer."""

    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.CharField(max_length=254, blank=True)
    finished_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=254, blank=True)
    until = models.DateField(null=True)

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(finished_at=None), name="reconciliation_run_going_on"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class RunItem(models.Model):
    """A customer of a run: waiting, done, or parked with the reason. The others finish all the same.

    ``expected`` records are there, roughly; ``records`` were read and ``days`` counted again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        PARKED = "parked", _("Parked")
        CANCELLED = "cancelled", _("Cancelled")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    customer_id = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True)
    expected = models.PositiveIntegerField(default=0)
    records = models.PositiveIntegerField(default=0)
    days = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "customer_id"], name="reconciliation_one_item_a_customer")
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="reconciliation_item_customer"),
            models.Index(
                fields=["customer_id"],
                condition=models.Q(state__in=["parked", "cancelled"]),
                name="reconciliation_item_aside",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.state}"


class Verification(models.Model):
    """What came out when a closed cycle was calculated again last: what differs from what was closed (R13, R15).

    ``LATER``: only what was entered later would change it, and is adjusted. ``DIFFERENT``: it is not as it was closed.
    """

    class Outcome(models.TextChoices):
        SAME = "same", _("As it was closed")
        LATER = "later", _("Changed later")
        DIFFERENT = "different", _("Not as it was closed")
        FAILED = "failed", _("Could not be verified")

    closed = models.OneToOneField(ClosedCycle, on_delete=models.PROTECT, related_name="verification")
    verified_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ("-verified_at", "-pk")
        indexes: ClassVar = [
            models.Index(
                fields=["verified_at"],
                condition=models.Q(outcome__in=["different", "failed"]),
                name="reconciliation_not_as_closed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.closed_id}: {self.outcome}"


class ControlPaper(OfCustomer):
    """A paper with a vendor's own figures of a cycle, as it was read, and how it compared with ours the last time.

    ``rows`` are its parsed lines, ``result`` the differences explained, with the version of the rules; empty until it
    was compared once. ``as_of`` is when the vendor counted, where that is known. The file itself is not kept.
    A worker compares: ``asked_by`` is who asked last, ``leased_until`` when the worker is given up, ``compared_by`` who
    had asked for the ``result``.
    """

    class Kind(models.TextChoices):
        DAILY_DETAIL = "daily-detail", _("Daily Detail")
        PEAKS = "peaks", _("Concurrent peaks")
        INVOICE_LINES = "invoice-lines", _("Invoice lines")

    class State(models.TextChoices):
        WAITING = "waiting", _("Being compared")
        COMPARED = "compared", _("Compared")
        FAILED = "failed", _("Not compared")

    kind = models.CharField(max_length=20, choices=Kind.choices)
    first_day = models.DateField()
    last_day = models.DateField()
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    as_of = models.DateTimeField(null=True)
    rows = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices)
    failure = models.TextField(blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=254)
    result = models.JSONField(default=dict)
    agrees = models.BooleanField(null=True)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.CharField(max_length=254)
    compared_at = models.DateTimeField(null=True)
    compared_by = models.CharField(max_length=254, blank=True, default="")

    class Meta:
        ordering = ("-uploaded_at", "-pk")
        indexes: ClassVar = [
            models.Index(
                fields=["partner", "customer", "-uploaded_at"], name="reconciliation_control_newest"
            ),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="waiting"),
                name="reconciliation_control_to_do",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "customer", "first_day", "sha256"],
                name="reconciliation_one_paper_a_content",
            )
        ]

    def __str__(self) -> str:
        return self.name
