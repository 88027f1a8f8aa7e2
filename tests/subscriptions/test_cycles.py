"""R1 and R10: the primary subscription, the cycles that follow from it, and closed cycles that stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import ProgrammingError
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import LicenceModel, Service
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.subscriptions.domain.cycles import (
    Cycle,
    Term,
    find_second_licence_model,
    list_cycles,
    primary_on,
)
from apps.subscriptions.models import ClosedCycle, StaleCause, StaleSpan, Subscription
from apps.subscriptions.selectors import cycles_of, has_stale_days
from apps.subscriptions.services import close_cycle, mark_stale
from tests.factories.portfolios import STANDARD, digital, entered, line, subscription


def day(text: str) -> date:
    return date.fromisoformat(text)


def term(
    number: str,
    starts_on: str,
    ends_on: str | None = None,
    *,
    bill_day: int = 1,
    model: LicenceModel | None = LicenceModel.NAMED,
) -> Term:
    return Term(number, day(starts_on), day(ends_on) if ends_on else None, bill_day, model, "A-FLEX-3-CC")


def told(cycles: list[Cycle]) -> list[tuple[str, str, str]]:
    return [(str(cycle.first), str(cycle.last), cycle.primary.number) for cycle in cycles]


# R1


def test_R1_bill_day_9_gives_9_June_to_8_July() -> None:
    cycles = list_cycles([term("Sub-1", "2024-06-09", bill_day=9)], until=day("2024-07-09"))
    assert told(cycles) == [("2024-06-09", "2024-07-08", "Sub-1"), ("2024-07-09", "2024-08-08", "Sub-1")]


def test_R1_bill_day_31_keeps_its_anchor() -> None:
    cycles = list_cycles([term("Sub-1", "2023-01-31", bill_day=31)], until=day("2023-03-31"))
    assert told(cycles) == [
        ("2023-01-31", "2023-02-27", "Sub-1"),
        ("2023-02-28", "2023-03-30", "Sub-1"),
        ("2023-03-31", "2023-04-29", "Sub-1"),
    ]


def test_R1_the_first_and_the_last_cycle_can_be_short() -> None:
    cycles = list_cycles([term("Sub-1", "2024-06-20", "2024-08-15", bill_day=9)], until=day("2030-01-01"))
    assert told(cycles) == [
        ("2024-06-20", "2024-07-08", "Sub-1"),
        ("2024-07-09", "2024-08-08", "Sub-1"),
        ("2024-08-09", "2024-08-15", "Sub-1"),
    ]


def test_R1_a_subscription_of_one_day_has_one_cycle_of_one_day() -> None:
    cycles = list_cycles([term("Sub-1", "2024-06-20", "2024-06-20")], until=day("2030-01-01"))
    assert told(cycles) == [("2024-06-20", "2024-06-20", "Sub-1")]


@pytest.mark.parametrize("bill_day", range(1, 32))
def test_R1_every_day_lies_in_exactly_one_cycle_over_eight_years(bill_day: int) -> None:
    cycles = list_cycles([term("Sub-1", "2020-01-17", bill_day=bill_day)], until=day("2027-12-31"))
    days = [each for cycle in cycles for each in cycle.period]
    assert days == list(Period(day("2020-01-17"), cycles[-1].last))
    assert day("2027-12-31") in cycles[-1].period


def test_a_cycle_is_listed_from_its_first_day_on() -> None:
    terms = [term("Sub-1", "2024-06-09", bill_day=9)]
    assert list_cycles(terms, until=day("2024-06-08")) == []
    assert told(list_cycles(terms, until=day("2024-06-09"))) == [("2024-06-09", "2024-07-08", "Sub-1")]


def test_without_a_subscription_there_is_no_cycle() -> None:
    assert list_cycles([], until=day("2030-01-01")) == []


def test_the_end_of_the_calendar_is_no_mistake() -> None:
    cycles = list_cycles([term("Sub-1", "2999-11-15", bill_day=15)], until=date.max)
    assert told(cycles) == [("2999-11-15", "2999-12-14", "Sub-1"), ("2999-12-15", "3000-01-14", "Sub-1")]


# R10, the primary


@pytest.mark.parametrize(
    ("on", "primary"),
    [
        ("2023-12-31", None),
        ("2024-01-01", "Sub-9"),
        ("2024-06-30", "Sub-9"),
        ("2024-07-01", "Sub-1"),
        ("2024-12-31", "Sub-1"),
        ("2025-01-01", None),
    ],
)
def test_R10_the_primary_is_the_oldest_active_subscription(on: str, primary: str | None) -> None:
    terms = [term("Sub-1", "2024-02-01", "2024-12-31"), term("Sub-9", "2024-01-01", "2024-06-30")]
    found = primary_on(terms, day(on))
    assert (found and found.number) == primary


@pytest.mark.parametrize(
    ("first", "second"), [("Sub-10", "Sub-9"), ("Sub-1", "Sub-10"), ("Sub-2", "sub-1"), ("A", "a")]
)
def test_R10_of_two_that_start_together_the_number_that_comes_first_as_text_is_primary(
    first: str, second: str
) -> None:
    terms = [term(number, "2024-01-01") for number in (second, first)]
    found = primary_on(terms, day("2024-01-01"))
    assert found is not None
    assert found.number == first


def test_R10_when_the_primary_ends_its_cycle_ends_with_it_and_the_next_continues_with_its_own_bill_day() -> (
    None
):
    terms = [
        term("Sub-1", "2024-01-09", "2024-03-20", bill_day=9),
        term("Sub-2", "2024-02-01", bill_day=17),
    ]
    assert told(list_cycles(terms, until=day("2024-04-20"))) == [
        ("2024-01-09", "2024-02-08", "Sub-1"),
        ("2024-02-09", "2024-03-08", "Sub-1"),
        ("2024-03-09", "2024-03-20", "Sub-1"),
        ("2024-03-21", "2024-04-16", "Sub-2"),
        ("2024-04-17", "2024-05-16", "Sub-2"),
    ]


def test_R10_days_without_a_subscription_lie_in_no_cycle() -> None:
    terms = [term("Sub-1", "2024-01-01", "2024-01-20"), term("Sub-2", "2024-03-05", bill_day=5)]
    assert told(list_cycles(terms, until=day("2024-03-31"))) == [
        ("2024-01-01", "2024-01-20", "Sub-1"),
        ("2024-03-05", "2024-04-04", "Sub-2"),
    ]


def test_R10_a_younger_subscription_that_ends_first_changes_no_cycle() -> None:
    oldest = term("Sub-1", "2024-01-01")
    younger = term("Sub-0", "2024-01-10", "2024-01-20", bill_day=10)
    until = day("2024-03-01")
    assert list_cycles([younger, oldest], until=until) == list_cycles([oldest], until=until)


# R10, closed cycles


def closed(first: str, last: str, primary: Term) -> Cycle:
    return Cycle(Period(day(first), day(last)), primary)


def test_R10_closing_a_cycle_changes_none_of_the_others() -> None:
    terms = [term("Sub-1", "2024-01-09", "2024-09-20", bill_day=9), term("Sub-2", "2024-03-01", bill_day=31)]
    open_cycles = list_cycles(terms, until=day("2025-01-01"))
    for position in range(len(open_cycles)):
        assert (
            list_cycles(terms, until=day("2025-01-01"), closed=open_cycles[position : position + 1])
            == open_cycles
        )
    assert list_cycles(terms, until=day("2025-01-01"), closed=open_cycles[::2]) == open_cycles


def test_R10_an_older_subscription_entered_later_changes_no_closed_cycle() -> None:
    known = term("Sub-2", "2024-06-09", bill_day=9)
    older = term("Sub-1", "2024-05-01", bill_day=1)
    june = closed("2024-06-09", "2024-07-08", known)
    assert told(list_cycles([older, known], until=day("2024-08-01"), closed=[june])) == [
        ("2024-05-01", "2024-05-31", "Sub-1"),
        ("2024-06-01", "2024-06-08", "Sub-1"),
        ("2024-06-09", "2024-07-08", "Sub-2"),
        ("2024-07-09", "2024-07-31", "Sub-1"),
        ("2024-08-01", "2024-08-31", "Sub-1"),
    ]


def test_R10_a_closed_cycle_stands_though_its_subscription_now_ends_before_it() -> None:
    changed = term("Sub-1", "2024-06-09", "2024-06-30", bill_day=9)
    june = closed("2024-06-09", "2024-07-08", term("Sub-1", "2024-06-09", bill_day=9))
    assert list_cycles([changed], until=day("2024-12-01"), closed=[june]) == [june]


def test_R10_a_closed_cycle_stands_though_no_subscription_is_left() -> None:
    june = closed("2024-06-09", "2024-07-08", term("Sub-1", "2024-06-09", bill_day=9))
    assert list_cycles([], until=day("2024-12-01"), closed=[june]) == [june]


terms_of_a_customer = st.lists(
    st.builds(
        lambda number, start, length, bill_day: Term(
            f"Sub-{number}",
            date(2024, 1, 1) + timedelta(days=start),
            None if length is None else date(2024, 1, 1) + timedelta(days=start + length),
            bill_day,
            LicenceModel.NAMED,
            "A-FLEX-3-CC",
        ),
        number=st.integers(1, 12),
        start=st.integers(0, 200),
        length=st.none() | st.integers(0, 150),
        bill_day=st.integers(1, 31),
    ),
    max_size=4,
    unique_by=lambda term: term.number,
)


@settings(max_examples=60)
@given(terms=terms_of_a_customer, picked=st.sets(st.integers(0, 15)), data=st.data())
def test_R10_every_day_with_an_active_subscription_lies_in_exactly_one_cycle_whose_primary_is_active(
    terms: list[Term], picked: set[int], data: st.DataObject
) -> None:
    until = date(2024, 12, 31)
    cycles = list_cycles(terms, until=until)
    in_cycles = [each for cycle in cycles for each in cycle.period if each <= until]
    assert in_cycles == [each for each in Period(date(2024, 1, 1), until) if primary_on(terms, each)]
    for cycle in cycles:
        assert cycle.primary == primary_on(terms, cycle.first)
        assert cycle.primary.active_on(cycle.last)
        assert cycle.period.days <= 31
    shuffled = data.draw(st.permutations(terms))
    standing = [cycle for position, cycle in enumerate(cycles) if position in picked]
    assert list_cycles(shuffled, until=until, closed=standing) == cycles


# R10, one licence model


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("2024-01-01", None), ("2024-06-01", None), True),
        (("2024-01-01", "2024-06-01"), ("2024-06-01", None), True),
        (("2024-01-01", "2024-05-31"), ("2024-06-01", None), False),
        (("2024-06-01", None), ("2024-01-01", "2024-05-31"), False),
        (("2024-06-01", "2024-06-01"), ("2024-01-01", "2024-12-31"), True),
    ],
)
def test_R10_subscriptions_active_together_must_have_one_licence_model(
    first: tuple[str, str | None], second: tuple[str, str | None], clash: bool
) -> None:
    named = term("Sub-1", *first, model=LicenceModel.NAMED)
    concurrent = term("Sub-2", *second, model=LicenceModel.CONCURRENT)
    assert find_second_licence_model([named, concurrent]) == ((named, concurrent) if clash else None)
    assert find_second_licence_model([named, term("Sub-2", *second)]) is None


# Stored


@pytest.fixture
def june(db: None) -> tuple[Customer, Cycle]:
    """C-1 with its cycle of June 2024 closed."""
    owner = entered(subscription("Sub-1", line(STANDARD, 5), starts_on="2024-01-01"))
    with scope(PROVIDER):
        cycle = cycles_of(owner, Service.CONTACT_CENTRE, until=day("2024-06-01"))[-1]
        close_cycle(
            customer=owner,
            service=Service.CONTACT_CENTRE,
            cycle=cycle,
            inputs_hash="abc",
            snapshot={"inputs": 1},
        )
    return owner, cycle


def test_a_cycle_is_closed_once_and_keeps_its_first_snapshot(june: tuple[Customer, Cycle]) -> None:
    owner, cycle = june
    with scope(PROVIDER):
        again = close_cycle(
            customer=owner, service=Service.CONTACT_CENTRE, cycle=cycle, inputs_hash="other", snapshot={}
        )
        assert ClosedCycle.objects.count() == 1
        assert (again.inputs_hash, again.snapshot) == ("abc", {"inputs": 1})


def test_R10_every_cycle_around_a_closed_one_is_still_there(june: tuple[Customer, Cycle]) -> None:
    owner, _ = june
    with scope(PROVIDER):
        firsts = [cycle.first for cycle in cycles_of(owner, Service.CONTACT_CENTRE, until=day("2024-08-31"))]
    assert firsts == [date(2024, month, 1) for month in range(1, 9)]


def test_R13_a_closed_cycle_is_never_opened_again(june: tuple[Customer, Cycle]) -> None:
    changes: list[Callable[[], object]] = [
        lambda: ClosedCycle.objects.update(last_day="2024-07-01"),
        lambda: ClosedCycle.objects.all().delete(),
    ]
    for change in changes:
        with pytest.raises(ProgrammingError, match="permission denied"), scope(PROVIDER):
            change()


def test_R10_each_service_has_cycles_of_its_own(db: None) -> None:
    owner = entered(
        subscription("Sub-1", starts_on="2024-05-01", bill_day=1),
        digital("Dig-1", starts_on="2024-05-03", bill_day=3),
    )
    with scope(PROVIDER):
        assert {service: told(cycles_of(owner, service, until=day("2024-05-31"))) for service in Service} == {
            Service.CONTACT_CENTRE: [("2024-05-01", "2024-05-31", "Sub-1")],
            Service.DIGITAL: [("2024-05-03", "2024-06-02", "Dig-1")],
        }


def test_a_stranger_sees_neither_subscriptions_nor_cycles(
    june: tuple[Customer, Cycle], strangers: Customer
) -> None:
    owner, _ = june
    for stranger in (
        Scope(Role.PARTNER, strangers.partner_id),
        Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk),
    ):
        with scope(stranger):
            assert not Subscription.objects.exists()
            assert not ClosedCycle.objects.exists()
            assert not cycles_of(owner, Service.CONTACT_CENTRE, until=day("2024-06-30"))
    with scope(Scope(Role.CUSTOMER, owner.partner_id, owner.pk)):
        assert cycles_of(owner, Service.CONTACT_CENTRE, until=day("2024-06-30"))


@pytest.mark.parametrize(
    ("first", "last", "stale"),
    [
        ("2024-05-01", "2024-05-31", False),
        ("2024-05-01", "2024-06-01", True),
        ("2024-06-10", "2024-06-10", True),
        ("2024-06-30", "2024-07-20", True),
        ("2024-07-01", "2024-07-20", False),
    ],
)
def test_days_are_stale_when_a_span_touches_them(
    as_provider: None, first: str, last: str, stale: bool
) -> None:
    owner = entered()
    StaleSpan.objects.all().delete()
    mark_stale(customer=owner, days=[Period(day(first), day(last))], cause=StaleCause.ADDED)
    assert has_stale_days(owner, Period(day("2024-06-01"), day("2024-07-01") - ONE_DAY)) is stale
