"""R13: a conflict waits until a person decides it, once and for all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import AuditEntry
from apps.catalogue.domain.kinds import Service
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.subscriptions.models import ClosedCycle, StaleCause, StaleSpan, Subscription
from apps.usage.domain.records import Content
from apps.usage.models import Conflict, Event, Interval
from apps.usage.services import (
    AlreadyDecided,
    ProviderDecides,
    ReasonMissing,
    UsageImported,
    as_if_taken,
    decide_conflict,
    decide_conflicts,
)
from tests.factories.portfolios import (
    STANDARD,
    customer,
    digital,
    enter,
    line,
    partner,
    portfolio,
    stored_customer,
    subscription,
)
from tests.factories.threads import in_threads
from tests.factories.usage import UsageFiles

HEADER = "record_id,agent_id,licence,started_at,ended_at\n"
UNITS = "record_id,sku,quantity,occurred_at\n"
SMS, VOICE = "A-CHAN-U-SMS-INTL", "A-VOICE-U-INTL"
ERIN = "erin@example.com"


def row(start: str, end: str = "", *, agent: str = "a1", licence: str = "standard") -> str:
    """Record r1 from ``day hour`` to ``day hour`` of June 2024; without an end it is open."""
    return f"r1,{agent},{licence},{_moment(start)},{_moment(end) if end else ''}\n"


def _moment(text: str) -> str:
    day, hour = text.split()
    return f"2024-06-{int(day):02}T{int(hour):02}:00:00Z"


def counts(outcome: UsageImported) -> tuple[int, int, int, int]:
    """Accepted, duplicate, conflict, rejected."""
    return outcome.accepted, outcome.duplicate, outcome.conflict, outcome.rejected


ACCEPTED, DUPLICATE, CONFLICT = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1, and a stranger beside it."""
    return _owner()


def _owner() -> Customer:
    enter(portfolio(partner("P-1", customer("C-1")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


@pytest.fixture
def conflict(owner: Customer, files: UsageFiles) -> Conflict:
    """Stored: Standard a1, 10 June 8 to 16. Arrived since: Premium a2, 14 June 9 to 15 June 1."""
    return _conflict(files)


def _conflict(files: UsageFiles) -> Conflict:
    files.take(HEADER + row("10 8", "10 16"))
    files.take(HEADER + row("14 9", "15 1", agent="a2", licence="premium"))
    with scope(PROVIDER):
        StaleSpan.objects.all().delete()
        return Conflict.objects.get()


def decide(conflict: Conflict, *, take: bool, reason: str = "the switch says so") -> Conflict:
    with scope(PROVIDER):
        return decide_conflict(conflict=conflict, take_arriving=take, by=ERIN, reason=reason)


def stored() -> tuple[Any, ...]:
    with scope(PROVIDER):
        return Interval.objects.values_list("actor", "premium", "started_at", "ended_at").get()


def stale() -> list[tuple[date, date, StaleCause]]:
    with scope(PROVIDER):
        return [
            (first, last, StaleCause(cause))
            for first, last, cause in StaleSpan.objects.order_by("first_day").values_list(
                "first_day", "last_day", "cause"
            )
        ]


FIRST = ("a1", False, datetime(2024, 6, 10, 8, tzinfo=UTC), datetime(2024, 6, 10, 16, tzinfo=UTC))
SECOND = ("a2", True, datetime(2024, 6, 14, 9, tzinfo=UTC), datetime(2024, 6, 15, 1, tzinfo=UTC))


def test_R13_the_stored_record_stays_and_nothing_is_stale(conflict: Conflict) -> None:
    decided = decide(conflict, take=False)
    assert (decided.took_arriving, decided.decided_by, decided.reason) == (False, ERIN, "the switch says so")
    assert decided.decided_at is not None
    assert stored() == FIRST
    assert stale() == []


def test_R13_the_arriving_content_replaces_the_stored_one_and_the_days_of_both_are_stale(
    conflict: Conflict,
) -> None:
    assert decide(conflict, take=True).took_arriving
    assert stored() == SECOND
    assert stale() == [
        (date(2024, 6, 10), date(2024, 6, 11), StaleCause.REPLACED),
        (date(2024, 6, 14), date(2024, 6, 16), StaleCause.REPLACED),
    ]


def test_R13_who_decided_what_and_why_is_in_the_audit_trail(conflict: Conflict, owner: Customer) -> None:
    decide(conflict, take=True)
    for reader, seen in (
        (PROVIDER, 1),
        (Scope(Role.PARTNER, owner.partner_id), 1),
        (Scope(Role.CUSTOMER, owner.partner_id, owner.pk), 1),
        (Scope(Role.PARTNER, stored_customer("C-2").partner_id), 0),
    ):
        with scope(reader):
            entries = AuditEntry.objects.filter(action="conflict.decided")
            assert [(entry.by, entry.subject, entry.reason, entry.after) for entry in entries] == [
                (ERIN, "r1", "the switch says so", {"conflict": conflict.pk, "took_arriving": True})
            ] * seen


@pytest.mark.parametrize("take", [True, False])
def test_R13_what_was_decided_is_a_duplicate_when_it_arrives_again(
    conflict: Conflict, files: UsageFiles, take: bool
) -> None:
    decide(conflict, take=take)
    for again in (row("10 8", "10 16"), row("14 9", "15 1", agent="a2", licence="premium")):
        assert counts(files.take(HEADER + again, source="import")) == DUPLICATE
        assert counts(files.take(HEADER + again + "\n")) == DUPLICATE
    assert stored() == (SECOND if take else FIRST)
    assert stale()[2:] == []


@pytest.mark.parametrize("take", [True, False])
def test_R13_without_its_end_what_counts_is_a_duplicate_and_what_was_decided_against_a_conflict(
    conflict: Conflict, files: UsageFiles, take: bool
) -> None:
    decide(conflict, take=take)
    assert counts(files.take(HEADER + row("10 8"))) == (CONFLICT if take else DUPLICATE)
    second = row("14 9", agent="a2", licence="premium")
    assert counts(files.take(HEADER + second)) == (DUPLICATE if take else CONFLICT)


@pytest.mark.parametrize("take", [True, False])
def test_R13_a_third_content_is_a_conflict_of_its_own_whatever_was_decided(
    conflict: Conflict, files: UsageFiles, take: bool
) -> None:
    decide(conflict, take=take)
    third = HEADER + row("10 8", "10 17")
    assert counts(files.take(third)) == CONFLICT
    assert counts(files.take(third + "\n")) == DUPLICATE


def test_R13_what_earlier_decisions_were_made_between_is_found_again(
    conflict: Conflict, owner: Customer, files: UsageFiles
) -> None:
    """Of intervals and of digital usage; what was taken, what was not, and what was replaced."""
    decide(conflict, take=False)
    for hour, takes in ((17, True), (18, False), (19, True), (20, True), (21, False)):
        files.take(HEADER + row("10 8", f"10 {hour}"))
        with scope(PROVIDER):
            decide(Conflict.objects.get(decided_at=None), take=takes)
    for quantity in (1, 2):
        files.take(UNITS + f"u1,{SMS},{quantity},2024-06-10T08:00:00Z\n", kind="digital-usage")
    with scope(PROVIDER):
        decide(Conflict.objects.get(decided_at=None), take=False)
        kept: dict[int, Any] = dict(Conflict.objects.values_list("pk", "opposite"))
        assert len(kept) == 8
        Conflict.objects.update(opposite=None)
        with connection.cursor() as cursor:
            cursor.execute(import_module("apps.usage.migrations.0010_opposite_contents").EARLIER_DECISIONS)
        found: dict[int, Any] = dict(Conflict.objects.values_list("pk", "opposite"))
        for pk, opposite in kept.items():
            assert Content.of(found[pk]) == Content.of(opposite)


def test_R13_a_record_taken_while_open_is_completed_by_its_end(owner: Customer, files: UsageFiles) -> None:
    files.take(HEADER + row("10 8", "10 16"))
    files.take(HEADER + row("14 9", agent="a2"))
    with scope(PROVIDER):
        decide(Conflict.objects.get(), take=True)
    assert stored()[3] is None
    assert counts(files.take(HEADER + row("14 9", "14 12", agent="a2"))) == ACCEPTED
    assert stored() == (
        "a2",
        False,
        datetime(2024, 6, 14, 9, tzinfo=UTC),
        datetime(2024, 6, 14, 12, tzinfo=UTC),
    )


def test_R13_one_content_after_another_can_be_taken_and_none_comes_back(
    conflict: Conflict, files: UsageFiles
) -> None:
    files.take(HEADER + row("12 8", "12 9"))
    decide(conflict, take=True)
    with scope(PROVIDER):
        third = Conflict.objects.get(decided_at=None)
    decide(third, take=True)
    assert stored()[2] == datetime(2024, 6, 12, 8, tzinfo=UTC)
    for again in (
        row("10 8", "10 16"),
        row("14 9", "15 1", agent="a2", licence="premium"),
        row("12 8", "12 9"),
    ):
        assert counts(files.take(HEADER + again + "\n")) == DUPLICATE
    with scope(PROVIDER):
        assert not Conflict.objects.filter(decided_at=None).exists()


def test_R13_deciding_twice_is_refused_and_changes_nothing(conflict: Conflict) -> None:
    decide(conflict, take=False)
    with pytest.raises(AlreadyDecided, match=r"erin@example\.com has decided about the record r1 already"):
        decide(conflict, take=True)
    assert stored() == FIRST
    with scope(PROVIDER):
        assert AuditEntry.objects.filter(action="conflict.decided").count() == 1


@pytest.mark.parametrize("reason", ["", " \n"])
def test_R13_a_decision_without_a_reason_is_refused(conflict: Conflict, reason: str) -> None:
    with pytest.raises(ReasonMissing):
        decide(conflict, take=True, reason=reason)
    assert stored() == FIRST
    with scope(PROVIDER):
        assert Conflict.objects.get().decided_at is None


def test_R13_units_of_digital_channels_are_decided_in_the_same_way(
    owner: Customer, files: UsageFiles
) -> None:
    def take(content: str) -> tuple[int, int, int, int]:
        return counts(files.take(UNITS + content, kind="digital-usage"))

    assert take(f"d1,{SMS},25,2024-06-10T08:00:00Z\n") == ACCEPTED
    assert take(f"d1,{VOICE},70,2024-06-11T08:00:00Z\n") == CONFLICT
    with scope(PROVIDER):
        waiting = Conflict.objects.get()
        StaleSpan.objects.all().delete()
    decide(waiting, take=True)
    with scope(PROVIDER):
        event = Event.objects.get()
    assert (event.sku, event.quantity, event.occurred_at) == (
        VOICE,
        70,
        datetime(2024, 6, 11, 8, tzinfo=UTC),
    )
    assert take(f"d1,{SMS},25,2024-06-10T10:00:00+02:00\n") == DUPLICATE
    assert take(f"d1,{VOICE},70,2024-06-11T08:00:00.0Z\n") == DUPLICATE
    assert take(f"d1,{VOICE},71,2024-06-11T08:00:00Z\n") == CONFLICT
    assert stale() == []


@pytest.fixture
def as_its_partner(owner: Customer) -> Iterator[None]:
    with scope(Scope(Role.PARTNER, owner.partner_id)):
        yield


@pytest.mark.parametrize("take", [True, False])
def test_R13_a_partner_decides_about_its_own_customers(
    conflict: Conflict, as_its_partner: None, take: bool
) -> None:
    assert Conflict.objects.get() == conflict
    decided = decide_conflict(conflict=conflict, take_arriving=take, by="bob", reason="the switch says so")
    assert (decided.decided_by, decided.took_arriving) == ("bob", take)
    assert stored() == (SECOND if take else FIRST)
    assert bool(stale()) is take


def close(owner: Customer, first: date, last: date, service: Service = Service.CONTACT_CENTRE) -> None:
    """A cycle of C-1 is invoiced."""
    with scope(PROVIDER):
        number = "Sub-1" if service is Service.CONTACT_CENTRE else "Dig-1"
        part = subscription(number, line(STANDARD, 1)) if number == "Sub-1" else digital(number)
        enter(portfolio(partner("P-1", customer("C-1", part))))
        ClosedCycle.objects.create(
            partner=owner.partner,
            customer=owner,
            service=service,
            first_day=first,
            last_day=last,
            primary=Subscription.objects.get(number=number),
            inputs_hash="",
            snapshot={},
        )


@pytest.mark.parametrize("take", [True, False])
@pytest.mark.parametrize(
    ("first", "last", "touches"),
    [
        (date(2024, 6, 1), date(2024, 6, 9), False),  # the day before the stored record
        (date(2024, 6, 1), date(2024, 6, 10), True),  # the day of the stored record
        (date(2024, 6, 15), date(2024, 6, 30), True),  # the last day of the arriving one
        (date(2024, 6, 16), date(2024, 6, 30), True),  # the look-back reaches over midnight (R2)
        (date(2024, 6, 17), date(2024, 6, 30), False),
        (date(2024, 6, 12), date(2024, 6, 13), False),  # between the two
    ],
)
def test_R13_where_a_closed_cycle_is_touched_the_provider_decides(
    conflict: Conflict, owner: Customer, first: date, last: date, touches: bool, take: bool
) -> None:
    close(owner, first, last)
    as_partner = Scope(Role.PARTNER, owner.partner_id)
    if touches:
        with (
            pytest.raises(ProviderDecides, match="is invoiced: the provider decides about the record r1"),
            scope(as_partner),
        ):
            decide_conflict(conflict=conflict, take_arriving=take, by="bob", reason="because")
        assert stored() == FIRST
        assert decide(conflict, take=take).decided_by == ERIN
    else:
        with scope(as_partner):
            decide_conflict(conflict=conflict, take_arriving=take, by="bob", reason="because")
    assert stored() == (SECOND if take else FIRST)


def test_R13_all_conflicts_of_a_file_are_decided_at_once_or_none(owner: Customer, files: UsageFiles) -> None:
    def rows(*agents: str) -> str:
        lines = (f"s{n},{agent},standard,{_moment('10 8')},\n" for n, agent in enumerate(agents))
        return HEADER + "".join(lines)

    files.take(rows("a", "b", "c"))
    files.take(rows("x", "y", "z"))
    with scope(PROVIDER):
        waiting = list(Conflict.objects.all())
        decide_conflicts(
            conflicts=waiting[:2], take_arriving=True, by=ERIN, reason="the second file is right"
        )
        assert list(Interval.objects.order_by("record_id").values_list("actor", flat=True)) == ["x", "y", "c"]
        with pytest.raises(AlreadyDecided):
            decide_conflicts(conflicts=reversed(waiting), take_arriving=True, by=ERIN, reason="all of it")
    with scope(PROVIDER):
        assert Interval.objects.get(record_id="s2").actor == "c"
        decided = Conflict.objects.exclude(decided_at=None).filter(delivery__isnull=False)
        assert {each.reason for each in decided} == {"the second file is right"}


def test_R13_of_two_contents_taken_at_once_the_later_line_counts(owner: Customer, files: UsageFiles) -> None:
    files.take(HEADER + row("10 8", "10 16"))
    files.take(HEADER + row("10 8", "10 17") + row("10 8", "10 18"))
    with scope(PROVIDER):
        waiting = list(Conflict.objects.order_by("-line_number"))
        decide_conflicts(conflicts=waiting, take_arriving=True, by=ERIN, reason="as the file says")
        assert not Conflict.objects.filter(decided_at=None).exists()
    assert stored()[3] == datetime(2024, 6, 10, 18, tzinfo=UTC)


def test_R13_trying_a_decision_leaves_nothing_behind(conflict: Conflict) -> None:
    with scope(PROVIDER):
        with as_if_taken(conflict):
            assert Interval.objects.get().actor == "a2"
        assert Interval.objects.get().actor == "a1"
    assert stored() == FIRST
    assert stale() == []


def test_a_stranger_sees_no_conflict_to_decide(conflict: Conflict) -> None:
    stranger = stored_customer("C-2")
    with pytest.raises(Conflict.DoesNotExist), scope(Scope(Role.PARTNER, stranger.partner_id)):
        decide_conflict(conflict=conflict, take_arriving=True, by="charlie", reason="because")
    assert stored() == FIRST


def test_of_two_who_decide_at_once_one_is_refused(committed: None, files: UsageFiles) -> None:
    _owner()
    waiting = _conflict(files)

    def once(take: bool) -> bool:
        try:
            decide(waiting, take=take)
        except AlreadyDecided:
            return False
        finally:
            connection.close()
        return True

    first, second = in_threads(lambda: once(True), lambda: once(False))
    assert sorted((first, second)) == [False, True]
    assert stored() == (SECOND if first else FIRST)
    with scope(PROVIDER):
        assert AuditEntry.objects.filter(action="conflict.decided").count() == 1
