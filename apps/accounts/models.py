"""Users, what their role lets them do, and the trail of what was changed by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.tenancy import PROVIDER, Scope
from apps.core.tenancy import Role as DatabaseRole
from apps.organisations.models import Customer, Partner


class Role(models.TextChoices):
    """Who somebody is in the portal; the part before the underscore is the kind of organisation."""

    PROVIDER_ADMIN = "provider_admin", _("Provider administrator")
    PROVIDER_SUPPORT = "provider_support", _("Provider support")
    PARTNER_ADMIN = "partner_admin", _("Partner administrator")
    PARTNER_BILLING = "partner_billing", _("Partner billing")
    PARTNER_READER = "partner_reader", _("Partner reader")
    CUSTOMER_ADMIN = "customer_admin", _("Customer administrator")
    CUSTOMER_READER = "customer_reader", _("Customer reader")


class UserManager(BaseUserManager["User"]):
    """Users are found by their e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())

    def create_user(self, *, email: str, role: Role, password: str | None = None, **fields: Any) -> User:
        """Make a user; without a password it must be set by the link of a reset."""
        user = self.model(email=email.lower(), role=role, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Belongs to exactly one organisation: a customer, else a partner, else the provider."""

    email = models.EmailField(_("e-mail"), unique=True)
    full_name = models.CharField(_("name"), max_length=200, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, blank=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_user_role_fits_organisation",
                condition=(
                    models.Q(role__startswith="provider_", partner=None, customer=None)
                    | models.Q(role__startswith="partner_", partner__isnull=False, customer=None)
                    | models.Q(role__startswith="customer_", partner__isnull=False, customer__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="accounts_user_email_is_folded",
                condition=models.Q(email=Lower("email")),
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @property
    def scope(self) -> Scope:
        """What the database shows to this user."""
        if self.customer_id:
            return Scope(DatabaseRole.CUSTOMER, self.partner_id, self.customer_id)
        if self.partner_id:
            return Scope(DatabaseRole.PARTNER, self.partner_id)
        return PROVIDER

    @property
    def is_provider(self) -> bool:
        """Works for the provider."""
        return self.partner_id is None

    @property
    def is_partner(self) -> bool:
        """Works for a partner."""
        return self.partner_id is not None and self.customer_id is None

    @property
    def is_customer(self) -> bool:
        """Works for a customer."""
        return self.customer_id is not None

    @property
    def is_provider_admin(self) -> bool:
        """Administers the provider: runs, and the settings of offers."""
        return self.role == Role.PROVIDER_ADMIN

    @property
    def is_administrator(self) -> bool:
        """Administers the provider or a partner: sends usage, mends it, decides about it, and has keys for programs."""
        return self.role in (Role.PROVIDER_ADMIN, Role.PARTNER_ADMIN)

    @property
    def may_change_surge(self) -> bool:
        """Provider administrators only (R9)."""
        return self.role == Role.PROVIDER_ADMIN


class KeyScope(models.TextChoices):
    """What an API key may be used for."""

    USAGE_WRITE = "usage:write", _("Send usage")
    USAGE_READ = "usage:read", _("Read usage")


class ApiKey(models.Model):
    """A key with which a program acts for an organisation: of a partner or, without one, of the provider.

    ``prefix`` is its public name; of the secret only the SHA-256 is kept (it is random, so nothing slower is needed).
    The limits count requests and records of a minute.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=20, choices=KeyScope.choices))
    requests_a_minute = models.PositiveIntegerField(_("requests a minute"), default=3_000)
    records_a_minute = models.PositiveIntegerField(_("records a minute"), default=3_000_000)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes: ClassVar = [models.Index(fields=["partner", "-created_at"], name="accounts_keys_newest")]

    def __str__(self) -> str:
        return self.name

    def is_valid_at(self, moment: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and not self.is_expired_at(moment)

    def is_expired_at(self, moment: datetime) -> bool:
        """Its last day is over."""
        return self.expires_at is not None and self.expires_at <= moment


class AuditEntry(models.Model):
    """One change: who, when, what, from which value to which. Kept for ever, never changed."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254)
    action = models.CharField(max_length=50)
    subject = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes: ClassVar = [
            models.Index(fields=["partner", "customer", "-at"], name="accounts_audit_newest")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_audit_customer_has_partner",
                condition=models.Q(customer=None) | models.Q(partner__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
