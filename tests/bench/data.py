"""The data that is reconciled: one partner's customers with June 2024 of sessions and legs, always the same.

Written straight into the tables as the owner, by binary COPY, in the order in which daily files would have come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import numpy as np
import psycopg
from django.apps import apps
from django.db import connections, transaction
from numpy.typing import NDArray

from apps.catalogue.domain.kinds import LicenceModel
from apps.catalogue.models import Offer, Sku
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer, Partner
from apps.subscriptions.models import StaleCause, StaleSpan, Subscription, SubscriptionLine
from apps.usage.domain.records import Kind
from apps.usage.models import Interval, Source
from tests.factories.portfolios import IVR, PREMIUM_CONCURRENT, STANDARD_CONCURRENT

SEED = 20240601
CYCLE = Period(date(2024, 6, 1), date(2024, 6, 30))
EVE = CYCLE.first - ONE_DAY  # some sessions of the night before reach into the cycle
WEEKDAYS = np.array([index for index, day in enumerate(CYCLE) if day.weekday() < 5])

SESSIONS_AN_AGENT = 20  # in a month
PREMIUM_SHARE = 0.2
SHIFTS, SHIFT_SHARES = np.array([7.5, 10, 13, 22]) * 3600, [0.45, 0.35, 0.15, 0.05]
HOURS = np.array([1, 1, 1, 1, 1, 2, 5, 9, 14, 16, 16, 15, 13, 14, 15, 14, 13, 10, 8, 6, 4, 3, 2, 1], float)
STORM_EVERY, STORM_SECONDS = 5, 600  # every fifth customer has an hour in which everybody calls

_POSTGRESQL_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EVE_AT = (datetime(EVE.year, EVE.month, EVE.day, tzinfo=UTC) - _POSTGRESQL_EPOCH) // timedelta(
    microseconds=1
)

Ints = NDArray[np.int64]
Ids = NDArray[np.bytes_]
Random = np.random.Generator


@dataclass(frozen=True)
class Size:
    """How much: ``largest`` of the intervals are one customer's, where it is given."""

    customers: int = 1_000
    intervals: int = 1_000_000
    largest: int | None = None

    def shares(self, random: Random) -> Ints:
        """Intervals of each customer, a third more or less than the mean: shape ``(customers,)``."""
        rest = self.customers if self.largest is None else self.customers - 1
        weights = random.uniform(0.67, 1.33, rest)
        edges = np.rint(np.cumsum(weights) / weights.sum() * (self.intervals - (self.largest or 0)))
        shares = np.diff(edges.astype(np.int64), prepend=0)
        return shares if self.largest is None else np.append(self.largest, shares)


@dataclass(frozen=True)
class Filled:
    """The customers that were made, in order, and how many intervals each has."""

    customers: list[Customer]
    intervals: list[int] = field(repr=False)

    @property
    def ids(self) -> list[int]:
        """Their ids."""
        return [made.pk for made in self.customers]


@contextmanager
def filled(size: Size, *, name: str) -> Iterator[Filled]:
    """Customers ``name-0`` … with a month of usage, all of it stale; usage and results are gone afterwards."""
    random = np.random.default_rng(SEED)
    shares = size.shares(random)
    staff = _Staff.of(shares // 2, random)
    customers = _customers(name, staff, random)
    _copy(customers, staff, shares - shares // 2, random)
    data = Filled(customers, shares.tolist())
    try:
        start_over(data)
        yield data
    finally:
        empty()


def start_over(data: Filled) -> None:
    """No results, and every day of usage stale, as after the import of the files."""
    _truncate(*_result_tables(), StaleSpan._meta.db_table)
    with scope(PROVIDER):
        StaleSpan.objects.bulk_create(
            StaleSpan(
                partner_id=made.partner_id,
                customer=made,
                cause=StaleCause.ADDED,
                first_day=EVE,
                last_day=CYCLE.last + 2 * ONE_DAY,
            )
            for made in data.customers
        )


def empty() -> None:
    """No usage, no results. Customers stay: nothing of them is stale any more."""
    _truncate(Interval._meta.db_table, *_result_tables(), StaleSpan._meta.db_table)


def _result_tables() -> list[str]:
    return [model._meta.db_table for model in apps.get_app_config("reconciliation").get_models()]


def _truncate(*tables: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


# The portfolio


@dataclass(frozen=True)
class _Staff:
    """Agents of all customers laid end to end: parallel arrays by agent, and by customer where they begin."""

    sessions: Ints  # of each customer
    agents: Ints  # of each customer
    first: Ints  # of each customer, its first agent
    is_premium: NDArray[np.bool_]
    shift: Ints  # second of the day at which an agent's shift starts

    @classmethod
    def of(cls, sessions: Ints, random: Random) -> _Staff:
        agents = np.maximum(2, sessions // SESSIONS_AN_AGENT)
        count = int(agents.sum())
        return cls(
            sessions=sessions,
            agents=agents,
            first=np.cumsum(agents) - agents,
            is_premium=random.random(count) < PREMIUM_SHARE,
            shift=random.choice(SHIFTS, count, p=SHIFT_SHARES).astype(np.int64),
        )

    def premium_of(self, number: int) -> int:
        """How many Premium agents a customer has."""
        first = self.first[number]
        return int(self.is_premium[first : first + self.agents[number]].sum())


def _customers(name: str, staff: _Staff, random: Random) -> list[Customer]:
    """Customers with one subscription each that is just this cycle, and commitments near what is used.

    Written straight away: a portfolio file of ten thousand customers would take minutes.
    """
    with scope(PROVIDER):
        partner = Partner.objects.create(ref=f"P-{name}", name=f"Partner {name}", country="SE")
        offer = Offer.objects.get(code="A-FLEX-3-CC")
        skus = {sku.code: sku for sku in Sku.objects.all()}
        customers = Customer.objects.bulk_create(
            Customer(partner=partner, ref=f"{name}-{number}", name=f"Customer {name}-{number}", country="SE")
            for number in range(len(staff.agents))
        )
        subscriptions = Subscription.objects.bulk_create(
            Subscription(
                partner=partner,
                customer=customer,
                number=f"Sub-{customer.ref}",
                offer=offer,
                starts_on=CYCLE.first,
                ends_on=CYCLE.last,
                bill_day=CYCLE.first.day,
                licence_model=LicenceModel.CONCURRENT,
            )
            for customer in customers
        )
        SubscriptionLine.objects.bulk_create(
            SubscriptionLine(
                partner=partner,
                customer=subscription.customer,
                subscription=subscription,
                sku=skus[sku],
                quantity=quantity,
                valid_from=first_day,
            )
            for number, subscription in enumerate(subscriptions)
            for sku, quantity, first_day in _commitments(number, staff, random)
        )
    assert customers[-1].pk - customers[0].pk == len(customers) - 1  # the rivals ask for a range of ids
    return customers


def _commitments(number: int, staff: _Staff, random: Random) -> Iterator[tuple[str, int, date | None]]:
    """SKU, quantity and first day (None: the subscription's own) of a customer's lines."""
    premium = staff.premium_of(number)
    standard = int(staff.agents[number]) - premium
    nearly = random.uniform(0.55, 0.85)
    yield PREMIUM_CONCURRENT, 1 + int(premium * nearly), None
    yield STANDARD_CONCURRENT, int(standard * nearly), None
    yield IVR, int(random.integers(0, 5)), None
    if number % 4 == 0:
        yield STANDARD_CONCURRENT, 2, date(2024, 6, 17)


# The intervals


@dataclass(frozen=True)
class _Made:
    """Intervals as parallel arrays; microseconds are counted from midnight of ``EVE``. ``end`` −1: still open."""

    customer: Ints
    actor: Ids
    premium: NDArray[np.bool_] | None
    start: Ints
    end: Ints


def _sessions(staff: _Staff, random: Random) -> _Made:
    """An agent logs in once on each working day, sometimes a second time or on another day."""
    count = int(staff.sessions.sum())
    customer = np.repeat(np.arange(len(staff.sessions)), staff.sessions)
    number = np.arange(count) - np.repeat(np.cumsum(staff.sessions) - staff.sessions, staff.sessions)
    agents = staff.agents[customer]
    agent = staff.first[customer] + number % agents
    regular = 1 + WEEKDAYS[number // agents % len(WEEKDAYS)]
    is_regular = random.random(count) < 0.7
    day = np.where(is_regular, regular, random.integers(0, CYCLE.days + 1, count))
    late = np.where(is_regular, random.normal(0, 900, count), random.uniform(0, 8 * 3600, count))
    start = day * 86_400 + staff.shift[agent] + np.rint(late).astype(np.int64)
    length = np.where(
        random.random(count) < 0.7,
        random.uniform(7 * 3600, 9 * 3600, count),
        random.uniform(600, 7 * 3600, count),
    )
    end = start + np.rint(length).astype(np.int64)
    is_open = random.random(count) < 0.001  # an agent who never logged out
    return _Made(
        customer=customer,
        actor=_uuids(random, len(staff.shift))[agent],
        premium=staff.is_premium[agent]
        ^ (random.random(count) < 0.02),  # now and then with the other licence
        start=start * 1_000_000,
        end=np.where(is_open, -1, end * 1_000_000),
    )


def _legs(legs: Ints, random: Random) -> _Made:
    """Calls in menus along the hours of a day; one contact in twenty is led back into a menu."""
    count = int(legs.sum())
    customer = np.repeat(np.arange(len(legs)), legs)
    busy = np.array([1.0 if day.weekday() < 5 else 0.35 for day in CYCLE])
    day = 1 + random.choice(CYCLE.days, count, p=busy / busy.sum())
    hour = random.choice(24, count, p=HOURS / HOURS.sum())
    milliseconds = (day * 24 + hour) * 3_600_000 + random.integers(0, 3_600_000, count)

    storm_at = (random.choice(WEEKDAYS, len(legs)) + 1) * 86_400 + random.integers(
        8 * 3600, 17 * 3600, len(legs)
    )
    in_storm = (customer % STORM_EVERY == 0) & (random.random(count) < 0.3)
    storm = (storm_at[customer] + random.uniform(0, STORM_SECONDS, count)) * 1000
    start = np.where(in_storm, storm.astype(np.int64), milliseconds)
    length = np.clip(20_000 + random.exponential(90_000, count), 20_000, 600_000).astype(np.int64)

    actor = _uuids(random, count)
    again = np.flatnonzero((np.arange(count) % 2 == 1) & (random.random(count) < 0.1))
    again = again[customer[again] == customer[again - 1]]
    actor[again] = actor[again - 1]
    start[again] = start[again - 1] + length[again - 1] + random.integers(-20_000, 180_000, len(again))
    return _Made(customer, actor, None, start * 1000, (start + length) * 1000)


def _uuids(random: Random, count: int) -> Ids:
    """Random ids written like UUIDs: shape ``(count,)``, 36 characters each."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[random.integers(0, 16, (count, 36), np.uint8)]
    digits[:, [8, 13, 18, 23]] = ord("-")
    return cast(Ids, digits.view("S36").ravel())


def _copy(customers: Sequence[Customer], staff: _Staff, legs: Ints, random: Random) -> None:
    """Store the intervals: day by day a file of sessions and one of legs, each sorted by customer."""
    partner_id = customers[0].partner_id
    ids = np.array([made.pk for made in customers])
    with scope(PROVIDER):
        source, _created = Source.objects.get_or_create(partner_id=partner_id, name="import")
    made = {Kind.AGENT_SESSION: _sessions(staff, random), Kind.IVR_LEG: _legs(legs, random)}
    records = {kind: _uuids(random, len(each.start)) for kind, each in made.items()}
    of_day = {kind: _by_day(each) for kind, each in made.items()}

    def rows(kind: Kind, chosen: Ints, *, is_open: bool) -> bytes:
        each = made[kind]
        return _binary_rows(
            {
                "partner_id": np.full(len(chosen), partner_id, np.int32),
                "customer_id": ids[each.customer[chosen]].astype(np.int32),
                "kind": np.full(len(chosen), kind, np.int16),
                "source_id": np.full(len(chosen), source.pk, np.int32),
                "record_id": records[kind][chosen],
                "actor": each.actor[chosen],
                "premium": None if each.premium is None else each.premium[chosen],
                "started_at": _EVE_AT + each.start[chosen],
                "ended_at": None if is_open else _EVE_AT + each.end[chosen],
            }
        )

    with _copying() as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for day in range(CYCLE.days + 1):
            for kind in made:
                chosen = of_day[kind][day]
                open_now = made[kind].end[chosen] < 0
                copy.write(rows(kind, chosen[~open_now], is_open=False))
                copy.write(rows(kind, chosen[open_now], is_open=True))
        copy.write(b"\xff\xff")
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {Interval._meta.db_table}")


_COPY = (
    f"COPY {Interval._meta.db_table} (partner_id, customer_id, kind, source_id, record_id, actor, premium, started_at,"
    " ended_at) FROM STDIN (FORMAT binary)"
)


def _by_day(made: _Made) -> list[Ints]:
    """Positions of the intervals that start on each day, ``EVE`` first, by customer."""
    day = made.start // 86_400_000_000
    order = np.lexsort((made.customer, day))
    return np.split(order, np.searchsorted(day[order], np.arange(1, CYCLE.days + 1)))


@contextmanager
def _copying() -> Iterator[psycopg.Copy]:
    """COPY into the intervals as their owner, with the indexes made afterwards.

    Forced row-level security refuses COPY, even to the owner.
    """
    table = Interval._meta.db_table
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(_INDEXES, [table])
        indexes = cursor.fetchall()
        for drop, _make in indexes:
            cursor.execute(drop)
        copying: Any = cursor
        with copying.copy(_COPY) as copy:
            yield copy
        for _drop, make in indexes:
            cursor.execute(make)
        cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


# How each index of a table is dropped and made again; the primary key is a constraint.
_INDEXES = """
    SELECT CASE WHEN rule.oid IS NULL THEN format('DROP INDEX %%s', indexrelid::regclass)
                ELSE format('ALTER TABLE %%s DROP CONSTRAINT %%I', indrelid::regclass, conname) END,
           CASE WHEN rule.oid IS NULL THEN pg_get_indexdef(indexrelid)
                ELSE format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', indrelid::regclass, conname,
                            pg_get_constraintdef(rule.oid)) END
    FROM pg_index LEFT JOIN pg_constraint AS rule ON conindid = indexrelid
    WHERE indrelid = %s::regclass
"""


def _binary_rows(columns: Mapping[str, NDArray[Any] | None]) -> bytes:
    """Rows of PostgreSQL's binary COPY format; None is a column of NULLs."""
    layout: list[tuple[str, str]] = [("columns", ">i2")]
    for name, values in columns.items():
        layout.append((f"{name} length", ">i4"))
        if values is not None:
            layout.append((name, values.dtype.newbyteorder(">").str))
    count = next(len(values) for values in columns.values() if values is not None)
    rows = np.empty(count, layout)
    rows["columns"] = len(columns)
    for name, values in columns.items():
        rows[f"{name} length"] = -1 if values is None else values.dtype.itemsize
        if values is not None:
            rows[name] = values
    return rows.tobytes()
