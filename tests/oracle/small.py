"""Small worlds, made part by part; what a test does not say is ordinary."""

from datetime import UTC, date, datetime
from typing import Any

from tests.oracle import Cycle, Settings, World

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2024, 6, 10)

Row = dict[str, str]
Json = dict[str, Any]


def line(sku: str, quantity: int, first: str | None = None, last: str | None = None) -> Json:
    return {"sku": sku, "quantity": quantity, "from": first, "to": last}


def subscription(
    number: str = "Sub-1",
    starts_on: str = "2024-01-01",
    ends_on: str | None = None,
    bill_day: int = 1,
    model: str | None = "concurrent",
    lines: list[Json] | None = None,
) -> Json:
    return {
        "number": number,
        "offer": "A-FLEX-3-CC" if model else "A-WEBEX-CONNECT",
        "starts_on": starts_on,
        "ends_on": ends_on,
        "bill_day": bill_day,
        "licence_model": model,
        "lines": lines or [],
    }


def price(sku: str, unit_price: str, discount: str = "0", first: str = "2020-01-01") -> Json:
    return {"sku": sku, "unit_price": unit_price, "discount_pct": discount, "from": first}


EVERYTHING_COSTS_TEN = [
    price(sku + suffix, "10.00")
    for sku in (
        "A-FLEX-WCC-P-N",
        "A-FLEX-WCC-S-N",
        "A-FLEX-WCC-P-C",
        "A-FLEX-WCC-S-C",
        "A-FLEX-WCC-WFO",
        "A-FLEX-WCC-IVR",
        "A-WXCN-PRM-CON-ENT",
        "A-CHAN-U-SMS-INTL",
    )
    for suffix in ("", "-O")
]


def portfolio(
    subscriptions: list[Json],
    prices: list[Json] | None = None,
    *,
    currency: str = "USD",
    surge: str = "0",
    retail_prices: list[Json] | None = None,
    **of_partner: object,
) -> Json:
    """Of customer C-1 alone."""
    books: list[Json] = [{"ref": "whole", "currency": currency, "prices": prices or EVERYTHING_COSTS_TEN}]
    if retail_prices is not None:
        books.append({"ref": "retail", "currency": "EUR", "prices": retail_prices})
    customer = {
        "ref": "C-1",
        "name": "Customer",
        "country": "SE",
        "surge_pct": surge,
        "retail_price_book": None if retail_prices is None else "retail",
        "subscriptions": subscriptions,
    }
    partner = {
        "ref": "P-1",
        "name": "Partner",
        "country": "SE",
        "price_book": "whole",
        "customers": [customer],
    }
    return {"price_books": books, "partners": [partner | of_partner]}


def world(
    subscriptions: list[Json],
    records: list[Row] | None = None,
    prices: list[Json] | None = None,
    **more: Any,
) -> World:
    return World(portfolio(subscriptions, prices, **more), records or [], NOW)


def clock(time: str | datetime, day: date = DAY) -> str:
    """`08:15` of a day, or a whole time."""
    if isinstance(time, datetime):
        return time.isoformat()
    if len(time) > 15:
        return time
    return f"{day.isoformat()}T{time}{':00' if time.count(':') == 1 else ''}Z"


class Rows:
    """Numbers the records that it makes."""

    def __init__(self) -> None:
        self.made: list[Row] = []

    def add(
        self, kind: str, who: str, started_at: str | datetime, ended_at: str | datetime, **more: str
    ) -> Row:
        column = "agent_id" if kind in ("agent-sessions", "wfo-sessions") else "contact_id"
        row = {
            "customer": "C-1",
            "source": "import",
            "kind": kind,
            "record_id": f"r{len(self.made)}",
            column: who,
            "started_at": clock(started_at),
            "ended_at": clock(ended_at) if ended_at else "",
            **more,
        }
        self.made.append(row)
        return row

    def session(
        self,
        agent: str,
        start: str | datetime,
        end: str | datetime = "",
        licence: str = "standard",
        **more: str,
    ) -> Row:
        return self.add("agent-sessions", agent, start, end, licence=licence, **more)

    def wfo(self, agent: str, start: str, end: str) -> Row:
        return self.add("wfo-sessions", agent, start, end)

    def leg(self, contact: str, start: str | datetime, end: str | datetime = "") -> Row:
        return self.add("ivr-legs", contact, start, end)

    def digital(self, sku: str, quantity: int, at: str) -> Row:
        row = {
            "customer": "C-1",
            "kind": "digital-usage",
            "record_id": f"r{len(self.made)}",
            "sku": sku,
            "quantity": str(quantity),
            "occurred_at": at,
        }
        self.made.append(row)
        return row


def figures(
    of: World, first: date, until: date | None = None, more: Settings | None = None
) -> dict[str, Any]:
    """(day, short type) -> used, commitment, substituted, overage, comment."""
    short = {"Premium": "P", "Standard": "S", "Workforce": "W", "IVR": "I"}
    detail = of.daily_detail("C-1", first, until, settings=more or Settings())
    return {
        f"{str(row['Usage Date'])[5:]} {short[str(row['Usage Type']).split()[0]]}": (
            row["Units Used"],
            row["Units Commitment"],
            row["Units Substituted"],
            row["Units Overage"],
            row["Comment"],
        )
        for row in detail
    }


def used(of: World, day: str, first: date = date(2024, 6, 1), until: date | None = None) -> int:
    return int(figures(of, first, until)[day][0])


def spans(found: list[Cycle]) -> list[tuple[str, str]]:
    return [(cycle.first.isoformat()[5:], cycle.last.isoformat()[5:]) for cycle in found]


def charged(invoice: Json) -> list[tuple[str, str, str, str, str, int, str]]:
    return [
        (
            each["kind"],
            each["sku"],
            each["subscription"],
            each["period_from"],
            each["period_to"],
            each["quantity"],
            each["amount"],
        )
        for each in invoice["lines"]
    ]
