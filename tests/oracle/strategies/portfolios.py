"""Random subscriptions with their lines, partners and prices, as the portfolio file has them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import portfolio
from tests.oracle.cycles import ONE_DAY
from tests.oracle.portfolio import (
    AGENT_SKUS,
    CONTACT_CENTRE,
    DIGITAL_USAGE_SKUS,
    IVR_SKU,
    WFO_SKU,
    Offer,
    Settings,
)
from tests.oracle.strategies.words import CUSTOMER, NEIGHBOUR, RECURRING_DIGITAL_SKUS

# R6, R8: the sample catalogue's offers, and others with the other readings.
OFFERS = {
    **portfolio.OFFERS,
    "X-COMBINED-DAY": Offer(CONTACT_CENTRE, Settings(billed_peak="combined_day")),
    "X-INSTANT": Offer(CONTACT_CENTRE, Settings(ivr_peak="instant")),
    "X-OPEN-1": Offer(CONTACT_CENTRE, Settings(longest_open=timedelta(hours=1))),
    "X-OPEN-60": Offer(CONTACT_CENTRE, Settings("combined_day", "instant", timedelta(hours=60))),
}

# Subscriptions --------------------------------------------------------------------------------------


def bill_days() -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([1, 9, 15, 28, 29, 30, 31]), st.integers(1, 31))


@st.composite
def contact_centre_subscriptions(
    draw: st.DrawFn, anchor: date, *, wfo: bool, settings: bool
) -> list[dict[str, Any]]:
    """One to three, with different bill days, starts and ends; with gaps; primaries that end."""
    numbers = draw(st.permutations(["Sub-9", "Sub-10", "Sub-11"]))
    of_centre = [code for code, offer in OFFERS.items() if offer.service == CONTACT_CENTRE]
    offers = st.one_of(st.just("A-FLEX-3-CC"), st.sampled_from(of_centre))
    found: list[dict[str, Any]] = []
    for number in numbers[: draw(st.sampled_from([1, 1, 2, 2, 3]))]:
        if found:
            start = anchor + timedelta(days=draw(st.integers(-35, 50)))
            if draw(st.integers(0, 5)) == 0:
                start = date.fromisoformat(found[0]["starts_on"])  # equally old: the number decides
        else:
            start = anchor - timedelta(days=draw(st.one_of(st.just(0), st.integers(0, 70))))
        length = draw(st.one_of(st.none(), st.none(), st.integers(0, 70)))
        end = None if length is None else start + timedelta(days=length)
        if end is not None and not found:
            end = max(end, anchor)  # the first one is active on the anchor
        subscription: dict[str, Any] = {
            "number": number,
            "offer": draw(offers) if settings else "A-FLEX-3-CC",
            "starts_on": start.isoformat(),
            "ends_on": None if end is None else end.isoformat(),
            "bill_day": draw(bill_days()),
            # R10: active together, they have one licence model.
            "licence_model": model_of_neighbours(found, start, end)
            or draw(st.sampled_from(sorted(AGENT_SKUS))),
        }
        if clashes(found, subscription):
            continue
        sku = AGENT_SKUS[str(subscription["licence_model"])]
        sold = [sku["premium"], sku["standard"], IVR_SKU, *([WFO_SKU] if wfo else [])]
        subscription["lines"] = draw(lines(sold, start, end))
        found.append(subscription)
    return found


def overlapping(found: Sequence[dict[str, Any]], start: date, end: date | None) -> list[dict[str, Any]]:
    return [
        each
        for each in found
        if (end is None or each["starts_on"] <= end.isoformat())
        and (each["ends_on"] is None or start.isoformat() <= each["ends_on"])
    ]


def model_of_neighbours(found: Sequence[dict[str, Any]], start: date, end: date | None) -> str | None:
    models = [str(each["licence_model"]) for each in overlapping(found, start, end)]
    return models[0] if models else None


def clashes(found: Sequence[dict[str, Any]], new: dict[str, Any]) -> bool:
    """Whether it would be active together with one of the other licence model."""
    start, end = date.fromisoformat(new["starts_on"]), new["ends_on"]
    neighbours = overlapping(found, start, None if end is None else date.fromisoformat(end))
    return any(each["licence_model"] != new["licence_model"] for each in neighbours)


@st.composite
def lines(draw: st.DrawFn, skus: Sequence[str], start: date, end: date | None) -> list[dict[str, Any]]:
    """Effective-dated lines: small quantities, some that change in mid-cycle, some of one SKU in force together."""
    found: list[dict[str, Any]] = []
    for sku in skus:
        if sku in (IVR_SKU, WFO_SKU) and draw(st.integers(0, 2)) > 0:
            continue  # sometimes only
        shape = draw(st.sampled_from(["whole", "whole", "none", "left out", "change", "together", "gap"]))
        quantity, other = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        length = 60 if end is None else (end - start).days
        first = start + timedelta(days=draw(st.integers(0, length)))
        second = first + timedelta(days=draw(st.integers(0, length - (first - start).days)))
        if shape == "whole":
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": None})
        elif shape == "left out":
            found.append({"sku": sku, "quantity": quantity})
        elif shape == "change" and first > start:
            before = (first - ONE_DAY).isoformat()
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": before})
            found.append({"sku": sku, "quantity": other, "from": first.isoformat(), "to": None})
        elif shape == "together":
            found.append({"sku": sku, "quantity": quantity, "from": None, "to": None})
            found.append({"sku": sku, "quantity": other, "from": first.isoformat(), "to": second.isoformat()})
        elif shape == "gap" and first > start:
            before = (first - ONE_DAY).isoformat()
            found.append({"sku": sku, "quantity": quantity, "from": start.isoformat(), "to": before})
            found.append({"sku": sku, "quantity": other, "from": second.isoformat(), "to": None})
    return found


@st.composite
def digital_subscriptions(draw: st.DrawFn, anchor: date) -> list[dict[str, Any]]:
    """One or two of digital channels, with bill days of their own; now and then begun before the contact centre."""
    found = []
    for number in ["Con-2", "Con-10"][: draw(st.sampled_from([1, 1, 2]))]:
        start = anchor + timedelta(days=draw(st.integers(-80, 20)))
        length = draw(st.one_of(st.none(), st.none(), st.integers(0, 90)))
        end = None if length is None else start + timedelta(days=length)
        included = draw(st.lists(st.sampled_from(DIGITAL_USAGE_SKUS), max_size=3, unique=True))
        of_month = draw(st.lists(st.sampled_from(RECURRING_DIGITAL_SKUS), max_size=2, unique=True))
        found.append(
            {
                "number": number,
                "offer": "A-WEBEX-CONNECT",
                "starts_on": start.isoformat(),
                "ends_on": None if end is None else end.isoformat(),
                "bill_day": draw(bill_days()),
                "licence_model": None,
                "lines": draw(lines([*included, *of_month], start, end)),
            }
        )
    return found


def event_days(subscriptions: Sequence[dict[str, Any]], anchor: date) -> list[date]:
    """The days on which something changes: starts, ends, lines; bill days near the anchor."""
    found = [anchor]
    for subscription in subscriptions:
        days_of_it = [subscription["starts_on"], subscription["ends_on"]]
        for line in subscription["lines"]:
            days_of_it += [line.get("from"), line.get("to")]
        found += [date.fromisoformat(day) for day in days_of_it if day]
        for distance in range(-20, 40):
            day = anchor + timedelta(days=distance)
            if day.day == subscription["bill_day"]:
                found.append(day)
    return sorted(set(found))


# Partner and prices ---------------------------------------------------------------------------------


@st.composite
def partners(draw: st.DrawFn, subscriptions: Sequence[dict[str, Any]], *, retail: bool) -> dict[str, Any]:
    customer: dict[str, Any] = {
        "ref": CUSTOMER,
        "name": "Customer One",
        "country": "SE",
        "surge_pct": draw(st.sampled_from(["30", "0", "16", "12.5", "33.33", "100"])),
        "retail_price_book": draw(st.sampled_from([None, None, "retail"])) if retail else None,
        "subscriptions": list(subscriptions),
    }
    neighbour: dict[str, Any] = {
        "ref": NEIGHBOUR,
        "name": "Customer Two",
        "country": "SE",
        "surge_pct": "0",
        "retail_price_book": None,
        "subscriptions": [],
    }
    partner = {
        "ref": "P-1",
        "name": "Partner One",
        "country": "SE",
        "price_book": "wholesale",
        "customers": [customer, neighbour],
    }
    if draw(st.booleans()):
        partner["tax_rate_pct"] = draw(st.sampled_from(["25", "0", "7.7", "8.875", "19"]))
        partner["payment_terms_days"] = draw(st.sampled_from([30, 0, 14, 45]))
    return partner


UNIT_PRICES = ("112.50", "130", "0.0375", "99.99", "33.3333", "1.005", "410.05", "0.01", "1234.567")
DISCOUNTS = ("0", "10", "12.5", "33.33", "5", "100")


def priced_skus() -> list[str]:
    """Every SKU that an invoice line can have."""
    committed_skus = [sku for pair in AGENT_SKUS.values() for sku in pair.values()] + [IVR_SKU, WFO_SKU]
    overage_skus = [sku + "-O" for sku in committed_skus]
    return sorted([*committed_skus, *overage_skus, *DIGITAL_USAGE_SKUS, *RECURRING_DIGITAL_SKUS])


@st.composite
def price_books(
    draw: st.DrawFn, anchor: date, partner: dict[str, Any], *, price_gaps: bool
) -> list[dict[str, Any]]:
    refs = ["wholesale"]
    if any(customer["retail_price_book"] for customer in partner["customers"]):
        refs.append("retail")
    books = []
    for ref in refs:
        # A few prices, dealt out to all SKUs.
        dealt = draw(
            st.lists(
                st.tuples(st.sampled_from(UNIT_PRICES), st.sampled_from(DISCOUNTS)), min_size=1, max_size=5
            )
        )
        shift = draw(st.integers(0, 4))
        missing = draw(st.sets(st.sampled_from(priced_skus()), max_size=3)) if price_gaps else set()
        prices = []
        for number, sku in enumerate(priced_skus()):
            if sku in missing:
                continue
            unit_price, discount = dealt[(number + shift) % len(dealt)]
            prices.append(
                {"sku": sku, "unit_price": unit_price, "discount_pct": discount, "from": "2022-01-01"}
            )
        # Changes on some days near the anchor.
        for distance in draw(st.sets(st.integers(-40, 70), max_size=3)):
            for sku in draw(st.sets(st.sampled_from(priced_skus()), min_size=1, max_size=4)):
                prices.append(
                    {
                        "sku": sku,
                        "unit_price": draw(st.sampled_from(UNIT_PRICES)),
                        "discount_pct": draw(st.sampled_from(DISCOUNTS)),
                        "from": (anchor + timedelta(days=distance)).isoformat(),
                    }
                )
        books.append({"ref": ref, "currency": draw(st.sampled_from(["USD", "JPY", "KWD"])), "prices": prices})
    return books
