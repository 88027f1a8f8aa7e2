"""People beside those whom all tests know."""

from __future__ import annotations

from apps.accounts.models import Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from tests.conftest import PASSWORD


def made_user(email: str, role: Role, of: Customer | None = None) -> User:
    """Somebody of a customer or of its partner, whichever the role says; of the provider without one."""
    with scope(PROVIDER):
        return User.objects.create_user(
            email=email,
            role=role,
            password=PASSWORD,
            partner=of and of.partner,
            customer=of if role.startswith("customer") else None,
        )
