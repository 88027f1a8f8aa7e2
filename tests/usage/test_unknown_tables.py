"""The first minutes of a portal: PostgreSQL has not looked at its tables yet, and so knows nothing of them."""

from __future__ import annotations

from collections import Counter

from django.db import connection, connections
from django.utils import timezone

from apps.core.tenancy import PROVIDER, scope
from apps.usage.services import take_records
from tests.factories.portfolios import customer, enter, partner, portfolio

RECORDS = 5_000


def send(*, ended: str) -> Counter[str]:
    """The sessions of a customer, which are open without an end: how many came to each outcome."""
    record = {
        "agent_id": "anna",
        "licence": "standard",
        "started_at": "2024-07-01T08:00:00Z",
        "ended_at": ended,
    }
    with scope(PROVIDER):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
        taken = take_records(
            kind="agent-sessions",
            records=[{"record_id": f"r-{number}", **record} for number in range(RECORDS)],
            sender=PROVIDER,
            now=timezone.now(),
            sha256="0" * 64,
            customer_ref="C-1",
        )
    return Counter(taken.outcomes)


def test_records_are_found_again_in_a_table_that_is_unknown(committed: None) -> None:
    """Each by its key. Looked for among all of its customer's, they would take longer than they may."""
    enter(portfolio(partner("P-1", customer("C-1"))))
    with connections["owner"].cursor() as cursor:
        for column in ("customer_id", "kind", "source_id", "record_id"):
            cursor.execute(f"SELECT pg_clear_attribute_stats('public', 'usage_interval', '{column}', false)")
        cursor.execute("SELECT pg_clear_relation_stats('public', 'usage_interval')")

    assert send(ended="") == {"accepted": RECORDS}
    assert send(ended="2024-07-01T09:00:00Z") == {"accepted": RECORDS}
    assert send(ended="2024-07-01T09:00:00Z") == {"duplicate": RECORDS}
    assert send(ended="2024-07-01T10:00:00Z") == {"conflict": RECORDS}
