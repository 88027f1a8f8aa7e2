"""Who is counted in a peak, and by which records: the rules R2, R3, R8 and R11 once more, agent by agent.

Nothing here is shared with the kernels, so that a proof agrees with a figure only where both are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Literal

from apps.core.domain.periods import Period
from apps.usage.domain.evidence import StoredRecord

SAMPLE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
LOOK_BACK = 3
PRESENT_FROM = timedelta(seconds=60)
_MOMENT = timedelta(microseconds=1)  # times are whole microseconds
_NOTHING = timedelta()

Reading = Literal["sample", "minute", "instant"]


@dataclass(frozen=True, slots=True)
class Peak:
    """The first sample, minute or instant of a day with the most, from ``start`` up to ``end``.

    ``counts``: how many there are in each quarter-hour or minute of the day.
    """

    reading: Reading
    start: datetime
    end: datetime
    counts: tuple[int, ...]

    @property
    def since(self) -> datetime:
        """From when on records matter: a sample looks back at three before it (R2)."""
        return self.start - LOOK_BACK * SAMPLE if self.reading == "sample" else self.start

    @property
    def samples(self) -> list[datetime]:
        """The starts of the samples in which an agent must be present."""
        return [self.start - back * SAMPLE for back in range(LOOK_BACK, -1, -1)]


@dataclass(frozen=True, slots=True)
class Witness:
    """An agent or a contact that is counted, and its records that make it so.

    ``present``: its time in each of the four samples (R2). ``first_day``, ``premium_day``: of its first login in the
    cycle, and of its first as Premium (R3, R11).
    """

    actor: str
    records: tuple[StoredRecord, ...]
    present: tuple[timedelta, ...] = ()
    first_day: date | None = None
    premium_day: date | None = None

    @property
    def has_premium(self) -> bool:
        """Any of its records uses a Premium licence."""
        return any(record.premium for record in self.records)


def agents_in_sample(
    records: Iterable[StoredRecord], peak: Peak, *, premium: bool, longest_open: timedelta
) -> list[Witness]:
    """The agents counted in a sample as Premium or as Standard (R2). ``records``: those that touch its four samples."""
    found = []
    for actor, of_agent in _by_actor(records):
        touching = [record for record in of_agent if _touches(record, peak.since, peak.end, longest_open)]
        present = tuple(_time_in(touching, sample, longest_open) for sample in peak.samples)
        witness = Witness(actor, tuple(touching), present)
        if min(present) >= PRESENT_FROM and witness.has_premium is premium:
            found.append(witness)
    return found


def contacts_between(
    records: Iterable[StoredRecord], since: datetime, upto: datetime, *, longest_open: timedelta
) -> list[Witness]:
    """The contacts with a leg that touches the time from ``since`` up to ``upto`` (R8)."""
    found = []
    for contact, legs in _by_actor(records):
        touching = tuple(leg for leg in legs if _touches(leg, since, upto, longest_open))
        if touching:
            found.append(Witness(contact, touching))
    return found


def busiest_instant(
    records: Iterable[StoredRecord], minute: datetime, *, longest_open: timedelta
) -> tuple[datetime, list[Witness]]:
    """The first instant of a minute with the most contacts, and those (R8, setting ``ivr_peak``).

    The number only rises where a leg starts. A leg of no length is there for a microsecond.
    """
    legs = [leg for leg in records if _touches(leg, minute, minute + MINUTE, longest_open)]
    changes = [(max(leg.started_at, minute), True, leg.actor) for leg in legs]
    changes += ((max(end_of(leg, longest_open), leg.started_at + _MOMENT), False, leg.actor) for leg in legs)
    there: Counter[str] = Counter()
    instant, most = minute, 0
    for moment, comes, contact in sorted(changes):  # at one instant some go before others come
        there[contact] += 1 if comes else -1
        if not there[contact]:
            del there[contact]
        if len(there) > most:
            instant, most = moment, len(there)
    return instant, contacts_between(legs, instant, instant + _MOMENT, longest_open=longest_open)


def logged_in(records: Iterable[StoredRecord], period: Period) -> list[Witness]:
    """The agents with a login in a period of whole days (R3, R11); ``records``: the first ones of each."""
    found = []
    for actor, of_agent in _by_actor(records):
        firsts = tuple(sorted(of_agent, key=lambda record: record.started_at))
        premium = [record for record in firsts if record.premium]
        found.append(
            Witness(
                actor,
                firsts,
                first_day=_login_day(firsts[0], period),
                premium_day=_login_day(premium[0], period) if premium else None,
            )
        )
    return found


def _login_day(record: StoredRecord, period: Period) -> date:
    """A session open across the period's start is a login on its first day."""
    return max(record.started_at.astimezone(UTC).date(), period.first)


def start_of_day(day: date) -> datetime:
    """Midnight UTC at which a day starts."""
    return datetime.combine(day, time(), UTC)


def end_of(record: StoredRecord, longest_open: timedelta) -> datetime:
    """When a record ends; one still open lasts ``longest_open`` at most."""
    return record.started_at + longest_open if record.ended_at is None else record.ended_at


def _by_actor(records: Iterable[StoredRecord]) -> Iterable[tuple[str, list[StoredRecord]]]:
    in_order = sorted(records, key=lambda record: record.actor)
    for actor, of_actor in groupby(in_order, key=lambda record: record.actor):
        yield actor, list(of_actor)


def _touches(record: StoredRecord, since: datetime, upto: datetime, longest_open: timedelta) -> bool:
    """Half-open on both sides; a record of no length is the moment that it starts."""
    end = end_of(record, longest_open)
    return record.started_at < upto and (end > since or record.started_at == end == since)


def _time_in(sessions: Sequence[StoredRecord], sample: datetime, longest_open: timedelta) -> timedelta:
    """How long an agent is logged in inside a sample: the union of its sessions."""
    total, reached = _NOTHING, sample
    for session in sorted(sessions, key=lambda each: each.started_at):
        start = max(session.started_at, reached)
        end = min(end_of(session, longest_open), sample + SAMPLE)
        if end > start:
            total += end - start
            reached = end
    return total
