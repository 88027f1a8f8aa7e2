"""The portfolio file as plain objects. Nothing is calculated here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

# R10: offers belong to a service.
CONTACT_CENTRE = "contact-centre"
DIGITAL = "digital-channels"


@dataclass(frozen=True)
class Settings:
    """The settings that rules.md names; the defaults are the readings chosen there."""

    billed_peak: str = "per_type"  # R6: or "combined_day"
    ivr_peak: str = "minute"  # R8: or "instant"
    longest_open: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Offer:
    """A service, and the settings, which are "stored per offer"."""

    service: str
    settings: Settings = Settings()


OFFERS = {"A-FLEX-3-CC": Offer(CONTACT_CENTRE), "A-WEBEX-CONNECT": Offer(DIGITAL)}

# The catalogue.
AGENT_SKUS = {
    "named": {"premium": "A-FLEX-WCC-P-N", "standard": "A-FLEX-WCC-S-N"},
    "concurrent": {"premium": "A-FLEX-WCC-P-C", "standard": "A-FLEX-WCC-S-C"},
}
WFO_SKU = "A-FLEX-WCC-WFO"
IVR_SKU = "A-FLEX-WCC-IVR"
DIGITAL_USAGE_SKUS = (
    "A-CHAN-U-SMS-INTL",
    "A-CHAN-U-SMS-SC-UK",
    "A-INTL-NUM-PROV",
    "A-VOICE-U-INTL",
    "A-WXCN-PRM-AUTOINT",
)


@dataclass(frozen=True)
class Line:
    """`quantity` of a SKU from `first` to `last`, both included; None means the subscription's own."""

    sku: str
    quantity: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Subscription:
    number: str
    offer: Offer
    starts_on: date
    ends_on: date | None
    bill_day: int
    licence_model: str | None
    lines: tuple[Line, ...]

    @property
    def service(self) -> str:
        return self.offer.service

    def active(self, day: date) -> bool:
        """R10: active from `starts_on` to `ends_on`, both included."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

    def quantity(self, sku: str, day: date) -> int:
        """R10: of a SKU's lines in force together, the sum. A line lasts no longer than its subscription."""
        if not self.active(day):
            return 0
        total = 0
        for line in self.lines:
            begun = line.first is None or line.first <= day
            over = line.last is not None and line.last < day
            if line.sku == sku and begun and not over:
                total += line.quantity
        return total


@dataclass(frozen=True)
class Price:
    """R14: "A price means unit price and discount of that day"."""

    sku: str
    unit_price: Fraction
    discount_pct: Fraction
    first: date


@dataclass(frozen=True)
class PriceBook:
    ref: str
    currency: str
    prices: tuple[Price, ...]

    def price(self, sku: str, day: date) -> Price | None:
        """The price in force on a day: of those from that day or before it, the newest."""
        found = None
        for price in self.prices:
            if price.sku == sku and price.first <= day and (found is None or price.first > found.first):
                found = price
        return found


@dataclass(frozen=True)
class Partner:
    ref: str
    price_book: str | None
    tax_rate_pct: Fraction
    payment_terms_days: int


@dataclass(frozen=True)
class Closed:
    """R10, R13: a cycle whose invoice is issued. Its days and its primary stay, whatever is entered later.

    `looked_at`: the days that its invoice looked at. `carried_by`: of a digital cycle without an invoice of its own,
    the first day of the contact-centre cycle on whose invoice it stands.
    """

    service: str
    first: date
    last: date
    primary_subscription: str
    looked_at: tuple[date, ...] = ()
    carried_by: date | None = None


@dataclass(frozen=True)
class Customer:
    ref: str
    partner: Partner
    surge_pct: Fraction
    retail_price_book: str | None
    subscriptions: tuple[Subscription, ...]
    closed: tuple[Closed, ...] = ()  # in no file: what happened (see history.py)


@dataclass(frozen=True)
class Portfolio:
    price_books: Mapping[str, PriceBook]
    customers: Mapping[str, Customer]


def read_portfolio(file: Mapping[str, Any], offers: Mapping[str, Offer] = OFFERS) -> Portfolio:
    """The portfolio file's JSON, already parsed, as objects. `offers`: those that the provider has."""
    price_books = {}
    for book in file.get("price_books", []):
        prices = tuple(
            Price(
                price["sku"],
                Fraction(price["unit_price"]),
                Fraction(price.get("discount_pct") or "0"),
                date.fromisoformat(price["from"]),
            )
            for price in book["prices"]
        )
        price_books[book["ref"]] = PriceBook(book["ref"], book["currency"], prices)

    customers = {}
    for partner_of_file in file.get("partners", []):
        terms = partner_of_file.get("payment_terms_days")
        partner = Partner(
            partner_of_file["ref"],
            partner_of_file.get("price_book"),
            Fraction(partner_of_file.get("tax_rate_pct") or "0"),  # left out: "0"
            30 if terms is None else terms,  # left out: 30
        )
        for customer in partner_of_file.get("customers", []):
            customers[customer["ref"]] = Customer(
                customer["ref"],
                partner,
                Fraction(customer.get("surge_pct") or "0"),
                customer.get("retail_price_book"),
                tuple(_subscription(each, offers) for each in customer.get("subscriptions", [])),
            )
    return Portfolio(price_books, customers)


def _subscription(subscription: Mapping[str, Any], offers: Mapping[str, Offer]) -> Subscription:
    return Subscription(
        number=subscription["number"],
        offer=offers[subscription["offer"]],
        starts_on=date.fromisoformat(subscription["starts_on"]),
        ends_on=_day_or_none(subscription.get("ends_on")),
        bill_day=subscription["bill_day"],
        licence_model=subscription.get("licence_model"),
        lines=tuple(
            Line(line["sku"], line["quantity"], _day_or_none(line.get("from")), _day_or_none(line.get("to")))
            for line in subscription.get("lines", [])
        ),
    )


def _day_or_none(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
