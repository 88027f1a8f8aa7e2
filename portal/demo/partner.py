"""A made-up partner: portfolio and usage of 200 customers over three months, always the same.

Dates and the seed are fixed. Commitments lie near what is used, so that about a third of the customers has overage.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

SEED = 20240401
EDITION = "edition-1"  # of the usage made below: another one is written anew
CUSTOMERS = 200
FIRST_DAY, LAST_DAY = date(2024, 4, 1), date(2024, 6, 30)
PARTNER = "P-300"
# The customers that buy from the partner at retail prices, and those with calls in menus.
RETAIL_EVERY, LEGS_EVERY = 10, 3

_PLACES = [
    "Alster",
    "Bodensee",
    "Cevennes",
    "Dalarna",
    "Elbe",
    "Fjord",
    "Gotland",
    "Harbour",
    "Isar",
    "Jura",
    "Kattegat",
    "Loire",
    "Moselle",
    "Neckar",
    "Oder",
    "Polder",
    "Quay",
    "Rhine",
    "Saale",
    "Tatra",
    "Ural",
    "Vltava",
    "Weser",
    "Ystad",
    "Zealand",
]
_TRADES = [
    "Insurance",
    "Energy",
    "Telecom",
    "Travel",
    "Logistics",
    "Savings Bank",
    "Health",
    "Retail",
    "Utilities",
    "Airlines",
    "Pharmacy",
    "Housing",
    "Mobility",
    "Credit Union",
    "Broadband",
    "Water",
    "Parcel",
    "Tickets",
    "Electronics",
    "Furniture",
]
_COUNTRIES = ["SE", "DE", "FR", "CZ", "GB", "NL", "AT", "CH", "DK", "FI"]


@dataclass(frozen=True)
class MadeCustomer:
    """A customer with the licence model and the staff that its usage is made from."""

    ref: str
    name: str
    country: str
    model: str
    bill_day: int
    starts_on: date
    premium_agents: int
    standard_agents: int
    has_legs: bool
    buys_retail: bool


def make_customers() -> list[MadeCustomer]:
    """The 200 customers."""
    random = Random(SEED)  # noqa: S311 - made-up data, the same each time
    names = [f"{place} {trade}" for place in _PLACES for trade in _TRADES]
    random.shuffle(names)
    customers = []
    for number in range(CUSTOMERS):
        standard = 2 + int(random.paretovariate(1.4) * 2) % 24
        customers.append(
            MadeCustomer(
                ref=f"C-{3001 + number}",
                name=names[number],
                country=random.choice(_COUNTRIES),
                model=random.choice(("named", "concurrent")),
                bill_day=random.choice((1, 1, 5, 9, 15, 17, 28, 31)),
                starts_on=date(2023, random.randint(1, 12), random.randint(1, 28)),
                premium_agents=random.choice((0, 1, 1, 2, 3, 5)),
                standard_agents=standard,
                has_legs=number % LEGS_EVERY == 0,
                buys_retail=number % RETAIL_EVERY == 0,
            )
        )
    return customers


def make_portfolio(customers: list[MadeCustomer]) -> str:
    """The portfolio file of the partner."""
    random = Random(SEED + 1)  # noqa: S311
    return json.dumps(
        {
            "price_books": [_book("wholesale-eur", 1.0), _book("meridian-retail-eur", 1.35)],
            "partners": [
                {
                    "ref": PARTNER,
                    "name": "Meridian Voice Partners GmbH",
                    "country": "DE",
                    "price_book": "wholesale-eur",
                    "tax_rate_pct": "19",
                    "payment_terms_days": 30,
                    "customers": [_entry(customer, random) for customer in customers],
                }
            ],
        }
    )


def _book(ref: str, factor: float) -> dict[str, Any]:
    prices = {
        "A-FLEX-WCC-P-N": 118,
        "A-FLEX-WCC-S-N": 82,
        "A-FLEX-WCC-P-C": 164,
        "A-FLEX-WCC-S-C": 112,
        "A-FLEX-WCC-WFO": 45,
        "A-FLEX-WCC-IVR": 22,
    }
    return {
        "ref": ref,
        "currency": "EUR",
        "prices": [
            {
                "sku": sku + suffix,
                "unit_price": f"{price * factor * dearer:.2f}",
                "discount_pct": discount,
                "from": "2023-01-01",
            }
            for sku, price in prices.items()
            for suffix, dearer, discount in (("", 1.0, "12"), ("-O", 1.25, "5"))
        ],
    }


def _entry(customer: MadeCustomer, random: Random) -> dict[str, Any]:
    letter = customer.model[0].upper()
    usual = {"P": customer.premium_agents, "S": customer.standard_agents}
    lines: list[dict[str, Any]] = [
        {"sku": f"A-FLEX-WCC-{licence}-{letter}", "quantity": max(0, count + random.choice((-1, 0, 0, 1, 2)))}
        for licence, count in usual.items()
    ]
    if customer.has_legs:
        lines.append({"sku": "A-FLEX-WCC-IVR", "quantity": random.choice((0, 2, 4))})
    if random.random() < 0.2:
        lines.append({"sku": lines[1]["sku"], "quantity": random.randint(1, 3), "from": "2024-05-10"})
    ends_on = "2024-07-20" if random.random() < 0.06 else None
    return {
        "ref": customer.ref,
        "name": customer.name,
        "country": customer.country,
        "surge_pct": random.choice(("0", "10", "20", "30")),
        "retail_price_book": "meridian-retail-eur" if customer.buys_retail else None,
        "subscriptions": [
            {
                "number": f"Sub-{customer.ref[2:]}",
                "offer": "A-FLEX-3-CC",
                "starts_on": customer.starts_on.isoformat(),
                "ends_on": ends_on,
                "bill_day": customer.bill_day,
                "licence_model": customer.model,
                "lines": lines,
            }
        ],
    }


def write_usage(customers: list[MadeCustomer], folder: Path) -> dict[str, Path]:
    """Write the usage files; returns kind → file."""
    folder = folder / EDITION
    files = {"agent-sessions": folder / "agent-sessions.csv", "ivr-legs": folder / "ivr-legs.csv"}
    if all(path.exists() for path in files.values()):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        files["agent-sessions"],
        "customer,record_id,agent_id,licence,started_at,ended_at",
        _sessions(customers),
    )
    _write(files["ivr-legs"], "customer,record_id,contact_id,started_at,ended_at", _legs(customers))
    return files


def _write(path: Path, header: str, rows: Iterator[tuple[str, ...]]) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
    unfinished.rename(path)


def _working_days() -> list[date]:
    days = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    return [day for day in days if day.weekday() < 5]


def _at(day: date, seconds: float) -> str:
    return (
        datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=round(seconds))
    ).isoformat()


def _sessions(customers: list[MadeCustomer]) -> Iterator[tuple[str, ...]]:
    """Early and late shifts with a break now and then; on a busy day everybody is there, and some temps."""
    random = Random(SEED + 2)  # noqa: S311
    for customer in customers:
        staff = [("premium", n) for n in range(customer.premium_agents)]
        staff += [("standard", n) for n in range(customer.standard_agents)]
        for day in _working_days():
            busy = random.random() < 0.04
            temps = (
                [("standard", 100 + n) for n in range(random.randint(1, 2))]
                if busy and random.random() < 0.4
                else []
            )
            for licence, number in staff + temps:
                if not busy and random.random() < 0.22:
                    continue
                agent = f"{licence[0]}{number:03d}"
                start = (7.5 if number % 2 == 0 else 10) * 3600 + random.gauss(0, 600)
                end = start + 7.5 * 3600 + random.gauss(0, 900)
                pieces = [(start, end)]
                if random.random() < 0.25:
                    lunch = start + 4 * 3600 + random.gauss(0, 900)
                    pieces = [(start, lunch), (lunch + 1800, end)]
                for piece, (begins, stops) in enumerate(pieces):
                    yield (
                        customer.ref,
                        f"{agent}-{day:%m%d}-{piece}",
                        f"{customer.ref}-{agent}",
                        licence,
                        _at(day, begins),
                        _at(day, stops),
                    )


def _legs(customers: list[MadeCustomer]) -> Iterator[tuple[str, ...]]:
    """Calls in menus, most of them before noon; on a busy day many at once."""
    random = Random(SEED + 3)  # noqa: S311
    for customer in customers:
        if not customer.has_legs:
            continue
        for day in _working_days():
            calls = random.randint(4, 8) + customer.standard_agents
            together = calls * 3 if random.random() < 0.03 else 0
            for number in range(calls + together):
                start = (
                    random.gauss(10.5, 2.2) * 3600 if number < calls else 10 * 3600 + random.random() * 120
                )
                start = min(max(start, 0), 86_000)
                contact = f"{customer.ref}-{day:%m%d}-{number:03d}"
                yield (
                    customer.ref,
                    contact,
                    contact,
                    _at(day, start),
                    _at(day, start + random.expovariate(1 / 75)),
                )
