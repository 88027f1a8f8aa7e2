"""What a customer has committed to, and what its voice channels may carry."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.kinds import LicenceModel, Service
from apps.catalogue.models import Offer, Sku
from apps.organisations.models import Customer, Partner

# Who has entered what the portfolio file says.
BY_PORTFOLIO = "portfolio"


class OfCustomer(models.Model):
    """A row of a customer. A constraint in the database holds that the customer is the partner's."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class Subscription(OfCustomer):
    """A customer's subscription to an offer, active from ``starts_on`` to ``ends_on``, both included (R10)."""

    number = models.CharField(_("subscription"), max_length=64, unique=True)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    bill_day = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(31)])
    licence_model = models.CharField(
        max_length=20, blank=True, choices=[(model.value, model.value) for model in LicenceModel]
    )

    class Meta:
        ordering = ("number",)
        indexes: ClassVar = [models.Index(fields=["partner", "customer"], name="subscriptions_of_customer")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="subscriptions_ends_after_start",
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("starts_on")),
            ),
            models.CheckConstraint(
                name="subscriptions_bill_day", condition=models.Q(bill_day__gte=1, bill_day__lte=31)
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SubscriptionLine(OfCustomer):
    """So many of a SKU from a day to a day; None means the subscription's own (R10).

    A line's quantity and first day never change and it is never deleted: it is closed by its last day, or withdrawn
    (``withdrawn_at``) when it was entered wrongly, so that what was known at any time can be told.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="lines")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar = [
            models.Index(fields=["partner", "customer"], name="subscriptions_line_of_customer")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="subscriptions_line_ends_after_start",
                condition=models.Q(valid_to=None)
                | models.Q(valid_from=None)
                | models.Q(valid_to__gte=models.F("valid_from")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku_id}"


class ClosedCycle(OfCustomer):
    """A billing cycle whose invoice is issued: its days, its primary, and the snapshot that explains it (R15).

    ``looked_from`` and ``looked_to`` are the days whose recurring charges its invoice carries (R14); empty where
    another cycle's invoice carries it.
    """

    service = models.CharField(max_length=20, choices=[(service.value, service.value) for service in Service])
    first_day = models.DateField()
    last_day = models.DateField()
    looked_from = models.DateField(null=True)
    looked_to = models.DateField(null=True)
    primary = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(default=timezone.now)
    inputs_hash = models.CharField(max_length=64)
    snapshot = models.JSONField()

    class Meta:
        ordering = ("first_day",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "service", "first_day"], name="subscriptions_one_closing"
            ),
            models.CheckConstraint(
                name="subscriptions_closed_cycle_has_days",
                condition=models.Q(last_day__gte=models.F("first_day")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"


class LateChange(OfCustomer):
    """Something arrived for a closed cycle: what is right now must be held against what was invoiced (R13).

    Goes when the difference is issued, or found to be none.
    """

    closed = models.ForeignKey(ClosedCycle, on_delete=models.PROTECT, related_name="late_changes")
    marked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"late for {self.closed_id}"


class StaleCause(models.IntegerChoices):
    """Why days are stale, and so how much of them must be done again.

    ``ADDED``: records came. ``REPLACED``: a stored record was completed or decided, so what was counted may be less.
    ``TERMS``: subscriptions, lines or settings changed; what was used is as it was.
    """

    ADDED = 1
    REPLACED = 2
    TERMS = 3


class StaleSpan(OfCustomer):
    """Days of a customer whose figures must be calculated again. Results read no span that was added meanwhile."""

    cause = models.PositiveSmallIntegerField(choices=StaleCause.choices, default=StaleCause.REPLACED)
    first_day = models.DateField()
    last_day = models.DateField()
    marked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer"], name="subscriptions_stale_customer")]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"


class SurgeChange(OfCustomer):
    """One change of the surge protection percentage; the newest is in force (R9). In basis points: 3000 is 30 %."""

    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254)
    before_basis_points = models.PositiveIntegerField()
    after_basis_points = models.PositiveIntegerField(validators=[MaxValueValidator(100_000)])
    reason = models.TextField()

    class Meta:
        ordering = ("-at", "-pk")
        indexes: ClassVar = [models.Index(fields=["customer", "-at"], name="subscriptions_surge_newest")]

    def __str__(self) -> str:
        return f"{self.before_basis_points} → {self.after_basis_points}"
