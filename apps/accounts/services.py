"""The doors for changes of users and of the audit trail."""

from collections.abc import Iterable
from typing import NotRequired, TypedDict, Unpack

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


class Change(TypedDict):
    """What the audit trail keeps of a change.

    Whoever sees the rows of ``customer`` or, without one, of ``partner`` sees the entry; without both the provider.
    """

    by: User | str
    action: str
    subject: str
    customer: NotRequired[Customer | None]
    partner: NotRequired[Partner | None]
    before: NotRequired[type_of_value]
    after: NotRequired[type_of_value]
    reason: NotRequired[str]


def record_change(**change: Unpack[Change]) -> None:
    """Add to the audit trail. Belongs into the transaction of the change."""
    describe_change(**change).save(force_insert=True)


def describe_change(**change: Unpack[Change]) -> AuditEntry:
    """An entry of the audit trail that is not added yet, for changes made by the thousand."""
    by, customer, partner = change["by"], change.get("customer"), change.get("partner")
    of_partner = partner.pk if partner else None
    return AuditEntry(
        partner_id=customer.partner_id if customer else of_partner,
        customer=customer,
        by=by.email if isinstance(by, User) else by,
        action=change["action"],
        subject=change["subject"],
        before=change.get("before"),
        after=change.get("after"),
        reason=change.get("reason", ""),
    )


def record_changes(entries: Iterable[AuditEntry]) -> None:
    """Add many entries to the audit trail at once, in their order."""
    AuditEntry.objects.bulk_create(entries)
