"""A random month: a portfolio with prices, and usage rows that meet the edges of the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.cycles import CONTACT_CENTRE, Cycle
from tests.oracle.strategies.mess import mess, written
from tests.oracle.strategies.portfolios import (
    OFFERS,
    contact_centre_subscriptions,
    digital_subscriptions,
    event_days,
    partners,
    price_books,
)
from tests.oracle.strategies.rows import agent_sessions, busy_days, digital_usage, legs, wfo_sessions
from tests.oracle.strategies.words import ANCHORS, CUSTOMER, KINDS, NOW, Row
from tests.oracle.world import World


@dataclass(frozen=True)
class Month:
    """A random example. `kinds` are the kinds of usage that its rows may have."""

    portfolio: dict[str, Any]
    records: list[Row]
    customer: str
    busy: tuple[date, ...]  # the days on which the usage begins

    def __repr__(self) -> str:
        """Short: in whole it would fill pages."""
        return f"<month about {self.busy[0]}: {len(self.records)} rows>"

    @property
    def now(self) -> datetime:
        return NOW

    def world(self) -> World:
        return World(self.portfolio, self.records, NOW, OFFERS)

    def cycles(self, service: str = CONTACT_CENTRE) -> list[Cycle]:
        """The cycles of the example, at most three: those in which busy days lie."""
        found = self.world().cycles(self.customer, service, until=self.busy[-1])
        return [cycle for cycle in found if any(cycle.first <= day <= cycle.last for day in self.busy)][:3]


@st.composite
def months(
    draw: st.DrawFn,
    kinds: Sequence[str] = KINDS,
    *,
    wfo: bool = True,
    digital: bool = True,
    retail: bool = True,
    price_gaps: bool = False,
    messy: bool = True,
    settings: bool = False,
) -> Month:
    """`kinds`: the kinds of usage to make. `wfo`, `digital`: whether lines of these are sold. `retail`: whether there
    may be a retail price book. `price_gaps`: whether prices may be missing. `messy`: whether rows come again, complete,
    contradict each other or are bad. `settings`: whether there may be offers with the other readings (`OFFERS`)."""
    anchor = draw(st.sampled_from(ANCHORS))
    subscriptions = draw(contact_centre_subscriptions(anchor, wfo=wfo, settings=settings))
    if digital and draw(st.integers(0, 3)) == 0:
        subscriptions += draw(digital_subscriptions(anchor))
    events = [day for day in event_days(subscriptions, anchor) if -20 <= (day - anchor).days <= 45]
    # One busy day lies in a cycle for sure, the others where they fall.
    first_ends = date.fromisoformat(subscriptions[0]["ends_on"] or "9999-12-31")
    sure = min(anchor + timedelta(days=draw(st.integers(0, 6))), first_ends)
    others = draw(st.lists(busy_days(anchor, events), min_size=1, max_size=4, unique=True))
    busy = sorted({sure, *others})

    rows: list[Row] = []
    if "agent-sessions" in kinds:
        rows += draw(agent_sessions(busy))
    if "ivr-legs" in kinds:
        rows += draw(legs("ivr-legs", "leg", busy))
    if "wfo-sessions" in kinds and draw(st.integers(0, 2)) == 0:
        rows += draw(wfo_sessions(busy))
    if "voice-calls" in kinds and draw(st.integers(0, 3)) == 0:
        rows += draw(legs("voice-calls", "call", busy))
    if "digital-usage" in kinds and any(each["offer"] == "A-WEBEX-CONNECT" for each in subscriptions):
        rows += draw(digital_usage(busy))
    rows = draw(written(rows))
    if messy and rows:
        rows = draw(mess(rows))

    partner = draw(partners(subscriptions, retail=retail))
    portfolio = {
        "price_books": draw(price_books(anchor, partner, price_gaps=price_gaps)),
        "partners": [partner],
    }
    return Month(portfolio, rows, CUSTOMER, tuple(busy))


def untils(cycle: Cycle) -> st.SearchStrategy[date | None]:
    """A last day to use for a cycle, None for all of it."""
    length = (cycle.last - cycle.first).days
    return st.one_of(st.none(), st.integers(0, length).map(lambda more: cycle.first + timedelta(days=more)))
