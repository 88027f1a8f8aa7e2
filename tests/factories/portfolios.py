"""Small portfolios, made part by part; what a test does not say is ordinary."""

from __future__ import annotations

import json
from typing import Any

from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.subscriptions.services import import_portfolio

Part = dict[str, Any]

PREMIUM, STANDARD = "A-FLEX-WCC-P-N", "A-FLEX-WCC-S-N"
PREMIUM_CONCURRENT, STANDARD_CONCURRENT = "A-FLEX-WCC-P-C", "A-FLEX-WCC-S-C"
WFO, IVR = "A-FLEX-WCC-WFO", "A-FLEX-WCC-IVR"
CONNECT, SUPPORT = "A-WXCN-PRM-CON-ENT", "SVS-WX-SUPT-BAS"
SMS, VOICE, INTERACTIONS = "A-CHAN-U-SMS-INTL", "A-VOICE-U-INTL", "A-WXCN-PRM-AUTOINT"

# Round numbers, so that a test's expectation can be followed in the head.
UNIT_PRICES = {
    PREMIUM: "100.00",
    STANDARD: "50.00",
    PREMIUM_CONCURRENT: "100.00",
    STANDARD_CONCURRENT: "50.00",
    WFO: "20.00",
    IVR: "10.00",
    f"{PREMIUM}-O": "120.00",
    f"{STANDARD}-O": "60.00",
    f"{PREMIUM_CONCURRENT}-O": "120.00",
    f"{STANDARD_CONCURRENT}-O": "60.00",
    f"{WFO}-O": "24.00",
    f"{IVR}-O": "12.00",
    CONNECT: "300.00",
    SUPPORT: "30.00",
    SMS: "0.10",
    VOICE: "0.50",
    INTERACTIONS: "0.02",
}


def price(sku: str, unit_price: str = "10.00", *, first: str = "2020-01-01", discount: str = "0") -> Part:
    return {"sku": sku, "unit_price": unit_price, "discount_pct": discount, "from": first}


def price_book(ref: str = "book", *prices: Part, currency: str = "EUR") -> Part:
    return {
        "ref": ref,
        "currency": currency,
        "prices": list(prices) or [price(sku, amount) for sku, amount in UNIT_PRICES.items()],
    }


def line(sku: str, quantity: int, *, first: str | None = None, last: str | None = None) -> Part:
    return {"sku": sku, "quantity": quantity, "from": first, "to": last}


def subscription(
    number: str = "Sub-1",
    *lines: Part,
    starts_on: str = "2024-01-01",
    ends_on: str | None = None,
    bill_day: int = 1,
    model: str | None = "named",
    offer: str = "A-FLEX-3-CC",
) -> Part:
    return {
        "number": number,
        "offer": offer,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "bill_day": bill_day,
        "licence_model": model,
        "lines": list(lines),
    }


def digital(number: str = "Dig-1", *lines: Part, **fields: Any) -> Part:
    return subscription(number, *lines, model=None, offer="A-WEBEX-CONNECT", **fields)


def customer(ref: str = "C-1", *subscriptions: Part, **fields: Any) -> Part:
    return {
        "ref": ref,
        "name": f"Customer {ref}",
        "country": "SE",
        "subscriptions": list(subscriptions),
        **fields,
    }


def partner(ref: str = "P-1", *customers: Part, **fields: Any) -> Part:
    return {
        "ref": ref,
        "name": f"Partner {ref}",
        "country": "SE",
        "price_book": "book",
        "customers": list(customers),
        **fields,
    }


def portfolio(*partners: Part, books: list[Part] | None = None) -> Part:
    return {"price_books": [price_book()] if books is None else books, "partners": list(partners)}


def portfolio_of(*subscriptions: Part, **fields: Any) -> Part:
    """Of customer C-1 of partner P-1 alone; ``fields`` are the customer's."""
    return portfolio(partner("P-1", customer("C-1", *subscriptions, **fields)))


def enter(file: Part | str | bytes, *, late: bool = False) -> None:
    """Import a portfolio as the provider, in a transaction of its own."""
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(file) if isinstance(file, dict) else file, by="test", late=late)


def entered(*subscriptions: Part, **fields: Any) -> Customer:
    """Customer C-1 with these subscriptions, stored."""
    enter(portfolio_of(*subscriptions, **fields))
    return stored_customer("C-1")


def stored_customer(ref: str) -> Customer:
    with scope(PROVIDER):
        return Customer.objects.select_related("partner").get(ref=ref)
