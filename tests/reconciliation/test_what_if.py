"""What if: cycles rated again under other commitments, from what is stored of them and never from a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import LicenceModel, Service, SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.domain.detail import Use
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.whatif import Changes, Commitment, Comparison, Kept, NewQuantity, re_rate
from apps.reconciliation.models import CycleResult
from apps.reconciliation.selectors import (
    NoSuchCycle,
    NothingToUse,
    calculate_cycle,
    cycle_starting,
    get_figures,
)
from apps.reconciliation.services import reconcile_customer
from apps.reconciliation.whatif import ReRated, re_rate_cycles
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.models import Subscription, SubscriptionLine, SurgeChange
from tests.factories.portfolios import PREMIUM, STANDARD, entered, line, subscription
from tests.factories.usage import UsageFiles, session
from tests.oracle.strategies import KINDS, Month, months
from tests.oracle.voice import accepted_calls, voice_paths
from tests.soak.comparison import taken_in

TODAY = date(2024, 12, 1)
JUNE, JULY = date(2024, 6, 1), date(2024, 7, 1)
FIRST = date(2024, 6, 10)
PREMIUM_TYPE, STANDARD_TYPE = UsageType.PREMIUM_NAMED, UsageType.STANDARD_NAMED


# The rules, of days made by hand


def kept(
    use: Mapping[UsageType, Sequence[int]],
    committed: Mapping[UsageType, Sequence[int]],
    *,
    calls: Sequence[Sequence[int]] | None = None,
    surge: int = 0,
    setting: Settings | None = None,
) -> Kept:
    """A cycle of as many days as are given. ``calls``: by day, the calls of its first minutes."""
    days = len(next(iter(use.values())))
    period = Period(FIRST, FIRST + timedelta(days=days - 1))
    by_minute = None
    if calls is not None:
        by_minute = np.zeros((days, 1440), np.int64)
        for day, minutes in enumerate(calls):
            by_minute[day, : len(minutes)] = minutes
    return Kept(
        cycle=period,
        until=period.last,
        licence_model=LicenceModel.NAMED,
        settings=setting or Settings(),
        committed={usage_type: np.array(each, np.int64) for usage_type, each in committed.items()},
        use={usage_type: Use(np.array(each, np.int64)) for usage_type, each in use.items()},
        calls=by_minute,
        surge=[surge] * days,
    )


def billed(comparison: Comparison) -> dict[str, tuple[int, int]]:
    """What is billed of each type, as it is and as it would be."""
    return {
        usage_type.value: (
            comparison.before.billed_of(usage_type).quantity,
            comparison.after.billed_of(usage_type).quantity,
        )
        for usage_type in comparison.usage_types
    }


USED = {PREMIUM_TYPE: [6, 6, 6], STANDARD_TYPE: [28, 30, 31], UsageType.IVR_PORT: [10, 90, 10]}
HELD = {PREMIUM_TYPE: [5, 5, 5], STANDARD_TYPE: [20, 20, 20], UsageType.IVR_PORT: [4, 4, 4]}


@pytest.mark.parametrize(
    ("quantities", "since", "premium", "standard", "ports"),
    [
        ({}, None, 1, 11, 12),
        # R5: one Premium more takes one overage away; bundled ports are as many as before (R8).
        ({Commitment.PREMIUM: NewQuantity(6)}, None, 0, 11, 12),
        ({Commitment.PREMIUM: NewQuantity(1, is_added=True)}, None, 0, 11, 12),
        # R4: Premium that is not used covers Standard.
        ({Commitment.PREMIUM: NewQuantity(10)}, None, 0, 7, 12),
        # R8: more agents than are used bring ports of their own.
        ({Commitment.STANDARD: NewQuantity(20, is_added=True)}, None, 1, 0, 0),
        ({Commitment.PORTS: NewQuantity(16)}, None, 1, 11, 0),
        ({Commitment.PORTS: NewQuantity(-5, is_added=True)}, None, 1, 11, 16),
        # Fewer than none are none.
        ({Commitment.STANDARD: NewQuantity(-99, is_added=True)}, None, 1, 31, 12),
        # R6: the largest overage of a day that is left.
        ({Commitment.STANDARD: NewQuantity(31)}, FIRST + 2 * ONE_DAY, 1, 10, 14),
        ({Commitment.STANDARD: NewQuantity(31)}, FIRST - 40 * ONE_DAY, 1, 0, 12),
    ],
)
def test_other_commitments_change_what_is_billed_by_the_rules(
    quantities: dict[Commitment, NewQuantity], since: date | None, premium: int, standard: int, ports: int
) -> None:
    comparison = re_rate(kept(USED, HELD), Changes(quantities, since=since))

    assert billed(comparison) == {
        "premium-named": (1, premium),
        "standard-named": (11, standard),
        "ivr-port": (12, ports),
    }


def test_R11_workforce_optimization_has_rows_where_it_would_be_committed() -> None:
    comparison = re_rate(kept(USED, HELD), Changes({Commitment.WFO: NewQuantity(3)}))

    assert billed(comparison)["workforce-optimization"] == (0, 0)
    assert UsageType.WORKFORCE_OPTIMIZATION not in {
        each.usage_type for each in comparison.before.figures.types
    }
    assert comparison.after.committed[UsageType.WORKFORCE_OPTIMIZATION].tolist() == [3, 3, 3]


def test_the_setting_of_the_billed_peak_holds_under_the_change_too() -> None:
    used = {PREMIUM_TYPE: [6, 9], STANDARD_TYPE: [31, 20], UsageType.IVR_PORT: [0, 0]}
    held = {PREMIUM_TYPE: [5, 5], STANDARD_TYPE: [20, 20]}
    fewer = Changes({Commitment.STANDARD: NewQuantity(25)})
    combined = Settings(billed_peak="combined_day")

    assert billed(re_rate(kept(used, held), fewer))["premium-named"] == (4, 4)
    assert billed(re_rate(kept(used, held, setting=combined), fewer))["premium-named"] == (1, 1)


@pytest.mark.parametrize(
    ("changes", "surge", "accepted", "minutes", "most"),
    [
        # R9: 14 × 3 + 2 = 44, and with 30 % 57: the 58th call is one too many.
        (Changes(), 3000, 57, [1, 0], [1, 0]),
        (Changes(surge_basis_points=0), 3000, 44, [2, 2], [14, 2]),
        (Changes(surge_basis_points=10_000), 0, 88, [0, 0], [0, 0]),
        (Changes({Commitment.PREMIUM: NewQuantity(5)}), 3000, 61, [0, 0], [0, 0]),
        (Changes({Commitment.PORTS: NewQuantity(0)}, surge_basis_points=0), 3000, 42, [2, 3], [16, 4]),
        # R9 is about commitments alone: WFO has no path.
        (Changes({Commitment.WFO: NewQuantity(50)}), 3000, 57, [1, 0], [1, 0]),
    ],
)
def test_R9_minutes_with_more_calls_than_would_be_accepted(
    changes: Changes, surge: int, accepted: int, minutes: list[int], most: list[int]
) -> None:
    held = {PREMIUM_TYPE: [4, 4], STANDARD_TYPE: [10, 10], UsageType.IVR_PORT: [2, 2]}
    calls = [[45, 58, 3], [46, 46, 43]]

    comparison = re_rate(kept({UsageType.IVR_PORT: [0, 0]}, held, calls=calls, surge=surge), changes)

    voice = comparison.after.voice
    assert voice.accepted.tolist() == [accepted, accepted]
    assert voice.minutes_above.tolist() == minutes
    assert voice.most_above.tolist() == most
    assert comparison.calls.used.tolist() == [58, 46]
    assert comparison.calls.peak_at is not None
    assert comparison.calls.peak_at.tolist() == [1, 0]


@given(
    held=st.tuples(*[st.integers(0, 400)] * 3),
    surge=st.integers(0, 100_000),
    calls=st.lists(st.integers(0, 2_000), min_size=1, max_size=20),
)
def test_R9_accepted_calls_and_minutes_above_as_the_rule_says_literally(
    held: tuple[int, int, int], surge: int, calls: list[int]
) -> None:
    premium, standard, ports = held
    committed = {PREMIUM_TYPE: [premium], STANDARD_TYPE: [standard], UsageType.IVR_PORT: [ports]}
    accepted = accepted_calls(voice_paths(premium, standard, ports), surge)

    voice = re_rate(
        kept({UsageType.IVR_PORT: [0]}, committed, calls=[calls]), Changes(surge_basis_points=surge)
    ).after.voice

    assert voice.accepted.tolist() == [accepted]
    assert voice.minutes_above.tolist() == [sum(1 for each in calls if each > accepted)]
    assert voice.most_above.tolist() == [max([0, *(each - accepted for each in calls)])]


# From what is stored


@pytest.fixture
def owner(db: None, files: UsageFiles) -> Customer:
    """C-1: 1 Premium and 2 Standard committed; in June 4 Standard, a contact, a call in which two overlap."""
    owner = entered(subscription("Sub-1", line(PREMIUM, 1), line(STANDARD, 2)), surge_pct="10")
    files.use(*(session(agent, "08:00", "16:00") for agent in "abcd"))
    files.use(session("c", "10:00", "10:05"), kind="ivr-legs")
    files.use(
        *(session(f"call-{number}", "11:00", "11:03") for number in range(11)),
        session("late", "11:01", "11:02"),
        kind="voice-calls",
    )
    return owner


def ask(
    owner: Customer, changes: Changes | None = None, *first_days: date, today: date = TODAY
) -> list[ReRated]:
    with scope(PROVIDER):
        return re_rate_cycles(owner, first_days or (JUNE,), changes or Changes(), today=today)


def reconcile(owner: Customer, today: date = TODAY) -> None:
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=today)


MORE = Changes({Commitment.STANDARD: NewQuantity(2, is_added=True)}, surge_basis_points=0)


def test_no_record_is_read(owner: Customer) -> None:
    reconcile(owner)

    with CaptureQueriesContext(connection) as queries:
        (june,) = ask(owner, MORE)

    read = [query["sql"] for query in queries]
    assert any("reconciliation_typefigures" in sql for sql in read)
    assert not [sql for sql in read if "usage_interval" in sql or "usage_event" in sql]
    assert not [sql for sql in read if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert billed(june.comparison)["standard-named"] == (1, 0)
    # 3 agents: 9 paths and with 10 % 9 calls; with 2 more agents 15: 12 calls at once are not too many.
    before, after = june.comparison.before.voice, june.comparison.after.voice
    assert (before.accepted[9], before.minutes_above[9], before.most_above[9]) == (9, 3, 3)
    assert (after.accepted[9], after.minutes_above.sum(), after.most_above.sum()) == (15, 0, 0)
    assert june.comparison.calls.used[9] == 12


def test_R9_a_percentage_that_is_changed_now_was_another_one_then(owner: Customer) -> None:
    reconcile(owner)
    with scope(PROVIDER):
        SurgeChange.objects.create(
            partner_id=owner.partner_id,
            customer=owner,
            by="dana@example.com",
            before_basis_points=1000,
            after_basis_points=50_000,
            reason="a busy summer",
        )

    (june,) = ask(owner)

    assert list(june.comparison.before.surge) == [1000] * 30
    assert june.comparison.after.voice.accepted.tolist() == [9] * 30


def test_several_cycles_each_once_and_one_without_use_is_zeros(owner: Customer) -> None:
    reconcile(owner)

    june, july = ask(owner, MORE, JUNE, JULY, JUNE)

    assert [each.cycle.first for each in (june, july)] == [JUNE, JULY]
    with scope(PROVIDER):
        assert list(CycleResult.objects.values_list("first_day", flat=True)) == [JUNE]
        zeros = get_figures(owner, july.cycle, today=TODAY)
    assert july.comparison.before.figures.rows == zeros.rows
    assert billed(july.comparison) == {"premium-named": (0, 0), "standard-named": (0, 0), "ivr-port": (0, 0)}
    assert june.is_up_to_date
    assert july.is_up_to_date


def test_an_open_cycle_is_taken_as_it_was_calculated_last_and_says_so(
    owner: Customer, files: UsageFiles
) -> None:
    reconcile(owner, today=date(2024, 6, 12))

    (then,) = ask(owner, today=date(2024, 6, 12))
    (later,) = ask(owner, today=date(2024, 6, 20))
    files.use(session("new", "08:00", "16:00"))
    (stale,) = ask(owner, today=date(2024, 6, 12))

    assert (then.until, then.is_up_to_date, then.is_closed) == (date(2024, 6, 11), True, False)
    assert (later.until, later.is_up_to_date) == (date(2024, 6, 11), False)
    assert (stale.until, stale.is_up_to_date) == (date(2024, 6, 11), False)
    assert billed(stale.comparison) == billed(then.comparison)


def test_a_closed_cycle_is_taken_as_it_was_closed(owner: Customer, files: UsageFiles) -> None:
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=JUNE, today=TODAY, by="test")
    (closed,) = ask(owner, MORE)
    files.use(session("late", "08:00", "16:00"))
    with scope(PROVIDER):
        SubscriptionLine.objects.update(quantity=50)
    reconcile(owner)

    (later,) = ask(owner, MORE)

    assert (later.is_closed, later.is_up_to_date) == (True, True)
    assert later.comparison.before.figures.rows == closed.comparison.before.figures.rows
    assert billed(later.comparison) == billed(closed.comparison)


def test_what_cannot_be_asked(owner: Customer, strangers: Customer) -> None:
    with pytest.raises(NoSuchCycle):
        ask(owner, MORE, date(2024, 6, 2))
    with pytest.raises(NothingToUse):
        ask(owner, MORE, date(2024, 12, 1))
    with pytest.raises(NoSuchCycle):
        ask(strangers, MORE)


# Random months: the same as what is stored, and as a recalculation after really changing the commitments


@st.composite
def changes(draw: st.DrawFn, first: date) -> Changes:
    quantity = st.builds(NewQuantity, st.integers(0, 12), is_added=st.just(False)) | st.builds(
        NewQuantity, st.integers(-6, 6), is_added=st.just(True)
    )
    return Changes(
        draw(st.dictionaries(st.sampled_from(Commitment), quantity, min_size=1)),
        since=draw(st.none() | st.integers(-3, 33).map(lambda days: first + timedelta(days=days))),
    )


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(month=months(KINDS, settings=True), data=st.data())
def test_it_equals_what_is_stored_and_a_recalculation_from_the_records(
    month: Month, data: st.DataObject, db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with taken_in(month, tmp_path_factory.mktemp("months")) as (side, owner):
        for result in CycleResult.objects.filter(customer=owner).order_by("first_day")[:2]:
            cycle = cycle_starting(owner, result.first_day, today=side.today, service=Service.CONTACT_CENTRE)
            change = data.draw(changes(cycle.first))
            (asked,) = re_rate_cycles(owner, [cycle.first], change, today=side.today)
            stored = get_figures(owner, cycle, today=side.today)
            assert (asked.until, asked.is_up_to_date, stored.is_stored) == (stored.until, True, True)
            assert asked.comparison.before.figures.rows == stored.rows
            assert asked.comparison.before.figures.billed == stored.billed

            with transaction.atomic():
                really_change(owner, cycle, asked)
                recalculated = calculate_cycle(owner, cycle, until=asked.until).figures
                transaction.set_rollback(True)
            assert asked.comparison.after.figures.rows == recalculated.rows
            assert asked.comparison.after.figures.billed == recalculated.billed


def really_change(owner: Customer, cycle: Cycle, asked: ReRated) -> None:
    """Replace the lines of the cycle's usage types by some that give the wanted quantity of each day."""
    SubscriptionLine.objects.filter(customer=owner, sku__kind=SkuKind.COMMITTED).update(
        withdrawn_at=timezone.now()
    )
    primary = Subscription.objects.get(number=cycle.primary.number)
    for usage_type, by_day in asked.comparison.after.committed.items():
        sku = Sku.objects.get(kind=SkuKind.COMMITTED, usage_type=usage_type)
        day = cycle.first
        for quantity, run in groupby(by_day.tolist()):
            last = day + timedelta(days=len(list(run)) - 1)
            SubscriptionLine.objects.create(
                partner_id=owner.partner_id,
                customer=owner,
                subscription=primary,
                sku=sku,
                quantity=quantity,
                valid_from=day,
                valid_to=last,
            )
            day = last + ONE_DAY
