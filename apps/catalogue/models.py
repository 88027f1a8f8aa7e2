"""What is sold: offers, SKUs, price books, and who buys by which of them."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.catalogue.domain.kinds import LicenceModel, Service, SkuKind, UsageType
from apps.organisations.models import Customer, Partner


def _choices(
    words: type[Service] | type[LicenceModel] | type[UsageType] | type[SkuKind],
) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Offer(models.Model):
    """A heading on invoices and the home of the settings that a provider may choose (rules.md, *setting*)."""

    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    service = models.CharField(max_length=20, choices=_choices(Service))
    billed_peak = models.CharField(
        max_length=20,
        default="per_type",
        choices=[("per_type", "per_type"), ("combined_day", "combined_day")],
    )
    ivr_peak = models.CharField(
        max_length=20, default="minute", choices=[("minute", "minute"), ("instant", "instant")]
    )
    longest_open_hours = models.PositiveSmallIntegerField(default=24, validators=[MinValueValidator(1)])

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Sku(models.Model):
    """A thing with a price. Overage SKUs belong to every subscription automatically."""

    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=_choices(SkuKind))
    usage_type = models.CharField(max_length=30, blank=True, choices=_choices(UsageType))
    licence_model = models.CharField(max_length=20, blank=True, choices=_choices(LicenceModel))
    detail_name = models.CharField(max_length=100, blank=True, help_text=_("Its name in the Daily Detail."))
    detail_unit = models.CharField(max_length=30, blank=True, help_text=_("Its unit in the Daily Detail."))
    unit = models.CharField(max_length=30, default="Each", help_text=_("Its unit on invoices."))

    class Meta:
        ordering = ("code",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["usage_type"],
                condition=models.Q(kind=SkuKind.OVERAGE.value),
                name="catalogue_one_overage_sku_a_usage_type",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class PriceBook(models.Model):
    """A set of prices in one currency, shared by those who buy by it."""

    ref = models.CharField(_("reference"), max_length=64, unique=True)
    currency = models.CharField(_("currency"), max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")])

    class Meta:
        ordering = ("ref",)

    def __str__(self) -> str:
        return self.ref


class BookPrice(models.Model):
    """A SKU's unit price and discount from a day on. Two from the same day are refused (R14)."""

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="prices")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT)
    valid_from = models.DateField()
    unit_price = models.DecimalField(max_digits=18, decimal_places=6, validators=[MinValueValidator(0)])
    discount_pct = models.DecimalField(
        max_digits=9, decimal_places=6, default=0, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["book", "sku", "valid_from"], name="catalogue_one_price_a_day"),
            models.CheckConstraint(
                condition=models.Q(unit_price__gte=0, discount_pct__gte=0, discount_pct__lte=100),
                name="catalogue_price_is_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} from {self.valid_from}"


class PartnerTerms(models.Model):
    """What a partner buys by: the provider's wholesale prices, tax and days to pay."""

    partner = models.OneToOneField(Partner, on_delete=models.PROTECT, related_name="terms")
    price_book = models.ForeignKey(PriceBook, on_delete=models.PROTECT)
    tax_rate_pct = models.DecimalField(max_digits=7, decimal_places=4, default=0)
    payment_terms_days = models.PositiveSmallIntegerField(default=30)

    def __str__(self) -> str:
        return f"terms of {self.partner_id}"


class CustomerTerms(models.Model):
    """What a customer buys by: its partner's retail prices. Without them the partner invoices nothing."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="terms")
    price_book = models.ForeignKey(PriceBook, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return f"terms of {self.customer_id}"
