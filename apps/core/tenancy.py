"""Whose eyes the database looks through.

The application signs in to PostgreSQL with no right of its own. ``scope`` opens a transaction and takes, in one
statement, the role of a provider, a partner or a customer; row-level security does the rest. Without a scope every
query on a tenant's table fails with "permission denied": closed, not open.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection, transaction


class Role(StrEnum):
    """The database roles; the first is where every connection starts."""

    AUTH = "portal_auth"
    PROVIDER = "portal_provider"
    PARTNER = "portal_partner"
    CUSTOMER = "portal_customer"


@dataclass(frozen=True, slots=True)
class Scope:
    """A role and the ids of the partner and the customer that it sees (None: does not apply)."""

    role: Role
    partner: int | None = None
    customer: int | None = None

    def __post_init__(self) -> None:
        if self.role is Role.PARTNER and self.partner is None:
            raise ValueError("a partner's scope needs the partner")
        if self.role is Role.CUSTOMER and (self.partner is None or self.customer is None):
            raise ValueError("a customer's scope needs the partner and the customer")


PROVIDER = Scope(Role.PROVIDER)
NOBODY = Scope(Role.AUTH)

_current: ContextVar[Scope] = ContextVar("scope", default=NOBODY)


def current_scope() -> Scope:
    """The scope that is open now; ``NOBODY`` outside of any."""
    return _current.get()


def _take(scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', %s, true), set_config('portal.partner', %s, true),"
            " set_config('portal.customer', %s, true)",
            [scope.role.value, str(scope.partner or ""), str(scope.customer or "")],
        )


@contextmanager
def scope(wanted: Scope) -> Iterator[None]:
    """Open a transaction (or a savepoint) in which the database shows what ``wanted`` may see.

    Leaving restores the scope before: a savepoint that is released keeps its settings, so that has to be said.
    """
    before = _current.get()
    with transaction.atomic():
        _take(wanted)
        token = _current.set(wanted)
        try:
            yield
        finally:
            _current.reset(token)
        if not connection.needs_rollback:
            _take(before)


def abandon() -> None:
    """Let nothing stay of what was done in the open scope. Without one nothing happens."""
    if current_scope() != NOBODY:
        connection.set_rollback(True)


class OwnerMigrates:
    """Database router: tables are made and changed as their owner, and only so."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """True for the owner's connection alone."""
        return db == "owner"
