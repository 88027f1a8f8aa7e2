"""Reading papers of control totals: encodings, days in one order for a whole paper, thousands, what is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_formats import as_own_columns
from apps.reconciliation.domain.control_papers import (
    DETAIL_HEADER,
    PaperFault,
    PaperRefused,
    read_daily_detail,
    read_days,
    read_peaks,
    read_sheet,
)
from apps.reconciliation.domain.control_rows import TheirRow
from apps.usage.formats import shipped_formats

JUNE = Period(date(2024, 6, 9), date(2024, 7, 8))
TYPES = {"standard named agent": "standard-named"}
HEADER = ",".join(DETAIL_HEADER) + "\n"


def days_of(*texts: str, cycles: tuple[Period, ...] = ()) -> list[date]:
    return read_days(list(enumerate(texts, start=2)), cycles)


READABLE = [
    (["2024-06-09", "2024/6/10", "2024.06.11"], [9, 10, 11]),
    (["09/06/2024", "13/06/2024"], [9, 13]),
    (["06/09/2024", "06/13/2024"], [9, 13]),
    (["9.6.2024", "30.6.2024"], [9, 30]),
    (["06-09-2024", "06-13-2024"], [9, 13]),
    (["2024-06-09", "06/30/2024"], [9, 30]),
    # Both orders are days, but only one lies within a month.
    (["01/06/2024", "02/06/2024", "12/06/2024"], [1, 2, 12]),
    # Both are the same day.
    (["06/06/2024"], [6]),
    (["2024-06-09T00:00:00Z", "2024-06-10 00:00"], [9, 10]),
]


@pytest.mark.parametrize(("texts", "expected"), READABLE)
def test_days_are_read_in_one_order_for_the_whole_paper(texts: list[str], expected: list[int]) -> None:
    assert days_of(*texts) == [date(2024, 6, day) for day in expected]


@pytest.mark.parametrize(
    ("decimal", "text", "units"),
    [("", "1,204.0", 1204), ("", "1.204.000", 1204000), (".", "12.000", 12), (",", "1.234", 1234)],
)
def test_numbers_of_another_systems_paper_are_read_as_in_its_files(
    decimal: str, text: str, units: int
) -> None:
    genesys = next(each for each in shipped_formats() if each.name == "genesys-concurrent-usage")
    sheet = read_sheet(f"Date;Peak Concurrent Users;Minutes at Peak\n2024-06-10;{text};7\n".encode())
    (row,) = read_peaks(as_own_columns(sheet, [replace(genesys, decimal=decimal)]))
    assert (row.line, row.day, row.used) == (2, date(2024, 6, 10), units)


def test_days_that_fit_both_ways_are_refused_unless_the_cycle_tells() -> None:
    with pytest.raises(PaperRefused) as refused:
        days_of("06/07/2024")
    assert refused.value.fault is PaperFault.AMBIGUOUS_DAYS
    assert days_of("06/10/2024", cycles=(JUNE,)) == [date(2024, 6, 10)]
    with pytest.raises(PaperRefused):
        days_of("06/08/2024", cycles=(JUNE,))  # neither 8 June nor 6 August lies in it


def test_an_order_that_is_broken_once_is_refused_with_the_line() -> None:
    with pytest.raises(PaperRefused) as refused:
        days_of("13/06/2024", "06/13/2024")
    assert (refused.value.fault, refused.value.line) == (PaperFault.NO_DAY, 3)


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "31/02/2024", "1/1/24", "20240609", "٢٠٢٤-٠٦-٠٩"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(PaperRefused) as refused:
        days_of(text)
    assert (refused.value.fault, refused.value.line) == (PaperFault.NO_DAY, 2)


UNITS = [
    ("1234", 1234),
    ('"1,234"', 1234),
    ("1.234", 1234),
    ("1 234 567", 1234567),
    ("1’234", 1234),
    ("5.0", 5),
    ("0", 0),
    ("007", 7),
]


@pytest.mark.parametrize(("cell", "units"), UNITS)
def test_units_are_whole_with_or_without_groups(cell: str, units: int) -> None:
    (row,) = read_peaks(read_sheet(f"day,peak\n2024-06-10,{cell}\n".encode()))
    assert row.used == units


@pytest.mark.parametrize(
    "cell", ["", "-1", "-0", "1.5", "1e3", "NaN", "inf", "1e308", "١٢", "12345678901234", "0x1f"]
)
def test_what_is_no_number_of_units_is_refused(cell: str) -> None:
    with pytest.raises(PaperRefused) as refused:
        read_peaks(read_sheet(f"day,peak\n2024-06-10,{cell}\n".encode()))
    assert (refused.value.fault, refused.value.line) == (PaperFault.NO_UNITS, 2)


def test_cells_that_say_nothing_are_not_compared() -> None:
    text = f"{HEADER}2024-06-10, STANDARD  named agent ,3,,,,Licenses,\n"
    assert read_daily_detail(read_sheet(text.encode()), TYPES) == [
        TheirRow(2, date(2024, 6, 10), "standard-named", 3)
    ]


def test_columns_may_stand_in_any_order_and_quotes_may_go_over_lines() -> None:
    names = [*DETAIL_HEADER[::-1]]
    text = (
        "\t".join(names)
        + '\n"Overage\nPeak, overage peak"\tLicenses\t1\t0\t2\t3\tStandard Named Agent\t2024-06-10\n'
    )
    (row,) = read_daily_detail(read_sheet(text.encode("utf-16")), TYPES)
    assert row == TheirRow(2, date(2024, 6, 10), "standard-named", 3, 2, 0, 1, mark=True)


def test_the_line_is_where_a_row_begins() -> None:
    text = HEADER + '2024-06-10,Standard Named Agent,1,0,0,1,L,"two\nlines"\n\n2024-06-11,Odd,1,0,0,1,L,\n'
    with pytest.raises(PaperRefused) as refused:
        read_daily_detail(read_sheet(text.encode()), TYPES)
    assert (refused.value.fault, refused.value.line, refused.value.found) == (
        PaperFault.UNKNOWN_TYPE,
        5,
        "Odd",
    )


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(PaperRefused) as refused:
        read_sheet(b"day,peak\n" + b"2024-06-10,1\n" * 5_001)
    assert refused.value.fault is PaperFault.TOO_MANY_ROWS


@settings(max_examples=200)
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (b"", b"day,peak\n", HEADER.encode(), b"PK\x03\x04"):
        with suppress(PaperRefused):
            sheet = read_sheet(start + content)
            rows = read_peaks(sheet) if sheet.has(("day", "peak")) else read_daily_detail(sheet, TYPES)
            assert len(rows) == len(sheet.rows) > 0
