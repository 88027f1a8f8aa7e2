"""How a customer stands, and what its newest cycle with usage came to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.catalogue.domain.kinds import UsageType
from apps.core.tenancy import PROVIDER, scope
from apps.dashboard.selectors import CustomerAtAGlance, Standing, describe, of_standing, worklist
from apps.organisations.models import Customer
from apps.reconciliation.services import reconcile_customer
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    STANDARD,
    WFO,
    customer,
    enter,
    line,
    partner,
    portfolio,
    price,
    price_book,
    subscription,
)
from tests.factories.usage import UsageFiles, session

TODAY = date(2024, 7, 20)
OVERAGE, EXPIRING, INACTIVE, ACTIVE, NONE, EXPIRED = Standing


def glance(ref: str = "C-1", *, today: date = TODAY) -> CustomerAtAGlance:
    with scope(PROVIDER):
        found = describe(worklist(today=today).filter(ref=ref), today=today)
        return found[0]


def reconcile(ref: str = "C-1", *, today: date = TODAY) -> None:
    with scope(PROVIDER):
        reconcile_customer(customer=Customer.objects.get(ref=ref), today=today)


@pytest.mark.parametrize(
    ("terms", "standings"),
    [
        ([], [NONE]),
        ([("2024-07-21", None)], [NONE]),
        ([("2024-07-20", None)], [ACTIVE]),
        ([("2024-06-16", None)], [ACTIVE]),
        ([("2024-06-15", None)], [INACTIVE, ACTIVE]),
        ([("2024-07-01", "2024-07-20")], [EXPIRING, ACTIVE]),
        ([("2024-07-01", "2024-08-19")], [EXPIRING, ACTIVE]),
        ([("2024-07-01", "2024-08-20")], [ACTIVE]),
        ([("2024-01-01", None), ("2024-07-01", "2024-08-01")], [EXPIRING, INACTIVE, ACTIVE]),
        ([("2024-01-01", "2024-07-19")], [EXPIRED]),
        ([("2024-01-01", "2024-07-19"), ("2024-07-21", None)], [NONE]),
    ],
)
@pytest.mark.django_db
def test_standing_is_judged_by_today(terms: list[tuple[str, str | None]], standings: list[Standing]) -> None:
    held = [
        subscription(f"Sub-{number}", starts_on=first, ends_on=last)
        for number, (first, last) in enumerate(terms)
    ]
    enter(portfolio(partner("P-1", customer("C-1", *held))))
    assert glance().standings == standings
    with scope(PROVIDER):
        for standing in Standing:
            found = of_standing(worklist(today=TODAY), standing).exists()
            assert found is (standing in standings), standing


@pytest.mark.django_db
def test_a_record_of_the_last_35_days_is_activity(usage: UsageFiles) -> None:
    enter(portfolio(partner("P-1", customer("C-1", subscription()))))
    usage.use(session("a", "08:00", "16:00", day=TODAY - timedelta(days=36)), kind="ivr-legs")
    assert INACTIVE in glance().standings
    usage.use(session("a", "00:00", "16:00", day=TODAY - timedelta(days=35)), kind="ivr-legs")
    assert INACTIVE not in glance().standings


@pytest.fixture
def busy(usage: UsageFiles, db: None) -> None:
    """C-1 holds 1 Premium, 2 Standard, 1 WFO and 3 ports more; in June it uses more of everything."""
    held = subscription("Sub-1", line(PREMIUM, 1), line(STANDARD, 2), line(WFO, 1), line(IVR, 3))
    enter(portfolio(partner("P-1", customer("C-1", held, name="Kvarnen"))))
    day = date(2024, 6, 10)
    agents = [session(f"p{n}", "08:00", "16:00", premium=True, day=day) for n in range(2)]
    agents += [session(f"s{n}", "08:00", "16:00", day=day) for n in range(4)]
    usage.use(*agents)
    usage.use(*(session(f"s{n}", "08:00", "16:00", day=day) for n in range(3)), kind="wfo-sessions")
    usage.use(*(session(f"c{n}", "09:00", "09:01", day=day) for n in range(17)), kind="ivr-legs")
    reconcile()


def test_overage_of_the_newest_cycle_with_usage(busy: None) -> None:
    found = glance()
    cycle = found.cycle
    assert found.standings == [OVERAGE, INACTIVE, ACTIVE]
    assert found.strongest is OVERAGE
    assert cycle is not None
    assert (cycle.period.first, cycle.until, cycle.is_closed) == (date(2024, 6, 1), date(2024, 6, 30), False)
    assert cycle.peak == (6, 3)
    assert (len(cycle.used), len(cycle.committed)) == (30, 30)
    # R8: 2 × (3 committed + 3 billed) + 3 = 15 ports, 17 used.
    assert cycle.billed == {
        UsageType.PREMIUM_NAMED: 1,
        UsageType.STANDARD_NAMED: 2,
        UsageType.WORKFORCE_OPTIMIZATION: 2,
        UsageType.IVR_PORT: 2,
    }
    assert cycle.agent_overage == 3
    # R14: 120 + 2 × 60 + 2 × 24 + 2 × 12.
    assert (cycle.amount, cycle.currency) == (Decimal("312.00"), "EUR")


def test_the_amount_is_that_of_the_cycles_last_day_and_discounted(usage: UsageFiles, db: None) -> None:
    book = price_book(
        "book",
        price(f"{STANDARD}-O", "60.00", first="2024-01-01"),
        price(f"{STANDARD}-O", "70.05", first="2024-06-30", discount="10"),
        price(f"{STANDARD}-O", "99.00", first="2024-07-01"),
        currency="JPY",
    )
    enter(portfolio(partner("P-1", customer("C-1", subscription())), books=[book]))
    usage.use(session("a", "08:00", "16:00", day=date(2024, 6, 10)))
    reconcile()
    cycle = glance().cycle
    assert cycle is not None
    assert (cycle.amount, cycle.currency) == (Decimal(63), "JPY")


@pytest.mark.parametrize(
    ("fields", "currency"), [({"price_book": None}, ""), ({"price_book": "empty"}, "EUR")]
)
def test_without_a_price_there_is_no_amount(
    usage: UsageFiles, db: None, fields: dict[str, Any], currency: str
) -> None:
    books = [{"ref": "empty", "currency": "EUR", "prices": []}]
    enter(portfolio(partner("P-1", customer("C-1", subscription()), **fields), books=books))
    usage.use(session("a", "08:00", "16:00", day=date(2024, 6, 10)))
    reconcile()
    cycle = glance().cycle
    assert cycle is not None
    assert cycle.billed
    assert (cycle.amount, cycle.currency) == (None, currency)


def test_new_records_make_the_cycle_stale_until_it_is_calculated(busy: None, usage: UsageFiles) -> None:
    cycle = glance().cycle
    assert cycle is not None
    assert not cycle.is_stale
    usage.use(session("z", "08:00", "16:00", day=date(2024, 6, 12)))
    cycle = glance().cycle
    assert cycle is not None
    assert cycle.is_stale


def test_whoever_has_no_active_subscription_stands_last(busy: None) -> None:
    ended = subscription("Sub-1", ends_on="2024-07-10")
    enter(portfolio(partner("P-1", customer("C-1", ended), customer("C-2", subscription("Sub-2")))))
    found = glance()
    assert found.standings == [OVERAGE, EXPIRED]
    assert found.strongest is EXPIRED
    assert found.also == [OVERAGE]
    with scope(PROVIDER):
        order = ("attention",)
        refs = worklist(today=TODAY).order_by(*order).values_list("ref", flat=True)
        assert list(refs) == ["C-2", "C-1"]


@pytest.mark.django_db
def test_the_primary_is_that_of_today_or_the_last_that_was() -> None:
    older = subscription("Sub-2", starts_on="2024-01-01", ends_on="2024-06-30")
    newer = subscription("Sub-1", starts_on="2024-02-01", ends_on="2024-08-05")
    enter(portfolio(partner("P-1", customer("C-1", older, newer))))
    for today, primary, ends_next in (
        (date(2023, 12, 1), "Sub-2", None),
        (date(2024, 3, 1), "Sub-2", None),
        (date(2024, 6, 1), "Sub-2", "Sub-2"),
        (date(2024, 7, 20), "Sub-1", "Sub-1"),
        (date(2024, 9, 1), "Sub-1", None),
    ):
        found = glance(today=today)
        assert found.primary is not None
        assert found.primary.number == primary
        assert (found.ends_next.number if found.ends_next else None) == ends_next
