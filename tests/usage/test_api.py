"""Usage sent over the API: an outcome for each record, the same answer for the same call, and no body that hurts."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import KeyScope, Role, User
from apps.accounts.services import limit_api_key
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer, Partner
from apps.usage.api import bodies
from apps.usage.models import Channel, Conflict, Delivery, Event, Interval, RememberedAnswer, RowKeptAside
from apps.usage.tasks import forget_old_answers
from tests.factories.committed import committed
from tests.factories.keys import key_of, program_of, program_with
from tests.factories.pages import Browser
from tests.factories.portfolios import SMS, customer, enter, partner, portfolio
from tests.factories.threads import in_threads

__all__ = ["committed"]

Record = dict[str, Any]
ADDRESS = "/api/v1/usage/agent-sessions"
JSON, NDJSON = "application/json", "application/x-ndjson"


@pytest.fixture(autouse=True)
def nothing_is_counted() -> Iterator[None]:
    """Limits are counted in Redis, which no test undoes."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def program(bob: User) -> Client:
    """A program with a key of bob's organisation, the partner of C-100."""
    return program_of(bob)


def record(record_id: object = "r-1", *, customer: str | None = "C-100", **fields: object) -> Record:
    """A session of an hour, stored by nobody yet."""
    said: Record = {
        "record_id": record_id,
        "agent_id": "agent-1",
        "licence": "standard",
        "started_at": "2024-07-01T08:00:00Z",
        "ended_at": "2024-07-01T09:00:00Z",
        **fields,
    }
    return said if customer is None else {**said, "customer": customer}


def send(client: Client, body: object, *, kind: str = JSON, address: str = ADDRESS, **headers: str) -> Any:
    """Post records, or a body as it is."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.generic("POST", address, data, headers=named, CONTENT_TYPE=kind)  # for an empty body too


def told(answer: Any) -> list[tuple[str | None, str, str | None]]:
    """Record id, outcome and reason of each record, in order."""
    assert answer.status_code == 200, answer.content
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(len(results)))
    return [(result["record_id"], result["outcome"], result.get("reason")) for result in results]


def outcomes(answer: Any) -> list[str]:
    return [outcome for _record_id, outcome, _reason in told(answer)]


def stored() -> set[str]:
    """Record ids sent by these tests that are stored."""
    with scope(PROVIDER):
        return set(Interval.objects.filter(record_id__startswith="r-").values_list("record_id", flat=True))


# Outcomes


def test_each_record_has_an_outcome_of_its_own(program: Client) -> None:
    assert told(send(program, [record("r-1"), record("r-2")])) == [
        ("r-1", "accepted", None),
        ("r-2", "accepted", None),
    ]
    answer = send(
        program,
        [
            record("r-1"),
            record("r-2", agent_id="another"),
            record("r-3", started_at="2024-07-01T08:00:00"),
            record("r-4"),
            "no record",
            record("r-4"),
            record("r-5", started_at="2024-07-01T10:00:00Z"),
            record("r-6", customer="C-404"),
            record("r-7", customer=None),
        ],
    )
    assert told(answer) == [
        ("r-1", "duplicate", None),
        ("r-2", "conflict", None),
        ("r-3", "rejected", "no time zone"),
        ("r-4", "accepted", None),
        (None, "rejected", "not a row of this file"),
        ("r-4", "duplicate", None),
        ("r-5", "rejected", "ended before it started"),
        ("r-6", "rejected", "unknown customer"),
        ("r-7", "rejected", "no customer"),
    ]
    assert {name: count for name, count in answer.json().items() if name != "results"} == {
        "accepted": 1,
        "duplicate": 2,
        "conflict": 1,
        "rejected": 5,
    }
    assert stored() == {"r-1", "r-2", "r-4"}


def test_what_is_not_taken_is_kept_aside_and_who_sent_it_is_known(bob: User) -> None:
    key, token = key_of(bob)
    send(program_with(token), [record("r-1")])
    send(program_with(token), [record("r-1", agent_id="another"), record("r-2", started_at="soon")])
    with scope(bob.scope):
        first, second = Delivery.objects.filter(channel=Channel.API).order_by("pk")
        assert (first.accepted, second.conflict, second.rejected) == (1, 1, 1)
        assert key.name in second.sent_by
        assert key.prefix in second.sent_by
        assert Conflict.objects.get().delivery == second
        aside = RowKeptAside.objects.get()
        assert (aside.delivery, aside.line_number, aside.reason) == (second, 2, "not a time")
        assert "r-2" in aside.text


def test_lines_are_told_by_themselves(program: Client, bob: User) -> None:
    lines = [
        json.dumps(record("r-1")),
        "",
        "{broken",
        "[]",
        json.dumps(record("r-2")) + "\r",
        '{"record_id": NaN}',
        "\u2028",
    ]
    answer = send(program, "\n".join(lines).encode(), kind=NDJSON)
    assert told(answer) == [
        ("r-1", "accepted", None),
        (None, "rejected", "not a row of this file"),
        (None, "rejected", "not a row of this file"),
        ("r-2", "accepted", None),
        (None, "rejected", "not a row of this file"),
    ]
    with scope(bob.scope):
        asides = RowKeptAside.objects.values_list("line_number", "text")
        assert [(number, text.strip('"')) for number, text in asides][:2] == [(3, "{broken"), (4, "[]")]
    assert outcomes(send(program, json.dumps(record("r-3")).encode(), kind="application/jsonl")) == [
        "accepted"
    ]


def test_customer_and_source_may_stand_in_the_address(program: Client) -> None:
    address = f"{ADDRESS}?customer=C-100&source=acd"
    assert outcomes(send(program, [record("r-1", customer=None)], address=address)) == ["accepted"]
    assert outcomes(send(program, [record("r-1")], address=f"{ADDRESS}?source=other")) == ["accepted"]
    assert outcomes(send(program, [record("r-1")], address=f"{ADDRESS}/?source=acd")) == ["duplicate"]
    for wrong in ("customer=" + "x" * 65, "source=" + "x" * 65, "customer=%00", "source=%00"):
        answer = send(program, [record("r-2")], address=f"{ADDRESS}?{wrong}")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [wrong.partition("=")[0]])


@pytest.mark.parametrize("kind", ["wfo-sessions", "ivr-legs", "voice-calls"])
def test_each_kind_of_interval_has_an_address(program: Client, kind: str) -> None:
    said = record(contact_id="contact-1")
    assert outcomes(send(program, [said], address=f"/api/v1/usage/{kind}")) == ["accepted"]


def test_units_of_digital_channels(program: Client) -> None:
    said = {"record_id": "u-1", "sku": SMS, "quantity": 3, "occurred_at": "2024-07-01T08:00:00Z"}
    sent = [said, said | {"record_id": "u-2", "quantity": 1.5}, said | {"record_id": "u-3", "quantity": -1}]
    address = "/api/v1/usage/digital-usage?customer=C-100"
    assert outcomes(send(program, sent, address=address)) == ["accepted", "rejected", "rejected"]
    with scope(PROVIDER):
        assert Event.objects.get(record_id="u-1").quantity == 3


def test_a_kind_that_is_none_is_not_there(program: Client) -> None:
    for kind in ("sessions", "%00", "AGENT-SESSIONS"):
        assert send(program, [], address=f"/api/v1/usage/{kind}").status_code == 404


def test_nothing_sent_is_nothing_taken(program: Client) -> None:
    nothing = {"accepted": 0, "duplicate": 0, "conflict": 0, "rejected": 0, "results": []}
    assert send(program, []).json() == nothing
    assert send(program, b"\n\n", kind=NDJSON).json() == nothing


# Who sends


def test_a_strangers_customer_reads_like_none(program: Client, strangers: Customer) -> None:
    for ref in ("C-900", "C-404"):
        answer = send(program, [record("r-1", customer=ref)])
        assert told(answer) == [("r-1", "rejected", "unknown customer")]
        answer = send(program, [record("r-1", customer=None)], address=f"{ADDRESS}?customer={ref}")
        assert told(answer) == [("r-1", "rejected", "unknown customer")]
    assert stored() == set()


def test_the_same_record_of_two_partners_is_two(bob: User, charlie: User) -> None:
    assert outcomes(send(program_of(bob), [record("r-1")])) == ["accepted"]
    assert outcomes(send(program_of(charlie), [record("r-1", customer="C-900")])) == ["accepted"]


def test_the_provider_sends_for_all(dana: User, bob: User, strangers: Customer) -> None:
    both = [record("r-1"), record("r-1", customer="C-900")]
    assert outcomes(send(program_of(dana), both)) == ["accepted", "accepted"]
    with scope(bob.scope):
        assert not Delivery.objects.filter(channel=Channel.API).exists(), "it belongs to who sent it"


def test_administrators_may_send_too_and_nobody_else(
    client_of: Browser, client: Client, bob: User, alice: User, dana: User
) -> None:
    with scope(PROVIDER):
        rita = User.objects.create_user(
            email="rita@example.com", role=Role.PARTNER_READER, partner=Partner.objects.get(ref="P-100")
        )
        sven = User.objects.create_user(email="sven@example.com", role=Role.PROVIDER_SUPPORT)
    assert outcomes(send(client_of(bob), [record("r-1")])) == ["accepted"]
    assert outcomes(send(client_of(dana), [record("r-1")])) == ["duplicate"]
    for user, status in ((alice, 404), (rita, 403), (sven, 403)):
        answer = send(client_of(user), [record("r-2")])
        assert (user.email, answer.status_code) == (user.email, status)
        assert answer["Content-Type"] == "application/problem+json"
    assert send(client, [record("r-2")]).status_code == 401
    assert stored() == {"r-1"}


# The same call again


def test_the_same_call_is_answered_the_same_and_done_once(program: Client) -> None:
    first = send(program, [record("r-1")], Idempotency_Key="call-1")
    again = send(program, [record("r-1")], Idempotency_Key="call-1")
    packed = send(program, gzip.compress(json.dumps([record("r-1")]).encode()), Content_Encoding="gzip",
                  Idempotency_Key="call-1")  # fmt: skip
    assert outcomes(first) == ["accepted"]
    assert again.content == packed.content == first.content
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == packed["Idempotency-Replayed"] == "true"
    assert outcomes(send(program, [record("r-1")])) == ["duplicate"]
    assert outcomes(send(program, [record("r-1")], Idempotency_Key="call-2")) == ["duplicate"]


def test_another_call_under_the_same_key_is_refused(program: Client) -> None:
    send(program, [record("r-1")], Idempotency_Key="call-1")
    for answer in (
        send(program, [record("r-2")], Idempotency_Key="call-1"),
        send(program, json.dumps([record("r-1")]).encode(), kind=NDJSON, Idempotency_Key="call-1"),
        send(program, [record("r-1")], address=f"{ADDRESS}?customer=C-100", Idempotency_Key="call-1"),
        send(program, [record("r-1")], address=f"{ADDRESS}?source=other", Idempotency_Key="call-1"),
        send(program, [record("r-1")], address="/api/v1/usage/wfo-sessions", Idempotency_Key="call-1"),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert stored() == {"r-1"}


def test_keys_of_calls_are_each_senders_own(bob: User, charlie: User, client_of: Browser) -> None:
    for number, client in enumerate((program_of(bob), program_of(bob), program_of(charlie), client_of(bob))):
        answer = send(client, [record(f"r-{number}")], Idempotency_Key="call-1")
        assert (answer.status_code, "Idempotency-Replayed" in answer) == (200, False)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\tb", "\x7f"])
def test_a_key_of_a_call_that_is_none_is_refused(program: Client, key: str) -> None:
    answer = send(program, [record("r-1")], Idempotency_Key=key)
    assert (answer.status_code, stored()) == (400, set())


def test_a_call_that_was_refused_is_not_remembered(program: Client) -> None:
    assert send(program, b"[", Idempotency_Key="call-1").status_code == 400
    assert outcomes(send(program, [record("r-1")], Idempotency_Key="call-1")) == ["accepted"]


def test_a_call_that_fails_leaves_nothing_and_is_done_the_next_time(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_of(bob, raise_request_exception=False)
    with monkeypatch.context() as broken:

        def fails(**_answer: object) -> None:
            raise RuntimeError("the secret of the engine room")

        broken.setattr("apps.usage.api.views.remember", fails)
        answer = send(program, [record("r-1")], Idempotency_Key="call-1")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert stored() == set()
    assert outcomes(send(program, [record("r-1")], Idempotency_Key="call-1")) == ["accepted"]


def test_answers_are_forgotten_after_a_day(program: Client) -> None:
    for name in ("old", "new"):
        send(program, [record("r-1")], Idempotency_Key=name)
    with scope(PROVIDER):
        a_day_ago = timezone.now() - timedelta(hours=24, seconds=1)
        RememberedAnswer.objects.filter(key="old").update(created_at=a_day_ago)
    forget_old_answers()
    assert "Idempotency-Replayed" not in send(program, [record("r-1")], Idempotency_Key="old")
    assert "Idempotency-Replayed" in send(program, [record("r-1")], Idempotency_Key="new")


@pytest.fixture
def shared(committed: None) -> str:
    """The token of a key that every connection sees, of the partner of C-100."""
    enter(portfolio(partner("P-1", customer("C-100"))))
    with scope(PROVIDER):
        bob = User.objects.create_user(
            email="bob@example.com", role=Role.PARTNER_ADMIN, partner=Partner.objects.get(ref="P-1")
        )
    return key_of(bob)[1]


def test_of_two_calls_at_once_one_is_done_and_the_other_answered_the_same(shared: str) -> None:
    sent = [record(f"r-{number}") for number in range(500)]

    def call() -> Any:
        return send(program_with(shared), sent, Idempotency_Key="call-1")

    answers = in_threads(call, call, call)
    assert len({answer.content for answer in answers}) == 1
    assert set(outcomes(answers[0])) == {"accepted"}
    assert sorted("Idempotency-Replayed" in answer for answer in answers) == [False, True, True]


def test_the_same_records_sent_twice_at_once_are_stored_once(shared: str) -> None:
    sent = [record(f"r-{number}") for number in range(500)]
    answers = in_threads(*[lambda: send(program_with(shared), sent)] * 3)
    counts = sorted((answer.json()["accepted"], answer.json()["duplicate"]) for answer in answers)
    assert counts == [(0, 500), (0, 500), (500, 0)]
    assert len(stored()) == 500


# How much


def test_a_key_may_send_so_many_records_in_a_minute(bob: User, dana: User) -> None:
    key, token = key_of(bob)
    with scope(PROVIDER):
        limit_api_key(key=key, requests_a_minute=100, records_a_minute=3, by=dana)
    program = program_with(token)
    assert send(program, [record("r-1"), record("r-2")]).status_code == 200
    assert send(program, [record("r-3"), record("r-4")]).status_code == 200, (
        "what is over is let through once"
    )
    refused = send(program, [record("r-5")])
    assert (refused.status_code, refused["Content-Type"]) == (429, "application/problem+json")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["RateLimit-Limit"] == "3"
    assert stored() == {"r-1", "r-2", "r-3", "r-4"}


def test_an_answer_told_again_costs_no_records(bob: User, dana: User) -> None:
    key, token = key_of(bob)
    with scope(PROVIDER):
        limit_api_key(key=key, requests_a_minute=100, records_a_minute=1, by=dana)
    for _time in range(3):
        assert send(program_with(token), [record("r-1")], Idempotency_Key="x").status_code == 200


def test_a_body_has_at_most_ten_thousand_records(program: Client) -> None:
    many = [{"record_id": number} for number in range(bodies.MOST_RECORDS + 1)]
    lines = "\n".join(json.dumps(each) for each in many).encode()
    assert outcomes(send(program, many[:-1])) == ["rejected"] * bodies.MOST_RECORDS
    assert send(program, many).status_code == 413
    assert send(program, lines, kind=NDJSON).status_code == 413
    assert send(program, lines.rpartition(b"\n")[0] + b"\n", kind=NDJSON).status_code == 200


def test_what_a_call_costs_does_not_grow_with_its_records(program: Client) -> None:
    costs = []
    for first, count in ((0, 10), (10, 1000)):
        sent = [record(f"r-{number}") for number in range(first, first + count)]
        with CaptureQueriesContext(connection) as queries:
            assert send(program, sent).status_code == 200
        costs.append(len(queries))
    assert abs(costs[0] - costs[1]) <= 1  # that the key was used is noted once
    assert max(costs) <= 40


# Bodies that mean no good

REFUSED = [
    (400, JSON, b""),
    (400, JSON, b"{}"),
    (400, JSON, b"null"),
    (400, JSON, b"[{]"),
    (400, JSON, b"[NaN]"),
    (400, JSON, b"[-Infinity]"),
    (400, JSON, b"[" * 100_000),
    (400, JSON, b"[1]]"),
    (400, JSON, b'["\x00"]'),
    (400, JSON, b'["\xff"]'),
    (400, JSON, json.dumps([record()]).encode("utf-16")),
    (400, JSON, json.dumps([record()]).encode("utf-32")),
    (400, JSON, b'{"a":' * 5000),
    (413, JSON, b"[" + b"1," * bodies.MOST_RECORDS + b"1]"),
    (413, JSON, b"[[" + b"[]," * 700_000 + b"1]]"),
    (413, JSON, b"[" + b" " * bodies.MOST_BYTES + b"]"),
    (413, NDJSON, b"\n" * 20_000),
    (415, "text/csv", b"record_id\n"),
    (415, "", b"[]"),
    (415, "multipart/form-data; boundary=x", b"--x--"),
    (415, "application/x-www-form-urlencoded", b"a=1"),
    (415, "application/json; charset=utf-16", b"[]"),
]


@pytest.mark.parametrize(("status", "kind", "body"), REFUSED, ids=range(len(REFUSED)))
def test_a_body_that_is_none_is_refused_and_the_next_one_served(
    program: Client, status: int, kind: str, body: bytes
) -> None:
    answer = send(program, body, kind=kind)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]
    assert outcomes(send(program, [record("r-1")])) == ["accepted"]


def as_bytes(**fields: Any) -> bytes:
    return json.dumps([record(**fields)]).encode()


STRANGE = [
    (b"\xef\xbb\xbf" + as_bytes(), "accepted"),
    (as_bytes(record_id="r-\u202e\U0001f600"), "accepted"),
    (as_bytes(record_id="\x00"), "rejected"),
    (as_bytes(record_id="\ud800"), "rejected"),
    (as_bytes(record_id=""), "rejected"),
    (as_bytes(record_id=None), "rejected"),
    (as_bytes(record_id=True), "rejected"),
    (as_bytes(record_id=[]), "rejected"),
    (as_bytes(record_id={"a": {}}), "rejected"),
    (as_bytes(record_id="1e308").replace(b'"1e308"', b"1e308"), "rejected"),
    (as_bytes(record_id="1e999").replace(b'"1e999"', b"1e999"), "rejected"),
    (as_bytes(record_id="9").replace(b'"9"', b"9" * 10_000), "rejected"),
    (as_bytes(record_id="9").replace(b'"9"', b"-0"), "accepted"),
    (as_bytes(agent_id="x" * 5_000_000), "rejected"),
    (as_bytes(started_at="9" * 400), "rejected"),
    (as_bytes(started_at="0001-01-01T00:00:00+23:59"), "rejected"),
    (as_bytes(ended_at=[["deep"]]), "rejected"),
    (as_bytes().replace(b'"agent_id"', b'"agent_id": "first", "agent_id"'), "rejected"),
    (as_bytes(customer="C-100\x00"), "rejected"),
    (as_bytes(customer="x" * 100_000), "rejected"),
    (as_bytes(customer=100), "rejected"),
    (as_bytes(unknown="column", nested={"a": [1, 2]}), "accepted"),
    (b"[" + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]", "rejected"),
]


@pytest.mark.parametrize(("body", "outcome"), STRANGE, ids=range(len(STRANGE)))
def test_a_strange_record_is_told_its_outcome_and_harms_no_other(
    program: Client, body: bytes, outcome: str
) -> None:
    assert outcomes(send(program, body)) == [outcome]
    line = body.lstrip(b"\xef\xbb\xbf")[1:-1]
    expected = "duplicate" if outcome == "accepted" else outcome
    beside = json.dumps(record("r-beside")).encode()
    assert outcomes(send(program, line + b"\n" + beside, kind=NDJSON)) == [expected, "accepted"]


def test_lines_in_another_code_are_each_rejected(program: Client) -> None:
    lines = (json.dumps(record("r-1")) + "\n").encode("utf-16")
    assert set(outcomes(send(program, lines, kind=NDJSON))) == {"rejected"}
    broken = json.dumps(record("r-1")).encode().replace(b"agent-1", b"agent-\xff")
    assert outcomes(send(program, broken + b"\n" + json.dumps(record("r-2")).encode(), kind=NDJSON)) == [
        "rejected",
        "accepted",
    ]


def packed(plain: bytes, **fields: int) -> bytes:
    return gzip.compress(plain, **fields, mtime=0)


def test_gzip_is_unpacked_in_one_part_or_several(program: Client) -> None:
    body = as_bytes(record_id="r-1")
    assert outcomes(send(program, packed(body), Content_Encoding="gzip")) == ["accepted"]
    parts = b"".join(packed(body[at : at + 40]) for at in range(0, len(body), 40))
    assert outcomes(send(program, parts, Content_Encoding="GZip")) == ["duplicate"]
    padded = as_bytes(record_id="r-2", agent_id="a", note="x" * 300_000)
    assert outcomes(send(program, packed(padded), Content_Encoding="gzip")) == ["accepted"]


@pytest.mark.parametrize(
    ("status", "encoding", "body"),
    [
        (400, "gzip", b"[]"),
        (400, "gzip", b""),
        (400, "gzip", packed(as_bytes())[:-9]),
        (400, "gzip", packed(as_bytes()) + b"and more"),
        (400, "gzip", packed(b"") * 10_000),
        (400, "gzip", zlib.compress(b"[]")),
        (400, "gzip", packed(packed(b"[]"))),
        (415, "br", b"[]"),
        (415, "deflate", zlib.compress(b"[]")),
        (415, "gzip, gzip", packed(packed(b"[]"))),
    ],
)
def test_what_is_no_gzip_is_refused(program: Client, status: int, encoding: str, body: bytes) -> None:
    answer = send(program, body, Content_Encoding=encoding)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_what_grows_a_thousandfold_is_refused_before_it_has_grown(program: Client) -> None:
    bomb = packed(b"[" + b" " * 300_000_000 + b"]")
    assert len(bomb) < 400_000
    send(program, [])
    tracemalloc.start()
    try:
        answer = send(program, bomb, Content_Encoding="gzip")
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    assert most < 3 * bodies.MOST_BYTES
    assert outcomes(send(program, [record("r-1")])) == ["accepted"]


@pytest.mark.parametrize(
    ("length", "status"), [("200", 400), ("", 400), ("-1", 400), ("x", 400), ("1" * 30, 413)]
)
def test_a_body_of_another_length_than_told_is_refused(program: Client, length: str, status: int) -> None:
    cut = io.BytesIO(as_bytes()[:150])
    environment: Any = {"wsgi.input": cut, "CONTENT_LENGTH": length}
    answer = program.generic("POST", ADDRESS, b"", CONTENT_TYPE=JSON, **environment)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_a_body_in_chunks_has_no_length(program: Client) -> None:
    environment: Any = {
        "wsgi.input": io.BytesIO(as_bytes(record_id="r-1")),
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    answer = program.generic("POST", ADDRESS, b"", CONTENT_TYPE=JSON, **environment)
    assert outcomes(answer) == ["accepted"]


class Broken(io.BytesIO):
    """A connection that is lost."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError


def test_a_connection_that_is_lost_is_no_error_of_the_server(program: Client) -> None:
    for length in ("100", ""):
        environment: Any = {
            "wsgi.input": Broken(),
            "CONTENT_LENGTH": length,
            "HTTP_TRANSFER_ENCODING": "" if length else "chunked",
        }
        assert program.generic("POST", ADDRESS, b"", CONTENT_TYPE=JSON, **environment).status_code == 400


def test_the_body_is_read_before_the_transaction_opens(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a slow client holds no connection in a transaction: the scope is not open yet."""
    seen: list[str] = []
    read = bodies.read_records

    def watched(request: Any, until_answered: ExitStack) -> bodies.Sent:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user::text")
            seen.append(cursor.fetchone()[0])
        return read(request, until_answered)

    monkeypatch.setattr("apps.usage.api.views.read_records", watched)
    assert outcomes(send(program, [record("r-1")])) == ["accepted"]
    assert seen == ["portal_auth"]


def test_reading_needs_the_other_scope(bob: User) -> None:
    address = f"{ADDRESS}/?customer=C-100"
    assert program_of(bob, KeyScope.USAGE_READ).get(address).status_code == 200
    assert program_of(bob, KeyScope.USAGE_WRITE).get(address).status_code == 403
