"""Invoice lines as control totals: apply a fault to our invoice, and the comparison names it (R14)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.core.domain.money import round_to_minor_unit
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.domain.control import (
    LineCause,
    LineColumn,
    LineComparison,
    OurLine,
    compare_lines,
)
from apps.invoicing.domain.control_lines import TheirInvoice, TheirLine, has_lines, read_json, read_lines
from apps.invoicing.services import as_printed, make_drafts
from apps.invoicing.tasks import compare_control_paper
from apps.organisations.models import Customer
from apps.reconciliation.domain.control_papers import PaperFault, PaperRefused, read_sheet
from apps.reconciliation.models import ControlPaper
from tests.factories.clock import ToDay
from tests.factories.pages import Browser

JUNE, JULY = Period(date(2024, 6, 9), date(2024, 7, 8)), Period(date(2024, 7, 9), date(2024, 8, 8))
RATE = Decimal(25)
D = Decimal


def our(
    sku: str = "P-O",
    quantity: int = 3,
    price: str = "10.37",
    discount: str = "12.5",
    *,
    period: Period = JUNE,
    share: Fraction = Fraction(1),
    subscription: str = "Sub-1",
    readings: dict[LineCause, int] | None = None,
) -> OurLine:
    """A line of ours, its amount by the rule."""
    exact = Fraction(quantity) * Fraction(D(price)) * (1 - Fraction(D(discount)) / 100) * share
    amount = round_to_minor_unit(exact, "EUR")
    return OurLine(sku, subscription, period, quantity, D(price), D(discount), amount, share, readings or {})


def their(line: OurLine, number: int = 2) -> TheirLine:
    """The same on their invoice."""
    return TheirLine(
        number,
        line.sku,
        line.subscription,
        line.period,
        line.quantity,
        line.unit_price,
        line.discount_pct,
        line.amount,
    )


OURS = [
    our(),
    our("S-O", 7, "3.333"),
    our("IVR", 11, "0.4545", "0", period=JULY),
    our("WFO", 2, "77.77", "3", period=JULY, share=Fraction(13, 31)),
]


def held(theirs: list[TheirLine], ours: list[OurLine] = OURS, *, taxes: str | None = None) -> LineComparison:
    total = sum((line.amount for line in ours), D(0))
    return compare_lines(
        ours,
        TheirInvoice(theirs, None if taxes is None else D(taxes)),
        currency="EUR",
        tax_rate_pct=RATE,
        taxes=round_to_minor_unit(total * RATE / 100, "EUR"),
    )


def all_theirs() -> list[TheirLine]:
    return [their(line, number) for number, line in enumerate(OURS, start=2)]


def reasons(found: LineComparison, sku: str = "P-O") -> dict[LineColumn, list[tuple[LineCause, str]]]:
    """What differs of a line, and why, with how sure it is."""
    line = next(
        each for each in found.lines if sku in [side.sku for side in (each.ours, each.theirs) if side]
    )
    return {
        column: [(each.cause, each.certainty) for each in of_column]
        for column, of_column in line.differs.items()
    }


def test_equal_invoices_agree_in_any_order() -> None:
    found = held(all_theirs()[::-1])
    assert (found.differing, found.unexplained, found.taxes_differ) == (0, 0, False)


CHANGES = [
    ("quantity", {"quantity": 4, "amount": D("36.30")}, LineColumn.QUANTITY, []),
    ("twice", {"quantity": 6}, LineColumn.QUANTITY, [(LineCause.TWICE, "exact")]),
    ("price", {"unit_price": D(11)}, LineColumn.UNIT_PRICE, []),
    ("no discount", {"discount_pct": D(0)}, LineColumn.DISCOUNT, [(LineCause.NO_DISCOUNT, "exact")]),
    ("discount", {"discount_pct": D(5)}, LineColumn.DISCOUNT, []),
    ("period", {"period": JULY}, LineColumn.PERIOD, [(LineCause.OTHER_PERIOD, "fits")]),
    ("SKU", {"sku": "P-X"}, LineColumn.SKU, [(LineCause.OTHER_SKU, "fits")]),
    (
        "subscription",
        {"subscription": "Sub-2"},
        LineColumn.SUBSCRIPTION,
        [(LineCause.OTHER_SUBSCRIPTION, "fits")],
    ),
    ("amount", {"amount": D("99.99")}, LineColumn.AMOUNT, []),
    ("a cent", {"amount": D("27.225")}, LineColumn.AMOUNT, [(LineCause.BELOW_MINOR_UNIT, "fits")]),
]


@pytest.mark.parametrize(
    ("change", "column", "why"), [case[1:] for case in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_what_differs_of_a_line_is_named(
    change: dict[str, object], column: LineColumn, why: list[tuple[LineCause, str]]
) -> None:
    first, *rest = all_theirs()
    found = held([replace(first, **change), *rest])  # type: ignore[arg-type]
    assert reasons(found)[column] == why
    assert found.differing == 1


def test_an_amount_that_their_own_figures_give_follows() -> None:
    first, *rest = all_theirs()
    amount = our(quantity=4).amount
    found = held([replace(first, quantity=4, amount=amount), *rest])
    assert reasons(found)[LineColumn.AMOUNT] == [(LineCause.FOLLOWS, "exact")]


def test_a_price_after_discount_is_told() -> None:
    ours = [our(price="10.40")]
    net = replace(their(ours[0]), unit_price=D("9.10"), discount_pct=D(0))
    found = held([net], ours)
    assert reasons(found) == {
        LineColumn.UNIT_PRICE: [(LineCause.NET_PRICE, "exact")],
        LineColumn.DISCOUNT: [(LineCause.NET_PRICE, "exact")],
    }


def test_lines_of_one_side_alone_and_lines_twice_are_told() -> None:
    first, *rest = all_theirs()
    found = held([*rest, replace(rest[0], line=9), replace(first, sku="NEW", period=JULY, quantity=1)])
    assert reasons(found) == {LineColumn.LINE: [(LineCause.MISSING_LINE, "fits")]}
    assert reasons(found, "NEW") == {LineColumn.LINE: [(LineCause.ADDED_LINE, "fits")]}
    again = found.lines[-2]
    assert again.ours is None
    (reason,) = again.differs[LineColumn.LINE]
    assert (reason.cause, reason.details) == (LineCause.REPEATED_LINE, {"lines": [3, 9]})


READINGS = [LineCause.OTHER_PEAK, LineCause.LAST_DAY, LineCause.SUM_OF_DAYS]


@pytest.mark.parametrize("cause", READINGS)
def test_a_quantity_read_otherwise_is_told(cause: LineCause) -> None:
    ours = [our(readings={cause: 41})]
    found = held([replace(their(ours[0]), quantity=41)], ours)
    assert reasons(found)[LineColumn.QUANTITY] == [(cause, "exact")]


# Rounding: the fault is applied to every line


def _net(line: OurLine) -> Fraction:
    return Fraction(line.unit_price) * (1 - Fraction(line.discount_pct) / 100)


def _as_decimal(amount: Fraction) -> Decimal:
    return D(amount.numerator) / D(amount.denominator)


ROUNDINGS: dict[LineCause, Callable[[OurLine], Decimal]] = {
    LineCause.ROUNDED_PER_UNIT: lambda line: round_to_minor_unit(
        line.quantity * Fraction(round_to_minor_unit(_net(line), "EUR")) * line.share, "EUR"
    ),
    LineCause.ROUNDED_DISCOUNT: lambda line: (
        round_to_minor_unit(line.quantity * Fraction(line.unit_price) * line.share, "EUR")
        - round_to_minor_unit(
            line.quantity * Fraction(line.unit_price) * line.share * Fraction(line.discount_pct) / 100, "EUR"
        )
    ),
    LineCause.CUT: lambda line: D(int(line.quantity * _net(line) * line.share * 100)) / 100,
    LineCause.HALF_TO_EVEN: lambda line: _as_decimal(line.quantity * _net(line) * line.share).quantize(
        D("0.01"), ROUND_HALF_EVEN
    ),
    LineCause.NOT_IN_PROPORTION: lambda line: round_to_minor_unit(line.quantity * _net(line), "EUR"),
}


@settings(max_examples=60)
@given(
    cause=st.sampled_from(list(ROUNDINGS)),
    lines=st.lists(
        st.builds(
            our,
            st.sampled_from(["A", "B", "C"]),
            st.integers(1, 500),
            st.integers(1, 99_999).map(lambda thousandths: f"{thousandths / 1000:.3f}"),
            st.sampled_from(["0", "2.5", "10", "12.5", "33"]),
            share=st.sampled_from([Fraction(1), Fraction(1), Fraction(11, 30)]),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda line: line.sku,
    ),
)
def test_any_rounding_of_all_lines_is_named_where_it_shows(cause: LineCause, lines: list[OurLine]) -> None:
    theirs = [replace(their(line), amount=ROUNDINGS[cause](line)) for line in lines]
    found = held(theirs, lines)
    for line, amount in zip(lines, theirs, strict=True):
        if amount.amount != line.amount:
            assert (cause, "exact") in reasons(found, line.sku)[LineColumn.AMOUNT]


def test_tax_rounded_line_by_line_is_told() -> None:
    ours = [our("A", 1, "0.10", "0"), our("B", 1, "0.10", "0"), our("C", 1, "0.10", "0")]
    found = held([their(line) for line in ours], ours, taxes="0.09")  # 3 × 0.025, each rounded
    assert (str(found.our_taxes), found.taxes_differ) == ("0.08", True)
    assert [each.cause for each in found.tax_reasons] == [LineCause.TAX_PER_LINE]
    assert held([their(line) for line in ours], ours, taxes="1").tax_reasons == []


# Reading


CSV = "sku,subscription,period_from,period_to,quantity,unit_price,discount_pct,amount\n"


def lines_of(text: str) -> list[TheirLine]:
    sheet = read_sheet(text.encode())
    assert has_lines(sheet)
    return list(read_lines(sheet).lines)


def test_lines_are_read_with_the_words_of_an_export_and_decimals_after_a_comma() -> None:
    text = (
        "PO Line #;SKU;Subscription ID;Period from;Period to;Qty;Unit Price;Discount %;Extended Amount\n"
        "1;A;Sub-1;17/04/2023;16/05/2023;1.200;1.234,5;12,5;−1.080,19\n"
    )
    (line,) = lines_of(text)
    assert line == TheirLine(
        2,
        "A",
        "Sub-1",
        Period(date(2023, 4, 17), date(2023, 5, 16)),
        1200,
        D("1234.5"),
        D("12.5"),
        D("-1080.19"),
    )


def test_what_is_not_said_is_not_compared() -> None:
    (line,) = lines_of(CSV + "A,,,,3,,,\n")
    assert (line.period, line.unit_price, line.discount_pct, line.amount) == (None, None, None, None)
    assert not held([replace(line, sku="P-O")], [our()]).differing


BROKEN = [
    ("A,S,2024-06-09,2024-07-08,1.5,1,0,1", PaperFault.NO_UNITS),
    ("A,S,2024-06-09,2024-07-08,1e308,1,0,1", PaperFault.NO_AMOUNT),
    ("A,S,2024-06-09,2024-07-08,1,NaN,0,1", PaperFault.NO_AMOUNT),
    ("A,S,2024-06-09,2024-07-08,1,1,0,Infinity", PaperFault.NO_AMOUNT),
    ("A,S,2024-06-09,2024-07-08,,1,0,1", PaperFault.NO_UNITS),
    ("A,S,2024-07-09,2024-06-08,1,1,0,1", PaperFault.NO_DAY),
    ("A,S,2024-06-09", PaperFault.WRONG_NUMBER_OF_CELLS),
    ("A,S,06/09/2024,07/08/2024,1,1,0,1", PaperFault.AMBIGUOUS_DAYS),
]


@pytest.mark.parametrize(("row", "fault"), BROKEN)
def test_a_broken_line_is_refused(row: str, fault: PaperFault) -> None:
    with pytest.raises(PaperRefused) as refused:
        lines_of(CSV + row + "\n")
    assert refused.value.fault is fault


# Against the invoices of a customer


@pytest.fixture
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over, the next one has begun."""
    to_day(date(2024, 7, 20))


def drafted(customer: Customer) -> list[dict[str, object]]:
    with scope(PROVIDER):
        return [
            as_printed(draft.invoice, draft.lines)
            for draft in make_drafts(customer=customer, first_day=date(2024, 6, 9), today=date(2024, 7, 20))
        ]


def upload(client: Client, content: bytes, name: str) -> ControlPaper:
    answer = client.post("/customers/C-100/control/", {"paper": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302
    with scope(PROVIDER):
        compare_control_paper(ControlPaper.objects.latest("pk").pk)
    page = client.get(answer["Location"])
    assert page.status_code == 200
    assert client.get(f"{answer['Location']}export.csv").status_code == 200
    with scope(PROVIDER):
        return ControlPaper.objects.latest("pk")


def test_our_own_draft_agrees_as_json_and_as_csv(
    client_of: Browser, bob: User, guide_example: Customer, in_july: None
) -> None:
    told = drafted(guide_example)
    (paper,) = told
    lines = paper["lines"]
    assert isinstance(lines, list)
    text = CSV + "".join(
        ",".join(str(line[name]) for name in CSV.strip().split(",")) + "\n" for line in lines
    )
    for content, name in ((json.dumps(told).encode(), "ours.json"), (text.encode(), "ours.csv")):
        kept = upload(client_of(bob), content, name)
        assert kept.agrees
        assert (kept.kind, kept.first_day) == ("invoice-lines", date(2024, 6, 9))
        assert kept.result["lines"] == len(lines)


def test_the_lines_that_differ_are_explained_and_lead_to_their_proof(
    client_of: Browser, bob: User, guide_example: Customer, in_july: None
) -> None:
    told = drafted(guide_example)
    lines = told[0]["lines"]
    assert isinstance(lines, list)
    (premium,) = (line for line in lines if line["sku"] == "A-FLEX-WCC-P-N-O")
    premium["quantity"] = 1 + 26 * 2  # 1 on 12 June and 2 on each day after it, added up
    client = client_of(bob)
    kept = upload(client, json.dumps(told).encode(), "theirs.json")
    assert not kept.agrees
    page = client.get(f"/customers/C-100/control/{kept.pk}/").content.decode()
    assert "the overage of all days added up, not the largest" in page
    assert "/customers/C-100/billed/premium-named/proof/?cycle=2024-06-09" in page


def test_an_invoice_of_a_cycle_without_ours_is_refused(
    client_of: Browser, bob: User, guide_example: Customer, in_july: None
) -> None:
    text = CSV + "A,S,2023-06-09,2023-07-08,1,1,0,1\n"
    answer = client_of(bob).post(
        "/customers/C-100/control/", {"paper": SimpleUploadedFile("x.csv", text.encode())}
    )
    assert answer.status_code == 400
    assert "None of the days of this paper" in answer.content.decode()


def test_json_of_two_sellers_gives_the_lines_of_the_first() -> None:
    line = {"sku": "A", "subscription": "S", "quantity": 1, "amount": "1.00"}
    told = [{"seller": name, "lines": [line], "taxes": "0.25"} for name in ("provider", "partner")]
    read = read_json(json.dumps(told).encode())
    assert (read.seller, len(read.lines), read.taxes) == ("provider", 1, D("0.25"))
