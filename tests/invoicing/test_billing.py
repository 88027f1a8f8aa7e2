"""R14: what the papers of a cycle hold before they are issued."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.drafting import Draft
from apps.invoicing.drafts import NoDraftForYou, drafts_to_read
from apps.invoicing.models import Invoice
from apps.invoicing.selectors import NoPriceBook
from apps.invoicing.services import PriceMissing, as_printed, make_drafts
from apps.organisations.models import Customer
from apps.reconciliation.selectors import NoSuchCycle
from tests.factories.portfolios import (
    CONNECT,
    IVR,
    STANDARD,
    SUPPORT,
    WFO,
    Part,
    customer,
    digital,
    enter,
    entered,
    line,
    partner,
    portfolio,
    price,
    price_book,
    stored_customer,
    subscription,
)
from tests.factories.usage import UsageFiles, session

pytestmark = pytest.mark.django_db

TODAY = date(2024, 12, 1)
JUNE = date(2024, 6, 1)
ONE_STANDARD = subscription("Sub-1", line(STANDARD, 1))


def drafts(owner: Customer, first: date = JUNE, *, today: date = TODAY) -> list[Draft]:
    with scope(PROVIDER):
        return make_drafts(customer=owner, first_day=first, today=today)


def told(draft: Draft) -> list[tuple[Any, ...]]:
    """Kind, SKU, subscription, first and last day, quantity, amount of each line."""
    return [
        (
            str(each.kind),
            each.sku,
            each.subscription,
            f"{each.period_from:%m-%d}",
            f"{each.period_to:%m-%d}",
            each.quantity,
            str(each.amount),
        )
        for each in draft.lines
    ]


def sums(draft: Draft) -> tuple[str, str, str]:
    return str(draft.invoice.subtotal), str(draft.invoice.taxes), str(draft.invoice.total)


def two_agents(files: UsageFiles, day: date = date(2024, 6, 3)) -> None:
    files.use(*(session(agent, "08:00", "16:00", day=day) for agent in "ab"))


# What stands on a paper


def test_R14_overage_in_arrears_and_recurring_charges_in_advance(files: UsageFiles) -> None:
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD), tax_rate_pct="25")))
    two_agents(files)
    (draft,) = drafts(stored_customer("C-1"))
    assert told(draft) == [
        ("overage", f"{STANDARD}-O", "Sub-1", "06-01", "06-30", 1, "60.00"),
        ("recurring", STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00"),
    ]
    assert sums(draft) == ("110.00", "27.50", "137.50")
    invoice = draft.invoice
    assert (invoice.seller, invoice.customer, invoice.about.ref, invoice.currency) == (
        "provider",
        None,
        "C-1",
        "EUR",
    )
    assert (invoice.period_from, invoice.period_to) == (JUNE, date(2024, 6, 30))
    assert not draft.is_provisional
    assert invoice._state.adding
    assert invoice.number == ""


def test_R14_the_first_invoice_charges_the_first_period_too() -> None:
    (draft,) = drafts(entered(ONE_STANDARD), date(2024, 1, 1))
    assert told(draft) == [
        ("recurring", STANDARD, "Sub-1", "01-01", "01-31", 1, "50.00"),
        ("recurring", STANDARD, "Sub-1", "02-01", "02-29", 1, "50.00"),
    ]


def test_R14_after_a_gap_the_first_day_is_looked_at_again() -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), ends_on="2024-04-30"),
        subscription("Sub-2", line(STANDARD, 2), starts_on="2024-06-01"),
    )
    (draft,) = drafts(owner)
    assert [each[:6] for each in told(draft)] == [
        ("recurring", STANDARD, "Sub-2", "06-01", "06-30", 2),
        ("recurring", STANDARD, "Sub-2", "07-01", "07-31", 2),
    ]


def test_R14_each_day_is_looked_at_once_over_all_invoices() -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), starts_on="2024-01-20", ends_on="2024-04-10", bill_day=31),
        subscription("Sub-2", line(STANDARD, 10), starts_on="2024-03-05", ends_on="2024-05-20", bill_day=15),
        subscription("Sub-3", line(STANDARD, 100), starts_on="2024-06-03", ends_on="2024-06-30", bill_day=9),
    )
    charged: dict[date, int] = {}
    for first in (
        "2024-01-20",
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-11",
        "2024-04-15",
        "2024-05-15",
        "2024-06-03",
        "2024-06-09",
    ):
        for draft in drafts(owner, date.fromisoformat(first)):
            for each in draft.lines:
                for ordinal in range(each.period_from.toordinal(), each.period_to.toordinal() + 1):
                    day = date.fromordinal(ordinal)
                    charged[day] = charged.get(day, 0) + each.quantity
    held = {
        date(2024, 1, 20): 1,
        date(2024, 3, 5): 11,
        date(2024, 4, 11): 10,
        date(2024, 5, 21): 0,
        date(2024, 6, 3): 100,
    }
    for ordinal in range(date(2024, 1, 1).toordinal(), date(2024, 7, 31).toordinal()):
        day = date.fromordinal(ordinal)
        expected = [quantity for start, quantity in held.items() if start <= day < date(2024, 7, 1)]
        assert charged.get(day, 0) == (expected[-1] if expected else 0), day


def test_R14_a_rise_inside_a_period_is_settled_on_a_line_of_its_own() -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1), line(STANDARD, 2, first="2024-06-16")))
    (draft,) = drafts(owner)
    assert told(draft) == [
        ("recurring", STANDARD, "Sub-1", "06-16", "06-30", 2, "50.00"),
        ("recurring", STANDARD, "Sub-1", "07-01", "07-31", 3, "150.00"),
    ]


def test_R14_overage_is_priced_by_the_cycles_last_day_and_recurring_by_its_first(files: UsageFiles) -> None:
    book = price_book(
        "book",
        price(f"{STANDARD}-O", "60.00"),
        price(f"{STANDARD}-O", "66.00", first="2024-06-30", discount="10"),
        price(f"{STANDARD}-O", "99.00", first="2024-07-01"),
        price(STANDARD, "50.00"),
        price(STANDARD, "55.00", first="2024-07-01"),
        price(STANDARD, "99.00", first="2024-07-02"),
    )
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD)), books=[book]))
    two_agents(files)
    (draft,) = drafts(stored_customer("C-1"))
    assert [(str(each.unit_price), each.discount_pct, str(each.amount)) for each in draft.lines] == [
        ("66.000000", Decimal(10), "59.40"),
        ("55.000000", Decimal(0), "55.00"),
    ]


def test_R10_overage_falls_on_the_oldest_active_subscription(files: UsageFiles) -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), starts_on="2024-02-01"),
        subscription("Sub-2", starts_on="2024-01-01"),
    )
    two_agents(files)
    (draft,) = drafts(owner)
    assert [(each[0], each[2]) for each in told(draft)] == [("recurring", "Sub-1"), ("overage", "Sub-2")]


def test_every_usage_type_is_billed_on_its_overage_sku(files: UsageFiles) -> None:
    owner = entered(subscription("Sub-1"))
    day = date(2024, 6, 3)
    files.use(session("a", "08:00", "09:00", day=day, premium=True), session("b", "08:00", "09:00", day=day))
    files.use(session("a", "08:00", "09:00", day=day), kind="wfo-sessions")
    files.use(*(session(f"c{n}", "08:00", "09:00", day=day) for n in range(7)), kind="ivr-legs")
    (draft,) = drafts(owner)
    assert [(each[1], each[5], each[6]) for each in told(draft)] == [
        (f"{IVR}-O", 3, "36.00"),
        ("A-FLEX-WCC-P-N-O", 1, "120.00"),
        (f"{STANDARD}-O", 1, "60.00"),
        (f"{WFO}-O", 1, "24.00"),
    ]


@pytest.mark.parametrize(
    ("terms", "due"),
    [(30, "2024-06-16"), (0, "2024-05-17"), (14, "2024-05-31"), (60, "2024-07-16")],
)
def test_R14_30_NET_from_17_May_is_due_on_16_June(terms: int, due: str) -> None:
    owner_of = customer("C-1", subscription("Sub-1", line(STANDARD, 1), starts_on="2024-01-17", bill_day=17))
    enter(portfolio(partner("P-1", owner_of, payment_terms_days=terms)))
    (draft,) = drafts(stored_customer("C-1"), date(2024, 4, 17))
    assert draft.invoice.period_to == date(2024, 5, 16)
    assert draft.invoice.transaction_date == date(2024, 5, 17)
    assert draft.invoice.due_date == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("currency", "unit_price", "rate", "printed"),
    [
        ("JPY", "1250.5", "10", ("1250.5", "1251", "1251", "125", "1376")),
        ("KWD", "10.0005", "5", ("10.0005", "10.001", "10.001", "0.500", "10.501")),
        ("EUR", "10", "25", ("10.00", "10.00", "10.00", "2.50", "12.50")),
    ],
)
def test_R14_currencies_with_no_or_three_minor_digits_work(
    currency: str, unit_price: str, rate: str, printed: tuple[str, ...]
) -> None:
    book = price_book("book", price(STANDARD, unit_price), currency=currency)
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD), tax_rate_pct=rate), books=[book]))
    (draft,) = drafts(stored_customer("C-1"))
    found = as_printed(draft.invoice, draft.lines)
    (only,) = found["lines"]
    assert (only["unit_price"], only["amount"], found["subtotal"], found["taxes"], found["total"]) == printed
    assert found["currency"] == currency


# Without lines, without prices, without an end


def test_R14_without_lines_there_is_no_invoice() -> None:
    assert drafts(entered(subscription("Sub-1", line(STANDARD, 0)))) == []


def test_R14_a_sku_without_a_charge_needs_no_price(files: UsageFiles) -> None:
    enter(
        portfolio(
            partner("P-1", customer("C-1", ONE_STANDARD)),
            books=[price_book("book", price(STANDARD, "50.00"))],
        )
    )
    files.use(session("a", "08:00", "16:00", day=date(2024, 6, 3)))
    (draft,) = drafts(stored_customer("C-1"))
    assert [each[1] for each in told(draft)] == [STANDARD]


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ([price(STANDARD)], rf"{STANDARD}-O has no price on 2024-06-30\."),
        ([price(f"{STANDARD}-O")], rf"{STANDARD} has no price on 2024-07-01\."),
        (
            [price(f"{STANDARD}-O"), price(STANDARD, first="2024-07-02")],
            rf"{STANDARD} has no price on 2024-07-01\.",
        ),
    ],
)
def test_R14_a_missing_price_stops_the_invoice_and_names_sku_and_day(
    files: UsageFiles, prices: list[Part], said: str
) -> None:
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD)), books=[price_book("book", *prices)]))
    two_agents(files)
    with pytest.raises(PriceMissing, match=said):
        drafts(stored_customer("C-1"))


def test_a_partner_without_a_price_book_is_named() -> None:
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD), price_book=None)))
    with pytest.raises(NoPriceBook, match="The partner P-1 has no price book"):
        drafts(stored_customer("C-1"))


def test_R14_an_open_cycle_gives_a_draft_that_says_it_is_provisional(files: UsageFiles) -> None:
    owner = entered(ONE_STANDARD)
    two_agents(files, date(2024, 6, 3))
    two_agents(files, date(2024, 6, 20))
    (draft,) = drafts(owner, today=date(2024, 6, 10))
    assert draft.is_provisional
    assert told(draft)[0] == ("overage", f"{STANDARD}-O", "Sub-1", "06-01", "06-30", 1, "60.00")
    assert as_printed(draft.invoice, draft.lines, is_provisional=draft.is_provisional)["provisional"] is True
    (last_day,) = drafts(owner, today=date(2024, 6, 30))
    (day_after,) = drafts(owner, today=date(2024, 7, 1))
    assert (last_day.is_provisional, day_after.is_provisional) == (True, False)


def test_R14_a_cycle_of_which_no_day_is_complete_has_its_recurring_charges_alone() -> None:
    (draft,) = drafts(entered(ONE_STANDARD), today=JUNE)
    assert [each[0] for each in told(draft)] == ["recurring"]
    assert draft.is_provisional


# Retail


def retail(*prices: Part) -> Customer:
    books = [price_book("book"), price_book("retail", *prices, currency="SEK")]
    buyer = customer("C-1", ONE_STANDARD, retail_price_book="retail")
    enter(portfolio(partner("P-1", buyer, tax_rate_pct="25", payment_terms_days=10), books=books))
    return stored_customer("C-1")


def test_with_retail_prices_the_partner_invoices_the_customer(files: UsageFiles) -> None:
    owner = retail(price(STANDARD, "800.00"), price(f"{STANDARD}-O", "1000.00", discount="5"))
    two_agents(files)
    wholesale, to_customer = drafts(owner)
    assert sums(wholesale) == ("110.00", "27.50", "137.50")
    assert sums(to_customer) == ("1750.00", "437.50", "2187.50")
    assert [each[:6] for each in told(wholesale)] == [each[:6] for each in told(to_customer)]
    printed = as_printed(to_customer.invoice, to_customer.lines)
    assert (printed["seller"], printed["recipient"], printed["customer"], printed["currency"]) == (
        "P-1",
        "C-1",
        "C-1",
        "SEK",
    )
    assert (to_customer.invoice.customer, to_customer.invoice.due_date) == (owner, date(2024, 7, 11))


def test_a_missing_retail_price_stops_both(files: UsageFiles) -> None:
    owner = retail(price(STANDARD, "800.00"))
    two_agents(files)
    with pytest.raises(PriceMissing, match=f"{STANDARD}-O has no price"):
        drafts(owner)


def test_a_customer_reads_its_own_draft_and_nothing_of_what_its_partner_pays(
    strangers: Customer, files: UsageFiles
) -> None:
    owner = retail(price(STANDARD, "800.00"), price(f"{STANDARD}-O", "1000.00"))
    two_agents(files)

    def read(reader: Scope) -> list[str]:
        with scope(reader):
            found = drafts_to_read(customer=owner, first_day=JUNE, today=TODAY)
        return [draft.invoice.seller for draft in found]

    assert read(PROVIDER) == read(Scope(Role.PARTNER, owner.partner_id)) == ["provider", "partner"]
    assert read(Scope(Role.CUSTOMER, owner.partner_id, owner.pk)) == ["partner"]
    with pytest.raises(NoSuchCycle):
        read(Scope(Role.PARTNER, strangers.partner_id))
    with pytest.raises(NoDraftForYou):
        read(Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk))


# Digital channels


def test_R10_a_customer_with_digital_channels_alone_is_invoiced_by_its_digital_cycle() -> None:
    owner = entered(
        digital(
            "Dig-1", line(CONNECT, 1), line("A-CHAN-U-SMS-INTL", 1000), starts_on="2024-05-03", bill_day=3
        )
    )
    (first,) = drafts(owner, date(2024, 5, 3))
    assert told(first) == [
        ("recurring", CONNECT, "Dig-1", "05-03", "06-02", 1, "300.00"),
        ("recurring", CONNECT, "Dig-1", "06-03", "07-02", 1, "300.00"),
    ]
    (second,) = drafts(owner, date(2024, 6, 3))
    assert told(second) == [("recurring", CONNECT, "Dig-1", "07-03", "08-02", 1, "300.00")]


def test_R10_the_contact_centres_invoice_carries_the_digital_charges() -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), line(SUPPORT, 1)),
        digital("Dig-1", line(CONNECT, 1), starts_on="2024-05-03", bill_day=3),
    )
    (draft,) = drafts(owner)
    assert told(draft) == [
        ("recurring", CONNECT, "Dig-1", "06-03", "07-02", 1, "300.00"),
        ("recurring", STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00"),
        ("recurring", SUPPORT, "Sub-1", "07-01", "07-31", 1, "30.00"),
    ]
    with pytest.raises(NoSuchCycle, match="2024-06-03"):
        drafts(owner, date(2024, 6, 3))


def test_drafts_store_nothing(files: UsageFiles) -> None:
    owner = entered(ONE_STANDARD)
    two_agents(files)
    drafts(owner)
    with scope(PROVIDER):
        assert not Invoice.objects.exists()
