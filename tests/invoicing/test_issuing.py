"""Issuing: papers are frozen, numbers have no gap, and a cycle that is issued is closed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.models import Model

from apps.accounts.models import AuditEntry
from apps.catalogue.domain.kinds import Service
from apps.core.tenancy import NOBODY, PROVIDER, Role, Scope, scope
from apps.invoicing import services
from apps.invoicing.models import Invoice, InvoiceLine, InvoicePdf, NumberSeries
from apps.invoicing.services import (
    CycleStillOpen,
    PriceMissing,
    as_printed,
    issue_invoices,
    list_issued,
    make_drafts,
)
from apps.organisations.models import Customer
from apps.organisations.services import describe_organisation
from apps.reconciliation.selectors import cycle_starting, get_figures
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.models import ClosedCycle
from tests.factories.portfolios import (
    STANDARD,
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

TODAY = date(2024, 12, 1)
MAY, JUNE, JULY = date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1)
ONE_STANDARD = subscription("Sub-1", line(STANDARD, 1))


def issue(owner: Customer, first: date = JUNE, *, today: date = TODAY) -> list[Invoice]:
    with scope(PROVIDER):
        return issue_invoices(customer=owner, first_day=first, today=today, by="erin@example.com")


def printed(owner: Customer, first: date = JUNE) -> list[dict[str, Any]]:
    """The issued papers of a cycle, as they would be printed."""
    with scope(PROVIDER):
        return [
            as_printed(invoice, list(invoice.lines.all()))
            for invoice in list_issued(customer=owner, first_day=first, today=TODAY)
        ]


def use(files: UsageFiles, *agents: str, day: date = date(2024, 6, 3), of: str = "C-1") -> None:
    files.use(*(session(agent, "08:00", "16:00", day=day) for agent in agents), customer=of)


@pytest.fixture
def owner(db: None, files: UsageFiles) -> Customer:
    """C-1, one Standard agent committed, two used in June."""
    owner = entered(ONE_STANDARD)
    use(files, "a", "b")
    return owner


@pytest.fixture
def buyer(db: None, files: UsageFiles) -> Customer:
    """The same, and its partner sells to it."""
    return _buyer(files)


def _buyer(files: UsageFiles) -> Customer:
    books = [
        price_book("book"),
        price_book("retail", price(STANDARD, "80.00"), price(f"{STANDARD}-O", "100.00")),
    ]
    enter(portfolio(partner("P-1", customer("C-1", ONE_STANDARD, retail_price_book="retail")), books=books))
    use(files, "a", "b")
    return stored_customer("C-1")


# What is issued


def test_what_is_issued_is_what_the_draft_said(buyer: Customer) -> None:
    with scope(PROVIDER):
        drafts = make_drafts(customer=buyer, first_day=JUNE, today=TODAY)
        drafted = [as_printed(draft.invoice, draft.lines) for draft in drafts]
    issued = issue(buyer)
    assert [invoice.number for invoice in issued] == ["INV-000001", "P-1-INV-000001"]
    assert [{**paper, "number": None} for paper in printed(buyer)] == drafted
    assert {invoice.issued_by for invoice in issued} == {"erin@example.com"}
    with scope(PROVIDER):
        assert list(InvoicePdf.objects.values_list("state", flat=True)) == ["pending", "pending"]
        assert make_drafts(customer=buyer, first_day=JUNE, today=TODAY) == []


def test_issuing_twice_changes_nothing(buyer: Customer) -> None:
    first = issue(buyer)
    with scope(PROVIDER):
        audited = AuditEntry.objects.count()
    second = issue(buyer)
    assert [each.pk for each in second] == [each.pk for each in first]
    with scope(PROVIDER):
        assert (Invoice.objects.count(), AuditEntry.objects.count(), InvoicePdf.objects.count()) == (
            2,
            audited,
            2,
        )
        assert set(NumberSeries.objects.values_list("prefix", "last_number")) == {
            ("INV-", 1),
            ("P-1-INV-", 1),
        }


def test_issuing_closes_the_cycle_with_the_snapshot_that_explains_it(owner: Customer) -> None:
    issue(owner)
    with scope(PROVIDER):
        closed = ClosedCycle.objects.select_related("primary").get()
        june = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
        found = get_figures(owner, june, today=TODAY)
    assert (closed.first_day, closed.last_day, closed.primary.number) == (JUNE, date(2024, 6, 30), "Sub-1")
    assert (found.is_closed, found.is_stored) == (True, True)
    assert closed.inputs_hash == found.inputs_hash
    assert closed.snapshot["inputs"]["settings"] == {
        "licence_model": "named",
        "billed_peak": "per_type",
        "ivr_peak": "minute",
        "longest_open_hours": 24,
    }
    assert closed.snapshot["billed"]["standard-named"] == 1
    assert len(closed.snapshot["rows"]) == len(found.rows)


def test_who_issued_what_is_in_the_audit_trail_for_those_whom_it_concerns(buyer: Customer) -> None:
    issue(buyer)

    def seen(reader: Scope) -> list[tuple[str, str, Any]]:
        with scope(reader):
            entries = AuditEntry.objects.filter(action="invoice.issued").order_by("pk")
            return [(entry.by, entry.subject, entry.after) for entry in entries]

    wholesale = ("erin@example.com", "INV-000001", "110.00")
    retail = ("erin@example.com", "P-1-INV-000001", "180.00")
    assert seen(PROVIDER) == seen(Scope(Role.PARTNER, buyer.partner_id)) == [wholesale, retail]
    assert seen(Scope(Role.CUSTOMER, buyer.partner_id, buyer.pk)) == [retail]


def test_R14_a_cycle_still_open_cannot_be_issued(owner: Customer) -> None:
    for today in (date(2024, 6, 10), date(2024, 6, 30)):
        with pytest.raises(
            CycleStillOpen, match=r"2024-06-01 – 2024-06-30 is still open; .* from 2024-07-01 on"
        ):
            issue(owner, today=today)
    with scope(PROVIDER):
        assert not Invoice.objects.exists()
        assert not ClosedCycle.objects.exists()
    assert len(issue(owner, today=JULY)) == 1


def test_R14_without_lines_nothing_is_issued_and_nothing_closed(db: None) -> None:
    owner = entered(subscription("Sub-1"))
    assert issue(owner) == []
    with scope(PROVIDER):
        assert not ClosedCycle.objects.exists()
        assert not NumberSeries.objects.exists()


def test_R14_a_negative_total_is_a_credit_note_in_a_series_of_its_own(db: None) -> None:
    fall = subscription("Sub-1", line(STANDARD, 20, last="2024-06-15"))
    enter(portfolio(partner("P-1", customer("C-1", fall), tax_rate_pct="25")))
    (credit_note,) = issue(stored_customer("C-1"))
    assert (credit_note.number, credit_note.is_credit_note) == ("CN-000001", True)
    assert (credit_note.subtotal, credit_note.taxes, credit_note.total) == (
        Decimal("-500"),
        Decimal("-125"),
        Decimal("-625"),
    )
    (paper,) = printed(stored_customer("C-1"))
    assert [(each["quantity"], each["period_from"], each["amount"]) for each in paper["lines"]] == [
        (-20, "2024-06-16", "-500.00")
    ]
    (invoice,) = issue(stored_customer("C-1"), MAY)
    assert invoice.number == "INV-000001"


def test_R10_a_digital_cycle_that_stands_alone_is_closed_too(db: None) -> None:
    owner = entered(digital("Dig-1", line("A-WXCN-PRM-CON-ENT", 1), starts_on="2024-05-03", bill_day=3))
    (invoice,) = issue(owner, date(2024, 5, 3))
    assert (invoice.service, invoice.total) == (Service.DIGITAL, Decimal(600))
    with scope(PROVIDER):
        assert ClosedCycle.objects.get().service == Service.DIGITAL
    assert issue(owner, date(2024, 5, 3)) == [invoice]


def test_a_customer_that_buys_retail_later_gets_the_paper_of_a_cycle_that_is_closed(
    owner: Customer, files: UsageFiles
) -> None:
    (wholesale,) = issue(owner)
    use(files, "c", "d", "e")
    retail = price_book("retail", price(STANDARD, "80.00"), price(f"{STANDARD}-O", "100.00"))
    enter(portfolio(partner("P-1", customer("C-1", retail_price_book="retail")), books=[retail]))
    first, second = issue(owner)
    assert (first.pk, second.number, second.total) == (wholesale.pk, "P-1-INV-000001", Decimal(180))


# What is issued stays


def test_R13_nothing_issued_changes_with_what_arrives_later(buyer: Customer, files: UsageFiles) -> None:
    issue(buyer)
    before = printed(buyer)
    use(files, "c", "d", "e")
    enter(
        portfolio(
            partner("P-1", customer("C-1", retail_price_book=None), tax_rate_pct="99", payment_terms_days=1),
            books=[price_book("book", price(STANDARD, "1.00", first="2024-08-01"))],
        )
    )
    enter(portfolio_of(subscription("Sub-0", starts_on="2023-06-15", bill_day=15)))
    with scope(PROVIDER):
        reconcile_customer(customer=buyer, today=TODAY)
        describe_organisation(organisation=buyer, name="Renamed", address="Elsewhere 1")
    assert printed(buyer) == before
    issue(buyer)
    assert printed(buyer) == before
    with scope(PROVIDER):
        assert {invoice.customer_details["name"] for invoice in Invoice.objects.all()} == {"Customer C-1"}


def test_R13_cycles_may_be_issued_in_any_order_and_none_is_lost(owner: Customer) -> None:
    for first in (JULY, MAY, JUNE):
        (invoice,) = issue(owner, first)
        assert invoice.period_from == first
    assert [invoice["number"] for first in (MAY, JUNE, JULY) for invoice in printed(owner, first)] == [
        "INV-000002",
        "INV-000003",
        "INV-000001",
    ]


def test_no_role_and_not_even_the_owner_changes_or_deletes_what_is_issued(
    committed: None, files: UsageFiles
) -> None:
    buyer = _buyer(files)
    issue(buyer)
    before = printed(buyer)
    readers = [
        NOBODY,
        PROVIDER,
        Scope(Role.PARTNER, buyer.partner_id),
        Scope(Role.CUSTOMER, buyer.partner_id, buyer.pk),
    ]
    for table in ("invoicing_invoice", "invoicing_invoiceline"):
        for statement in (
            f"UPDATE {table} SET unit = ''",
            f"UPDATE {table} SET partner_id = 0",
            f"DELETE FROM {table}",
        ):
            if "unit" in statement and table == "invoicing_invoice":
                continue
            for reader in readers:
                with pytest.raises(DatabaseError, match="permission denied"), scope(reader):
                    execute(statement)
            with (
                pytest.raises(DatabaseError, match=f"rows of {table} never change"),
                transaction.atomic("owner"),
            ):
                execute(statement, using="owner")
    assert printed(buyer) == before


def execute(statement: str, *, using: str = "default") -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(statement)


def test_the_database_refuses_a_total_that_is_not_the_sum_and_a_second_paper_of_a_cycle(
    owner: Customer,
) -> None:
    (invoice,) = issue(owner)
    for change, constraint in (
        ({"number": "INV-9", "period_from": MAY, "total": 1}, "total_is_sum"),
        ({"number": "INV-9"}, "one_a_cycle"),
        ({"period_from": MAY}, "number"),
        ({"number": "INV-9", "period_from": MAY, "customer_id": owner.pk}, "customer_receives_retail"),
    ):
        values = {field.attname: getattr(invoice, field.attname) for field in Invoice._meta.concrete_fields}
        with pytest.raises(DatabaseError, match=constraint), scope(PROVIDER):
            Invoice.objects.create(**{**values, "id": None, **change})


# Numbers


def numbers() -> list[str]:
    with scope(PROVIDER):
        return sorted(Invoice.objects.values_list("number", flat=True))


def test_numbers_have_no_gap_after_an_issuing_that_failed(
    buyer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the power fails")

    issue(buyer, MAY)
    with monkeypatch.context() as patched:
        patched.setattr(services, "record_change", fail)
        with pytest.raises(RuntimeError):
            issue(buyer)
    assert numbers() == ["INV-000001", "P-1-INV-000001"]
    issue(buyer)
    assert numbers() == ["INV-000001", "INV-000002", "P-1-INV-000001", "P-1-INV-000002"]


def test_a_paper_that_cannot_be_priced_takes_no_number_and_closes_nothing(db: None) -> None:
    enter(
        portfolio(
            partner("P-1", customer("C-1", ONE_STANDARD)),
            books=[price_book("book", price("SVS-WX-SUPT-BAS"))],
        )
    )
    with pytest.raises(PriceMissing):
        issue(stored_customer("C-1"))
    with scope(PROVIDER):
        assert not NumberSeries.objects.exists()
        assert not ClosedCycle.objects.exists()


def test_numbers_are_gapless_under_several_issuers_at_once(committed: None) -> None:
    refs = ["C-1", "C-2", "C-3"]
    customers: list[Part] = [
        customer(ref, subscription(f"Sub-{ref}", line(STANDARD, 1)), retail_price_book="book") for ref in refs
    ]
    enter(portfolio(partner("P-1", *customers[:2]), partner("P-2", customers[2])))
    owners = [stored_customer(ref) for ref in refs]

    def issue_three(owner: Customer) -> list[str]:
        return [invoice.number for first in (MAY, JUNE, JULY) for invoice in issue(owner, first)]

    issued = in_threads(*(lambda owner=owner: issue_three(owner) for owner in owners))

    assert sorted(number for each in issued for number in each) == numbers()
    assert numbers() == sorted(
        [f"INV-{n:06}" for n in range(1, 10)]
        + [f"P-1-INV-{n:06}" for n in range(1, 7)]
        + [f"P-2-INV-{n:06}" for n in range(1, 4)]
    )


@pytest.mark.parametrize("bought", [ONE_STANDARD, digital("Dig-1", line("A-WXCN-PRM-CON-ENT", 1))])
def test_two_issuers_of_one_cycle_at_once_issue_it_once(committed: None, bought: Part) -> None:
    owner = entered(bought)
    first, second = in_threads(lambda: issue(owner), lambda: issue(owner))
    assert [each.pk for each in first] == [each.pk for each in second]
    assert numbers() == ["INV-000001"]


# Tenancy


def test_a_customer_sees_its_own_invoice_its_partner_both_and_a_stranger_none(
    buyer: Customer, strangers: Customer
) -> None:
    issue(buyer)
    tables: list[type[Model]] = [Invoice, InvoiceLine, InvoicePdf]

    def seen(reader: Scope) -> list[int]:
        with scope(reader):
            return [table._default_manager.count() for table in tables]

    assert seen(PROVIDER) == seen(Scope(Role.PARTNER, buyer.partner_id)) == [2, 4, 2]
    assert seen(Scope(Role.CUSTOMER, buyer.partner_id, buyer.pk)) == [1, 2, 1]
    assert seen(Scope(Role.PARTNER, strangers.partner_id)) == [0, 0, 0]
    assert seen(Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk)) == [0, 0, 0]
    with scope(Scope(Role.CUSTOMER, buyer.partner_id, buyer.pk)):
        assert Invoice.objects.get().seller == "partner"


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_nobody_but_the_provider_issues(owner: Customer, role: Role) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        scope(Scope(role, owner.partner_id, owner.pk)),
    ):
        issue_invoices(customer=owner, first_day=JUNE, today=TODAY, by="me")
    with scope(PROVIDER):
        assert not Invoice.objects.exists()
