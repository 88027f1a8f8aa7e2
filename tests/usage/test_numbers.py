"""Whole units as other people write them; what can be read in two ways is not read at all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.usage.domain.controls import ControlLine, read_control_totals
from apps.usage.domain.descriptions import parse_format
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.files import open_usage_file
from apps.usage.domain.formats import Format
from apps.usage.domain.numbers import whole_units
from apps.usage.domain.records import KINDS_OF_FILE, parse_moment, parse_record
from apps.usage.domain.translation import Context, translate
from apps.usage.formats import shipped_formats
from tests.factories.formats import UNITS


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", "0"),
        ("2133", "2133"),
        ("1.234,00", "1234"),
        ("1,234.00", "1234"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1 234 567", "1234567"),
        ("1\u202f234\u00a0567,0", "1234567"),
        ("1'234.0", "1234"),
        ("12,0", "12"),
        ("12.", "12"),
        ("1234,000", "1234"),
        ("0,000", "0"),
    ],
)
def test_a_number_that_can_be_read_in_one_way_is_read(text: str, units: str) -> None:
    assert whole_units(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "1.234",
        "1,234",
        "12,5",
        "1.234,56",
        "1.23.456",
        "1.234,567,890",
        "1,2.3,4",
        "12.34.567",
        "1 23",
        "12 34",
        "-5",
        "+5",
        "1e3",
        "١٢",
        "",
        ",",
        "many",
    ],
)
def test_any_other_is_rejected(text: str) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        whole_units(text)
    assert rejected.value.fault is Fault.NOT_A_QUANTITY


def test_a_description_that_names_the_sign_settles_the_doubt() -> None:
    assert whole_units("1.234", ",") == "1234"
    assert whole_units("1,234", ".") == "1234"
    for text, decimal in (("1.234", "."), ("1,234", ","), ("12,34", "."), ("1,234.0,0", ".")):
        with pytest.raises(RejectedRowError):
            whole_units(text, decimal)


@given(st.integers(0, 10**12), st.sampled_from([("", "."), (",", "."), (".", ","), (" ", ","), ("'", ".")]))
def test_however_a_whole_number_is_written_it_is_the_same(units: int, signs: tuple[str, str]) -> None:
    grouping, decimal = signs
    grouped = f"{units:,}".replace(",", grouping)
    assert whole_units(f"{grouped}{decimal}00", decimal) == str(units)
    assert whole_units(f"{grouped}{decimal}00") == str(units)
    assert whole_units(grouped, decimal) == str(units)


def test_a_group_of_thousands_does_not_start_with_nought() -> None:
    for text, decimal in (("0.125", ","), ("0,125", "."), ("00.125", ","), ("0,125", "")):
        with pytest.raises(RejectedRowError):
            whole_units(text, decimal)


def sheet(value: object) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["Id", "Count", "When"], ["1", value, "1718006400"]):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def quantity(content: bytes, format_: Format) -> str | Fault:
    opened = open_usage_file(io.BytesIO(content), len(content))
    (block,) = translate(opened.rows(format_.wanted, plain=False), format_, Context())
    return block.broken.get(0) or block.columns["quantity"][0]


@pytest.mark.parametrize("said", ["", ",", "."])
def test_semicolons_between_cells_say_nothing_of_the_sign_before_fractions(said: str) -> None:
    """``1.234`` is a thousand and more, or one and a bit: a description decides, the delimiter does not."""
    format_ = replace(parse_format(UNITS), decimal=said)
    found = {
        delimiter: quantity(
            f"Id{delimiter}Count{delimiter}When\n1{delimiter}1.234{delimiter}x\n".encode(), format_
        )
        for delimiter in (";", "\t", ",")
    }
    assert set(found.values()) == {"1234" if said == "," else Fault.NOT_A_QUANTITY}


@pytest.mark.parametrize("said", ["", ",", "."])
@pytest.mark.parametrize(
    ("value", "units"),
    [
        (1.234, Fault.NOT_A_QUANTITY),
        (12.5, Fault.NOT_A_QUANTITY),
        (1234.0, "1234"),
        (1234, "1234"),
        ("1.234", Fault.NOT_A_QUANTITY),
        ("1.234,00", "1234"),
    ],
)
def test_numbers_of_json_and_workbooks_have_a_dot_whatever_the_description_says(
    value: object, units: str | Fault, said: str
) -> None:
    format_ = replace(parse_format(UNITS), decimal=said)
    record = json.dumps({"Id": "1", "Count": value, "When": 1718006400})
    for content in (record.encode(), f"[{record}]".encode(), sheet(value)):
        assert quantity(content, format_) == units


def test_control_totals_are_read_by_the_same_rule() -> None:
    genesys = next(each for each in shipped_formats() if each.name == "genesys-concurrent-usage")
    for said, expected in (("", Fault.NOT_A_QUANTITY), (",", 1234), (".", Fault.NOT_A_QUANTITY)):
        content = b"Date;Peak Concurrent Users\n2024-06-10;1.234\n"
        opened = open_usage_file(io.BytesIO(content), len(content))
        format_ = replace(genesys, decimal=said)
        ((_line, found),) = read_control_totals(opened.rows(format_.wanted, plain=False), format_)
        assert (found.used if isinstance(found, ControlLine) else found) == expected


@pytest.mark.parametrize("text", ["1720000000,5", "1720000000.5"])
def test_seconds_since_1970_may_have_a_fraction_behind_either_sign(text: str) -> None:
    """Ten digits before it are no group of thousands."""
    assert parse_moment(text) == datetime(2024, 7, 3, 9, 46, 40, 500_000, UTC)


@pytest.mark.parametrize("text", ["1.720.000.000", "1720000000,", "1720000000000,5", "1.720000000"])
def test_no_other_fraction_is_a_time(text: str) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        parse_moment(text)
    assert rejected.value.fault is Fault.NOT_A_TIME


@pytest.mark.parametrize("text", ["1.234", "1,234", "5,0", "5.0", "1 234"])
def test_the_portals_own_quantities_are_digits_alone(text: str) -> None:
    row = {"record_id": "r1", "sku": "SMS", "quantity": text, "occurred_at": "1720000000,5"}
    now = datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(RejectedRowError) as rejected:
        parse_record(row, KINDS_OF_FILE["digital-usage"], now=now, digital_skus={"SMS"})
    assert rejected.value.fault is Fault.NOT_A_QUANTITY
