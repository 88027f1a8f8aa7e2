"""Documents: frozen when issued. What changes about them (the PDF's state) stands in tables of its own."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import PriceBook
from apps.organisations.models import Customer, Partner


class NumberSeries(models.Model):
    """The counter of a seller's papers: gapless, taken in the issuing transaction. Without partner: the provider's."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    prefix = models.CharField(max_length=80, unique=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.prefix}{self.last_number}"


class Invoice(models.Model):
    """An issued invoice or credit note (R14). Neither it nor its lines can be changed: a trigger holds it.

    ``partner`` is the partner that buys or sells it. ``customer`` is the customer that receives it and so may see it:
    empty on a wholesale invoice, whose subject stands in ``about``. Organisations are frozen as they were.

    ``service`` is that of the cycle which it invoices; empty on a paper of adjustments alone (R13), whose period is
    that of what it corrects. By its ``price_book`` it was priced, and is again when it must be corrected.
    """

    class Seller(models.TextChoices):
        PROVIDER = "provider", _("Provider")
        PARTNER = "partner", _("Partner")

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    about = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(_("number"), max_length=100, unique=True)
    seller = models.CharField(max_length=10, choices=Seller.choices)
    service = models.CharField(
        max_length=20, blank=True, choices=[(service.value, service.value) for service in Service]
    )
    price_book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3)
    period_from = models.DateField()
    period_to = models.DateField()
    transaction_date = models.DateField()
    due_date = models.DateField()
    payment_terms_days = models.PositiveSmallIntegerField()
    seller_details = models.JSONField()
    recipient_details = models.JSONField()
    customer_details = models.JSONField()
    tax_rate_pct = models.DecimalField(max_digits=7, decimal_places=4)
    subtotal = models.DecimalField(max_digits=24, decimal_places=4)
    taxes = models.DecimalField(max_digits=24, decimal_places=4)
    total = models.DecimalField(max_digits=24, decimal_places=4)
    issued_at = models.DateTimeField(default=timezone.now)
    issued_by = models.CharField(max_length=254)

    class Meta:
        ordering = ("-transaction_date", "-pk")
        indexes: ClassVar = [
            models.Index(fields=["partner", "-transaction_date"], name="invoicing_partner_newest"),
            models.Index(fields=["customer", "-transaction_date"], name="invoicing_customer_newest"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["about", "seller", "service", "period_from"],
                condition=~models.Q(service=""),
                name="invoicing_one_a_cycle",
            ),
            models.CheckConstraint(
                name="invoicing_total_is_sum",
                condition=models.Q(total=models.F("subtotal") + models.F("taxes")),
            ),
            models.CheckConstraint(
                name="invoicing_customer_receives_retail",
                condition=models.Q(seller="provider", customer=None)
                | models.Q(seller="partner", customer=models.F("about")),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_credit_note(self) -> bool:
        """A negative total is paid back (R14)."""
        return self.total < 0


class InvoiceLine(models.Model):
    """A frozen line: what, how many, for which days, at which price, and what that comes to.

    The price is for ``whole_days``; a line of fewer days is charged in proportion (empty: not kept yet when the line
    was issued). An adjustment (R13) names the paper that it ``corrects`` and the ``original_period`` charged there.
    """

    class Kind(models.TextChoices):
        RECURRING = "recurring", _("Recurring charge")
        OVERAGE = "overage", _("Overage")
        USAGE = "usage", _("Usage")
        OTHER = "other", _("Other charge")

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    sku = models.CharField(max_length=64)
    description = models.CharField(max_length=200)
    unit = models.CharField(max_length=30)
    offer = models.CharField(max_length=64)
    offer_name = models.CharField(max_length=200)
    subscription = models.CharField(max_length=64)
    period_from = models.DateField()
    period_to = models.DateField()
    quantity = models.BigIntegerField()
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    discount_pct = models.DecimalField(max_digits=9, decimal_places=6)
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    whole_days = models.PositiveSmallIntegerField(null=True)
    corrects = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="corrections")
    original_period = ArrayField(models.DateField(), size=2, null=True)

    class Meta:
        ordering = ("position",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoicing_one_line_a_position")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"


class InvoicePdf(models.Model):
    """The PDF of an issued document: rendered once by a worker, kept with its SHA-256."""

    class State(models.TextChoices):
        PENDING = "pending", _("In preparation")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="pdf")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    file = models.FileField(upload_to="invoices/", blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    rendered_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["state"], name="invoicing_pdf_waiting", condition=models.Q(state="pending"))
        ]

    def __str__(self) -> str:
        return f"PDF of {self.invoice_id}: {self.state}"
