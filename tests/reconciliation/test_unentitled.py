"""R10: usage on days without a subscription is kept, listed, billed to nobody and reported; and what never ended."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Customer
from apps.reconciliation.services import reconcile_customer
from apps.reconciliation.unentitled import list_unentitled_days, list_unentitled_use, open_too_long
from apps.usage.domain.records import DESCRIBED, Kind
from apps.usage.models import Interval
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, get, text_of
from tests.factories.portfolios import (
    STANDARD,
    customer,
    digital,
    enter,
    entered,
    line,
    partner,
    portfolio,
    stored_customer,
    subscription,
)
from tests.factories.usage import Session, UsageFiles, session
from tests.oracle.strategies import Deliver, Month, at_once, months
from tests.soak.comparison import Comparison, offer_all

TODAY = date(2024, 8, 20)
YESTERDAY = date(2024, 8, 19)
DETAIL = "/customers/C-1/daily-detail/"


@pytest.fixture(autouse=True)
def in_august(to_day: ToDay) -> None:
    to_day(TODAY)


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1: subscriptions in May and in July 2024, nothing in June; digital channels from July on."""
    return entered(
        subscription("Sub-1", line(STANDARD, 1), starts_on="2024-05-01", ends_on="2024-05-31"),
        subscription("Sub-2", line(STANDARD, 1), starts_on="2024-07-01", ends_on="2024-07-31"),
        digital("Dig-1", line("A-CHAN-U-SMS-INTL", 1), starts_on="2024-07-01"),
    )


def on(
    day: str, name: str = "a", start: str = "08:00", end: str | None = "16:00", to: str | None = None
) -> Session:
    return session(name, start, end, day=date.fromisoformat(day), to=date.fromisoformat(to) if to else None)


def days_of(owner: Customer, *, until: date = YESTERDAY) -> list[tuple[str, str, int]]:
    with scope(PROVIDER):
        return [
            (each.day.isoformat(), DESCRIBED[each.kind].name, each.records)
            for each in list_unentitled_days(owner, until=until)
        ]


# The rule


def test_R10_days_before_between_and_after_subscriptions_are_unentitled(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*(on(day) for day in ("2024-04-30", "2024-05-01", "2024-05-31", "2024-06-01", "2024-06-30")))
    files.use(*(on(day) for day in ("2024-07-01", "2024-07-31", "2024-08-01", "2024-08-19", "2024-08-20")))
    assert days_of(owner) == [
        (day, "agent-sessions", 1)
        for day in ("2024-04-30", "2024-06-01", "2024-06-30", "2024-08-01", "2024-08-19")
    ]
    assert [day for day, _kind, _records in days_of(owner, until=date(2024, 6, 1))] == [
        "2024-04-30",
        "2024-06-01",
    ]


def test_R10_each_kind_is_counted_for_itself(owner: Customer, files: UsageFiles) -> None:
    files.use(on("2024-06-03", "a"), on("2024-06-03", "b"))
    for kind in ("wfo-sessions", "ivr-legs", "voice-calls"):
        files.use(on("2024-06-03"), kind=kind)
    assert days_of(owner) == [
        ("2024-06-03", "agent-sessions", 2),
        ("2024-06-03", "wfo-sessions", 1),
        ("2024-06-03", "ivr-legs", 1),
        ("2024-06-03", "voice-calls", 1),
    ]


def test_R10_a_record_that_reaches_over_an_edge_is_unentitled_on_its_days_beyond(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(
        on("2024-05-31", "over", "22:00", "00:30", to="2024-06-01"),
        on("2024-05-31", "sharp", "22:00", "24:00"),
        on("2024-06-30", "back", "22:00", "00:30", to="2024-07-01"),
        on("2024-05-20", "long", "22:00", "00:30", to="2024-06-03"),
        on("2024-06-02", "moment", "00:00", "00:00"),
        on("2024-05-31", "open", "22:00", None),
    )
    assert days_of(owner) == [
        ("2024-06-01", "agent-sessions", 3),
        ("2024-06-02", "agent-sessions", 2),
        ("2024-06-03", "agent-sessions", 1),
        ("2024-06-30", "agent-sessions", 1),
    ]


def test_R10_digital_channels_have_gaps_of_their_own(owner: Customer, files: UsageFiles) -> None:
    files.take(
        "record_id,sku,quantity,occurred_at\n"
        "1,A-CHAN-U-SMS-INTL,5,2024-05-10T10:00:00Z\n"
        "2,A-CHAN-U-SMS-INTL,5,2024-05-10T23:59:59Z\n"
        "3,A-CHAN-U-SMS-INTL,5,2024-07-01T00:00:00Z\n",
        kind="digital-usage",
    )
    files.use(on("2024-05-10"))
    assert days_of(owner) == [("2024-05-10", "digital-usage", 2)]


def test_R10_unentitled_usage_is_kept_and_in_no_cycle(owner: Customer, files: UsageFiles) -> None:
    files.use(on("2024-06-03"))
    with scope(PROVIDER):
        assert reconcile_customer(customer=owner, today=TODAY) == 0
        assert Interval.objects.count() == 1


def test_a_customer_that_never_had_a_subscription_is_unentitled_altogether(
    db: None, files: UsageFiles
) -> None:
    enter(portfolio(partner("P-1", customer("C-1"))))
    files.use(on("2024-06-03"), on("2023-06-03"))
    assert len(days_of(stored_customer("C-1"))) == 2


@examples(max_examples=5, suppress_health_check=list(HealthCheck))
@given(together=st.lists(months(settings=False), min_size=6, max_size=8))
def test_R10_random_customers_have_the_unentitled_usage_that_the_oracle_finds(
    together: list[Month], db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with transaction.atomic():
        compared = Comparison([at_once(month) for month in together], tmp_path_factory.mktemp("months"))
        with scope(PROVIDER):
            offer_all()
        compared._enter([side.story.portfolio for side in compared.sides])
        compared._deliver(
            [
                (side, step)
                for side in compared.sides
                for step in side.story.steps
                if isinstance(step, Deliver)
            ]
        )
        for side in compared.sides:
            until = side.story.since + timedelta(days=20)
            expected = Counter(
                (day.isoformat(), kind) for day, kind, _record in side.oracle.unentitled(side.ref, until)
            )
            with scope(PROVIDER):
                found = days_of(side.stored(), until=until)
            assert {(day, kind): records for day, kind, records in found} == expected
        transaction.set_rollback(True)


# All customers


@pytest.fixture
def two(db: None, files: UsageFiles) -> None:
    """C-1 without a subscription from July on, C-2 never with one; C-3 has one all the time."""
    enter(
        portfolio(
            partner(
                "P-1",
                customer("C-1", subscription("Sub-1", line(STANDARD, 1), ends_on="2024-06-30")),
                customer("C-2"),
                customer("C-3", subscription("Sub-3", line(STANDARD, 1))),
            )
        )
    )
    for ref in ("C-1", "C-2", "C-3"):
        files.use(on("2024-06-03"), on("2024-07-03", "a"), on("2024-07-03", "b"), customer=ref)


def test_a_line_for_each_customer_and_kind(two: None, files: UsageFiles) -> None:
    files.use(on("2024-07-02", "long", "22:00", "01:00", to="2024-07-04"), customer="C-1")
    with scope(PROVIDER):
        found = list_unentitled_use(until=YESTERDAY)
    assert [
        (each.customer_ref, each.kind, each.first.isoformat(), each.last.isoformat(), each.days, each.records)
        for each in found
    ] == [
        ("C-1", Kind.AGENT_SESSION, "2024-07-02", "2024-07-04", 3, 3),
        ("C-2", Kind.AGENT_SESSION, "2024-06-03", "2024-07-03", 2, 3),
    ]


def test_a_stranger_sees_nothing_of_others(two: None, strangers: Customer) -> None:
    for reader in (
        Scope(Role.PARTNER, strangers.partner_id),
        Scope(Role.CUSTOMER, strangers.partner_id, strangers.pk),
    ):
        with scope(reader):
            assert list_unentitled_use(until=YESTERDAY) == []
            assert list_unentitled_days(stored_customer_of("C-2"), until=YESTERDAY) == []
            assert not open_too_long(until=YESTERDAY).exists()


def stored_customer_of(ref: str) -> Customer:
    with scope(PROVIDER):
        return Customer.objects.get(ref=ref)


# Records without an end


def test_a_record_that_is_open_for_longer_than_its_offer_allows_is_reported(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(
        on("2024-08-18", "old", "23:59", None),
        on("2024-08-19", "sharp", "00:00", None),
        on("2024-07-03", "ended"),
        on("2024-07-31", "short", "23:00", None),
    )
    with scope(PROVIDER):
        assert [(each.actor, each.longest) for each in open_too_long(until=YESTERDAY)] == [
            ("short", 24),
            ("old", 24),
        ]
        Offer.objects.filter(code="A-FLEX-3-CC").update(longest_open_hours=600)
        assert [each.actor for each in open_too_long(until=YESTERDAY)] == ["old"]  # no offer was in force


# Pages


def test_the_provider_has_a_page_of_all(client_of: Browser, dana: User, two: None, files: UsageFiles) -> None:
    files.use(on("2024-06-05", "lost", "08:00", None), customer="C-3")
    page = text_of(get(client_of(dana), "/unentitled/"))
    assert "Customers 2 With usage outside of any subscription Records 5 Billed to nobody" in page
    assert "Customer C-1 C-1 Partner P-1 Agent sessions 3 Jul 2024 3 Jul 2024 1 2" in page
    assert "Customer C-3 C-3 Agent sessions call-" in page
    assert "lost 5 Jun 2024, 08:00 UTC 24 h" in page


def test_only_the_provider_has_it(
    client_of: Browser, alice: User, bob: User, charlie: User, two: None
) -> None:
    for user in (alice, bob, charlie):
        client = client_of(user)
        for address in ("/unentitled/", "/api/v1/unentitled/", "/api/v1/open-records/"):
            assert client.get(address).status_code == 404


def test_a_customers_daily_detail_tells_of_it(
    client_of: Browser, dana: User, owner: Customer, files: UsageFiles
) -> None:
    client = client_of(dana)
    assert "outside of any subscription" not in get(client, DETAIL)
    files.use(on("2024-06-03"), on("2024-06-03", "b"))
    page = text_of(get(client, DETAIL))
    assert "Usage of 1 day lies outside of any subscription: 3 Jun 2024. It is kept" in page
    assert "Day Kind Number of records 3 Jun 2024 Agent sessions 2" in page
    files.use(*(on((date(2023, 1, 1) + timedelta(days=n)).isoformat()) for n in range(40)))
    page = text_of(get(client, DETAIL))
    assert "Usage of 41 days lies outside of any subscription, from 1 Jan 2023 to 3 Jun 2024." in page
    assert "10 earlier days are not listed." in page


def test_a_customer_without_any_cycle_is_told_too(client_of: Browser, dana: User, two: None) -> None:
    assert "Usage of 2 days lies outside" in text_of(get(client_of(dana), "/customers/C-2/daily-detail/"))


def test_each_reads_of_its_own(
    client_of: Browser, alice: User, bob: User, charlie: User, files: UsageFiles
) -> None:
    files.use(on("2023-06-03"), customer="C-100")
    for user in (alice, bob):
        assert "Usage of 1 day lies outside" in get(client_of(user), "/customers/C-100/daily-detail/")
        answer = client_of(user).get("/api/v1/customers/C-100/unentitled/").json()
        assert answer["results"] == [{"day": "2023-06-03", "kind": "agent-sessions", "records": 1}]
    files.use(on("2023-06-04"), customer="C-100")
    first = client_of(bob).get("/api/v1/customers/C-100/unentitled/?page_size=1").json()
    second = client_of(bob).get(first["next"]).json()
    days = [each["day"] for page in (first, second) for each in page["results"]]
    assert (days, second["next"]) == (["2023-06-03", "2023-06-04"], None)
    for ref in ("C-100", "C-404"):
        assert client_of(charlie).get(f"/api/v1/customers/{ref}/unentitled/").status_code == 404


def test_the_api_tells_the_provider_the_same(
    client_of: Browser, dana: User, two: None, files: UsageFiles
) -> None:
    files.use(on("2024-06-05", "lost", "08:00", None), customer="C-3", name="lost")
    client = client_of(dana)
    first, second = client.get("/api/v1/unentitled/").json()["results"]
    assert first == {
        "customer": "C-1",
        "kind": "agent-sessions",
        "first_day": "2024-07-03",
        "last_day": "2024-07-03",
        "days": 1,
        "records": 2,
    }
    assert second["customer"] == "C-2"
    page = client.get("/api/v1/unentitled/?page_size=1").json()
    assert page["results"] == [first]
    last = client.get(page["next"]).json()
    assert (last["results"], last["next"]) == ([second], None)
    assert client.get("/api/v1/open-records/").json()["results"] == [
        {
            "customer": "C-3",
            "kind": "agent-sessions",
            "record_id": "lost-0",
            "started_at": "2024-06-05T08:00:00+00:00",
            "counted_to": "2024-06-06T08:00:00+00:00",
        }
    ]


def test_the_pages_cost_the_same_however_much_is_found(
    client_of: Browser, dana: User, two: None, files: UsageFiles
) -> None:
    client = client_of(dana)
    addresses = {
        "/unentitled/": 10,
        "/customers/C-2/daily-detail/": 12,
        "/api/v1/unentitled/": 7,
        "/api/v1/open-records/": 8,
        "/api/v1/customers/C-2/unentitled/": 8,
    }

    def queries() -> dict[str, int]:
        counted = {}
        for address in addresses:
            with CaptureQueriesContext(connection) as context:
                get(client, address)
            counted[address] = len(context)
        return counted

    get(client, "/unentitled/")
    files.use(on("2024-06-05", "lost", "08:00", None), customer="C-3")
    few = queries()
    assert {address: few[address] <= most for address, most in addresses.items()} == dict.fromkeys(
        addresses, True
    ), few
    for n in range(30):
        files.use(on((date(2024, 7, 5) + timedelta(days=n)).isoformat(), end=None), customer="C-2")
    assert queries() == few
