"""R13: rows read column by column are what they are when they are read one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core.domain.periods import ONE_DAY, Period
from apps.usage.domain.blocks import Block
from apps.usage.domain.columns import Reading, customers_of, read_columns
from apps.usage.domain.days import days_changed, days_changed_of
from apps.usage.domain.moments import microseconds, parse_moment, plain_moments
from apps.usage.domain.records import KINDS_OF_FILE, Content, Fault, RejectedRowError, parse_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
STOCKHOLM = ZoneInfo("Europe/Stockholm")

moments = st.datetimes(datetime.fromisoformat("2023-01-01"), datetime.fromisoformat("2026-06-01")).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
ways = st.sampled_from(
    [
        lambda moment: moment.isoformat(),
        lambda moment: moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        lambda moment: moment.isoformat(timespec="microseconds").replace("+00:00", "-05:30"),
        lambda moment: moment.isoformat(timespec="minutes").replace("+00:00", "z"),
        lambda moment: moment.isoformat(" ", "seconds"),
        lambda moment: moment.replace(tzinfo=None).isoformat(),
        lambda moment: moment.strftime("%Y%m%dT%H%M%SZ"),
        lambda moment: str(int(moment.timestamp())),
        lambda moment: f"{moment.timestamp():.3f}".replace(".", ","),
        lambda moment: str(int(moment.timestamp() * 1000)),
        lambda moment: str(microseconds(moment)),
    ]
)
odd_times = st.sampled_from(
    [
        "",
        "x",
        "2024-02-30T08:00:00Z",
        "2024-06-09T24:00:00Z",
        "2024-06-09T08:60:00Z",
        "2024-06-09T08:00:00+24:00",
        "2024-06-09t08:00:00Z",
        "2024-13-09T08:00:00Z",
        "2024-00-09T08:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "９024-06-09T08:00:00Z",
        "2024-03-31T02:30:00",
        "2024-10-27T02:30:00",
        "2024-06-09T08:00:00.12Z",
        "20240609080000",
        "1e12",
        "-1717920000",
    ]
)
times = st.one_of(st.tuples(moments, ways).map(lambda each: each[1](each[0])), odd_times)
texts = st.sampled_from(["", "r1", "r2", "a b", "å", "x" * 200, "x" * 201])
licences = st.sampled_from(["premium", "standard", "", "Premium", "basic"])
quantities = st.sampled_from(
    ["0", "1", "25", "00012", "-1", "1.0", "1e3", "²", "9" * 9, "1000000000000", "1000000000001"]
)
skus = st.sampled_from(["SMS", "VOICE", "", "x" * 201])


def cells_of(kind: str) -> st.SearchStrategy[dict[str, str]]:
    columns = {
        "record_id": texts,
        "agent_id": texts,
        "contact_id": texts,
        "sku": skus,
        "licence": licences,
        "quantity": quantities,
        "started_at": times,
        "ended_at": times,
        "occurred_at": times,
    }
    return st.fixed_dictionaries({name: columns[name] for name in KINDS_OF_FILE[kind].columns})


def block_of(rows: list[dict[str, str]]) -> Block:
    return Block(
        range(1, len(rows) + 1), [""] * len(rows), {name: [row[name] for row in rows] for name in rows[0]}
    )


@settings(max_examples=150)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS_OF_FILE)), zone=st.sampled_from([None, STOCKHOLM]))
def test_R13_columns_say_what_each_row_says(data: st.DataObject, kind: str, zone: ZoneInfo | None) -> None:
    rows = data.draw(st.lists(cells_of(kind), min_size=1, max_size=12))
    described = KINDS_OF_FILE[kind]
    skus_known = {"SMS", "VOICE"}
    columns = read_columns(block_of(rows), Reading(described, NOW, zone=zone, digital_skus=skus_known))
    for row, cells in enumerate(rows):
        said: tuple[str, Content] | Fault
        try:
            said = parse_record(cells, described, now=NOW, digital_skus=skus_known, zone=zone)
        except RejectedRowError as error:
            said = error.fault
        if row in columns.faults:
            assert columns.faults[row] == said
        else:
            assert (columns.record_ids[row], columns.content(row, described.kind)) == said


@settings(max_examples=300)
@given(written=st.lists(times, min_size=1, max_size=20))
@example(
    written=["2024-02-29T23:59:59Z", "2023-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z"]
)
def test_a_column_of_times_is_read_as_each_of_them(written: list[str]) -> None:
    found, plain = plain_moments(written)
    for text, moment, is_plain in zip(written, found.tolist(), plain.tolist(), strict=True):
        if is_plain:
            assert moment == microseconds(parse_moment(text))


def test_the_usual_ways_are_read_as_columns() -> None:
    usual = [
        "2024-06-09T08:00:00Z",
        "2024-06-09T08:00:00.123Z",
        "2024-06-09T08:00:00.123456Z",
        "2024-06-09T08:00:00+02:00",
        "2024-06-09T08:00:00.123-02:00",
        "2024-06-09T08:00:00.123456+05:30",
        "1717920000",
        "1717920000123",
        "1717920000123456",
    ]
    assert plain_moments(usual)[1].all()


def test_a_broken_row_says_nothing_and_keeps_its_reason() -> None:
    row = {"record_id": "", "contact_id": "", "started_at": "", "ended_at": ""}
    block = block_of([row])
    block.broken[0] = Fault.NOT_A_ROW
    assert read_columns(block, Reading(KINDS_OF_FILE["ivr-legs"], NOW)).faults == {0: Fault.NOT_A_ROW}


@pytest.mark.parametrize(
    ("column", "default", "expected"),
    [(["C-1", ""], "C-9", ["C-1", "C-9"]), (["C-1", ""], "", ["C-1", ""]), (None, "C-9", ["C-9", "C-9"])],
)
def test_a_filled_cell_wins_over_the_customer_of_the_file(
    column: list[str] | None, default: str, expected: list[str]
) -> None:
    block = Block([1, 2], ["", ""], {} if column is None else {"customer": column})
    assert list(customers_of(block, Reading(KINDS_OF_FILE["ivr-legs"], NOW, default))) == expected


starts = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2024-02-01")).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


@settings(max_examples=200)
@given(
    records=st.lists(
        st.tuples(
            st.integers(1, 3),
            starts,
            st.sampled_from(
                [timedelta(0), timedelta(hours=8), timedelta(days=1), timedelta(days=3, microseconds=1)]
            ),
        ),
        min_size=1,
        max_size=15,
    )
)
def test_days_of_many_owners_are_those_of_each(records: list[tuple[int, datetime, timedelta]]) -> None:
    longest = timedelta(hours=24)
    found = days_changed_of(
        np.array([owner for owner, _start, _length in records]),
        np.array([microseconds(start) for _owner, start, _length in records]),
        np.array([microseconds(start + length) for _owner, start, length in records]),
    )
    expected: dict[int, list[Period]] = {}
    for owner in {owner for owner, _start, _length in records}:
        contents = [
            Content("a", None, start, start + length) for each, start, length in records if each == owner
        ]
        expected[owner] = days_changed(contents, longest_open=longest)
    runs: dict[int, list[Period]] = {}
    for owner, first, last in zip(found.owners, found.first, found.last, strict=True):
        runs.setdefault(owner, []).append(
            Period(FIRST_DAY + int(first) * ONE_DAY, FIRST_DAY + int(last) * ONE_DAY)
        )
    assert runs == expected
