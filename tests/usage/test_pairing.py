"""Sessions from events: in whatever order, in whatever pieces and however often a stream comes."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.usage.domain import pairing
from apps.usage.domain.blocks import Block, gather
from apps.usage.domain.faults import Fault
from apps.usage.domain.files import open_usage_file
from apps.usage.domain.pairing import OpenSession, meet_stored
from apps.usage.domain.records import Content, Outcome, meet
from apps.usage.domain.translation import Context, translate
from apps.usage.formats import shipped_formats

AMAZON = next(each for each in shipped_formats() if each.pair)
START = datetime(2024, 6, 10, 8, tzinfo=UTC)
Event = tuple[str, str, str, int]  # id, kind, agent, minutes after the start
Told = tuple[str, str, str, str]


def at(minutes: int) -> str:
    return (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", ".000Z")


def blocks_of(events: Iterable[Event], *, size: int = 3) -> Iterator[Block]:
    coming, since = iter(events), 0
    while part := list(islice(coming, size)):
        yield Block(
            list(range(since + 1, since + 1 + len(part))),
            [json.dumps(event) for event in part],
            {
                "EventId": [event[0] for event in part],
                "EventType": [event[1] for event in part],
                "AgentARN": [event[2] for event in part],
                "EventTimestamp": [at(event[3]) for event in part],
            },
        )
        since += len(part)


LICENCES = {"": {agent: [(START.date(), False)] for agent in ("one", "two", "three")}}


Stored = dict[tuple[str, str], list[OpenSession]]


def read(events: Sequence[Event], stored: Stored | None = None) -> list[Block]:
    """The rows beside what is stored, and behind them the ends that they tell of besides."""
    rows = translate(blocks_of(events), AMAZON, Context(licences=LICENCES))
    met = [meet_stored(block, stored or {}, zone=None) for block in rows if len(block)]
    return [block for pair in met for block in pair if block is not None]


def sessions_of(block: Block) -> set[Told]:
    return {
        (cells["record_id"], cells["agent_id"], cells["started_at"], cells["ended_at"])
        for index in range(len(block))
        if index not in block.broken
        for cells in (block.cells(index),)
    }


def told(events: Sequence[Event], stored: Stored | None = None) -> set[Told]:
    """Record id, agent, start and end of each session."""
    return {session for block in read(events, stored) for session in sessions_of(block)}


def faults(events: Sequence[Event]) -> list[tuple[int, Fault]]:
    return [
        (block.line_numbers[index], fault)
        for block in read(events)
        for index, fault in sorted(block.broken.items())
    ]


LOGIN, LOGOUT, BEAT = ("LOGIN", "LOGOUT", "HEART_BEAT")
ONE = ("e1", LOGIN, "one", 0)
OUT = ("e2", LOGOUT, "one", 60)


@pytest.mark.parametrize(
    ("events", "sessions"),
    [
        ([ONE, OUT], {("e1", "one", at(0), at(60))}),
        ([OUT, ONE], {("e1", "one", at(0), at(60))}),
        ([ONE], {("e1", "one", at(0), "")}),
        ([ONE, ONE, OUT, OUT], {("e1", "one", at(0), at(60))}),
        ([ONE, OUT, ("e3", BEAT, "one", 90)], {("e1", "one", at(0), at(60))}),
        ([ONE, ("e3", "STATE_CHANGE", "one", 30)], {("e1", "one", at(0), "")}),
        (
            [ONE, ("e3", LOGIN, "one", 30), OUT],
            {("e1", "one", at(0), at(30)), ("e3", "one", at(30), at(60))},
        ),
        (
            [ONE, OUT, ("e3", LOGIN, "one", 60)],
            {("e1", "one", at(0), at(60)), ("e3", "one", at(60), "")},
        ),
        (
            [("e3", LOGIN, "two", 10), ONE, OUT],
            {("e1", "one", at(0), at(60)), ("e3", "two", at(10), "")},
        ),
        (
            [ONE, ("e3", LOGIN, "one", 32 * 24 * 60)],
            {("e1", "one", at(0), ""), ("e3", "one", at(32 * 24 * 60), "")},
        ),
    ],
)
def test_events_make_sessions(events: list[Event], sessions: set[Told]) -> None:
    assert told(events) == sessions


def test_signing_out_alone_is_kept_aside_with_its_line() -> None:
    assert faults([("e9", BEAT, "one", 5), OUT, ("e3", LOGIN, "one", 70)]) == [(2, Fault.NO_SIGN_IN)]


def test_signing_out_completes_a_session_that_came_before() -> None:
    stored = {("", "one"): [OpenSession("e1", START, "premium")]}
    (block,) = read([OUT], stored)
    assert block.cells(0) == {
        "before": "",
        "record_id": "e1",
        "agent_id": "one",
        "licence": "premium",
        "started_at": "2024-06-10T08:00:00+00:00",
        "ended_at": at(60),
        "customer": "",
    }
    assert block.broken == {}


def test_two_customers_may_call_their_sessions_and_agents_alike() -> None:
    texts = {"agent_id": "one", "record_id": "e2", "licence": "standard", "ended_at": "", "before": ""}
    columns = {name: [text] * 2 for name, text in texts.items()}
    columns |= {"customer": ["C-1", "C-2"], "started_at": [at(60), at(61)]}
    stored = {(customer, "one"): [OpenSession("e1", START)] for customer in ("C-1", "C-2")}
    _told, ends = meet_stored(Block([1, 2], ["", ""], {**columns}), stored, zone=None)
    assert ends is not None
    assert [
        *zip(ends.columns["customer"], ends.columns["record_id"], ends.columns["ended_at"], strict=True)
    ] == [
        ("C-1", "e1", at(60)),
        ("C-2", "e1", at(61)),
    ]


def test_a_stored_session_is_no_event_of_a_part_that_comes_again() -> None:
    stored = {("", "one"): [OpenSession("e3", START + timedelta(minutes=90))]}
    assert told([ONE], stored) == {("e1", "one", at(0), "")}
    assert faults([OUT]) == [(1, Fault.NO_SIGN_IN)]


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (("", LOGIN, "one", 0), Fault.NO_RECORD_ID),
        (("e1", LOGOUT, "", 0), Fault.NO_ACTOR),
    ],
)
def test_an_event_that_says_too_little_is_kept_aside(event: Event, fault: Fault) -> None:
    assert faults([event]) == [(1, fault)]


def test_what_neither_opens_nor_closes_is_left_out_and_counted() -> None:
    context = Context(licences=LICENCES)
    events = [ONE, ("e3", BEAT, "one", 2), ("e4", "STATE_CHANGE", "one", 3), ONE, OUT]
    rows = sum(map(len, translate(blocks_of(events), AMAZON, context)))
    assert (rows, context.left_out) == (1, 3)


def test_the_text_of_a_session_is_what_was_wanted_of_its_event() -> None:
    (block,) = read([ONE, OUT])
    assert json.loads(block.texts[0]) == {
        "EventId": "e1",
        "AgentARN": "one",
        "EventTimestamp": at(0),
        "EventType": "LOGIN",
    }


def test_events_do_not_wait_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "ROWS_OF_A_BLOCK", 100)

    def most_held(count: int) -> int:
        events = ((f"e{number:06}", LOGIN, f"agent {number % 7}", number) for number in range(count))
        tracemalloc.start()
        try:
            told = translate(blocks_of(events, size=100), AMAZON, Context())
            assert sum(map(len, told)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most_held(10_000) < 2 * most_held(1_000)


def test_of_an_event_that_comes_twice_the_earlier_moment_counts() -> None:
    late = ("e1", LOGIN, "one", 30)
    assert told([late, ONE, OUT]) == told([ONE, late, OUT]) == {("e1", "one", at(0), at(60))}


GOOD = b'{"EventId":"e1","EventType":"LOGIN","AgentARN":"one","EventTimestamp":"2024-06-10T08:00:00Z"}'
NO_UTF_8 = b'{"EventId":"e2","EventType":"LOGIN","AgentARN":"one\xff"}'
HALF_A_CHARACTER = b'{"EventId":"e2","EventType":"LOGOUT","AgentARN":"one","x":"\\ud83d"}'


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (NO_UTF_8 + b"\n" + GOOD, Fault.FORBIDDEN_CHARACTER),
        (HALF_A_CHARACTER + b"\n" + GOOD, Fault.NOT_A_TIME),
        (b"[" + HALF_A_CHARACTER + b"," + GOOD + b"]", Fault.NOT_A_TIME),
    ],
)
def test_what_is_no_text_is_a_row_kept_aside_and_stops_no_file(content: bytes, fault: Fault) -> None:
    file = open_usage_file(io.BytesIO(content), len(content))
    (block,) = translate(file.rows(AMAZON.wanted, plain=False), AMAZON, Context(licences=LICENCES))
    assert block.broken == {0: fault}
    assert len(sessions_of(block)) == 1


# In pieces and again


class Store:
    """What becomes of sessions that arrive, by the rules for records that come again (R13)."""

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self.conflicts = 0

    def deliver(self, events: Sequence[Event], *, at_once: int = 1_000, crashes: Iterable[int] = ()) -> None:
        """So many rows at once; where the process ends the file is read anew, behind the rows that are settled."""
        settled = 0
        for stop in (*crashes, 10**6):
            rows = translate(blocks_of(events), AMAZON, Context(licences=LICENCES))
            for block in gather(rows, size=at_once, skip=settled):
                self._settle(block)
                settled += len(block)
                if settled >= stop:
                    break

    def _settle(self, block: Block) -> None:
        for met in meet_stored(block, self.open_sessions(), zone=None):
            for record_id, agent, start, end in sorted(sessions_of(met) if met is not None else ()):
                self._take(record_id, agent, start, end)

    def _take(self, record_id: str, agent: str, start: str, end: str) -> None:
        arriving = Content(
            agent, False, datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None
        )
        stored = self.contents.setdefault(record_id, arriving)
        outcome = meet(stored, arriving)
        if outcome is Outcome.ACCEPTED:
            self.contents[record_id] = arriving
        self.conflicts += outcome is Outcome.CONFLICT

    def open_sessions(self) -> Stored:
        found: Stored = {}
        for record_id, content in self.contents.items():
            if content.ended_at is None:
                starts = [each.started_at for each in self.contents.values() if each.actor == content.actor]
                later = min((start for start in starts if start > content.started_at), default=None)
                session = OpenSession(record_id, content.started_at, until=later)
                found.setdefault(("", content.actor), []).append(session)
        return found


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in the order of their times; some sign-outs are lost, some come without a sign-in, and hearts beat."""
    kinds = draw(
        st.lists(
            st.tuples(
                st.sampled_from((LOGIN, LOGOUT, LOGOUT, BEAT)), st.sampled_from(("one", "two", "three"))
            ),
            max_size=25,
        )
    )
    minutes, events = 0, []
    for number, (kind, agent) in enumerate(kinds):
        minutes += draw(st.integers(1, 600))
        events.append((f"e{number:03d}", kind, agent, minutes))
    return events


@settings(max_examples=200)
@given(streams(), st.data())
def test_a_stream_cut_anywhere_comes_to_the_same_sessions(events: list[Event], data: st.DataObject) -> None:
    whole, cut = Store(), Store()
    whole.deliver(events)
    places = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=5)))
    for since, upto in zip([0, *places], [*places, len(events)], strict=True):
        cut.deliver(events[since:upto])
    assert cut.contents == whole.contents
    assert cut.conflicts == 0


@settings(max_examples=200)
@given(streams(), st.data())
def test_a_stream_or_any_part_of_it_may_come_again(events: list[Event], data: st.DataObject) -> None:
    store = Store()
    store.deliver(events)
    before = dict(store.contents)
    store.deliver(events)
    since = data.draw(st.integers(0, len(events)))
    store.deliver(events[since : since + data.draw(st.integers(0, len(events)))])
    assert store.contents == before


@given(streams(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_means_nothing(events: list[Event], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(shuffled) == told(events)


@settings(max_examples=200)
@given(streams(), st.data())
def test_reading_in_pieces_with_crashes_between_is_reading_at_once(
    events: list[Event], data: st.DataObject
) -> None:
    """How many rows a piece of a file has depends on the file alone, not on what was stored meanwhile."""
    before = data.draw(st.integers(0, len(events)))
    shuffled = data.draw(st.permutations(events[before:]))
    whole, pieces = Store(), Store()
    for store in (whole, pieces):
        store.deliver(events[:before])
    whole.deliver(shuffled)
    crashes = sorted(data.draw(st.sets(st.integers(1, 25), max_size=4)))
    pieces.deliver(shuffled, at_once=data.draw(st.integers(1, 4)), crashes=crashes)
    assert pieces.contents == whole.contents
    assert pieces.conflicts == whole.conflicts == 0


def test_a_session_that_nobody_ended_is_not_ended_by_what_follows_the_next_one() -> None:
    """It was given up when its agent signed in again; of that the file that comes now knows nothing."""
    given_up = OpenSession("e0", START - timedelta(minutes=30), until=START - timedelta(minutes=10))
    last = OpenSession("e9", START - timedelta(minutes=10))
    assert told([OUT], {("", "one"): [given_up, last]}) == {
        ("e9", "one", (START - timedelta(minutes=10)).isoformat(), at(60))
    }
    assert told([ONE, OUT], {("", "one"): [given_up]}) == {("e1", "one", at(0), at(60))}


def test_a_stored_session_between_signing_in_and_out_has_the_end() -> None:
    """Its signing in is not in this file; so what began before it has no end that the file could tell."""
    stored = {("", "one"): [OpenSession("e9", START + timedelta(minutes=30))]}
    between = (START + timedelta(minutes=30)).isoformat()
    assert told([ONE, OUT], stored) == {("e1", "one", at(0), ""), ("e9", "one", between, at(60))}
