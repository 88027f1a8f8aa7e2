"""Figures of the product and of the rivals in one form, and whether they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from apps.catalogue.domain.kinds import Service
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Row as DetailRow
from apps.reconciliation.domain.detail import list_rows
from apps.reconciliation.domain.profiles import Profiles
from apps.reconciliation.models import BilledQuantity
from apps.reconciliation.profiles import read_profiles
from apps.reconciliation.selectors import calculate_cycle, cycle_starting, read_types
from tests.conftest import NOW

Row = tuple[Any, ...]


class FiguresDifferError(AssertionError):
    """Two ways to the same figures came to different ones; the first row that differs is named."""


@dataclass(frozen=True)
class Figures:
    """Rows in order, of customers in order.

    ``days``: customer, day, usage type, used, committed, substituted, overage, whether marked. ``billed``: customer,
    usage type, quantity, day. ``profiles``: customer, day, usage type, where its counts change; days without any are
    left out.
    """

    name: str
    days: Sequence[Row]
    billed: Sequence[Row]
    profiles: Sequence[Row]


def must_be_the_same(one: Figures, *others: Figures) -> None:
    """Compare all rows.

    Raises:
        FiguresDifferError: they are not the same.
    """
    for other in others:
        for table in ("days", "billed", "profiles"):
            for left, right in zip_longest(getattr(one, table), getattr(other, table)):
                if left != right:
                    raise FiguresDifferError(f"{table}: {one.name} has {left}, {other.name} has {right}")


def written_by(address: str, rival: str, customers: Iterable[Customer]) -> Figures:
    """What a rival wrote of some customers."""
    ids = [customer.pk for customer in customers]
    with psycopg.connect(address) as connection:

        def rows(table: str) -> list[Row]:
            query = "SELECT * FROM {}.{} WHERE customer_id = ANY(%s) ORDER BY 1, 2, 3"
            return connection.execute(
                sql.SQL(query).format(sql.Identifier(rival), sql.Identifier(table)), [ids]
            ).fetchall()

        return Figures(
            name=rival,
            days=rows("day_figure"),
            billed=rows("billed_quantity"),
            profiles=[
                (customer_id, day, usage_type, _changes(np.array(counts), np.array(slots)))
                for customer_id, day, usage_type, _peak, slots, counts in rows("day_profile")
            ],
        )


def calculated(customers: Iterable[Customer], cycle: Period) -> Figures:
    """What the product calculates, customer by customer."""
    days: list[Row] = []
    billed: list[Row] = []
    profiles: list[Row] = []
    with scope(PROVIDER):
        for customer in customers:
            its = cycle_starting(customer, cycle.first, today=NOW.date(), service=Service.CONTACT_CENTRE)
            figures = calculate_cycle(customer, its, until=cycle.last).figures
            days += _days(customer.pk, figures.rows)
            billed += (
                (customer.pk, usage_type.value, each.quantity, each.day)
                for usage_type, each in figures.billed.items()
            )
            profiles += _profiles(customer, cycle, figures.profiles)
    return Figures("the product's calculation", sorted(days), sorted(billed, key=_by_type), sorted(profiles))


def stored(customers: Iterable[Customer], cycle: Period) -> Figures:
    """What the product has stored."""
    ids = [customer.pk for customer in customers]
    with scope(PROVIDER):
        return Figures(
            name="the product's tables",
            days=sorted(
                row
                for customer_id in ids
                for row in _days(customer_id, list_rows(cycle, read_types(customer_id, cycle.first)))
            ),
            billed=list(
                BilledQuantity.objects.filter(customer_id__in=ids, result__first_day=cycle.first)
                .order_by("customer_id", "usage_type")
                .values_list("customer_id", "usage_type", "quantity", "day")
            ),
            profiles=sorted(
                row
                for customer in customers
                for row in _profiles(customer, cycle, read_profiles(customer, cycle))
            ),
        )


def _days(customer_id: int, rows: Iterable[DetailRow]) -> Iterator[Row]:
    for row in rows:
        yield (
            customer_id,
            row.day,
            row.usage_type.value,
            row.used,
            row.committed,
            row.substituted,
            row.overage,
            row.is_overage_peak,
        )


def _profiles(customer: Customer, cycle: Period, profiles: Profiles) -> Iterator[Row]:
    for measure, of_days in profiles.items():
        for day, counts in zip(cycle, of_days, strict=True):
            if counts.any():
                yield customer.pk, day, measure.value, _changes(counts)


def _by_type(row: Row) -> tuple[int, str]:
    return row[0], row[1]


def _changes(counts: NDArray[Any], slots: NDArray[Any] | None = None) -> Row:
    """Counts as (slot, count from there on) where they change; ``slots``: those that ``counts`` hold from."""
    at = np.flatnonzero(np.diff(counts, prepend=-1))
    return tuple(zip((at if slots is None else slots[at]).tolist(), counts[at].tolist(), strict=True))
