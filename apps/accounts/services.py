"""The doors for changes of users and of the audit trail."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from apps.accounts.models import AuditEntry, Role, User
from apps.core.problems import Refusal
from apps.organisations.models import Customer, Partner

type_of_value = dict[str, object] | list[object] | str | int | None


class UserRefused(Refusal):
    """A user cannot be made as asked."""


@transaction.atomic
def create_provider_admin(*, email: str, full_name: str = "") -> User:
    """The first user of an installation, without a password: it is set by the link of a reset."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise UserRefused(f"'{email}' is not an e-mail address") from None
    if User.objects.filter(email=address).exists():
        raise UserRefused(f"a user with the e-mail address {address} exists already")
    user = User.objects.create_user(email=address, role=Role.PROVIDER_ADMIN, full_name=full_name)
    record_change(by="command line", action="user.created", subject=address, after={"role": user.role})
    return user


def record_change(
    *,
    by: User | str,
    action: str,
    subject: str,
    customer: Customer | None = None,
    partner: Partner | None = None,
    before: type_of_value = None,
    after: type_of_value = None,
    reason: str = "",
) -> None:
    """Add to the audit trail. Belongs into the transaction of the change.

    Whoever sees the rows of ``customer`` or, without one, of ``partner`` sees the entry; without both the provider.
    """
    describe_change(
        by=by,
        action=action,
        subject=subject,
        customer=customer,
        partner=partner,
        before=before,
        after=after,
        reason=reason,
    ).save(force_insert=True)


def describe_change(
    *,
    by: User | str,
    action: str,
    subject: str,
    customer: Customer | None = None,
    partner: Partner | None = None,
    before: type_of_value = None,
    after: type_of_value = None,
    reason: str = "",
) -> AuditEntry:
    """An entry of the audit trail that is not added yet, for changes made by the thousand."""
    of_partner = partner.pk if partner else None
    return AuditEntry(
        partner_id=customer.partner_id if customer else of_partner,
        customer=customer,
        by=by.email if isinstance(by, User) else by,
        action=action,
        subject=subject,
        before=before,
        after=after,
        reason=reason,
    )


def record_changes(entries: Iterable[AuditEntry]) -> None:
    """Add many entries to the audit trail at once, in their order."""
    AuditEntry.objects.bulk_create(entries)
