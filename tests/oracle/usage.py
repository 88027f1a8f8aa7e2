"""R2 to R8 and R11: the Daily Detail and the billed quantities of a contact-centre cycle.

Everything is calculated for `used_days`: the cycle's days up to the last day used.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tests.oracle.cycles import CONTACT_CENTRE, ONE_DAY, Cycle, committed, days, licence_model
from tests.oracle.portfolio import AGENT_SKUS, IVR_SKU, WFO_SKU, Customer, Settings
from tests.oracle.records import Fact

SAMPLE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
PRESENT_FROM = timedelta(seconds=60)

HEADER = (
    "Usage Date",
    "Usage Type",
    "Units Used",
    "Units Commitment",
    "Units Substituted",
    "Units Overage",
    "Usage Unit",
    "Comment",
)
MARK = "Overage peak"


@dataclass(frozen=True)
class Interval:
    """A record as it is used: half-open, or, of no length, the moment `start`."""

    subject: str
    licence: str
    start: datetime
    end: datetime

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether it overlaps [begin, end)."""
        if self.start == self.end:
            return begin <= self.start < end
        return self.start < end and begin < self.end

    def contains(self, instant: datetime) -> bool:
        if self.start == self.end:
            return instant == self.start
        return self.start <= instant < self.end


@dataclass(frozen=True)
class Row:
    """A row of the Daily Detail before its comment. `family` and `usage_type` are ours, the rest is shown."""

    day: date
    family: str
    usage_type: str
    name: str
    used: int
    commitment: int
    substituted: int
    overage: int
    unit: str


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def used_days(cycle: Cycle, until: date | None) -> list[date]:
    """The cycle's days up to the last day used: its last or, while it is open, yesterday (`until`)."""
    last_day_used = cycle.last if until is None else min(until, cycle.last)
    return days(cycle.first, last_day_used)


def intervals(
    facts: Iterable[Fact], kind: str, last_day_used: date, longest_open: timedelta
) -> list[Interval]:
    """The records of a kind that start on the last day used or before it."""
    found = []
    end_of_use = midnight(last_day_used + ONE_DAY)
    for fact in facts:
        if fact.kind != kind or fact.started_at >= end_of_use:
            continue
        ended_at = fact.ended_at
        if ended_at is None:
            # "A record without an end lasts to the end of the last day used, but 24 hours at most"
            ended_at = min(end_of_use, fact.started_at + longest_open)
        found.append(Interval(fact.subject, fact.licence, fact.started_at, ended_at))
    return found


def open_too_long(facts: Iterable[Fact], last_day_used: date, longest_open: timedelta) -> list[Fact]:
    """Records without an end that would have lasted longer: "longer ones are reported"."""
    end_of_use = midnight(last_day_used + ONE_DAY)
    return [fact for fact in facts if fact.ended_at is None and fact.started_at + longest_open < end_of_use]


# R2 -----------------------------------------------------------------------------------------------


def logged_in_time(sessions: Iterable[Interval], begin: datetime, end: datetime) -> timedelta:
    """How long the union of the sessions is inside [begin, end)."""
    pieces = []
    for session in sessions:
        start_inside, end_inside = max(session.start, begin), min(session.end, end)
        if start_inside < end_inside:
            pieces.append((start_inside, end_inside))
    total = timedelta()
    reached = begin
    for start_inside, end_inside in sorted(pieces):
        start_inside = max(start_inside, reached)
        if start_inside < end_inside:
            total += end_inside - start_inside
            reached = end_inside
    return total


def present(sessions: Iterable[Interval], sample: datetime) -> bool:
    """R2: present when the logged-in time inside that sample is at least 60 seconds (exactly 60 s counts)."""
    return logged_in_time(sessions, sample, sample + SAMPLE) >= PRESENT_FROM


def samples_of(day: date) -> list[datetime]:
    """R2: the day has 96 samples, the UTC quarter-hours."""
    return [midnight(day) + number * SAMPLE for number in range(96)]


def counts_of_samples(sessions: Sequence[Interval], day: date) -> list[tuple[int, int]]:
    """R2: for each of the day's 96 samples, the agents counted as Premium and as Standard."""
    samples = samples_of(day)
    premium = [0] * 96
    standard = [0] * 96
    # The look-back crosses midnight: the first sample looks at the last three of the day before.
    earliest, end = midnight(day) - 3 * SAMPLE, midnight(day + ONE_DAY)
    by_agent = by_subject(session for session in sessions if session.overlaps(earliest, end))
    for sessions_of_agent in by_agent.values():
        is_present = {
            sample: present(sessions_of_agent, sample)
            for sample in [earliest, earliest + SAMPLE, earliest + 2 * SAMPLE, *samples]
        }
        for number, sample in enumerate(samples):
            # "An agent is counted in a sample when it is present in that sample and in the three before it."
            four = [sample - 3 * SAMPLE, sample - 2 * SAMPLE, sample - SAMPLE, sample]
            if not all(is_present[each] for each in four):
                continue
            # "Premium when any of its Premium sessions, however short, overlaps any of the four samples"
            is_premium = any(
                session.licence == "premium" and session.overlaps(each, each + SAMPLE)
                for session in sessions_of_agent
                for each in four
            )
            if is_premium:
                premium[number] += 1
            else:
                standard[number] += 1
    return list(zip(premium, standard, strict=True))


def concurrent_use(sessions: Sequence[Interval], day: date) -> dict[str, int]:
    """R2: the highest count of the day's 96 samples, for Premium and Standard separately."""
    counts = counts_of_samples(sessions, day)
    return {
        "premium": max(premium for premium, _ in counts),
        "standard": max(standard for _, standard in counts),
    }


# R3, R11 ------------------------------------------------------------------------------------------


def logged_in(sessions: Iterable[Interval], first: date, last: date) -> set[str]:
    """R3: the agents who logged in from one day up to and including another. No length is a login too."""
    begin, end = midnight(first), midnight(last + ONE_DAY)
    return {session.subject for session in sessions if session.overlaps(begin, end)}


def named_use(sessions: Sequence[Interval], used: Sequence[date], day: date) -> dict[str, int]:
    """R3: distinct agents from the cycle's first day up to and including that day, each of one licence."""
    # "an agent with any Premium session in the cycle is Premium for the whole cycle, from its first login on"
    premium_sessions = [session for session in sessions if session.licence == "premium"]
    premium_agents = logged_in(premium_sessions, used[0], used[-1])
    agents = logged_in(sessions, used[0], day)
    return {"premium": len(agents & premium_agents), "standard": len(agents - premium_agents)}


def by_subject(found: Iterable[Interval]) -> dict[str, list[Interval]]:
    result: dict[str, list[Interval]] = {}
    for each in found:
        result.setdefault(each.subject, []).append(each)
    return result


# R4, R5 -------------------------------------------------------------------------------------------


def substituted(premium: int, standard: int, premium_committed: int, standard_committed: int) -> int:
    """R4: unused Premium commitment covers Standard; Standard never covers Premium."""
    return min(max(0, standard - standard_committed), max(0, premium_committed - premium))


def overage(premium: int, standard: int, premium_committed: int, standard_committed: int) -> tuple[int, int]:
    """R5: of Premium and of Standard."""
    covered = substituted(premium, standard, premium_committed, standard_committed)
    return max(0, premium - premium_committed), max(0, standard - standard_committed - covered)


# R8 -----------------------------------------------------------------------------------------------


def contacts_of_minutes(legs: Iterable[Interval], day: date) -> dict[datetime, set[str]]:
    """R8: the distinct contacts that touch each clock minute of the day (minutes without any left out)."""
    touched: dict[datetime, set[str]] = {}
    begin, end = midnight(day), midnight(day + ONE_DAY)
    for leg in legs:
        if not leg.overlaps(begin, end):
            continue
        # From the leg's first minute, or the day's.
        minute = max(leg.start.replace(second=0, microsecond=0), begin)
        while minute < end and leg.overlaps(minute, minute + MINUTE):
            touched.setdefault(minute, set()).add(leg.subject)
            minute += MINUTE
    return touched


def ivr_use(legs: Sequence[Interval], day: date, ivr_peak: str) -> int:
    """R8: the highest number of distinct contacts that touch one clock minute, or (setting) one instant."""
    if ivr_peak == "minute":
        touched = contacts_of_minutes(legs, day)
        return max((len(contacts) for contacts in touched.values()), default=0)
    return most_at_an_instant(legs, day)


def most_at_an_instant(found: Iterable[Interval], day: date) -> int:
    """The highest number of distinct subjects at one instant of the day. It rises only where one starts."""
    begin, end = midnight(day), midnight(day + ONE_DAY)
    of_day = [each for each in found if each.overlaps(begin, end)]
    instants = {max(each.start, begin) for each in of_day}
    return max(
        (len({each.subject for each in of_day if each.contains(instant)}) for instant in instants), default=0
    )


# The Daily Detail ---------------------------------------------------------------------------------


def daily_rows(
    customer: Customer, facts: Sequence[Fact], cycle: Cycle, until: date | None, settings: Settings
) -> list[Row]:
    """A row per day and usage type: Premium, Standard, Workforce Optimization, IVR Port."""
    used = used_days(cycle, until)
    if not used:
        return []
    model = licence_model(customer, cycle)
    sku = AGENT_SKUS[model]
    sessions = intervals(facts, "agent-sessions", used[-1], settings.longest_open)
    wfo_sessions = intervals(facts, "wfo-sessions", used[-1], settings.longest_open)
    legs = intervals(facts, "ivr-legs", used[-1], settings.longest_open)

    # R11: "there when a day shown has a commitment above 0 or the cycle a use up to the last day used"
    show_wfo = any(committed(customer, CONTACT_CENTRE, WFO_SKU, day) > 0 for day in used) or (
        len(logged_in(wfo_sessions, used[0], used[-1])) > 0
    )

    rows = []
    for day in used:
        # R10: a day is judged by the quantities in force on that day.
        premium_committed = committed(customer, CONTACT_CENTRE, sku["premium"], day)
        standard_committed = committed(customer, CONTACT_CENTRE, sku["standard"], day)
        additional = committed(customer, CONTACT_CENTRE, IVR_SKU, day)

        use = named_use(sessions, used, day) if model == "named" else concurrent_use(sessions, day)
        covered = substituted(use["premium"], use["standard"], premium_committed, standard_committed)
        over_premium, over_standard = overage(
            use["premium"], use["standard"], premium_committed, standard_committed
        )
        kind = "Named" if model == "named" else "Concurrent"
        rows.append(
            Row(
                day,
                "agents",
                "premium-" + model,
                f"Premium {kind} Agent",
                use["premium"],
                premium_committed,
                0,
                over_premium,
                "Licenses",
            )
        )
        rows.append(
            Row(
                day,
                "agents",
                "standard-" + model,
                f"Standard {kind} Agent",
                use["standard"],
                standard_committed,
                covered,  # R4: shown on the Standard row
                over_standard,
                "Licenses",
            )
        )

        if show_wfo:
            # R11: distinct agents over the cycle, as in R3, without substitution or ports.
            wfo_used = len(logged_in(wfo_sessions, used[0], day))
            wfo_committed = committed(customer, CONTACT_CENTRE, WFO_SKU, day)
            rows.append(
                Row(
                    day,
                    "wfo",
                    "workforce-optimization",
                    "Workforce Optimization Agent",
                    wfo_used,
                    wfo_committed,
                    0,
                    max(0, wfo_used - wfo_committed),
                    "Licenses",
                )
            )

        # R8: 2 x (Pc + Sc + that day's agent overage) + additional ports
        ports = 2 * (premium_committed + standard_committed + over_premium + over_standard) + additional
        ports_used = ivr_use(legs, day, settings.ivr_peak)
        rows.append(
            Row(day, "ivr", "ivr-port", "IVR Port", ports_used, ports, 0, max(0, ports_used - ports), "Ports")
        )
    return rows


def peak_day(rows: Iterable[Row], family: str) -> date | None:
    """R7: the first day whose overage, summed over the family's types, is the cycle's maximum and above 0."""
    sums: dict[date, int] = {}
    for row in rows:
        if row.family == family:
            sums[row.day] = sums.get(row.day, 0) + row.overage
    if not sums or max(sums.values()) == 0:
        return None
    return min(day for day, total in sums.items() if total == max(sums.values()))


def marked(rows: Sequence[Row]) -> list[Row]:
    """R7: one row per family: of the peak's day, the first with overage above 0, Premium before Standard."""
    found = []
    for family in ("agents", "wfo", "ivr"):
        day = peak_day(rows, family)
        if day is not None:
            found.append(
                next(row for row in rows if row.family == family and row.day == day and row.overage > 0)
            )
    return found


def daily_detail(rows: Sequence[Row], family: str | None) -> list[dict[str, str | int]]:
    """The eight columns, of all families or one."""
    marked_rows = marked(rows)
    return [
        {
            "Usage Date": row.day.isoformat(),
            "Usage Type": row.name,
            "Units Used": row.used,
            "Units Commitment": row.commitment,
            "Units Substituted": row.substituted,
            "Units Overage": row.overage,
            "Usage Unit": row.unit,
            "Comment": MARK if row in marked_rows else "",
        }
        for row in rows
        if family is None or row.family == family
    ]


def as_csv(detail: Iterable[Mapping[str, str | int]]) -> str:
    """The Daily Detail as CSV: `\\n` after every line, quotes only where needed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(detail)
    return text.getvalue()


# R6 -----------------------------------------------------------------------------------------------


def billed(customer: Customer, rows: Sequence[Row], cycle: Cycle, settings: Settings) -> dict[str, int]:
    """The quantity of each usage type that the cycle is billed."""
    model = licence_model(customer, cycle)
    premium_type, standard_type = "premium-" + model, "standard-" + model
    family_of = {
        premium_type: "agents",
        standard_type: "agents",
        "workforce-optimization": "wfo",
        "ivr-port": "ivr",
    }
    result = dict.fromkeys(family_of, 0)
    if settings.billed_peak == "combined_day":
        # R6: each type's overage on its family's day of R7
        for usage_type, family in family_of.items():
            day = peak_day(rows, family)
            for row in rows:
                if row.usage_type == usage_type and row.day == day:
                    result[usage_type] = row.overage
        return result
    # R6: the largest daily overage of that usage type, for IVR ports that of R8
    for row in rows:
        if row.usage_type != "ivr-port":
            result[row.usage_type] = max(result[row.usage_type], row.overage)
    # R8: max over days of
    # max(0, used - 2 x (Pc + Sc + billed Premium overage + billed Standard overage) - additional)
    sku = AGENT_SKUS[model]
    for row in rows:
        if row.usage_type == "ivr-port":
            licences = (
                committed(customer, CONTACT_CENTRE, sku["premium"], row.day)
                + committed(customer, CONTACT_CENTRE, sku["standard"], row.day)
                + result[premium_type]
                + result[standard_type]
            )
            additional = committed(customer, CONTACT_CENTRE, IVR_SKU, row.day)
            result["ivr-port"] = max(result["ivr-port"], row.used - 2 * licences - additional)
    return result
