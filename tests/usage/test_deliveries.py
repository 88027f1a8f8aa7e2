"""Files that a worker reads, and what any sequence of deliveries of the same facts ends in (R13)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import multiprocessing
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connections
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from apps.core.bulk import array_cursor
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.usage.domain.records import Outcome
from apps.usage.models import Channel, Delivery, DeliveryState, Interval, RowKeptAside, Source, SourceDay
from apps.usage.services import (
    UsageRefused,
    deliveries,
    importing,
    opening,
    read_delivery,
    receive_file,
    storing,
    take_records,
)
from tests.conftest import NOW, import_file
from tests.factories.importers import begin, import_for
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.usage import UsageFiles

HEADER = "record_id,agent_id,licence,started_at,ended_at\n"
DAY = "2024-06-10"
EVENT = '{"EventId":"e1","EventType":"LOGIN","EventTimestamp":"2024-06-10T08:00:00Z","AgentARN":"arn:a1"}\n'


def numbered(numbers: Sequence[int]) -> str:
    """Rows of sessions of an hour, r000, r001, …"""
    return "".join(f"r{n:03},a{n},standard,{DAY}T08:00:00Z,{DAY}T09:00:00Z\n" for n in numbers)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> None:
    """Files of deliveries lie in a folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", 20)


@pytest.fixture
def own_customer(db: None) -> Customer:
    enter(portfolio(partner("P-1", customer("C-1"), customer("C-3")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


def receive(
    path: Path, *, sender: Scope = PROVIDER, kind: str = "agent-sessions", ref: str = "C-1"
) -> Delivery:
    return receive_file(
        path=path,
        name="agents.csv",
        kind=kind,
        sender=sender,
        by="bob",
        channel=Channel.UPLOAD,
        customer_ref=ref,
    )


def read(delivery: Delivery, *, seconds: float = 60, now: datetime = NOW) -> bool:
    return read_delivery(delivery_id=delivery.pk, now=now, seconds=seconds)


def again(delivery: Delivery) -> Delivery:
    with scope(PROVIDER):
        return Delivery.objects.get(pk=delivery.pk)


def counts(delivery: Delivery) -> tuple[int, int, int, int]:
    """Accepted, duplicate, conflict, rejected; they are all the rows."""
    found = again(delivery)
    told = (found.accepted, found.duplicate, found.conflict, found.rejected)
    assert sum(told) == found.rows
    return told


def test_a_received_file_waits_in_the_portals_folder_and_is_read_to_its_end(
    own_customer: Customer, files: UsageFiles
) -> None:
    path = files.write(HEADER + numbered(range(3)) + "bad\n")
    size = path.stat().st_size
    delivery = receive(path)
    stored = Path(django_settings.MEDIA_ROOT) / delivery.stored_as
    assert not path.exists()
    assert (stored.stat().st_size, delivery.size, delivery.state) == (size, size, DeliveryState.WAITING)
    assert read(delivery)
    found = again(delivery)
    assert counts(delivery) == (3, 0, 0, 1)
    assert (found.state, found.bytes_read, found.leased_until) == (DeliveryState.DONE, size, None)
    assert found.finished_at is not None


def test_the_same_content_again_is_the_delivery_of_then(own_customer: Customer, files: UsageFiles) -> None:
    content = HEADER + numbered(range(3))
    first = receive(files.write(content))
    read(first)
    path = files.write(content)
    assert receive(path) == first
    assert not path.exists()
    assert counts(first) == (3, 0, 0, 0)


def test_a_file_that_is_none_is_refused_and_stays_where_it_is(
    own_customer: Customer, files: UsageFiles
) -> None:
    path = files.write(b"MZ\x90\x00")
    with pytest.raises(UsageRefused, match=r"agents.csv: this is no text file"):
        receive(path)
    assert path.exists()
    with scope(PROVIDER):
        assert not Delivery.objects.exists()


def test_the_kind_may_be_left_out_where_the_format_tells_it(
    own_customer: Customer, files: UsageFiles
) -> None:
    assert receive(files.write(EVENT), kind="").described.name == "agent-sessions"
    with pytest.raises(UsageRefused, match="fit agent sessions and workforce optimization sessions"):
        receive(files.write(HEADER), kind="")


def test_a_file_damaged_further_down_fails_with_a_reason_and_keeps_what_stood_before(
    own_customer: Customer, files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", 5_000)
    rows = "".join(
        f"r{n},agent-{n * 7919 % 100_003},standard,{DAY}T08:00:00Z,{DAY}T09:00:00Z\n" for n in range(60_000)
    )
    packed = gzip.compress((HEADER + rows).encode())
    delivery = receive(files.write(packed[: len(packed) * 3 // 4]))
    assert read(delivery)
    found = again(delivery)
    assert (found.state, found.failure) == (
        DeliveryState.FAILED,
        "the packed file is cut off: its end is missing",
    )
    with scope(PROVIDER):
        assert Interval.objects.count() == found.accepted > 0


def test_a_worker_reads_for_a_while_and_the_next_one_reads_on(
    own_customer: Customer, files: UsageFiles, small_blocks: None
) -> None:
    delivery = receive(files.write(HEADER + numbered(range(50)) + "bad\n" + numbered(range(10))))
    steps = []
    while not read(delivery, seconds=0):
        steps.append(again(delivery).rows)
    assert steps == [20, 40, 60, 61]
    assert counts(delivery) == (50, 10, 0, 1)


def test_a_worker_leaves_a_file_to_the_one_that_has_it_until_that_is_given_up(
    own_customer: Customer, files: UsageFiles
) -> None:
    delivery = receive(files.write(HEADER + numbered(range(5))))
    with scope(PROVIDER):
        Delivery.objects.update(state=DeliveryState.READING, leased_until=NOW + timedelta(minutes=1))
    assert read(delivery)
    assert again(delivery).rows == 0
    assert read(delivery, now=NOW + timedelta(minutes=2))
    assert counts(delivery) == (5, 0, 0, 0)


def test_a_file_is_one_workers_for_as_long_as_it_may_take_to_the_first_block(
    own_customer: Customer, files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases: list[Any] = []
    monkeypatch.setattr(
        deliveries, "read_on", lambda delivery, *_how, **_else: leases.append(again(delivery).leased_until)
    )
    began = timezone.now()
    read(receive(files.write(EVENT)), seconds=480)
    assert leases[0] > began + timedelta(seconds=480)


def test_a_worker_whose_statement_the_database_breaks_off_leaves_the_file_to_the_next(
    own_customer: Customer, files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadlock(arriving: object) -> bool:
        with array_cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")
        return True

    delivery = receive(files.write(HEADER + numbered(range(5))))
    with monkeypatch.context() as patch:
        patch.setattr(storing, "insert", deadlock)
        with pytest.raises(OperationalError, match="deadlock"):
            read(delivery)
    assert again(delivery).state == DeliveryState.READING
    assert read(delivery, now=timezone.now() + 2 * importing.LEASE)
    assert counts(delivery) == (5, 0, 0, 0)


def test_a_partners_file_is_read_with_its_rights(own_customer: Customer, files: UsageFiles) -> None:
    own = Scope(Role.PARTNER, own_customer.partner_id)
    rows = (
        "customer,"
        + HEADER
        + "C-1,r1,a,standard,2024-06-10T08:00:00Z,\nC-2,r1,a,standard,2024-06-10T08:00:00Z,\n"
    )
    delivery = receive(files.write(rows), sender=own, ref="")
    read(delivery)
    assert counts(delivery) == (1, 0, 0, 1)
    with scope(PROVIDER):
        assert RowKeptAside.objects.get().reason == "unknown customer"
        assert Interval.objects.get().customer_id == own_customer.pk
    with scope(Scope(Role.PARTNER, stored_customer("C-2").partner_id)):
        assert not Delivery.objects.exists()


def test_days_of_a_source_are_counted_once(own_customer: Customer, files: UsageFiles) -> None:
    open_ = "r9,a,standard,2024-06-11T08:00:00Z,\n"
    files.take(HEADER + numbered(range(3)) + open_)
    files.take(HEADER + numbered(range(4)) + open_.replace(",\n", ",2024-06-12T09:00:00Z\n"))
    with scope(PROVIDER):
        told = {str(each.day): (each.records, each.until) for each in SourceDay.objects.all()}
    assert told == {
        "2024-06-10": (4, datetime(2024, 6, 10, 9, tzinfo=UTC)),
        "2024-06-11": (1, datetime(2024, 6, 12, 9, tzinfo=UTC)),
    }


# Records of a call


def take(records: Sequence[object], *, sha256: str = "0" * 64, **more: Any) -> list[str]:
    """What becomes of records, with the reason of those that are rejected."""
    with scope(PROVIDER):
        taken = take_records(
            kind="agent-sessions",
            records=records,
            sender=PROVIDER,
            now=NOW,
            sha256=sha256,
            customer_ref="C-1",
            **more,
        )
    assert [taken.outcomes.count(each) for each in Outcome] == list(taken.imported.counts().values())
    return [
        str(taken.faults[index]) if index in taken.faults else outcome.value
        for index, outcome in enumerate(taken.outcomes)
    ]


def record(name: str, start: str = "08:00", end: str | None = "09:00", **more: object) -> dict[str, object]:
    ended_at = None if end is None else f"{DAY}T{end}:00Z"
    return {
        "record_id": name,
        "agent_id": "a",
        "licence": "standard",
        "started_at": f"{DAY}T{start}:00Z",
        "ended_at": ended_at,
        **more,
    }


def test_each_record_of_a_call_has_its_own_outcome(own_customer: Customer) -> None:
    assert take(
        [
            record("r1"),
            record("r1"),
            record("r1", end="10:00"),
            7,
            record("r2", end=None),
            record("r2"),
            record("", "x"),
        ]
    ) == [
        "accepted",
        "duplicate",
        "conflict",
        "not a row of this file",
        "accepted",
        "accepted",
        "no record id",
    ]
    with scope(PROVIDER):
        delivery = Delivery.objects.get()
        assert [(row.line_number, row.reason) for row in RowKeptAside.objects.all()] == [
            (4, "not a row of this file"),
            (7, "no record id"),
        ]
    assert counts(delivery) == (3, 1, 1, 2)


def test_the_same_call_again_is_not_counted_again(own_customer: Customer) -> None:
    take([record("r1")])
    assert take([record("r1")]) == ["duplicate"]
    with scope(PROVIDER):
        assert counts(Delivery.objects.get()) == (1, 0, 0, 0)


@pytest.mark.parametrize("value", [True, 1.5, ["r1"], {"x": 1}])
def test_a_value_of_another_type_rejects_its_record_only(own_customer: Customer, value: object) -> None:
    assert take([record("r1", agent_id=value), record("r2")]) == ["not a row of this file", "accepted"]


# Many at once


def test_the_same_file_by_ten_processes_at_once_stores_not_one_row_twice(
    committed: None, files: UsageFiles, tmp_path: Path
) -> None:
    enter(portfolio(partner("P-1", customer("C-1"))))
    path = files.write(
        HEADER + numbered(range(1_000)) + "bad\n" + "r000,other,standard,2024-06-10T08:00:00Z,\n"
    )
    database = connections["default"].settings_dict["NAME"]
    connections["default"].close()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.factories.importers"])
    with context.Pool(10, begin, (database, 50)) as pool:
        told = pool.map(import_for, [str(path)] * 10, chunksize=1)
    assert sum(each["accepted"] for each in told) == 1_000
    assert sum(each["conflict"] for each in told) == 1
    assert all(sum(each.values()) == 1_002 and each["rejected"] == 1 for each in told)
    with scope(PROVIDER):
        assert Interval.objects.count() == 1_000
        assert counts(Delivery.objects.get()) == (1_000, 0, 1, 1)


# Any sequence of deliveries of the same facts

Fact = tuple[str, str, str, bool, datetime, datetime | None]
_sources = count()


def _iso(moment: datetime | None, offset: str = "Z") -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", offset)


def _cells(fact: Fact) -> dict[str, str]:
    ref, name, agent, premium, start, end = fact
    return {
        "customer": "" if ref == "C-1" else ref,
        "record_id": name,
        "agent_id": agent,
        "licence": "premium" if premium else "standard",
        "started_at": _iso(start),
        "ended_at": _iso(end, "+00:00"),
    }


def _csv(facts: Sequence[Fact], delimiter: str = ",", **how: Any) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(_cells(facts[0])), delimiter=delimiter, **how)
    writer.writeheader()
    writer.writerows(map(_cells, facts))
    return out.getvalue().encode()


def _xlsx(facts: Sequence[Fact]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    book.active.append(list(_cells(facts[0])))
    for fact in facts:
        book.active.append(list(_cells(fact).values()))
    book.save(out)
    return out.getvalue()


def _epoch(facts: Sequence[Fact]) -> bytes:
    rows = [_cells(fact) for fact in facts]
    for row, (*_, start, end) in zip(rows, facts, strict=True):
        row["started_at"] = str(int(start.timestamp() * 1000))
        row["ended_at"] = "" if end is None else str(int(end.timestamp()))
    return "\n".join(json.dumps(row) for row in rows).encode()


WRITTEN: dict[str, Callable[[Sequence[Fact]], bytes]] = {
    "csv": _csv,
    "semicolons": lambda facts: b"\xef\xbb\xbf" + _csv(facts, ";", quoting=csv.QUOTE_ALL),
    "utf-16": lambda facts: _csv(facts).decode().encode("utf-16"),
    "ndjson": lambda facts: "\n".join(json.dumps(_cells(fact)) for fact in facts).encode(),
    "array": lambda facts: json.dumps([_cells(fact) for fact in facts], indent=1).encode(),
    "epoch": _epoch,
    "gzip": lambda facts: gzip.compress(_csv(facts)),
    "xlsx": _xlsx,
}

START = datetime(2024, 6, 10, tzinfo=UTC)
fact_lists = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 40), st.booleans(), st.sampled_from("abc")),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=fact_lists,
    deliveries=st.lists(
        st.tuples(
            st.sets(st.integers(0, 11)), st.sampled_from([*WRITTEN, "call"]), st.randoms(), st.booleans()
        ),
        max_size=6,
    ),
    block=st.sampled_from([1, 3, 50_000]),
)
def test_R13_any_sequence_of_deliveries_of_the_same_facts_ends_in_the_same_facts(
    own_customer: Customer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: list[tuple[int, int, bool, str]],
    deliveries: list[tuple[set[int], str, Any, bool]],
    block: int,
) -> None:
    """Order, repeats, pieces and ways of writing change nothing, and each row has an outcome."""
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", block)
    facts: list[Fact] = [
        (
            f"C-{number % 3 + 1}",
            f"r{number // 3}",  # ids are the same for several customers
            agent,
            premium,
            START + timedelta(hours=start),
            START + timedelta(hours=start + length),
        )
        for number, (start, length, premium, agent) in enumerate(drawn)
    ]
    source = f"source-{next(_sources)}"
    accepted = sent = 0
    everything = ({*range(len(facts))}, "csv", None, False)
    for wanted, written, random, still_open in [*deliveries, everything]:
        piece = [facts[number] for number in sorted(wanted) if number < len(facts)]
        if still_open:
            piece = [(*fact[:5], None) for fact in piece]
        if random is not None:
            piece += [fact for fact in piece if random.random() < 0.3]
            random.shuffle(piece)
        if not piece:
            continue
        sent += len(piece)
        accepted += _deliver(piece, written, source, tmp_path)
    with scope(PROVIDER):
        stored = Interval.objects.filter(source_id__in=Source.objects.filter(name=source).values("pk"))
        refs = dict(Customer.objects.values_list("pk", "ref"))
        rows = stored.values_list("customer_id", "record_id", "actor", "premium", "started_at", "ended_at")
        found = sorted((refs[customer_id], *row) for customer_id, *row in rows)
        told = [counts(each) for each in Delivery.objects.filter(source_name=source)]
    assert found == sorted(facts)
    # Each fact is accepted once, and once more when its end came later.
    assert len(facts) <= accepted <= 2 * len(facts)
    assert sum(each[2] + each[3] for each in told) == 0


def _deliver(piece: list[Fact], written: str, source: str, folder: Path) -> int:
    """Send facts; how many were accepted. All others are duplicates."""
    if written == "call":
        with scope(PROVIDER):
            imported = take_records(
                kind="agent-sessions",
                records=[_cells(fact) for fact in piece],
                sender=PROVIDER,
                now=NOW,
                sha256=f"{next(_sources):064}",
                customer_ref="C-1",
                source=source,
            ).imported
    else:
        path = folder / "delivered"
        path.write_bytes(WRITTEN[written](piece))
        imported = import_file("agent-sessions", path, customer="C-1", source=source)
    assert imported.accepted + imported.duplicate == len(piece)
    return imported.accepted


def test_a_file_that_breaks_off_is_refused_on_the_command_line_too(
    own_customer: Customer, files: UsageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_REJECTED", 10)
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", 20)
    with pytest.raises(UsageRefused, match=r"too many rows are no records: the rest is not read"):
        files.take(HEADER + numbered(range(5)) + "bad\n" * 100 + numbered(range(5, 9)))
    with scope(PROVIDER):
        assert (Interval.objects.count(), RowKeptAside.objects.count()) == (5, 15)
