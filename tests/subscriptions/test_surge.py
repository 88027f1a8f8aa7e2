"""R9: voice entitlement and surge protection, and who may change the percentage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.db import ProgrammingError

from apps.accounts.models import AuditEntry, User
from apps.accounts.models import Role as UserRole
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.subscriptions.domain.surge import VoiceEntitlement
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.selectors import surge_basis_points, voice_entitlement
from apps.subscriptions.services import SurgeRefused, change_surge
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    STANDARD,
    STANDARD_CONCURRENT,
    digital,
    entered,
    line,
    subscription,
)


@pytest.mark.parametrize(
    ("percent", "accepted"),
    [("0", 44), ("30", 57), ("29", 56), ("31", 57), ("100", 88), ("2.27", 44), ("2.28", 45)],
)
def test_R9_ten_standard_four_premium_two_additional(percent: str, accepted: int) -> None:
    entitled = VoiceEntitlement(
        premium=4, standard=10, additional_ports=2, surge_basis_points=int(Decimal(percent) * 100)
    )
    assert (entitled.agents, entitled.voice_paths, entitled.accepted_calls) == (14, 44, accepted)


def test_R9_25_paths_at_16_percent_are_29_not_28() -> None:
    assert VoiceEntitlement(8, 0, 1, 1600).accepted_calls == 29
    assert int(25 * 1.16) == 28


def test_R9_nothing_is_entitled_to_nothing_whatever_the_surge() -> None:
    entitled = VoiceEntitlement(0, 0, 0, 10_000)
    assert (entitled.voice_paths, entitled.accepted_calls) == (0, 0)


def test_R9_all_59_cases_below_400_paths_and_100_percent_in_which_floats_are_wrong_are_right() -> None:
    wrong = [
        (paths, percent)
        for paths in range(400)
        for percent in range(100)
        if int(paths * (1 + percent / 100)) != paths * (100 + percent) // 100
    ]
    assert len(wrong) == 59
    for paths, percent in wrong:
        accepted = VoiceEntitlement(0, 0, paths, percent * 100).accepted_calls
        assert accepted * 100 <= paths * (100 + percent) < (accepted + 1) * 100


# Stored


@pytest.fixture
def meridian(db: None) -> Customer:
    """C-1 of the rules: 10 Standard and 4 Premium committed, 2 additional ports, 30 %, over two subscriptions."""
    return entered(
        subscription("Sub-1", line(STANDARD, 10), line(PREMIUM, 3), line(IVR, 2, first="2024-06-01")),
        subscription("Sub-2", line(PREMIUM, 1), starts_on="2024-03-01", ends_on="2024-12-31"),
        digital("Dig-1", line("A-CHAN-U-SMS-INTL", 1000)),
        surge_pct="30",
    )


@pytest.mark.parametrize(
    ("on", "paths", "accepted"),
    [
        (date(2023, 12, 31), 0, 0),
        (date(2024, 1, 1), 39, 50),
        (date(2024, 3, 1), 42, 54),
        (date(2024, 6, 1), 44, 57),
        (date(2024, 12, 31), 44, 57),
        (date(2025, 1, 1), 41, 53),
    ],
)
def test_R9_a_day_is_entitled_by_the_commitments_in_force_on_it(
    meridian: Customer, on: date, paths: int, accepted: int
) -> None:
    with scope(PROVIDER):
        entitled = voice_entitlement(meridian, on=on)
    assert (entitled.voice_paths, entitled.accepted_calls) == (paths, accepted)


def test_R9_concurrent_agents_entitle_like_named_ones(db: None) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 14), line(IVR, 2), model="concurrent"))
    with scope(PROVIDER):
        assert voice_entitlement(owner, on=date(2024, 6, 1)).accepted_calls == 44


def test_R9_a_change_is_effective_at_once_and_kept_with_who_when_old_new_and_why(
    meridian: Customer, dana: User
) -> None:
    with scope(PROVIDER):
        change = change_surge(customer=meridian, percent=Decimal("0"), reason=" quiet season ", by=dana)
        assert voice_entitlement(meridian, on=date(2024, 6, 1)).accepted_calls == 44
        assert (change.before_basis_points, change.after_basis_points) == (3000, 0)
        assert (change.by, change.reason) == (str(dana), "quiet season")
        assert change.at is not None
        audited = AuditEntry.objects.get(action="surge.changed", by=dana.email)
        assert (audited.customer, audited.before, audited.after, audited.reason) == (
            meridian,
            3000,
            0,
            "quiet season",
        )
        assert [each.after_basis_points for each in SurgeChange.objects.filter(customer=meridian)] == [
            0,
            3000,
        ]


@pytest.mark.parametrize("percent", ["0.01", "12.34", "1000"])
def test_R9_a_percentage_may_have_two_decimals(meridian: Customer, dana: User, percent: str) -> None:
    with scope(PROVIDER):
        change_surge(customer=meridian, percent=Decimal(percent), reason="peak", by=dana)
        assert surge_basis_points(meridian) == int(Decimal(percent) * 100)


@pytest.mark.parametrize(
    ("percent", "reason", "said"),
    [
        ("50", "", "needs a reason"),
        ("50", "  \n ", "needs a reason"),
        ("-1", "peak", "from 0 to 1000"),
        ("1000.01", "peak", "from 0 to 1000"),
        ("12.345", "peak", "at most two decimals"),
        ("30", "peak", "30 % already"),
        ("30.00", "peak", "already"),
    ],
)
def test_R9_a_change_that_makes_no_sense_is_refused_and_changes_nothing(
    meridian: Customer, dana: User, percent: str, reason: str, said: str
) -> None:
    with scope(PROVIDER):
        with pytest.raises(SurgeRefused, match=said):
            change_surge(customer=meridian, percent=Decimal(percent), reason=reason, by=dana)
        assert SurgeChange.objects.filter(customer=meridian).count() == 1
        assert not AuditEntry.objects.filter(action="surge.changed", by=dana.email).exists()


@pytest.mark.parametrize(
    "role",
    [role for role in UserRole if role is not UserRole.PROVIDER_ADMIN],
)
def test_R9_nobody_but_a_provider_administrator_changes_the_percentage(
    meridian: Customer, role: UserRole
) -> None:
    with scope(PROVIDER):
        somebody = User.objects.create_user(
            email="somebody@example.com",
            role=role,
            partner=None if role.startswith("provider") else meridian.partner,
            customer=meridian if role.startswith("customer") else None,
        )
        with pytest.raises(SurgeRefused, match="Only a provider administrator"):
            change_surge(customer=meridian, percent=Decimal(50), reason="peak", by=somebody)
        assert surge_basis_points(meridian) == 3000


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_R9_the_database_lets_neither_a_partner_nor_a_customer_write_a_change(
    meridian: Customer, role: Role
) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scope(Scope(role, meridian.partner_id, meridian.pk)),
    ):
        SurgeChange.objects.create(
            partner=meridian.partner,
            customer=meridian,
            by="me",
            before_basis_points=3000,
            after_basis_points=9000,
            reason="more",
        )


def test_R9_the_history_of_changes_is_only_added_to(meridian: Customer) -> None:
    changes: list[Callable[[], object]] = [
        lambda: SurgeChange.objects.update(after_basis_points=0),
        lambda: SurgeChange.objects.all().delete(),
    ]
    for change in changes:
        with pytest.raises(ProgrammingError, match="permission denied"), scope(PROVIDER):
            change()


def test_a_stranger_sees_nothing_of_the_surge_of_another(meridian: Customer, strangers: Customer) -> None:
    for stranger in (
        Scope(Role.PARTNER, strangers.partner_id),
        Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk),
    ):
        with scope(stranger):
            assert not SurgeChange.objects.exists()
            assert surge_basis_points(meridian) == 0
    with scope(Scope(Role.CUSTOMER, meridian.partner_id, meridian.pk)):
        assert surge_basis_points(meridian) == 3000
