"""Control totals of a closed cycle: held against what its invoice stands on, whatever came since (R13)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from apps.catalogue.domain.kinds import UsageType
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.invoicing.services import as_printed, issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.control import list_paper_cycles
from apps.reconciliation.control_words import verdict
from apps.reconciliation.detail_export import detail_csv, detail_records
from apps.reconciliation.models import ControlPaper
from apps.reconciliation.selectors import calculate_cycle
from tests.conftest import NOW
from tests.factories.usage import UsageFiles, session

JUNE, TODAY = date(2024, 6, 9), date(2024, 7, 20)
Compare = Callable[[str], ControlPaper]


@pytest.fixture
def compare(guide_example: Customer) -> Compare:
    """A paper of C-100, taken and compared."""

    def compared(text: str) -> ControlPaper:
        with scope(PROVIDER):
            paper, _is_new = take_paper(
                customer=guide_example,
                upload=Upload("theirs.csv", text.encode()),
                today=TODAY,
                now=NOW,
                by="test",
            )
        kept = compare_paper(paper_id=paper.pk, now=NOW)
        assert kept.state == "compared", kept.failure
        return kept

    return compared


def detail(customer: Customer, *, until: date | None = None) -> str:
    """The Daily Detail of June by the records that are there now."""
    with scope(PROVIDER):
        (cycle,) = (each for each in list_paper_cycles(customer, today=TODAY) if each.first == JUNE)
        rows = calculate_cycle(customer, cycle, until=until or cycle.last).figures.rows
        return detail_csv(detail_records(rows))


@pytest.fixture
def issued(guide_example: Customer) -> str:
    """June is issued, and so closed; its Daily Detail."""
    told = detail(guide_example)
    with scope(PROVIDER):
        issue_invoices(customer=guide_example, first_day=JUNE, today=TODAY, by="test")
    return told


def late(files: UsageFiles) -> None:
    """Four more agents on 11 June, and one on each day from the 20th on; they come after the closing."""
    more = [session(f"late-{n}", "08:00", "16:00", day=date(2024, 6, 11)) for n in range(4)]
    more += [session(f"new-{n}", "09:00", "17:00", day=date(2024, 6, n)) for n in range(20, 24)]
    files.use(*more, customer="C-100")


def causes(paper: ControlPaper) -> set[str]:
    return {each["cause"] for each in paper.result["explanations"]}


def test_the_issued_daily_detail_agrees_whatever_came_since(
    compare: Compare, issued: str, files: UsageFiles
) -> None:
    assert compare(issued).agrees
    late(files)
    paper = compare(issued)
    assert paper.agrees
    assert paper.result["closed_at"]
    assert verdict(paper.result) == ("30 of 30 days agree.", "ok")


def test_a_part_of_it_agrees_too(compare: Compare, issued: str, files: UsageFiles) -> None:
    late(files)
    heading, *rows = issued.splitlines()
    paper = compare("\n".join([heading, *(row for row in rows if row < "2024-06-14")]))
    assert paper.agrees
    assert (paper.result["days"], paper.result["until"]) == (5, "2024-06-13")


def test_what_has_the_records_that_came_since_is_explained_by_them(
    compare: Compare, issued: str, guide_example: Customer, files: UsageFiles
) -> None:
    late(files)
    paper = compare(detail(guide_example))
    assert not paper.agrees
    assert paper.result["unexplained_days"] == 0
    assert {each["cause"] for each in paper.result["explanations"] if each["column"] == "used"} == {
        "records-since"
    }
    assert "follows" in causes(paper)


def test_before_the_closing_such_records_are_simply_ours(
    compare: Compare, guide_example: Customer, files: UsageFiles
) -> None:
    late(files)
    paper = compare(detail(guide_example))
    assert paper.agrees
    assert paper.result["closed_at"] is None


def test_something_else_is_not_explained_by_what_came_since(
    compare: Compare, issued: str, files: UsageFiles
) -> None:
    late(files)
    day = next(row for row in issued.splitlines() if row.startswith("2024-06-12,Standard"))
    cells = day.split(",")
    paper = compare(issued.replace(day, ",".join([*cells[:2], "977", *cells[3:]])))
    assert not paper.agrees
    assert paper.result["unexplained_days"] == 1
    assert "records-since" not in causes(paper)


def test_a_paper_that_stops_early_may_not_know_who_becomes_premium(
    compare: Compare, guide_example: Customer, files: UsageFiles
) -> None:
    files.use(
        session("zoe", "08:00", "16:00", day=date(2024, 6, 12)),
        session("zoe", "08:00", "16:00", day=date(2024, 6, 25), premium=True),
        customer="C-100",
    )
    early = detail(guide_example, until=date(2024, 6, 15))
    with scope(PROVIDER):
        issue_invoices(customer=guide_example, first_day=JUNE, today=TODAY, by="test")
    paper = compare(early)
    assert not paper.agrees
    assert paper.result["unexplained_days"] == 0
    assert "looked-no-further" in causes(paper)


def test_invoice_lines_are_explained_by_what_came_since_too(
    compare: Compare, guide_example: Customer, issued: str, files: UsageFiles
) -> None:
    late(files)
    with scope(PROVIDER):
        invoice = issue_invoices(customer=guide_example, first_day=JUNE, today=TODAY, by="test")[0]
        lines: list[dict[str, Any]] = as_printed(invoice, list(invoice.lines.all()))["lines"]
    names = list(lines[0])

    def told() -> str:
        return "\n".join([",".join(names), *(",".join(str(line[name]) for name in names) for line in lines)])

    assert compare(told()).agrees
    with scope(PROVIDER):
        (cycle,) = (each for each in list_paper_cycles(guide_example, today=TODAY) if each.first == JUNE)
        now = calculate_cycle(guide_example, cycle, until=cycle.last).figures.billed
    (overage,) = (line for line in lines if line["sku"] == "A-FLEX-WCC-S-N-O")
    overage["quantity"] = now[UsageType.STANDARD_NAMED].quantity
    result = compare(told()).result
    assert result["unexplained"] == 0
    (row,) = (row for row in result["rows"] if row["differs"])
    assert [each["cause"] for each in row["differs"]["quantity"]] == ["records-since"]
