"""Licence lists: which licence an agent has on a day, for systems whose sessions do not say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import AuditEntry, User
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.usage.contexts import beside_stored, open_context, zone_of
from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.licences import LicenceListError, licence_on, read_licence_list
from apps.usage.domain.records import Kind
from apps.usage.domain.translation import Context, fill_licences, translate
from apps.usage.formats import shipped_formats
from apps.usage.models import AgentLicence, CustomerAlias, Interval, Source
from apps.usage.services.licences import LicencesImported, LicencesRefused, import_licences

HISTORY = [(date(2024, 1, 1), False), (date(2024, 6, 10), True)]
LIST = "agent_id,licence,from\na1,premium,2024-01-01\na2,standard,2024-01-01\na1,standard,2024-06-10\n"
AMAZON = next(each for each in shipped_formats() if each.pair)
WEBEX = next(each for each in shipped_formats() if each.name == "webex-agent-sessions")


def test_a_licence_holds_from_its_day_until_the_next() -> None:
    assert licence_on(date(2024, 1, 1), HISTORY) is False
    assert licence_on(date(2024, 6, 9), HISTORY) is False
    assert licence_on(date(2024, 6, 10), HISTORY) is True
    for day, history in ((date(2023, 12, 31), HISTORY), (date(2024, 1, 1), [])):
        with pytest.raises(RejectedRowError) as rejected:
            licence_on(day, history)
        assert rejected.value.fault is Fault.NO_LICENCE


def test_a_session_takes_the_licence_of_the_day_on_which_it_starts() -> None:
    """The day in UTC: at 00:30 in Stockholm it is still the day before."""
    starts = [
        "2024-06-09T23:59:59Z",
        "2024-06-10T00:00:00Z",
        "2024-06-10T00:30:00+02:00",
        "2023-01-01T00:00:00Z",
    ]
    starts += ["whenever", "2024-06-10T12:00:00Z", "2024-06-10T12:00:00Z", "2024-06-10T12:00:00Z"]
    count = len(starts)
    agents = ["a1"] * (count - 3) + ["nobody", "", "a1"]
    columns: dict[str, Sequence[str]] = {
        "customer": [""] * count,
        "agent_id": agents,
        "started_at": starts,
        "licence": [""] * (count - 1) + ["standard"],
    }
    block = Block(list(range(count)), starts, columns)
    found = fill_licences(block, Context(licences={"": {"a1": HISTORY}}))
    assert found.columns["licence"] == ["standard", "premium", "standard", "", "", "", "", "standard"]
    assert found.broken == {3: Fault.NO_LICENCE, 4: Fault.NOT_A_TIME, 5: Fault.NO_LICENCE}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the header lacks agent_id, licence and from"),
        ("agent_id,from\na,2024-01-01", "the header lacks licence"),
        ("agent_id,licence,from\n,premium,2024-01-01", "line 2: an agent has 1 to 200 characters"),
        (
            f"agent_id,licence,from\n{'a' * 201},premium,2024-01-01",
            "line 2: an agent has 1 to 200 characters",
        ),
        ("agent_id,licence,from\na\0,premium,2024-01-01", "line 2: an agent has 1 to 200 characters"),
        ("agent_id,licence,from\n\na,gold,2024-01-01", "line 3: the licence is premium or standard"),
        ("agent_id,licence,from\na,premium,June", "line 2: 'June' is not a day like 2024-06-09"),
        ("agent_id,licence,from\na,premium", "line 2: not as many values as columns"),
    ],
)
def test_a_list_is_taken_as_a_whole_or_not_at_all(text: str, line: str) -> None:
    with pytest.raises(LicenceListError) as error:
        read_licence_list(text)
    assert str(error.value) == line


@given(
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.permutations(["agent_id", "licence", "from"]),
)
def test_however_a_list_is_written_it_says_the_same(delimiter: str, end: str, names: list[str]) -> None:
    values = {"agent_id": "a1", "licence": "Premium", "from": "2024-01-01"}
    text = "\ufeff" + delimiter.join(names) + end + delimiter.join(values[name] for name in names) + end
    (row,) = read_licence_list(text)
    assert (row.agent_id, row.premium, row.first_day, row.customer) == ("a1", True, date(2024, 1, 1), "")


# The service


def stored(customer: Customer) -> list[tuple[str, str, bool]]:
    rows = AgentLicence.objects.filter(customer=customer).order_by("agent_id", "first_day")
    return [(row.agent_id, row.first_day.isoformat(), row.premium) for row in rows]


def test_a_list_is_stored_once_and_changes_are_taken(guide_example: Customer) -> None:
    with scope(PROVIDER):
        assert import_licences(text=LIST, by="test", customer_ref="C-100") == LicencesImported(added=3)
        assert import_licences(text=LIST, by="test", customer_ref="C-100") == LicencesImported(unchanged=3)
        changed = "agent_id;licence;from\na2;premium;2024-01-01\n"
        assert import_licences(text=changed, by="test", customer_ref="C-100") == LicencesImported(changed=1)
        assert stored(guide_example) == [
            ("a1", "2024-01-01", True),
            ("a1", "2024-06-10", False),
            ("a2", "2024-01-01", True),
        ]
        entries = AuditEntry.objects.filter(action="licences.imported", customer=guide_example)
        assert [entry.after for entry in entries.order_by("pk")] == [
            {"added": 3, "changed": 0, "unchanged": 0},
            {"added": 0, "changed": 1, "unchanged": 0},
        ]
        assert "a1" not in str([(entry.subject, entry.after) for entry in entries])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LIST, "Line 2: no customer."),
        ("customer,agent_id,licence,from\nC-999,a1,premium,2024-01-01\n", "Line 2: unknown customer."),
        (
            "customer,agent_id,licence,from\nC-100,a1,premium,2024-01-01\nC-100,a1,standard,2024-01-01\n",
            "Line 3 says another licence than line 2 for the same agent and day.",
        ),
        (b"\xff\xfe", "The list is no text in UTF-8."),
    ],
)
def test_a_list_that_cannot_be_is_refused(guide_example: Customer, text: str | bytes, line: str) -> None:
    with scope(PROVIDER):
        with pytest.raises(LicencesRefused) as refused:
            import_licences(text=text, by="test")
        assert str(refused.value) == line
        assert stored(guide_example) == []


def test_a_strangers_customer_is_unknown(guide_example: Customer, charlie: User) -> None:
    with scope(charlie.scope), pytest.raises(LicencesRefused, match="unknown customer"):
        import_licences(text="customer,agent_id,licence,from\nC-100,a1,premium,2024-01-01\n", by=charlie)


def test_the_command_prints_what_it_took(guide_example: Customer, tmp_path: Path) -> None:
    path = tmp_path / "licences.csv"
    path.write_text(LIST)
    out = StringIO()
    call_command("import_licences", str(path), "--customer", "C-100", stdout=out)
    assert json.loads(out.getvalue()) == {"added": 3, "changed": 0, "unchanged": 0}
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_licences", str(tmp_path / "missing.csv"))


# What reading a file needs to know


def context_of(who: Scope, format_: object, **said: str) -> Context:
    with scope(who):
        return open_context(format_, **said)  # type: ignore[arg-type]


def test_a_file_of_one_customer_is_read_with_its_licences_alone(
    guide_example: Customer, strangers: Customer
) -> None:
    with scope(PROVIDER):
        import_licences(text=LIST, by="test", customer_ref="C-100")
        import_licences(text=LIST, by="test", customer_ref="C-900")
    context = context_of(PROVIDER, WEBEX, customer_ref="C-100", source="import")
    assert set(context.licences) == {"", "C-100"}
    assert context.licences[""] == {
        "a1": [(date(2024, 1, 1), True), (date(2024, 6, 10), False)],
        "a2": [(date(2024, 1, 1), False)],
    }
    stranger = Scope(Role.PARTNER, strangers.partner_id)
    assert context_of(stranger, WEBEX, customer_ref="C-100", source="import").licences == {}


def open_session(customer: Customer, source: Source, record_id: str, hour: int) -> None:
    Interval.objects.create(
        partner_id=customer.partner_id,
        customer_id=customer.pk,
        kind=Kind.AGENT_SESSION,
        source_id=source.pk,
        record_id=record_id,
        actor="a1",
        premium=True,
        started_at=datetime(2024, 6, 14, hour, tzinfo=UTC),
    )


def test_signing_out_completes_what_is_stored(guide_example: Customer) -> None:
    """Of the customer and the source alone; of several open sessions the one that started last."""
    with scope(PROVIDER):
        source, other = (
            Source.objects.create(partner=guide_example.partner, name=name) for name in ("acd", "other")
        )
        open_session(guide_example, source, "e1", 8)
        open_session(guide_example, source, "e2", 9)
        open_session(guide_example, other, "e3", 10)
    context = context_of(PROVIDER, AMAZON, customer_ref="C-100", source="acd")
    columns = {
        "EventId": ["e9"],
        "EventType": ["LOGOUT"],
        "AgentARN": ["a1"],
        "EventTimestamp": ["2024-06-14T16:00:00Z"],
    }
    (found,) = (
        each for each in translate(iter([Block([1], [""], dict(columns))]), AMAZON, context) if len(each)
    )
    with CaptureQueriesContext(connection) as queries, scope(PROVIDER):
        met, ends = beside_stored(found, context, source="acd")
    assert len([each for each in queries if "usage_interval" in each["sql"]]) == 3
    assert (met.broken, ends) == ({}, None)
    assert met.cells(0) == {
        "record_id": "e2",
        "agent_id": "a1",
        "licence": "premium",
        "started_at": "2024-06-14T09:00:00+00:00",
        "ended_at": "2024-06-14T16:00:00Z",
        "customer": "",
    }


def test_a_sign_out_that_was_told_before_is_no_row_to_keep_aside(guide_example: Customer) -> None:
    """A part of a stream that comes again begins in the middle of a session: its end is stored already."""
    end = datetime(2024, 6, 14, 16, tzinfo=UTC)
    with scope(PROVIDER):
        source = Source.objects.create(partner=guide_example.partner, name="acd")
        open_session(guide_example, source, "e1", 8)
        Interval.objects.filter(record_id="e1").update(ended_at=end)
    context = context_of(PROVIDER, AMAZON, customer_ref="C-100", source="acd")
    events = {
        "EventId": ["e2", "e4"],
        "EventType": ["LOGOUT", "LOGOUT"],
        "AgentARN": ["a1", "a2"],
        "EventTimestamp": ["2024-06-14T18:00:00+02:00", "2024-06-14T16:00:00Z"],
    }
    found = [
        each
        for each in translate(iter([Block([1, 2], ["", ""], dict(events))]), AMAZON, context)
        if len(each)
    ]
    assert found[0].broken == {0: Fault.NO_SIGN_IN, 1: Fault.NO_SIGN_IN}
    with scope(PROVIDER):
        other, _ends = beside_stored(replace(found[0], columns={**found[0].columns}), context, source="other")
        known, _ends = beside_stored(found[0], context, source="acd")
    assert known.broken == {1: Fault.NO_SIGN_IN}
    assert known.cells(0) == {
        "record_id": "e1",
        "agent_id": "a1",
        "licence": "premium",
        "started_at": "2024-06-14T08:00:00+00:00",
        "ended_at": "2024-06-14T18:00:00+02:00",
        "customer": "",
    }
    assert other.broken == {0: Fault.NO_SIGN_IN, 1: Fault.NO_SIGN_IN}


def test_the_zone_is_that_of_the_partners_source(guide_example: Customer, strangers: Customer) -> None:
    with scope(PROVIDER):
        for customer, zone in ((guide_example, "Europe/Stockholm"), (strangers, "Asia/Kolkata")):
            Source.objects.create(partner=customer.partner, name="acd", time_zone=zone)
        assert str(zone_of("acd", "C-100")) == "Europe/Stockholm"
        assert str(zone_of("acd", "C-900")) == "Asia/Kolkata"
        assert zone_of("acd") is None
        assert zone_of("nobody") is None
    with scope(Scope(Role.PARTNER, strangers.partner_id)):
        assert str(zone_of("acd")) == "Asia/Kolkata"


def test_a_file_that_names_customers_knows_them_by_alias_too(guide_example: Customer) -> None:
    named = next(each for each in shipped_formats() if each.name == "webex-agent-sessions")
    columns = {**named.columns, "customer": type(named.columns["record_id"])(("Org",))}
    format_ = type(named)(
        named.name, named.title, named.kind, named.recognise, columns, from_licence_list=True
    )
    with scope(PROVIDER):
        import_licences(text=LIST, by="test", customer_ref="C-100")
        source = Source.objects.create(partner=guide_example.partner, name="acd")
        CustomerAlias.objects.create(
            partner=guide_example.partner, customer=guide_example, source=source, name="Kungsgatan"
        )
    context = context_of(PROVIDER, format_, source="acd")
    assert set(context.licences) == {"C-100", "Kungsgatan"}
