"""The commands of the main job: what they print, and how they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, connections

from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.models import CycleResult, Run, RunItem
from apps.subscriptions.models import StaleSpan, Subscription
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.models import Interval
from portal.embedded import addresses
from tests.conftest import SAMPLE
from tests.factories.commands import Shell
from tests.factories.portfolios import (
    STANDARD,
    customer,
    enter,
    entered,
    line,
    partner,
    portfolio,
    portfolio_of,
    stored_customer,
    subscription,
)
from tests.factories.usage import UsageFiles, session

REPOSITORY = Path(__file__).resolve().parent.parent.parent
GUIDE = SAMPLE / "guide-example"
HEADER = (
    "Usage Date,Usage Type,Units Used,Units Commitment,Units Substituted,Units Overage,Usage Unit,Comment"
)


# daily_detail


JUNE_OF_THE_GUIDE = ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-09")


def test_daily_detail_of_the_guide_byte_for_byte(guide_example: Customer, shell: Shell) -> None:
    ran = shell(*JUNE_OF_THE_GUIDE, "--until", "2024-06-13", "--family", "agents", "--format", "csv")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (GUIDE / "daily-detail.csv").read_text()


def test_daily_detail_has_a_row_for_every_day_and_usage_type_of_the_cycle(
    guide_example: Customer, shell: Shell
) -> None:
    header, *rows = shell(*JUNE_OF_THE_GUIDE).out.removesuffix("\n").split("\n")
    assert header == HEADER
    assert len(rows) == 30 * 3
    assert [row.split(",")[:2] for row in (*rows[:3], rows[-1])] == [
        ["2024-06-09", "Premium Named Agent"],
        ["2024-06-09", "Standard Named Agent"],
        ["2024-06-09", "IVR Port"],
        ["2024-07-08", "IVR Port"],
    ]


def test_daily_detail_ends_with_until(guide_example: Customer, shell: Shell) -> None:
    rows = shell(*JUNE_OF_THE_GUIDE, "--until", "2024-06-09").out.splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == {"2024-06-09"}
    assert shell(*JUNE_OF_THE_GUIDE, "--until", "2030-01-01").out == shell(*JUNE_OF_THE_GUIDE).out


@pytest.mark.parametrize(
    ("family", "names"),
    [("agents", {"Premium Named Agent", "Standard Named Agent"}), ("ivr", {"IVR Port"}), ("wfo", set())],
)
def test_daily_detail_of_one_family(
    guide_example: Customer, shell: Shell, family: str, names: set[str]
) -> None:
    header, *rows = shell(*JUNE_OF_THE_GUIDE, "--family", family).out.splitlines()
    assert header == HEADER
    assert {row.split(",")[1] for row in rows} == names


def test_daily_detail_as_json_says_the_same_as_csv(guide_example: Customer, shell: Shell) -> None:
    as_csv = [row.split(",") for row in shell(*JUNE_OF_THE_GUIDE).out.splitlines()]
    as_json = shell(*JUNE_OF_THE_GUIDE, "--format", "json").json
    assert [list(row) for row in as_json] == [as_csv[0]] * 90
    assert [[str(value) for value in row.values()] for row in as_json] == as_csv[1:]
    assert isinstance(as_json[0]["Units Used"], int)


def test_daily_detail_is_the_same_whether_it_is_stored_or_not(guide_example: Customer, shell: Shell) -> None:
    before = shell(*JUNE_OF_THE_GUIDE).out
    assert shell("reconcile", "--customer", "C-100").code == 0
    assert shell(*JUNE_OF_THE_GUIDE).out == before


# import_portfolio and import_usage


def test_import_portfolio_tells_what_it_made_and_the_second_time_nothing(shell: Shell) -> None:
    first = shell("import_portfolio", GUIDE / "portfolio.json", "--format", "json")
    assert first.json == {
        "created": {
            "price_books": 1,
            "prices": 6,
            "partners": 1,
            "terms": 1,
            "customers": 1,
            "surge": 1,
            "subscriptions": 1,
            "lines": 2,
        },
        "changed": {},
    }
    assert shell("import_portfolio", GUIDE / "portfolio.json").out == "created: nothing\nchanged: nothing\n"


def test_import_usage_prints_the_outcomes_and_tells_the_rest_on_standard_error(
    db: None, shell: Shell, tmp_path: Path
) -> None:
    entered()
    path = tmp_path / "legs.csv"
    path.write_text(
        "record_id,contact_id,queue,started_at,ended_at\n"
        "1,c,q,2024-06-09T08:00:00Z,2024-06-09T08:01:00Z\n"
        "2,c,q,2024-06-09T08:00:00Z,2024-06-09T07:01:00Z\n"
    )
    ran = shell("import_usage", "ivr-legs", path, "--customer", "C-1", "--format", "json")
    assert ran.out == '{"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 1}\n'
    assert ran.err.splitlines() == [
        "2 rows read",
        "legs.csv: ignored columns: queue",
        "legs.csv: 1 rows kept aside: ended before it started",
    ]
    again = shell("import_usage", "ivr-legs", path, "--customer", "C-1")
    assert again.json == {"accepted": 0, "duplicate": 1, "conflict": 0, "rejected": 1}
    other = shell("import_usage", "ivr-legs", path, "--customer", "C-1", "--source", "acd")
    assert other.json == {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 1}


# reconcile


def test_reconcile_of_a_customer_works_in_its_own_process(guide_example: Customer, shell: Shell) -> None:
    ran = shell("reconcile", "--customer", "C-100", "--format", "json")
    assert (ran.code, ran.json) == (0, {"customers": 1, "days": 30, "parked": 0})
    assert shell("reconcile", "--customer", "C-100").out == "1 customers, 0 days calculated, 0 parked\n"
    with scope(PROVIDER):
        assert CycleResult.objects.get().until.isoformat() == "2024-07-08"


def test_reconcile_of_one_cycle_up_to_a_day(guide_example: Customer, shell: Shell) -> None:
    ran = shell(
        "reconcile",
        "--customer",
        "C-100",
        "--cycle",
        "2024-06-09",
        "--until",
        "2024-06-13",
        "--format",
        "json",
    )
    assert ran.json == {"customers": 1, "days": 5, "parked": 0}
    with scope(PROVIDER):
        assert StaleSpan.objects.exists()


def test_reconcile_with_nothing_stale_starts_no_worker(db: None, shell: Shell) -> None:
    assert shell("reconcile", "--format", "json").json == {"customers": 0, "days": 0, "parked": 0}


# run_billing


def test_run_billing_prints_a_list_of_papers_with_their_lines(guide_example: Customer, shell: Shell) -> None:
    run_billing = ("run_billing", "--customer", "C-100", "--cycle", "2024-06-09")
    (draft,) = shell(*run_billing, "--format", "json").json
    (issued,) = shell(*run_billing, "--issue", "--format", "json").json
    assert draft["number"] is None
    assert issued["number"] == "INV-000001"
    assert {**draft, "number": "INV-000001"} == issued
    assert list(issued) == [
        "number",
        "seller",
        "recipient",
        "customer",
        "currency",
        "period_from",
        "period_to",
        "transaction_date",
        "due_date",
        "lines",
        "subtotal",
        "taxes",
        "total",
    ]
    assert (issued["transaction_date"], issued["due_date"]) == ("2024-07-09", "2024-08-08")
    assert issued["lines"][0] == {
        "kind": "overage",
        "sku": "A-FLEX-WCC-P-N-O",
        "subscription": "Sub-1001",
        "period_from": "2024-06-09",
        "period_to": "2024-07-08",
        "quantity": 2,
        "unit_price": "160.00",
        "discount_pct": "10",
        "amount": "288.00",
    }
    assert shell(*run_billing, "--issue", "--format", "json").json == [issued]
    assert shell(*run_billing, "--format", "json").json == [issued]
    text = shell(*run_billing).out.splitlines()
    assert text[0] == "INV-000001: provider to P-100, 2024-06-09 – 2024-07-08"
    assert text[-1].endswith("USD")


def test_run_billing_without_a_line_prints_an_empty_list(db: None, shell: Shell) -> None:
    entered(subscription("Sub-1"))
    run_billing = ("run_billing", "--customer", "C-1", "--cycle", "2024-06-01")
    assert shell(*run_billing, "--format", "json").out == "[]\n"
    assert shell(*run_billing, "--issue", "--format", "json").out == "[]\n"
    assert shell(*run_billing).out == "no lines, no invoice\n"


# Refusals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("daily_detail", "--customer", "C-404", "--cycle", "2024-06-09"), "There is no customer C-404."),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-10"),
            "No billing cycle of C-100 starts on 2024-06-10; it lies in the cycle 2024-06-09 – 2024-07-08.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "2023-12-31"),
            "2023-12-31 lies in no billing cycle of C-100.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "9999-12-31"),
            "9999-12-31 lies in no billing cycle of C-100.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "9 June"),
            "--cycle: '9 June' is not a day like 2024-06-09.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-09", "--until", "2024-06-31"),
            "--until: '2024-06-31' is not a day like 2024-06-09.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-09", "--until", "2024-06-08"),
            "No day of the cycle 2024-06-09 – 2024-07-08 is complete by 2024-06-08.",
        ),
        (
            ("daily_detail", "--customer", "C-100", "--cycle", "2998-06-09"),
            "No day of the cycle 2998-06-09 – 2998-07-08",
        ),
        (("reconcile", "--customer", "C-404"), "There is no customer C-404."),
        (("reconcile", "--cycle", "2024-06-09"), "--cycle goes with --customer."),
        (
            ("reconcile", "--customer", "C-100", "--cycle", "2024-06-10"),
            "No billing cycle of C-100 starts on 2024-06-10;",
        ),
        (("reconcile", "--customer", "C-100", "--until", "soon"), "--until: 'soon' is not a day"),
        (("run_billing", "--customer", "C-404", "--cycle", "2024-06-09"), "There is no customer C-404."),
        (
            ("run_billing", "--customer", "C-100", "--cycle", "2024-06-08"),
            "No billing cycle of C-100 starts on 2024-06-08; it lies in the cycle 2024-05-09 – 2024-06-08.",
        ),
        (("run_billing", "--customer", "C-100", "--cycle", "today"), "--cycle: 'today' is not a day"),
        (
            ("run_billing", "--customer", "C-100", "--cycle", "2998-06-09", "--issue"),
            "The cycle 2998-06-09 – 2998-07-08 is still open; its invoice can be issued from 2998-07-09 on.",
        ),
        (
            ("import_portfolio", "/nowhere/portfolio.json"),
            "/nowhere/portfolio.json: No such file or directory",
        ),
        (("import_portfolio", "/"), "/: Is a directory"),
        (("import_usage", "ivr-legs", "/nowhere/legs.csv"), "/nowhere/legs.csv: No such file or directory"),
        (("import_usage", "ivr-legs", "/"), "/: Is a directory"),
        (
            ("import_usage", "phone-calls", GUIDE / "agent-sessions.csv"),
            "phone-calls is not a kind of usage; there are " + ", ".join(KINDS_OF_FILE) + ".",
        ),
        (
            ("import_usage", "ivr-legs", GUIDE / "agent-sessions.csv", "--customer", "C-100"),
            "agent-sessions.csv: the header lacks contact_id",
        ),
        (
            ("import_usage", "agent-sessions", GUIDE / "agent-sessions.csv", "--customer", "C-404"),
            "There is no customer C-404.",
        ),
        (
            ("import_usage", "agent-sessions", GUIDE / "agent-sessions.csv", "--source", ""),
            "The name of a source has 1",
        ),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_in_one_line_and_nothing_is_stored(
    guide_example: Customer, shell: Shell, arguments: tuple[object, ...], said: str
) -> None:
    with scope(PROVIDER):
        before = (Interval.objects.count(), StaleSpan.objects.count(), CycleResult.objects.count())
    assert shell(*arguments).refusal.startswith(said)
    with scope(PROVIDER):
        assert (Interval.objects.count(), StaleSpan.objects.count(), CycleResult.objects.count()) == before


def test_a_portfolio_with_a_wrong_field_names_the_place(db: None, shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps(portfolio_of(subscription("Sub-1", line(STANDARD, 5), bill_day=32))))
    place = r"partners[0].customers[0].subscriptions[0].bill_day"
    assert shell("import_portfolio", path).refusal.startswith(f"{place}: ")
    with scope(PROVIDER):
        assert not Customer.objects.exists()


def test_a_second_licence_model_is_refused(guide_example: Customer, shell: Shell, tmp_path: Path) -> None:
    file = json.loads((GUIDE / "portfolio.json").read_text())
    second = subscription("Sub-1002", starts_on="2024-06-01", model="concurrent")
    file["partners"][0]["customers"][0]["subscriptions"].append(second)
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps(file))
    assert "Sub-1001 and Sub-1002 are active together" in shell("import_portfolio", path).refusal
    with scope(PROVIDER):
        assert not Subscription.objects.filter(number="Sub-1002").exists()


def test_R14_a_missing_price_is_refused_with_sku_and_day(db: None, shell: Shell) -> None:
    enter(portfolio(partner("P-1", customer("C-1", subscription("Sub-1", line("A-FLEX-WCC-IVR", 5))))))
    enter(
        {
            "price_books": [{"ref": "empty", "currency": "EUR"}],
            "partners": [partner("P-1", price_book="empty")],
        }
    )
    for issue in ((), ("--issue",)):
        ran = shell("run_billing", "--customer", "C-1", "--cycle", "2024-06-01", *issue)
        assert ran.refusal == "A-FLEX-WCC-IVR has no price on 2024-07-01."


@pytest.mark.parametrize(
    "arguments",
    [
        ("daily_detail",),
        ("daily_detail", "--customer", "C-100"),
        ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-09", "--family", "people"),
        ("daily_detail", "--customer", "C-100", "--cycle", "2024-06-09", "--format", "xml"),
        ("import_portfolio",),
        ("import_usage", "ivr-legs"),
        ("run_billing", "--customer", "C-100"),
    ],
)
def test_a_command_called_wrongly_exits_non_zero_and_prints_nothing(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    ran = shell(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "error: " in ran.err.splitlines()[-1]


# The whole way, in processes of their own


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell starts it, with the tests' database and a Redis database of this process alone."""
    name = connection.settings_dict["NAME"]
    database, _, options = addresses().database_url.partition("?")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DATABASE_URL": f"{database.rpartition('/')[0]}/{name}?{options}",
            "REDIS_URL": addresses().redis_url.replace("db=0", f"db={15 - worker % 15}"),
            "DJANGO_SETTINGS_MODULE": "portal.settings.test",
            "WORKER_CONCURRENCY": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_reconcile_on_a_real_worker_parks_a_customer_that_fails_and_finishes_the_others(
    committed: None, files: UsageFiles
) -> None:
    refs = ["C-1", "C-2", "C-3"]
    enter(
        portfolio(
            partner("P-1", *(customer(ref, subscription(f"Sub-{ref}", line(STANDARD, 1))) for ref in refs))
        )
    )
    for ref in refs:
        files.use(session("a", "08:00", "16:00"), session("b", "08:00", "16:00"), customer=ref)
    broken = stored_customer("C-2")
    with connections["owner"].cursor() as cursor:  # no door makes such a row
        cursor.execute(
            "UPDATE subscriptions_subscription SET licence_model = '' WHERE customer_id = %s", [broken.pk]
        )

    ran = in_a_process("reconcile", "--format", "json")

    assert json.loads(ran.stdout) == {"customers": 3, "days": 60, "parked": 1}
    assert ran.returncode == 1
    assert "3 of 3 customers" in ran.stderr
    assert "customer C-2 is parked: AssertionError" in ran.stderr
    assert (
        ran.stderr.splitlines()[-1] == "CommandError: 1 customers could not be calculated; they stay stale."
    )
    with scope(PROVIDER):
        assert Run.objects.get().finished_at is not None
        assert list(RunItem.objects.order_by("customer_id").values_list("state", "days")) == [
            ("done", 30),
            ("parked", 0),
            ("done", 30),
        ]
        assert list(CycleResult.objects.values_list("customer__ref", "agent_overage")) == [
            ("C-1", 1),
            ("C-3", 1),
        ]
        assert set(StaleSpan.objects.values_list("customer__ref", flat=True)) == {"C-2"}
