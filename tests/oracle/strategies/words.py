"""The words of random examples: who and what they are about, when, and for how long."""

from datetime import UTC, date, datetime, timedelta

Row = dict[str, str]

KINDS = ("agent-sessions", "wfo-sessions", "ivr-legs", "voice-calls", "digital-usage")
NOW = datetime(2026, 6, 1, tzinfo=UTC)  # after everything but the rows that start in the future
CUSTOMER = "C-1"
NEIGHBOUR = "C-2"  # of the same partner; its usage must never show

MOST_SESSIONS = 120
MOST_LEGS = 150

# Agents differ by every character, contacts and agents may share a name.
AGENTS = ("a01", "A01", "a02", "a03", "a04", "a05", "a06", "a07", "å-8", "a 9", "a10", "a-11")
RECURRING_DIGITAL_SKUS = ("A-WXCN-PRM-CON-ENT", "SVS-WX-SUPT-BAS")

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)

# The days that months are built around: leap days, month ends, the turn of a year, and an ordinary one.
ANCHORS = (
    date(2024, 2, 29),
    date(2024, 2, 1),
    date(2023, 1, 31),
    date(2023, 2, 28),
    date(2023, 12, 31),
    date(2024, 3, 31),
    date(2024, 4, 30),
    date(2024, 6, 9),
    date(2024, 7, 8),
    date(2024, 12, 15),
    date(2025, 2, 28),
    date(2025, 5, 17),
    date(2025, 8, 31),
)
