"""Who and what is in the portal of the browser tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command

from apps.accounts.models import Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.bell import render_pending_pdfs
from apps.organisations.models import Customer, Partner
from portal.embedded import home

SAMPLE = Path(__file__).resolve().parents[2] / "portal" / "sample"
GUIDE, AUGUST = SAMPLE / "guide-example", SAMPLE / "bank-august"
PASSWORD = "see-every-figure"
# Two of a licence that there is not, a customer that there is not, and a record that is stored with another licence.
FAULTS = """\
customer,record_id,agent_id,licence,started_at,ended_at
,x1,std-01,gold,2024-06-15T07:00:00Z,2024-06-15T15:00:00Z
,x2,std-02,gold,2024-06-15T07:00:00Z,2024-06-15T15:00:00Z
Kungsgatan,x3,std-03,standard,2024-06-15T07:00:00Z,2024-06-15T15:00:00Z
,s05-1,std-05,premium,2024-06-10T07:05:00Z,2024-06-10T15:00:00Z
"""
FIRST_ADMINISTRATOR = "first@provider.example"
FIRST_LINK, DETAIL_CSV = "first-link.json", "daily-detail-of-command.csv"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in; ``of`` is the reference of a partner or a customer."""

    email: str
    role: Role
    of: str = ""


ALICE = Person("alice@kungsgatan.example", Role.CUSTOMER_READER, "C-100")
BOB = Person("bob@nordlys.example", Role.PARTNER_ADMIN, "P-100")
RITA = Person("rita@nordlys.example", Role.PARTNER_READER, "P-100")
CHARLIE = Person("charlie@carmel.example", Role.PARTNER_ADMIN, "P-200")
DANA = Person("dana@provider.example", Role.PROVIDER_ADMIN)
ERIN = Person("erin@fjallbacka.example", Role.CUSTOMER_READER, "C-300")
PEOPLE = (ALICE, BOB, RITA, CHARLIE, DANA, ERIN)


def fill() -> None:
    """Two examples, a customer that gets invoices of its own from its partner, and people."""
    retail = home() / "retail.json"
    retail.write_text(json.dumps(retail_portfolio()))
    for path in (GUIDE / "portfolio.json", AUGUST / "portfolio.json", retail):
        call_command("import_portfolio", str(path))
    for kind, folder, ref in [
        ("agent-sessions", GUIDE, "C-100"),
        ("agent-sessions", AUGUST, "C-200"),
        ("ivr-legs", AUGUST, "C-200"),
        ("agent-sessions", GUIDE, "C-300"),
    ]:
        call_command("import_usage", kind, str(folder / f"{kind}.csv"), customer=ref)
    for ref, cycle in (("C-100", "2024-06-09"), ("C-200", "1999-08-01"), ("C-300", "2024-06-09")):
        call_command("reconcile", customer=ref)
        call_command("run_billing", customer=ref, cycle=cycle, issue=True)
    faults = home() / "faults.csv"
    faults.write_text(FAULTS)
    call_command("import_usage", "agent-sessions", str(faults), customer="C-100")
    render_pending_pdfs.delay()  # waits in Redis for the worker
    with scope(PROVIDER):
        for person in PEOPLE:
            add(person)
    with (home() / FIRST_LINK).open("w") as said:
        call_command("create_provider_admin", email=FIRST_ADMINISTRATOR, format="json", stdout=said)
    with (home() / DETAIL_CSV).open("w", newline="") as said:
        call_command(
            "daily_detail", customer="C-100", cycle="2024-06-09", family="agents", format="csv", stdout=said
        )


def retail_portfolio() -> dict[str, Any]:
    """C-300 bought what C-100 did, from the same partner, which invoices it at prices without a discount."""
    portfolio: dict[str, Any] = json.loads((GUIDE / "portfolio.json").read_text())
    [book], [partner] = portfolio["price_books"], portfolio["partners"]
    [customer] = partner["customers"]
    [subscription] = customer["subscriptions"]
    retail = {
        "ref": "retail-usd",
        "currency": "USD",
        "prices": [{**price, "discount_pct": "0"} for price in book["prices"]],
    }
    customer |= {"ref": "C-300", "name": "Fjällbacka Rederi", "retail_price_book": retail["ref"]}
    subscription["number"] = "Sub-3001"
    return {"price_books": [book, retail], "partners": [partner]}


def add(person: Person) -> None:
    customer = Customer.objects.select_related("partner").filter(ref=person.of).first()
    User.objects.create_user(
        email=person.email,
        role=person.role,
        password=PASSWORD,
        customer=customer,
        partner=customer.partner if customer else Partner.objects.filter(ref=person.of).first(),
    )
