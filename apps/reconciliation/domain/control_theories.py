"""What else a control total could follow from: theories, each with the figures that it would come to.

A theory says nothing about the figures that it was made for: it is weighed by how many of theirs it reproduces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel
from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_world import Counted, World
from apps.reconciliation.domain.counting import Named
from apps.reconciliation.domain.intervals import MICROSECONDS_A_DAY, MICROSECONDS_A_MINUTE, Int64
from apps.usage.domain.moments import microseconds, moment_at

# Of so many records only whole hours are tried, and none that takes a count for each day.
MANY_RECORDS = 300_000
FIRST_SHIFT, LAST_SHIFT = -12 * 60, 14 * 60
MOST_MOMENTS = 45


class Cause(StrEnum):
    """Why a figure of theirs is not ours. The order is that in which equally good ones are named."""

    MISSING_ROW = "missing-row"
    REPEATED_ROW = "repeated-row"
    MISSING_DAY = "missing-day"
    NO_RECORDS = "no-records"
    RECORDS_SINCE = "records-since"
    LATE_RECORDS = "late-records"
    DAILY_COUNT = "counted-every-night"
    BILL_DAY = "bill-day"
    TIME_ZONE = "time-zone"
    PER_SOURCE = "counted-per-source"
    ONE_SPELLING = "one-spelling"
    PER_RECORD = "counted-per-record"
    TWICE = "twice"
    LICENCE_MODEL = "licence-model"
    LOOKED_NO_FURTHER = "looked-no-further"
    LINES_SINCE = "lines-since"
    LINE_LEFT_OUT = "line-left-out"
    LINE_ALWAYS = "line-always"
    ONE_SUBSCRIPTION = "one-subscription"
    OF_ANOTHER_DAY = "of-another-day"
    NO_BUNDLED_PORTS = "no-bundled-ports"
    PORTS_OF_COMMITTED = "ports-of-committed"
    PORTS_OF_BILLED = "ports-of-billed"
    NO_SUBSTITUTION = "no-substitution"
    ANOTHER_OF_EQUALS = "another-of-equals"
    FOLLOWS = "follows"


class Certainty(StrEnum):
    """How sure an explanation is: it reproduces all their figures, some that ours do not, or it only fits."""

    EXACT = "exact"
    PARTLY = "partly"
    FITS = "fits"


_ORDER = {cause: position for position, cause in enumerate(Cause)}


@dataclass(frozen=True, slots=True)
class Theory:
    """What would explain figures: by usage type what each day would come to, int64 of shape ``(days,)``."""

    cause: Cause
    details: Mapping[str, Any]
    values: Mapping[str, Int64]

    @property
    def what(self) -> tuple[Cause, str]:
        """What it supposes, without how many records that concerns."""
        supposed = ("minutes", "bill_days", "days", "until", "model")
        return self.cause, str([self.details.get(name) for name in supposed])


@dataclass(frozen=True, slots=True)
class Weighed:
    """A theory that reproduces more of their figures than ours do: ``reproduced`` of ``of``."""

    theory: Theory
    reproduced: int
    of: int

    @property
    def certainty(self) -> Certainty:
        """Whether it reproduces all."""
        return Certainty.EXACT if self.reproduced == self.of else Certainty.PARTLY


def weigh(
    theories: Iterable[Theory], *, ours: Mapping[str, Int64], theirs: Mapping[str, Int64]
) -> list[Weighed]:
    """The theories that explain something, best first. ``theirs`` is below 0 where they say nothing.

    Where some reproduce all figures, those alone; otherwise the three that reproduce most.
    """

    def agreeing(values: Mapping[str, Int64]) -> int:
        return sum(int((theirs[key] == values[key]).sum()) for key in theirs)

    of = sum(int((given >= 0).sum()) for given in theirs.values())
    known = agreeing(ours)
    found = [
        Weighed(theory, reproduced, of)
        for theory in theories
        if (reproduced := agreeing(theory.values)) > known
    ]
    found.sort(key=lambda each: (-each.reproduced, _ORDER[each.theory.cause], _size(each.theory)))
    exact = [each for each in found if each.reproduced == each.of]
    return exact or found[:3]


def _size(theory: Theory) -> tuple[bool, int]:
    """Whole hours are likelier than halves, smaller shifts and fewer missing days than larger."""
    minutes = abs(int(theory.details.get("minutes", 0)))
    return minutes % 60 != 0, minutes + len(theory.details.get("days", ()))


def in_common(found: Mapping[Counted, Sequence[Weighed]]) -> dict[Counted, list[Weighed]]:
    """Of the best theories of what is counted those that explain all of it exactly, where there are such.

    A vendor in another time zone is in it for its agents and its ports alike.
    """
    exact = [
        {each.theory.what for each in best if each.certainty is Certainty.EXACT} for best in found.values()
    ]
    shared = set.intersection(*exact) if exact else set()
    return {
        counted: [each for each in best if each.theory.what in shared] if shared else list(best)
        for counted, best in found.items()
    }


def theories_of_use(
    world: World,
    counted: Counted,
    *,
    ours: Mapping[str, Int64],
    theirs: Mapping[str, Int64],
    as_of: datetime | None,
    last: date,
) -> Iterator[Theory]:
    """All that is tried for what days used. ``as_of``: when they counted, where that is known; ``last``: until when."""
    records = world.recorded(counted)
    yield Theory(Cause.TWICE, {}, {key: 2 * values for key, values in ours.items()})
    if world.now is not None:
        latest = world.now.recorded(counted).named
        yield Theory(Cause.RECORDS_SINCE, {}, world.now.count(counted, latest))
    if not len(records):
        return
    if last < world.days.last:
        yield _no_further(world, counted, last)
    yield from _with_less(world, counted, theirs)
    yield from _late(world, counted, as_of)
    yield from _by_other_bill_day(world, counted)
    yield from _shifted(world, counted)
    yield Theory(Cause.PER_SOURCE, {}, world.count(counted, records.by_source()))
    yield Theory(Cause.ONE_SPELLING, {}, world.count(counted, records.by_folded_id()))
    yield Theory(Cause.PER_RECORD, {}, world.count(counted, records.by_record()))
    if counted is Counted.AGENTS:
        yield _by_other_model(world, records.named)


def _no_further(world: World, counted: Counted, last: date) -> Theory:
    """By what was there up to a day: an agent that is Premium after it is Standard in it (R3)."""
    looked = replace(world, days=Period(world.days.first, last))
    nothing = np.zeros(world.days.days - looked.days.days, np.int64)
    used = looked.count(counted, looked.recorded(counted).named)
    details = {"until": last.isoformat()}
    values = {key: np.concatenate([values, nothing]) for key, values in used.items()}
    return Theory(Cause.LOOKED_NO_FURTHER, details, values)


def _with_less(world: World, counted: Counted, theirs: Mapping[str, Int64]) -> Iterator[Theory]:
    """Without the records that start on some days: one of them, or all that can be told day after day."""
    records = world.recorded(counted)
    day = records.start_day - world.first_day
    days = list(world.days)
    used = world.count(counted, records.named)
    kept = np.ones(len(records), np.bool_)
    left_out: list[date] = []
    for position in range(len(days)):
        if _agree(used, theirs, position) or not (day == position).any():
            continue
        tried = world.count(counted, records.only(kept & (day != position)))
        if _agree(tried, theirs, position):
            kept &= day != position
            used = tried
            left_out.append(days[position])
    if left_out:
        yield _without(world, counted, kept, left_out, used)
    # What is counted up to a day can change before it and long after it: one day at a time tells less.
    if counted is Counted.WFO or (counted is Counted.AGENTS and world.licence_model is LicenceModel.NAMED):
        for position in np.unique(day[(day >= 0) & (day < len(days))]).tolist():
            if left_out == [days[position]]:
                continue
            kept = day != position
            yield _without(world, counted, kept, [days[position]], world.count(counted, records.only(kept)))


def _without(
    world: World, counted: Counted, kept: np.ndarray[Any, np.dtype[np.bool_]], days: list[date], used: Any
) -> Theory:
    there = world.records_of_days(counted)
    position = (days[0] - world.days.first).days
    details = {
        "days": [each.isoformat() for each in days],
        "records": int((~kept).sum()),
        "before": int(there[position - 1]) if position else None,
        "after": int(there[position + 1]) if position + 1 < world.days.days else None,
    }
    return Theory(Cause.MISSING_DAY, details, used)


def _agree(used: Mapping[str, Int64], theirs: Mapping[str, Int64], position: int) -> bool:
    return all(given[position] in (-1, used[key][position]) for key, given in theirs.items())


def _late(world: World, counted: Counted, as_of: datetime | None) -> Iterator[Theory]:
    """By the records that were there at a moment, or by each day's as they were there when it ended."""
    records = world.recorded(counted)
    recorded_at = records.recorded_at
    nights = (np.unique(recorded_at // MICROSECONDS_A_DAY) + 1) * MICROSECONDS_A_DAY
    moments = nights[-MOST_MOMENTS:].tolist()
    if as_of is not None:
        moments.insert(0, microseconds(as_of))
    for moment in dict.fromkeys(moments):
        late = recorded_at >= moment
        if late.any() and not late.all():
            details = {"until": moment_at(moment).isoformat(), "records": int(late.sum())}
            yield Theory(Cause.LATE_RECORDS, details, world.count(counted, records.only(~late)))
    ended = (world.first_day + 1 + np.arange(world.days.days)) * MICROSECONDS_A_DAY
    if (
        len(records) > MANY_RECORDS
        or not (recorded_at > records.named.intervals.start + MICROSECONDS_A_DAY).any()
    ):
        return
    used: dict[str, list[int]] = {}
    for position, end in enumerate(ended.tolist()):
        of_day = world.count(counted, records.only(recorded_at < end))
        for key, values in of_day.items():
            used.setdefault(key, []).append(int(values[position]))
    yield Theory(Cause.DAILY_COUNT, {}, {key: np.array(values, np.int64) for key, values in used.items()})


def _by_other_bill_day(world: World, counted: Counted) -> Iterator[Theory]:
    """Counts of logins start again on another day of the month; bill days that do the same are one theory."""
    is_of_logins = counted is Counted.WFO or (
        counted is Counted.AGENTS and world.licence_model is LicenceModel.NAMED
    )
    if not is_of_logins:
        return
    found: dict[bytes, tuple[list[int], dict[str, Int64]]] = {}
    for bill_day in range(1, 32):
        for whole in (True, False):
            used = world.count_by_bill_day(counted, bill_day, whole=whole)
            told = b"".join(values.tobytes() for values in used.values())
            bill_days, _used = found.setdefault(told, ([], used))
            if bill_day not in bill_days:
                bill_days.append(bill_day)
    for bill_days, used in found.values():
        yield Theory(Cause.BILL_DAY, {"bill_days": bill_days}, used)


def _shifted(world: World, counted: Counted) -> Iterator[Theory]:
    """Days of another time zone: a zone ahead of UTC by some hours has the same moments at later times."""
    records = world.recorded(counted)
    step = 60 if len(records) > MANY_RECORDS else 30
    for minutes in range(FIRST_SHIFT, LAST_SHIFT + 1, step):
        if minutes:
            moved = records.moved(minutes * MICROSECONDS_A_MINUTE)
            yield Theory(Cause.TIME_ZONE, {"minutes": minutes}, world.count(counted, moved))


def _by_other_model(world: World, records: Named) -> Theory:
    """Named where we count concurrent agents, or the other way round."""
    own = world.licence_model
    other = LicenceModel.NAMED if own is LicenceModel.CONCURRENT else LicenceModel.CONCURRENT
    used = world.count(Counted.AGENTS, records, other)
    values: dict[str, Int64] = {PREMIUM[own]: used[PREMIUM[other]], STANDARD[own]: used[STANDARD[other]]}
    return Theory(Cause.LICENCE_MODEL, {"model": other.value}, values)
