"""Current usage and Daily Detail: the guide's example on the page, choosers, files, and strangers who see nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, User
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.services import reconcile_customer
from tests.conftest import SAMPLE
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, get, rows_of, text_of
from tests.factories.people import made_user
from tests.factories.portfolios import (
    IVR,
    PREMIUM_CONCURRENT,
    STANDARD,
    STANDARD_CONCURRENT,
    WFO,
    customer,
    enter,
    entered,
    line,
    partner,
    portfolio,
    subscription,
)
from tests.factories.usage import UsageFiles, session

USAGE = "/customers/C-100/"
DETAIL = "/customers/C-100/daily-detail/"
CSV = "/customers/C-100/daily-detail.csv"
JUNE = "cycle=2024-06-09"


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    """The cycle of June is over, the next one has begun."""
    to_day(date(2024, 7, 20))


@pytest.fixture
def usage(tmp_path: Path) -> UsageFiles:
    return UsageFiles(tmp_path)


@pytest.fixture
def erik(db: None) -> Callable[[Customer], User]:
    """The partner administrator of a customer."""

    def made(served: Customer) -> User:
        return made_user("erik@example.com", Role.PARTNER_ADMIN, served)

    return made


def options_of(html: str, name: str) -> list[tuple[str, str, bool]]:
    """The options of a select: value, label, whether it is chosen."""
    select = html[html.index(f'<select id="choose-{name}"') :]
    found = re.findall(
        r'<option value="([^"]*)"( selected)?>(.*?)</option>', select[: select.index("</select>")], re.S
    )
    return [(value, label.strip(), bool(chosen)) for value, chosen, label in found]


def segments_of(html: str) -> list[tuple[str, bool]]:
    found = re.findall(r'<a class="segment"([^>]*)>(.*?)</a>', html, re.S)
    return [(label.strip(), "aria-current" in attributes) for attributes, label in found]


# --- Current usage ---


def test_current_usage_of_the_guides_example(client_of: Browser, alice: User) -> None:
    page = text_of(get(client_of(alice), USAGE))
    assert "Licences purchased 25 5 Premium, 20 Standard" in page
    assert "Licences used on 8 Jul 38 7 Premium, 31 Standard" in page
    assert "Above the allowance 13 2 Premium, 11 Standard" in page
    assert "Billed so far 13 2 Premium, 11 Standard" in page
    assert "Premium Named Agent 5 licences purchased Last day, 8 Jul 7 of 5" in page
    assert "Billed peak, 13 Jun 7 of 5" in page
    assert "Billed peak, 12 Jun 31 of 20" in page
    assert "Provisional Data until 8 Jul 2024" in page
    assert "06/09/2024 - 07/08/2024" in page


def test_an_open_cycle_uses_the_days_up_to_yesterday(client_of: Browser, alice: User, to_day: ToDay) -> None:
    to_day(date(2024, 6, 11))
    page = text_of(get(client_of(alice), USAGE))
    assert "Data until 10 Jun 2024" in page
    assert "Licences used on 10 Jun 32 4 Premium, 28 Standard" in page
    assert "Above the allowance 7 0 Premium, 7 Standard" in page
    assert "1 covered by Premium" in page
    to_day(date(2024, 6, 10))
    page = text_of(get(client_of(alice), USAGE))
    assert "Below the allowance 24" in page
    assert "No overage billed" in page


def test_an_issued_cycle_is_final(client_of: Browser, alice: User, guide_example: Customer) -> None:
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=date(2024, 7, 20))
        issue_invoices(customer=guide_example, first_day=date(2024, 6, 9), today=date(2024, 7, 20), by="test")
    page = text_of(get(client_of(alice), USAGE))
    assert "Final Data until 8 Jul 2024" in page
    assert "Billed for the cycle 13" in page


@pytest.mark.parametrize("address", [USAGE, DETAIL])
def test_stale_days_are_said_to_be(
    client_of: Browser, alice: User, guide_example: Customer, address: str
) -> None:
    hint = "came in after the last calculation"
    assert hint in get(client_of(alice), address)
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=date(2024, 7, 20))
    assert hint not in get(client_of(alice), address)


def test_ports_are_bundled_and_additional_with_the_minute_of_the_peak(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(subscription("Sub-1", line(STANDARD, 1), line(IVR, 3)))
    day = date(2024, 6, 10)
    usage.use(*(session(f"a{n}", "08:00", "16:00", day=day) for n in range(2)))
    usage.use(*(session(f"c{n}", "09:07", "09:08", day=day) for n in range(9)), kind="ivr-legs")
    page = text_of(get(client_of(dana), "/customers/C-1/?family=ivr"))
    # R8: two ports with the licence, two with the agent above it, three more.
    assert "Ports on 30 Jun 7 Bundled and additional" in page
    assert "Most ports in the cycle 9 10 Jun 2024 at 09:07 UTC" in page
    assert "Billed so far 2 10 Jun 2024 at 09:07 UTC" in page
    assert "Agents billed as overage for the cycle 1 Bundled ports (1 + 1) × 2 4 Additional ports 3" in page
    assert "Ports in all 4 + 3 7 Ports billed 9 used, of 7 2" in page
    assert segments_of(get(client_of(dana), "/customers/C-1/?family=ivr")) == [
        ("Agents", False),
        ("IVR ports", True),
    ]


def test_wfo_has_a_card_where_there_is_any(client_of: Browser, dana: User, usage: UsageFiles) -> None:
    entered(subscription("Sub-1", line(STANDARD, 1), line(WFO, 2)))
    assert "Workforce Optimization Agent 2 licences purchased" in text_of(
        get(client_of(dana), "/customers/C-1/")
    )
    enter(portfolio(partner("P-1", customer("C-2", subscription("Sub-2")))))
    assert "Workforce Optimization" not in get(client_of(dana), "/customers/C-2/")


@pytest.mark.parametrize("address", ["/customers/C-1/", "/customers/C-1/daily-detail/"])
@pytest.mark.parametrize("starts_on", [None, "2024-07-20", "2024-08-01"])
def test_without_a_cycle_the_page_says_so(
    client_of: Browser, dana: User, address: str, starts_on: str | None
) -> None:
    entered(*([subscription(starts_on=starts_on)] if starts_on else []))
    assert "No billing cycle yet" in get(client_of(dana), address)
    assert client_of(dana).get("/customers/C-1/daily-detail.csv").status_code == 404


def test_without_usage_the_newest_cycle_is_shown(client_of: Browser, dana: User) -> None:
    entered(subscription("Sub-1", line(STANDARD, 3)))
    page = text_of(get(client_of(dana), "/customers/C-1/"))
    assert "No usage in this cycle" in page
    assert "Data until 19 Jul 2024" in page
    assert "Below the allowance 3" in page


# --- Which cycle ---


def test_pages_open_on_the_newest_cycle_with_usage(client_of: Browser, alice: User) -> None:
    page = get(client_of(alice), DETAIL)
    assert options_of(page, "subscription") == [("Sub-1001", "Sub-1001", True)]
    assert options_of(page, "cycle") == [
        ("2024-07-09", "07/09/2024 - 08/08/2024, no usage", False),
        ("2024-06-09", "06/09/2024 - 07/08/2024", True),
        ("2024-05-09", "05/09/2024 - 06/08/2024, no usage", False),
        ("2024-04-09", "04/09/2024 - 05/08/2024, no usage", False),
        ("2024-03-09", "03/09/2024 - 04/08/2024, no usage", False),
        ("2024-02-09", "02/09/2024 - 03/08/2024, no usage", False),
        ("2024-01-09", "01/09/2024 - 02/08/2024, no usage", False),
    ]


@pytest.mark.parametrize("page", [USAGE, DETAIL])
def test_the_address_chooses_the_cycle(client_of: Browser, alice: User, page: str) -> None:
    for query in ("cycle=2024-03-09", "cycle=2024-03-09&subscription=Sub-1001&family=ivr"):
        assert "9 Mar – 8 Apr 2024" in text_of(get(client_of(alice), f"{page}?{query}"))
    assert "9 Jun – 8 Jul 2024" in text_of(
        get(client_of(alice), f"{page}?subscription=Sub-1001&cycle=&family=")
    )


@pytest.mark.parametrize(
    "query",
    [
        "cycle=2024-06-10",
        "cycle=2023-12-09",
        "cycle=2024-08-09",
        "cycle=20240609",
        "cycle=nonsense",
        "cycle=%00",
        "subscription=Sub-1",
        "subscription=sub-1001",
        f"{JUNE}&subscription=%00",
        f"{JUNE}&family=nonsense",
        f"{JUNE}&family=AGENTS",
    ],
)
def test_what_is_not_there_is_404(client_of: Browser, alice: User, query: str) -> None:
    for page in (USAGE, DETAIL, CSV):
        assert client_of(alice).get(f"{page}?{query}").status_code == 404, page


def test_every_subscription_with_a_cycle_in_the_window_can_be_chosen(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(
        subscription("Sub-1", line(STANDARD, 1), starts_on="2022-01-01", ends_on="2023-01-31"),
        subscription("Sub-2", line(STANDARD, 2), starts_on="2023-02-01", ends_on="2024-05-15"),
        subscription("Sub-3", line(STANDARD, 3), starts_on="2024-01-10", bill_day=10),
    )
    usage.use(session("a", "08:00", "16:00", day=date(2024, 6, 20)))
    address = "/customers/C-1/daily-detail/"
    page = get(client_of(dana), address)
    assert options_of(page, "subscription") == [
        ("Sub-3", "Sub-3", True),
        ("Sub-2", "Sub-2, ended 15 May 2024", False),
    ]
    # The first cycle of Sub-3 as primary starts the day after Sub-2 has ended.
    assert [value for value, _label, _chosen in options_of(page, "cycle")] == [
        "2024-07-10",
        "2024-06-10",
        "2024-05-16",
    ]
    client = client_of(dana)
    moved = client.get(f"{address}?subscription=Sub-2&cycle=2024-06-10&family=all")
    assert moved.headers["Location"] == f"{address}?subscription=Sub-2&cycle=2024-05-01&family=all"
    page = get(client, moved.headers["Location"])
    assert "1 May – 15 May 2024" in text_of(page)
    assert "Sub-2, ended 15 May 2024" in page
    # What is older than the window is not offered, but a link to it holds.
    older = get(client, f"{address}?cycle=2023-01-01")
    assert ("Sub-1", "Sub-1, ended 31 Jan 2023", True) in options_of(older, "subscription")


def test_years_after_the_last_record_the_list_of_cycles_stays_short(
    client_of: Browser, alice: User, to_day: ToDay
) -> None:
    to_day(date(2034, 7, 20))
    cycles = options_of(get(client_of(alice), DETAIL), "cycle")
    assert ("2024-06-09", "06/09/2024 - 07/08/2024", True) in cycles
    assert len(cycles) < 25


# --- Daily Detail ---


def test_the_eight_columns_and_the_marked_peak(client_of: Browser, alice: User) -> None:
    page = get(client_of(alice), DETAIL)
    headings = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page[page.rindex("<thead>") :])
    assert headings == [
        "Usage Date",
        "Usage Type",
        "Units Used",
        "Units Commitment",
        "Units Substituted",
        "Units Overage",
        "Usage Unit",
        "Comment",
    ]
    rows = rows_of(page)
    assert len(rows) == 60
    assert rows[:4] == [
        "9 Jun 2024 Premium Named Agent 0 5 0 0 Licenses",
        "9 Jun 2024 Standard Named Agent 1 20 0 0 Licenses",
        "10 Jun 2024 Premium Named Agent 4 5 0 0 Licenses",
        "10 Jun 2024 Standard Named Agent 28 20 1 7 Licenses",
    ]
    assert rows[7:10] == [
        "12 Jun 2024 Standard Named Agent 31 20 0 11 Licenses 11 billed",
        "13 Jun 2024 Premium Named Agent 7 5 0 2 Licenses Overage peak 2 billed",
        "13 Jun 2024 Standard Named Agent 31 20 0 11 Licenses",
    ]
    assert len(re.findall(r"<tr[^>]*is-peak", page)) == 1
    assert page.count("billed</span>") == 2


def test_bars_lead_to_their_days(client_of: Browser, alice: User) -> None:
    page = get(client_of(alice), DETAIL)
    anchors = re.findall(r'id="(day-[^"]+)"', page)
    assert len(anchors) == len(set(anchors)) == 30
    assert set(re.findall(r'href="#(day-[^"]+)"', page)) == set(anchors)


def test_the_billed_quantities_say_why(client_of: Browser, alice: User, to_day: ToDay) -> None:
    page = text_of(get(client_of(alice), f"{DETAIL}?family=all"))
    assert "Billed: 2 Premium (13 Jun, first day), 11 Standard (12 Jun, first day)." in page
    assert "largest daily overage in the cycle (rule R6)" in page
    assert "also with the 13 agents billed as overage for the whole cycle (rule R8)" in page
    to_day(date(2024, 6, 14))
    page = text_of(get(client_of(alice), DETAIL))
    assert "Billed: 2 Premium (13 Jun), 11 Standard (12 Jun, first day)." in page
    assert "rule R8" not in page


def test_a_marked_peak_of_ports_can_be_billed_less(client_of: Browser, dana: User, usage: UsageFiles) -> None:
    """R8: on 10 June 4 ports, 7 used; billed with the agent above on 11 June: 6 ports, so one."""
    entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 2), model="concurrent"))
    usage.use(*(session(f"a{n}", "08:00", "16:00", day=date(2024, 6, 11)) for n in range(3)))
    usage.use(*(session(f"c{n}", "09:07", "09:08", day=date(2024, 6, 10)) for n in range(7)), kind="ivr-legs")
    page = get(client_of(dana), "/customers/C-1/daily-detail/?family=ivr")
    assert "10 Jun 2024 IVR Port 7 4 0 3 Ports Overage peak 1 billed 09:07 UTC" in rows_of(page)
    assert "Billed: 1 IVR ports (10 Jun)." in text_of(page)
    assert "Ports in all 6 + 0 6 Ports billed 7 used, of 6 1" in text_of(page)
    with scope(PROVIDER):
        Offer.objects.update(billed_peak="combined_day")
    page = get(client_of(dana), "/customers/C-1/daily-detail/?family=ivr")
    assert "10 Jun 2024 IVR Port 7 4 0 3 Ports Overage peak 3 billed 09:07 UTC" in rows_of(page)
    assert "Ports in all 4 + 0 4 Ports billed 7 used, of 4 3" in text_of(page)
    assert "overage on the marked day (rule R6)" in text_of(page)


def test_the_first_of_several_days_of_ports_is_said_to_be(
    client_of: Browser, dana: User, usage: UsageFiles
) -> None:
    entered(subscription("Sub-1", line(STANDARD_CONCURRENT, 1), model="concurrent"))
    for day in (10, 12):
        legs = (session(f"c{n}", "09:07", "09:08", day=date(2024, 6, day)) for n in range(4))
        usage.use(*legs, kind="ivr-legs")
    page = text_of(get(client_of(dana), "/customers/C-1/daily-detail/?family=ivr"))
    assert "Billed: 2 IVR ports (10 Jun, first day)." in page


def test_families_to_choose_from(client_of: Browser, dana: User, usage: UsageFiles) -> None:
    entered(subscription("Sub-1", line(PREMIUM_CONCURRENT, 1), model="concurrent"))
    usage.use(session("a", "08:00", "16:00", day=date(2024, 6, 11)), kind="wfo-sessions")
    client, address = client_of(dana), "/customers/C-1/daily-detail/"
    assert segments_of(get(client, address)) == [
        ("Agents", True),
        ("IVR ports", False),
        ("WFO", False),
        ("All", False),
    ]
    assert len(rows_of(get(client, f"{address}?family=all"))) == 30 * 4
    assert len(rows_of(get(client, f"{address}?family=wfo"))) == 30
    in_may = get(client, f"{address}?family=wfo&cycle=2024-05-01")
    assert "Nothing of this family was bought or used in the cycle." in in_may
    assert ("WFO", True) in segments_of(in_may)
    assert segments_of(get(client, f"{address}?cycle=2024-05-01")) == [
        ("Agents", True),
        ("IVR ports", False),
        ("All", False),
    ]
    assert client.get("/customers/C-1/?family=wfo").status_code == 404
    assert 'href="/customers/C-1/?subscription=Sub-1&amp;cycle=2024-06-01&amp;family=agents"' in get(
        client, f"{address}?family=wfo"
    )


def test_all_of_the_state_stands_in_links(client_of: Browser, alice: User) -> None:
    page = get(client_of(alice), f"{DETAIL}?family=ivr")
    state = "?subscription=Sub-1001&amp;cycle=2024-06-09&amp;family=ivr"
    assert f'href="{CSV}{state}"' in page
    assert f'data-copy="http://testserver{DETAIL}{state}"' in page
    assert f'href="{USAGE}{state}"' in page
    assert '<input type="hidden" name="family" value="ivr">' in page
    assert f'href="{DETAIL}{state}"' in get(client_of(alice), f"{USAGE}?family=ivr")


# --- As a file ---


def test_the_file_is_the_guides_byte_for_byte(client_of: Browser, alice: User, to_day: ToDay) -> None:
    to_day(date(2024, 6, 14))
    response = client_of(alice).get(f"{CSV}?family=agents")
    assert response.content == (SAMPLE / "guide-example" / "daily-detail.csv").read_bytes()
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response.headers["Content-Disposition"]
        == 'attachment; filename="daily-detail-C-100-2024-06-09-agents.csv"'
    )


def test_without_a_family_the_file_holds_all(client_of: Browser, alice: User) -> None:
    response = client_of(alice).get(f"{CSV}?{JUNE}")
    assert response.content == client_of(alice).get(f"{CSV}?{JUNE}&family=all").content
    assert response.content.decode().count("\n") == 1 + 30 * 3
    assert response.headers["Content-Disposition"].endswith('"daily-detail-C-100-2024-06-09.csv"')


def test_the_files_name_is_harmless(client_of: Browser, dana: User) -> None:
    enter(portfolio(partner("P-1", customer('Å"b', subscription()))))
    header = client_of(dana).get("/customers/%C3%85%22b/daily-detail.csv").headers["Content-Disposition"]
    assert header == "attachment; filename*=utf-8''daily-detail-%C3%85%22b-2024-07-01.csv"


# --- Who sees it ---


@pytest.mark.parametrize("page", [USAGE, DETAIL, CSV, f"{DETAIL}?{JUNE}&family=all"])
def test_strangers_get_what_they_get_for_nothing_at_all(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User, page: str
) -> None:
    for reader in (alice, bob, dana):
        assert client_of(reader).get(page).status_code == 200
    refused = client_of(charlie).get(page)
    missing = client_of(charlie).get(page.replace("C-100", "C-199"))
    assert refused.status_code == missing.status_code == 404
    assert (
        refused.content.replace(b"C-100", b"C-199") == missing.content or "csrf" in missing.content.decode()
    )
    assert b"Kungsgatan" not in refused.content


def test_a_customer_does_not_see_its_neighbour(client_of: Browser, alice: User) -> None:
    enter(
        portfolio(
            partner(
                "P-100", customer("C-101", subscription("Sub-9")), name="Nordlys Partner AB", price_book=None
            ),
            books=[],
        )
    )
    assert client_of(alice).get("/customers/C-101/").status_code == 404
    assert client_of(alice).get(f"{DETAIL}?org=C-101").status_code == 404


def test_partners_choose_among_a_few_organisations(
    client_of: Browser, alice: User, bob: User, strangers: Customer
) -> None:
    enter(
        portfolio(
            partner("P-100", customer("C-101", name="Aurora"), name="Nordlys Partner AB", price_book=None),
            books=[],
        )
    )
    page = get(client_of(bob), DETAIL)
    assert options_of(page, "org") == [("C-101", "Aurora", False), ("C-100", "Kungsgatan Bank", True)]
    assert 'id="choose-org"' not in get(client_of(alice), DETAIL)
    chosen = client_of(bob).get(f"{DETAIL}?org=C-101&subscription=Sub-1001&{JUNE}&family=ivr")
    assert chosen.headers["Location"] == "/customers/C-101/daily-detail/?family=ivr"
    assert client_of(bob).get(f"{DETAIL}?org=C-900").status_code == 404
    assert client_of(bob).get(f"{DETAIL}?org=%00").status_code == 404


def test_many_organisations_are_no_select(client_of: Browser, bob: User) -> None:
    others = (customer(f"B-{n}") for n in range(49))
    enter(portfolio(partner("P-100", *others, name="Nordlys Partner AB", price_book=None), books=[]))
    page = get(client_of(bob), DETAIL)
    assert 'id="choose-org"' not in page
    assert '<a href="/customers/">Customers</a>' in page


def test_names_are_text(client_of: Browser, dana: User, erik: Callable[[Customer], User]) -> None:
    served = entered(subscription('S"<i>', line(STANDARD, 1)), name="<script>alert(1)</script>")
    for reader in (dana, erik(served)):
        for page in ("", "daily-detail/"):
            shown = get(client_of(reader), f"/customers/C-1/{page}")
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
            assert "<script>alert" not in shown
            assert "S&quot;&lt;i&gt;" in shown
            assert "<i>" not in shown


def test_the_number_of_queries_is_small_and_always_the_same(
    client_of: Browser, alice: User, bob: User, guide_example: Customer
) -> None:
    with scope(PROVIDER):
        reconcile_customer(customer=guide_example, today=date(2024, 7, 20))

    def count(reader: User, address: str) -> int:
        client = client_of(reader)
        with CaptureQueriesContext(connection) as captured:
            get(client, address)
        return len(captured)

    addresses = [
        (alice, USAGE),
        (bob, f"{USAGE}?family=ivr"),
        (alice, DETAIL),
        (bob, f"{DETAIL}?family=all"),
        (bob, CSV),
    ]
    before = [count(*each) for each in addresses]
    assert max(before) <= 22
    enter(
        portfolio(
            partner(
                "P-100", *(customer(f"B-{n}") for n in range(9)), name="Nordlys Partner AB", price_book=None
            ),
            books=[],
        )
    )
    assert [count(*each) for each in addresses] == before
