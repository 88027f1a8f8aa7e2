"""The rules once more: slowly, literally, in plain Python.

Written from the text of the rules alone, to be checked against it sentence by sentence. Nothing here is
shared with the product; the tests compare the two, and where they differ somebody reads the rule again.

    portfolio.py   subscriptions, lines and prices as the portfolio file has them
    records.py     R13  what is stored, what is a duplicate, a conflict or rejected
    cycles.py      R1, R10  usage periods, the primary subscription, commitments of a day
    usage.py       R2-R8, R11  the Daily Detail and the billed quantities
    voice.py       R9   voice paths, accepted calls
    digital.py     R12  units, included and billable
    money.py       R14  invoices
    world.py       one portfolio with its records: the entrance to all of these
    strategies.py  random worlds for hypothesis
"""

from tests.oracle.cycles import CONTACT_CENTRE, DIGITAL, Cycle, NotACycle
from tests.oracle.money import MissingPrice
from tests.oracle.portfolio import Settings
from tests.oracle.records import Rejected
from tests.oracle.voice import accepted_calls, voice_paths
from tests.oracle.world import World

__all__ = [
    "CONTACT_CENTRE",
    "DIGITAL",
    "Cycle",
    "MissingPrice",
    "NotACycle",
    "Rejected",
    "Settings",
    "World",
    "accepted_calls",
    "voice_paths",
]
