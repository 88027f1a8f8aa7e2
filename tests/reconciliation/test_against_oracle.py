"""The product against the slow, literal second implementation: on the real August and on random months."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings

from apps.core.tenancy import PROVIDER, scope
from apps.subscriptions.services import import_portfolio
from apps.usage.domain.records import KINDS_OF_FILE
from tests.conftest import NOW, SAMPLE, import_file
from tests.oracle import CONTACT_CENTRE, World
from tests.oracle.strategies import Month, months, untils  # noqa: F401

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


def write_files(month: Month, folder: Path) -> list[tuple[str, str, Path]]:
    """The month's rows as CSV files, split wherever kind or source changes, so that the order of arrival stays."""
    files: list[tuple[str, str, Path]] = []
    writer: Any = None
    before: tuple[str, str] | None = None
    handles = []
    for row in month.records:
        key = (row["kind"], row.get("source") or "import")
        if key != before:
            before, path = key, folder / f"{len(files)}.csv"
            files.append((*key, path))
            handle = path.open("w", encoding="utf-8", newline="")
            handles.append(handle)
            columns = [*KINDS_OF_FILE[key[0]].columns, "customer"]
            writer = csv.DictWriter(handle, columns, extrasaction="ignore", restval="")
            writer.writeheader()
        writer.writerow(row)
    for handle in handles:
        handle.close()
    return files


@pytest.fixture
def imported(db: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Month], Counter[str]]:
    """Import a month through the services; returns the outcomes."""

    def run(month: Month) -> Counter[str]:
        with scope(PROVIDER):
            import_portfolio(text=json.dumps(month.portfolio), by="test")
        outcomes: Counter[str] = Counter()
        for kind, source, path in write_files(month, tmp_path_factory.mktemp("month")):
            outcomes.update(import_file(kind, path, source=source).counts())
        return outcomes

    return run


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(month=months(("agent-sessions", "ivr-legs", "wfo-sessions")))
def test_random_months_agree_in_every_figure_and_every_line(
    month: Month, imported: Callable[[Month], Counter[str]]
) -> None:
    world = World(month.portfolio, month.records, now=NOW)
    customer = month.customer
    with transaction.atomic():
        outcomes = imported(month)
        expected = world.outcomes()
        assert +outcomes == Counter({name: expected[name] for name in expected if expected[name]})
        for cycle in world.cycles(customer, CONTACT_CENTRE, until=month.busy[-1]):
            if not any(cycle.first <= day <= cycle.last for day in month.busy):
                continue
            middle = cycle.first + (cycle.last - cycle.first) // 2
            for until in (None, middle):
                assert daily_detail(customer, cycle.first, until) == world.daily_detail_csv(
                    customer, cycle.first, until
                )
            assert drafts(customer, cycle.first) == world.invoice(customer, cycle.first)
        transaction.set_rollback(True)
