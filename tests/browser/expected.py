"""What the pages and papers of the sample data must show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Customer:
    """What the pages of a customer must show."""

    ref: str
    name: str
    purchased: tuple[str, str]
    used: str
    above: tuple[str, str]
    billed: str
    most_ports: str
    peak_day: str
    peak_row: list[str]
    rows: int
    other_cycle: str


@dataclass(frozen=True)
class Paper:
    """What an invoice must say: its lines as SKU, quantity and amount."""

    number: str
    total: str
    currency: str
    lines: list[tuple[str, str, str]]


def guide(ref: str, name: str) -> Customer:
    """The licence guide's example, worked through to the end of its cycle."""
    return Customer(
        ref=ref,
        name=name,
        purchased=("25", "5 Premium, 20 Standard"),
        used="38",
        above=("13", "2 Premium, 11 Standard"),
        billed="13",
        most_ports="0",
        peak_day="2024-06-13",
        peak_row=["13 Jun 2024", "Premium Named Agent", "7", "5", "0", "2", "Licenses"],
        rows=60,
        other_cycle="2024-05-09",
    )


KUNGSGATAN = guide("C-100", "Kungsgatan Bank")
FJALLBACKA = guide("C-300", "Fjällbacka Rederi")
AUGUST = Customer(
    ref="C-200",
    name="Anonymous Bank",
    purchased=("8", "1 Premium, 7 Standard"),
    used="11",
    above=("3", "1 Premium, 2 Standard"),
    billed="8",
    most_ports="20",
    peak_day="1999-08-02",
    peak_row=["2 Aug 1999", "Premium Concurrent Agent", "2", "1", "0", "1", "Licenses"],
    rows=62,
    other_cycle="1999-07-01",
)
WHOLESALE = Paper(
    "INV-000001",
    "3,361.75",
    "USD",
    [
        ("A-FLEX-WCC-P-N-O", "2", "288.00"),
        ("A-FLEX-WCC-S-N-O", "11", "1,113.75"),
        ("A-FLEX-WCC-P-N", "5", "520.00"),
        ("A-FLEX-WCC-S-N", "20", "1,440.00"),
    ],
)
WHOLESALE_AUGUST = Paper(
    "INV-000002",
    "5,187.45",
    "ILS",
    [
        ("A-FLEX-WCC-P-C-O", "3", "1,402.20"),
        ("A-FLEX-WCC-S-C-O", "5", "1,681.50"),
        ("A-FLEX-WCC-P-C", "1", "348.50"),
        ("A-FLEX-WCC-S-C", "5", "1,253.75"),
        ("A-FLEX-WCC-S-C", "2", "501.50"),
    ],
)
RETAIL = Paper(
    "P-100-INV-000001",
    "4,007.50",
    "USD",
    [
        ("A-FLEX-WCC-P-N-O", "2", "320.00"),
        ("A-FLEX-WCC-S-N-O", "11", "1,237.50"),
        ("A-FLEX-WCC-P-N", "5", "650.00"),
        ("A-FLEX-WCC-S-N", "20", "1,800.00"),
    ],
)
