"""Organisations: found by reference by those who may see them, described, and kept apart."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.http import Http404

from apps.core.tenancy import NOBODY, PROVIDER, Role, Scope, scope
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer, Partner, Provider
from apps.organisations.selectors import UnknownCustomer, get_customer
from apps.organisations.services import describe_organisation
from apps.subscriptions.models import StaleSpan
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def family() -> dict[str, Customer]:
    """C-1 and its sister C-2 of partner P-1, and a stranger, C-9 of P-9."""
    enter(portfolio(partner("P-1", customer("C-1"), customer("C-2")), partner("P-9", customer("C-9"))))
    return {ref: stored_customer(ref) for ref in ("C-1", "C-2", "C-9")}


def scopes(family: dict[str, Customer]) -> dict[str, Scope]:
    own, stranger = family["C-1"], family["C-9"]
    return {
        "provider": PROVIDER,
        "partner": Scope(Role.PARTNER, own.partner_id),
        "customer": Scope(Role.CUSTOMER, own.partner_id, own.pk),
        "sister": Scope(Role.CUSTOMER, own.partner_id, family["C-2"].pk),
        "stranger": Scope(Role.PARTNER, stranger.partner_id),
        "stranger's customer": Scope(Role.CUSTOMER, stranger.partner_id, stranger.pk),
    }


@pytest.mark.parametrize(
    ("reader", "sees"),
    [
        ("provider", ["C-1", "C-2", "C-9"]),
        ("partner", ["C-1", "C-2"]),
        ("customer", ["C-1"]),
        ("sister", ["C-2"]),
        ("stranger", ["C-9"]),
        ("stranger's customer", ["C-9"]),
    ],
)
def test_everybody_finds_its_own_customers_and_a_foreign_one_like_one_that_is_not(
    family: dict[str, Customer], reader: str, sees: list[str]
) -> None:
    with scope(scopes(family)[reader]):
        assert list(Customer.objects.values_list("ref", flat=True)) == sees
        for ref in ("C-1", "C-2", "C-9", "C-404"):
            if ref in sees:
                assert get_customer(ref) == visible_customer(ref) == family[ref]
                continue
            with pytest.raises(UnknownCustomer) as unknown:
                get_customer(ref)
            assert str(unknown.value) == f"There is no customer {ref}."
            with pytest.raises(Http404) as hidden:
                visible_customer(ref)
            assert hidden.value.args == ()


@pytest.mark.parametrize(
    ("reader", "sees"),
    [("provider", ["P-1", "P-9"]), ("partner", ["P-1"]), ("customer", ["P-1"]), ("stranger", ["P-9"])],
)
def test_a_partner_is_seen_by_itself_and_its_customers(
    family: dict[str, Customer], reader: str, sees: list[str]
) -> None:
    with scope(scopes(family)[reader]):
        assert list(Partner.objects.values_list("ref", flat=True)) == sees


@pytest.mark.parametrize("ref", ["", "c-1", "C-1 ", "C-1\x00", "C-1' OR '1'='1", "%", "x" * 10_000])
def test_a_reference_that_names_nobody_is_not_found(family: dict[str, Customer], ref: str) -> None:
    with scope(PROVIDER), pytest.raises(Http404):
        visible_customer(ref)


def test_without_a_scope_nothing_is_read(family: dict[str, Customer]) -> None:
    for reader in (None, NOBODY):
        with pytest.raises(ProgrammingError, match="permission denied"), scope(reader or NOBODY):
            Customer.objects.exists()


def test_a_scope_needs_whom_it_is_for() -> None:
    for role, known in (
        (Role.PARTNER, {}),
        (Role.CUSTOMER, {"partner": 1}),
        (Role.CUSTOMER, {"customer": 1}),
    ):
        with pytest.raises(ValueError, match="needs the partner"):
            Scope(role, **known)


def test_an_organisation_is_described_and_what_is_wrong_is_refused(family: dict[str, Customer]) -> None:
    own = family["C-1"]
    with scope(PROVIDER):
        describe_organisation(organisation=own, address="Kungsgatan 1\nStockholm", tax_registration="SE55")
        again = Customer.objects.get(ref="C-1")
        assert (again.address, again.tax_registration, again.name) == (
            "Kungsgatan 1\nStockholm",
            "SE55",
            own.name,
        )
        for wrong in ({"country": "se"}, {"name": ""}, {"contact_email": "nobody"}):
            with pytest.raises(ValidationError):
                describe_organisation(organisation=Customer.objects.get(ref="C-1"), **wrong)
        assert Customer.objects.get(ref="C-1") == again
        assert Customer.objects.get(ref="C-1").country == "SE"


def test_describing_it_the_same_writes_nothing(family: dict[str, Customer]) -> None:
    with scope(PROVIDER):
        own = Customer.objects.get(ref="C-1")
        statements: list[str] = []

        def watch(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
            statements.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            describe_organisation(organisation=own, name=own.name)
    assert not [sql for sql in statements if sql.startswith("UPDATE")]


@pytest.mark.parametrize("reader", ["partner", "customer", "stranger"])
def test_only_the_provider_describes_organisations(family: dict[str, Customer], reader: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scope(scopes(family)[reader]):
        Customer.objects.update(name="Mine")


def test_there_is_one_provider() -> None:
    with scope(PROVIDER):
        assert Provider.objects.count() == 1
        with pytest.raises(IntegrityError, match="one_provider"), transaction.atomic():
            Provider.objects.create(pk=2, name="Second", country="SE")


def test_a_row_cannot_name_a_customer_of_another_partner(family: dict[str, Customer]) -> None:
    own, stranger = family["C-1"], family["C-9"]
    with scope(PROVIDER):
        StaleSpan.objects.create(
            partner_id=own.partner_id, customer=stranger, first_day="2024-06-01", last_day="2024-06-30"
        )
        with pytest.raises(IntegrityError, match="of_partner"), transaction.atomic():
            connection.check_constraints()
        transaction.set_rollback(True)


def test_references_are_unique_everywhere(family: dict[str, Customer]) -> None:
    with pytest.raises(IntegrityError), scope(PROVIDER):
        Customer.objects.create(partner=family["C-9"].partner, ref="C-1", name="Twice", country="SE")
