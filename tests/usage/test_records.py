"""R13: what a row must be, and what becomes of a record that comes again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.usage.domain.records import (
    KINDS_OF_FILE,
    Content,
    Fault,
    Outcome,
    RejectedRowError,
    meet,
    parse_moment,
    parse_record,
)

NOW = datetime(2024, 6, 10, 12, tzinfo=UTC)
SESSIONS, LEGS = KINDS_OF_FILE["agent-sessions"], KINDS_OF_FILE["ivr-legs"]


def test_each_kind_of_file_has_the_columns_of_the_contract() -> None:
    assert {name: described.columns for name, described in KINDS_OF_FILE.items()} == {
        "agent-sessions": ("record_id", "agent_id", "licence", "started_at", "ended_at"),
        "wfo-sessions": ("record_id", "agent_id", "started_at", "ended_at"),
        "ivr-legs": ("record_id", "contact_id", "started_at", "ended_at"),
        "voice-calls": ("record_id", "contact_id", "started_at", "ended_at"),
        "digital-usage": ("record_id", "sku", "quantity", "occurred_at"),
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-06-09T08:00:00Z", datetime(2024, 6, 9, 8, tzinfo=UTC)),
        ("2024-06-09T08:00Z", datetime(2024, 6, 9, 8, tzinfo=UTC)),
        ("2024-06-09T08:00:00+00:00", datetime(2024, 6, 9, 8, tzinfo=UTC)),
        ("2024-06-09T10:00:00+02:00", datetime(2024, 6, 9, 8, tzinfo=UTC)),
        ("2024-06-08T22:30:00-09:30", datetime(2024, 6, 9, 8, tzinfo=UTC)),
        ("2024-06-09T08:00:00.5Z", datetime(2024, 6, 9, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-06-09T08:00:00.123456Z", datetime(2024, 6, 9, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-06-09T08:00:00.1234569Z", datetime(2024, 6, 9, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-06-09T08:00:00.999999999+00:00", datetime(2024, 6, 9, 8, 0, 0, 999_999, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc_and_what_is_finer_than_a_microsecond_is_cut(
    text: str, moment: datetime
) -> None:
    assert parse_moment(text) == moment
    assert parse_moment(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2024-06-09T08:00:00", Fault.NO_TIME_ZONE),
        ("2024-06-09 08:00:00", Fault.NO_TIME_ZONE),
        ("2024-06-09", Fault.NO_TIME_ZONE),
        ("", Fault.NOT_A_TIME),
        ("yesterday", Fault.NOT_A_TIME),
        ("171792000", Fault.NOT_A_TIME),
        ("2024-02-30T08:00:00Z", Fault.NOT_A_TIME),
        ("2024-06-09T25:00:00Z", Fault.NOT_A_TIME),
        ("2024-06-09T08:00:60Z", Fault.NOT_A_TIME),
        ("2024-06-09T08:00:00+99:00", Fault.NOT_A_TIME),
        ("09/06/2024 08:00Z", Fault.NOT_A_TIME),
        ("0001-01-01T00:00:00+14:00", Fault.NOT_A_TIME),
        ("9999-12-31T23:59:59-14:00", Fault.NOT_A_TIME),
    ],
)
def test_a_time_without_a_zone_and_what_is_no_time_are_rejected(text: str, fault: Fault) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        parse_moment(text)
    assert rejected.value.fault is fault


def row(**cells: str) -> dict[str, str]:
    return {
        "record_id": "r1",
        "agent_id": "a1",
        "licence": "premium",
        "started_at": "2024-06-09T08:00:00Z",
        "ended_at": "2024-06-09T16:00:00Z",
        **cells,
    }


def test_a_good_row_is_its_record_id_and_what_it_says() -> None:
    assert parse_record(row(), SESSIONS, now=NOW) == (
        "r1",
        Content("a1", True, datetime(2024, 6, 9, 8, tzinfo=UTC), datetime(2024, 6, 9, 16, tzinfo=UTC)),
    )


def test_a_leg_knows_no_licence() -> None:
    leg = {**row(), "contact_id": "c1"}
    assert parse_record(leg, LEGS, now=NOW)[1] == Content(
        "c1", None, datetime(2024, 6, 9, 8, tzinfo=UTC), datetime(2024, 6, 9, 16, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "cells",
    [
        row(ended_at=""),
        row(ended_at="2024-06-09T08:00:00Z"),
        row(ended_at="2024-06-09T10:00:00+02:00"),
        row(started_at="2024-06-10T12:00:00Z", ended_at=""),
        row(ended_at="2024-06-11T08:00:00Z"),
        row(started_at="2024-05-09T08:00:00Z", ended_at="2024-06-09T08:00:00Z"),
        row(record_id="r" * 200, agent_id="é" * 200),
    ],
    ids=[
        "open",
        "no length",
        "no length, another zone",
        "now",
        "ends later than now",
        "31 days",
        "200 characters",
    ],
)
def test_R13_rows_at_the_edge_of_the_rules_are_accepted(cells: dict[str, str]) -> None:
    parse_record(cells, SESSIONS, now=NOW)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (row(ended_at="2024-06-09T07:59:59.999999Z"), "ended before it started"),
        (row(ended_at="2024-06-09T09:59:59+02:00"), "ended before it started"),
        (
            row(started_at="2024-05-09T08:00:00Z", ended_at="2024-06-09T08:00:00.000001Z"),
            "lasts more than 31 days",
        ),
        (row(started_at="2024-06-10T12:00:00.000001Z", ended_at=""), "starts in the future"),
        (row(started_at="2024-06-09T08:00:00"), "no time zone"),
        (row(ended_at="2024-06-09T16:00:00"), "no time zone"),
        (row(started_at=""), "not a time"),
        (row(ended_at="later"), "not a time"),
        (row(record_id=""), "no record id"),
        (row(agent_id=""), "no agent or contact"),
        (row(licence=""), "unknown licence"),
        (row(licence="Premium"), "unknown licence"),
        (row(record_id="r" * 201), "a value is longer than 200 characters"),
        (row(agent_id="a" * 201), "a value is longer than 200 characters"),
    ],
)
def test_R13_a_row_that_breaks_a_rule_is_rejected_with_the_reason(cells: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        parse_record(cells, SESSIONS, now=NOW)
    assert str(rejected.value) == rejected.value.fault.value == reason


# What becomes of a record that comes again


def content(actor: str = "a1", premium: bool | None = False, start: int = 8, end: int | None = 16) -> Content:
    return Content(
        actor,
        premium,
        datetime(2024, 6, 9, start, tzinfo=UTC),
        None if end is None else datetime(2024, 6, 9, end, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("stored", "arriving", "outcome"),
    [
        (content(), content(), Outcome.DUPLICATE),
        (content(end=None), content(end=None), Outcome.DUPLICATE),
        (content(end=None), content(), Outcome.ACCEPTED),
        (content(), content(end=None), Outcome.DUPLICATE),
        (content(), content(end=17), Outcome.CONFLICT),
        (content(), content(start=9), Outcome.CONFLICT),
        (content(), content(actor="a2"), Outcome.CONFLICT),
        (content(), content(premium=True), Outcome.CONFLICT),
        (content(end=None), content(start=9), Outcome.CONFLICT),
        (content(end=None), content(actor="a2"), Outcome.CONFLICT),
        (content(end=None), content(premium=True), Outcome.CONFLICT),
        (content(), content(start=9, end=None), Outcome.CONFLICT),
    ],
)
def test_R13_what_becomes_of_a_record_whose_id_is_stored(
    stored: Content, arriving: Content, outcome: Outcome
) -> None:
    assert meet(stored, arriving) is outcome


def test_R13_one_moment_written_with_two_offsets_is_one_value() -> None:
    first = parse_record(row(), SESSIONS, now=NOW)[1]
    second = parse_record(
        row(started_at="2024-06-09T10:00:00+02:00", ended_at="2024-06-09T11:00:00.000000-05:00"),
        SESSIONS,
        now=NOW,
    )[1]
    assert meet(first, second) is Outcome.DUPLICATE


@pytest.mark.parametrize(
    "content",
    [
        Content(
            "a1", True, datetime(2024, 6, 9, 8, 0, 0, 1, tzinfo=UTC), datetime(2024, 6, 9, 16, tzinfo=UTC)
        ),
        Content("+46 8 1", None, datetime(2024, 6, 9, 8, tzinfo=UTC), None),
        Content(
            "SMS", None, datetime(2024, 6, 9, tzinfo=UTC), datetime(2024, 6, 9, tzinfo=UTC), 1_000_000_000_000
        ),
    ],
)
def test_a_content_that_is_kept_comes_back_as_it_was(content: Content) -> None:
    assert Content.of(json.loads(json.dumps(content.snapshot()))) == content


@settings(max_examples=50)
@given(arriving=st.permutations([content(end=None), content(), content(end=None), content()]))
def test_R13_without_a_conflict_the_order_of_arrival_does_not_matter(arriving: list[Content]) -> None:
    stored, *others = arriving
    for other in others:
        outcome = meet(stored, other)
        assert outcome is not Outcome.CONFLICT
        if outcome is Outcome.ACCEPTED:
            stored = other
    assert stored == content()
