"""What if: the money of cycles under other commitments or prices; for whom which prices are; how it is asked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from apps.accounts.models import Role as UserRole
from apps.accounts.models import User
from apps.catalogue.domain.prices import NewPrice
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.domain.whatif import Side
from apps.invoicing.models import InvoiceLine
from apps.invoicing.services import PriceMissing, issue_invoices, make_drafts
from apps.invoicing.whatif import NewPrices, WhatIf, what_if
from apps.organisations.models import Customer
from apps.reconciliation.domain.whatif import Changes, Commitment, NewQuantity
from apps.reconciliation.models import CycleResult
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.models import SubscriptionLine, SurgeChange
from tests.factories.commands import Shell
from tests.factories.pages import Browser
from tests.factories.people import made_user
from tests.factories.portfolios import (
    PREMIUM,
    STANDARD,
    WFO,
    customer,
    enter,
    line,
    partner,
    portfolio,
    price,
    price_book,
    stored_customer,
    subscription,
)
from tests.factories.usage import UsageFiles, session
from tests.oracle.strategies import KINDS, Month, months
from tests.soak.comparison import taken_in

TODAY = date(2024, 12, 1)
MAY, JUNE, JULY = date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1)
ADDRESS = "/api/v1/customers/C-1/what-if/"

WHOLESALE = price_book(
    "book",
    price(STANDARD, "50.00"),
    price(f"{STANDARD}-O", "60.00"),
    price(f"{STANDARD}-O", "70.00", first="2024-06-30", discount="10"),
    price(PREMIUM, "100.00"),
    price(f"{PREMIUM}-O", "120.00"),
)
RETAIL = price_book("retail", price(STANDARD, "80.00"), price(f"{STANDARD}-O", "100.00"), currency="SEK")


@pytest.fixture
def owner(db: None, files: UsageFiles) -> Customer:
    """C-1 has 2 Standard agents, bought for 50 and sold for 80; in June 5 log in, three for the first time on the 20th.

    Overage costs 70 less 10 % on the last day of June, and is sold for 100.
    """
    held = subscription("Sub-1", line(STANDARD, 2))
    enter(
        portfolio(
            partner(
                "P-1",
                customer("C-1", held, retail_price_book="retail"),
                customer("C-2", subscription("Sub-2", line(STANDARD, 2))),
            ),
            books=[WHOLESALE, RETAIL],
        )
    )
    for ref in ("C-1", "C-2"):
        files.use(*(session(agent, "08:00", "16:00") for agent in "ab"), customer=ref)
        files.use(*(session(agent, "08:00", "16:00", day=date(2024, 6, 20)) for agent in "cde"), customer=ref)
    owner = stored_customer("C-1")
    with scope(PROVIDER):
        for each in (owner, stored_customer("C-2")):
            reconcile_customer(customer=each, today=TODAY)
    return owner


def ask(owner: Customer, changes: Changes | None = None, *first_days: date, **prices: Any) -> WhatIf:
    """As the provider. ``prices`` by the word for their side."""
    new: NewPrices = {Side(side): of_side for side, of_side in prices.items()}
    with scope(PROVIDER):
        return what_if(owner, first_days or (JUNE,), changes or Changes(), today=TODAY, prices=new)


def told(answer: WhatIf) -> dict[str, list[tuple[Any, ...]]]:
    """Each side's lines: kind, SKU, quantities and amounts."""
    return {
        f"{money.side} {money.currency}": [
            (
                position.kind.value,
                position.sku,
                (position.before.quantity, position.after.quantity),
                (str(position.before.amount), str(position.after.amount)),
            )
            for of_cycle in money.cycles
            for position in of_cycle.positions
        ]
        for money in answer.money
    }


def change(**quantities: int) -> Changes:
    return Changes({Commitment(name): NewQuantity(quantity) for name, quantity in quantities.items()})


# What is in the sum


def test_overage_at_the_price_of_the_last_day_and_the_changed_commitment_at_that_of_the_first(
    owner: Customer,
) -> None:
    answer = ask(owner, change(standard=4))

    assert told(answer) == {
        "wholesale EUR": [
            ("overage", f"{STANDARD}-O", (3, 1), ("189.00", "63.00")),
            ("recurring", STANDARD, (2, 4), ("100.00", "200.00")),
        ],
        "retail SEK": [
            ("overage", f"{STANDARD}-O", (3, 1), ("300.00", "100.00")),
            ("recurring", STANDARD, (2, 4), ("160.00", "320.00")),
        ],
    }
    wholesale, retail = (money.sums for money in answer.money)
    assert (wholesale.before, wholesale.after, wholesale.difference) == (
        Decimal("289.00"),
        Decimal("263.00"),
        Decimal("-26.00"),
    )
    assert retail.difference == Decimal("-40.00")


def test_without_a_change_it_is_the_overage_of_the_invoice(owner: Customer) -> None:
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=JUNE, today=TODAY, by="test")
        lines = list(InvoiceLine.objects.filter(kind="overage").order_by("-invoice__seller"))

    answer = ask(owner)

    assert [(each.sku, each.quantity, each.amount) for each in lines] == [
        (position.sku, position.before.quantity, position.before.amount)
        for money in answer.money
        for position in money.cycles[0].positions
    ]
    assert {money.sums.difference for money in answer.money} == {0}


def test_a_quantity_from_a_day_on_costs_its_days_part_of_the_cycle(owner: Customer) -> None:
    from_the_16th = Changes({Commitment.STANDARD: NewQuantity(2, is_added=True)}, since=date(2024, 6, 16))

    positions = told(ask(owner, from_the_16th))["wholesale EUR"]

    # 2 more for 15 of 30 days. Overage: 5 on the 20th against 4.
    assert positions == [
        ("overage", f"{STANDARD}-O", (3, 1), ("189.00", "63.00")),
        ("recurring", STANDARD, (2, None), ("100.00", "150.00")),
    ]


def test_a_cycle_cut_short_costs_its_part_and_overage_is_never_in_proportion(
    db: None, files: UsageFiles
) -> None:
    held = subscription("Sub-1", line(STANDARD, 2), starts_on="2024-06-16")
    enter(portfolio(partner("P-1", customer("C-1", held)), books=[WHOLESALE]))
    files.use(*(session(agent, "08:00", "16:00", day=date(2024, 6, 20)) for agent in "abc"))
    owner = stored_customer("C-1")
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)

    assert told(ask(owner, change(standard=3), date(2024, 6, 16)))["wholesale EUR"] == [
        ("overage", f"{STANDARD}-O", (1, 0), ("63.00", "0")),
        ("recurring", STANDARD, (2, 3), ("50.00", "75.00")),
    ]


def test_another_price_with_and_without_another_discount(owner: Customer) -> None:
    overage, held = f"{STANDARD}-O", STANDARD

    kept_discount = ask(owner, wholesale={overage: NewPrice(Decimal(50))})
    both = ask(
        owner,
        wholesale={overage: NewPrice(Decimal(50), Decimal(0)), held: NewPrice(Decimal("45.50"))},
        retail={held: NewPrice(Decimal(90), Decimal("50"))},
    )

    assert told(kept_discount)["wholesale EUR"] == [("overage", overage, (3, 3), ("189.00", "135.00"))]
    assert told(both) == {
        "wholesale EUR": [
            ("overage", overage, (3, 3), ("189.00", "150.00")),
            ("recurring", held, (2, 2), ("100.00", "91.00")),
        ],
        "retail SEK": [
            ("overage", overage, (3, 3), ("300.00", "300.00")),
            ("recurring", held, (2, 2), ("160.00", "90.00")),
        ],
    }


def test_several_cycles_add_up(owner: Customer) -> None:
    answer = ask(owner, change(standard=5), MAY, JUNE, JULY)

    wholesale, _retail = answer.money
    assert [str(each.sums.difference) for each in wholesale.cycles] == ["150.00", "-39.00", "150.00"]
    assert wholesale.sums.difference == Decimal("261.00")


def test_a_price_that_is_missing_is_named_unless_nothing_is_charged_by_it(owner: Customer) -> None:
    with pytest.raises(PriceMissing, match=f"^{WFO} has no price on 2024-06-01.$"):
        ask(owner, change(wfo=1))
    with scope(PROVIDER):
        retail = what_if(owner, [JUNE], change(premium=0), today=TODAY)
    assert ("recurring", PREMIUM, (0, 0), ("0", "0")) in told(retail)["retail SEK"]


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(month=months(KINDS))
def test_without_a_change_random_months_cost_what_their_papers_say(
    month: Month, db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with taken_in(month, tmp_path_factory.mktemp("months")) as (side, owner):
        for first in list(CycleResult.objects.filter(customer=owner).values_list("first_day", flat=True))[:2]:
            papers = make_drafts(customer=owner, first_day=first, today=side.today)
            expected = [
                sorted(
                    (each.sku, each.quantity, each.amount) for each in paper.lines if each.kind == "overage"
                )
                for paper in papers
            ]
            found = [
                sorted(
                    (position.sku, position.before.quantity, position.before.amount)
                    for position in money.cycles[0].positions
                )
                for money in what_if(owner, [first], Changes(), today=side.today).money
            ]
            assert [lines for lines in found if lines] == [lines for lines in expected if lines]


# For whom


@pytest.fixture
def ann(owner: Customer) -> User:
    """The administrator of C-1."""
    return made_user("ann@example.com", UserRole.CUSTOMER_ADMIN, owner)


@pytest.fixture
def ben(owner: Customer) -> User:
    """The administrator of her partner."""
    return made_user("ben@example.com", UserRole.PARTNER_ADMIN, owner)


def test_a_customer_is_told_retail_alone_its_partner_and_the_provider_both(
    client_of: Browser, ann: User, ben: User, dana: User
) -> None:
    query = f"{ADDRESS}?cycle=2024-06-01&standard=4"
    answers = {user.email: client_of(user).get(query) for user in (ann, ben, dana)}

    sides = {email: [money["side"] for money in answer.json()["money"]] for email, answer in answers.items()}
    assert sides == {
        ann.email: ["retail"],
        ben.email: ["wholesale", "retail"],
        dana.email: ["wholesale", "retail"],
    }
    hers = answers[ann.email].json()
    assert hers["money"][0]["difference"] == "-40.00"
    assert not any(amount in answers[ann.email].content.decode() for amount in ("189.00", "63.00", "EUR"))
    assert hers["cycles"] == answers[dana.email].json()["cycles"]


def test_without_retail_prices_a_customer_is_told_quantities_alone(
    client_of: Browser, owner: Customer
) -> None:
    second = made_user("cat@example.com", UserRole.CUSTOMER_ADMIN, stored_customer("C-2"))
    client = client_of(second)

    answer = client.get("/api/v1/customers/C-2/what-if/?cycle=2024-06-01&standard=4").json()

    assert answer["money"] == []
    assert [each["before"]["billed"] for each in answer["cycles"][0]["usage"]] == [0, 3, 0]
    refused = client.get("/api/v1/customers/C-2/what-if/?cycle=2024-06-01&retail_price=A=1")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["retail_price"])


def test_a_strangers_customer_is_as_missing_as_one_that_is_not(
    client_of: Browser, charlie: User, ann: User
) -> None:
    missing = client_of(charlie).get("/api/v1/customers/C-404/what-if/?cycle=2024-06-01")
    assert missing.status_code == 404
    for user, ref in ((charlie, "C-1"), (ann, "C-2"), (ann, "C-900")):
        for query in ("?cycle=2024-06-01", "?cycle=x", "", "?price=A=1"):
            answer = client_of(user).get(f"/api/v1/customers/{ref}/what-if/{query}")
            told = answer.content.replace(f"/{ref}/".encode(), b"/C-404/")
            assert (answer.status_code, told) == (404, missing.content)


# How it is asked


def test_the_api_tells_quantities_and_money_and_changes_nothing(client_of: Browser, ben: User) -> None:
    client = client_of(ben)
    query = {"cycle": ["2024-06-01"], "standard": "+2", "since": "2024-06-16", "surge": "12.5"}

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(ADDRESS, query).json()

    written = ("INSERT", "UPDATE", "DELETE")
    assert not [query["sql"] for query in queries if query["sql"].startswith(written)]
    assert answer["customer"] == "C-1"
    (cycle,) = answer["cycles"]
    assert {name: cycle[name] for name in list(cycle)[:6]} == {
        "first_day": "2024-06-01",
        "last_day": "2024-06-30",
        "until": "2024-06-30",
        "subscription": "Sub-1",
        "is_closed": False,
        "is_up_to_date": True,
    }
    standard = next(each for each in cycle["usage"] if each["usage_type"] == "standard-named")
    assert standard["used"] == [0] * 9 + [2] * 10 + [5] * 11
    assert standard["before"] == {
        "committed": [2] * 30,
        "overage": [0] * 19 + [3] * 11,
        "billed": 3,
        "billed_on": "2024-06-20",
    }
    assert standard["after"]["committed"] == [2] * 15 + [4] * 15
    assert standard["after"]["billed"] == 1
    assert cycle["voice"]["before"]["surge_pct"] == ["0"] * 30
    assert cycle["voice"]["after"]["surge_pct"] == ["12.5"] * 30
    assert (cycle["voice"]["before"]["accepted"][-1], cycle["voice"]["after"]["accepted"][-1]) == (6, 13)
    assert answer["money"][0] == {
        "side": "wholesale",
        "currency": "EUR",
        "before": "289.00",
        "after": "213.00",
        "difference": "-76.00",
        "cycles": [
            {
                "first_day": "2024-06-01",
                "last_day": "2024-06-30",
                "before": "289.00",
                "after": "213.00",
                "difference": "-76.00",
                "lines": [
                    {
                        "kind": "overage",
                        "sku": f"{STANDARD}-O",
                        "before": {"quantity": 3, "amount": "189.00"},
                        "after": {"quantity": 1, "amount": "63.00"},
                    },
                    {
                        "kind": "recurring",
                        "sku": STANDARD,
                        "before": {"quantity": 2, "amount": "100.00"},
                        "after": {"quantity": None, "amount": "150.00"},
                    },
                ],
            }
        ],
    }


def test_a_plus_in_an_address_may_be_written_as_it_is(client_of: Browser, ben: User) -> None:
    client = client_of(ben)
    written, quoted, absolute = (
        client.get(f"{ADDRESS}?cycle=2024-06-01&standard={text}").json() for text in ("+1", "%2B1", "3")
    )
    assert written == quoted == absolute


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "cycle"),
        ("cycle=", "cycle"),
        ("cycle=june", "cycle"),
        ("cycle=2024-06-01&cycle=20240701", "cycle"),
        ("&".join(f"cycle=2020-01-{day:02}&cycle=2020-03-{day:02}" for day in range(1, 29)), "cycle"),
        ("cycle=2024-06-01&premium=many", "premium"),
        ("cycle=2024-06-01&standard=1.5", "standard"),
        ("cycle=2024-06-01&wfo=99999999", "wfo"),
        ("cycle=2024-06-01&ports=--1", "ports"),
        ("cycle=2024-06-01&ports=٣", "ports"),
        ("cycle=2024-06-01&since=soon", "since"),
        ("cycle=2024-06-01&surge=-1", "surge"),
        ("cycle=2024-06-01&surge=1000.01", "surge"),
        ("cycle=2024-06-01&surge=1.005", "surge"),
        ("cycle=2024-06-01&surge=NaN", "surge"),
        ("cycle=2024-06-01&price=50", "price"),
        ("cycle=2024-06-01&price=A-FLEX-WCC-S-N=-50", "price"),
        ("cycle=2024-06-01&price=A-FLEX-WCC-S-N=50/101", "price"),
        ("cycle=2024-06-01&price=A-FLEX-WCC-S-N=50&price=A-FLEX-WCC-S-N=60", "price"),
        ("cycle=2024-06-01&price=A-NOTHING=50", "price"),
        ("cycle=2024-06-01&price=A-CHAN-U-SMS-INTL=50", "price"),
        ("cycle=2024-06-01&retail_price=%00=50", "retail_price"),
    ],
)
def test_what_cannot_be_understood_is_a_bad_request_that_names_the_field(
    client_of: Browser, ben: User, query: str, field: str
) -> None:
    answer = client_of(ben).get(f"{ADDRESS}?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_customer_changes_no_wholesale_price(client_of: Browser, ann: User) -> None:
    answer = client_of(ann).get(f"{ADDRESS}?cycle=2024-06-01&price={STANDARD}=50")
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"price": ["There are no wholesale prices to change."]},
    )


def test_cycles_that_are_not_there_and_prices_that_are_missing(client_of: Browser, ben: User) -> None:
    client = client_of(ben)
    assert client.get(f"{ADDRESS}?cycle=2024-06-02").status_code == 404
    assert client.get(f"{ADDRESS}?cycle=9999-12-31").status_code == 404
    assert client.get(f"{ADDRESS}?cycle=2998-06-01").status_code == 409
    missing = client.get(f"{ADDRESS}?cycle=2024-06-01&wfo=1")
    assert (missing.status_code, missing.json()["detail"]) == (409, f"{WFO} has no price on 2024-06-01.")
    for method in (client.post, client.put, client.patch, client.delete):
        answer: Any = method(f"{ADDRESS}?cycle=2024-06-01")
        assert answer.status_code == 405


def test_the_command_says_the_same_as_the_api(
    owner: Customer, shell: Shell, client_of: Browser, dana: User
) -> None:
    ran = shell(
        *("what_if", "--customer", "C-1", "--cycle", "2024-06-01", "--cycle", "2024-07-01"),
        *("--standard", "-1", "--since", "2024-06-16", "--surge", "30"),
        *("--price", f"{STANDARD}-O=60/5", "--retail-price", f"{STANDARD}=85", "--format", "json"),
    )
    asked = client_of(dana).get(
        ADDRESS,
        {
            "cycle": ["2024-06-01", "2024-07-01"],
            "standard": "-1",
            "since": "2024-06-16",
            "surge": "30",
            "price": f"{STANDARD}-O=60/5",
            "retail_price": f"{STANDARD}=85",
        },
    )
    assert ran.json == asked.json()
    assert ran.json["money"][1]["after"] == "612.50"


def test_the_command_as_text(owner: Customer, shell: Shell) -> None:
    ran = shell("what_if", "--customer", "C-1", "--cycle", "2024-06-01", "--standard=4")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "2024-06-01 – 2024-06-30 (open, to 2024-06-30)",
        "  premium-named           billed 0 → 0",
        "  standard-named          billed 3 → 1",
        "  ivr-port                billed 0 → 0",
        "  voice: at most 0 calls at once; minutes above what is accepted 0 → 0, by at most 0 → 0",
        "wholesale, 2024-06-01 – 2024-06-30:",
        f"  overage    {STANDARD}-O      189.00 → 63.00",
        f"  recurring  {STANDARD}        100.00 → 200.00",
        "wholesale, all: 289.00 → 263.00 EUR, difference -26.00",
        "retail, 2024-06-01 – 2024-06-30:",
        f"  overage    {STANDARD}-O      300.00 → 100.00",
        f"  recurring  {STANDARD}        160.00 → 320.00",
        "retail, all: 460.00 → 420.00 SEK, difference -40.00",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--customer", "C-404", "--cycle", "2024-06-01"), "There is no customer C-404."),
        (("--customer", "C-1", "--cycle", "June"), "--cycle: Write a day like 2024-06-09."),
        (("--customer", "C-1", "--cycle", "2024-06-02"), "No billing cycle of C-1 starts on 2024-06-02;"),
        (
            ("--customer", "C-1", "--cycle", "2024-06-01", "--premium", "x"),
            "--premium: Write a quantity like 12, or a change like +3 or -3, of at most 10000000.",
        ),
        (("--customer", "C-1", "--cycle", "2024-06-01", "--surge", "x"), "--surge: Enter a number."),
        (
            ("--customer", "C-1", "--cycle", "2024-06-01", "--retail-price", "x"),
            "--retail-price: Write a price like SKU=150.00, or with a discount in per cent SKU=150.00/10.",
        ),
        (
            ("--customer", "C-2", "--cycle", "2024-06-01", "--retail-price", f"{STANDARD}=1"),
            "--retail-price: There are no retail prices to change.",
        ),
    ],
)
def test_what_the_command_cannot_do_is_said_in_one_line(
    owner: Customer, shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    with scope(PROVIDER):
        before = (SubscriptionLine.objects.count(), SurgeChange.objects.count())
    assert shell("what_if", *arguments).refusal.startswith(said)
    with scope(PROVIDER):
        assert (SubscriptionLine.objects.count(), SurgeChange.objects.count()) == before
