"""The product against the slow, literal second implementation: on the real August and on random months."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.tenancy import PROVIDER, scope
from apps.subscriptions.services import import_portfolio
from tests.conftest import SAMPLE, import_file
from tests.oracle import World
from tests.oracle.strategies import Month, at_once, months
from tests.soak.comparison import Comparison

AUGUST = SAMPLE / "bank-august"


def printed(command: str, **options: Any) -> str:
    """What a command prints on standard output."""
    out = io.StringIO()
    call_command(command, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def daily_detail(customer: str, cycle: date, until: date | None = None) -> str:
    return printed(
        "daily_detail", customer=customer, cycle=str(cycle), until=until and str(until), format="csv"
    )


def drafts(customer: str, cycle: date) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        printed("run_billing", customer=customer, cycle=str(cycle), format="json")
    )
    return found


@pytest.mark.django_db
def test_the_real_august_agrees_in_every_figure_and_every_line() -> None:
    with scope(PROVIDER):
        import_portfolio(text=(AUGUST / "portfolio.json").read_bytes(), by="test")
    legs = import_file("ivr-legs", AUGUST / "ivr-legs.csv", customer="C-200")
    sessions = import_file("agent-sessions", AUGUST / "agent-sessions.csv", customer="C-200")
    world = World.load(
        AUGUST / "portfolio.json",
        [
            ("ivr-legs", AUGUST / "ivr-legs.csv", "C-200"),
            ("agent-sessions", AUGUST / "agent-sessions.csv", "C-200"),
        ],
    )

    assert (legs.accepted, legs.rejected, legs.reasons) == (42_059, 19, {"ended before it started": 19})
    assert sessions.counts() == {"accepted": 879, "duplicate": 0, "conflict": 0, "rejected": 0}
    for first in (date(1999, 7, 1), date(1999, 8, 1), date(1999, 9, 1)):
        assert daily_detail("C-200", first) == world.daily_detail_csv("C-200", first)
        assert drafts("C-200", first) == world.invoice("C-200", first)
    assert drafts("C-200", date(1999, 8, 1))[0]["total"] == "5187.45"


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(together=st.lists(months(settings=True), min_size=6, max_size=6))
def test_random_customers_agree_in_every_figure_and_every_line(
    together: list[Month], db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """300 customers, six at a time in one database."""
    with transaction.atomic():
        Comparison([at_once(month) for month in together], tmp_path_factory.mktemp("months")).live()
        transaction.set_rollback(True)
