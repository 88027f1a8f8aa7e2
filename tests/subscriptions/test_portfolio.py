"""import_portfolio: all or nothing, the place named, twice changes nothing, and invoiced days stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Model
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.accounts.models import AuditEntry, User
from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import BookPrice, CustomerTerms, PartnerTerms, PriceBook
from apps.organisations.models import Customer, Partner
from apps.subscriptions.domain.portfolio import PortfolioError, read_portfolio
from apps.subscriptions.models import LateChange, StaleSpan, Subscription, SubscriptionLine, SurgeChange
from apps.subscriptions.selectors import cycles_of, list_lines, surge_basis_points
from apps.subscriptions.services import (
    Imported,
    PortfolioRefused,
    change_surge,
    close_cycle,
    import_portfolio,
)
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    STANDARD,
    UNIT_PRICES,
    Part,
    customer,
    digital,
    line,
    partner,
    portfolio,
    portfolio_of,
    price,
    price_book,
    subscription,
)

STORED: list[type[Model]] = [
    PriceBook,
    BookPrice,
    Partner,
    PartnerTerms,
    Customer,
    CustomerTerms,
    Subscription,
    SubscriptionLine,
    SurgeChange,
    StaleSpan,
    LateChange,
    AuditEntry,
]


def run(file: Any, *, late: bool = False) -> Imported:
    text = json.dumps(file) if isinstance(file, dict | list) else file
    return import_portfolio(text=text, by="test", late=late)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that a portfolio can touch."""
    return {table.__name__: list(table._default_manager.order_by("pk").values()) for table in STORED}


FULL = portfolio(
    partner(
        "P-1",
        customer(
            "C-1",
            subscription(
                "Sub-1", line(PREMIUM, 5), line(STANDARD, 20, first="2024-03-01"), ends_on="2025-12-31"
            ),
            digital("Dig-1", line("A-CHAN-U-SMS-INTL", 1000)),
            surge_pct="30",
            retail_price_book="retail",
        ),
        customer("C-2", subscription("Sub-2", bill_day=31)),
        tax_rate_pct="25",
        payment_terms_days=14,
    ),
    books=[
        price_book("book"),
        price_book("retail", price(PREMIUM, "200.00", discount="12.5"), currency="SEK"),
    ],
)


@pytest.fixture
def stored(as_provider: None) -> Imported:
    """The full portfolio, imported once."""
    return run(FULL)


# What it stores


def test_a_portfolio_makes_all_that_it_names(stored: Imported) -> None:
    assert dict(stored.created) == {
        "price_books": 2,
        "prices": len(UNIT_PRICES) + 1,
        "partners": 1,
        "terms": 2,
        "customers": 2,
        "surge": 1,
        "subscriptions": 3,
        "lines": 3,
    }
    assert not stored.changed
    terms = PartnerTerms.objects.get()
    assert (terms.price_book.ref, terms.tax_rate_pct, terms.payment_terms_days) == ("book", Decimal(25), 14)
    assert CustomerTerms.objects.get().price_book.currency == "SEK"
    retail = BookPrice.objects.get(book__ref="retail")
    assert (retail.unit_price, retail.discount_pct, retail.valid_from) == (
        Decimal(200),
        Decimal("12.5"),
        date(2020, 1, 1),
    )
    known = Customer.objects.get(ref="C-1")
    assert (known.partner.ref, known.name, known.country) == ("P-1", "Customer C-1", "SE")
    assert surge_basis_points(known) == 3000
    sub = Subscription.objects.get(number="Sub-1")
    assert (sub.customer, sub.starts_on, sub.ends_on, sub.bill_day, sub.licence_model) == (
        known,
        date(2024, 1, 1),
        date(2025, 12, 31),
        1,
        "named",
    )
    assert [(each.sku, each.quantity, each.first, each.last) for each in list_lines(known)] == [
        (PREMIUM, 5, None, None),
        (STANDARD, 20, date(2024, 3, 1), None),
        ("A-CHAN-U-SMS-INTL", 1000, None, None),
    ]


def test_tax_and_payment_terms_left_out_are_0_and_30(as_provider: None) -> None:
    run(portfolio_of())
    terms = PartnerTerms.objects.get()
    assert (terms.tax_rate_pct, terms.payment_terms_days) == (Decimal(0), 30)


def test_importing_it_twice_changes_nothing_not_even_the_audit_trail(stored: Imported) -> None:
    before = everything()
    again = run(FULL)
    assert (dict(again.created), dict(again.changed)) == ({}, {})
    assert everything() == before


def test_leaving_out_removes_nothing(stored: Imported) -> None:
    before = everything()
    files: list[Part] = [
        {},
        {"partners": []},
        portfolio(partner("P-1")),
        portfolio(partner("P-1", customer("C-1")), books=[{"ref": "book", "currency": "EUR"}]),
        portfolio(partner("P-1", customer("C-1", subscription("Sub-1", ends_on="2025-12-31")))),
    ]
    for file in files:
        run(file)
        assert everything() == before


def test_a_field_left_out_stays_as_it_was(stored: Imported) -> None:
    before = everything()
    file = deepcopy(FULL)
    del (
        file["partners"][0]["tax_rate_pct"],
        file["partners"][0]["payment_terms_days"],
        file["partners"][0]["price_book"],
    )
    first = file["partners"][0]["customers"][0]
    del first["surge_pct"], first["retail_price_book"]
    del first["subscriptions"][0]["ends_on"]
    for each in first["subscriptions"][0]["lines"]:
        del each["to"]
    run(file)
    assert everything() == before


def test_every_change_is_in_the_audit_trail_with_who(stored: Imported) -> None:
    before = AuditEntry.objects.count()
    file = deepcopy(FULL)
    file["partners"][0]["customers"][0]["name"] = "Renamed"
    import_portfolio(text=json.dumps(file), by="erin@example.com")
    newest = AuditEntry.objects.first()
    assert newest is not None
    assert (newest.by, newest.action, newest.subject, newest.customer) == (
        "erin@example.com",
        "customers.changed",
        "C-1",
        Customer.objects.get(ref="C-1"),
    )
    assert AuditEntry.objects.count() == before + 1


def test_a_customer_without_a_retail_price_book_any_more_is_invoiced_no_more(stored: Imported) -> None:
    run(portfolio(partner("P-1", customer("C-1", retail_price_book=None))))
    assert not CustomerTerms.objects.exists()


# Lines that only ever close


def lines_of(number: str) -> list[tuple[str, int, date | None, date | None, bool]]:
    """All lines of a subscription in the order in which they were recorded, and whether they still count."""
    return [
        (each.sku.code, each.quantity, each.valid_from, each.valid_to, each.withdrawn_at is None)
        for each in SubscriptionLine.objects.filter(subscription__number=number)
    ]


def again(*lines: Part) -> Imported:
    return run(portfolio_of(subscription("Sub-1", *lines)))


def test_R10_a_later_file_closes_a_line(as_provider: None) -> None:
    again(line(PREMIUM, 5))
    outcome = again(line(PREMIUM, 5, last="2024-06-30"), line(PREMIUM, 8, first="2024-07-01"))
    assert (dict(outcome.created), dict(outcome.changed)) == ({"lines": 1}, {"lines": 1})
    assert lines_of("Sub-1") == [
        (PREMIUM, 5, None, date(2024, 6, 30), True),
        (PREMIUM, 8, date(2024, 7, 1), None, True),
    ]


def test_R10_a_changed_quantity_withdraws_the_old_line_and_keeps_it(as_provider: None) -> None:
    again(line(PREMIUM, 5))
    again(line(PREMIUM, 6))
    assert lines_of("Sub-1") == [(PREMIUM, 5, None, None, False), (PREMIUM, 6, None, None, True)]
    assert [each.quantity for each in list_lines(Customer.objects.get(ref="C-1"))] == [6]


def test_R10_a_line_that_is_to_last_longer_again_is_withdrawn_for_a_new_one(as_provider: None) -> None:
    again(line(PREMIUM, 5, last="2024-06-30"))
    again(line(PREMIUM, 5))
    assert lines_of("Sub-1") == [
        (PREMIUM, 5, None, date(2024, 6, 30), False),
        (PREMIUM, 5, None, None, True),
    ]


def test_R10_a_later_file_adds_lines_beside_those_that_it_leaves_out(as_provider: None) -> None:
    again(line(PREMIUM, 5))
    again(line(STANDARD, 20))
    again(line(PREMIUM, 2, first="2024-09-01"))
    assert [each[:2] for each in lines_of("Sub-1")] == [(PREMIUM, 5), (STANDARD, 20), (PREMIUM, 2)]
    assert all(counts for *_, counts in lines_of("Sub-1"))


def test_R10_two_lines_of_a_sku_from_one_day_are_two_lines_however_often_they_are_imported(
    as_provider: None,
) -> None:
    for _ in range(2):
        again(line(PREMIUM, 5), line(PREMIUM, 2))
        assert [each[1] for each in lines_of("Sub-1")] == [5, 2]


def test_a_change_of_a_subscription_makes_its_days_stale(as_provider: None) -> None:
    again(line(PREMIUM, 5))
    StaleSpan.objects.all().delete()
    again(line(PREMIUM, 5))
    assert not StaleSpan.objects.exists()
    again(line(PREMIUM, 6))
    span = StaleSpan.objects.get()
    assert span.first_day == date(2024, 1, 1)
    assert span.last_day >= date(2026, 12, 31)


# Surge


def with_surge(percent: str | None) -> Part:
    return portfolio_of(**({} if percent is None else {"surge_pct": percent}))


def test_R9_a_percentage_set_by_an_administrator_survives_the_same_file(
    as_provider: None, dana: User
) -> None:
    run(with_surge("30"))
    known = Customer.objects.get(ref="C-1")
    change_surge(customer=known, percent=Decimal(50), reason="peak", by=dana)
    for percent in ("30", "30.00", None):
        run(with_surge(percent))
        assert surge_basis_points(known) == 5000


def test_R9_a_file_that_says_another_percentage_than_before_changes_it(as_provider: None, dana: User) -> None:
    run(with_surge("30"))
    known = Customer.objects.get(ref="C-1")
    change_surge(customer=known, percent=Decimal(50), reason="peak", by=dana)
    run(with_surge("40"))
    assert surge_basis_points(known) == 4000
    assert [(each.before_basis_points, each.after_basis_points) for each in SurgeChange.objects.all()] == [
        (5000, 4000),
        (3000, 5000),
        (0, 3000),
    ]


# What is refused, with the place named, and nothing changed


def broken(path: str, value: Any) -> Part:
    """The full portfolio with one value replaced; a path like ``partners.0.name``."""
    file = deepcopy(FULL)
    *way, name = path.split(".")
    part: Any = file
    for step in way:
        part = part[int(step)] if step.isdigit() else part[step]
    part[int(name) if name.isdigit() else name] = value
    return file


SUB = "partners.0.customers.0.subscriptions.0"
PLACE_OF_SUB = "partners[0].customers[0].subscriptions[0]"
SHAPE: list[tuple[str, Any, str]] = [
    ("nonsense", 1, "nonsense: is not a field of a portfolio"),
    ("partners.0.nonsense", 1, "partners[0].nonsense: is not a field"),
    ("partners.0.customers.0.nonsense", None, "partners[0].customers[0].nonsense: is not a field"),
    (f"{SUB}.nonsense", "", f"{PLACE_OF_SUB}.nonsense: is not a field"),
    (f"{SUB}.lines.1.nonsense", "", f"{PLACE_OF_SUB}.lines[1].nonsense: is not a field"),
    ("price_books.1.prices.0.nonsense", "", "price_books[1].prices[0].nonsense: is not a field"),
    ("partners", {}, "partners: "),
    ("partners.0", [], "partners[0]: "),
    ("partners.0.ref", 100, "partners[0].ref: "),
    ("partners.0.ref", "", "partners[0].ref: "),
    ("partners.0.ref", "P 1", "partners[0].ref: "),
    ("partners.0.ref", "P/1", "partners[0].ref: "),
    ("partners.0.ref", "P" * 65, "partners[0].ref: "),
    ("partners.0.name", None, "partners[0].name: "),
    ("partners.0.name", "  ", "partners[0].name: "),
    ("partners.0.name", "x" * 201, "partners[0].name: "),
    ("partners.0.name", "nul\x00", "partners[0].name: "),
    ("partners.0.country", "se", "partners[0].country: "),
    ("partners.0.country", "SWE", "partners[0].country: "),
    ("partners.0.tax_rate_pct", 25.0, 'partners[0].tax_rate_pct: a decimal is written as text, like "12.50"'),
    ("partners.0.tax_rate_pct", "-1", "partners[0].tax_rate_pct: "),
    ("partners.0.tax_rate_pct", "100.01", "partners[0].tax_rate_pct: "),
    ("partners.0.tax_rate_pct", "25 %", "partners[0].tax_rate_pct: '25 %' is not a decimal"),
    ("partners.0.payment_terms_days", "30", "partners[0].payment_terms_days: a whole number is expected"),
    ("partners.0.payment_terms_days", 30.5, "partners[0].payment_terms_days: a whole number is expected"),
    ("partners.0.payment_terms_days", True, "partners[0].payment_terms_days: a whole number is expected"),
    ("partners.0.payment_terms_days", -1, "partners[0].payment_terms_days: "),
    ("partners.0.payment_terms_days", 10**400, "partners[0].payment_terms_days: "),
    ("partners.0.customers.0.surge_pct", "-0.01", "partners[0].customers[0].surge_pct: "),
    ("partners.0.customers.0.surge_pct", "1000.01", "partners[0].customers[0].surge_pct: "),
    ("partners.0.customers.0.surge_pct", "12.345", "partners[0].customers[0].surge_pct: "),
    ("partners.0.customers.0.surge_pct", "NaN", "partners[0].customers[0].surge_pct: 'NaN' is not a decimal"),
    ("partners.0.customers.0.surge_pct", float("nan"), "partners[0].customers[0].surge_pct: "),
    (f"{SUB}.starts_on", None, f"{PLACE_OF_SUB}.starts_on: "),
    (f"{SUB}.starts_on", "09/06/2024", f"{PLACE_OF_SUB}.starts_on: "),
    (f"{SUB}.starts_on", "2024-02-30", f"{PLACE_OF_SUB}.starts_on: "),
    (f"{SUB}.starts_on", "2024-06-09T00:00:00", f"{PLACE_OF_SUB}.starts_on: a day is written like"),
    (f"{SUB}.starts_on", 20240609, f"{PLACE_OF_SUB}.starts_on: a day is written like"),
    (f"{SUB}.starts_on", "0001-01-01", f"{PLACE_OF_SUB}.starts_on: "),
    (
        f"{SUB}.ends_on",
        "2023-12-31",
        f"{PLACE_OF_SUB}: the subscription ends on 2023-12-31, before it starts",
    ),
    (f"{SUB}.bill_day", 0, f"{PLACE_OF_SUB}.bill_day: "),
    (f"{SUB}.bill_day", 32, f"{PLACE_OF_SUB}.bill_day: "),
    (f"{SUB}.bill_day", "9", f"{PLACE_OF_SUB}.bill_day: a whole number is expected"),
    (f"{SUB}.licence_model", "floating", f"{PLACE_OF_SUB}.licence_model: "),
    (f"{SUB}.lines.0.quantity", 5.0, f"{PLACE_OF_SUB}.lines[0].quantity: a whole number is expected"),
    (f"{SUB}.lines.0.quantity", "5", f"{PLACE_OF_SUB}.lines[0].quantity: a whole number is expected"),
    (f"{SUB}.lines.0.quantity", -5, f"{PLACE_OF_SUB}.lines[0].quantity: "),
    (f"{SUB}.lines.0.quantity", 10_000_001, f"{PLACE_OF_SUB}.lines[0].quantity: "),
    (f"{SUB}.lines.0.quantity", float("inf"), f"{PLACE_OF_SUB}.lines[0].quantity: "),
    (
        f"{SUB}.lines.1.to",
        "2024-02-29",
        f"{PLACE_OF_SUB}.lines[1]: the line ends on 2024-02-29, before it starts",
    ),
    ("price_books.0.currency", "eur", "price_books[0].currency: "),
    (
        "price_books.0.prices.0.unit_price",
        125.0,
        "price_books[0].prices[0].unit_price: a decimal is written as text",
    ),
    ("price_books.0.prices.0.unit_price", "-125.00", "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", "Infinity", "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", "sNaN", "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", "1E+400", "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", "0.0000001", "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", "9" * 5000, "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.unit_price", [], "price_books[0].prices[0].unit_price: "),
    ("price_books.0.prices.0.discount_pct", "100.5", "price_books[0].prices[0].discount_pct: "),
]
RULES: list[tuple[str, Any, str]] = [
    (
        "price_books.0.prices.0.sku",
        "A-NOTHING",
        "price_books[0].prices[0].sku: A-NOTHING is not in the catalogue",
    ),
    ("partners.0.price_book", "nowhere", "partners[0].price_book: there is no price book nowhere"),
    (
        "partners.0.customers.0.retail_price_book",
        "nowhere",
        "partners[0].customers[0].retail_price_book: there is no price book nowhere",
    ),
    (f"{SUB}.offer", "A-NOTHING", f"{PLACE_OF_SUB}.offer: A-NOTHING is not in the catalogue"),
    (
        f"{SUB}.offer",
        "A-WEBEX-CONNECT",
        f"{PLACE_OF_SUB}.licence_model: A-WEBEX-CONNECT has no licence model",
    ),
    (f"{SUB}.licence_model", None, f"{PLACE_OF_SUB}.licence_model: is missing"),
    (f"{SUB}.lines.1.sku", "A-NOTHING", f"{PLACE_OF_SUB}.lines[1].sku: A-NOTHING is not in the catalogue"),
    (
        f"{SUB}.lines.1.sku",
        f"{PREMIUM}-O",
        f"{PLACE_OF_SUB}.lines[1].sku: {PREMIUM}-O belongs to every subscription",
    ),
    (
        f"{SUB}.lines.1.sku",
        "A-FLEX-WCC-P-C",
        f"{PLACE_OF_SUB}.lines[1].sku: A-FLEX-WCC-P-C is of the concurrent",
    ),
    (
        f"{SUB}.lines.1.sku",
        "A-CHAN-U-SMS-INTL",
        f"{PLACE_OF_SUB}.lines[1].sku: A-CHAN-U-SMS-INTL does not belong to the offer A-FLEX-3-CC",
    ),
    (
        "partners.0.customers.0.subscriptions.1.lines.0.sku",
        IVR,
        f"partners[0].customers[0].subscriptions[1].lines[0].sku: {IVR} does not belong to the offer",
    ),
    (
        "partners.0.customers.0.subscriptions.1.lines.0.sku",
        PREMIUM,
        "partners[0].customers[0].subscriptions[1].lines[0].sku: ",
    ),
    ("partners.0.customers.1.ref", "C-1", "partners[0].customers[1].ref: C-1 stands in the file twice"),
    (
        "partners.0.customers.1.subscriptions.0.number",
        "Sub-1",
        "partners[0].customers[1].subscriptions[0].number: Sub-1 is a subscription of another customer",
    ),
    (
        "partners.0.customers.0.subscriptions.1.number",
        "Sub-1",
        "partners[0].customers[0].subscriptions[1].number: Sub-1 stands in the file twice",
    ),
    ("price_books.1.ref", "book", "price_books[1].ref: book stands in the file twice"),
    ("partners", [partner("P-1"), partner("P-1")], "partners[1].ref: P-1 stands in the file twice"),
]


@pytest.mark.parametrize(("path", "value", "said"), SHAPE)
def test_a_wrong_value_is_refused_with_its_place(path: str, value: Any, said: str) -> None:
    with pytest.raises(PortfolioError) as error:
        read_portfolio(json.dumps(broken(path, value)))
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("path", "value", "said"), [SHAPE[0], *RULES])
def test_what_breaks_a_rule_is_refused_with_its_place_and_nothing_is_stored(
    as_provider: None, path: str, value: Any, said: str
) -> None:
    before = everything()
    with pytest.raises(PortfolioRefused) as refused:
        run(broken(path, value))
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert everything() == before


@pytest.mark.parametrize(
    "path",
    [
        "partners.0.ref",
        "partners.0.name",
        "partners.0.customers.0.ref",
        "partners.0.customers.0.country",
        f"{SUB}.number",
        f"{SUB}.offer",
        f"{SUB}.starts_on",
        f"{SUB}.bill_day",
        f"{SUB}.lines.0.sku",
        f"{SUB}.lines.0.quantity",
        "price_books.0.ref",
        "price_books.0.currency",
        "price_books.0.prices.0.unit_price",
        "price_books.0.prices.0.from",
    ],
)
def test_a_missing_field_is_refused_with_its_place(path: str) -> None:
    file = broken(path, None)
    *way, name = path.split(".")
    part: Any = file
    for step in way:
        part = part[int(step)] if step.isdigit() else part[step]
    del part[name]
    place = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).lstrip(".")
    with pytest.raises(PortfolioError) as error:
        read_portfolio(json.dumps(file))
    assert str(error.value) == f"{place}: is missing"


def test_of_several_mistakes_the_first_is_told_and_the_others_are_counted() -> None:
    file = broken("partners.0.country", "se")
    file["partners"][0]["nonsense"] = 1
    file["more"] = 2
    with pytest.raises(PortfolioError, match=r"^partners\[0\]\.country: .* \(and 2 more\)$"):
        read_portfolio(json.dumps(file))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   \n",
        b"ref,name\nP-1,Nordlys\n",
        b'{"partners": [',
        b'{"partners": []} trailing',
        b"[]",
        b"null",
        b'"partners"',
        json.dumps(FULL).encode("utf-16"),
        b'{"partners": [{"ref": "P-\xff"}]}',
        b'{"partners": [{"ref": "P-1", "name": "\\ud800", "country": "SE"}]}',
        b"[" * 100_000,
    ],
    ids=[
        "empty",
        "blank",
        "csv",
        "cut off",
        "trailing",
        "list",
        "null",
        "text",
        "utf-16",
        "broken utf-8",
        "surrogate",
        "deep",
    ],
)
def test_what_is_no_portfolio_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(PortfolioError) as error:
        read_portfolio(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_R14_two_prices_of_a_sku_from_one_day_are_refused(as_provider: None) -> None:
    book = price_book("book", price(PREMIUM, "1.00"), price(STANDARD, "2.00"), price(PREMIUM, "3.00"))
    with pytest.raises(PortfolioRefused, match=f"{PREMIUM} has two prices from 2020-01-01"):
        run(portfolio(books=[book]))


def test_a_price_books_currency_cannot_change(stored: Imported) -> None:
    with pytest.raises(
        PortfolioRefused, match=r"price_books\[0\]\.currency: book is in EUR and cannot change"
    ):
        run(portfolio(books=[price_book("book", price(PREMIUM), currency="USD")]))


def test_a_customer_of_another_partner_is_refused(stored: Imported) -> None:
    before = everything()
    with pytest.raises(PortfolioRefused, match="C-1 is a customer of another partner"):
        run(portfolio(partner("P-2", customer("C-9"), customer("C-1"))))
    assert everything() == before


def test_a_mistake_at_the_end_of_the_file_undoes_its_beginning(stored: Imported) -> None:
    before = everything()
    file = portfolio(
        partner(
            "P-1", customer("C-1", subscription("Sub-1", line(PREMIUM, 99)), surge_pct="99"), tax_rate_pct="9"
        ),
        partner("P-2", customer("C-2")),
    )
    with pytest.raises(PortfolioRefused, match=r"partners\[1\]\.customers\[0\]\.ref"):
        run(file)
    assert everything() == before


# R10, licence models


def test_R10_a_second_licence_model_at_one_time_is_refused_and_both_are_named(as_provider: None) -> None:
    run(portfolio_of(subscription("Sub-1", ends_on="2024-06-30")))
    second = subscription("Sub-2", starts_on="2024-06-30", model="concurrent")
    with pytest.raises(
        PortfolioRefused, match="Sub-1 and Sub-2 are active together with different licence models"
    ):
        run(portfolio_of(second))
    assert not Subscription.objects.filter(number="Sub-2").exists()
    run(portfolio_of({**second, "starts_on": "2024-07-01"}))
    assert Subscription.objects.filter(number="Sub-2").exists()


def test_R10_a_subscription_that_would_last_into_another_model_is_refused(as_provider: None) -> None:
    first = subscription("Sub-1", ends_on="2024-06-30")
    run(portfolio_of(first, subscription("Sub-2", starts_on="2024-07-01", model="concurrent")))
    with pytest.raises(PortfolioRefused, match="different licence models, named and concurrent"):
        run(portfolio_of({**first, "ends_on": None}))


def test_R10_a_subscription_cannot_take_the_other_model_with_skus_of_the_first(as_provider: None) -> None:
    run(portfolio_of(subscription("Sub-1", line(PREMIUM, 5))))
    with pytest.raises(PortfolioRefused, match=f"{PREMIUM} is of the named licence model"):
        run(portfolio_of(subscription("Sub-1", model="concurrent")))


# R13, days already invoiced


@pytest.fixture
def invoiced(as_provider: None) -> Customer:
    """C-1, bill day 9, with its cycle 9 June – 8 July 2024 closed: its invoice looked at the days to 9 July."""
    run(
        portfolio_of(
            subscription("Sub-1", line(PREMIUM, 5), line(STANDARD, 20), starts_on="2024-01-09", bill_day=9),
            subscription(
                "Sub-2", line(STANDARD, 1), starts_on="2024-01-15", ends_on="2024-08-14", bill_day=15
            ),
        )
    )
    known = Customer.objects.get(ref="C-1")
    june = next(
        cycle
        for cycle in cycles_of(known, Service.CONTACT_CENTRE, until=date(2024, 6, 9))
        if cycle.first == date(2024, 6, 9)
    )
    close_cycle(customer=known, service=Service.CONTACT_CENTRE, cycle=june, inputs_hash="", snapshot={})
    return known


def sub_1(*lines: Part, **fields: Any) -> Part:
    return portfolio_of(subscription("Sub-1", *lines, **{"starts_on": "2024-01-09", "bill_day": 9, **fields}))


def sub_2(*lines: Part, **fields: Any) -> Part:
    wanted = {"starts_on": "2024-01-15", "ends_on": "2024-08-14", "bill_day": 15, **fields}
    return portfolio_of(subscription("Sub-2", *lines, **wanted))


INVOICED: list[tuple[Part, str]] = [
    (sub_1(line(PREMIUM, 6)), f"{PREMIUM} of Sub-1 on 2024-06-09"),
    (sub_1(line(PREMIUM, 2, first="2024-07-01")), f"{PREMIUM} of Sub-1 on 2024-07-01"),
    (sub_1(line(PREMIUM, 2, first="2024-07-09")), f"{PREMIUM} of Sub-1 on 2024-07-09"),
    (sub_1(line(IVR, 4, first="2024-07-08")), f"{IVR} of Sub-1 on 2024-07-08"),
    (sub_1(line(STANDARD, 20, last="2024-07-08")), f"{STANDARD} of Sub-1 on 2024-07-09"),
    (sub_1(ends_on="2024-06-30"), "Sub-1 on 2024-07-01"),
    (sub_1(bill_day=15), "Sub-1 on "),
    (sub_2(ends_on="2024-07-12"), f"{STANDARD} of Sub-2 on "),
    (sub_2(bill_day=1), f"{STANDARD} of Sub-2 on "),
    (
        portfolio_of(subscription("Sub-3", line(PREMIUM, 1), starts_on="2024-07-09", bill_day=9)),
        f"{PREMIUM} of Sub-3 on 2024-07-09",
    ),
]


@pytest.mark.parametrize(("change", "said"), INVOICED)
def test_R13_a_change_of_an_invoiced_day_is_refused_and_names_the_line(
    invoiced: Customer, change: Part, said: str
) -> None:
    before = everything()
    with pytest.raises(PortfolioRefused) as refused:
        run(change)
    assert said in str(refused.value)
    assert "would change days already invoiced" in str(refused.value)
    assert everything() == before


SUB_1 = "partners[0].customers[0].subscriptions[0]"


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (
            sub_1(line(STANDARD, 20), line(PREMIUM, 6)),
            f"{SUB_1}.lines[1]: {PREMIUM} of Sub-1 on 2024-06-09",
            "6 instead of 5",
        ),
        (sub_1(ends_on="2024-06-30"), f"{SUB_1}: {PREMIUM} of Sub-1 on 2024-07-01", "0 instead of 5"),
        (sub_2(bill_day=16), f"{SUB_1}: {STANDARD} of Sub-2 on 2024-06-15", "another period is charged"),
    ],
)
def test_R13_the_refusal_names_the_place_the_line_the_day_and_what_it_would_be(
    invoiced: Customer, change: Part, place: str, said: str
) -> None:
    with pytest.raises(PortfolioRefused) as refused:
        run(change)
    assert str(refused.value) == (
        f"{place} would change days already invoiced (to 2024-07-09): {said}; entered with --late, the difference"
        " becomes an adjustment"
    )


@pytest.mark.parametrize("change", [change for change, _said in INVOICED])
def test_R13_entered_late_a_change_of_an_invoiced_day_is_stored_and_waits_for_the_next_invoice(
    invoiced: Customer, change: Part
) -> None:
    outcome = run(change, late=True)
    assert sum(outcome.created.values()) + sum(outcome.changed.values()) >= 1
    assert [each.closed.first_day for each in LateChange.objects.all()] == [date(2024, 6, 9)]
    trail = AuditEntry.objects.filter(action="invoiced_days.changed")
    assert {(entry.by, entry.reason, entry.customer) for entry in trail} == {("test", "late", invoiced)}
    after = everything()
    again = run(change, late=True)
    assert (dict(again.created), dict(again.changed)) == ({}, {})
    assert everything() == after


def test_R13_late_is_what_touches_invoiced_days_and_nothing_else(invoiced: Customer) -> None:
    run(sub_1(line(PREMIUM, 2, first="2024-07-10")), late=True)
    run(portfolio_of(subscription("Sub-0", starts_on="2023-01-01")), late=True)
    run(portfolio(books=[price_book("book", price(PREMIUM, "101.00", first="2024-07-10"))]), late=True)
    assert not LateChange.objects.exists()


def test_R13_the_licence_model_of_an_invoiced_primary_is_refused_unless_late(as_provider: None) -> None:
    run(portfolio_of(subscription("Sub-1", starts_on="2024-01-09", bill_day=9)))
    known = Customer.objects.get(ref="C-1")
    first = cycles_of(known, Service.CONTACT_CENTRE, until=date(2024, 1, 9))[0]
    close_cycle(customer=known, service=Service.CONTACT_CENTRE, cycle=first, inputs_hash="", snapshot={})
    concurrent = portfolio_of(subscription("Sub-1", starts_on="2024-01-09", bill_day=9, model="concurrent"))
    with pytest.raises(PortfolioRefused, match=r"Sub-1 on 2024-01-09 .* concurrent instead of .* named"):
        run(concurrent)
    run(concurrent, late=True)
    assert LateChange.objects.count() == 1
    other_service = digital("Sub-1", starts_on="2024-01-09", bill_day=9)
    with pytest.raises(
        PortfolioRefused, match=r"would change days already invoiced .*: A-WEBEX-CONNECT instead"
    ):
        run(portfolio_of(other_service), late=True)


@pytest.mark.parametrize(
    "change",
    [
        sub_1(line(PREMIUM, 5, last="2024-07-09"), line(PREMIUM, 6, first="2024-07-10")),
        sub_1(line(PREMIUM, 2, first="2024-07-10")),
        sub_1(line(STANDARD, 20, last="2024-07-09")),
        sub_2(line(STANDARD, 1, last="2024-07-20")),
        portfolio_of(subscription("Sub-3", line(PREMIUM, 1), starts_on="2024-07-10", bill_day=9)),
        portfolio_of(subscription("Sub-0", starts_on="2023-01-01")),
    ],
)
def test_R13_a_change_after_the_invoiced_days_is_stored(invoiced: Customer, change: Part) -> None:
    outcome = run(change)
    assert sum(outcome.created.values()) + sum(outcome.changed.values()) >= 1


@pytest.mark.parametrize(
    ("prices", "refused"),
    [
        ([price(PREMIUM, "101.00")], True),
        ([price(PREMIUM, "100.00", discount="1")], True),
        ([price(PREMIUM, "101.00", first="2024-07-09")], True),
        ([price(PREMIUM, "101.00", first="2024-07-10")], False),
        ([price("A-INTL-NUM-PROV", "101.00", first="2020-01-01")], False),
    ],
)
def test_R13_a_price_that_an_invoice_used_is_not_changed(
    invoiced: Customer, prices: list[Part], refused: bool
) -> None:
    file = portfolio(books=[price_book("book", *prices)])
    if not refused:
        assert dict(run(file).created) == {"prices": 1}
        return
    with pytest.raises(
        PortfolioRefused, match=r"price_books\[0\]\.prices\[0\]: the price of .* already invoiced .*--late"
    ):
        run(file)
    run(file, late=True)
    assert [each.closed.first_day for each in LateChange.objects.all()] == [date(2024, 6, 9)]
    newest = AuditEntry.objects.first()
    assert newest is not None
    assert (newest.action[:6], newest.reason) == ("price.", "late")


@pytest.mark.parametrize(("named", "value"), [("tax_rate_pct", "25"), ("payment_terms_days", 14)])
def test_tax_and_payment_terms_need_a_price_book(as_provider: None, named: str, value: Any) -> None:
    without = portfolio(partner("P-1", price_book=None, **{named: value}))
    with pytest.raises(PortfolioRefused, match=rf"^partners\[0\]\.{named}: P-1 has no price book yet"):
        run(without)
    assert not Partner.objects.exists()
    run(portfolio(partner("P-1")))
    run(without)
    assert str(getattr(PartnerTerms.objects.get(), named)).startswith(str(value))


def test_R13_a_price_that_only_strangers_were_invoiced_by_does_not_stand_in_the_way(
    invoiced: Customer,
) -> None:
    other = price_book("other", price(PREMIUM, "1.00"))
    run(portfolio(partner("P-2", customer("C-2"), price_book="other"), books=[other]))
    other["prices"][0]["unit_price"] = "2.00"
    assert dict(run(portfolio(books=[other])).changed) == {"prices": 1}


# Whatever comes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _paths(part: Any, way: str = "") -> Iterator[str]:
    steps = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, value in steps:
        yield f"{way}{step}"
        yield from _paths(value, f"{way}{step}.")


@settings(max_examples=100)
@given(path=st.sampled_from(sorted(_paths(FULL))), value=json_values)
def test_whatever_stands_in_a_field_is_read_or_refused_in_one_line(path: str, value: Any) -> None:
    said = ""
    try:
        read_portfolio(json.dumps(broken(path, value)))
    except PortfolioError as error:
        said = str(error)
    assert "\n" not in said
