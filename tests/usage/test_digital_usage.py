"""R12, R13: units of digital channels come in through the same door as sessions, legs and calls."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.catalogue.models import Sku
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.subscriptions.models import StaleSpan
from apps.usage.digital import count_units, days_with_units
from apps.usage.domain.records import KINDS_OF_FILE, Content, Fault, RejectedRowError, parse_record
from apps.usage.models import Conflict, Delivery, Event, Interval, RowKeptAside
from apps.usage.services import UsageImported
from tests.conftest import NOW, import_file
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.usage import UsageFiles

HEADER = "record_id,sku,quantity,occurred_at\n"
SMS, VOICE = "A-CHAN-U-SMS-INTL", "A-VOICE-U-INTL"
NOON = "2024-06-10T12:00:00Z"


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1 of P-1, and a stranger: C-2 of P-2."""
    enter(portfolio(partner("P-1", customer("C-1")), partner("P-2", customer("C-2"))))
    return stored_customer("C-1")


def take(files: UsageFiles, content: str, **options: str) -> tuple[int, int, int, int]:
    """Accepted, duplicate, conflict, rejected."""
    return counts(files.take(content, kind="digital-usage", **options))


def counts(outcome: UsageImported) -> tuple[int, int, int, int]:
    return outcome.accepted, outcome.duplicate, outcome.conflict, outcome.rejected


def stored() -> list[tuple[Any, ...]]:
    with scope(PROVIDER):
        return list(
            Event.objects.order_by("customer_id", "record_id", "source_id").values_list(
                "customer_id", "record_id", "sku", "quantity", "occurred_at"
            )
        )


# What a row must be


def read(**cells: str) -> Content:
    row = {"record_id": "d1", "sku": SMS, "quantity": "25", "occurred_at": NOON, **cells}
    return parse_record(row, KINDS_OF_FILE["digital-usage"], now=NOW, digital_skus={SMS})[1]


@pytest.mark.parametrize(("text", "units"), [("0", 0), ("25", 25), ("007", 7), ("1000000000000", 10**12)])
def test_R12_a_quantity_is_a_whole_number_of_units(text: str, units: int) -> None:
    assert read(quantity=text).quantity == units


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.0", "1,000", "1e3", "many", "²", "٣", "1 000", "1_000", "1000000000001", "9" * 5000],
)
def test_R12_anything_else_is_rejected(text: str) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        read(quantity=text)
    assert rejected.value.fault is Fault.NOT_A_QUANTITY


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"sku": ""}, Fault.UNKNOWN_SKU),
        ({"sku": VOICE}, Fault.UNKNOWN_SKU),
        ({"sku": SMS.lower()}, Fault.UNKNOWN_SKU),
        ({"sku": "x" * 201}, Fault.TOO_LONG_TEXT),
        ({"record_id": ""}, Fault.NO_RECORD_ID),
        ({"occurred_at": ""}, Fault.NOT_A_TIME),
        ({"occurred_at": "2024-06-10T12:00:00"}, Fault.NO_TIME_ZONE),
        ({"occurred_at": "2026-01-01T00:00:00.000001Z"}, Fault.IN_FUTURE),
    ],
)
def test_R13_a_row_that_breaks_a_rule_is_rejected(cells: dict[str, str], fault: Fault) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        read(**cells)
    assert rejected.value.fault is fault


# Through the door


def test_R12_units_are_stored_in_a_table_of_their_own(owner: Customer, files: UsageFiles) -> None:
    assert take(
        files, HEADER + f"d1,{SMS},25,2024-06-10T14:00:00+02:00\nd2,A-WXCN-PRM-AUTOINT,2133,{NOON}\n"
    ) == (
        2,
        0,
        0,
        0,
    )
    noon = datetime(2024, 6, 10, 12, tzinfo=UTC)
    assert stored() == [
        (owner.pk, "d1", SMS, 25, noon),
        (owner.pk, "d2", "A-WXCN-PRM-AUTOINT", 2133, noon),
    ]
    with scope(PROVIDER):
        assert not Interval.objects.exists()


@pytest.mark.parametrize(
    "sku", ["A-FLEX-WCC-P-N", "A-FLEX-WCC-P-N-O", "A-WXCN-PRM-CON-ENT", "A-FLEX-WCC-IVR", "A-NOTHING"]
)
def test_R12_what_is_no_sku_of_digital_usage_is_kept_aside(
    owner: Customer, files: UsageFiles, sku: str
) -> None:
    assert take(files, HEADER + f"d1,{sku},1,{NOON}\nd2,{SMS},x,{NOON}\nd3,{SMS},1,{NOON}\n") == (1, 0, 0, 2)
    with scope(PROVIDER):
        assert list(RowKeptAside.objects.values_list("line_number", "reason")) == [
            (2, "unknown SKU, or none of digital usage"),
            (3, "quantity is no whole number of units"),
        ]


def test_a_row_of_a_sku_unknown_then_is_taken_when_it_is_in_the_catalogue(
    owner: Customer, files: UsageFiles
) -> None:
    path = files.write(HEADER + f"d1,A-CHAN-U-RCS,5,{NOON}\nd2,{SMS},1,{NOON}\n")
    assert counts(files.take(path, kind="digital-usage")) == (1, 0, 0, 1)
    with scope(PROVIDER):
        Sku.objects.create(code="A-CHAN-U-RCS", name="RCS", kind="digital-usage", usage_type="digital")
    assert counts(files.take(path, kind="digital-usage")) == (1, 1, 0, 0)


def test_R13_copies_conflicts_and_other_sources(owner: Customer, files: UsageFiles) -> None:
    assert take(files, HEADER + f"d1,{SMS},25,{NOON}\nd1,{SMS},025,2024-06-10T14:00:00+02:00\n") == (
        1,
        1,
        0,
        0,
    )
    for other in (f"d1,{SMS},26,{NOON}", f"d1,{VOICE},25,{NOON}", f"d1,{SMS},25,2024-06-10T12:00:01Z"):
        assert take(files, HEADER + f"{other}\n{other}\n") == (0, 1, 1, 0)
        assert take(files, HEADER + f"{other}\n") == (0, 1, 0, 0)
    assert take(files, HEADER + f"d1,{SMS},26,{NOON}\n", source="connect") == (1, 0, 0, 0)
    assert take(files, HEADER + f"d1,{SMS},26,{NOON}\n", customer="C-2") == (1, 0, 0, 0)
    assert [quantity for _, _, _, quantity, _ in stored()] == [25, 26, 26]
    with scope(PROVIDER):
        assert sorted(Conflict.objects.values_list("actor", "quantity")) == [
            (SMS, 25),
            (SMS, 26),
            (VOICE, 25),
        ]


def test_R13_the_same_file_again_changes_nothing(owner: Customer, files: UsageFiles) -> None:
    path = files.write(HEADER + f"d1,{SMS},25,{NOON}\nd2,{SMS},-1,{NOON}\n")
    assert counts(files.take(path, kind="digital-usage")) == (1, 0, 0, 1)
    assert counts(files.take(path, kind="digital-usage")) == (0, 1, 0, 1)
    with scope(PROVIDER):
        assert Delivery.objects.count() == 1


def test_ndjson_is_the_same_as_csv(owner: Customer, files: UsageFiles) -> None:
    rows = [
        {"record_id": "d1", "sku": SMS, "quantity": 25, "occurred_at": NOON},
        {"record_id": "d2", "sku": SMS, "quantity": "25", "occurred_at": NOON, "customer": "C-2"},
        {"record_id": "d3", "sku": SMS, "quantity": -25, "occurred_at": NOON},
        {"record_id": "d4", "sku": SMS, "quantity": 2.5, "occurred_at": NOON},
        {"record_id": "d5", "sku": SMS, "quantity": True, "occurred_at": NOON},
        {"record_id": "d6", "sku": SMS, "occurred_at": NOON},
    ]
    assert take(files, "\n".join(map(json.dumps, rows)) + "\n") == (2, 0, 0, 4)
    assert [(record, quantity) for _, record, _, quantity, _ in stored()] == [("d1", 25), ("d2", 25)]


def test_units_make_no_day_of_the_contact_centre_stale(owner: Customer, files: UsageFiles) -> None:
    with scope(PROVIDER):
        StaleSpan.objects.all().delete()
    take(files, HEADER + f"d1,{SMS},25,{NOON}\n")
    with scope(PROVIDER):
        assert not StaleSpan.objects.exists()


def test_a_partner_imports_units_of_its_own_customers_alone(owner: Customer, files: UsageFiles) -> None:
    path = files.write(f"customer,{HEADER}C-1,d1,{SMS},25,{NOON}\nC-2,d2,{SMS},25,{NOON}\n")
    outcome = import_file("digital-usage", path, sender=Scope(Role.PARTNER, owner.partner_id))
    assert counts(outcome) == (1, 0, 0, 1)
    assert outcome.reasons == {"unknown customer": 1}
    stranger = stored_customer("C-2")
    for reader, seen in (
        (Scope(Role.PARTNER, owner.partner_id), 1),
        (Scope(Role.CUSTOMER, owner.partner_id, owner.pk), 1),
        (Scope(Role.PARTNER, stranger.partner_id), 0),
        (Scope(Role.CUSTOMER, stranger.partner_id, stranger.pk), 0),
    ):
        with scope(reader):
            assert Event.objects.count() == seen


# Reads


def test_R12_units_are_added_up_by_sku_over_the_days_of_a_period(owner: Customer, files: UsageFiles) -> None:
    take(
        files,
        HEADER
        + "".join(
            f"d{number},{sku},{quantity},{at}\n"
            for number, (sku, quantity, at) in enumerate(
                [
                    (SMS, 1, "2024-06-02T23:59:59.999999Z"),
                    (SMS, 2, "2024-06-03T00:00:00Z"),
                    (SMS, 4, "2024-07-02T23:59:59.999999Z"),
                    (SMS, 8, "2024-07-03T00:00:00Z"),
                    (VOICE, 10**12, "2024-06-10T00:00:00Z"),
                    (VOICE, 10**12, "2024-06-11T00:00:00Z"),
                ]
            )
        ),
    )
    take(files, HEADER + f"d1,{SMS},1000,{NOON}\n", customer="C-2")
    with scope(PROVIDER):
        assert count_units(owner, Period(date(2024, 6, 3), date(2024, 7, 2))) == {SMS: 6, VOICE: 2 * 10**12}
        assert count_units(owner, Period(date(2025, 6, 3), date(2025, 7, 2))) == {}
        assert days_with_units(owner) == Period(date(2024, 6, 2), date(2024, 7, 3))
    enter(portfolio(partner("P-1", customer("C-3"))))
    with scope(PROVIDER):
        assert days_with_units(stored_customer("C-3")) is None
