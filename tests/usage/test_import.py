"""R13: the one door through which usage comes in."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.organisations.selectors import UnknownCustomer
from apps.subscriptions.models import StaleCause, StaleSpan
from apps.usage.models import Conflict, Delivery, Interval, RowKeptAside, Source
from apps.usage.services import UsageImported, UsageRefused, import_usage, opening, settling
from tests.conftest import NOW, import_file
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.threads import in_threads
from tests.factories.usage import UsageFiles

HEADER = "record_id,agent_id,licence,started_at,ended_at\n"
DAY = "2024-06-10"


def row(
    record: str, start: str = "08:00", end: str = "16:00", *, agent: str = "a1", licence: str = "standard"
) -> str:
    """A row of a session on 10 June 2024; ``end`` empty: still going on."""
    ended_at = f"{DAY}T{end}:00Z" if end else ""
    return f"{record},{agent},{licence},{DAY}T{start}:00Z,{ended_at}\n"


def counts(outcome: UsageImported) -> tuple[int, int, int, int]:
    """Accepted, duplicate, conflict, rejected."""
    return outcome.accepted, outcome.duplicate, outcome.conflict, outcome.rejected


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stored() -> list[tuple[Any, ...]]:
    """All records, without when they were recorded."""
    with scope(PROVIDER):
        return sorted(
            Interval.objects.values_list(
                "customer_id", "kind", "source_id", "record_id", "actor", "premium", "started_at", "ended_at"
            ),
            key=str,
        )


def aside() -> list[tuple[int, str]]:
    with scope(PROVIDER):
        return list(
            RowKeptAside.objects.order_by("delivery", "line_number").values_list("line_number", "reason")
        )


@pytest.fixture
def two_partners(db: None) -> tuple[Customer, Customer]:
    """C-1 of P-1, and a stranger: C-2 of P-2."""
    return _two_partners()


def _two_partners() -> tuple[Customer, Customer]:
    enter(portfolio(partner("P-1", customer("C-1"), customer("C-3")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1"), stored_customer("C-2")


# What is stored


def test_R13_a_new_record_is_accepted_and_stored_as_it_is(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    outcome = files.take(HEADER + row("r1", licence="premium") + row("r2", "09:00", ""))
    assert counts(outcome) == (2, 0, 0, 0)
    with scope(PROVIDER):
        source = Source.objects.get()
    own = two_partners[0]
    assert (source.name, source.partner_id) == ("import", own.partner_id)
    assert stored() == [
        (
            own.pk,
            1,
            source.pk,
            "r1",
            "a1",
            True,
            datetime(2024, 6, 10, 8, tzinfo=UTC),
            datetime(2024, 6, 10, 16, tzinfo=UTC),
        ),
        (own.pk, 1, source.pk, "r2", "a1", False, datetime(2024, 6, 10, 9, tzinfo=UTC), None),
    ]


@pytest.mark.parametrize(
    ("kind", "number", "column"),
    [("wfo-sessions", 2, "agent_id"), ("ivr-legs", 3, "contact_id"), ("voice-calls", 4, "contact_id")],
)
def test_kinds_without_a_licence_are_stored_without_one(
    two_partners: tuple[Customer, Customer], files: UsageFiles, kind: str, number: int, column: str
) -> None:
    files.take(f"record_id,{column},started_at,ended_at\nr1,x,{DAY}T08:00:00Z,{DAY}T08:01:00Z\n", kind=kind)
    assert [(record[1], record[4], record[5]) for record in stored()] == [(number, "x", None)]


@pytest.mark.parametrize(
    "odd",
    [
        "tab\\there",
        "back\\slash",
        "\\N",
        "\\.",
        "quo'te",
        "%s",
        "ünï©ødé",
        "👩🏽‍💻",
        "NULL",
        "{}",
        "a\u2028b",
    ],
)
def test_every_text_comes_out_as_it_went_in(
    two_partners: tuple[Customer, Customer], files: UsageFiles, odd: str
) -> None:
    files.take(HEADER + row(odd, agent=f"{odd}x"))
    assert [(record[3], record[4]) for record in stored()] == [(odd, f"{odd}x")]


def test_line_ends_and_tabs_inside_cells_come_out_as_they_went_in(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    files.take(HEADER + row('"r\n1"', agent='"a\t\r\nb"'))
    assert [(record[3], record[4]) for record in stored()] == [("r\n1", "a\t\r\nb")]


# Identity


def test_R13_the_same_file_again_changes_nothing(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    path = files.write(
        HEADER + row("r1") + row("r2", "09:00", "") + row("r2", "09:00", "10:00") + row("r3", "x")
    )
    first = files.take(path)
    before = (stored(), aside())
    again = files.take(path)
    assert counts(first) == (3, 0, 0, 1)
    assert counts(again) == (0, 3, 0, 1)
    assert again.reasons == first.reasons == {"not a time": 1}
    assert (stored(), aside()) == before
    with scope(PROVIDER):
        assert Delivery.objects.count() == 1


def test_R13_duplicates_within_one_file_and_over_files(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    assert counts(files.take(HEADER + row("r1") + row("r1") + row("r2"))) == (2, 1, 0, 0)
    before = stored()
    assert counts(files.take(HEADER + row("r2") + row("r1") + row("r1"))) == (0, 3, 0, 0)
    assert stored() == before


def test_R13_the_same_moment_in_another_zone_is_a_duplicate(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    files.take(HEADER + row("r1"))
    outcome = files.take(HEADER + f"r1,a1,standard,{DAY}T10:00:00+02:00,{DAY}T16:00:00.000000+00:00\n")
    assert counts(outcome) == (0, 1, 0, 0)


def test_R13_an_end_completes_a_record_stored_without_one(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    files.take(HEADER + row("r1", end=""))
    assert counts(files.take(HEADER + row("r1"))) == (1, 0, 0, 0)
    assert [record[7] for record in stored()] == [datetime(2024, 6, 10, 16, tzinfo=UTC)]
    assert counts(files.take(HEADER + row("r1", end="") + "\n")) == (0, 1, 0, 0)
    assert counts(files.take(HEADER + row("r1", end="17:00"))) == (0, 0, 1, 0)
    assert [record[7] for record in stored()] == [datetime(2024, 6, 10, 16, tzinfo=UTC)]


def test_R13_an_end_completes_within_one_file_too(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    outcome = files.take(
        HEADER
        + row("r1", end="")
        + row("r1", end="")
        + row("r1")
        + row("r1")
        + row("r1", end="17:00")
        + row("r1", end="")
    )
    assert counts(outcome) == (2, 3, 1, 0)
    assert [record[7] for record in stored()] == [datetime(2024, 6, 10, 16, tzinfo=UTC)]


@pytest.mark.parametrize(
    "other",
    [
        row("r1", end="17:00"),
        row("r1", "07:00"),
        row("r1", agent="a2"),
        row("r1", licence="premium"),
        row("r1", "07:00", ""),
    ],
)
def test_R13_another_content_is_a_conflict_kept_aside_and_what_was_first_counts(
    two_partners: tuple[Customer, Customer], files: UsageFiles, other: str
) -> None:
    files.take(HEADER + row("r1"))
    before = stored()
    assert counts(files.take(HEADER + row("r9") + other)) == (1, 0, 1, 0)
    assert [record for record in stored() if record[3] == "r1"] == before
    with scope(PROVIDER):
        conflict = Conflict.objects.get()
    assert (conflict.record_id, conflict.line_number, conflict.customer_id) == ("r1", 3, two_partners[0].pk)


def test_R13_a_copy_of_a_conflict_is_a_duplicate_of_it(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    files.take(HEADER + row("r1"))
    assert counts(files.take(HEADER + row("r1", end="17:00") + row("r1", end="17:00"))) == (0, 1, 1, 0)
    assert counts(files.take(HEADER + row("r1", end="17:00"))) == (0, 1, 0, 0)
    assert counts(files.take(HEADER + row("r1", end="18:00"))) == (0, 0, 1, 0)
    with scope(PROVIDER):
        assert Conflict.objects.count() == 2


def test_R13_an_open_conflict_and_its_copy_are_one(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    files.take(HEADER + row("r1"))
    assert counts(files.take(HEADER + row("r1", "07:00", "") + row("r1", "07:00", ""))) == (0, 1, 1, 0)


def test_R13_records_of_two_sources_kinds_and_customers_are_different_ones(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    path = files.write(HEADER + row("r1"))
    for where in ({}, {"source": "acd"}, {"kind": "wfo-sessions"}, {"customer": "C-2"}, {"customer": "C-3"}):
        assert counts(files.take(path, **where)) == (1, 0, 0, 0)
    assert len(stored()) == 5
    for where in ({}, {"source": "acd"}, {"kind": "wfo-sessions"}, {"customer": "C-2"}, {"customer": "C-3"}):
        assert counts(files.take(path, **where)) == (0, 1, 0, 0)


def test_R15_without_conflicts_the_order_of_arrival_does_not_matter(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    rows = [row(f"r{n}", end=end) for n in range(6) for end in ("", "16:00", "16:00")]
    found = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        for part in (rows[:5], rows[5:]):
            files.take(HEADER + "".join(part), customer=("C-1", "C-2", "C-3")[seed])
        found.append(
            [
                record[3:]
                for record in stored()
                if record[0] == stored_customer(("C-1", "C-2", "C-3")[seed]).pk
            ]
        )
    assert found[0] == found[1] == found[2]
    assert [record[4] for record in found[0]] == [datetime(2024, 6, 10, 16, tzinfo=UTC)] * 6


# Rows kept aside


def test_R13_a_bad_row_never_stops_a_file_and_is_kept_with_line_text_and_reason(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    bad = {
        3: (row("b1", "10:00", "09:00"), "ended before it started"),
        4: (f"b2,a1,standard,2024-05-01T08:00:00Z,{DAY}T08:00:00Z\n", "lasts more than 31 days"),
        5: ("b3,a1,standard,2026-01-01T00:00:01Z,\n", "starts in the future"),
        6: (f"b4,a1,standard,{DAY}T08:00:00,\n", "no time zone"),
        7: ("b5,a1,standard,yesterday,\n", "not a time"),
        8: (row("", "08:00"), "no record id"),
        9: (row("b6", agent=""), "no agent or contact"),
        10: (row("b7", licence="gold"), "unknown licence"),
        11: (row("b" * 201), "a value is longer than 200 characters"),
        12: ("b8,a1\n", "not a row of this file"),
        13: (row("b9\x00"), "a value has a forbidden character"),
    }
    outcome = files.take(HEADER + row("r1") + "".join(text for text, _ in bad.values()) + row("r2"))
    assert counts(outcome) == (2, 0, 0, 11)
    assert outcome.reasons == {reason: 1 for _, reason in bad.values()}
    assert aside() == [(line, reason) for line, (_, reason) in bad.items()]
    with scope(PROVIDER):
        texts = dict(RowKeptAside.objects.values_list("line_number", "text"))
        delivery = Delivery.objects.get()
    assert texts[3] == bad[3][0].rstrip("\n")
    assert texts[13] == row("b9␀").rstrip("\n")
    assert (delivery.accepted, delivery.rejected, delivery.finished_at is not None) == (2, 11, True)


def test_broken_utf_8_is_kept_aside_recognisably(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    outcome = files.take(HEADER.encode() + row("r\xe9").encode("latin-1") + row("r\xe9").encode())
    assert counts(outcome) == (1, 0, 0, 1)
    with scope(PROVIDER):
        assert RowKeptAside.objects.get().text.startswith("r\\udce9,a1")


def test_a_row_of_the_future_is_taken_when_its_time_has_come(
    two_partners: tuple[Customer, Customer], tmp_path: Path
) -> None:
    path = tmp_path / "future.csv"
    path.write_text(HEADER + row("r1") + "r2,a1,standard,2026-01-01T00:00:01Z,\n")
    import_file("agent-sessions", path, customer="C-1")
    later = import_file("agent-sessions", path, customer="C-1", now=datetime(2026, 1, 2, tzinfo=UTC))
    assert counts(later) == (1, 1, 0, 0)


def test_a_row_of_a_customer_unknown_then_is_taken_when_it_is_known(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    path = files.write("customer," + HEADER + "C-7," + row("r1") + "C-1," + row("r2"))
    assert counts(files.take(path, customer="")) == (1, 0, 0, 1)
    enter(portfolio(partner("P-1", customer("C-7"))))
    assert counts(files.take(path, customer="")) == (1, 1, 0, 0)


# Files


def test_the_customer_column_wins_over_the_customer_of_the_file(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    outcome = files.take(
        "customer," + HEADER + "C-2," + row("r1") + "," + row("r2") + " C-3 ," + row("r3"), customer="C-1"
    )
    assert counts(outcome) == (3, 0, 0, 0)
    with scope(PROVIDER):
        refs = dict(Customer.objects.values_list("pk", "ref"))
    assert {record[3]: refs[record[0]] for record in stored()} == {"r1": "C-2", "r2": "C-1", "r3": "C-3"}


def test_a_row_without_any_customer_and_one_of_an_unknown_customer_are_kept_aside(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    outcome = files.take(
        "customer,"
        + HEADER
        + ","
        + row("r1")
        + "C-404,"
        + row("r2")
        + "c-1,"
        + row("r3")
        + "C-1,"
        + row("r4"),
        customer="",
    )
    assert counts(outcome) == (1, 0, 0, 3)
    assert aside() == [(2, "no customer"), (3, "unknown customer"), (4, "unknown customer")]


def test_ndjson_is_the_same_as_csv(two_partners: tuple[Customer, Customer], files: UsageFiles) -> None:
    files.take(HEADER + row("r1") + row("2", end="", licence="premium"))
    records = [
        {
            "record_id": "r1",
            "agent_id": "a1",
            "licence": "standard",
            "started_at": f"{DAY}T08:00:00Z",
            "ended_at": f"{DAY}T16:00:00Z",
            "customer": None,
        },
        {"record_id": 2, "agent_id": "a1", "licence": "premium", "started_at": f"{DAY}T08:00:00Z"},
    ]
    outcome = files.take("\ufeff" + "\n".join(map(json.dumps, records)) + "\n{broken\n")
    assert counts(outcome) == (0, 2, 0, 1)
    assert aside() == [(3, "not a row of this file")]


def test_unknown_columns_are_told(two_partners: tuple[Customer, Customer], files: UsageFiles) -> None:
    outcome = files.take(HEADER.replace("\n", ",queue\n") + row("r1").replace("\n", ",q\n"))
    assert (counts(outcome), list(outcome.unknown_columns)) == ((1, 0, 0, 0), ["queue"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("record_id,agent_id\nr1,a1\n", "lacks licence, started_at"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name_and_nothing_is_stored(
    two_partners: tuple[Customer, Customer], files: UsageFiles, content: str, said: str
) -> None:
    with pytest.raises(UsageRefused, match=rf"^file-\d\.csv: .*{said}"):
        files.take(content)
    with scope(PROVIDER):
        assert not Delivery.objects.exists()


def test_a_header_alone_is_a_file_without_rows(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    assert counts(files.take(HEADER)) == (0, 0, 0, 0)
    assert not stored()


def test_a_file_name_that_is_no_text_is_no_hindrance(
    two_partners: tuple[Customer, Customer], tmp_path: Path
) -> None:
    path = tmp_path / "broken-\udce9.csv"
    path.write_text(HEADER + row("r1"))
    assert counts(import_file("agent-sessions", path, customer="C-1")) == (1, 0, 0, 0)
    with scope(PROVIDER):
        assert Delivery.objects.get().file_name == "broken-\\udce9.csv"


def test_unknown_kinds_sources_and_customers_are_refused(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    path = files.write(HEADER + row("r1"))
    with pytest.raises(UsageRefused, match="digital is not a kind of usage; there are agent-sessions"):
        files.take(path, kind="digital")
    for name in ("", "x" * 65):
        with pytest.raises(UsageRefused, match="1 to 64 characters"):
            files.take(path, source=name)
    with pytest.raises(UnknownCustomer, match=r"There is no customer C-404\."):
        files.take(path, customer="C-404")
    assert not stored()


def stale() -> list[tuple[str, date, date, StaleCause]]:
    """Customer, first and last day, cause; what was stale is forgotten."""
    with scope(PROVIDER):
        found = [
            (ref, first, last, StaleCause(cause))
            for ref, first, last, cause in StaleSpan.objects.order_by(
                "customer__ref", "first_day"
            ).values_list("customer__ref", "first_day", "last_day", "cause")
        ]
        StaleSpan.objects.all().delete()
        return found


def session_of(record: str, start: str, end: str) -> str:
    return f"{record},a1,standard,2024-{start}:00Z,{f'2024-{end}:00Z' if end else ''}\n"


def test_days_that_records_touch_and_the_day_after_are_stale(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    stale()
    files.take(
        HEADER
        + row("r1")
        + session_of("r2", "06-12T22:00", "06-14T01:00")
        + session_of("r3", "06-10T09:00", "")
    )
    assert stale() == [("C-1", date(2024, 6, 10), date(2024, 6, 15), StaleCause.ADDED)]
    files.take(HEADER + row("r1") + row("r4", "10:00", "09:00") + row("r1", end="17:00"))
    assert stale() == []


def test_days_between_records_stay_as_they_are_and_each_customer_has_its_own(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    stale()
    sessions = [
        session_of("r1", "01-31T08:00", "01-31T16:00"),
        session_of("r2", "06-10T08:00", "06-11T00:00"),
        session_of("r3", "06-12T08:00", "06-12T16:00"),
        session_of("r4", "06-15T08:00", "06-15T16:00"),
    ]
    files.take(
        "customer,"
        + HEADER
        + "".join(f"C-1,{each}" for each in sessions)
        + f"C-2,{session_of('r1', '03-31T08:00', '03-31T16:00')}"
    )
    assert stale() == [
        ("C-1", date(2024, 1, 31), date(2024, 2, 1), StaleCause.ADDED),
        ("C-1", date(2024, 6, 10), date(2024, 6, 13), StaleCause.ADDED),
        ("C-1", date(2024, 6, 15), date(2024, 6, 16), StaleCause.ADDED),
        ("C-2", date(2024, 3, 31), date(2024, 4, 1), StaleCause.ADDED),
    ]


@pytest.mark.parametrize(
    ("end", "last"), [("06-10T09:00", 12), ("06-11T00:00", 12), ("06-12T08:00", 13)], ids=str
)
def test_days_of_a_record_that_is_completed_are_stale_as_it_was_and_as_it_is(
    two_partners: tuple[Customer, Customer], files: UsageFiles, end: str, last: int
) -> None:
    files.take(HEADER + session_of("r1", "06-10T08:00", ""))
    stale()
    files.take(HEADER + session_of("r1", "06-10T08:00", end) + session_of("r2", "06-01T08:00", "06-01T09:00"))
    assert stale() == [
        ("C-1", date(2024, 6, 1), date(2024, 6, 2), StaleCause.ADDED),
        ("C-1", date(2024, 6, 10), date(2024, 6, last), StaleCause.REPLACED),
    ]


def test_a_record_still_open_makes_as_many_days_stale_as_an_offers_setting_gives_it(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    stale()
    with scope(PROVIDER):
        Offer.objects.filter(code="A-FLEX-3-CC").update(longest_open_hours=72)
    files.take(HEADER + session_of("r1", "06-10T08:00", ""))
    assert stale() == [("C-1", date(2024, 6, 10), date(2024, 6, 14), StaleCause.ADDED)]


# Tenancy


def as_partner(own: Customer, path: Path, *, customer: str = "") -> UsageImported:
    sender = Scope(Role.PARTNER, own.partner_id)
    return import_file("agent-sessions", path, customer=customer, sender=sender)


def test_a_partner_imports_for_its_own_customers_and_a_strangers_reads_as_unknown(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    own, stranger = two_partners
    path = files.write("customer," + HEADER + "C-1," + row("r1") + "C-2," + row("r2") + "C-404," + row("r3"))
    outcome = as_partner(own, path)
    assert counts(outcome) == (1, 0, 0, 2)
    assert outcome.reasons == {"unknown customer": 2}
    assert [record[0] for record in stored()] == [own.pk]
    for ref in ("C-2", "C-404"):
        with pytest.raises(UnknownCustomer, match=f"There is no customer {ref}"):
            as_partner(own, path, customer=ref)

    with scope(Scope(Role.PARTNER, own.partner_id)):
        assert (Interval.objects.count(), Delivery.objects.count(), RowKeptAside.objects.count()) == (1, 1, 2)
    with scope(Scope(Role.PARTNER, stranger.partner_id)):
        assert (Interval.objects.count(), Delivery.objects.count(), RowKeptAside.objects.count()) == (0, 0, 0)
    with scope(Scope(Role.CUSTOMER, own.partner_id, own.pk)):
        assert Interval.objects.count() == 1


def test_a_partner_completes_and_conflicts_like_the_provider(
    two_partners: tuple[Customer, Customer], files: UsageFiles
) -> None:
    own, _ = two_partners
    files.take(HEADER + row("r1", end=""))
    again = files.write(HEADER + row("r1") + row("r1", end="17:00") + row("r1"))
    assert counts(as_partner(own, again, customer="C-1")) == (1, 1, 1, 0)
    assert counts(as_partner(own, again, customer="C-1")) == (0, 3, 0, 0)


# Crashes, and two at once


def numbered(numbers: range) -> str:
    return HEADER + "".join(row(f"r{n:03}") for n in numbers)


class Crash(Exception):
    """The process ends here."""


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", 20)


def crashing(path: Path, after: int) -> None:
    """Import C-1's file and crash when so many rows are settled."""

    def crash(so_far: UsageImported) -> None:
        if so_far.rows >= after:
            raise Crash

    with pytest.raises(Crash):
        import_usage(
            kind="agent-sessions",
            path=path,
            sha256=_sha256(path),
            sender=PROVIDER,
            now=NOW,
            customer_ref="C-1",
            progress=crash,
        )


def test_after_a_crash_in_the_middle_the_same_file_is_taken_to_its_end(
    two_partners: tuple[Customer, Customer], files: UsageFiles, small_chunks: None
) -> None:
    path = files.write(numbered(range(50)) + row("bad", "x") + "".join(row(f"s{n}") for n in range(30)))
    crashing(path, after=40)
    assert len(stored()) == 40
    assert counts(files.take(path)) == (40, 40, 0, 1)
    assert len(stored()) == 80
    assert aside() == [(52, "not a time")]
    assert counts(files.take(path)) == (0, 80, 0, 1)


def test_a_chunk_that_fails_leaves_nothing_of_itself(
    two_partners: tuple[Customer, Customer],
    files: UsageFiles,
    small_chunks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = files.write(numbered(range(30)) + row("bad", "x"))
    monkeypatch.setattr(settling, "count_days", _crash_on_second_call())
    with pytest.raises(Crash):
        files.take(path)
    assert len(stored()) == 20
    assert aside() == []
    monkeypatch.undo()
    assert counts(files.take(path)) == (10, 20, 0, 1)


def _crash_on_second_call() -> Callable[..., None]:
    calls = []

    def crash(*accepted: object, **which: object) -> None:
        calls.append(accepted)
        if len(calls) > 1:
            raise Crash

    return crash


def test_two_imports_of_one_file_at_once_store_not_one_row_twice(
    committed: None, files: UsageFiles, small_chunks: None
) -> None:
    _two_partners()
    path = files.write(numbered(range(200)) + row("bad", "x") + row("r000", end="17:00"))
    first, second = in_threads(lambda: files.take(path), lambda: files.take(path))
    assert first.accepted + second.accepted == len(stored()) == 200
    assert first.duplicate + second.duplicate == 201
    assert first.conflict + second.conflict == 1
    assert aside() == [(202, "not a time")]
    with scope(PROVIDER):
        assert (Delivery.objects.count(), Source.objects.count(), Conflict.objects.count()) == (1, 1, 1)


def test_overlapping_files_of_several_partners_at_once_neither_block_each_other_nor_lose_a_row(
    committed: None, files: UsageFiles, small_chunks: None
) -> None:
    refs = [f"C-{number}" for number in range(1, 11)]
    enter(portfolio(*(partner(f"P-{ref}", customer(ref)) for ref in refs)))
    there = [f"{ref}," + row(f"r{n:02}") for n in range(12) for ref in refs]
    paths = [files.write("customer," + HEADER + "".join(rows)) for rows in (there, there[::-1], there[30:90])]
    outcomes = in_threads(*(lambda path=path: files.take(path, customer="") for path in paths))
    assert sum(outcome.accepted for outcome in outcomes) == len(stored()) == 120
    assert sum(outcome.duplicate for outcome in outcomes) == 180
    assert all(outcome.conflict == outcome.rejected == 0 for outcome in outcomes)
