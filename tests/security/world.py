"""Two partners who share nothing but the provider, and everything that the portal keeps of each of them.

What belongs to one of them carries words and prices that stand nowhere else, so that a leak can be told from chance.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.db import connection

from apps.accounts.models import KeyScope, Role, User
from apps.accounts.services import create_api_key
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.core.tenancy import Role as DatabaseRole
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer, Partner
from apps.organisations.services import describe_organisation
from apps.reconciliation.services import open_run, reconcile_customer
from apps.subscriptions.services import change_surge, import_portfolio
from apps.usage.models import (
    AgentLicence,
    Channel,
    CustomerAlias,
    FormatDescription,
    RememberedAnswer,
    Source,
)
from apps.usage.services import import_usage, receive_file

TODAY = date(2024, 8, 20)
ISSUED_CYCLE, OPEN_CYCLE = date(2024, 6, 9), date(2024, 7, 9)
SKUS = ("A-FLEX-WCC-P-N", "A-FLEX-WCC-S-N", "A-FLEX-WCC-IVR")
DIGITAL_SKU = "A-CHAN-U-SMS-INTL"


@dataclass(frozen=True)
class Party:
    """A partner, its customers, and the word that marks what is its own."""

    word: str
    partner: Partner
    customers: tuple[Customer, ...]


@dataclass(frozen=True)
class World:
    """Who is there. ``people`` by first name; nobody needs a password."""

    home: Party
    strange: Party
    people: dict[str, User]

    def numbers(self, reader: Scope) -> set[str]:
        """The numbers of the invoices that somebody may see."""
        with scope(reader):
            return set(Invoice.objects.values_list("number", flat=True))


def build(folder: Path) -> World:
    """Fill the database of a transaction that is rolled back later. ``folder`` takes the usage files."""
    portfolio = {
        "price_books": [
            *_books("aurora", "731.37", "917.53"),
            *_books("borealis", "613.19", "857.71"),
        ],
        "partners": [
            _partner("P-100", "aurora", ("C-100", "C-101")),
            _partner("P-900", "borealis", ("C-900", "C-901")),
        ],
    }
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(portfolio), by="test")
        home, strange = (_party(ref, word) for ref, word in (("P-100", "aurora"), ("P-900", "borealis")))
        people = _people(home, strange)
    for party in (home, strange):
        for customer in party.customers:
            _usage(folder, party, customer)
            with scope(PROVIDER):
                change_surge(
                    customer=customer,
                    percent=Decimal(37),
                    reason=f"{customer.ref} of {party.word} asked for it",
                    by=people["dana"],
                )
                reconcile_customer(customer=customer, today=TODAY)
                for invoice in issue_invoices(
                    customer=customer, first_day=ISSUED_CYCLE, today=TODAY, by=people["dana"].email
                ):
                    _store_pdf(invoice)
            _usage(folder, party, customer, again=True)
            with scope(PROVIDER):
                paper, _is_new = take_paper(
                    customer=customer,
                    upload=Upload(f"{party.word}-totals.csv", b"day,peak\n2024-06-12,9\n"),
                    today=TODAY,
                    now=datetime(2024, 8, 20, tzinfo=UTC),
                    by=people["dana"],
                )
            compare_paper(paper_id=paper.pk, now=datetime(2024, 8, 20, tzinfo=UTC))
    for party in (home, strange):
        _waiting_file(folder, party)
        _told_of_sources(party)
    for name in ("dana", "bob", "charlie"):
        _key(people[name])
    with scope(PROVIDER):
        open_run(today=TODAY)
    return World(home, strange, people)


def _books(word: str, wholesale: str, retail: str) -> list[dict[str, Any]]:
    return [
        {
            "ref": f"{word}-{name}",
            "currency": "USD",
            "prices": [
                {"sku": sku, "unit_price": price, "discount_pct": "0", "from": "2024-01-01"}
                for sku in (*SKUS, *(f"{sku}-O" for sku in SKUS), DIGITAL_SKU)
            ],
        }
        for name, price in (("wholesale", wholesale), ("retail", retail))
    ]


def _partner(ref: str, word: str, customers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "ref": ref,
        "name": f"{word.title()} Partners",
        "country": "SE",
        "price_book": f"{word}-wholesale",
        "tax_rate_pct": "25",
        "customers": [
            {
                "ref": customer,
                "name": f"{word.title()} Customer {customer}",
                "country": "SE",
                "surge_pct": "12",
                "retail_price_book": f"{word}-retail",
                "subscriptions": [
                    {
                        "number": f"Sub-{word}-{customer}",
                        "offer": "A-FLEX-3-CC",
                        "starts_on": ISSUED_CYCLE.isoformat(),
                        "bill_day": 9,
                        "licence_model": "named",
                        "lines": [
                            {"sku": "A-FLEX-WCC-P-N", "quantity": 1},
                            {"sku": "A-FLEX-WCC-S-N", "quantity": 2},
                            {"sku": "A-FLEX-WCC-IVR", "quantity": 1},
                        ],
                    },
                    {
                        "number": f"Dig-{word}-{customer}",
                        "offer": "A-WEBEX-CONNECT",
                        "starts_on": ISSUED_CYCLE.isoformat(),
                        "bill_day": 9,
                        "licence_model": None,
                        "lines": [{"sku": DIGITAL_SKU, "quantity": 1}],
                    },
                ],
            }
            for customer in customers
        ],
    }


def _party(ref: str, word: str) -> Party:
    partner = Partner.objects.get(ref=ref)
    customers = tuple(Customer.objects.select_related("partner").filter(partner=partner))
    organisations: list[Partner | Customer] = [partner, *customers]
    for organisation in organisations:
        own = organisation.ref
        describe_organisation(
            organisation=organisation,
            address=f"{own} {word} street",
            tax_registration=f"{word}-tax-{own}",
            contact_name=f"{word} contact {own}",
            contact_email=f"{own.lower()}@{word}.example",
            contact_phone=f"+{word}-{own}",
        )
    return Party(word, partner, customers)


def _people(home: Party, strange: Party) -> dict[str, User]:
    def make(name: str, word: str, role: Role, partner: Partner | None, customer: Customer | None) -> User:
        return User.objects.create_user(
            email=f"{name}@{word}.example",
            full_name=f"{name.title()} {word.title()}son",
            role=role,
            password="correct horse battery",
            partner=partner,
            customer=customer,
        )

    first, second = home.customers
    return {
        "dana": make("dana", "provider", Role.PROVIDER_ADMIN, None, None),
        "sven": make("sven", "provider", Role.PROVIDER_SUPPORT, None, None),
        "bob": make("bob", home.word, Role.PARTNER_ADMIN, home.partner, None),
        "rita": make("rita", home.word, Role.PARTNER_READER, home.partner, None),
        "alice": make("alice", home.word, Role.CUSTOMER_ADMIN, home.partner, first),
        "ann": make("ann", home.word, Role.CUSTOMER_READER, home.partner, first),
        "carol": make("carol", home.word, Role.CUSTOMER_ADMIN, home.partner, second),
        "charlie": make("charlie", strange.word, Role.PARTNER_ADMIN, strange.partner, None),
        "erin": make("erin", strange.word, Role.CUSTOMER_ADMIN, strange.partner, strange.customers[0]),
    }


def _key(user: User) -> None:
    with scope(user.scope):
        create_api_key(
            partner=user.partner,
            name=f"Exporter of {user.email}",
            scopes=list(KeyScope),
            by=user,
            now=datetime(2024, 8, 20, tzinfo=UTC),
        )


def _usage(folder: Path, party: Party, customer: Customer, *, again: bool = False) -> None:
    """Four agents, two contacts and some messages that the partner sends.

    Again: days that wait, a conflict, a row kept aside, and an agent too late for the invoice.
    """
    month = "07" if again else "06"
    sessions = ["record_id,agent_id,licence,started_at,ended_at"]
    legs = ["record_id,contact_id,started_at,ended_at"]
    messages = ["record_id,sku,quantity,occurred_at"]
    for number in range(4):
        name = f"{party.word}-{customer.ref}-{number}"
        sessions.append(f"{name}-{month},{name},standard,2024-{month}-12T08:00:00Z,2024-{month}-12T16:00:00Z")
        legs.append(f"leg-{name}-{month},contact-{name},2024-{month}-12T10:00:00Z,2024-{month}-12T10:09:00Z")
        messages.append(f"sms-{name}-{month},{DIGITAL_SKU},{number + 1},2024-{month}-12T11:00:00Z")
    if again:
        name = f"{party.word}-{customer.ref}-0"
        sessions.append(f"{name}-06,{name},premium,2024-06-12T08:00:00Z,2024-06-12T17:00:00Z")
        sessions.append(f"{name}-late,{name}-late,standard,2024-06-12T08:00:00Z,2024-06-12T17:00:00Z")
        sessions.append(f"{name}-aside,{name},standard,no day at all,2024-07-12T16:00:00Z")
    sender = Scope(DatabaseRole.PARTNER, party.partner.pk)
    for kind, lines in (("agent-sessions", sessions), ("ivr-legs", legs), ("digital-usage", messages)):
        path = folder / f"{kind}-{customer.ref}-{month}.csv"
        path.write_text("\n".join(lines) + "\n")
        import_usage(
            kind=kind,
            path=path,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            sender=sender,
            now=datetime(2024, 8, 20, tzinfo=UTC),
            customer_ref=customer.ref,
            source=f"{party.word}-acd",
        )


def _told_of_sources(party: Party) -> None:
    """What a partner says of its sources: names, licences, a format; and an answer that is remembered."""
    customer, word = party.customers[0], party.word
    with scope(Scope(DatabaseRole.PARTNER, party.partner.pk)):
        source = Source.objects.get(name=f"{word}-acd")
        of_customer = {"partner_id": party.partner.pk, "customer": customer}
        CustomerAlias.objects.create(**of_customer, source=source, name=f"{word}-alias")
        AgentLicence.objects.create(
            **of_customer, agent_id=f"{word}-agent", first_day=date(2024, 6, 1), premium=True
        )
        FormatDescription.objects.create(
            partner=party.partner, name=f"{word}-format", text=f"# {word}", changed_by=f"bob@{word}.example"
        )
        RememberedAnswer.objects.create(
            partner=party.partner,
            sender=f"key {word}",
            key=f"{word}-1",
            request_sha256="0" * 64,
            status=200,
            body=word.encode(),
        )


def _waiting_file(folder: Path, party: Party) -> None:
    """A file that no worker has read yet."""
    path = folder / f"{party.word}-waiting.csv"
    name = f"{party.word}-waiting"
    path.write_text(
        "record_id,agent_id,licence,started_at,ended_at\n"
        f"{name},{name},standard,2024-07-12T08:00:00Z,2024-07-12T16:00:00Z\n"
    )
    receive_file(
        path=path,
        name=path.name,
        kind="agent-sessions",
        sender=Scope(DatabaseRole.PARTNER, party.partner.pk),
        by=f"somebody@{party.word}.example",
        channel=Channel.UPLOAD,
        customer_ref=party.customers[0].ref,
        source=f"{party.word}-acd",
    )


def _store_pdf(invoice: Invoice) -> None:
    content = f"%PDF-1.7 {invoice.number}".encode()
    pdf = InvoicePdf.objects.get(invoice=invoice)
    pdf.file.save(f"{invoice.number}.pdf", ContentFile(content), save=False)
    pdf.sha256 = hashlib.sha256(content).hexdigest()
    pdf.state = InvoicePdf.State.READY
    pdf.save()


def rows_of(table: str, reader: Scope | None = None) -> list[dict[str, Any]]:
    """All rows of a table that somebody sees; without ``reader`` in the scope that is open."""
    if reader is not None:
        with scope(reader):
            return rows_of(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
