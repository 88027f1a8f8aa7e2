"""Descriptions of other people's files: what they may say, and which one a file has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.usage.domain.blocks import Block
from apps.usage.domain.descriptions import parse_format
from apps.usage.domain.faults import Fault
from apps.usage.domain.formats import (
    Cell,
    Format,
    FormatError,
    choose,
    own_format,
    recognise,
)
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.domain.translation import Context, translate
from apps.usage.formats import shipped_formats, shipped_texts
from tests.factories.formats import UNITS

OWN = {kind: own_format(kind) for kind in KINDS_OF_FILE}
SESSIONS = """
name = "acme"
title = "Acme sessions"
kind = "agent-sessions"
recognise = ["Session", "Agent"]
[columns]
record_id = "Session"
agent_id = ["Agent", "Login name"]
licence = "Seat"
started_at = "From"
ended_at = "To"
[keep]
Kind = ["Signed in"]
[values.licence]
PLUS = "premium"
Basic = "standard"
"""


def test_a_description_says_what_the_columns_mean() -> None:
    found = parse_format(SESSIONS)
    assert (found.name, found.title, found.kind) == ("acme", "Acme sessions", "agent-sessions")
    assert found.columns["agent_id"] == Cell(("Agent", "Login name"))
    assert found.wanted == ("Session", "Agent", "Login name", "Seat", "From", "To", "Kind")
    assert parse_format(UNITS).columns["sku"] == Cell((), "A-CHAN-U-SMS-INTL")


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("[columns]", "[columns", "this is no TOML: see line "),
        ('name = "acme"', 'name = "Acme"', "name: 2 to 64 small letters, digits and hyphens"),
        ('name = "acme"', 'name = "portal"', "name: 2 to 64 small letters, digits and hyphens"),
        ('name = "acme"', "name = 7", "name: a text"),
        ('title = "Acme sessions"', "", "title: a text"),
        ('"agent-sessions"', '"agents"', "kind: one of agent-sessions, wfo-sessions, ivr-legs"),
        ('["Session", "Agent"]', "[]", "recognise: at least one column"),
        ('["Session", "Agent"]', '"Session"', "recognise: a list of texts"),
        ('licence = "Seat"', "", "columns: still to be said: licence"),
        (
            'licence = "Seat"',
            'licence = "Seat"\nsku = "x"',
            "columns: agent-sessions has no sku; it has record_id",
        ),
        ('licence = "Seat"', "licence = 1", "columns.licence: the name of a column, a list of them, or"),
        ('"Seat"', '{ constant = "premium", other = 1 }', "columns.licence: the name of a column"),
        ("[keep]", "[kept]", "kept is not known"),
        ('["Signed in"]', '"Signed in"', "keep.Kind: a list of texts"),
        ('PLUS = "premium"', "PLUS = true", "values.licence: a table of texts"),
        (
            "[columns]",
            "licence_list = true\n[columns]",
            "columns: said in another part of the description: licence",
        ),
        ("[columns]", "licence_list = 1\n[columns]", "licence_list: true or false"),
        ("[columns]", 'decimal = ";"\n[columns]', 'decimal: "." or ","'),
        (
            "[keep]",
            '[pair]\nevent = "E"\nopens = ["A"]\ncloses = ["B"]\n[keep]',
            "columns: said in another part of the description: ended_at",
        ),
        ("[keep]", '[span]\nfirst = "A"\nlast = "B"\n[keep]', "span and channels are for digital-usage"),
        (
            "[keep]",
            '[channels]\nSMS = "X"\n[keep]',
            "columns: said in another part of the description: record_id",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(before: str, after: str, line: str) -> None:
    assert before in SESSIONS
    with pytest.raises(FormatError) as error:
        parse_format(SESSIONS.replace(before, after))
    told = str(error.value)
    assert told.startswith(line)
    assert "\n" not in told


def test_names_in_names_in_names_are_refused_before_they_are_read() -> None:
    with pytest.raises(FormatError, match="at most 100 dots"):
        parse_format(SESSIONS + "\n[a" + ".a" * 5_000 + "]")


def test_a_pair_says_what_opens_and_what_closes() -> None:
    shipped = shipped_texts()["amazon-connect-agent-events"]
    for before, after, line in (
        ('opens = ["LOGIN"]', "opens = []", "pair: opens and closes name at least one event each"),
        ('event = "EventType"', "", "pair.event: a text"),
        ('event = "EventType"', 'event = "E"\nheartbeat = "H"', "pair.heartbeat is not known"),
        ('"agent-sessions"\n', '"wfo-sessions"\n', "pair is for agent-sessions"),
    ):
        text = shipped.replace("licence_list = true\n", "") if "sessions" in after else shipped
        with pytest.raises(FormatError) as error:
            parse_format(text.replace(before, after))
        assert str(error.value) == line


def test_channels_come_with_what_a_row_is_known_by() -> None:
    text = shipped_texts()["webex-connect-usage"]
    with pytest.raises(FormatError, match=r"^channels and identity are said together"):
        parse_format(text.replace('identity = ["Service Name", "usage_start_time"]', ""))


@given(st.text(max_size=200))
def test_no_text_at_all_is_more_than_refused(text: str) -> None:
    with pytest.raises(FormatError) as error:
        parse_format(text)
    assert str(error.value)


def test_each_shipped_description_is_in_a_file_of_its_name_and_recognises_itself() -> None:
    formats = shipped_formats()
    assert [each.name for each in formats] == sorted(shipped_texts())
    for each in formats:
        assert recognise(each.wanted, formats) is each


# Recognising


def named(format_: Format) -> str:
    return format_.name


def test_the_portals_own_columns_come_first() -> None:
    """Even where another format would fit as well."""
    greedy = replace(parse_format(SESSIONS), recognise=OWN["agent-sessions"].recognise)
    names = [*OWN["agent-sessions"].recognise, "something else"]
    assert choose(names, [greedy], kind="agent-sessions").is_own
    assert named(choose(names, [greedy])) == "acme"


def test_who_asks_for_more_columns_fits_better_and_an_own_description_before_a_shipped_one() -> None:
    less, more = parse_format(SESSIONS), parse_format(SESSIONS.replace('"Agent"]', '"Agent", "Seat"]'))
    shipped = parse_format(SESSIONS.replace('"acme"', '"shipped"'), is_built_in=True)
    more = replace(more, name="acme-more")
    assert recognise(["Session", "Agent", "Seat"], [less, shipped, more]) is more
    assert recognise(["Session", "Agent"], [less, shipped, more]) is less
    assert recognise(["Session"], [less, shipped, more]) is None


def test_several_that_fit_alike_are_named() -> None:
    first, second = (parse_format(SESSIONS.replace('"acme"', f'"{name}"')) for name in ("bbb", "aaa"))
    with pytest.raises(FormatError) as error:
        choose(["Session", "Agent"], [first, second])
    assert str(error.value) == "the file fits the formats aaa and bbb: say which it is"
    assert named(choose(["Session", "Agent"], [first, second], name="bbb")) == "bbb"


@pytest.mark.parametrize(
    ("names", "said", "line"),
    [
        (
            ["Session"],
            {"kind": "ivr-legs"},
            "the header lacks record_id, contact_id, started_at and ended_at",
        ),
        (["Session"], {}, "no format has these columns"),
        (
            ["record_id", "agent_id", "licence", "started_at", "ended_at"],
            {},
            "these columns fit agent-sessions and wfo-sessions: say which of them the file holds",
        ),
        (["Session"], {"name": "acme"}, "the file lacks Agent, which a file of the format Acme sessions has"),
        (["Session"], {"name": "nobody"}, "there is no format nobody"),
        (
            ["record_id"],
            {"name": "portal"},
            "no format has these columns",
        ),
        (
            ["Session", "Agent"],
            {"kind": "ivr-legs"},
            "this is a file of the format Acme sessions, which holds agent-sessions, not ivr-legs",
        ),
    ],
)
def test_a_file_that_no_format_fits_is_told_why(names: list[str], said: dict[str, Any], line: str) -> None:
    with pytest.raises(FormatError) as error:
        choose(names, [parse_format(SESSIONS)], **said)
    assert str(error.value) == line


# Translating


def block(columns: dict[str, list[str]], broken: dict[int, Fault] | None = None) -> Block:
    count = len(next(iter(columns.values())))
    return Block(
        list(range(2, 2 + count)), [f"text {n}" for n in range(count)], dict(columns), dict(broken or {})
    )


def one(format_: Format, arriving: Block, context: Context | None = None) -> Block:
    (found,) = translate(iter([arriving]), format_, context or Context())
    return found


def test_rows_that_are_not_asked_for_are_counted_and_broken_ones_stay() -> None:
    context = Context()
    found = one(
        parse_format(SESSIONS),
        block(
            {
                "Session": ["s1", "s2", "", "s4"],
                "Agent": ["a1", "a2", "", ""],
                "Login name": ["", "", "", "a4"],
                "Seat": ["plus", "BASIC", "", "Gold"],
                "From": ["1", "2", "", "4"],
                "To": ["", "", "", ""],
                "Kind": ["signed in", "Signed out", "", "SIGNED IN"],
            },
            {2: Fault.NOT_A_ROW},
        ),
        context,
    )
    assert found.line_numbers == [2, 4, 5]
    assert found.texts == ["text 0", "text 2", "text 3"]
    assert found.broken == {1: Fault.NOT_A_ROW}
    assert found.columns == {
        "record_id": ["s1", "", "s4"],
        "agent_id": ["a1", "", "a4"],
        "licence": ["premium", "", "Gold"],
        "started_at": ["1", "", "4"],
        "ended_at": ["", "", ""],
        "customer": ["", "", ""],
    }
    assert context.left_out == 1


def test_renaming_copies_nothing() -> None:
    arriving = block({"Id": ["1"], "When": ["w"], "Count": ["5"]})
    found = one(parse_format(UNITS), arriving)
    assert found.columns["record_id"] is arriving.columns["Id"]
    assert found.columns["occurred_at"] is arriving.columns["When"]
    own = block({name: ["x"] for name in OWN["ivr-legs"].recognise})
    assert one(OWN["ivr-legs"], own) is own


def test_quantities_are_read_by_what_the_description_says() -> None:
    found = one(
        parse_format(UNITS),
        block({"Id": ["1", "2", "3"], "When": ["w"] * 3, "Count": ["1.234", "7,0", "7,5"]}),
    )
    assert found.columns["quantity"] == ["1234", "7", "7,5"]
    assert found.columns["sku"] == ["A-CHAN-U-SMS-INTL"] * 3
    assert found.broken == {2: Fault.NOT_A_QUANTITY}


@pytest.mark.parametrize(
    ("nodes", "records", "broken"),
    [
        ('[{"id": "a", "eventName": "ivr-connected"}, {"id": "b", "eventName": "parked"}]', ["a"], {}),
        ("[]", [], {}),
        ("", [], {}),
        ("{}", [""], {0: Fault.NOT_A_ROW}),
        ("[", [""], {0: Fault.NOT_A_ROW}),
        ("[1]", [""], {0: Fault.NOT_A_ROW}),
        ('[{"id": 7, "eventName": "ivr-connected"}]', ["7"], {}),
    ],
)
def test_a_list_inside_of_a_row_becomes_rows(
    nodes: str, records: list[str], broken: dict[int, Fault]
) -> None:
    tasks = next(each for each in shipped_formats() if each.unfold)
    found = one(tasks, block({"id": ["task"], "activities.nodes": [nodes]}))
    assert found.columns["record_id"] == records
    assert found.columns["contact_id"] == ["task"] * len(records)
    assert found.broken == broken


@pytest.mark.parametrize(
    ("first", "last", "day"),
    [
        ("2024-03-01", "2024-03-31", "2024-03-31"),
        ("2024-03-01", "2024-04-01", "2024-03-31"),
        ("2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z", "2024-03-31"),
        ("2024-03-01 00:00:00", "2024-03-31 23:59:59", "2024-03-31"),
        ("2024-03-01T00:00:00+02:00", "2024-03-31T23:59:59+02:00", "2024-03-31"),
        ("2024-12-01", "2025-01-01", "2024-12-31"),
        ("2024-03-01", "2024-03-01", "2024-03-01"),
        ("2024-03-01", "2024-04-02", "2024-04-02"),
    ],
)
def test_a_months_units_count_on_its_last_day(first: str, last: str, day: str) -> None:
    assert month(first, last).columns["occurred_at"] == [f"{day}T00:00:00Z"]


def test_a_month_that_is_none_is_kept_aside() -> None:
    assert month("March", "2024-03-31").broken == {0: Fault.NOT_A_TIME}
    assert month("2024-03-31", "2024-03-01").broken == {0: Fault.ENDED_BEFORE_START}


def month(first: str, last: str) -> Block:
    text = UNITS.replace('occurred_at = "When"', '[span]\nfirst = "When"\nlast = "Until"')
    return one(parse_format(text), block({"Id": ["1"], "Count": ["5"], "When": [first], "Until": [last]}))


def test_a_long_id_of_a_service_is_as_long_as_an_id_may_be() -> None:
    connect = next(each for each in shipped_formats() if each.channels)
    names = [f"{'long ' * 60}{number}" for number in range(2)]
    columns = {name: ["", ""] for name in connect.channels}
    found = one(
        connect,
        block(
            {
                **columns,
                "SMS International": ["1", "2"],
                "Service Name": names,
                "usage_start_time": ["2024-03-01"] * 2,
                "usage_end_time": ["2024-03-31"] * 2,
            }
        ),
    )
    assert [len(each) for each in found.columns["record_id"]] == [200, 200]
    assert len(set(found.columns["record_id"])) == 2
