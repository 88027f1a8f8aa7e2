"""A sample of each format, from its bytes to the portal's columns. The names are the vendors', the values made up."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.usage.domain.blocks import Block
from apps.usage.domain.controls import ControlLine, read_control_totals
from apps.usage.domain.faults import Fault
from apps.usage.domain.files import open_usage_file
from apps.usage.domain.formats import FormatError, choose, own_format, recognise
from apps.usage.domain.licences import read_licence_list
from apps.usage.domain.moments import parse_moment
from apps.usage.domain.pairing import BEFORE
from apps.usage.domain.translation import Context, translate
from apps.usage.formats import shipped_formats

SAMPLES = Path(__file__).parent / "samples"
Row = dict[str, str]
WEBEX = "5e6b1c7e-0d3a-4b7f-9a51-1f0c8a1d000"
TASK, OTHER_TASK = "74d98c29-39b4-4e1e-81fa-0ce0ae5aebb0", "74d98c29-39b4-4e1e-81fa-0ce0ae5aebb1"
INSTANCE = "arn:aws:connect:eu-central-1:012345678901:instance/aaaaaaaa-bbbb-cccc-dddd-111111111111"


def licences() -> dict[str, list[tuple[date, bool]]]:
    found: dict[str, list[tuple[date, bool]]] = {}
    for row in read_licence_list((SAMPLES / "agent-licences.csv").read_text()):
        found.setdefault(row.agent_id, []).append((row.first_day, row.premium))
    return found


LICENCES = {
    "": {
        **licences(),
        f"{INSTANCE}/agent/one": [(date(2024, 1, 1), True)],
        f"{INSTANCE}/agent/two": [(date(2024, 1, 1), False)],
    }
}


def read(content: bytes, kind: str = "") -> tuple[list[Row], list[tuple[int, Fault]], int]:
    """The good rows, with times as moments; the lines of the bad ones with what is wrong; how many were left out."""
    opened = open_usage_file(io.BytesIO(content), len(content))
    format_ = choose(opened.names, shipped_formats(), kind=kind)
    context = Context(licences=LICENCES)
    blocks = list(translate(opened.rows(format_.wanted, plain=format_.is_own), format_, context))
    rows = chain.from_iterable(((block, index) for index in range(len(block))) for block in blocks)
    good, bad = [], []
    for block, index in rows:
        if index in block.broken:
            bad.append((block.line_numbers[index], block.broken[index]))
        else:
            cells = {name: value for name, value in block.cells(index).items() if name != BEFORE}
            good.append({name: moment_of(name, value) for name, value in cells.items()})
    return good, bad, context.left_out


def moment_of(name: str, value: str) -> str:
    return parse_moment(value).isoformat() if name.endswith("_at") and value else value


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def on(clock: str) -> str:
    return f"2024-06-10T{clock}+00:00"


WEBEX_SESSIONS = [
    {
        "record_id": f"{WEBEX}1",
        "agent_id": "a1d2f3c4-0001",
        "licence": "premium",
        "started_at": on("08:00:00"),
        "ended_at": on("16:30:00"),
        "customer": "",
    },
    {
        "record_id": f"{WEBEX}2",
        "agent_id": "a1d2f3c4-0002",
        "licence": "premium",
        "started_at": on("09:15:00"),
        "ended_at": "",
        "customer": "",
    },
]


@pytest.mark.parametrize("name", ["webex-agent-sessions.json", "webex-agent-sessions.ndjson"])
def test_webex_agent_sessions(name: str) -> None:
    """An active session has no end yet, whatever it says; a licence known from tomorrow on is none today."""
    good, bad, left_out = read(sample(name))
    assert good == WEBEX_SESSIONS
    assert bad == [(3, Fault.NO_LICENCE)]
    assert left_out == 0


def test_an_answer_in_one_line_is_the_same_answer() -> None:
    answer = json.dumps(json.loads(sample("webex-agent-sessions.json"))).encode()
    assert read(answer) == read(sample("webex-agent-sessions.json"))
    sessions = json.loads(answer)["data"]["agentSession"]["agentSessions"]
    assert read(json.dumps(sessions).encode()) == read(answer)


WEBEX_LEGS = [
    {
        "record_id": f"{TASK}-1718006401000-ivr-connected",
        "contact_id": TASK,
        "started_at": on("08:00:01"),
        "ended_at": on("08:01:10"),
        "customer": "",
    },
    {
        "record_id": f"{OTHER_TASK}-1718006430000-ivr-connected",
        "contact_id": OTHER_TASK,
        "started_at": on("08:00:30"),
        "ended_at": "",
        "customer": "",
    },
]


@pytest.mark.parametrize("name", ["webex-activities.csv", "webex-tasks.json"])
def test_webex_customer_activities(name: str) -> None:
    """Menus are legs; the queue, the agent and the beginning are none (R8)."""
    assert read(sample(name), "ivr-legs") == (WEBEX_LEGS, [], 3)


@pytest.mark.parametrize("name", ["amazon-connect-agent-events.ndjson", "amazon-connect-agent-events.json"])
def test_amazon_connect_agent_events(name: str) -> None:
    """Lines, or objects one after another as they leave a stream."""
    good, bad, left_out = read(sample(name))
    event = "00000000-0000-4000-8000-00000000000"

    def session(number: int, agent: str, licence: str, start: str, end: str) -> Row:
        return {
            "record_id": f"{event}{number}",
            "agent_id": f"{INSTANCE}/agent/{agent}",
            "started_at": start,
            "ended_at": end,
            "licence": licence,
            "customer": "",
        }

    assert good == [
        session(1, "one", "premium", on("08:00:00.123000"), on("16:00:00")),
        session(3, "two", "standard", on("09:00:00"), on("12:00:00")),
        session(7, "two", "standard", on("12:00:00"), ""),
    ]
    assert bad == [(8, Fault.NO_SIGN_IN)]
    assert left_out == 4


def test_webex_connect_usage() -> None:
    """A record for each service and channel, on the last day of the month; what can be read in two ways is aside."""
    good, bad, left_out = read(sample("webex-connect-usage.csv"))

    def units(channel: str, service: str, start: str, sku: str, quantity: str) -> Row:
        return {
            "occurred_at": "2024-03-31T00:00:00+00:00",
            "record_id": f"{channel} | {service} | {start}",
            "sku": sku,
            "quantity": quantity,
            "customer": "",
        }

    day, moment = "2024-03-01", "2024-03-01T00:00:00Z"
    assert good == [
        units("SMS International", "Appointments", day, "A-CHAN-U-SMS-INTL", "1234"),
        units("SMS Short Code UK", "Appointments", day, "A-CHAN-U-SMS-SC-UK", "22"),
        units("Automated Interactions", "Appointments", day, "A-WXCN-PRM-AUTOINT", "2133004"),
        units("SMS International", "Delivery notices", moment, "A-CHAN-U-SMS-INTL", "25"),
        units("Voice International", "Delivery notices", moment, "A-VOICE-U-INTL", "70"),
        units("International Numbers", "Delivery notices", moment, "A-INTL-NUM-PROV", "8"),
    ]
    assert bad == [(3, Fault.NOT_A_QUANTITY)]
    assert left_out == 1


def controls(name: str) -> list[tuple[int, ControlLine | Fault]]:
    content = sample(name)
    opened = open_usage_file(io.BytesIO(content), len(content))
    format_ = recognise(opened.names, shipped_formats())
    assert format_ is not None
    return list(read_control_totals(opened.rows(format_.wanted, plain=False), format_))


def test_genesys_concurrent_usage_is_control_totals() -> None:
    assert controls("genesys-concurrent-usage.csv") == [
        (2, ControlLine(date(2024, 6, 10), "", 18)),
        (3, ControlLine(date(2024, 6, 11), "", 1204)),
        (4, Fault.NOT_A_QUANTITY),
    ]


def test_a_daily_detail_is_control_totals() -> None:
    assert controls("daily-detail.csv") == [
        (2, ControlLine(date(2024, 6, 10), "Premium Named Agent", 6, 5, 0, 1)),
        (3, ControlLine(date(2024, 6, 10), "IVR Port", 31, None, None, 0)),
    ]


@pytest.mark.parametrize("name", ["genesys-concurrent-usage.csv", "daily-detail.csv"])
def test_control_totals_are_no_usage(name: str) -> None:
    with pytest.raises(FormatError, match=r"these are control totals, no usage\. .* under Control totals$"):
        read(sample(name), "agent-sessions")


# The same facts in each format

Fact = tuple[str, str, datetime, datetime | None]


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    """Sessions: an id, an agent, a start, perhaps an end. Of one agent they follow one another, the last may go on."""
    found: list[Fact] = []
    for agent in ("a1", "a2", "a3"):
        moment = datetime(2024, 6, 10, tzinfo=UTC)
        count = draw(st.integers(0, 3))
        for number in range(count):
            start = moment + timedelta(milliseconds=draw(st.integers(1, 10**8)))
            moment = start + timedelta(milliseconds=draw(st.integers(1, 10**8)))
            is_open = number == count - 1 and draw(st.booleans())
            found.append((f"{agent}-{number}", agent, start, None if is_open else moment))
    return draw(st.permutations(found))


def in_own(sessions: Sequence[Fact]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["record_id", "agent_id", "licence", "started_at", "ended_at"])
    for record_id, agent, start, end in sessions:
        writer.writerow([record_id, agent, "standard", start.isoformat(), end.isoformat() if end else ""])
    return out.getvalue().encode()


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def in_webex(sessions: Sequence[Fact]) -> bytes:
    return b"\n".join(
        json.dumps(
            {
                "agentSessionId": record_id,
                "agentId": agent,
                "startTime": milliseconds(start),
                "endTime": milliseconds(end or start),
                "isActive": end is None,
                "channelInfo": [{"channelType": "telephony"}],
            }
        ).encode()
        for record_id, agent, start, end in sessions
    )


def in_amazon(sessions: Sequence[Fact]) -> bytes:
    events = []
    for record_id, agent, start, end in sessions:
        for event_id, kind, moment in ((record_id, "LOGIN", start), (f"{record_id}-", "LOGOUT", end)):
            if moment:
                said = {"EventId": event_id, "EventType": kind, "AgentARN": agent}
                events.append({**said, "EventTimestamp": moment.isoformat(timespec="milliseconds")})
    return "".join(map(json.dumps, events)).encode()


@given(facts(), st.sampled_from([in_webex, in_amazon]))
def test_the_same_facts_are_the_same_in_each_format(
    sessions: list[Fact], write: Callable[[Sequence[Fact]], bytes]
) -> None:
    if not sessions:
        return
    histories = {"": {agent: [(date(2024, 1, 1), False)] for agent in ("a1", "a2", "a3")}}
    told = []
    for content in (in_own(sessions), write(sessions)):
        opened = open_usage_file(io.BytesIO(content), len(content))
        format_ = choose(opened.names, shipped_formats(), kind="agent-sessions")
        blocks = translate(opened.rows(format_.wanted, plain=False), format_, Context(licences=histories))
        told.append(sorted(row for block in blocks for row in rows_of(block)))
    assert told[0] == told[1]


def rows_of(block: Block) -> list[tuple[str, ...]]:
    assert not block.broken
    return [
        tuple(moment_of(name, block.columns[name][index]) for name in own_format("agent-sessions").recognise)
        for index in range(len(block))
    ]
