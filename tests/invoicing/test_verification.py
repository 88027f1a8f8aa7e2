"""Closed cycles calculated again: what is not as it was closed is found; what only came later is told apart (R13)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from hypothesis import HealthCheck, given, settings
from pytest_django import Settings

from apps.catalogue.models import Offer
from apps.core.tenancy import NOBODY, PROVIDER, Role, Scope, scope
from apps.invoicing import tasks
from apps.invoicing.services import issue_invoices
from apps.invoicing.verification import issued_papers, verify_closed_cycle
from apps.organisations.models import Customer
from apps.reconciliation.domain import counting, detail
from apps.reconciliation.domain.closing import Cause, Difference
from apps.reconciliation.domain.logins import AgentsUsed, logged_in_by_day
from apps.reconciliation.domain.overage import settle_agents
from apps.reconciliation.models import (
    BilledQuantity,
    CycleLogins,
    CycleProfile,
    CycleResult,
    TypeFigures,
    Verification,
)
from apps.reconciliation.services import reconcile_customer
from apps.reconciliation.verification import IssuedPaper, verify
from apps.subscriptions.models import ClosedCycle
from apps.subscriptions.services import import_portfolio
from tests.factories.commands import Shell
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    SMS,
    STANDARD,
    WFO,
    digital,
    entered,
    line,
    portfolio_of,
    price,
    price_book,
    subscription,
)
from tests.factories.usage import UsageFiles, session
from tests.oracle.strategies import KINDS, Month, months
from tests.soak.comparison import taken_in

TODAY = date(2024, 12, 1)
NOW = datetime(2024, 12, 1, 2, 17, tzinfo=UTC)
JUNE, JULY, AUGUST = date(2024, 6, 1), date(2024, 7, 1), date(2024, 8, 1)
CENTRE = subscription(
    "Sub-1", line(PREMIUM, 1), line(STANDARD, 1, last="2024-06-20"), line(WFO, 1), line(IVR, 2)
)


def use_june(files: UsageFiles, *agents: str) -> None:
    files.use(*(session(agent, "08:00", "16:00") for agent in agents))


@pytest.fixture
def owner(db: None, files: UsageFiles) -> Customer:
    """C-1 with named agents, workforce optimization, IVR ports and voice calls in June, which is closed."""
    owner = entered(CENTRE)
    use_june(files, "agent-one", "agent-two", "agent-three")
    files.use(session("agent-one", "09:00", "10:00"), kind="wfo-sessions")
    files.use(session("contact", "09:00", "09:05"), kind="ivr-legs")
    files.use(session("call", "09:00", "09:05"), kind="voice-calls")
    issue(owner, JUNE)
    return owner


def issue(owner: Customer, *first_days: date) -> None:
    with scope(PROVIDER):
        for first_day in first_days:
            issue_invoices(customer=owner, first_day=first_day, today=TODAY, by="test")


def closed_cycle(first_day: date = JUNE) -> ClosedCycle:
    with scope(PROVIDER):
        return ClosedCycle.objects.select_related("customer", "primary__offer").get(first_day=first_day)


def verified(first_day: date = JUNE) -> list[tuple[Any, ...]]:
    """What is kept of a verification: cause, name, day, before and after of each difference."""
    with scope(PROVIDER):
        kept = verify_closed_cycle(closed=closed_cycle(first_day), at=NOW)
        assert Verification.objects.get(closed__first_day=first_day).differences == kept.differences
    return [tuple(each.values()) for each in kept.differences]


def outcome(first_day: date = JUNE) -> str:
    with scope(PROVIDER):
        return Verification.objects.get(closed__first_day=first_day).outcome


# What is kept when a cycle is closed


def test_R15_the_snapshot_explains_the_figures_without_the_records(owner: Customer) -> None:
    snapshot = closed_cycle().snapshot

    assert snapshot["inputs"]["rules"]
    assert snapshot["inputs"]["settings"]["licence_model"] == "named"
    assert snapshot["inputs"]["cycle"] == ["2024-06-01", "2024-06-30", "Sub-1"]
    assert snapshot["inputs"]["committed"]["standard-named"] == [1] * 20 + [0] * 10
    assert snapshot["lines"] == [
        {
            "subscription": "Sub-1",
            "sku": sku,
            "usage_type": usage_type,
            "quantity": quantity,
            "from": "2024-06-01",
            "to": last,
        }
        for sku, usage_type, quantity, last in (
            (IVR, "ivr-port", 2, "2024-06-30"),
            (PREMIUM, "premium-named", 1, "2024-06-30"),
            (STANDARD, "standard-named", 1, "2024-06-20"),
            (WFO, "workforce-optimization", 1, "2024-06-30"),
        )
    ]
    assert len(snapshot["rows"]) == 30 * 4
    # 3 Standard against 1, and 1 Premium that is free; from the 21st against none.
    assert snapshot["billed"]["standard-named"] == 2
    assert snapshot["billed_on"] == {"standard-named": "2024-06-21"}
    assert snapshot["facts"]["count"] == 6
    assert {family: kept["count"] for family, kept in snapshot["logins"].items()} == {"agents": 3, "wfo": 1}
    assert set(snapshot["profiles"]) == {"ivr-port", "voice"}
    assert "agent-one" not in json.dumps(snapshot)


def test_the_same_records_in_another_order_give_the_same_hashes(db: None, files: UsageFiles) -> None:
    hashes = []
    for agents in ("abc", "cab"):
        with transaction.atomic():
            owner = entered(CENTRE)
            files.use(*(session(agent, "08:00", "16:00") for agent in agents))
            issue(owner, JUNE)
            closed = closed_cycle()
            hashes.append((closed.inputs_hash, closed.snapshot["facts"], closed.snapshot["logins"]))
            transaction.set_rollback(True)
    assert hashes[0] == hashes[1]


# Nothing changed


def test_nothing_is_reported_when_nothing_changed(owner: Customer, shell: Shell) -> None:
    assert verified() == []
    assert outcome() == "same"
    ran = shell("verify_cycle", "--customer", "C-1")
    assert (ran.code, ran.out) == (0, "1 closed cycles verified, 0 with differences\n")


def test_recalculating_everything_else_changes_nothing_of_a_closed_cycle(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(session("agent-four", "08:00", "16:00", day=JULY))
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
    assert verified() == []


def test_settings_that_change_later_are_for_later_cycles(owner: Customer) -> None:
    with scope(PROVIDER):
        Offer.objects.update(billed_peak="combined_day", ivr_peak="instant", longest_open_hours=1)
    assert verified() == []


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(month=months(KINDS, settings=True))
def test_random_months_that_are_issued_verify(
    month: Month, db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with taken_in(month, tmp_path_factory.mktemp("months")) as (side, owner):
        for _service, cycle in side.oracle.invoiceable(side.ref, since=side.story.since)[:2]:
            issue_invoices(customer=owner, first_day=cycle.first, today=side.today, by="test")
        for closed in ClosedCycle.objects.select_related("customer", "primary__offer"):
            assert verify(closed, issued_papers(closed)) == []


# What came later


def test_R13_a_late_record_is_reported_as_late_and_is_no_error(
    owner: Customer, files: UsageFiles, shell: Shell
) -> None:
    use_june(files, "agent-four")

    found = verified()

    assert {cause for cause, *_rest in found} == {"records"}
    counts = [(before["count"], after["count"]) for _, name, _, before, after in found if name == "records"]
    assert counts == [(6, 7)]
    assert ("records", "billed standard-named", None, 2, 3) in found
    assert ("records", "standard-named used", "2024-06-10", 3, 4) in found
    assert outcome() == "later"
    ran = shell("verify_cycle", "--customer", "C-1", "--cycle", "2024-06-01")
    assert ran.code == 0
    line, summary = ran.out.splitlines()
    assert line == (
        "C-1 contact-centre 2024-06-01 – 2024-06-30: records arrived or changed later, to be adjusted:"
        f" billed standard-named 2 → 3 (and {len(found) - 1} more)"
    )
    assert summary == "1 closed cycles verified, 1 with differences"


def test_R13_a_late_record_that_changes_no_figure_is_told_all_the_same(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(session("agent-one", "17:00", "18:00"))
    ((cause, name, day, _before, _after),) = verified()
    assert (cause, name, day) == ("records", "records", None)


def test_R13_a_commitment_that_is_changed_late_is_told_with_its_days(owner: Customer) -> None:
    later = subscription("Sub-1", line(PREMIUM, 2))
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(portfolio_of(later)), by="test", late=True)

    found = verified()

    assert found[0] == ("commitments", "premium-named committed", "2024-06-01", 1, 2)
    assert len(found) == 30 + 1
    assert found[-1] == ("commitments", "billed standard-named", None, 2, 1)
    assert outcome() == "later"


def test_what_came_later_is_told_apart_when_both_did(owner: Customer, files: UsageFiles) -> None:
    use_june(files, "agent-four")
    with scope(PROVIDER):
        import_portfolio(
            text=json.dumps(portfolio_of(subscription("Sub-1", line(PREMIUM, 4)))), by="test", late=True
        )
    billed = [row for row in verified() if row[1].startswith("billed")]
    assert billed == [
        ("records", "billed standard-named", None, 2, 3),
        ("commitments", "billed standard-named", None, 3, 0),
    ]


# What must never happen


def tamper_with_a_figure() -> None:
    stored = TypeFigures.objects.get(usage_type="standard-named")
    stored.used[(date(2024, 6, 12) - stored.first_day).days] += 4
    stored.save()


def tamper_with_a_mark() -> None:
    TypeFigures.objects.update(marked=None)


def take_a_type() -> None:
    TypeFigures.objects.filter(usage_type="ivr-port").delete()


def tamper_with_a_quantity() -> None:
    BilledQuantity.objects.filter(usage_type="standard-named").update(quantity=1)


def tamper_with_its_day() -> None:
    BilledQuantity.objects.filter(usage_type="standard-named").update(day=date(2024, 6, 10))


def tamper_with_logins() -> None:
    CycleLogins.objects.filter(family="agents").update(agents=["agent-one", "agent-three", "somebody"])


def tamper_with_a_profile() -> None:
    profile = CycleProfile.objects.get(measure="voice")
    profile.counts = bytes(profile.counts)[:-1] + b"\1"  # a call more, from the last change on
    profile.save()


def take_the_result() -> None:
    CycleResult.objects.all().delete()


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (tamper_with_a_figure, ("stored", "standard-named used", "2024-06-12", 3, 7)),
        (tamper_with_a_mark, ("stored", "standard-named is_overage_peak", "2024-06-21", True, False)),
        (take_a_type, ("stored", "ivr-port row", "2024-06-12", 0, None)),
        (tamper_with_a_quantity, ("stored", "billed standard-named", None, 2, 1)),
        (tamper_with_its_day, ("stored", "day billed of standard-named", None, "2024-06-21", "2024-06-10")),
        (tamper_with_logins, ("stored", "first logins of agents", None)),
        (tamper_with_a_profile, ("stored", "day profiles of voice", None)),
        (take_the_result, ("stored", "result", None)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_stored_is_held_against_the_snapshot(
    owner: Customer,
    shell: Shell,
    caplog: pytest.LogCaptureFixture,
    tamper: Callable[[], None],
    expected: tuple[Any, ...],
) -> None:
    with scope(PROVIDER):
        tamper()

    with caplog.at_level(logging.ERROR, "apps.reconciliation"):
        found = verified()

    assert expected in [row[: len(expected)] for row in found]
    assert {cause for cause, *_rest in found} == {"stored"}
    assert outcome() == "different"
    assert "is not as it was closed" in caplog.text
    ran = shell("verify_cycle", "--all")
    assert ran.code == 1
    assert "ERROR: what is stored differs from the snapshot" in ran.out
    assert ran.err.splitlines()[-1] == "CommandError: 1 of 1 closed cycles are not as they were closed."


def test_rules_that_settle_otherwise_are_found(owner: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_substitution(**columns: Any) -> Any:
        return settle_agents(**{**columns, "premium": columns["premium_committed"]})

    monkeypatch.setattr(detail, "settle_agents", without_substitution)
    found = verified()
    assert ("rules", "billed standard-named", None, 2, 3) in found
    assert {cause for cause, *_rest in found} == {"rules"}
    assert outcome() == "different"


def test_rules_that_count_the_same_records_otherwise_are_found(
    owner: Customer, files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_more(logins: Any, period: Any) -> AgentsUsed:
        counted = logged_in_by_day(logins, period)
        return AgentsUsed(counted.premium, counted.standard + 1)

    monkeypatch.setattr(counting, "logged_in_by_day", one_more)
    found = verified()
    assert ("rules", "standard-named used", "2024-06-10", 3, 4) in found
    assert outcome() == "different"

    use_june(files, "agent-four")
    assert outcome_of_another_look() == "later", "with other records nobody can tell"


def outcome_of_another_look() -> str:
    verified()
    return outcome()


def test_a_snapshot_that_somebody_changed_does_not_fit_its_hash(owner: Customer) -> None:
    closed = closed_cycle()
    closed.snapshot["rows"][1]["used"] += 1
    with scope(PROVIDER):
        causes = {difference.cause for difference in verify(closed, [])}
    assert {Cause.SNAPSHOT, Cause.STORED} <= causes


def test_what_was_invoiced_is_held_against_the_snapshot(owner: Customer) -> None:
    closed = closed_cycle()
    with scope(PROVIDER):
        (paper,) = issued_papers(closed)
        assert paper == IssuedPaper("INV-000001", {f"{STANDARD}-O": 2})
        found = verify(
            closed, [IssuedPaper("INV-000001", {f"{STANDARD}-O": 3}), IssuedPaper("P-1-INV-1", {})]
        )
    assert found == [
        Difference(Cause.INVOICED, "INV-000001 billed standard-named", None, 2, 3),
        Difference(Cause.INVOICED, "P-1-INV-1 billed standard-named", None, 2, 0),
    ]


def test_a_cycle_closed_before_hashes_were_kept_is_verified_by_what_it_has(
    owner: Customer, files: UsageFiles
) -> None:
    closed = closed_cycle()
    for name in ("facts", "lines", "billed_on", "logins", "profiles"):
        del closed.snapshot[name]
    with scope(PROVIDER):
        assert verify(closed, issued_papers(closed)) == []
    use_june(files, "agent-four")
    with scope(PROVIDER):
        assert {difference.cause for difference in verify(closed, [])} == {Cause.RECORDS}


def test_a_cycle_that_cannot_be_calculated_is_an_outcome_and_stops_nobody(
    owner: Customer, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(owner, JULY)

    def fail(closed: ClosedCycle, issued: object) -> list[Difference]:
        if closed.first_day == JUNE:
            raise RuntimeError("no such thing")
        return verify(closed, [])

    monkeypatch.setattr("apps.invoicing.verification.verify", fail)
    ran = shell("verify_cycle", "--all", "--format", "json")
    assert ran.code == 1
    printed = json.loads(ran.out)
    assert [each["outcome"] for each in printed] == ["failed", "same"]
    assert printed[0]["differences"] == [{"cause": "failed", "name": "RuntimeError: no such thing"}]


# Digital channels


@pytest.fixture
def sender(db: None, files: UsageFiles) -> Customer:
    """C-1 with digital channels alone: 30 messages in June, 20 included."""
    books = [price_book("book", price(SMS, "0.10"))]
    file = portfolio_of(digital("Dig-1", line(SMS, 20)))
    with scope(PROVIDER):
        import_portfolio(text=json.dumps({**file, "price_books": books}), by="test")
        owner = Customer.objects.select_related("partner").get()
    send(files, 30)
    issue(owner, JUNE)
    return owner


def send(files: UsageFiles, units: int) -> None:
    files.take(
        f"record_id,sku,quantity,occurred_at\nr-{units},{SMS},{units},2024-06-05T08:00:00Z\n",
        kind="digital-usage",
    )


def test_R12_a_digital_cycle_is_verified_by_its_units(sender: Customer, files: UsageFiles) -> None:
    assert verified() == []

    send(files, 7)
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(portfolio_of(digital("Dig-1", line(SMS, 25)))), by="test", late=True)

    assert verified() == [
        ("records", f"raw units of {SMS}", None, 30, 37),
        ("commitments", f"included units of {SMS}", None, 20, 25),
    ]
    assert outcome() == "later"


def test_R12_units_that_were_invoiced_otherwise_are_found(sender: Customer) -> None:
    closed = closed_cycle()
    with scope(PROVIDER):
        assert issued_papers(closed) == [IssuedPaper("INV-000001", {SMS: 10})]
        found = verify(closed, [IssuedPaper("INV-000001", {SMS: 11})])
    assert found == [Difference(Cause.INVOICED, f"INV-000001 billed {SMS}", None, 10, 11)]
    closed.snapshot["units"][SMS]["billable"] = 11
    with scope(PROVIDER):
        assert {difference.cause for difference in verify(closed, [])} == {Cause.RULES, Cause.SNAPSHOT}


# The rotating part, and the command


def test_every_night_another_part_has_its_turn(
    owner: Customer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(owner, JULY, AUGUST, date(2024, 9, 1), date(2024, 10, 1))
    settings.VERIFIED_A_NIGHT = 2
    monkeypatch.setattr(tasks, "CYCLES_A_TASK", 1)
    monkeypatch.setattr(tasks.verify_closed_cycles, "delay", tasks.verify_closed_cycles)

    nights = []
    for night in range(4):
        monkeypatch.setattr("django.utils.timezone.now", lambda night=night: NOW + timedelta(days=night))
        tasks.verify_rotating_part()
        with scope(PROVIDER):
            looked_at = Verification.objects.filter(verified_at=NOW + timedelta(days=night))
            nights.append(sorted(looked_at.values_list("closed__first_day__month", flat=True)))

    assert nights == [[6, 7], [8, 9], [6, 10], [7, 8]]


def test_the_command_says_everything_as_json(owner: Customer, files: UsageFiles, shell: Shell) -> None:
    issue(owner, JULY)
    use_june(files, "agent-four")
    ran = shell("verify_cycle", "--all", "--format", "json")
    assert ran.code == 0
    assert [(each["customer"], each["first_day"], each["outcome"]) for each in ran.json] == [
        ("C-1", "2024-06-01", "later"),
        ("C-1", "2024-07-01", "same"),
    ]
    assert {
        "cause": "records",
        "name": "billed standard-named",
        "day": None,
        "before": 2,
        "after": 3,
    } in ran.json[0]["differences"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name a --customer, or say --all."),
        (("--customer", "C-1", "--all"), "Name a --customer, or say --all."),
        (("--all", "--cycle", "2024-06-01"), "--cycle goes with --customer."),
        (("--customer", "C-404"), "There is no customer C-404."),
        (("--customer", "C-1", "--cycle", "2024-05-01"), "No closed cycle of C-1 starts on 2024-05-01."),
        (("--customer", "C-1", "--cycle", "June"), "--cycle: 'June' is not a day like 2024-06-09."),
    ],
)
def test_what_the_command_cannot_do_is_said_in_one_line(
    owner: Customer, shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    assert shell("verify_cycle", *arguments).refusal == said


def test_outcomes_are_for_the_provider_alone(owner: Customer) -> None:
    verified()
    for reader in (
        Scope(Role.PARTNER, owner.partner_id),
        Scope(Role.CUSTOMER, owner.partner_id, owner.pk),
        NOBODY,
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            scope(reader),
        ):
            Verification.objects.exists()
