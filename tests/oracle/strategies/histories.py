"""Random histories: a portfolio, and what happens one after the other.

The rows of a random month come in pieces and in any order, some of them late, some again; between them conflicts are
decided, the portfolio is entered anew, days pass and invoices are issued. What a step acts on is said by a place (the
conflict at place 3 of those not decided), so that every history makes sense, also while it shrinks.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.cycles import ONE_DAY
from tests.oracle.portfolio import AGENT_SKUS, CONTACT_CENTRE, IVR_SKU
from tests.oracle.strategies.mess import shifted
from tests.oracle.strategies.months import Month, months
from tests.oracle.strategies.portfolios import (
    DISCOUNTS,
    OFFERS,
    UNIT_PRICES,
    bill_days,
    clashes,
    lines,
    model_of_neighbours,
    priced_skus,
)
from tests.oracle.strategies.words import CUSTOMER, KINDS, NEIGHBOUR, Row

Json = dict[str, Any]


@dataclass(frozen=True)
class Deliver:
    """Usage rows come in, in this order."""

    rows: list[Row]


@dataclass(frozen=True)
class Decide:
    """The conflict at this place of those that nobody has decided: take what arrived, or keep what is stored."""

    place: int
    take: bool


@dataclass(frozen=True)
class Enter:
    """The portfolio is entered anew, in whole, the days that are invoiced included."""

    portfolio: Json


@dataclass(frozen=True)
class Issue:
    """The invoice is issued of the cycle at this place of those that are over, not closed, and not before all usage."""

    place: int


@dataclass(frozen=True)
class Pass:
    """So many days pass."""

    days: int


Step = Deliver | Decide | Enter | Issue | Pass


@dataclass(frozen=True)
class Story:
    """A random history of a customer. `today`: the day on which it begins. `since`: cycles that end before that day
    are not invoiced."""

    portfolio: Json
    today: date
    since: date
    steps: tuple[Step, ...]
    customer: str = CUSTOMER

    def __repr__(self) -> str:
        """Short: in whole it would fill pages."""
        return f"<history of {self.customer}: {', '.join(type(step).__name__ for step in self.steps)}>"


@st.composite
def histories(
    draw: st.DrawFn,
    kinds: Sequence[str] = KINDS,
    *,
    changes: bool = True,
    issues: bool = True,
    decisions: bool = True,
    passing: bool = True,
    messy: bool = True,
    settings: bool = False,
) -> Story:
    """`changes`: whether the portfolio is entered anew. `issues`: whether invoices are issued. `decisions`: whether
    conflicts are decided. `passing`: whether days pass. The rest is as in `months`."""
    month = draw(months(kinds, messy=messy, settings=settings))
    rows = [*month.records, *draw(restated(month.records))]
    pieces = draw(in_pieces(rows))
    portfolio = month.portfolio
    anchor = month.busy[0]
    moves = ["deliver", "deliver"]
    moves += ["issue", "issue"] if issues else []
    moves += ["pass"] if passing else []
    moves += ["enter"] if changes else []
    moves += ["decide"] if decisions else []
    steps: list[Step] = []
    delivered = 0
    for move in draw(st.lists(st.sampled_from(moves), min_size=3, max_size=8)):
        if move == "deliver" and pieces:
            # The next piece; when there is none, one comes again.
            again = delivered >= len(pieces)
            steps.append(Deliver(pieces[draw(st.integers(0, len(pieces) - 1)) if again else delivered]))
            delivered += 1
        elif move == "enter":
            portfolio = draw(entered_anew(portfolio, anchor))
            steps.append(Enter(portfolio))
        elif move == "decide":
            steps.append(Decide(draw(st.integers(0, 3)), draw(st.booleans())))
        elif move == "issue":
            steps.append(Issue(draw(st.sampled_from([0, 0, 0, 1, 2]))))
        elif move == "pass":
            steps.append(Pass(draw(st.sampled_from([1, 7, 31]))))
    steps += [Deliver(piece) for piece in pieces[delivered:]]
    if issues:
        steps += [Issue(0), *([Pass(40)] if passing else []), Issue(0)]
    # Mostly after all usage; sometimes before, so that cycles are open and rows start in the future.
    today = month.busy[-1] + timedelta(days=draw(st.sampled_from([40, 40, 10, 1, -3])))
    since = anchor - timedelta(days=draw(st.sampled_from([0, 0, 30])))
    return Story(month.portfolio, today, since, tuple(steps))


@st.composite
def restated(draw: st.DrawFn, rows: Sequence[Row]) -> list[Row]:
    """R3: agents who turn out to be Premium, by a session of no length some days from one that they had."""
    sessions = [
        row
        for row in rows
        if row["kind"] == "agent-sessions" and row["started_at"].startswith("20") and row["ended_at"]
    ]
    if not sessions:
        return []
    found = []
    for number in range(draw(st.integers(0, 2))):
        row = sessions[draw(st.integers(0, len(sessions) - 1))]
        try:
            at = shifted(row["started_at"], timedelta(days=draw(st.integers(-5, 12))))
        except (ValueError, TypeError):
            continue
        found.append(
            {**row, "record_id": f"restated{number}", "licence": "premium", "started_at": at, "ended_at": at}
        )
    return found


@st.composite
def in_pieces(draw: st.DrawFn, rows: Sequence[Row]) -> list[list[Row]]:
    """The rows, shuffled and dealt out; a piece may have some that another has too."""
    if not rows:
        return []
    # A stride that has no factor in common with the number of rows goes through all of them.
    stride = draw(st.sampled_from([1, 1, 7, 31, 101]))
    order = list(rows)
    if len(rows) % stride or stride == 1:
        order = [rows[(number * stride) % len(rows)] for number in range(len(rows))]
    number_of_pieces = draw(st.integers(2, 4))
    pieces = [order[number::number_of_pieces] for number in range(number_of_pieces)]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) > 1 and draw(st.booleans()):
        pieces[1] = [*pieces[1], *pieces[0][:3]]
    return pieces


# The portfolio, entered anew ------------------------------------------------------------------------


@st.composite
def entered_anew(draw: st.DrawFn, portfolio: Json, anchor: date) -> Json:
    """The portfolio with one to three changes, mostly of days near the anchor. Nothing is ever left out."""
    changed = copy.deepcopy(portfolio)
    for _ in range(draw(st.integers(1, 3))):
        subscriptions = changed["partners"][0]["customers"][0]["subscriptions"]
        day = anchor + timedelta(days=draw(st.integers(-40, 60)))
        what = draw(
            st.sampled_from(["quantity", "line", "close", "end", "subscription", "price", "bill day", "tax"])
        )
        if what == "price":
            draw(new_price(changed, day))
        elif what == "tax":
            changed["partners"][0]["tax_rate_pct"] = draw(st.sampled_from(["25", "0", "6"]))
        elif what == "subscription":
            draw(new_subscription(subscriptions, day))
        else:
            chosen = subscriptions[draw(st.integers(0, len(subscriptions) - 1))]
            if what == "bill day":
                chosen["bill_day"] = draw(bill_days())
            elif what == "end":
                draw(new_end(subscriptions, chosen, day))
            else:
                draw(new_line(chosen, day, what))
    return changed


@st.composite
def new_line(draw: st.DrawFn, subscription: Json, day: date, what: str) -> None:
    """Another quantity of a line, a line more, or an end of one."""
    held = subscription["lines"]
    if what == "quantity" and held:
        held[draw(st.integers(0, len(held) - 1))]["quantity"] = draw(st.integers(0, 4))
    elif what == "close" and held:
        line = held[draw(st.integers(0, len(held) - 1))]
        if (line.get("from") or subscription["starts_on"]) <= day.isoformat():
            line["to"] = day.isoformat()
    else:
        model = subscription["licence_model"]
        skus = [IVR_SKU, *AGENT_SKUS[model].values()] if model else ["A-CHAN-U-SMS-INTL", "SVS-WX-SUPT-BAS"]
        held.append(
            {
                "sku": draw(st.sampled_from(skus)),
                "quantity": draw(st.integers(1, 4)),
                "from": day.isoformat(),
                "to": None,
            }
        )


@st.composite
def new_end(draw: st.DrawFn, subscriptions: list[Json], chosen: Json, day: date) -> None:
    """Another end, or none."""
    before = chosen["ends_on"]
    chosen["ends_on"] = draw(st.sampled_from([None, max(day.isoformat(), chosen["starts_on"])]))
    if chosen["licence_model"] and clashes([each for each in subscriptions if each is not chosen], chosen):
        chosen["ends_on"] = before


@st.composite
def new_subscription(draw: st.DrawFn, subscriptions: list[Json], day: date) -> None:
    """One more, perhaps older than all the others."""
    start = day - timedelta(days=draw(st.sampled_from([0, 0, 30, 90])))
    end = draw(st.sampled_from([None, start + timedelta(days=45)]))
    centres = [each for each in subscriptions if each["licence_model"]]
    model = model_of_neighbours(centres, start, end) or "named"
    new: Json = {
        "number": f"Sub-{20 + len(subscriptions)}",
        "offer": draw(st.sampled_from([code for code, of in OFFERS.items() if of.service == CONTACT_CENTRE])),
        "starts_on": start.isoformat(),
        "ends_on": None if end is None else end.isoformat(),
        "bill_day": draw(bill_days()),
        "licence_model": model,
    }
    if not clashes(centres, new):
        new["lines"] = draw(lines([*AGENT_SKUS[model].values(), IVR_SKU], start, end))
        subscriptions.append(new)


@st.composite
def new_price(draw: st.DrawFn, portfolio: Json, day: date) -> None:
    """A price from a day on, or another instead of one."""
    book = portfolio["price_books"][draw(st.integers(0, len(portfolio["price_books"]) - 1))]
    sku = draw(st.sampled_from(priced_skus()))
    since = draw(st.sampled_from([day.isoformat(), "2022-01-01"]))
    amount = {
        "unit_price": draw(st.sampled_from(UNIT_PRICES)),
        "discount_pct": draw(st.sampled_from(DISCOUNTS)),
    }
    for price in book["prices"]:
        if (price["sku"], price["from"]) == (sku, since):
            price.update(amount)
            return
    book["prices"].append({"sku": sku, "from": since, **amount})


# Several together -----------------------------------------------------------------------------------


def renamed(story: Story, tag: str) -> Story:
    """The same history of another customer, so that several have room beside each other."""

    def portfolio(of: Json) -> Json:
        result = copy.deepcopy(of)
        for book in result["price_books"]:
            book["ref"] = tag + book["ref"]
        for partner in result["partners"]:
            partner["ref"] = tag + partner["ref"]
            partner["price_book"] = tag + partner["price_book"]
            for customer in partner["customers"]:
                customer["ref"] = tag + customer["ref"]
                if customer["retail_price_book"]:
                    customer["retail_price_book"] = tag + customer["retail_price_book"]
                for subscription in customer["subscriptions"]:
                    subscription["number"] = tag + subscription["number"]
        return result

    def row(of: Row) -> Row:
        ours = of["customer"] in (CUSTOMER, NEIGHBOUR)
        return {**of, "customer": tag + of["customer"]} if ours else of

    def step(of: Step) -> Step:
        if isinstance(of, Deliver):
            return Deliver([row(each) for each in of.rows])
        return Enter(portfolio(of.portfolio)) if isinstance(of, Enter) else of

    return Story(
        portfolio(story.portfolio),
        story.today,
        story.since,
        tuple(step(each) for each in story.steps),
        tag + story.customer,
    )


def at_once(month: Month) -> Story:
    """A month as a history: everything comes in at once, long after."""
    today = (month.now - ONE_DAY).date()
    return Story(month.portfolio, today, month.busy[0], (Deliver(month.records),))
