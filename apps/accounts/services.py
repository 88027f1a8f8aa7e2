"""The doors for changes of users and of the audit trail."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NotRequired, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.keys import as_token, fingerprint, new_public_name, new_secret
from apps.accounts.models import ApiKey, AuditEntry, KeyScope, Role, User
from apps.core.problems import Refusal
from apps.organisations.models import Customer, Partner

type_of_value = dict[str, object] | list[object] | str | int | None


class UserRefused(Refusal):
    """A user cannot be made as asked."""


class KeyRefused(Refusal):
    """An API key cannot be made or changed as asked."""


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


@transaction.atomic
def create_api_key(
    *,
    partner: Partner | None,
    name: str,
    scopes: Collection[KeyScope],
    by: User,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key with which a program acts for ``partner``, or for the provider, and its token: told here and never again.

    Raises:
        KeyRefused: it has no name, opens nothing, or would be expired from the start.
    """
    if not name.strip():
        raise KeyRefused(_("An API key needs a name."))
    if not scopes:
        raise KeyRefused(_("An API key needs something that it may do."))
    if expires_at is not None and expires_at <= now:
        raise KeyRefused(_("The last day of an API key is not in the past."))
    secret = new_secret()
    key = ApiKey.objects.create(
        partner=partner,
        name=name.strip(),
        prefix=new_public_name(),
        secret_sha256=fingerprint(secret),
        scopes=sorted(scopes),
        created_by=by.email,
        created_at=now,
        expires_at=expires_at,
    )
    record_change(
        by=by,
        action="api_key.created",
        subject=key.prefix,
        partner=partner,
        after={
            "name": key.name,
            "scopes": [*map(str, key.scopes)],
            "expires_at": expires_at and expires_at.isoformat(),
        },
    )
    return key, as_token(key.prefix, secret)


@transaction.atomic
def revoke_api_key(*, key: ApiKey, by: User, now: datetime) -> None:
    """The key opens nothing from now on, for ever.

    Raises:
        KeyRefused: it was revoked before.
    """
    revoked = {"revoked_at": now, "revoked_by": by.email}
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**revoked):
        raise KeyRefused(_("The API key “%(name)s” was revoked before.") % {"name": key.name})
    record_change(
        by=by,
        action="api_key.revoked",
        subject=key.prefix,
        partner=key.partner,
        before={"name": key.name},
    )


@transaction.atomic
def limit_api_key(*, key: ApiKey, requests_a_minute: int, records_a_minute: int, by: User) -> None:
    """How much the key may ask for in a minute. Only the provider has the right to say so.

    Raises:
        KeyRefused: a limit of nothing; a key that shall open nothing is revoked.
    """
    if requests_a_minute < 1 or records_a_minute < 1:
        raise KeyRefused(_("A limit is at least 1."))
    locked = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    before = {"requests": locked.requests_a_minute, "records": locked.records_a_minute}
    after = {"requests": requests_a_minute, "records": records_a_minute}
    if before == after:
        return
    locked.requests_a_minute, locked.records_a_minute = requests_a_minute, records_a_minute
    locked.save(update_fields=["requests_a_minute", "records_a_minute"])
    record_change(
        by=by,
        action="api_key.limited",
        subject=key.prefix,
        partner=key.partner,
        before=dict(before),
        after=dict(after),
    )
