"""Files of other systems through the one door, to what is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.organisations.models import Customer
from apps.usage.models import Delivery, Event, Interval, RowKeptAside, Source
from apps.usage.services import UsageImported, UsageRefused, freshness, import_usage, opening, settling
from apps.usage.services.formats import save_format
from apps.usage.services.licences import import_licences
from apps.usage.services.storing import Arriving
from tests.conftest import NOW
from tests.usage.test_formats import SESSIONS

SAMPLES = Path(__file__).parent / "samples"
INSTANCE = "arn:aws:connect:eu-central-1:012345678901:instance/aaaaaaaa-bbbb-cccc-dddd-111111111111"
AGENTS = "".join(
    f"{INSTANCE}/agent/{agent},{licence},2024-01-01\n"
    for agent, licence in (("one", "premium"), ("two", "standard"), ("three", "standard"))
)


def take(
    path: Path,
    kind: str = "",
    *,
    sender: Scope = PROVIDER,
    format_name: str = "",
    progress: Callable[[UsageImported], None] = lambda so_far: None,
) -> UsageImported:
    return import_usage(
        kind=kind,
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        sender=sender,
        now=NOW,
        customer_ref="C-100",
        source="acd",
        format_name=format_name,
        progress=progress,
    )


def give_licences(text: str) -> None:
    with scope(PROVIDER):
        import_licences(text=text, by="test", customer_ref="C-100")


def stored() -> list[tuple[str, str, bool | None, str, str]]:
    with scope(PROVIDER):
        rows = Interval.objects.filter(source_id__in=Source.objects.filter(name="acd").values("pk"))
        return [
            (
                row.record_id[-4:],
                row.actor[-4:],
                row.premium,
                f"{row.started_at:%H:%M}",
                f"{row.ended_at:%H:%M}" if row.ended_at else "",
            )
            for row in rows.order_by("started_at")
        ]


def aside() -> list[tuple[int, str]]:
    with scope(PROVIDER):
        rows = RowKeptAside.objects.filter(delivery__source_name="acd", settled_at=None)
        return list(rows.order_by("delivery", "line_number").values_list("line_number", "reason"))


def test_sessions_without_a_licence_wait_for_the_list(guide_example: Customer) -> None:
    """Kept aside until somebody tells; the same file taken again then is read again."""
    path = SAMPLES / "webex-agent-sessions.json"
    assert take(path).rejected == 3
    assert stored() == []
    assert aside() == [(n, "no licence known for this agent on that day") for n in (1, 2, 3)]
    give_licences((SAMPLES / "agent-licences.csv").read_text())
    assert take(path, "agent-sessions").counts() == {
        "accepted": 2,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 1,
    }
    assert stored() == [("0001", "0001", True, "08:00", "16:30"), ("0002", "0002", True, "09:15", "")]
    assert aside() == [(3, "no licence known for this agent on that day")]


def test_the_queue_is_no_leg(guide_example: Customer) -> None:
    imported = take(SAMPLES / "webex-tasks.json", "ivr-legs")
    assert (imported.accepted, imported.left_out) == (2, 3)
    assert take(SAMPLES / "webex-activities.csv", "ivr-legs").duplicate == 2
    assert [row[3:] for row in stored()] == [("08:00", "08:01"), ("08:00", "")]


EVENTS = (SAMPLES / "amazon-connect-agent-events.ndjson").read_text().splitlines(keepends=True)
PAIRED = [
    ("0001", "/one", True, "08:00", "16:00"),
    ("0003", "/two", False, "09:00", "12:00"),
    ("0007", "/two", False, "12:00", ""),
]


@pytest.mark.parametrize("cut", range(1, len(EVENTS)))
def test_a_stream_of_events_in_two_files_is_the_same_sessions(
    guide_example: Customer, tmp_path: Path, cut: int
) -> None:
    """Each file after the other, and then the whole again: sessions end once, and nothing contradicts."""
    give_licences(f"agent_id,licence,from\n{AGENTS}")
    in_order = sorted(EVENTS, key=lambda event: json.loads(event)["EventTimestamp"])
    for name, events in (("first", in_order[:cut]), ("second", in_order[cut:]), ("whole", EVENTS)):
        path = tmp_path / f"{name}.ndjson"
        path.write_text("".join(events))
        assert take(path).conflict == 0
    assert stored() == PAIRED
    assert {reason for _line, reason in aside()} == {"signed out without having signed in"}
    with scope(PROVIDER):
        texts = RowKeptAside.objects.filter(delivery__source_name="acd").values_list("text", flat=True)
        assert all("/agent/three" in text for text in texts)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_after_a_crash_the_ends_of_earlier_files_sessions_are_not_passed_over(
    guide_example: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """The second day tells of six sessions and ends those of the first; the process dies behind every piece."""
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", at_once)
    agents = [f"{INSTANCE}/agent/{name}" for name in ("one", "two", "three")]
    give_licences(f"agent_id,licence,from\n{AGENTS}")
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    days = {first: ("10", ("08",)), second: ("11", ("09", "12"))}
    for path, (day, hours) in days.items():
        events = [
            {
                "EventId": f"{day}-{hour}-{number}",
                "EventType": "LOGIN",
                "EventTimestamp": f"2024-06-{day}T{hour}:0{number}:00.000Z",
                "AgentARN": agent,
            }
            for number, agent in enumerate(agents)
            for hour in hours
        ]
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert take(first).accepted == 3

    def crash(so_far: UsageImported) -> None:
        raise ConnectionError

    for _piece in range(6 // at_once):
        with pytest.raises(ConnectionError):
            take(second, progress=crash)
    outcome = take(second)
    assert (outcome.duplicate, outcome.conflict, outcome.rejected) == (6, 0, 0)
    assert [row[3:] for row in stored()] == [
        *((f"08:0{number}", f"09:0{number}") for number in range(3)),
        *((f"09:0{number}", f"12:0{number}") for number in range(3)),
        *((f"12:0{number}", "") for number in range(3)),
    ]
    with scope(PROVIDER):
        delivery = Delivery.objects.get(file_name="second.ndjson")
        assert (delivery.rows, delivery.accepted) == (6, 6)


def test_ends_of_earlier_files_sessions_are_settled_with_the_rows(
    guide_example: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two files touch is locked in one order only where each transaction locks it once."""
    give_licences(f"agent_id,licence,from\n{AGENTS}")
    in_order = sorted(EVENTS, key=lambda event: json.loads(event)["EventTimestamp"])
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    cut = next(place for place, event in enumerate(in_order) if json.loads(event)["EventId"].endswith("0007"))
    first.write_text("".join(in_order[:cut]))
    second.write_text("".join(in_order[cut:]))
    take(first)
    counted: list[int] = []

    def count_days(arriving: Arriving, **what: Any) -> None:
        counted.append(len(arriving))
        freshness.count_days(arriving, **what)

    monkeypatch.setattr(settling, "count_days", count_days)
    accepted = take(second).accepted
    assert counted == [accepted + 1]
    assert stored() == PAIRED


def test_a_file_that_came_too_early_is_read_again_when_the_one_before_is_there(
    guide_example: Customer, tmp_path: Path
) -> None:
    """Signing out came first and is kept aside; then the sign-ins; then the same file again."""
    give_licences(f"agent_id,licence,from\n{AGENTS}")
    ins, outs = (
        [event for event in EVENTS if json.loads(event)["EventType"] == kind] for kind in ("LOGIN", "LOGOUT")
    )
    early, late = tmp_path / "outs.ndjson", tmp_path / "ins.ndjson"
    early.write_text("".join(outs))
    late.write_text("".join(ins))
    assert take(early).rejected == 2
    assert take(late).accepted == 3
    assert take(early).accepted == 1
    assert stored() == PAIRED
    assert aside() == [(2, "signed out without having signed in")]
    assert (take(early).duplicate, take(early).rejected) == (1, 1)
    assert aside() == [(2, "signed out without having signed in")]


def test_units_of_a_month_count_on_its_last_day(guide_example: Customer) -> None:
    imported = take(SAMPLES / "webex-connect-usage.csv")
    assert (imported.accepted, imported.rejected, imported.left_out) == (6, 1, 1)
    with scope(PROVIDER):
        events = Event.objects.filter(customer_id=guide_example.pk)
        assert {event.occurred_at for event in events} == {datetime(2024, 3, 31, tzinfo=UTC)}
        assert sum(event.quantity for event in events.filter(sku="A-CHAN-U-SMS-INTL")) == 1259
    assert aside() == [(3, "quantity is no whole number of units")]


def test_each_record_of_a_line_is_kept_aside_by_itself(guide_example: Customer, tmp_path: Path) -> None:
    header = (SAMPLES / "webex-connect-usage.csv").read_text().splitlines()[0]
    path = tmp_path / "usage.csv"
    path.write_text(f"{header}\nExample Retail;Appointments;2024-03-01;2024-03-31;1.234;25;5.678;;\n")
    imported = take(path)
    assert (imported.accepted, imported.rejected) == (1, 2)
    assert aside() == [(2, "quantity is no whole number of units")] * 2


@pytest.mark.parametrize("name", ["daily-detail.csv", "genesys-concurrent-usage.csv"])
def test_control_totals_are_refused_as_usage_and_told_where_to_go(guide_example: Customer, name: str) -> None:
    with pytest.raises(UsageRefused, match="these are control totals, no usage"):
        take(SAMPLES / name, "agent-sessions")
    with scope(PROVIDER):
        assert not Delivery.objects.filter(source_name="acd").exists()


@pytest.mark.parametrize("name", ["webex-agent-sessions.json", "amazon-connect-agent-events.ndjson"])
def test_a_file_of_another_kind_than_was_said_is_refused(guide_example: Customer, name: str) -> None:
    with pytest.raises(UsageRefused, match="which holds agent sessions, not IVR legs"):
        take(SAMPLES / name, "ivr-legs")


def test_a_partners_own_description_reads_its_own_files_alone(
    bob: User, charlie: User, tmp_path: Path
) -> None:
    path = tmp_path / "acme.csv"
    path.write_text("Session;Agent;Seat;From;To;Kind\ns1;a1;Plus;1718006400;1718010000;Signed in\n")
    with scope(charlie.scope):
        save_format(text=SESSIONS, by=charlie)
    with pytest.raises(UsageRefused, match="no format has these columns"):
        take(path, sender=bob.scope)
    with scope(bob.scope):
        save_format(text=SESSIONS, by=bob)
    assert take(path, sender=bob.scope).accepted == 1
    assert stored() == [("s1", "a1", True, "08:00", "09:00")]
    with scope(PROVIDER):
        assert Delivery.objects.get(source_name="acd").format_name == "acme"


def test_a_time_without_a_zone_has_that_of_its_source(bob: User, tmp_path: Path) -> None:
    """Half past two does not exist on the last Sunday of March, and stands twice on the last of October."""
    with scope(bob.scope):
        save_format(text=SESSIONS, by=bob)
    rows = ["2024-07-01 10:00:00", "2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-10-27T02:30:00+01:00"]
    path = tmp_path / "acme.csv"
    path.write_text(
        "Session,Agent,Seat,From,To,Kind\n"
        + "".join(f"s{number},a1,Plus,{row},,Signed in\n" for number, row in enumerate(rows))
    )
    assert take(path, sender=bob.scope).reasons == {"no time zone": 3}
    with scope(bob.scope):
        Source.objects.filter(name="acd").update(time_zone="Europe/Stockholm")
    path.write_text(path.read_text() + "\n")
    imported = take(path, sender=bob.scope)
    assert (imported.accepted, imported.duplicate) == (1, 1)
    assert imported.reasons == {
        "this time does not exist in its zone": 1,
        "this time stands twice in its zone": 1,
    }
    assert [row[3] for row in stored()] == ["08:00", "01:30"]
