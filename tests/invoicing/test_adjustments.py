"""R13: what comes after the invoice is an adjustment on the next one: what is right now minus what was invoiced."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from pytest_django import DjangoAssertNumQueries

from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.drafts import drafts_to_read
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.services import (
    PriceMissing,
    as_printed,
    issue_adjustments,
    issue_invoices,
    list_issued,
    make_adjustments,
    make_drafts,
)
from apps.organisations.models import Customer
from apps.reconciliation.selectors import NoSuchCycle
from apps.subscriptions.models import ClosedCycle, LateChange
from apps.subscriptions.services import PortfolioRefused
from apps.usage.models import Conflict
from apps.usage.services import decide_conflict
from tests.factories.commands import Shell
from tests.factories.portfolios import (
    CONNECT,
    SMS,
    STANDARD,
    STANDARD_CONCURRENT,
    SUPPORT,
    Part,
    customer,
    digital,
    enter,
    entered,
    line,
    partner,
    portfolio,
    portfolio_of,
    price,
    price_book,
    stored_customer,
    subscription,
)
from tests.factories.threads import in_threads
from tests.factories.usage import UsageFiles, session

OVERAGE = f"{STANDARD}-O"
TODAY = date(2024, 12, 1)
APRIL, MAY, JUNE, JULY, AUGUST = (date(2024, month, 1) for month in range(4, 9))
ONE_STANDARD = subscription("Sub-1", line(STANDARD, 1))
Json = dict[str, Any]


def use(files: UsageFiles, *agents: str, day: str = "2024-06-03", name: str | None = None) -> None:
    files.use(*(session(agent, "08:00", "16:00", day=date.fromisoformat(day)) for agent in agents), name=name)


@pytest.fixture
def owner(db: None, files: UsageFiles) -> Customer:
    """C-1, one Standard agent committed, two used in June: one overage."""
    owner = entered(ONE_STANDARD)
    use(files, "a", "b")
    return owner


def issue(owner: Customer, *firsts: date) -> list[Invoice]:
    """Issue cycles; the papers of the last."""
    found: list[Invoice] = []
    for first in firsts:
        with scope(PROVIDER):
            found = issue_invoices(customer=owner, first_day=first, today=TODAY, by="erin@example.com")
    return found


def issue_alone(owner: Customer, *, today: date = TODAY) -> list[Json]:
    with scope(PROVIDER):
        issued = issue_adjustments(customer=owner, today=today, by="erin@example.com")
        return [as_printed(invoice, list(invoice.lines.all())) for invoice in issued]


def drafted(owner: Customer, first: date = JULY) -> list[Json]:
    with scope(PROVIDER):
        drafts = make_drafts(customer=owner, first_day=first, today=TODAY)
        return [as_printed(draft.invoice, draft.lines) for draft in drafts]


def issued(owner: Customer, first: date = JULY) -> list[Json]:
    with scope(PROVIDER):
        return [
            as_printed(invoice, list(invoice.lines.all()))
            for invoice in list_issued(customer=owner, first_day=first, today=TODAY)
        ]


def adjustments(*papers: Json) -> list[tuple[Any, ...]]:
    """SKU, subscription, first and last day, quantity, unit price and amount of each adjustment."""
    for paper in papers:
        for each in paper["lines"]:
            corrected = [each["period_from"], each["period_to"]] if each["kind"] == "other" else None
            assert each.get("original_period") == corrected
    return [
        (
            each["sku"],
            each["subscription"],
            each["period_from"][5:],
            each["period_to"][5:],
            each["quantity"],
            each["unit_price"],
            each["amount"],
        )
        for paper in papers
        for each in paper["lines"]
        if each["kind"] == "other"
    ]


def more(quantity: int = 1, amount: str = "60.00", *, month: str = "06-01", last: str = "06-30") -> Any:
    """So much more, or less, overage."""
    return (OVERAGE, "Sub-1", month, last, quantity, "60.00", amount)


# Usage


def test_R13_a_late_session_is_one_line_on_the_next_invoice(owner: Customer, files: UsageFiles) -> None:
    issue(owner, JUNE)
    before = issued(owner, JUNE)
    use(files, "c")
    (paper,) = drafted(owner)
    assert adjustments(paper) == [more()]
    assert [each["kind"] for each in paper["lines"]] == ["recurring", "other"]
    assert (paper["subtotal"], paper["total"]) == ("110.00", "110.00")
    assert issued(owner, JUNE) == before


def test_R13_what_the_draft_said_is_issued_once(owner: Customer, files: UsageFiles) -> None:
    issue(owner, JUNE)
    use(files, "c")
    (draft,) = drafted(owner)
    assert adjustments(*drafted(owner, AUGUST)) == [more()]
    issue(owner, JULY, JULY)
    assert [{**paper, "number": None} for paper in issued(owner)] == [draft]
    assert adjustments(*drafted(owner, AUGUST)) == []
    assert issue_alone(owner) == []


def test_R13_a_correction_to_fewer_makes_a_credit_note(owner: Customer, files: UsageFiles) -> None:
    use(files, "c", name="mistaken")
    issue(owner, JUNE)
    use(files, "a", name="mistaken")  # the same record with another agent
    assert adjustments(*drafted(owner)) == []
    with scope(PROVIDER):
        decide_conflict(conflict=Conflict.objects.get(), take_arriving=True, by="erin", reason="a, not c")
    (credit_note,) = issue(owner, JULY)
    assert (credit_note.number, credit_note.total) == ("CN-000001", Decimal(-10))
    assert adjustments(*issued(owner)) == [more(-1, "-60.00")]


def test_R13_a_record_that_changes_nothing_adjusts_nothing_and_is_not_looked_at_again(
    owner: Customer, files: UsageFiles
) -> None:
    issue(owner, JUNE)
    use(files, "a", day="2024-06-20")
    with scope(PROVIDER):
        assert LateChange.objects.exists()
    assert adjustments(*drafted(owner)) == []
    issue(owner, JULY)
    with scope(PROVIDER):
        assert not LateChange.objects.exists()


def test_R13_a_closed_cycle_is_held_against_its_own_settings(files: UsageFiles, db: None) -> None:
    """Each type's own peak when it was closed; the peak day of both together from then on."""
    owner = entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 1), model="concurrent"))
    files.use(*(session(agent, "08:00", "16:00", day=date(2024, 6, 3)) for agent in "ab"))
    files.use(*(session(agent, "08:00", "16:00", premium=True, day=date(2024, 6, 4)) for agent in "xy"))
    issue(owner, JUNE)
    with scope(PROVIDER):
        Offer.objects.update(billed_peak="combined_day")
    use(files, "a", day="2024-06-05")
    assert adjustments(*drafted(owner)) == []
    use(files, "c", name="late")
    assert [row[:5] for row in adjustments(*drafted(owner))] == [
        (f"{STANDARD_CONCURRENT}-O", "Sub-1", "06-01", "06-30", 1)
    ]


def test_R13_of_several_cycles_each_is_adjusted_by_itself(owner: Customer, files: UsageFiles) -> None:
    issue(owner, MAY, JUNE)
    use(files, "a", "b", "c", day="2024-05-20")
    use(files, "c")
    (paper,) = drafted(owner)
    assert adjustments(paper) == [
        (OVERAGE, "Sub-1", "05-01", "05-31", 2, "60.00", "120.00"),
        more(),
    ]


def test_R13_adjustments_are_adjusted_too(owner: Customer, files: UsageFiles) -> None:
    issue(owner, JUNE)
    use(files, "c", name="third")
    issue(owner, JULY)
    use(files, "d")
    use(files, "a", name="third")
    with scope(PROVIDER):
        decide_conflict(conflict=Conflict.objects.get(), take_arriving=True, by="erin", reason="a, not c")
    assert adjustments(*drafted(owner, AUGUST)) == []  # d came and c went
    use(files, "e", "f")
    issue(owner, AUGUST)
    assert adjustments(*issued(owner, AUGUST)) == [more(2, "120.00")]
    with scope(PROVIDER):
        adjusting = InvoiceLine.objects.filter(kind="other").order_by("pk")
        assert [each.corrects.number for each in adjusting if each.corrects] == ["INV-000001"] * 2


def test_R14_an_amount_is_the_difference_of_amounts_rounded_once(files: UsageFiles, db: None) -> None:
    book = price_book("book", price(STANDARD, "50.00"), price(OVERAGE, "33.335"))
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD)), books=[book]))
    owner = stored_customer("C-1")
    use(files, "a", "b")
    (june,) = issue(owner, JUNE)
    assert june.total == Decimal("83.34")
    use(files, "c")
    assert adjustments(*drafted(owner)) == [(OVERAGE, "Sub-1", "06-01", "06-30", 1, "33.335", "33.33")]


def test_R13_adjustments_ride_on_later_cycles_alone(owner: Customer, files: UsageFiles) -> None:
    issue(owner, JULY)
    use(files, "a", "b", day="2024-07-10")
    assert adjustments(*drafted(owner, JUNE)) == []
    issue(owner, JUNE)
    assert adjustments(*drafted(owner, AUGUST)) == [more(month="07-01", last="07-31")]


def test_R13_a_cycle_without_lines_was_never_invoiced_and_still_can_be(files: UsageFiles, db: None) -> None:
    owner = entered(subscription("Sub-1"))
    assert issue(owner, JUNE) == []
    use(files, "a")
    assert adjustments(*drafted(owner)) == []
    (paper,) = drafted(owner, JUNE)
    assert [(each["kind"], each["quantity"]) for each in paper["lines"]] == [("overage", 1)]


def test_R13_adjustments_alone_make_the_paper_of_a_cycle(files: UsageFiles, db: None) -> None:
    owner = entered(subscription("Sub-1"))
    use(files, "a")
    issue(owner, JUNE)
    assert drafted(owner) == []
    use(files, "b")
    (paper,) = drafted(owner)
    assert adjustments(paper) == [more()]
    issue(owner, JULY)
    with scope(PROVIDER):
        assert ClosedCycle.objects.filter(first_day=JULY).exists()


# Subscriptions and quantities


def late(*parts: Part, **fields: Any) -> None:
    enter(portfolio_of(*parts, **fields), late=True)


def test_R13_a_late_quantity_adjusts_what_was_charged_in_advance(owner: Customer) -> None:
    issue(owner, JUNE)
    late(subscription("Sub-1", line(STANDARD, 1), line(STANDARD, 1, first="2024-06-16")))
    assert adjustments(*drafted(owner)) == [
        (STANDARD, "Sub-1", "06-16", "06-30", 1, "50.00", "25.00"),
        (STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00", "50.00"),
    ]


def test_R13_a_late_quantity_adjusts_overage(owner: Customer) -> None:
    issue(owner, MAY, JUNE)
    late(subscription("Sub-1", line(STANDARD, 2)))
    assert adjustments(*drafted(owner)) == [
        (STANDARD, "Sub-1", "06-01", "06-30", 1, "50.00", "50.00"),
        (STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00", "50.00"),
        more(-1, "-60.00"),
    ]


def test_R13_a_late_subscription_is_charged_and_its_commitment_counts(
    files: UsageFiles, owner: Customer
) -> None:
    use(files, "a", "b", "c", day="2024-06-12")
    issue(owner, JUNE)
    late(subscription("Sub-2", line(STANDARD, 4), starts_on="2024-06-10", bill_day=10))
    assert adjustments(*drafted(owner)) == [
        more(-1, "-60.00"),
        (STANDARD, "Sub-2", "06-10", "07-09", 4, "50.00", "200.00"),
    ]


def test_R10_an_older_subscription_entered_late_leaves_the_closed_cycle_its_days_and_its_primary(
    files: UsageFiles, owner: Customer
) -> None:
    issue(owner, JUNE)
    late(subscription("Sub-0", line(STANDARD, 1), starts_on="2023-06-15", bill_day=15))
    use(files, "c")
    assert adjustments(*drafted(owner)) == [
        (STANDARD, "Sub-0", "06-15", "07-14", 1, "50.00", "50.00"),
    ]  # three agents, two committed: one overage, as invoiced
    use(files, "d")
    assert adjustments(*drafted(owner))[1:] == [more()]  # on Sub-1, for June


def test_R14_each_day_is_looked_at_once_when_an_older_subscription_comes_late(db: None) -> None:
    owner = entered(subscription("Sub-2", line(STANDARD, 10), starts_on="2024-06-01"))
    issue(owner, JUNE)
    late(subscription("Sub-1", line(STANDARD, 1), starts_on="2024-05-01"))
    assert [
        (each["subscription"], each["period_from"], each["quantity"])
        for each in drafted(owner, MAY)[0]["lines"]
    ] == [("Sub-1", "2024-05-01", 1)]
    assert adjustments(*drafted(owner)) == [
        (STANDARD, "Sub-1", "06-01", "06-30", 1, "50.00", "50.00"),
        (STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00", "50.00"),
    ]


def test_R13_another_bill_day_takes_back_a_period_and_charges_others(owner: Customer) -> None:
    issue(owner, JUNE)
    late(subscription("Sub-1", line(STANDARD, 1), bill_day=16))
    assert adjustments(*drafted(owner, date(2024, 7, 1))) == [
        (STANDARD, "Sub-1", "06-16", "07-15", 1, "50.00", "50.00"),
        (STANDARD, "Sub-1", "07-01", "07-31", -1, "50.00", "-50.00"),
    ]


def test_R14_another_share_of_the_same_days_is_another_line(db: None) -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1)),
        subscription("Sub-2", line(SUPPORT, 1), starts_on="2024-06-10", ends_on="2024-06-20"),
    )
    issue(owner, JUNE)
    late(subscription("Sub-2", line(SUPPORT, 1), starts_on="2024-06-10", ends_on="2024-06-20", bill_day=25))
    assert adjustments(*drafted(owner)) == [
        (SUPPORT, "Sub-2", "06-10", "06-20", -1, "30.00", "-11.00"),  # 11 of 30 days
        (SUPPORT, "Sub-2", "06-10", "06-20", 1, "30.00", "10.65"),  # 11 of 31
    ]


def test_import_portfolio_takes_changes_of_invoiced_days_with_late_alone(
    shell: Shell, owner: Customer, tmp_path: Path
) -> None:
    issue(owner, JUNE)
    file = tmp_path / "portfolio.json"
    file.write_text(json.dumps(portfolio_of(subscription("Sub-1", line(STANDARD, 2)))))
    refused = shell("import_portfolio", file).refusal
    assert refused.endswith("2 instead of 1; entered with --late, the difference becomes an adjustment")
    assert shell("import_portfolio", file, "--late", "--format", "json").json["created"] == {"lines": 1}
    assert adjustments(*drafted(owner)) == [
        (STANDARD, "Sub-1", "07-01", "07-31", 1, "50.00", "50.00"),
        more(-1, "-60.00"),
    ]


# Prices


def priced(*prices: Part, book: str = "book", **book_fields: Any) -> Part:
    return portfolio(books=[price_book(book, *prices, **book_fields)])


def test_R13_a_late_price_takes_the_old_back_and_charges_the_new(owner: Customer) -> None:
    issue(owner, JUNE)
    enter(priced(price(OVERAGE, "66.00", first="2024-06-01", discount="10")), late=True)
    (paper,) = drafted(owner)
    assert adjustments(paper) == [
        more(-1, "-60.00"),
        (OVERAGE, "Sub-1", "06-01", "06-30", 1, "66.00", "59.40"),
    ]
    assert paper["lines"][-1]["discount_pct"] == "10"


def test_R13_a_late_price_of_another_day_changes_no_line(owner: Customer) -> None:
    issue(owner, MAY, JUNE)
    enter(priced(price(OVERAGE, "66.00", first="2024-07-01")), late=True)
    enter(priced(price(SUPPORT, "1.00", first="2024-01-01")), late=True)
    assert adjustments(*drafted(owner)) == []


def test_R13_a_late_quantity_without_a_price_stops_the_next_invoice_and_names_it(db: None) -> None:
    book = price_book("book", price(STANDARD, "50.00"), price(SUPPORT, "30.00", first="2024-07-15"))
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD)), books=[book]))
    owner = stored_customer("C-1")
    issue(owner, JUNE)
    enter(
        portfolio(partner("P-1", customer("C-1", ONE_STANDARD | {"lines": [line(SUPPORT, 1)]})), books=[]),
        late=True,
    )
    with pytest.raises(PriceMissing, match=rf"{SUPPORT} has no price on 2024-07-01\."):
        drafted(owner)


def test_R13_a_paper_is_corrected_by_the_price_book_that_made_it(files: UsageFiles, owner: Customer) -> None:
    issue(owner, JUNE)
    dear = price_book("dear", price(STANDARD, "500.00"), price(OVERAGE, "600.00", first="2024-07-01"))
    enter(portfolio(partner("P-1", price_book="dear"), books=[dear]))
    use(files, "c")
    (paper,) = drafted(owner)
    assert adjustments(paper) == [more()]
    assert [each["unit_price"] for each in paper["lines"]] == ["500.00", "60.00"]
    with scope(Scope(Role.PARTNER, owner.partner_id)):  # who sees no price of the old book any more
        (draft,) = drafts_to_read(customer=owner, first_day=JULY, today=TODAY)
    assert [str(each.unit_price) for each in draft.lines] == ["500.000000", "60.000000"]


def test_R13_what_was_invoiced_in_another_currency_is_corrected_on_a_paper_of_its_own(
    files: UsageFiles, owner: Customer
) -> None:
    issue(owner, JUNE)
    crowns = price_book("crowns", price(STANDARD, "500"), price(OVERAGE, "600"), currency="SEK")
    enter(portfolio(partner("P-1", price_book="crowns"), books=[crowns]))
    use(files, "c")
    (paper,) = drafted(owner)
    assert (paper["currency"], adjustments(paper)) == ("SEK", [])
    issue(owner, JULY)
    (own,) = issue_alone(owner)
    assert (own["currency"], adjustments(own)) == ("EUR", [more()])


# Wholesale and retail


@pytest.fixture
def buyer(db: None, files: UsageFiles) -> Customer:
    """C-1 as above, and its partner sells to it in crowns."""
    crowns = price_book("retail", price(STANDARD, "800.00"), price(OVERAGE, "1000.00"), currency="SEK")
    bought = customer("C-1", ONE_STANDARD, retail_price_book="retail")
    enter(portfolio(partner("P-1", bought), books=[price_book("book"), crowns]))
    use(files, "a", "b")
    return stored_customer("C-1")


RETAIL = (OVERAGE, "Sub-1", "06-01", "06-30", 1, "1000.00", "1000.00")


def test_R13_each_seller_corrects_its_own_papers(buyer: Customer, files: UsageFiles) -> None:
    issue(buyer, JUNE)
    use(files, "c")
    wholesale, retail = drafted(buyer)
    assert (adjustments(wholesale), adjustments(retail)) == ([more()], [RETAIL])


def test_R13_a_late_retail_price_is_the_partners_adjustment_alone(buyer: Customer) -> None:
    issue(buyer, JUNE)
    enter(priced(price(OVERAGE, "900.00"), book="retail", currency="SEK"), late=True)
    wholesale, retail = drafted(buyer)
    assert adjustments(wholesale) == []
    assert [each[4:] for each in adjustments(retail)] == [
        (-1, "1000.00", "-1000.00"),
        (1, "900.00", "900.00"),
    ]


def test_R13_a_paper_issued_after_the_closing_is_corrected_too(owner: Customer, files: UsageFiles) -> None:
    issue(owner, JUNE)
    use(files, "c")
    issue(owner, JULY)
    crowns = price_book("retail", price(STANDARD, "800.00"), price(OVERAGE, "1000.00"), currency="SEK")
    enter(portfolio(partner("P-1", customer("C-1", retail_price_book="retail")), books=[crowns]))
    june = issue(owner, JUNE)[1]
    assert june.total == Decimal(1800)  # as June was closed
    retail = drafted(owner, AUGUST)[1]
    assert adjustments(retail) == [RETAIL]


def test_a_customer_sees_the_adjustments_of_its_own_papers_and_a_stranger_none(
    buyer: Customer, strangers: Customer, files: UsageFiles
) -> None:
    issue(buyer, JUNE)
    use(files, "c")

    def read(reader: Scope) -> list[str]:
        with scope(reader):
            drafts = drafts_to_read(customer=buyer, first_day=JULY, today=TODAY)
        return [str(each.amount) for draft in drafts for each in draft.lines if each.kind == "other"]

    partners, own = Scope(Role.PARTNER, buyer.partner_id), Scope(Role.CUSTOMER, buyer.partner_id, buyer.pk)
    stranger = Scope(Role.PARTNER, strangers.partner_id)
    assert read(PROVIDER) == read(partners) == ["60.00", "1000.00"]
    assert read(own) == ["1000.00"]
    with pytest.raises(NoSuchCycle):
        read(stranger)
    issue(buyer, JULY)
    seen = {}
    for reader in (partners, own, stranger):
        with scope(reader):
            seen[reader.role, reader.partner] = InvoiceLine.objects.filter(kind="other").count()
    assert list(seen.values()) == [2, 1, 0]


def test_what_came_late_is_seen_by_those_whom_it_concerns(
    owner: Customer, strangers: Customer, files: UsageFiles
) -> None:
    issue(owner, JUNE)
    use(files, "c")
    readers = {
        PROVIDER: 1,
        Scope(Role.PARTNER, owner.partner_id): 1,
        Scope(Role.CUSTOMER, owner.partner_id, owner.pk): 1,
        Scope(Role.PARTNER, strangers.partner_id): 0,
        Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk): 0,
    }
    for reader, seen in readers.items():
        with scope(reader):
            assert LateChange.objects.count() == seen


# Digital channels


def test_R13_units_that_come_late_adjust_the_invoice_that_carried_their_cycle(
    files: UsageFiles, db: None
) -> None:
    owner = entered(
        ONE_STANDARD,
        digital("Dig-1", line(CONNECT, 1), line(SMS, 100), starts_on="2024-05-03", bill_day=3),
    )
    files.units((SMS, 150, "2024-05-10"))
    issue(owner, MAY, JUNE)
    files.units((SMS, 30, "2024-05-11"))
    assert adjustments(*drafted(owner)) == [(SMS, "Dig-1", "05-03", "06-02", 30, "0.10", "3.00")]
    late(digital("Dig-1", line(SMS, 60), starts_on="2024-05-03", bill_day=3))
    assert adjustments(*drafted(owner)) == [(SMS, "Dig-1", "05-03", "06-02", 70, "0.10", "7.00")]
    issue(owner, JULY)
    assert adjustments(*drafted(owner, AUGUST)) == []


def test_R13_digital_channels_alone_are_corrected_by_their_next_cycle(files: UsageFiles, db: None) -> None:
    owner = entered(digital("Dig-1", line(SMS, 100), starts_on="2024-05-03", bill_day=3))
    files.units((SMS, 150, "2024-05-10"))
    issue(owner, date(2024, 5, 3))
    files.units((SMS, 30, "2024-06-02"))
    (paper,) = drafted(owner, date(2024, 6, 3))
    assert adjustments(paper) == [(SMS, "Dig-1", "05-03", "06-02", 30, "0.10", "3.00")]


def test_R13_digital_channels_entered_late_stand_on_the_next_invoice(files: UsageFiles, db: None) -> None:
    owner = entered(ONE_STANDARD)
    issue(owner, MAY, JUNE)
    late(digital("Dig-1", line(CONNECT, 1), starts_on="2024-05-03", bill_day=3))
    files.units((SMS, 20, "2024-05-10"))
    assert adjustments(*drafted(owner)) == [
        (SMS, "Dig-1", "05-03", "06-02", 20, "0.10", "2.00"),
        (CONNECT, "Dig-1", "05-03", "06-02", 1, "300.00", "300.00"),
        (CONNECT, "Dig-1", "06-03", "07-02", 1, "300.00", "300.00"),
    ]
    issue(owner, JULY)
    files.units((SMS, 5, "2024-05-10"))
    assert adjustments(*drafted(owner, AUGUST)) == [(SMS, "Dig-1", "05-03", "06-02", 5, "0.10", "0.50")]


def test_R13_units_that_were_there_before_their_subscription_are_billed_when_it_comes(
    files: UsageFiles, db: None
) -> None:
    owner = entered(ONE_STANDARD)
    files.units((SMS, 20, "2024-05-10"))
    issue(owner, MAY, JUNE)
    without_lines = digital("Dig-1", starts_on="2024-05-03", bill_day=3)
    with pytest.raises(
        PortfolioRefused, match=r"Dig-1 on 2024-05-03 .* its cycle to 2024-06-02 would belong"
    ):
        enter(portfolio_of(without_lines))
    late(without_lines)
    assert adjustments(*drafted(owner)) == [(SMS, "Dig-1", "05-03", "06-02", 20, "0.10", "2.00")]


def test_R13_a_contact_centre_entered_late_carries_no_digital_cycle_that_was_invoiced_alone(
    files: UsageFiles, db: None
) -> None:
    owner = entered(digital("Dig-1", line(CONNECT, 1), starts_on="2024-05-03", bill_day=3))
    files.units((SMS, 150, "2024-05-10"))
    issue(owner, date(2024, 5, 3))
    late(subscription("Sub-1", line(STANDARD, 1), starts_on="2024-05-15", bill_day=15))
    (june,) = drafted(owner, date(2024, 5, 15))
    assert [(each["kind"], each["sku"], each["period_from"]) for each in june["lines"]] == [
        ("recurring", STANDARD, "2024-06-15"),
        ("other", STANDARD, "2024-05-15"),
    ]


# On a paper of its own


def ended(files: UsageFiles) -> Customer:
    """C-1, whose only subscription ended with June; June is invoiced and one session came after."""
    enter(
        portfolio(
            partner(
                "P-1",
                customer("C-1", subscription("Sub-1", line(STANDARD, 1), ends_on="2024-06-30")),
                tax_rate_pct="25",
                payment_terms_days=10,
            )
        )
    )
    owner = stored_customer("C-1")
    use(files, "a", "b")
    issue(owner, JUNE)
    use(files, "c")
    return owner


def test_R13_without_a_later_cycle_adjustments_have_a_paper_of_their_own(files: UsageFiles, db: None) -> None:
    owner = ended(files)
    with scope(PROVIDER):
        (draft,) = make_adjustments(customer=owner, today=TODAY)
        assert not draft.invoice.number
    (paper,) = issue_alone(owner)
    assert adjustments(paper) == [more()]
    assert (paper["number"], paper["seller"], paper["recipient"]) == ("INV-000002", "provider", "P-1")
    assert (paper["period_from"], paper["period_to"]) == ("2024-06-01", "2024-06-30")
    assert (paper["transaction_date"], paper["due_date"]) == ("2024-12-01", "2024-12-11")
    assert (paper["subtotal"], paper["taxes"], paper["total"]) == ("60.00", "15.00", "75.00")
    assert [each["number"] for each in issued(owner, JUNE)] == ["INV-000001"]


def test_R13_a_second_and_a_third_paper_of_adjustments_say_what_came_since(
    files: UsageFiles, db: None
) -> None:
    owner = ended(files)
    assert adjustments(*issue_alone(owner)) == [more()]
    assert issue_alone(owner) == []
    use(files, "d", "e")
    assert adjustments(*issue_alone(owner)) == [more(2, "120.00")]
    enter(priced(price(OVERAGE, "10.00")), late=True)
    (credit_note,) = issue_alone(owner)
    assert credit_note["number"] == "CN-000001"
    assert [each[4:] for each in adjustments(credit_note)] == [
        (-4, "60.00", "-240.00"),
        (4, "10.00", "40.00"),
    ]


def test_R13_two_issuers_at_once_issue_adjustments_once(committed: None, files: UsageFiles) -> None:
    owner = ended(files)
    papers = in_threads(*[lambda: issue_alone(owner)] * 2)
    assert sorted(len(each) for each in papers) == [0, 1]


def test_R13_two_cycles_issued_at_once_carry_adjustments_once(committed: None, files: UsageFiles) -> None:
    owner = entered(ONE_STANDARD)
    use(files, "a", "b")
    issue(owner, JUNE)
    use(files, "c")
    in_threads(lambda: issue(owner, JULY), lambda: issue(owner, AUGUST))
    assert adjustments(*issued(owner, JULY), *issued(owner, AUGUST)) == [more()]


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_nobody_but_the_provider_issues_adjustments(files: UsageFiles, db: None, role: Role) -> None:
    owner = ended(files)
    reader = Scope(role, owner.partner_id, owner.pk)
    with pytest.raises(DatabaseError, match="permission denied"), scope(reader):
        issue_adjustments(customer=owner, today=TODAY, by="me")


def test_run_billing_prints_and_issues_adjustments(shell: Shell, files: UsageFiles) -> None:
    ended(files)
    ask = ("run_billing", "--customer", "C-1", "--adjustments", "--format", "json")
    (draft,) = shell(*ask).json
    assert (draft["number"], adjustments(draft)) == (None, [more()])
    assert draft["lines"][0]["original_period"] == ["2024-06-01", "2024-06-30"]
    (paper,) = shell(*ask, "--issue").json
    assert (paper["number"], paper["lines"]) == ("INV-000002", draft["lines"])
    assert shell(*ask).json == shell(*ask, "--issue").json == []
    assert shell("run_billing", "--customer", "C-1").code != 0
    assert shell(*ask, "--cycle", "2024-06-01").code != 0


# What it costs


def test_a_draft_costs_the_same_however_many_cycles_are_closed(
    owner: Customer, files: UsageFiles, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(60) as short:
        drafted(owner)
    issue(owner, *(date(2024, month, 1) for month in range(1, 7)))
    with django_assert_max_num_queries(len(short)):
        drafted(owner)
