"""Random examples for hypothesis: portfolios and usage rows, just as they would come from outside.

What is drawn is small and shrinks well: a handful of busy days, and on each a few bursts that unfold into rows.

    words.py       names, days and lengths that the others choose from
    portfolios.py  subscriptions, lines, partners, prices
    rows.py        usage
    mess.py        how rows are written, and what is wrong with them
    months.py      `months()`: a portfolio and its usage rows in order of arrival
    histories.py   `histories()`: a portfolio, and what happens one after the other
"""

from tests.oracle.strategies.histories import (
    Decide,
    Deliver,
    Enter,
    Issue,
    Pass,
    Step,
    Story,
    at_once,
    histories,
    renamed,
)
from tests.oracle.strategies.months import Month, months, untils
from tests.oracle.strategies.portfolios import OFFERS
from tests.oracle.strategies.words import CUSTOMER, KINDS, NEIGHBOUR, NOW

__all__ = [
    "CUSTOMER",
    "KINDS",
    "NEIGHBOUR",
    "NOW",
    "OFFERS",
    "Decide",
    "Deliver",
    "Enter",
    "Issue",
    "Month",
    "Pass",
    "Step",
    "Story",
    "at_once",
    "histories",
    "months",
    "renamed",
    "untils",
]
