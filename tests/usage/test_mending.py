"""Rows kept aside are mended and sent again through the one door; what is foretold is what then happens (R13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.core.tenancy import Role as DatabaseRole
from apps.organisations.models import Customer
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.mending import (
    AgentsLicence,
    AsTheyAre,
    CellsMeant,
    Correction,
    CustomerMeant,
    HourMeant,
    LicenceMeant,
    OneHourLater,
    SkuMeant,
    ZoneMeant,
    column_at_fault,
    correct,
    with_licence,
    with_zones,
)
from apps.usage.domain.records import KINDS_OF_FILE, Outcome
from apps.usage.kept_aside import list_groups, rows_of
from apps.usage.models import (
    AgentLicence,
    Channel,
    Conflict,
    CustomerAlias,
    Delivery,
    Event,
    Interval,
    RowKeptAside,
    Source,
)
from apps.usage.services import UsageImported
from apps.usage.services.mending import (
    Mended,
    NothingToMend,
    ReasonForSettingAsideMissing,
    preview_sending,
    send_again,
    set_aside_for_good,
)
from tests.conftest import import_file
from tests.factories.people import made_user
from tests.factories.portfolios import SMS, customer, enter, partner, portfolio, stored_customer
from tests.factories.threads import in_threads
from tests.factories.usage import UsageFiles

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "record_id,agent_id,licence,started_at,ended_at,customer\n"
UNITS = "record_id,sku,quantity,occurred_at,customer\n"
SESSIONS, DIGITAL = KINDS_OF_FILE["agent-sessions"], KINDS_OF_FILE["digital-usage"]
STOCKHOLM = ZoneInfo("Europe/Stockholm")
CELLS = {
    "record_id": "r1",
    "agent_id": "a",
    "licence": "standard",
    "started_at": "2024-10-27T02:30:00",
    "ended_at": "2024-10-27T05:00:00",
    "customer": "C-1",
}


# Corrections are pure


def test_a_time_that_stands_twice_is_the_hour_that_is_meant() -> None:
    first = correct(CELLS, SESSIONS, HourMeant(second=False), zone=STOCKHOLM)
    second = correct(CELLS, SESSIONS, HourMeant(second=True), zone=STOCKHOLM)
    assert (first["started_at"], second["started_at"]) == (
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:30:00+01:00",
    )
    assert first["ended_at"] == CELLS["ended_at"]  # stands once


def test_a_time_that_does_not_exist_is_one_hour_later() -> None:
    cells = CELLS | {"started_at": "2024-03-31T02:30:00"}
    later = correct(cells, SESSIONS, OneHourLater(), zone=STOCKHOLM)
    assert later["started_at"] == "2024-03-31T03:30:00+02:00"
    assert correct(CELLS, SESSIONS, OneHourLater(), zone=STOCKHOLM) == CELLS


@pytest.mark.parametrize("text", ["2024-10-27T02:30:00+02:00", "no time", ""])
def test_other_times_stay_as_they_are(text: str) -> None:
    cells = CELLS | {"started_at": text}
    assert correct(cells, SESSIONS, HourMeant(second=True), zone=STOCKHOLM)["started_at"] == text


def test_without_a_zone_no_hour_can_be_meant() -> None:
    assert correct(CELLS, SESSIONS, HourMeant(second=True)) == CELLS


@pytest.mark.parametrize(
    ("correction", "changed"),
    [
        (CustomerMeant("C-7"), {"customer": "C-7"}),
        (LicenceMeant(premium=True), {"licence": "premium"}),
        (LicenceMeant(premium=False), {"licence": "standard"}),
        (CellsMeant({"agent_id": "b"}), {"agent_id": "b"}),
        (AsTheyAre(), {}),
        (ZoneMeant("Europe/Stockholm"), {}),
        (SkuMeant(SMS), {}),  # sessions have none
    ],
)
def test_a_correction_changes_its_own_cell_alone(correction: Correction, changed: dict[str, str]) -> None:
    assert correct(CELLS, SESSIONS, correction) == CELLS | changed


def test_digital_usage_has_no_licence() -> None:
    cells = {"record_id": "d1", "sku": "x", "quantity": "1", "occurred_at": "", "customer": "C-1"}
    assert correct(cells, DIGITAL, LicenceMeant(premium=True)) == cells
    assert correct(cells, DIGITAL, SkuMeant(SMS)) == cells | {"sku": SMS}


def test_an_agents_licence_is_that_of_the_day_it_starts() -> None:
    history = [(date(2024, 10, 1), False), (date(2024, 10, 27), True)]
    cells = CELLS | {"licence": "", "started_at": "2024-10-26T23:59:00Z"}
    assert with_licence(cells, SESSIONS, history)["licence"] == "standard"
    cells["started_at"] = "2024-10-27T00:00:00Z"
    assert with_licence(cells, SESSIONS, history)["licence"] == "premium"
    assert with_licence(cells | {"licence": "gold"}, SESSIONS, history)["licence"] == "gold"
    with pytest.raises(RejectedRowError) as refused:
        with_licence(cells, SESSIONS, [])
    assert refused.value.fault is Fault.NO_LICENCE


def test_with_zones_no_time_depends_on_the_source_any_more() -> None:
    cells = CELLS | {"started_at": "2024-06-10T08:00:00", "ended_at": ""}
    told = with_zones(cells, SESSIONS, zone=STOCKHOLM)
    assert (told["started_at"], told["ended_at"]) == ("2024-06-10T06:00:00+00:00", "")
    assert with_zones(cells, SESSIONS, zone=None) == cells


@pytest.mark.parametrize(
    ("fault", "cells", "column"),
    [
        (Fault.NOT_A_TIME, {"started_at": "2024-06-10T08:00:00Z", "ended_at": "?"}, "ended_at"),
        (Fault.NOT_A_TIME, {"started_at": "", "ended_at": ""}, "started_at"),
        (Fault.NO_ACTOR, {}, "agent_id"),
        (Fault.UNKNOWN_CUSTOMER, {}, "customer"),
        (Fault.IN_FUTURE, {}, "started_at"),
        (Fault.NOT_A_ROW, {}, None),
    ],
)
def test_a_fault_stands_at_its_field(fault: Fault, cells: dict[str, str], column: str | None) -> None:
    assert column_at_fault(fault, cells, SESSIONS) == column


# The door


@pytest.fixture
def owner(db: None) -> Customer:
    return _owner()


def _owner() -> Customer:
    """C-1 and C-3 of P-1; C-2 is a stranger's."""
    enter(portfolio(partner("P-1", customer("C-1"), customer("C-3")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


@pytest.fixture
def ben(owner: Customer) -> User:
    return _ben(owner)


def _ben(owner: Customer) -> User:
    return made_user("ben@example.com", Role.PARTNER_ADMIN, owner)


def sender(of: Customer) -> Scope:
    return Scope(DatabaseRole.PARTNER, of.partner_id)


def deliver(
    files: UsageFiles,
    rows: str,
    who: Scope,
    *,
    kind: str = "agent-sessions",
    now: datetime = NOW,
    customer_ref: str = "",
) -> UsageImported:
    path = files.write((UNITS if kind == "digital-usage" else HEADER) + rows)
    return import_file(kind, path, customer=customer_ref, source="acd", sender=who, now=now)


def row(
    number: int,
    *,
    at: str = "2024-06-10T08:00:00Z",
    licence: str = "standard",
    of: str = "C-1",
    agent: str = "a",
) -> str:
    return f"r{number},{agent},{licence},{at},,{of}\n"


def mend(correction: Correction, ben: User, owner: Customer, *, now: datetime = NOW) -> Mended:
    """Mend all of the only group, after a preview that must have said the same."""
    with scope(sender(owner)):
        (group,) = list_groups(RowKeptAside.objects.all())
        preview = preview_sending(rows=rows_of(group.key), correction=correction, now=now)
        assert preview.rows == group.rows
        before = (Interval.objects.count(), Event.objects.count(), Delivery.objects.count())
        mended = send_again(
            rows=rows_of(group.key), correction=correction, by=ben, sender=sender(owner), now=now
        )
        after = (Interval.objects.count(), Event.objects.count(), Delivery.objects.count())
    assert preview.taken == mended.taken
    assert preview.lacking == mended.lacking
    assert (after != before) is bool(mended.taken)
    return mended


@pytest.fixture
def seen(owner: Customer) -> Iterator[None]:
    with scope(sender(owner)):
        yield


def outcomes() -> list[tuple[int, str, bool]]:
    return [
        (each.line_number, each.outcome, each.settled_at is not None)
        for each in RowKeptAside.objects.order_by("pk")
    ]


def test_an_unknown_customer_is_said_once_for_all_rows_and_for_later_files(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="KB-7") + row(2, of="KB-7") + row(3), sender(owner))
    assert mend(CustomerMeant("C-3", remember=True), ben, owner).outcomes == {Outcome.ACCEPTED: 2}
    kept = Interval.objects.filter(customer_id=stored_customer("C-3").pk)
    assert sorted(each.record_id for each in kept) == ["r1", "r2"]
    assert outcomes() == [(2, "accepted", True), (3, "accepted", True)]
    assert RowKeptAside.objects.filter(settled_by=ben.email).count() == 2
    alias = CustomerAlias.objects.get()
    assert (alias.name, alias.source.name, alias.customer.ref) == ("KB-7", "acd", "C-3")
    assert deliver(files, row(4, of="KB-7"), sender(owner)).accepted == 1


def test_a_customer_that_is_not_to_be_remembered_is_not(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="KB-7"), sender(owner))
    mend(CustomerMeant("C-3"), ben, owner)
    assert not CustomerAlias.objects.exists()
    assert deliver(files, row(2, of="KB-7"), sender(owner)).rejected == 1


def test_a_strangers_customer_cannot_be_meant(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="KB-7"), sender(owner))
    mended = mend(CustomerMeant("C-2"), ben, owner)
    assert (mended.taken, mended.lacking) == (0, {Fault.UNKNOWN_CUSTOMER: 1})
    assert outcomes() == [(2, "", False)]


def test_a_time_zone_is_that_of_the_source_from_then_on(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, at="2024-06-10T08:00:00") + row(2, at="2024-10-27T02:30:00"), sender(owner))
    mended = mend(ZoneMeant("Europe/Stockholm"), ben, owner)
    assert mended.outcomes == {Outcome.ACCEPTED: 1}
    assert mended.lacking == {Fault.AMBIGUOUS_TIME: 1}
    assert Interval.objects.get().started_at == datetime(2024, 6, 10, 6, tzinfo=UTC)
    assert Source.objects.get(name="acd").time_zone == "Europe/Stockholm"
    assert deliver(files, row(3, at="2024-06-10T09:00:00"), sender(owner)).accepted == 1


@pytest.mark.parametrize(("second", "hour"), [(False, 0), (True, 1)])
def test_of_two_hours_the_one_that_is_meant_is_stored(
    owner: Customer, ben: User, files: UsageFiles, seen: None, second: bool, hour: int
) -> None:
    Source.objects.create(partner=owner.partner, name="acd", time_zone="Europe/Stockholm")
    deliver(files, row(1, at="2024-10-27T02:30:00"), sender(owner))
    assert mend(HourMeant(second=second), ben, owner).outcomes == {Outcome.ACCEPTED: 1}
    assert Interval.objects.get().started_at == datetime(2024, 10, 27, hour, 30, tzinfo=UTC)


def test_a_time_that_does_not_exist_is_stored_one_hour_later(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    Source.objects.create(partner=owner.partner, name="acd", time_zone="Europe/Stockholm")
    deliver(files, row(1, at="2024-03-31T02:30:00"), sender(owner))
    assert mend(OneHourLater(), ben, owner).outcomes == {Outcome.ACCEPTED: 1}
    assert Interval.objects.get().started_at == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


def test_licences_and_skus_are_said_for_all_rows_that_call_them_so(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, licence="PRM") + row(2, licence="PRM"), sender(owner))
    assert mend(LicenceMeant(premium=True), ben, owner).taken == 2
    assert set(Interval.objects.values_list("premium", flat=True)) == {True}
    deliver(files, "d1,texts,5,2024-06-10T08:00:00Z,C-1\n", sender(owner), kind="digital-usage")
    assert mend(SkuMeant(SMS), ben, owner).taken == 1
    assert Event.objects.get().sku == SMS


def test_rows_that_lack_two_things_are_mended_one_after_the_other(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="KB-7", licence="PRM") + row(2, of="KB-7", licence="PRM"), sender(owner))
    first = mend(CustomerMeant("C-3", remember=False), ben, owner)
    assert (first.taken, first.lacking) == (0, {Fault.UNKNOWN_LICENCE: 2})
    assert {kept.reason for kept in RowKeptAside.objects.all()} == {"unknown licence"}
    assert mend(LicenceMeant(premium=True), ben, owner).outcomes == {Outcome.ACCEPTED: 2}
    kept = Interval.objects.filter(customer_id=stored_customer("C-3").pk, premium=True)
    assert sorted(each.record_id for each in kept) == ["r1", "r2"]


def test_the_licence_of_an_agent_is_remembered_from_its_day_on(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(
        files,
        row(1, licence="?") + row(2, licence="?", at="2024-05-31T08:00:00Z"),
        sender(owner),
    )
    RowKeptAside.objects.all()
    with scope(PROVIDER):
        for each in RowKeptAside.objects.all():
            each.reason, each.cells = Fault.NO_LICENCE.value, {**(each.cells or {}), "licence": ""}
            each.save()
    mended = mend(AgentsLicence(premium=True, first_day=date(2024, 6, 1)), ben, owner)
    assert (mended.outcomes, mended.lacking) == ({Outcome.ACCEPTED: 1}, {Fault.NO_LICENCE: 1})
    licence = AgentLicence.objects.get()
    assert (licence.agent_id, licence.premium, licence.first_day) == ("a", True, date(2024, 6, 1))
    assert Interval.objects.get().premium


def test_rows_whose_time_has_come_are_sent_as_they_are(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1), sender(owner), now=datetime(2024, 6, 1, tzinfo=UTC))
    early = mend(AsTheyAre(), ben, owner, now=datetime(2024, 6, 9, tzinfo=UTC))
    assert early.lacking == {Fault.IN_FUTURE: 1}
    assert mend(AsTheyAre(), ben, owner).outcomes == {Outcome.ACCEPTED: 1}


def test_the_customer_of_the_delivery_stays_that_of_its_rows(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="", licence="PRM"), sender(owner), customer_ref="C-3")
    mend(LicenceMeant(premium=True), ben, owner)
    assert Interval.objects.get().customer_id == stored_customer("C-3").pk


def test_duplicates_and_conflicts_are_outcomes_as_of_any_row(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1) + row(2), sender(owner))
    deliver(files, row(1, licence="S") + row(2, licence="S", at="2024-06-11T08:00:00Z"), sender(owner))
    mended = mend(LicenceMeant(premium=False), ben, owner)
    assert mended.outcomes == {Outcome.DUPLICATE: 1, Outcome.CONFLICT: 1}
    assert outcomes() == [(2, "duplicate", True), (3, "conflict", True)]
    conflict = Conflict.objects.select_related("delivery").get()
    assert conflict.delivery is not None
    assert (conflict.line_number, conflict.delivery.channel) == (3, Channel.MENDED)


def test_one_row_is_written_anew_by_hand_even_without_cells(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, "torn off\n", sender(owner))
    (kept,) = RowKeptAside.objects.all()
    assert kept.cells is None
    rows = RowKeptAside.objects.filter(pk=kept.pk)
    assert preview_sending(rows=rows, correction=AsTheyAre(), now=NOW).lacking == {Fault.NOT_A_ROW: 1}
    meant = CellsMeant(CELLS | {"started_at": "2024-06-10T08:00:00Z", "ended_at": ""})
    mended = send_again(rows=rows, correction=meant, by=ben, sender=sender(owner), now=NOW)
    assert mended.outcomes == {Outcome.ACCEPTED: 1}
    assert Interval.objects.get().record_id == "r1"


def test_mending_twice_is_refused_and_changes_nothing(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, licence="PRM"), sender(owner))
    rows = RowKeptAside.objects.all()
    send_again(rows=rows, correction=LicenceMeant(True), by=ben, sender=sender(owner), now=NOW)
    with pytest.raises(NothingToMend):
        send_again(rows=rows, correction=LicenceMeant(False), by=ben, sender=sender(owner), now=NOW)
    assert Interval.objects.get().premium


def test_what_is_set_aside_for_good_has_a_reason_and_no_outcome(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, licence="PRM"), sender(owner))
    rows = RowKeptAside.objects.all()
    with pytest.raises(ReasonForSettingAsideMissing):
        set_aside_for_good(rows=rows, by=ben, reason=" ", sender=sender(owner), now=NOW)
    assert set_aside_for_good(rows=rows, by=ben, reason="a test call", sender=sender(owner), now=NOW) == 1
    assert outcomes() == [(2, "", True)]
    assert not Interval.objects.exists()
    assert AuditEntry.objects.get(action="rows.set_aside").reason == "a test call"


def test_what_was_mended_is_in_the_audit_trail_of_the_sender(
    owner: Customer, ben: User, files: UsageFiles, seen: None
) -> None:
    deliver(files, row(1, of="KB-7", agent="anna"), sender(owner))
    mend(CustomerMeant("C-3", remember=True), ben, owner)
    entry = AuditEntry.objects.get(action="rows.sent_again")
    assert (entry.by, entry.subject, entry.partner_id) == (ben.email, "acd", owner.partner_id)
    assert entry.after == {
        "correction": {"kind": "CustomerMeant", "ref": "C-3", "remember": True},
        "rows": 1,
        "accepted": 1,
        "still_open": 0,
    }
    with scope(sender(stored_customer("C-2"))):
        assert not AuditEntry.objects.filter(action__startswith="rows.").exists()


def test_the_provider_mends_a_partners_rows_with_the_partners_rights(
    owner: Customer, files: UsageFiles
) -> None:
    deliver(files, row(1, of="C-2"), sender(owner))
    with scope(PROVIDER):
        dana = User.objects.create_user(email="dana@example.com", role=Role.PROVIDER_ADMIN)
        rows = RowKeptAside.objects.all()
        mended = send_again(rows=rows, correction=AsTheyAre(), by=dana, sender=sender(owner), now=NOW)
        assert mended.lacking == {Fault.UNKNOWN_CUSTOMER: 1}  # C-2 is none of P-1
        meant = CustomerMeant("C-1")
        mended = send_again(rows=rows, correction=meant, by=dana, sender=sender(owner), now=NOW)
        assert mended.taken == 1
        assert Delivery.objects.get(channel=Channel.MENDED).partner_id == owner.partner_id


def test_a_stranger_finds_no_row_to_mend(owner: Customer, ben: User, files: UsageFiles) -> None:
    deliver(files, row(1, licence="PRM"), sender(owner))
    strange = sender(stored_customer("C-2"))
    with pytest.raises(NothingToMend), scope(strange):
        send_again(
            rows=RowKeptAside.objects.all(), correction=LicenceMeant(True), by=ben, sender=strange, now=NOW
        )
    with scope(strange):
        assert list_groups(RowKeptAside.objects.all()) == []


def test_rows_are_grouped_by_what_one_correction_mends(
    owner: Customer, files: UsageFiles, seen: None
) -> None:
    deliver(
        files,
        row(1, of="KB-7") + row(2, of="KB-7") + row(3, of="KB-8") + row(4, at="?") + row(5, at="!"),
        sender(owner),
    )
    deliver(files, row(6, of="KB-7"), sender(owner))
    found = [
        (each.key.reason, each.key.value, each.rows, each.file_name)
        for each in list_groups(RowKeptAside.objects.all())
    ]
    assert found == [
        ("unknown customer", "KB-7", 3, ""),
        ("not a time", "", 2, "file-1.csv"),
        ("unknown customer", "KB-8", 1, "file-1.csv"),
    ]


def test_of_two_who_mend_the_same_row_at_once_one_is_told(committed: None, files: UsageFiles) -> None:
    owner = _owner()
    ben = _ben(owner)
    deliver(files, row(1, licence="PRM"), sender(owner))

    def once(premium: bool) -> bool:
        try:
            with scope(sender(owner)):
                send_again(
                    rows=RowKeptAside.objects.all(),
                    correction=LicenceMeant(premium),
                    by=ben,
                    sender=sender(owner),
                    now=NOW,
                )
        except NothingToMend:
            return False
        finally:
            connection.close()
        return True

    first, second = in_threads(lambda: once(True), lambda: once(False))
    assert sorted((first, second)) == [False, True]
    with scope(PROVIDER):
        assert Interval.objects.get().premium is first
        assert Delivery.objects.filter(channel=Channel.MENDED).count() == 1
        assert not Conflict.objects.exists()
