"""R13: what a decision about a conflict would do to the figures is shown before it is made, and nothing is stored."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, User
from apps.catalogue.domain.kinds import Service, UsageType
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.core.tenancy import Role as DatabaseRole
from apps.invoicing.conflict_effect import list_priced_effects
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.conflict_effect import CycleEffect, list_effects
from apps.reconciliation.selectors import get_figures
from apps.subscriptions.models import ClosedCycle, StaleSpan
from apps.subscriptions.selectors import cycles_of
from apps.usage.models import Conflict, Interval
from apps.usage.services import decide_conflict
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, text_of
from tests.factories.people import made_user
from tests.factories.portfolios import (
    SMS,
    STANDARD,
    customer,
    digital,
    enter,
    line,
    partner,
    portfolio,
    stored_customer,
    subscription,
)
from tests.factories.usage import UsageFiles

TODAY = date(2024, 7, 20)
HEADER = "record_id,agent_id,licence,started_at,ended_at\n"
WHY = "the switch says so"


@pytest.fixture(autouse=True)
def in_july(to_day: ToDay) -> None:
    to_day(TODAY)


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1 with one Standard agent committed a calendar month, at 60.00 an agent above it; C-2 is a stranger's."""
    enter(
        portfolio(
            partner("P-1", customer("C-1", subscription("Sub-1", line(STANDARD, 1)))),
            partner("P-2", customer("C-2", subscription("Sub-2", line(STANDARD, 1)))),
        )
    )
    return stored_customer("C-1")


@pytest.fixture
def ben(owner: Customer) -> User:
    """The administrator of P-1."""
    return made_user("ben@example.com", Role.PARTNER_ADMIN, owner)


@pytest.fixture
def charlie(owner: Customer) -> User:
    """The administrator of P-2."""
    return made_user("charlie@example.com", Role.PARTNER_ADMIN, stored_customer("C-2"))


def row(number: int, agent: str, start: str, end: str) -> str:
    return f"s{number},{agent},standard,{start}:00:00Z,{end}:00:00Z\n"


def conflicting(files: UsageFiles) -> Conflict:
    """a, b and c log in during June; what arrives later says that the session of c was another one of b."""
    sessions = [
        row(1, "a", "2024-06-10T08", "2024-06-10T16"),
        row(2, "b", "2024-06-10T08", "2024-06-10T16"),
        row(3, "c", "2024-06-15T08", "2024-06-15T16"),
    ]
    files.take(HEADER + "".join(sessions))
    files.take(HEADER + row(3, "b", "2024-06-15T08", "2024-06-15T16"))
    with scope(PROVIDER):
        return Conflict.objects.select_related("customer__partner", "delivery").get()


@pytest.fixture
def conflict(owner: Customer, files: UsageFiles) -> Conflict:
    return conflicting(files)


def effects(conflict: Conflict) -> list[CycleEffect]:
    with scope(PROVIDER):
        return list_effects(conflict, today=TODAY)


def billed(owner: Customer) -> dict[UsageType, int]:
    with scope(PROVIDER):
        cycle = next(
            each
            for each in cycles_of(owner, Service.CONTACT_CENTRE, until=TODAY)
            if each.first == date(2024, 6, 1)
        )
        figures = get_figures(owner, cycle, today=TODAY)
        return {usage_type: each.quantity for usage_type, each in figures.billed.items()}


def test_R13_the_effect_is_what_the_decision_then_does(conflict: Conflict, owner: Customer) -> None:
    (effect,) = effects(conflict)
    assert not effect.is_closed
    assert (effect.cycle.first, effect.cycle.last) == (date(2024, 6, 1), date(2024, 6, 30))
    assert effect.billed == [(UsageType.STANDARD_NAMED, 2, 1)]
    changed = [
        (was.day, was.used, now.used, was.overage, now.overage)
        for was, now in effect.rows
        if was.usage_type is UsageType.STANDARD_NAMED
    ]
    assert changed == [(date(2024, 6, day), 3, 2, 2, 1) for day in range(15, 31)]
    # The ports that come with agents (R8) follow them.
    ports = {
        (was.committed, now.committed) for was, now in effect.rows if was.usage_type is UsageType.IVR_PORT
    }
    assert ports == {(6, 4)}
    assert billed(owner)[UsageType.STANDARD_NAMED] == 2
    with scope(PROVIDER):
        decide_conflict(conflict=conflict, take_arriving=True, by="dana", reason=WHY)
    assert billed(owner)[UsageType.STANDARD_NAMED] == 1


def test_R14_the_effect_in_money_is_wholesale_before_tax(conflict: Conflict) -> None:
    with scope(PROVIDER):
        (priced,) = list_priced_effects(conflict, today=TODAY)
    assert (priced.currency, priced.before, priced.after, priced.difference) == (
        "EUR",
        Decimal("120.00"),
        Decimal("60.00"),
        Decimal("-60.00"),
    )


def test_R13_looking_stores_nothing(conflict: Conflict) -> None:
    with scope(PROVIDER):
        StaleSpan.objects.all().delete()
    effects(conflict)
    with scope(PROVIDER):
        assert Interval.objects.get(record_id="s3").actor == "c"
        assert Conflict.objects.get().decided_at is None
        assert not StaleSpan.objects.exists()


def test_R13_a_conflict_between_cycles_has_an_effect_on_both(owner: Customer, files: UsageFiles) -> None:
    files.take(HEADER + row(1, "a", "2024-06-10T08", "2024-06-10T16"))
    files.take(HEADER + row(1, "a", "2024-07-03T08", "2024-07-03T16"))
    with scope(PROVIDER):
        found = effects(Conflict.objects.select_related("customer").get())
    assert [(each.cycle.first, each.changes) for each in found] == [
        (date(2024, 6, 1), True),
        (date(2024, 7, 1), True),
    ]
    assert found[1].until == date(2024, 7, 19)


def test_R13_days_in_no_cycle_have_no_effect(owner: Customer, files: UsageFiles) -> None:
    files.take(HEADER + row(1, "a", "2023-06-10T08", "2023-06-10T16"))
    files.take(HEADER + row(1, "b", "2023-06-10T08", "2023-06-10T16"))
    with scope(PROVIDER):
        assert effects(Conflict.objects.select_related("customer").get()) == []


def test_R12_units_of_digital_channels_have_an_effect_on_their_own_cycles(
    db: None, files: UsageFiles
) -> None:
    enter(portfolio(partner("P-1", customer("C-1", digital("Dig-1", line(SMS, 100))))))
    header = "record_id,sku,quantity,occurred_at\n"
    files.take(header + f"d1,{SMS},150,2024-06-10T08:00:00Z\n", kind="digital-usage")
    files.take(header + f"d1,{SMS},70,2024-06-10T08:00:00Z\n", kind="digital-usage")
    with scope(PROVIDER):
        conflict = Conflict.objects.select_related("customer__partner").get()
        (priced,) = list_priced_effects(conflict, today=TODAY)
    ((sku, was, now),) = priced.effect.units
    assert (sku, was.raw, was.billable, now.raw, now.billable) == (SMS, 150, 50, 70, 0)
    assert priced.difference == Decimal("-5.00")


# The page


def address(conflict: Conflict) -> str:
    return f"/conflicts/{conflict.pk}/"


def test_the_page_shows_both_sides_and_the_effect(conflict: Conflict, ben: User, client_of: Browser) -> None:
    text = text_of(client_of(ben).get(address(conflict)).content.decode())
    assert "15 Jun – 30 Jun 2024 Standard Named Agent used 3 → 2; Standard Named Agent billed 2 → 1" in text
    assert "billed 2 → 1" in text
    assert "−60.00 EUR" in text
    assert "Agent c b (differs)" in text
    assert "A file of the provider Line 2" in text


def test_a_partners_administrator_decides_and_it_is_told_who_and_why(
    conflict: Conflict, ben: User, client_of: Browser
) -> None:
    client = client_of(ben)
    missing = client.post(address(conflict), {"decision": "take"})
    assert missing.status_code == 422
    assert client.post(address(conflict), {"decision": "take", "reason": WHY}).status_code == 302
    with scope(PROVIDER):
        decided = Conflict.objects.get(pk=conflict.pk)
        assert (decided.decided_by, decided.took_arriving, decided.reason) == (ben.email, True, WHY)
    text = text_of(client.get(address(conflict)).content.decode())
    assert WHY in text
    assert ben.email in text
    assert "Effect on the figures" not in text
    again = client.post(address(conflict), {"decision": "keep", "reason": WHY}, follow=True)
    assert "has decided about the record s3 already" in text_of(again.content.decode())


def test_a_decided_conflict_shows_for_ever_what_it_was_decided_between(
    conflict: Conflict, ben: User, client_of: Browser, files: UsageFiles
) -> None:
    """c was stored. b arrived and was taken, d arrived and was not, e arrived, was taken and replaced b."""
    decided = {}
    for agent, takes in (("b", True), ("d", False), ("e", True)):
        files.take(HEADER + row(3, agent, "2024-06-15T08", "2024-06-15T16"))
        with scope(PROVIDER):
            waiting = Conflict.objects.get(decided_at=None)
        with scope(ben.scope):
            decide_conflict(conflict=waiting, take_arriving=takes, by=ben.email, reason=WHY)
        decided[agent] = waiting
    with scope(PROVIDER):
        decided["c"] = Conflict.objects.get(actor="c")
    client = client_of(ben)
    for agent, sides, state in (
        ("b", "b c", "Arriving taken"),
        ("d", "b d", "Stored kept"),
        ("e", "e b", "Arriving taken"),
        ("c", "b c", "Replaced"),
    ):
        text = text_of(client.get(address(decided[agent])).content.decode())
        assert state in text, agent
        assert f"Agent {sides} (differs)" in text, agent
        assert text.count("(differs)") == 1, agent
        assert ("What was decided for counts no more" in text) is (agent != "e"), agent


@pytest.mark.parametrize("role", [Role.PARTNER_READER, Role.PARTNER_BILLING, Role.PROVIDER_SUPPORT])
def test_others_look_only(conflict: Conflict, owner: Customer, role: Role, client_of: Browser) -> None:
    looking = client_of(made_user("x@example.com", role, None if role.startswith("provider") else owner))
    page = looking.get(address(conflict))
    assert page.status_code == 200
    assert 'name="decision"' not in page.content.decode()
    assert looking.post(address(conflict), {"decision": "take", "reason": WHY}).status_code == 403
    assert (
        looking.post(
            f"/conflicts/?delivery={conflict.delivery_id}", {"decision": "take", "reason": WHY}
        ).status_code
        == 403
    )
    with scope(PROVIDER):
        assert Conflict.objects.get().decided_at is None


def test_a_stranger_and_a_customer_find_nothing(
    conflict: Conflict, owner: Customer, charlie: User, client_of: Browser
) -> None:
    for who in (charlie, made_user("alice@example.com", Role.CUSTOMER_ADMIN, owner)):
        client = client_of(who)
        assert client.get(address(conflict)).status_code == 404
        assert client.post(address(conflict), {"decision": "take", "reason": WHY}).status_code == 404
    strange = client_of(charlie)
    assert "s3" not in text_of(strange.get("/conflicts/").content.decode())
    assert "s3" not in strange.get("/conflicts/export.csv").content.decode()
    refused = strange.post(
        f"/conflicts/?delivery={conflict.delivery_id}", {"decision": "take", "reason": WHY}
    )
    assert refused.status_code == 404
    for path in ("/conflicts/", "/conflicts/export.csv"):
        with scope(PROVIDER):
            alice = User.objects.get(email="alice@example.com")
        assert client_of(alice).get(path).status_code == 404


def test_R13_in_a_closed_cycle_the_provider_decides_and_the_page_says_what_is_adjusted(
    owner: Customer, files: UsageFiles, ben: User, client_of: Browser
) -> None:
    first = "".join(row(n, agent, "2024-06-10T08", "2024-06-10T16") for n, agent in enumerate("abc"))
    files.take(HEADER + first)
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=date(2024, 6, 1), today=TODAY, by="test")
        assert ClosedCycle.objects.exists()
    files.take(HEADER + row(2, "b", "2024-06-10T08", "2024-06-10T16"))
    with scope(PROVIDER):
        conflict = Conflict.objects.get()
    client = client_of(ben)
    page = client.get(address(conflict)).content.decode()
    text = text_of(page)
    assert "Adjustment, before tax −60.00 EUR" in text
    assert "is invoiced, so the provider decides" in text
    assert 'name="decision"' not in page
    refused = client.post(address(conflict), {"decision": "take", "reason": WHY}, follow=True)
    assert "the provider decides about the record s2" in text_of(refused.content.decode())
    dana = client_of(made_user("dana@example.com", Role.PROVIDER_ADMIN))
    assert dana.post(address(conflict), {"decision": "take", "reason": WHY}).status_code == 302
    with scope(PROVIDER):
        assert Conflict.objects.get(pk=conflict.pk).took_arriving
        assert Interval.objects.get(record_id="s2").actor == "b"


def test_all_conflicts_of_a_file_are_decided_with_one_reason(
    owner: Customer, files: UsageFiles, ben: User, client_of: Browser
) -> None:
    files.take(HEADER + "".join(row(n, "a", "2024-06-10T08", "2024-06-10T16") for n in range(3)))
    files.take(HEADER + "".join(row(n, "b", "2024-06-10T08", "2024-06-10T16") for n in range(2)))
    files.take(HEADER + row(2, "b", "2024-06-10T08", "2024-06-10T16"))
    with scope(PROVIDER):
        first, _second, third = Conflict.objects.order_by("delivery_id", "line_number")
    path = f"/conflicts/?delivery={first.delivery_id}"
    client = client_of(ben)
    assert "2 conflicts of this file wait" in text_of(client.get(path).content.decode())
    assert client.post(path, {"decision": "take", "reason": ""}).status_code == 422
    assert client.post(path, {"decision": "take", "reason": WHY}).status_code == 302
    with scope(PROVIDER):
        assert set(Conflict.objects.filter(decided_at=None).values_list("pk", flat=True)) == {third.pk}
        actors = Interval.objects.order_by("record_id").values_list("actor", flat=True)
        assert list(actors) == ["b", "b", "a"]
    for late in (path, f"{path}&decided=false"):
        told = client.post(late, {"decision": "take", "reason": WHY}, follow=True)
        assert "has decided about the record" in text_of(told.content.decode())
    others = f"/conflicts/?delivery={third.delivery_id}&kind=voice-calls"  # decides nothing but what it names
    assert client.post(others, {"decision": "take", "reason": WHY}).status_code == 404
    with scope(PROVIDER):
        assert Conflict.objects.get(decided_at=None).pk == third.pk
    for none in ("", "?delivery=", "?delivery=0", f"?delivery={2**63}", "?delivery=a", "?record_id=r0"):
        answer = client.post(f"/conflicts/{none}", {"decision": "take", "reason": WHY})
        assert answer.status_code == 404, none


def test_the_list_is_filtered_and_costs_the_same_however_long_it_is(
    owner: Customer, files: UsageFiles, ben: User, client_of: Browser
) -> None:
    def queries(path: str) -> int:
        client = client_of(ben)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    files.take(HEADER + "".join(row(n, "a", "2024-06-10T08", "2024-06-10T16") for n in range(60)))
    files.take(HEADER + row(0, "b", "2024-06-10T08", "2024-06-10T16"))
    few = queries("/conflicts/")
    files.take(HEADER + "".join(row(n, "b", "2024-06-10T08", "2024-06-10T16") for n in range(60)))
    assert queries("/conflicts/") == few <= 11
    page = client_of(ben).get("/conflicts/?record_id=s7").content.decode()
    assert re.findall(r"/conflicts/\d+/", page) != []
    assert "1–1 of 1" in text_of(page)
    assert "Nothing" not in page
    wrong = client_of(ben).get("/conflicts/?kind=nonsense")
    assert "No conflict here." in text_of(wrong.content.decode())


def test_the_file_of_conflicts_holds_no_formula(
    owner: Customer, files: UsageFiles, ben: User, client_of: Browser
) -> None:
    files.take(HEADER + "=1+1,a,standard,2024-06-10T08:00:00Z,\n")
    files.take(HEADER + "=1+1,@b,standard,2024-06-10T08:00:00Z,\n")
    text = client_of(ben).get("/conflicts/export.csv").content.decode()
    (found,) = csv.DictReader(io.StringIO(text))
    assert found["Record"] == "'=1+1"
    assert found["Agent, contact or SKU"] == "'@b"
    assert (found["Customer"], found["Line"], found["Decision"]) == ("C-1", "2", "")


def test_what_a_file_says_is_no_markup(
    owner: Customer, files: UsageFiles, ben: User, client_of: Browser
) -> None:
    files.take(HEADER + "<b>x</b>,<i>a</i>,standard,2024-06-10T08:00:00Z,\n")
    files.take(HEADER + "<b>x</b>,<i>b</i>,standard,2024-06-10T08:00:00Z,\n")
    with scope(PROVIDER):
        conflict = Conflict.objects.get()
    for path in ("/conflicts/", address(conflict)):
        page = client_of(ben).get(path).content.decode()
        assert "<b>x</b>" not in page
        assert "<i>" not in page
        assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_a_stranger_sees_no_effect(conflict: Conflict) -> None:
    stranger = stored_customer("C-2")
    with scope(Scope(DatabaseRole.PARTNER, stranger.partner_id)):
        assert not Conflict.objects.exists()
