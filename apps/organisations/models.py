"""The three kinds of organisation: the provider (one), partners, and customers of one partner each."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

country_code = RegexValidator(r"^[A-Z]{2}$", _("A country is two capital letters (ISO 3166)."))


class Organisation(models.Model):
    """What a paper needs to know of a seller or a buyer."""

    name = models.CharField(_("name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, validators=[country_code])
    address = models.TextField(_("address"), blank=True)
    tax_registration = models.CharField(_("tax registration"), max_length=50, blank=True)
    contact_name = models.CharField(_("contact"), max_length=200, blank=True)
    contact_email = models.EmailField(_("contact e-mail"), blank=True)
    contact_phone = models.CharField(_("contact telephone"), max_length=50, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Provider(Organisation):
    """The one that runs the portal and sells to partners. One row."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="organisations_one_provider")
        ]


class Partner(Organisation):
    """Buys from the provider, manages customers. ``ref`` is given by the provider and unique everywhere."""

    ref = models.CharField(_("reference"), max_length=64, unique=True)

    class Meta:
        ordering = ("ref",)


class Customer(Organisation):
    """Uses the contact centre. ``ref`` is given by the provider and unique everywhere."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="customers")
    ref = models.CharField(_("reference"), max_length=64, unique=True)

    class Meta:
        ordering = ("ref",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "partner"], name="organisations_customer_of_partner")
        ]
