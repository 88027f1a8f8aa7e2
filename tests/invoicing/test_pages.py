"""Pages of invoices: what each reader sees, what a stranger does not, and how an invoice is issued."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pypdf import PdfReader
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from apps.accounts.models import Role, User
from apps.core.spreadsheets import harmless
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.drafts import NoDraftForYou, drafts_to_read
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.rendering import note_failed_rendering, render_pdf
from apps.invoicing.selectors import addressed_to, sum_invoices, visible_invoices
from apps.invoicing.services import issue_adjustments, issue_invoices
from apps.invoicing.status import Status, in_status, status_of
from apps.organisations.models import Customer
from apps.subscriptions.services import import_portfolio
from tests.conftest import SAMPLE
from tests.factories.clock import ToDay
from tests.factories.pages import Browser
from tests.factories.usage import UsageFiles, session

JUNE = date(2024, 6, 9)
DRAFT = f"/invoices/draft/C-100/{JUNE}/"


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay, settings: Settings, tmp_path: Path) -> None:
    """The cycle of June is over, its invoice would be due on 8 August."""
    to_day(date(2024, 7, 20))
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def retail(guide_example: Customer) -> None:
    """The partner sells to C-100 in crowns, with the provider's prices times ten."""
    given = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_text())
    (book,), (partner,) = given["price_books"], given["partners"]
    book |= {"ref": "retail-sek", "currency": "SEK"}
    for price in book["prices"]:
        price["unit_price"] = str(Decimal(price["unit_price"]) * 10)
    partner |= {"tax_rate_pct": "25"}
    partner["customers"][0]["retail_price_book"] = "retail-sek"
    with scope(PROVIDER):
        import_portfolio(text=json.dumps({"price_books": [book], "partners": [partner]}), by="test")


def issue(customer: Customer, first_day: date = JUNE) -> list[Invoice]:
    with scope(PROVIDER):
        return issue_invoices(customer=customer, first_day=first_day, today=date(2024, 12, 31), by="test")


@pytest.fixture
def invoice(guide_example: Customer) -> Invoice:
    """The wholesale invoice of June."""
    return issue(guide_example)[0]


@pytest.fixture
def retail_invoice(retail: None, guide_example: Customer) -> Invoice:
    """The retail invoice of June; there is a wholesale one too."""
    return issue(guide_example)[1]


def render(invoice: Invoice) -> InvoicePdf:
    with scope(PROVIDER):
        render_pdf(invoice_id=invoice.pk)
        return InvoicePdf.objects.get(invoice=invoice)


def listed(response: Any) -> list[str]:
    return [row.record.number for row in response.context["table"].paginated_rows]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def same_as_missing(response: Any, missing: Any) -> bool:
    """Status, headers and body are those of a missing one; the page's own address and its token aside."""
    seen = []
    for answer in (response, missing):
        body = answer.content.decode().replace(quote(answer.request["PATH_INFO"]), "ADDRESS")
        body = re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1TOKEN", body)
        headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        seen.append((answer.status_code, body, headers))
    return missing.status_code == 404 and seen[0] == seen[1]


# --- The list ---


def test_each_reader_sees_the_invoices_of_its_scope(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, retail_invoice: Invoice
) -> None:
    seen = {
        user.email.split("@")[0]: listed(client_of(user).get("/invoices/")) for user in (bob, dana, alice)
    }
    assert seen == {
        "alice": ["P-100-INV-000001"],
        "bob": ["P-100-INV-000001", "INV-000001"],
        "dana": ["P-100-INV-000001", "INV-000001"],
    }
    assert client_of(charlie).get("/invoices/").context["is_empty"]


def test_the_empty_list_says_why(client_of: Browser, alice: User, bob: User, invoice: Invoice) -> None:
    page = text(client_of(alice).get("/invoices/"))
    assert "Nordlys Partner AB does not invoice you through this portal" in page
    assert "INV-000001" not in page


def test_a_customer_with_retail_prices_is_told_that_its_invoice_comes(
    client_of: Browser, alice: User, retail: None
) -> None:
    page = text(client_of(alice).get("/invoices/"))
    assert "As soon as Nordlys Partner AB has issued your first invoice" in page
    assert "/invoices/draft/C-100/" in page


def test_newest_first_fifty_on_a_page(client_of: Browser, bob: User, guide_example: Customer) -> None:
    copies = copy_invoice(issue(guide_example)[0], count=59)
    first = client_of(bob).get("/invoices/")
    assert len(listed(first)) == 50
    assert listed(first)[0] == copies[-1].number
    second = client_of(bob).get("/invoices/?page=2&per_page=5000")
    assert len(listed(second)) == 10
    assert listed(second)[-1] == "INV-000001"


def copy_invoice(invoice: Invoice, *, count: int) -> list[Invoice]:
    """The same invoice of later months, so that a list is long."""
    with scope(PROVIDER):
        copies = []
        for n in range(1, count + 1):
            month = date(2024 + (5 + n) // 12, (5 + n) % 12 + 1, 9)
            copy = Invoice.objects.get(pk=invoice.pk)
            copy.pk, copy.number = None, f"INV-{n + 1:06d}"
            copy.period_from = copy.period_to = copy.transaction_date = month
            copies.append(copy)
        made = Invoice.objects.bulk_create(copies)
        InvoicePdf.objects.bulk_create(
            InvoicePdf(partner_id=copy.partner_id, customer_id=copy.customer_id, invoice=copy)
            for copy in made
        )
        return made


def test_the_list_costs_the_same_however_long_it_is(
    client_of: Browser,
    bob: User,
    invoice: Invoice,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(bob)
    client.get("/invoices/")
    with django_assert_max_num_queries(14) as short:
        client.get("/invoices/")
    copy_invoice(invoice, count=49)
    with django_assert_max_num_queries(len(short)):
        assert len(listed(client.get("/invoices/"))) == 50


FILTERS = {
    "q=inv-000001": 2,
    "q=P-100": 1,
    "q=100%25": 0,
    "customer=C-100": 2,
    "customer=kungsgatan": 2,
    "customer=C-1": 2,
    "customer=C-900": 0,
    "status=open": 2,
    "status=overdue": 0,
    "status=credited": 0,
    "kind=provider": 1,
    "kind=partner": 1,
    "period=2024": 2,
    "period=2024-07": 2,
    "period=2024-06": 0,
    "period=2023": 0,
    "kind=partner&status=open&period=2024-07": 1,
}


def test_filters(client_of: Browser, bob: User, retail_invoice: Invoice) -> None:
    client = client_of(bob)
    found = {query: len(listed(client.get(f"/invoices/?{query}"))) for query in FILTERS}
    assert found == FILTERS


NO_FILTERS = (
    "q=%00",
    "customer=%00",
    "q=" + "x" * 101,
    "status=draft",
    "status='",
    "kind=everything",
    "period=0000",
    "period=2024-13",
    "period=%D9%A2%D9%A0%D9%A2%D9%A4",
    "period=9999-99",
)


def test_a_filter_that_cannot_be_understood_shows_nothing_and_says_so(
    client_of: Browser, bob: User, invoice: Invoice
) -> None:
    client = client_of(bob)
    for query in NO_FILTERS:
        response = client.get(f"/invoices/?{query}")
        assert (query, response.status_code, listed(response)) == (query, 200, [])
        assert response.context["filters"].errors
        assert client.get(f"/invoices/export.csv?{query}").content.count(b"\n") == 1


def test_a_page_or_an_order_that_does_not_exist_is_the_first(
    client_of: Browser, bob: User, invoice: Invoice
) -> None:
    client = client_of(bob)
    for query in (
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "page=%00",
        "per_page=0",
        "sort=",
        "sort=--total",
    ):
        assert (query, listed(client.get(f"/invoices/?{query}"))) == (query, ["INV-000001"])


def test_every_column_sorts_both_ways(client_of: Browser, bob: User, retail_invoice: Invoice) -> None:
    client = client_of(bob)
    for column in ("number", "customer", "period", "transaction_date", "due_date", "total"):
        up, down = (listed(client.get(f"/invoices/?sort={sign}{column}")) for sign in ("", "-"))
        assert (column, up) == (column, down[::-1])


def test_totals_do_not_add_up_what_is_bought_and_what_is_sold(
    retail_invoice: Invoice, guide_example: Customer
) -> None:
    with scope(PROVIDER):
        sums = sum_invoices(visible_invoices(), on=date(2024, 8, 9))
    assert [(each.seller, each.currency, each.count, each.total, each.overdue) for each in sums] == [
        ("provider", "USD", 1, Decimal("4202.19"), Decimal("4202.19")),
        ("partner", "SEK", 1, Decimal("42021.88"), Decimal("42021.88")),
    ]


def test_overdue_from_the_day_after_the_due_date(
    client_of: Browser, bob: User, invoice: Invoice, to_day: ToDay
) -> None:
    for day, status in ((date(2024, 8, 8), "Open"), (date(2024, 8, 9), "Overdue")):
        to_day(day)
        assert f">{status}<" in text(client_of(bob).get("/invoices/"))
        assert client_of(bob).get("/invoices/INV-000001/").context["status"]["label"] == status


def test_a_status_is_the_same_for_a_paper_and_for_the_database(invoice: Invoice) -> None:
    with scope(PROVIDER):
        for day in (date(2024, 8, 8), date(2024, 8, 9)):
            status = status_of(invoice, on=day)
            for other in (Status.OPEN, Status.OVERDUE, Status.CREDITED):
                assert Invoice.objects.filter(in_status(other, on=day)).exists() is (other is status)


def test_the_list_as_csv(client_of: Browser, bob: User, retail_invoice: Invoice) -> None:
    response = client_of(bob).get("/invoices/export.csv?kind=partner")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == "attachment; filename*=UTF-8''invoices.csv"
    heading, row = csv.reader(io.StringIO(response.content.decode()))
    record = dict(zip(heading, row, strict=True))
    assert record["Invoice"] == "P-100-INV-000001"
    assert record["Status"] == "Open"
    assert (record["Period from"], record["Period to"]) == ("2024-06-09", "2024-07-08")
    assert (record["Subtotal (Excl. Tax)"], record["Taxes"]) == ("33617.50", "8404.38")
    assert (record["Total Amount (Incl. Tax)"], record["Currency"]) == ("42021.88", "SEK")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "  ="])
def test_no_text_of_a_csv_is_a_formula(start: str) -> None:
    assert harmless(f"{start}SUM(A1)") == f"'{start}SUM(A1)".replace("\r", "\n")
    assert harmless("Kungsgatan -1") == "Kungsgatan -1"


# --- One invoice ---


def test_the_invoice_in_the_samples_blocks(client_of: Browser, bob: User, invoice: Invoice) -> None:
    page = text(client_of(bob).get("/invoices/INV-000001/"))
    for block in (
        *("Billing Address", "Service To", "Purchase Order Info", "Sales Info", "Transaction", "Shipment"),
        *(
            "Customer Info",
            "Collector",
            "PO Line #",
            "Item #",
            "Duration Month(s)",
            "Qty",
            "UOM",
            "Unit Price",
        ),
        *("Extended Amount", "Action", "Recurring Charges", "Usage/Overage Charges", "Other Charges"),
        *("Subtotal (Excl. Tax)", "Total Amount (Incl. Tax)"),
    ):
        assert block in page
    for value in (
        "09-JUL-2024",
        "08-AUG-2024",
        "30 NET",
        "Sub-1001",
        "09-JUN-2024 to 08-JUL-2024",
        "1,113.75",
        "3,361.75",
    ):
        assert value in page


def test_each_line_of_overage_leads_to_its_reason(client_of: Browser, bob: User, invoice: Invoice) -> None:
    page = text(client_of(bob).get("/invoices/INV-000001/"))
    reason = "/customers/C-100/daily-detail/?subscription=Sub-1001&amp;cycle=2024-06-09&amp;family=agents"
    assert page.count(reason) == 2
    assert page.count("Why this amount?") == 2
    assert client_of(bob).get(reason.replace("&amp;", "&")).status_code == 200


def test_an_invoice_costs_a_handful_of_queries(
    client_of: Browser, bob: User, invoice: Invoice, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(bob)
    with django_assert_max_num_queries(10):
        client.get("/invoices/INV-000001/")


def test_the_lines_as_csv(client_of: Browser, bob: User, invoice: Invoice) -> None:
    response = client_of(bob).get("/invoices/INV-000001/lines.csv")
    _heading, *rows = csv.reader(io.StringIO(response.content.decode()))
    assert [(row[2], row[8], row[10], row[11], row[13]) for row in rows] == [
        ("A-FLEX-WCC-P-N-O", "2", "160.00", "10", "288.00"),
        ("A-FLEX-WCC-S-N-O", "11", "112.50", "10", "1113.75"),
        ("A-FLEX-WCC-P-N", "5", "130.00", "20", "520.00"),
        ("A-FLEX-WCC-S-N", "20", "90.00", "20", "1440.00"),
    ]


# --- Adjustments ---


@pytest.fixture
def adjusted(invoice: Invoice, guide_example: Customer, tmp_path: Path) -> Customer:
    """C-100, with June invoiced and one more agent of June found later."""
    UsageFiles(tmp_path).use(
        session("late", "08:00", "09:00", day=date(2024, 6, 10)), customer=guide_example.ref
    )
    return guide_example


CORRECTS = "Corrects INV-000001: 09-JUN-2024 to 08-JUL-2024"


def test_the_next_draft_shows_adjustments_under_other_charges(
    client_of: Browser, bob: User, adjusted: Customer
) -> None:
    response = client_of(bob).get("/invoices/draft/C-100/2024-07-09/")
    assert CORRECTS in text(response)
    assert response.context["document"].summary["other"] == "101.25"
    assert CORRECTS not in text(client_of(bob).get("/invoices/INV-000001/"))


def test_the_invoice_its_csv_and_its_pdf_name_what_they_correct(
    client_of: Browser, bob: User, adjusted: Customer
) -> None:
    (second,) = issue(adjusted, date(2024, 7, 9))
    address = f"/invoices/{second.number}/"
    page = client_of(bob).get(address)
    assert CORRECTS in text(page)
    assert page.context["document"].summary["other"] == "101.25"
    _heading, *rows = csv.reader(io.StringIO(client_of(bob).get(f"{address}lines.csv").content.decode()))
    other = [row for row in rows if row[1] == "Other charge"]
    assert [(row[2], row[8], row[13], row[15], row[16]) for row in other] == [
        ("A-FLEX-WCC-S-N-O", "1", "101.25", "2024-06-09", "2024-07-08")
    ]
    with render(second).file.open("rb") as content:
        printed = " ".join(part.extract_text() for part in PdfReader(io.BytesIO(content.read())).pages)
    assert CORRECTS in " ".join(printed.split())


def test_a_paper_of_adjustments_alone_says_so(client_of: Browser, bob: User, adjusted: Customer) -> None:
    with scope(PROVIDER):
        (own,) = issue_adjustments(customer=adjusted, today=date(2024, 12, 31), by="test")
    page = text(client_of(bob).get(f"/invoices/{own.number}/"))
    assert re.search("Kungsgatan Bank, adjustments of .{0,80}2024", page)
    assert CORRECTS in page
    issued = client_of(bob).get(DRAFT).context["issued"]
    assert [each.number for each in issued] == ["INV-000001"]


PAGES = ["", "pdf/", "pdf-state/", "lines.csv"]


def test_a_strangers_invoice_does_not_exist(
    client_of: Browser, alice: User, charlie: User, invoice: Invoice
) -> None:
    render(invoice)
    for client in (client_of(charlie), client_of(alice)):
        for page in PAGES:
            response, missing = (
                client.get(f"/invoices/{number}/{page}") for number in ("INV-000001", "INV-999999")
            )
            assert same_as_missing(response, missing)


def test_a_hostile_number_is_a_missing_one(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    for number in ("%00", "..%2F..%2Fetc%2Fpasswd", "'", "x" * 5000, "%F0%9F%92%A9"):
        assert [client.get(f"/invoices/{number}/{page}").status_code for page in PAGES] == [404] * len(PAGES)


def test_nobody_reads_without_signing_in(client: Client, invoice: Invoice) -> None:
    for page in (
        "/invoices/",
        "/invoices/export.csv",
        DRAFT,
        *(f"/invoices/INV-000001/{page}" for page in PAGES),
    ):
        assert client.get(page)["Location"].startswith("/accounts/login/")


def test_the_pdf_that_was_rendered(client_of: Browser, bob: User, invoice: Invoice) -> None:
    pdf = render(invoice)
    response: Any = client_of(bob).get("/invoices/INV-000001/pdf/")
    content = b"".join(response.streaming_content)
    assert content.startswith(b"%PDF-")
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="INV-000001.pdf"'
    assert response["ETag"] == f'"{pdf.sha256}"'
    assert int(response["Content-Length"]) == len(content)
    assert "private" in response["Cache-Control"]
    again = client_of(bob).get("/invoices/INV-000001/pdf/", headers={"if-none-match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert pdf.sha256 in text(client_of(bob).get("/invoices/INV-000001/"))


def test_a_pdf_that_is_not_ready_is_a_missing_one(client_of: Browser, bob: User, invoice: Invoice) -> None:
    client = client_of(bob)
    assert same_as_missing(client.get("/invoices/INV-000001/pdf/"), client.get("/invoices/INV-999999/pdf/"))


def test_a_lost_file_is_a_missing_one(
    client_of: Browser, bob: User, invoice: Invoice, caplog: pytest.LogCaptureFixture
) -> None:
    Path(render(invoice).file.path).unlink()
    assert client_of(bob).get("/invoices/INV-000001/pdf/").status_code == 404
    assert "not in the storage" in caplog.text


def test_the_page_asks_for_the_pdf_until_it_is_there(client_of: Browser, bob: User, invoice: Invoice) -> None:
    client = client_of(bob)
    state = "/invoices/INV-000001/pdf-state/"
    assert f'hx-get="{state}?tries=1"' in text(client.get("/invoices/INV-000001/"))
    waiting = text(client.get(f"{state}?tries=7"))
    assert f'hx-get="{state}?tries=8" hx-trigger="load delay:9s"' in waiting
    assert "delay:30s" in text(client.get(f"{state}?tries=999"))
    assert "delay:2s" in text(client.get(f"{state}?tries=-1%00"))
    pdf = render(invoice)
    ready = text(client.get(state))
    assert "hx-get" not in ready
    assert pdf.sha256 in ready
    assert 'href="/invoices/INV-000001/pdf/"' in ready


def test_a_pdf_that_failed_is_said_to_have_failed(client_of: Browser, bob: User, invoice: Invoice) -> None:
    with scope(PROVIDER):
        for _attempt in range(3):
            note_failed_rendering(invoice_id=invoice.pk, error="secret place of the server")
    page = text(client_of(bob).get("/invoices/INV-000001/"))
    assert "PDF failed" in page
    assert "hx-get" not in page
    assert "secret place" not in page


# --- Drafts ---


def test_a_draft_of_a_cycle_that_is_over_can_be_issued_by_a_provider_administrator(
    client_of: Browser, bob: User, dana: User, guide_example: Customer
) -> None:
    for user, may_issue in ((bob, False), (dana, True)):
        response = client_of(user).get(DRAFT)
        assert response.context["may_issue"] is may_issue
        assert ("Issue these invoices?" in text(response)) is may_issue
        assert "3,361.75" in text(response)
        assert "Provisional" not in text(response)


def test_a_draft_of_an_open_cycle_says_that_it_is_provisional(
    client_of: Browser, dana: User, guide_example: Customer, to_day: ToDay
) -> None:
    to_day(date(2024, 6, 14))
    response = client_of(dana).get(DRAFT)
    assert "Provisional" in text(response)
    assert "Its invoice can be issued from" in text(response)
    assert not response.context["may_issue"]
    refused = client_of(dana).post(DRAFT, follow=True)
    assert "is still open" in text(refused)
    assert client_of(dana).get("/invoices/").context["is_empty"]


def test_the_newest_draft_and_the_choice_of_a_cycle(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    client = client_of(bob)
    assert client.get("/invoices/draft/C-100/")["Location"] == "/invoices/draft/C-100/2024-07-09/"
    assert client.get("/invoices/draft/C-100/2024-07-09/?cycle=2024-06-09")["Location"] == DRAFT
    options = client.get(DRAFT).context["selects"][0]["options"]
    assert [option["value"] for option in options][:2] == ["2024-07-09", "2024-06-09"]
    assert [option["value"] for option in options if option["selected"]] == ["2024-06-09"]


def test_a_partner_chooses_between_what_it_pays_and_what_it_sells(
    client_of: Browser, bob: User, retail: None
) -> None:
    client = client_of(bob)
    shown = {
        query: client.get(f"{DRAFT}{query}").context["document"].currency
        for query in ("", "?paper=provider", "?paper=partner", "?paper=%00")
    }
    assert shown == {"": "USD", "?paper=provider": "USD", "?paper=partner": "SEK", "?paper=%00": "USD"}
    assert [each["label"] for each in client.get(DRAFT).context["segments"]] == ["Wholesale", "Retail"]


def test_a_draft_names_what_stands_in_its_way(client_of: Browser, bob: User, guide_example: Customer) -> None:
    given = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_text())
    given["price_books"] = [{"ref": "empty", "currency": "EUR", "prices": []}]
    given["partners"][0]["price_book"] = "empty"
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(given), by="test")
    response = client_of(bob).get(DRAFT)
    assert response.status_code == 200
    assert "has no price on" in text(response)


def test_a_customer_sees_its_own_draft_and_never_what_its_partner_pays(
    client_of: Browser, alice: User, retail: None
) -> None:
    response = client_of(alice).get(DRAFT)
    assert [paper["document"].currency for paper in response.context["papers"]] == ["SEK"]
    assert response.context["document"].seller.name == "Nordlys Partner AB"
    assert response.context["segments"] == []
    other = client_of(alice).get(f"{DRAFT}?paper=provider")
    assert other.context["document"].currency == "SEK"
    for wholesale in ("USD", "160.00", "3,361.75", "4,202.19", "Wholesale"):
        assert wholesale not in text(response)


def test_a_customer_without_retail_prices_has_no_draft(client_of: Browser, alice: User) -> None:
    client = client_of(alice)
    missing = client.get(f"/invoices/draft/C-999/{JUNE}/")
    assert same_as_missing(client.get(DRAFT), missing)
    assert missing.status_code == 404


def test_a_customers_draft_hides_why_there_is_none(client_of: Browser, alice: User, retail: None) -> None:
    given = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_text())
    given["price_books"] = [{"ref": "empty", "currency": "EUR", "prices": []}]
    given["partners"][0] |= {"price_book": "empty"}
    given["partners"][0]["customers"][0]["retail_price_book"] = "retail-sek"
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(given), by="test")
    assert client_of(alice).get(DRAFT).status_code == 404


def test_drafts_are_kept_apart_as_the_database_keeps_invoices_apart(
    retail: None, guide_example: Customer, alice: User, bob: User, charlie: User
) -> None:
    today = date(2024, 7, 20)
    with scope(PROVIDER):
        wholesale, sold = drafts_to_read(customer=guide_example, first_day=JUNE, today=today)
    may_read = {
        user.email: [addressed_to(user.scope, draft.invoice) for draft in (wholesale, sold)]
        for user in (alice, bob, charlie)
    }
    assert may_read == {
        alice.email: [False, True],
        bob.email: [True, True],
        charlie.email: [False, False],
    }
    with scope(alice.scope):
        assert [
            draft.invoice.seller
            for draft in drafts_to_read(customer=guide_example, first_day=JUNE, today=today)
        ] == ["partner"]


def test_a_customers_draft_is_made_without_leaving_its_scope_open(
    retail: None, guide_example: Customer, alice: User
) -> None:
    with scope(alice.scope):
        with pytest.raises(NoDraftForYou):
            drafts_to_read(customer=guide_example, first_day=date(2024, 6, 10), today=date(2024, 7, 20))
        drafts_to_read(customer=guide_example, first_day=JUNE, today=date(2024, 7, 20))
        assert list(Customer.objects.values_list("ref", flat=True)) == ["C-100"]
        assert not Invoice.objects.exists()


def test_a_draft_that_is_a_strangers_or_none_does_not_exist(
    client_of: Browser, charlie: User, guide_example: Customer
) -> None:
    client = client_of(charlie)
    missing = client.get(f"/invoices/draft/C-999/{JUNE}/")
    days = (str(JUNE), "2024-06-10", "9999-12-31", "2024-13-01", "0001-01-01", "x")
    pages = ["C-100/", "C%00/", f"C%00/{JUNE}/", f"C-900/{JUNE}/", *(f"C-100/{day}/" for day in days)]
    for page in pages:
        assert same_as_missing(client.get(f"/invoices/draft/{page}"), missing), page


def test_a_day_on_which_no_cycle_starts_is_missing(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    client = client_of(dana)
    for day in ("2024-06-10", "9999-12-31", "0001-01-01", "2024-02-30"):
        page = f"/invoices/draft/C-100/{day}/"
        assert (client.get(page).status_code, client.post(page).status_code) == (404, 404)


def test_issuing_closes_the_cycle_and_rings_for_the_pdf(
    client_of: Browser,
    dana: User,
    retail: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    rung: list[int] = []
    monkeypatch.setattr("apps.invoicing.views.render_invoice_pdf.delay", rung.append)
    client = client_of(dana)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(DRAFT)
    assert response["Location"] == "/invoices/INV-000001/"
    assert "Invoices INV-000001, P-100-INV-000001 are issued." in text(client.get(response["Location"]))
    with scope(PROVIDER):
        made = list(Invoice.objects.order_by("pk"))
    assert [invoice.pk for invoice in made] == sorted(rung)
    assert {invoice.issued_by for invoice in made} == {dana.email}
    again = client.post(DRAFT)
    assert again["Location"] == "/invoices/INV-000001/"
    with scope(PROVIDER):
        assert Invoice.objects.count() == 2
    after = client.get(DRAFT)
    assert not after.context["papers"]
    assert not after.context["may_issue"]
    assert "Invoice INV-000001 of this cycle is issued." in text(after)


def test_a_lost_ring_does_not_lose_the_invoice(
    client_of: Browser,
    dana: User,
    guide_example: Customer,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def no_broker(invoice_id: int) -> None:
        raise ConnectionError

    monkeypatch.setattr("apps.invoicing.views.render_invoice_pdf.delay", no_broker)
    with django_capture_on_commit_callbacks(execute=True):
        assert client_of(dana).post(DRAFT).status_code == 302
    with scope(PROVIDER):
        assert InvoicePdf.objects.get().state == InvoicePdf.State.PENDING


def test_only_a_provider_administrator_issues(
    client_of: Browser, alice: User, bob: User, charlie: User, guide_example: Customer
) -> None:
    with scope(PROVIDER):
        support = User.objects.create_user(email="sam@example.com", role=Role.PROVIDER_SUPPORT)
    answers = {user.email: client_of(user).post(DRAFT).status_code for user in (alice, bob, support, charlie)}
    assert answers == {alice.email: 403, bob.email: 403, support.email: 403, charlie.email: 404}
    with scope(PROVIDER):
        assert not Invoice.objects.exists()


def test_issuing_needs_a_token(dana: User, guide_example: Customer) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(dana, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(DRAFT).status_code == 403


def test_a_draft_costs_a_bounded_number_of_queries(
    client_of: Browser, bob: User, retail: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(bob)
    with django_assert_max_num_queries(40):
        client.get(DRAFT)
