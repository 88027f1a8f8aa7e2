"""Whatever a page, a file or the API answers holds no word and no figure of what its reader may not see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client

from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.models import Invoice
from apps.usage.models import DeliveryState
from tests.architecture.test_tables import KEPT_APART, TABLES
from tests.security.html import check_text
from tests.security.routes import everything_seen_by
from tests.security.world import World, rows_of

# What the API calls the states of deliveries; items of runs, which the provider alone sees, have some of the same.
STATES = {state.name.lower() for state in DeliveryState}
READERS = ["alice", "ann", "carol", "bob", "rita", "charlie", "erin"]


def seen_by(reader: Scope, table: str) -> list[dict[str, Any]]:
    """The rows of a table that somebody sees; none without the right to look."""
    if reader.role.value.removeprefix("portal_") not in TABLES[table].rights:
        return []
    return rows_of(table, reader)


def words_in(value: Any) -> Iterator[str]:
    """What a value would look like on a page or in a file, where that is telling."""
    if isinstance(value, dict):
        for each in value.values():
            yield from words_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from words_in(each)
    elif isinstance(value, str):
        if len(value) >= 4:
            yield value
    elif isinstance(value, Decimal) and value != int(value):
        yield f"{value.normalize():f}"
        yield f"{value:,.2f}"
        yield f"{value:.2f}"


def words_of(rows: list[dict[str, Any]]) -> set[str]:
    return {word for row in rows for value in row.values() for word in words_in(value)}


@pytest.fixture
def secrets_of(world: World) -> Callable[[str], set[str]]:
    """Texts and amounts in the database that somebody sees in no row."""

    def secrets(name: str) -> set[str]:
        reader = world.people[name].scope
        known: set[str] = set()
        hidden: set[str] = set()
        for table, declared in TABLES.items():
            if "provider" not in declared.rights:
                continue
            if declared.shared and table != "reconciliation_runitem":
                known |= words_of(rows_of(table, PROVIDER))
                continue
            known |= words_of(seen_by(reader, table))
            hidden |= words_of(rows_of(table, PROVIDER))
        return hidden - known - STATES

    return secrets


def test_each_reader_has_something_to_be_kept_from(secrets_of: Callable[[str], set[str]]) -> None:
    """The words that the next test looks for are there."""
    assert {
        "Borealis Partners",
        "C-900",
        "613.19",
        "857.71",
        "borealis-retail",
        "C-101",
        "731.37",
    } <= secrets_of("alice")
    assert {"Borealis Partners", "C-900", "613.19", "borealis-retail", "INV-000003"} <= secrets_of("bob")
    assert {"Aurora Partners", "C-100", "731.37", "917.53", "bob@aurora.example"} <= secrets_of("charlie")
    assert "613.19" in secrets_of("erin")
    assert "857.71" not in secrets_of("erin")


def content_of(answer: HttpResponseBase) -> str:
    """All of it, as text; a file that is read to its end is closed."""
    return b"".join(answer).decode()


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "erin"])
def test_nothing_that_can_be_opened_holds_what_its_reader_may_not_see(
    world: World, browser_of: Callable[..., Client], secrets_of: Callable[[str], set[str]], name: str
) -> None:
    """A customer so finds no wholesale price: not in pages, files or the API, and not in the draft of a cycle."""
    secrets = secrets_of(name)
    reader = world.people[name].scope
    texts = []
    for address, answer in everything_seen_by(reader, world, browser_of(name), at_most=2):
        text = content_of(answer)
        for word in (word for word in secrets if word in text):
            found = re.search(rf"(?<![\w.,-]){re.escape(word)}(?![\w-]|[.,]\d)", text)
            assert found is None, f"{address}: {text[max(0, found.start() - 200) : found.end() + 50]}"
        check_text(answer, text, address)
        may_not = "/voice/preview/" in address
        assert answer.status_code == 403 if may_not else answer.status_code in (200, 302), address
        texts.append(text)

    assert len(texts) >= 25
    prices = {"alice": ("731.37", "917.53"), "erin": ("613.19", "857.71")}
    if name in prices:
        wholesale, retail = prices[name]
        assert any(retail in text for text in texts)
        assert wholesale in secrets


def test_a_draft_shows_a_customer_what_its_partner_asks_and_nothing_else(
    world: World, browser_of: Callable[..., Client]
) -> None:
    address = "/invoices/draft/C-100/2024-07-09/"
    for_customer = content_of(browser_of("alice").get(address))
    for_partner = content_of(browser_of("bob").get(address))

    assert "917.53" in for_customer
    assert "731.37" not in for_customer
    assert "731.37" in for_partner


@pytest.mark.parametrize("table", KEPT_APART)
def test_each_reader_sees_exactly_the_rows_of_its_organisation(world: World, table: str) -> None:
    everybodys = rows_of(table, PROVIDER)
    assert everybodys, "the world has no such row, so this would prove nothing"
    for name in READERS:
        user = world.people[name]
        mine = [row for row in everybodys if _is_of(table, row, user.scope)]
        if user.scope.role.value.removeprefix("portal_") not in TABLES[table].rights:
            mine = []
        assert _sorted(seen_by(user.scope, table)) == _sorted(mine), name


def _is_of(table: str, row: dict[str, Any], reader: Scope) -> bool:
    """Whose row it is, in words of its own rather than those of the policies."""
    if table in ("catalogue_pricebook", "catalogue_bookprice"):
        books = {row["id"]: row["ref"] for row in rows_of("catalogue_pricebook", PROVIDER)}
        partners = {row["id"]: row["name"] for row in rows_of("organisations_partner", PROVIDER)}
        word = partners[reader.partner].split()[0].lower()
        return str(books[row.get("book_id", row["id"])]).startswith(word)
    if table == "organisations_partner":
        return bool(row["id"] == reader.partner)
    if table == "organisations_customer":
        return bool(
            row["id"] == reader.customer or (reader.customer is None and row["partner_id"] == reader.partner)
        )
    if reader.role is Role.CUSTOMER and table != "usage_source":
        return bool(row["customer_id"] == reader.customer) if "customer_id" in row else False
    return bool(row["partner_id"] == reader.partner)


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, default=repr, sort_keys=True) for row in rows)


def test_the_trail_tells_a_customer_nothing_of_wholesale(world: World) -> None:
    with scope(PROVIDER):
        wholesale = set(Invoice.objects.filter(seller="provider").values_list("number", flat=True))
    subjects = {row["subject"] for row in rows_of("accounts_auditentry", world.people["alice"].scope)}

    assert wholesale
    assert subjects
    assert not subjects & wholesale
