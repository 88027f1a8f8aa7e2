"""R10, R12, R14: the usage of digital channels on the invoice that carries it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalogue.domain.kinds import Service
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.drafting import Draft
from apps.invoicing.models import Invoice
from apps.invoicing.selectors import list_billing_cycles
from apps.invoicing.services import PriceMissing, as_printed, issue_invoices, make_drafts
from apps.organisations.models import Customer
from apps.reconciliation.selectors import NoSuchCycle
from apps.subscriptions.models import ClosedCycle
from tests.factories.pages import Browser
from tests.factories.portfolios import (
    CONNECT,
    INTERACTIONS,
    SMS,
    STANDARD,
    VOICE,
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
CENTRE = subscription("Sub-1", line(STANDARD, 1))


def connect(*lines: Part, number: str = "Dig-1", starts_on: str = "2024-01-03", **fields: Part | str) -> Part:
    """A digital subscription with bill day 3."""
    return digital(number, *lines, **{"starts_on": starts_on, "bill_day": 3, **fields})


def drafts(owner: Customer, first: date = JUNE, *, today: date = TODAY) -> list[Draft]:
    with scope(PROVIDER):
        return make_drafts(customer=owner, first_day=first, today=today)


def issue(owner: Customer, first: date = JUNE, *, today: date = TODAY) -> list[Invoice]:
    with scope(PROVIDER):
        return issue_invoices(customer=owner, first_day=first, today=today, by="erin@example.com")


def usage_of(draft: Draft) -> list[tuple[Any, ...]]:
    """SKU, subscription, first and last day, quantity, amount of each line of usage."""
    return [
        (
            each.sku,
            each.subscription,
            f"{each.period_from:%m-%d}",
            f"{each.period_to:%m-%d}",
            each.quantity,
            str(each.amount),
        )
        for each in draft.lines
        if each.kind == "usage"
    ]


def closed() -> list[tuple[str, date]]:
    with scope(PROVIDER):
        return list(ClosedCycle.objects.order_by("service", "first_day").values_list("service", "first_day"))


# Carried by the contact centre's invoice


def test_R10_a_digital_cycle_that_begins_with_the_contact_centres_last_is_invoiced_too(
    files: UsageFiles,
) -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), ends_on="2024-06-10"),
        digital("Dig-1", line(SMS, 20), line(CONNECT, 1)),
    )
    files.use(session("a", "09:00", "10:00", day=JUNE), session("b", "09:00", "10:00", day=JUNE))
    files.units((SMS, 45, "2024-06-03"), (SMS, 30, "2024-06-20"))
    centre, alone = drafts(owner)
    assert [f"{each.invoice.period_to:%m-%d}" for each in (centre, alone)] == ["06-10", "06-30"]
    assert (usage_of(centre), usage_of(alone)) == (
        [],
        [(SMS, "Dig-1", "06-01", "06-30", 55, usage_of(alone)[0][-1])],
    )
    early = issue(owner, today=date(2024, 6, 20))  # of the two only the contact centre's is over
    assert [paper.service for paper in early] == ["contact-centre"]
    papers = issue(owner)
    assert [paper.service for paper in papers] == ["contact-centre", "digital"]
    assert papers[0].number == early[0].number
    assert [paper.number for paper in issue(owner)] == [paper.number for paper in papers]
    assert drafts(owner) == []
    assert [day for service, day in closed() if service == "digital"][-1] == JUNE


def test_R10_the_contact_centres_invoice_carries_the_digital_cycle_that_ended_in_it(
    files: UsageFiles,
) -> None:
    owner = entered(CENTRE, connect(line(SMS, 20), line(CONNECT, 1)))
    files.units(
        (SMS, 45, "2024-05-03"), (VOICE, 70, "2024-06-02"), (SMS, 1, "2024-05-02"), (SMS, 1, "2024-06-03")
    )
    (draft,) = drafts(owner)
    assert [(str(each.kind), each.sku, f"{each.period_from:%m-%d}") for each in draft.lines] == [
        ("usage", SMS, "05-03"),
        ("usage", VOICE, "05-03"),
        ("recurring", CONNECT, "06-03"),
        ("recurring", STANDARD, "07-01"),
    ]
    assert usage_of(draft) == [
        (SMS, "Dig-1", "05-03", "06-02", 25, "2.50"),
        (VOICE, "Dig-1", "05-03", "06-02", 70, "35.00"),
    ]
    assert (draft.invoice.period_from, draft.invoice.period_to) == (JUNE, date(2024, 6, 30))
    with pytest.raises(NoSuchCycle, match="2024-05-03"):
        drafts(owner, date(2024, 5, 3))


def test_R10_two_digital_cycles_that_ended_in_one_of_the_contact_centre_stand_each_for_itself(
    files: UsageFiles,
) -> None:
    owner = entered(CENTRE, connect(ends_on="2024-06-20"))
    files.units((SMS, 10, "2024-05-20"), (SMS, 30, "2024-06-10"))
    (draft,) = drafts(owner)
    assert usage_of(draft) == [
        (SMS, "Dig-1", "05-03", "06-02", 10, "1.00"),
        (SMS, "Dig-1", "06-03", "06-20", 30, "3.00"),
    ]


def test_R12_what_is_included_is_not_billed_and_needs_no_price(files: UsageFiles) -> None:
    owner_of = customer("C-1", CENTRE, connect(line(SMS, 100), line(VOICE, 100)))
    enter(
        portfolio(partner("P-1", owner_of), books=[price_book("book", price(STANDARD, "50.00"), price(SMS))])
    )
    files.units((SMS, 101, "2024-05-20"), (VOICE, 100, "2024-05-20"))
    (draft,) = drafts(stored_customer("C-1"))
    assert usage_of(draft) == [(SMS, "Dig-1", "05-03", "06-02", 1, "10.00")]
    files.units((VOICE, 1, "2024-05-21"))
    with pytest.raises(PriceMissing, match=rf"{VOICE} has no price on 2024-06-02\."):
        drafts(stored_customer("C-1"))


def test_R14_usage_is_priced_by_the_digital_cycles_last_day_never_in_proportion(files: UsageFiles) -> None:
    book = price_book(
        "book",
        price(STANDARD, "50.00"),
        price(SMS, "1.00"),
        price(SMS, "2.00", first="2024-06-02", discount="50"),
        price(SMS, "9.00", first="2024-06-03"),
    )
    owner_of = customer("C-1", CENTRE, connect(starts_on="2024-06-01"))
    enter(portfolio(partner("P-1", owner_of), books=[book]))
    files.units((SMS, 30, "2024-06-01"))
    (draft,) = drafts(stored_customer("C-1"))
    assert usage_of(draft) == [(SMS, "Dig-1", "06-01", "06-02", 30, "30.00")]


def test_R10_usage_falls_on_the_primary_digital_subscription(files: UsageFiles) -> None:
    owner = entered(
        CENTRE, connect(line(SMS, 5), number="Dig-9"), connect(line(SMS, 7), starts_on="2024-02-01")
    )
    files.units((SMS, 20, "2024-05-20"))
    (draft,) = drafts(owner)
    assert usage_of(draft) == [(SMS, "Dig-9", "05-03", "06-02", 8, "0.80")]


def test_R14_retail_invoices_carry_it_too(files: UsageFiles) -> None:
    books = [price_book("book"), price_book("retail", price(STANDARD), price(SMS, "0.25"), currency="SEK")]
    buyer = customer("C-1", CENTRE, connect(), retail_price_book="retail")
    enter(portfolio(partner("P-1", buyer), books=books))
    files.units((SMS, 20, "2024-05-20"))
    wholesale, retail = drafts(stored_customer("C-1"))
    assert [each[-1] for each in (*usage_of(wholesale), *usage_of(retail))] == ["2.00", "5.00"]


def test_a_draft_of_an_open_cycle_has_the_usage_that_is_there_so_far(files: UsageFiles) -> None:
    owner = entered(CENTRE, connect(line(SMS, 20)))
    files.units((SMS, 25, "2024-05-31"), (SMS, 100, "2024-06-01"), (SMS, 1000, "2024-06-02"))

    def so_far(day: int) -> list[int]:
        (draft,) = drafts(owner, today=date(2024, 6, day))
        assert draft.is_provisional
        return [quantity for _, _, _, _, quantity, _ in usage_of(draft)]

    assert [so_far(day) for day in (1, 2, 3, 20)] == [[5], [105], [1105], [1105]]


def test_a_draft_of_the_future_has_no_usage(files: UsageFiles) -> None:
    owner = entered(CENTRE, connect())
    files.units((SMS, 25, "2024-05-31"))
    (draft,) = drafts(owner, date(2024, 8, 1), today=date(2024, 6, 10))
    assert usage_of(draft) == []


def test_more_units_than_four_bytes_hold_are_billed(files: UsageFiles) -> None:
    owner = entered(CENTRE, connect())
    files.units((SMS, 3 * 10**9, "2024-05-20"), (SMS, 10**12, "2024-05-21"))
    (invoice,) = issue(owner)
    with scope(PROVIDER):
        line_of_usage = invoice.lines.get(kind="usage")
    assert line_of_usage.quantity == 1_003_000_000_000
    assert line_of_usage.amount == Decimal(100_300_000_000)


def test_as_printed_usage_is_a_line_of_its_own_kind(files: UsageFiles) -> None:
    owner = entered(CENTRE, connect())
    files.units((SMS, 25, "2024-05-31"))
    (draft,) = drafts(owner)
    assert as_printed(draft.invoice, draft.lines)["lines"][0] == {
        "kind": "usage",
        "sku": SMS,
        "subscription": "Dig-1",
        "period_from": "2024-05-03",
        "period_to": "2024-06-02",
        "quantity": 25,
        "unit_price": "0.10",
        "discount_pct": "0",
        "amount": "2.50",
    }


# Digital channels alone


def test_R10_digital_channels_alone_are_invoiced_by_their_own_cycle(files: UsageFiles) -> None:
    owner = entered(connect(line(SMS, 20), line(CONNECT, 1)))
    files.units((SMS, 25, "2024-06-10"), (INTERACTIONS, 2133, "2024-06-11"))
    (draft,) = drafts(owner, date(2024, 6, 3))
    assert draft.invoice.service == Service.DIGITAL
    assert usage_of(draft) == [
        (SMS, "Dig-1", "06-03", "07-02", 5, "0.50"),
        (INTERACTIONS, "Dig-1", "06-03", "07-02", 2133, "42.66"),
    ]


def test_R10_a_digital_cycle_that_ends_after_the_contact_centre_is_invoiced_by_itself(
    files: UsageFiles,
) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1), ends_on="2024-06-20"), connect())
    files.units((SMS, 10, "2024-05-20"), (SMS, 30, "2024-06-10"))
    (centre,) = drafts(owner)
    (alone,) = drafts(owner, date(2024, 6, 3))
    assert usage_of(centre) == [(SMS, "Dig-1", "05-03", "06-02", 10, "1.00")]
    assert usage_of(alone) == [(SMS, "Dig-1", "06-03", "07-02", 30, "3.00")]


def test_R10_a_digital_cycle_begun_waits_for_a_contact_centre_that_begins_before_it_ends(
    files: UsageFiles,
) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1), starts_on="2024-07-01"), connect())
    with scope(PROVIDER):
        listed = list_billing_cycles(owner, until=date(2024, 6, 10))
        later = list_billing_cycles(owner, until=date(2024, 7, 1))
    assert [cycle.first for _, cycle in listed][-1] == date(2024, 5, 3)
    assert [(service, cycle.first) for service, cycle in later][-1] == (
        Service.CONTACT_CENTRE,
        date(2024, 7, 1),
    )
    with pytest.raises(NoSuchCycle):
        drafts(owner, date(2024, 6, 3), today=date(2024, 6, 10))


def test_R14_a_contact_centre_that_begins_the_day_after_a_digital_cycle_loses_no_charge() -> None:
    owner = entered(
        subscription("Sub-1", line(STANDARD, 1), starts_on="2024-07-03", bill_day=3),
        connect(line(CONNECT, 1)),
    )
    (alone,) = drafts(owner, date(2024, 6, 3))
    (centre,) = drafts(owner, date(2024, 7, 3))
    assert [(each.sku, f"{each.period_from:%m-%d}") for each in (*alone.lines, *centre.lines)] == [
        (CONNECT, "07-03"),
        (STANDARD, "07-03"),
        (CONNECT, "08-03"),
        (STANDARD, "08-03"),
    ]


# Issued


def test_R13_with_the_invoice_the_digital_cycles_on_it_are_closed_and_explained(files: UsageFiles) -> None:
    owner = entered(CENTRE, connect(line(SMS, 20)))
    files.units((SMS, 25, "2024-05-31"))
    (invoice,) = issue(owner)
    assert closed() == [("contact-centre", JUNE), ("digital", date(2024, 5, 3))]
    with scope(PROVIDER):
        snapshot = ClosedCycle.objects.get(service=Service.DIGITAL).snapshot
    assert snapshot["units"] == {SMS: {"raw": 25, "included": 20, "billable": 5}}
    files.units((SMS, 500, "2024-05-30"))
    assert issue(owner) == [invoice]
    with scope(PROVIDER):
        assert list(invoice.lines.filter(kind="usage").values_list("quantity", flat=True)) == [5]


def test_R10_a_digital_subscription_entered_later_never_changes_a_closed_digital_cycle(
    files: UsageFiles,
) -> None:
    owner = entered(CENTRE, connect())
    files.units((SMS, 25, "2024-05-31"))
    issue(owner)
    enter(
        portfolio(
            partner(
                "P-1", customer("C-1", CENTRE, connect(), connect(number="Dig-0", starts_on="2024-06-05"))
            )
        )
    )
    files.units((SMS, 30, "2024-06-10"))
    (july,) = drafts(owner, date(2024, 7, 1))
    assert usage_of(july) == [(SMS, "Dig-1", "06-03", "07-02", 30, "3.00")]


def test_R13_digital_channels_alone_keep_what_explains_their_invoice(files: UsageFiles) -> None:
    owner = entered(connect(line(CONNECT, 1)))
    files.units((SMS, 25, "2024-06-10"))
    issue(owner, date(2024, 6, 3))
    assert closed() == [("digital", date(2024, 6, 3))]
    with scope(PROVIDER):
        row = ClosedCycle.objects.get()
    assert row.snapshot["units"] == {SMS: {"raw": 25, "included": 0, "billable": 25}}
    assert len(row.inputs_hash) == 64


def test_a_line_of_usage_leads_to_the_page_that_explains_it(
    files: UsageFiles, client_of: Browser, dana: User
) -> None:
    owner = entered(CENTRE, connect(line(SMS, 20), line(CONNECT, 1)))
    files.units((SMS, 25, "2024-05-31"))
    (invoice,) = issue(owner)
    page = client_of(dana).get(f"/invoices/{invoice.number}/").content.decode()
    assert page.count("Why this amount?") == 1
    assert 'href="/customers/C-1/digital/?cycle=2024-05-03"' in page
    assert client_of(dana).get("/customers/C-1/digital/?cycle=2024-05-03").status_code == 200
