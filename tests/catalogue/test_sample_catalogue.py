"""The sample catalogue of formats.md, and who may read what is sold at which price."""

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from apps.catalogue.domain.kinds import SkuKind
from apps.catalogue.models import BookPrice, CustomerTerms, Offer, PartnerTerms, PriceBook, Sku
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from tests.factories.portfolios import customer, enter, partner, portfolio, price, price_book, stored_customer

pytestmark = pytest.mark.django_db

# sku, usage type, Daily Detail name, unit there, unit on invoices
CATALOGUE = [
    ("A-FLEX-WCC-P-N", "premium-named", "Premium Named Agent", "Licenses", "Agent"),
    ("A-FLEX-WCC-S-N", "standard-named", "Standard Named Agent", "Licenses", "Agent"),
    ("A-FLEX-WCC-P-C", "premium-concurrent", "Premium Concurrent Agent", "Licenses", "Agent"),
    ("A-FLEX-WCC-S-C", "standard-concurrent", "Standard Concurrent Agent", "Licenses", "Agent"),
    ("A-FLEX-WCC-WFO", "workforce-optimization", "Workforce Optimization Agent", "Licenses", "Agent"),
    ("A-FLEX-WCC-IVR", "ivr-port", "IVR Port", "Ports", "Port"),
]


@pytest.mark.parametrize(("code", "usage_type", "name", "detail_unit", "unit"), CATALOGUE)
def test_a_committed_sku_has_its_overage_sku_with_O_at_its_end(
    as_provider: None, code: str, usage_type: str, name: str, detail_unit: str, unit: str
) -> None:
    committed, overage = Sku.objects.get(code=code), Sku.objects.get(code=f"{code}-O")
    assert (committed.kind, overage.kind) == (SkuKind.COMMITTED, SkuKind.OVERAGE)
    for sku in (committed, overage):
        assert (sku.usage_type, sku.detail_name, sku.detail_unit, sku.unit) == (
            usage_type,
            name,
            detail_unit,
            unit,
        )


def test_the_rest_of_the_sample_catalogue(as_provider: None) -> None:
    others = Sku.objects.exclude(kind__in=[SkuKind.COMMITTED, SkuKind.OVERAGE]).values_list(
        "code", "kind", "unit"
    )
    assert sorted(others) == [
        ("A-CHAN-U-SMS-INTL", "digital-usage", "Each"),
        ("A-CHAN-U-SMS-SC-UK", "digital-usage", "Each"),
        ("A-INTL-NUM-PROV", "digital-usage", "Each"),
        ("A-VOICE-U-INTL", "digital-usage", "Each"),
        ("A-WXCN-PRM-AUTOINT", "digital-usage", "Each"),
        ("A-WXCN-PRM-CON-ENT", "recurring", "Each"),
        ("SVS-WX-SUPT-BAS", "recurring", "Each"),
    ]
    assert list(Offer.objects.values_list("code", "service")) == [
        ("A-FLEX-3-CC", "contact-centre"),
        ("A-WEBEX-CONNECT", "digital"),
    ]


def test_a_usage_type_has_one_overage_sku(as_provider: None) -> None:
    with pytest.raises(IntegrityError, match="one_overage_sku"), transaction.atomic():
        Sku.objects.create(code="NEW-O", name="Second", kind=SkuKind.OVERAGE, usage_type="ivr-port")


def test_R14_the_database_refuses_two_prices_of_a_sku_from_one_day(as_provider: None) -> None:
    book = PriceBook.objects.create(ref="book", currency="EUR")
    ports = Sku.objects.get(code="A-FLEX-WCC-IVR")
    BookPrice.objects.create(book=book, sku=ports, valid_from="2024-01-01", unit_price=1)
    with pytest.raises(IntegrityError, match="one_price_a_day"), transaction.atomic():
        BookPrice.objects.create(book=book, sku=ports, valid_from="2024-01-01", unit_price=2)


@pytest.fixture
def two_partners(db: None) -> tuple[Customer, Customer]:
    """Each partner with a wholesale book; the customer of the first buys from it by a retail book."""
    books = [price_book(ref, price("A-FLEX-WCC-IVR")) for ref in ("wholesale-1", "retail-1", "wholesale-2")]
    enter(
        portfolio(
            partner("P-1", customer("C-1", retail_price_book="retail-1"), price_book="wholesale-1"),
            partner("P-2", customer("C-2"), price_book="wholesale-2"),
            books=books,
        )
    )
    return stored_customer("C-1"), stored_customer("C-2")


def test_a_partner_sees_the_books_that_it_and_its_customers_buy_by_and_no_others(
    two_partners: tuple[Customer, Customer],
) -> None:
    seen = {}
    for own in two_partners:
        with scope(Scope(Role.PARTNER, own.partner_id)):
            seen[own.ref] = (
                sorted(PriceBook.objects.values_list("ref", flat=True)),
                sorted(BookPrice.objects.values_list("book__ref", flat=True)),
                PartnerTerms.objects.count(),
                CustomerTerms.objects.count(),
            )
    assert seen == {
        "C-1": (["retail-1", "wholesale-1"], ["retail-1", "wholesale-1"], 1, 1),
        "C-2": (["wholesale-2"], ["wholesale-2"], 1, 0),
    }


@pytest.mark.parametrize("table", [PriceBook, BookPrice, PartnerTerms, CustomerTerms])
def test_no_customer_reads_any_price_not_even_its_own(
    two_partners: tuple[Customer, Customer], table: type[PriceBook]
) -> None:
    own = two_partners[0]
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scope(Scope(Role.CUSTOMER, own.partner_id, own.pk)),
    ):
        table.objects.exists()


def test_only_the_provider_changes_prices(two_partners: tuple[Customer, Customer]) -> None:
    own = two_partners[0]
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scope(Scope(Role.PARTNER, own.partner_id)),
    ):
        BookPrice.objects.update(unit_price=0)
    with scope(PROVIDER):
        assert BookPrice.objects.filter(unit_price=10).count() == 3
