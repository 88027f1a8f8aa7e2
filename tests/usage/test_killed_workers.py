"""However often whoever reads a file is killed, and wherever: it ends complete, and each row counts once (R13)."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from apps.core.tenancy import PROVIDER, scope
from apps.subscriptions.models import StaleSpan
from apps.usage.models import Channel, Conflict, Delivery, DeliveryState, Interval, RowKeptAside, SourceDay
from apps.usage.services import receive_file
from apps.usage.services.licences import import_licences
from tests.factories.killed import worker
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer

START = datetime(2024, 6, 3, 6, tzinfo=UTC)
HEADER = ("record_id", "agent_id", "licence", "started_at", "ended_at")
ROWS_AT_ONCE = 50
Cells = tuple[str, ...]
Told = dict[str, Any]


@pytest.fixture
def twins(committed: None, folders: Path) -> None:
    """C-1 and C-2 of two partners: to one comes what nobody disturbs, to the other the same."""
    enter(portfolio(partner("P-1", customer("C-1")), partner("P-2", customer("C-2"))))


def sessions(count: int) -> Iterator[Cells]:
    """Sessions of June 2024, some open and ended later on; copies, contradictions, and rows that are none."""
    for number in range(count):
        start = START + timedelta(minutes=17 * number)
        end = start + timedelta(hours=1 + number % 30)
        record = f"r{number:05}"
        first = "" if number % 5 == 0 else end.isoformat()
        yield (record, f"agent-{number % 40}", "standard", start.isoformat(), first)
        if number % 5 == 0:
            yield (record, f"agent-{number % 40}", "standard", start.isoformat(), end.isoformat())
        if number % 7 == 0:
            yield (record, f"agent-{number % 40}", "premium", start.isoformat(), end.isoformat())
        if number % 11 == 0:
            yield (f"bad-{number}", "agent", "standard", "at no time", "")


def as_csv(rows: Sequence[Cells]) -> bytes:
    return "\n".join([",".join(row) for row in (HEADER, *rows)] + [""]).encode()


def as_workbook(rows: Sequence[Cells]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (HEADER, *rows):
        sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def event(name: str, kind: str, agent: int, minutes: int) -> str:
    moment = (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    said = {"EventId": name, "EventType": kind, "EventTimestamp": moment, "AgentARN": f"agent-{agent}"}
    return json.dumps(said) + "\n"


def sent(content: bytes, ref: str, folder: Path, name: str) -> int:
    """Received as an upload of the provider for a customer; the number of the delivery."""
    path = folder / f"{ref}-{name}"
    path.write_bytes(content)
    return receive_file(
        path=path,
        name=name,
        kind="agent-sessions",
        sender=PROVIDER,
        by="dana@example.com",
        channel=Channel.UPLOAD,
        customer_ref=ref,
        source="acd",
    ).pk


def told(ref: str, delivery_id: int) -> Told:
    """All that a delivery to a customer left behind."""
    owner = stored_customer(ref)
    with scope(PROVIDER):
        delivery = Delivery.objects.get(pk=delivery_id)
        outcomes = [delivery.accepted, delivery.duplicate, delivery.conflict, delivery.rejected]
        assert sum(outcomes) == delivery.rows
        return {
            "delivery": (delivery.state, delivery.rows, outcomes, delivery.failure, delivery.leased_until),
            "facts": sorted(
                Interval.objects.filter(customer_id=owner.pk).values_list(
                    "record_id", "actor", "premium", "started_at", "ended_at"
                )
            ),
            "aside": sorted(
                RowKeptAside.objects.filter(delivery=delivery).values_list("line_number", "part", "reason")
            ),
            "conflicts": sorted(
                Conflict.objects.filter(customer=owner).values_list("record_id", "premium", "line_number")
            ),
            "stale": sorted(
                StaleSpan.objects.filter(customer=owner).values_list("cause", "first_day", "last_day")
            ),
            "days": sorted(
                SourceDay.objects.filter(partner_id=owner.partner_id).values_list(
                    "kind", "day", "records", "until"
                )
            ),
        }


def killed_often(delivery_id: int, *, seed: str, kills: int) -> None:
    """Workers one after the other; each but the last dies at some step, before, in or behind a block."""
    chance = random.Random(seed)
    for _kill in range(kills):
        if worker(delivery_id, rows_at_once=ROWS_AT_ONCE, dies_at=chance.randint(1, 45)):
            raise AssertionError("it was over before the last one was killed")
    assert worker(delivery_id, rows_at_once=ROWS_AT_ONCE)


@pytest.mark.parametrize(
    ("name", "content", "kills"),
    [
        ("plain.csv", lambda: as_csv([*sessions(750)]), 12),
        ("packed.csv.gz", lambda: gzip.compress(as_csv([*sessions(400)]), mtime=0), 8),
        ("book.xlsx", lambda: as_workbook([*sessions(400)]), 8),
    ],
)
def test_a_file_whose_workers_are_killed_is_read_as_if_nothing_had_happened(
    twins: None, tmp_path: Path, name: str, content: Callable[[], bytes], kills: int
) -> None:
    made = content()
    undisturbed, disturbed = (sent(made, ref, tmp_path, name) for ref in ("C-1", "C-2"))
    assert worker(undisturbed, rows_at_once=ROWS_AT_ONCE)
    killed_often(disturbed, seed=name, kills=kills)
    expected = told("C-1", undisturbed)
    assert told("C-2", disturbed) == expected
    assert expected["delivery"][0] == DeliveryState.DONE
    assert all(expected.values())


def earlier() -> bytes:
    """Agents sign in and the file is over; even ones never sign out."""
    return "".join(event(f"in-{agent}", "LOGIN", agent, agent) for agent in range(150)).encode()


def later() -> bytes:
    """A third signs out, a third signs in once more, and others come and go. Some sign out who never signed in."""
    events = []
    for agent in range(150):
        kind = "LOGOUT" if agent % 3 == 0 else "LOGIN"
        if agent % 3 < 2:
            events.append(event(f"second-{agent}", kind, agent, 600 + agent))
    for agent in range(150, 350):
        events.append(event(f"in-{agent}", "LOGIN", agent, agent))
        if agent % 2:
            events.append(event(f"out-{agent}", "LOGOUT", agent, agent + 300))
    events += [event(f"alone-{agent}", "LOGOUT", agent, agent) for agent in range(350, 380)]
    return "".join(events).encode()


def test_events_of_sessions_that_began_in_an_earlier_file_are_paired_though_workers_are_killed(
    twins: None, tmp_path: Path
) -> None:
    licences = "agent_id,licence,from\n" + "".join(f"agent-{n},standard,2024-01-01\n" for n in range(380))
    for ref in ("C-1", "C-2"):
        with scope(PROVIDER):
            import_licences(text=licences, by="test", customer_ref=ref)
        assert worker(sent(earlier(), ref, tmp_path, "earlier.ndjson"), rows_at_once=ROWS_AT_ONCE)
    undisturbed, disturbed = (sent(later(), ref, tmp_path, "later.ndjson") for ref in ("C-1", "C-2"))
    assert worker(undisturbed, rows_at_once=ROWS_AT_ONCE)
    killed_often(disturbed, seed="events", kills=8)
    expected = told("C-1", undisturbed)
    assert told("C-2", disturbed) == expected
    assert (expected["delivery"][0], len(expected["facts"])) == (DeliveryState.DONE, 400)
