"""Whole units as other people write them; what can be read in two ways is not read at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.numbers import whole_units


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
