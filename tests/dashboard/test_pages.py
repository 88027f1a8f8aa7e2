"""The list of customers and where everybody starts: each reader sees their own, a stranger nothing."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.services import reconcile_customer
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, get, text_of
from tests.factories.portfolios import STANDARD, customer, enter, line, partner, portfolio, subscription
from tests.factories.usage import UsageFiles, session

TODAY = date(2024, 7, 20)
LIST = "/customers/"
CSV = "/customers.csv"


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over; its last record came 37 days ago."""
    to_day(TODAY)


def reconcile_all() -> None:
    with scope(PROVIDER):
        for each in Customer.objects.all():
            reconcile_customer(customer=each, today=TODAY)


@pytest.fixture
def reconciled(guide_example: Customer) -> None:
    reconcile_all()


@pytest.fixture
def many(guide_example: Customer) -> None:
    """Sixty customers of the partner of C-100, named A 00 to A 59."""
    enter(
        portfolio(
            partner(
                "P-100",
                *(
                    customer(f"A-{n:02}", subscription(f"Sub-A{n:02}", line(STANDARD, 1)), name=f"A {n:02}")
                    for n in range(60)
                ),
                name="Nordlys Partner AB",
                price_book=None,
            ),
            books=[],
        )
    )


def rows_of(html: str) -> list[str]:
    """The words of each row of the list."""
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    return [text_of(row).strip() for row in body.split("<tr")[1:]]


def refs_of(html: str) -> list[str]:
    return re.findall(r'class="row-link" href="/customers/([^"]+)/"', html)


# --- Where everybody starts ---


def test_everybody_starts_where_their_work_is(client_of: Browser, alice: User, bob: User, dana: User) -> None:
    assert client_of(alice).get("/").headers["Location"] == "/customers/C-100/"
    assert client_of(bob).get("/").headers["Location"] == LIST
    assert client_of(dana).get("/").headers["Location"] == LIST


@pytest.mark.parametrize("address", [LIST, CSV])
def test_a_customer_has_no_list_of_customers(client_of: Browser, alice: User, address: str) -> None:
    assert client_of(alice).get(address).headers["Location"] == "/"


@pytest.mark.parametrize("address", ["/", LIST, CSV])
def test_nobody_is_asked_to_sign_in(client: Client, db: None, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


# --- What a row says ---


def test_the_guides_example_in_a_row(client_of: Browser, bob: User, reconciled: None) -> None:
    page = get(client_of(bob), LIST)
    (row,) = rows_of(page)
    assert row.endswith(
        "Kungsgatan Bank C-100 Licence overage No recent activity Sub-1001 Named 9 Jun – 8 Jul 2024 Provisional"
        " 38 of 25 13 agents 1,401.75 USD"
    )
    assert 'aria-label="Agents used on each day of the cycle; at most 38, 25 committed"' in page


def test_a_customer_without_figures_has_a_row_all_the_same(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    (row,) = rows_of(get(client_of(bob), LIST))
    assert "Kungsgatan Bank C-100 No recent activity Sub-1001 Named – – – – –" in row


def test_the_partner_is_a_column_and_a_filter_of_the_provider_alone(
    client_of: Browser, bob: User, dana: User, strangers: Customer
) -> None:
    of_provider, of_partner = get(client_of(dana), LIST), get(client_of(bob), LIST)
    assert refs_of(of_provider) == ["C-100", "C-900"]
    assert "Stranger SARL" in of_provider
    assert 'name="partner"' in of_provider
    assert refs_of(get(client_of(dana), f"{LIST}?partner=P-900")) == ["C-900"]
    assert 'name="partner"' not in of_partner
    assert refs_of(get(client_of(bob), f"{LIST}?partner=P-900")) == ["C-100"]


def test_strangers_are_in_no_list(
    client_of: Browser, bob: User, charlie: User, guide_example: Customer
) -> None:
    for address in (LIST, CSV, f"{LIST}?q=a", f"{CSV}?q=C-", f"{LIST}?status=active"):
        assert "Kungsgatan" not in get(client_of(charlie), address)
        assert "Inconnu" not in get(client_of(bob), address)
    assert refs_of(get(client_of(charlie), f"{LIST}?q=Kungsgatan")) == []


def test_names_are_text(client_of: Browser, dana: User) -> None:
    enter(
        portfolio(
            partner(
                "P-1",
                customer('C-"1', subscription("Sub<1>"), name="<script>alert(1)</script>&amp;"),
                name="<b>Partner</b>",
            )
        )
    )
    page = get(client_of(dana), f"{LIST}?q=" + quote("<script>"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;" in page
    assert "&lt;b&gt;Partner&lt;/b&gt;" in page
    assert "Sub&lt;1&gt;" in page
    assert 'href="/customers/C-%221/"' in page
    assert "<script>alert" not in page
    assert "<b>Partner" not in page


# --- Filters, sorting, pages: all of it in the address ---


def test_chips_count_and_filter(client_of: Browser, bob: User, many: None) -> None:
    reconcile_all()
    page = get(client_of(bob), LIST)
    chips = re.findall(r'<a class="chip" href="([^"]+)"(?: aria-current="true")?>(.*?)</a>', page, re.DOTALL)
    assert [(address, text_of(words).split()) for address, words in chips] == [
        ("/customers/", ["All", "61"]),
        ("/customers/?status=overage", ["Licence", "overage", "1"]),
        ("/customers/?status=expiring", ["Expiring", "soon", "0"]),
        ("/customers/?status=inactive", ["No", "recent", "activity", "61"]),
        ("/customers/?status=active", ["Active", "61"]),
        ("/customers/?status=expired", ["Expired", "0"]),
    ]
    assert refs_of(get(client_of(bob), f"{LIST}?status=overage")) == ["C-100"]
    nothing = get(client_of(bob), f"{LIST}?status=expired")
    assert refs_of(nothing) == []
    assert "No customer fits these filters." in nothing
    narrowed = get(client_of(bob), f"{LIST}?q=A+1&status=overage&sort=customer")
    assert re.search(
        r'href="/customers/\?q=A\+1&amp;sort=customer">\s*All\s*<span class="chip-count">10<', narrowed
    )
    assert '<input type="hidden" name="sort" value="customer">' in narrowed
    assert '<input type="hidden" name="status" value="overage"' in narrowed


def test_search_is_folded_and_anywhere_and_knows_no_patterns(
    client_of: Browser, bob: User, many: None
) -> None:
    for words in ("kungs", "KUNGSGATAN b", "c-10", " Kungsgatan "):
        assert refs_of(get(client_of(bob), f"{LIST}?q={quote(words)}")) == ["C-100"]
    for words in ("%", "_", "A_1", "\\", "'"):
        assert refs_of(get(client_of(bob), f"{LIST}?q={quote(words)}")) == []


def test_letters_beyond_ascii_are_folded(client_of: Browser, dana: User) -> None:
    enter(portfolio(partner("P-1", customer("C-1", name="Ängby Åkeri"))))
    assert refs_of(get(client_of(dana), f"{LIST}?q={quote('ängby ÅK')}")) == ["C-1"]


def test_what_needs_attention_stands_first(client_of: Browser, bob: User, many: None) -> None:
    reconcile_all()
    enter(
        portfolio(
            partner(
                "P-100",
                customer("B-1", subscription("Sub-B1", ends_on="2024-08-01"), name="Zeta"),
                customer("B-2", subscription("Sub-B2", ends_on="2024-07-01"), name="Alfa"),
                customer("B-3", subscription("Sub-B3", starts_on="2024-07-15"), name="Beta"),
                customer("B-4", name="Gamma"),
                name="Nordlys Partner AB",
                price_book=None,
            ),
            books=[],
        )
    )
    first, last = get(client_of(bob), LIST), get(client_of(bob), f"{LIST}?page=2")
    assert refs_of(first)[:3] == ["C-100", "B-1", "A-00"]
    assert refs_of(last)[-3:] == ["B-3", "B-4", "B-2"]
    assert "Sub-B1 Named, ends 1 Aug 2024" in text_of(first)
    assert "Sub-B2 Named, ended 1 Jul 2024" in text_of(last)
    assert "1–50 of 65" in first
    assert "51–65 of 65" in last


def test_sorting_by_name_by_figures_and_back(client_of: Browser, bob: User, many: None) -> None:
    reconcile_all()
    assert refs_of(get(client_of(bob), f"{LIST}?sort=customer"))[:2] == ["A-00", "A-01"]
    assert refs_of(get(client_of(bob), f"{LIST}?sort=-customer"))[:2] == ["C-100", "A-59"]
    for column in ("agents", "overage", "cycle"):
        assert refs_of(get(client_of(bob), f"{LIST}?sort=-{column}"))[0] == "C-100"
        assert refs_of(get(client_of(bob), f"{LIST}?sort={column}&page=2"))[-1] == "C-100"


def test_a_strange_address_gives_a_page(client_of: Browser, bob: User, dana: User, many: None) -> None:
    for parameters in (
        "page=99",
        "page=-1",
        "page=x",
        f"page={'9' * 5000}",
        "per_page=100000",
        "sort=nonsense",
        "sort=-pk",
        "status=nonsense",
        "partner=nonsense",
        "q=%00",
        f"q={'x' * 5000}",
    ):
        for reader in (bob, dana):
            assert len(refs_of(get(client_of(reader), f"{LIST}?{parameters}"))) <= 50
            get(client_of(reader), f"{CSV}?{parameters}")


def test_as_many_queries_for_many_customers_as_for_one(
    client_of: Browser, bob: User, dana: User, guide_example: Customer, usage: UsageFiles
) -> None:
    reconcile_all()

    def count(reader: User, address: str) -> int:
        client = client_of(reader)
        with CaptureQueriesContext(connection) as captured:
            get(client, address)
        return len(captured)

    addresses = (LIST, f"{LIST}?q=a&status=active&sort=-agents", CSV)
    before = {(reader, address): count(reader, address) for reader in (bob, dana) for address in addresses}
    enter(
        portfolio(
            *(
                partner(
                    f"P-{n}",
                    customer(f"C-{n}-1", subscription(f"Sub-{n}-1"), subscription(f"Sub-{n}-2")),
                    customer(f"C-{n}-2"),
                )
                for n in range(5)
            ),
            partner(
                "P-100", *(customer(f"D-{n}", subscription(f"Sub-D{n}")) for n in range(20)), price_book=None
            ),
        )
    )
    for n in range(20):
        usage.use(session("a", "08:00", "16:00"), customer=f"D-{n}")
    reconcile_all()
    assert before == {key: count(*key) for key in before}
    assert before[bob, LIST] <= 20
    assert before[dana, LIST] <= 20


# --- As a file ---


def test_the_list_as_csv(client_of: Browser, bob: User, reconciled: None) -> None:
    response = client_of(bob).get(CSV)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="customers-2024-07-20.csv"'
    assert response.content.decode() == (
        "Customer,Reference,Partner,Partner reference,Status,Licence model,Primary subscription,Cycle from,Cycle to,"
        "Data until,Agents used,Agents committed,Agent overage,WFO overage,IVR port overage,Overage amount,Currency\n"
        "Kungsgatan Bank,C-100,Nordlys Partner AB,P-100,Licence overage; No recent activity; Active,named,Sub-1001,"
        "2024-06-09,2024-07-08,2024-07-08,38,25,13,0,0,1401.75,USD\n"
    )


def test_the_file_is_what_the_filters_leave_in_their_order(client_of: Browser, bob: User, many: None) -> None:
    lines = list(csv.reader(io.StringIO(get(client_of(bob), f"{CSV}?q=a-&sort=-customer&page=2"))))
    assert [cells[1] for cells in lines[1:]] == [f"A-{n:02}" for n in reversed(range(60))]
    page = get(client_of(bob), f"{LIST}?q=a-&sort=-customer&page=2")
    assert 'href="/customers.csv?q=a-&amp;sort=-customer"' in page


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(client_of: Browser, dana: User, sign: str) -> None:
    hostile = f"{sign}HYPERLINK(1)"
    enter(
        portfolio(partner("P-1", customer(f"{sign}C", subscription(f"{sign}S"), name=hostile), name=hostile))
    )
    (cells,) = list(csv.reader(io.StringIO(get(client_of(dana), CSV))))[1:]
    assert cells[:3] == [f"'{hostile}", f"'{sign}C", f"'{hostile}"]
    assert cells[6] == f"'{sign}S"


# --- Around the page ---


def links_of_navigation(html: str) -> list[tuple[str, str, bool]]:
    nav = html[html.index('id="main-navigation"') :]
    nav = nav[: nav.index("</nav>")]
    found = re.findall(r'<a href="([^"]+)"( aria-current="page")?>(.*?)</a>', nav, re.DOTALL)
    return [(text_of(words).strip(), address, bool(current)) for address, current, words in found]


def test_the_navigation_of_each_role(client_of: Browser, alice: User, bob: User, dana: User) -> None:
    runs = [("Reconciliation", "/runs/", False)]
    for reader, organisation, more in ((bob, "Nordlys Partner AB", []), (dana, "Provider", runs)):
        page = get(client_of(reader), LIST)
        assert links_of_navigation(page) == [
            ("Customers", "/customers/", True),
            ("Usage data", "/deliveries/", False),
            ("Invoices", "/invoices/", False),
            *more,
        ]
        assert organisation in page
        assert links_of_navigation(get(client_of(reader), "/invoices/"))[2][2]
        for address in ("/deliveries/", "/kept-aside/", "/sources/", "/formats/", "/conflicts/"):
            assert links_of_navigation(get(client_of(reader), address))[1][2]
    for address in ("/runs/", "/unentitled/", "/offers/", "/offers/A-FLEX-3-CC/"):
        assert [here for _, _, here in links_of_navigation(get(client_of(dana), address))] == [
            False,
            False,
            False,
            True,
        ]
    page = get(client_of(alice), "/customers/C-100/daily-detail/")
    assert links_of_navigation(page) == [
        ("Current usage", "/customers/C-100/", False),
        ("Daily detail", "/customers/C-100/daily-detail/", True),
        ("Voice and surge", "/customers/C-100/voice/", False),
        ("Invoices", "/invoices/", False),
    ]
    assert '<span class="menu-button-text">Kungsgatan Bank</span>' in page


@pytest.mark.parametrize("address", ["/nothing/", "/customers/C-1/", "/accounts/password/change/"])
def test_pages_outside_of_a_scope_have_no_use_for_it(client_of: Browser, bob: User, address: str) -> None:
    assert client_of(bob).get(address).status_code in (200, 404)
