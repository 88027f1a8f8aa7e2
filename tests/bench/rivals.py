"""What the rivals share: the tables that they write, and how they part the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import psycopg
from psycopg import sql

TABLES = """
DROP SCHEMA IF EXISTS {schema} CASCADE;
CREATE SCHEMA {schema};
CREATE TABLE {schema}.day_figure (
    customer_id integer, day date, usage_type text, used integer NOT NULL, committed integer NOT NULL,
    substituted integer NOT NULL, overage integer NOT NULL, is_overage_peak boolean NOT NULL,
    PRIMARY KEY (customer_id, day, usage_type)
);
CREATE TABLE {schema}.billed_quantity (
    customer_id integer, usage_type text, quantity integer NOT NULL, day date,
    PRIMARY KEY (customer_id, usage_type)
);
CREATE TABLE {schema}.day_profile (
    customer_id integer, day date, usage_type text, peak integer NOT NULL,
    slots smallint[] NOT NULL, counts integer[] NOT NULL,
    PRIMARY KEY (customer_id, day, usage_type)
);
"""


def make_tables(address: str, schema: str) -> None:
    """Empty tables of a rival. A profile is the slots (quarter-hours or minutes) from which on its counts hold."""
    with psycopg.connect(address) as connection:
        connection.execute(sql.SQL(TABLES).format(schema=sql.Identifier(schema)))


def halves(customers: Sequence[int]) -> list[Sequence[int]]:
    """Two parts for two cores; one where there is one customer."""
    middle = (len(customers) + 1) // 2
    return [part for part in (customers[:middle], customers[middle:]) if part]


def midnight(day: date) -> datetime:
    """The moment at which a day starts, UTC."""
    return datetime.combine(day, time(), UTC)
