"""The voice and surge page (R9)."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.voice_parts import day_shown
from apps.subscriptions.domain.cycles import Term
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.services import change_surge, import_portfolio
from tests.conftest import SAMPLE
from tests.factories.pages import Browser

PAGE = "/customers/C-100/voice/"
PREVIEW = f"{PAGE}preview/"


def figures(response: Any) -> dict[str, str]:
    """What each step of the sum comes to."""
    return {step.label: step.result for step in response.context["steps"]}


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def portfolio(**changes: Any) -> None:
    """C-100 as in the guide, its subscription changed."""
    given = json.loads((SAMPLE / "guide-example" / "portfolio.json").read_text())
    given["partners"][0]["customers"][0]["subscriptions"][0] |= changes
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(given), by="test")


def test_r9_each_step_of_the_sum(client_of: Browser, alice: User) -> None:
    response = client_of(alice).get(PAGE)
    assert figures(response) == {
        "Premium committed": "5",
        "Standard committed": "20",
        "Committed agents": "25",
        "Voice paths of the agents": "75",
        "Additional IVR ports": "0",
        "Voice paths": "75",
        "Surge protection": "30\N{NO-BREAK SPACE}%",
        "Accepted calls": "97",
    }
    assert [step.expression for step in response.context["steps"]][-1] == "⌊75 × 130 ÷ 100⌋"


def test_r9_the_example_of_the_rules(client_of: Browser, bob: User, dana: User) -> None:
    portfolio(
        lines=[
            {"sku": "A-FLEX-WCC-P-N", "quantity": 5, "to": "2024-02-01"},
            {"sku": "A-FLEX-WCC-S-N", "quantity": 20, "to": "2024-02-01"},
            {"sku": "A-FLEX-WCC-P-N", "quantity": 4, "from": "2024-02-02"},
            {"sku": "A-FLEX-WCC-S-N", "quantity": 10, "from": "2024-02-02"},
            {"sku": "A-FLEX-WCC-IVR", "quantity": 2},
        ]
    )
    assert figures(client_of(bob).get(PAGE))["Accepted calls"] == "57"
    client_of(dana).post(PAGE, {"percentage": "0", "reason": "Quiet season"})
    assert figures(client_of(bob).get(PAGE))["Accepted calls"] == "44"


def test_zeros_are_true(client_of: Browser, charlie: User) -> None:
    response = client_of(charlie).get("/customers/C-900/voice/")
    assert set(figures(response).values()) == {"0", "0\N{NO-BREAK SPACE}%"}
    assert "no calls are accepted" in text(response)
    assert "The percentage was never changed" in text(response)


def test_the_last_active_day_is_shown_and_named(client_of: Browser, bob: User) -> None:
    portfolio(ends_on="2024-12-31")
    response = client_of(bob).get(PAGE)
    assert response.context["day"] == date(2024, 12, 31)
    assert "No subscription is active today" in text(response)
    assert figures(response)["Voice paths"] == "75"


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ([], "2024-06-15"),
        ([("2024-01-01", None)], "2024-06-15"),
        ([("2024-01-01", "2024-06-15")], "2024-06-15"),
        ([("2024-01-01", "2024-06-14"), ("2023-01-01", "2023-12-31")], "2024-06-14"),
        ([("2024-01-01", "2024-03-31"), ("2025-01-01", None)], "2024-03-31"),
        ([("2025-01-01", None)], "2024-06-15"),
    ],
)
def test_which_day_is_shown(terms: list[tuple[str, str | None]], shown: str) -> None:
    made = [
        Term("Sub", date.fromisoformat(first), date.fromisoformat(last) if last else None, 1, None, "offer")
        for first, last in terms
    ]
    assert day_shown(made, today=date(2024, 6, 15)) == date.fromisoformat(shown)


def test_a_provider_administrator_changes_the_percentage(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    client = client_of(dana)
    response = client.post(PAGE, {"percentage": "12.5", "reason": " <b>Summer</b> sale "})
    assert response["Location"] == PAGE
    page = client.get(PAGE)
    assert figures(page)["Accepted calls"] == "84"
    assert "is 12.5\N{NO-BREAK SPACE}% from now on" in page.content.decode()
    entry = page.context["entries"][0]
    assert (entry.title, entry.by, entry.note) == (
        "From 30\N{NO-BREAK SPACE}% to 12.5\N{NO-BREAK SPACE}%",
        str(dana),
        "<b>Summer</b> sale",
    )
    assert "&lt;b&gt;Summer&lt;/b&gt;" in page.content.decode()
    with scope(PROVIDER):
        audited = AuditEntry.objects.get(action="surge.changed")
    assert (audited.by, audited.before, audited.after) == (dana.email, 3000, 1250)


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({"percentage": "40", "reason": ""}, "reason"),
    ({"percentage": "40", "reason": "  \n"}, "reason"),
    ({"percentage": "40", "reason": "a\x00b"}, "reason"),
    ({"percentage": "40", "reason": "x" * 2001}, "reason"),
    ({"percentage": "", "reason": "why"}, "percentage"),
    ({"percentage": "-1", "reason": "why"}, "percentage"),
    ({"percentage": "1000.01", "reason": "why"}, "percentage"),
    ({"percentage": "1.234", "reason": "why"}, "percentage"),
    ({"percentage": "NaN", "reason": "why"}, "percentage"),
    ({"percentage": "Infinity", "reason": "why"}, "percentage"),
    ({"percentage": "1e999999999", "reason": "why"}, "percentage"),
    ({"percentage": "1e-999999999", "reason": "why"}, "percentage"),
    ({"percentage": "30%", "reason": "why"}, "percentage"),
    ({"percentage": "30.00", "reason": "why"}, "percentage"),
)


def test_what_cannot_be_changed_says_so_at_its_field(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    client = client_of(dana)
    for given, field in REFUSED:
        response = client.post(PAGE, given)
        assert (given, response.status_code, list(response.context["form"].errors)) == (given, 200, [field])
    with scope(PROVIDER):
        assert SurgeChange.objects.count() == 1


def test_only_a_provider_administrator_changes_it(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User
) -> None:
    with scope(PROVIDER):
        support = User.objects.create_user(email="sam@example.com", role=Role.PROVIDER_SUPPORT)
    for user, status in ((alice, 403), (bob, 403), (support, 403), (charlie, 404)):
        client = client_of(user)
        assert client.post(PAGE, {"percentage": "1", "reason": "mine"}).status_code == status
        assert client.get(PREVIEW, {"percentage": "1"}).status_code == status
    for user, has_form in ((alice, False), (bob, False), (support, False), (dana, True)):
        assert ('name="percentage"' in text(client_of(user).get(PAGE))) is has_form
    with scope(PROVIDER):
        assert SurgeChange.objects.count() == 1


def test_a_change_needs_a_token(dana: User, guide_example: Customer) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(dana, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(PAGE, {"percentage": "1", "reason": "forged"}).status_code == 403


def test_a_strangers_customer_does_not_exist(
    client_of: Browser, charlie: User, guide_example: Customer
) -> None:
    client = client_of(charlie)
    for path in (
        PAGE,
        PREVIEW,
        "/customers/C-999/voice/",
        "/customers/%00/voice/",
        "/customers/..%2F/voice/",
    ):
        assert client.get(path).status_code == 404


def test_the_preview_counts_and_changes_nothing(
    client_of: Browser, dana: User, guide_example: Customer
) -> None:
    client = client_of(dana)
    assert "It would accept 108 calls" in text(client.get(PREVIEW, {"percentage": "45"}))
    for nothing in ("", "-1", "x", "1001", "\x00"):
        assert text(client.get(PREVIEW, {"percentage": nothing})) == ""
    with scope(PROVIDER):
        assert SurgeChange.objects.count() == 1


def test_the_history_newest_first_in_pages(
    client_of: Browser, alice: User, dana: User, guide_example: Customer
) -> None:
    with scope(PROVIDER):
        for percentage in range(1, 25):
            change_surge(
                customer=guide_example, percent=Decimal(percentage), reason=f"no. {percentage}", by=dana
            )
    client = client_of(alice)
    first, second = (client.get(PAGE, {"page": page}).context["entries"] for page in ("1", "2"))
    assert [entry.note for entry in first][:2] == ["no. 24", "no. 23"]
    assert (len(first), len(second)) == (20, 5)
    assert client.get(PAGE, {"page": "\x00"}).status_code == 200


def test_the_page_costs_the_same_however_long_the_history(
    client_of: Browser,
    bob: User,
    dana: User,
    guide_example: Customer,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(bob)
    with django_assert_max_num_queries(22) as short:
        client.get(PAGE)
    with scope(PROVIDER):
        for percentage in range(1, 25):
            change_surge(customer=guide_example, percent=Decimal(percentage), reason="again", by=dana)
    with django_assert_max_num_queries(len(short)):
        client.get(PAGE)


def test_its_address() -> None:
    assert reverse("reconciliation:voice", args=["C-100"]) == PAGE
