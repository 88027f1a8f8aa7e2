"""The settings of an offer: the other readings of R6 and R8, and how long a record without an end lasts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditEntry, Role, User
from apps.catalogue.domain.kinds import Service, UsageType
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.core.tenancy import Role as DatabaseRole
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.runs import list_stale
from apps.reconciliation.selectors import CycleFigures, cycle_starting, get_figures
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.models import StaleCause, StaleSpan
from apps.subscriptions.services import SettingsRefused, change_offer_settings
from tests.factories.pages import Browser, text_of
from tests.factories.portfolios import STANDARD, digital, entered, line, subscription
from tests.factories.usage import UsageFiles, session

LIST = "/offers/"
PAGE = "/offers/A-FLEX-3-CC/"
TODAY = date(2024, 8, 20)
JUNE = date(2024, 6, 1)
AS_IT_IS: dict[str, Any] = {"billed_peak": "per_type", "ivr_peak": "minute", "longest_open_hours": 24}
REASON = {"reason": "agreed"}


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1: no port but the two of its one agent, and digital channels."""
    return entered(subscription("Sub-1", line(STANDARD, 1)), digital())


def flex() -> Offer:
    with scope(PROVIDER):
        return Offer.objects.get(code="A-FLEX-3-CC")


def change(by: User, **settings: Any) -> Offer:
    with scope(PROVIDER):
        return change_offer_settings(offer=flex(), by=by, **{**AS_IT_IS, **REASON, **settings})


def figures(owner: Customer) -> CycleFigures:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, JUNE, today=TODAY, service=Service.CONTACT_CENTRE)
        return get_figures(owner, cycle, today=TODAY)


def ports(owner: Customer) -> int:
    return max(row.used for row in figures(owner).rows if row.usage_type is UsageType.IVR_PORT)


def reconcile(owner: Customer) -> int:
    with scope(PROVIDER):
        return reconcile_customer(customer=owner, today=TODAY)


# The door


def test_a_change_is_kept_with_who_when_old_new_and_why(owner: Customer, dana: User) -> None:
    changed = change(dana, ivr_peak="instant", longest_open_hours=48, reason=" as agreed ")
    assert (changed.billed_peak, changed.ivr_peak, changed.longest_open_hours) == ("per_type", "instant", 48)
    with scope(PROVIDER):
        entry = AuditEntry.objects.get(action="offer.settings")
    assert (entry.by, entry.subject, entry.reason) == (dana.email, "A-FLEX-3-CC", "as agreed")
    assert entry.before == AS_IT_IS
    assert entry.after == {"billed_peak": "per_type", "ivr_peak": "instant", "longest_open_hours": 48}


def test_it_makes_all_days_of_the_offers_customers_stale(
    owner: Customer, strangers: Customer, dana: User
) -> None:
    with scope(PROVIDER):
        StaleSpan.objects.all().delete()
    change(dana, ivr_peak="instant")
    with scope(PROVIDER):
        span = StaleSpan.objects.get()
        assert set(list_stale(TODAY)) == {owner.pk}
    assert (span.customer_id, span.cause) == (owner.pk, StaleCause.TERMS)
    assert (span.first_day, span.last_day) == (date(2024, 1, 1), date(9999, 12, 31))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"billed_peak": "largest"}, "no such way"),
        ({"ivr_peak": ""}, "no such way"),
        ({"longest_open_hours": 0}, "at least 1 hour"),
        ({"longest_open_hours": 745}, "at most 744 hours"),
        ({"reason": " \n"}, "needs a reason"),
        ({}, "the settings already"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    owner: Customer, dana: User, settings: dict[str, Any], said: str
) -> None:
    reconcile(owner)
    with pytest.raises(SettingsRefused, match=said):
        change(dana, **settings)
    with scope(PROVIDER):
        assert not AuditEntry.objects.filter(action="offer.settings").exists()
        assert not StaleSpan.objects.exists()


def test_digital_channels_have_no_settings(owner: Customer, dana: User) -> None:
    with scope(PROVIDER), pytest.raises(SettingsRefused, match="no settings"):
        change_offer_settings(
            offer=Offer.objects.get(code="A-WEBEX-CONNECT"),
            by=dana,
            **{**AS_IT_IS, **REASON, "ivr_peak": "instant"},
        )


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PROVIDER_ADMIN])
def test_nobody_but_a_provider_administrator_changes_them(owner: Customer, role: Role) -> None:
    with scope(PROVIDER):
        somebody = User.objects.create_user(
            email="somebody@example.com",
            role=role,
            partner=None if role.startswith("provider") else owner.partner,
            customer=owner if role.startswith("customer") else None,
        )
    with pytest.raises(SettingsRefused, match="Only a provider administrator"):
        change(somebody, ivr_peak="instant")
    assert flex().ivr_peak == "minute"


@pytest.mark.parametrize("role", [DatabaseRole.PARTNER, DatabaseRole.CUSTOMER])
def test_the_database_lets_no_tenant_change_them(owner: Customer, role: DatabaseRole) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scope(Scope(role, owner.partner_id, owner.pk)),
    ):
        Offer.objects.update(ivr_peak="instant")


# What follows


def test_R8_contacts_are_counted_anew_by_the_moment(owner: Customer, dana: User, files: UsageFiles) -> None:
    files.use(session("a", "10:00:00", "10:00:20"), session("b", "10:00:30", "10:00:50"), kind="ivr-legs")
    reconcile(owner)
    assert (ports(owner), figures(owner).is_stored) == (2, True)
    change(dana, ivr_peak="instant")
    assert (ports(owner), figures(owner).is_stored) == (1, False)
    reconcile(owner)
    assert (ports(owner), figures(owner).is_stored) == (1, True)
    change(dana)
    assert ports(owner) == 2


def test_a_record_without_an_end_lasts_as_long_as_the_offer_says(
    owner: Customer, dana: User, files: UsageFiles
) -> None:
    files.use(session("a", "23:00", None), kind="ivr-legs")
    reconcile(owner)

    def days() -> list[int]:
        return [
            row.day.day for row in figures(owner).rows if row.usage_type is UsageType.IVR_PORT and row.used
        ]

    assert days() == [10, 11]
    for hours, expected in ((1, [10]), (49, [10, 11, 12])):
        change(dana, longest_open_hours=hours)
        assert days() == expected
        reconcile(owner)
        assert days() == expected


def test_R13_what_is_invoiced_stays_as_it_was_calculated(
    owner: Customer, dana: User, files: UsageFiles
) -> None:
    files.use(session("a", "10:00:00", "10:00:20"), session("b", "10:00:30", "10:00:50"), kind="ivr-legs")
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=JUNE, today=TODAY, by="test")
    reconcile(owner)
    rows = figures(owner).rows
    change(dana, ivr_peak="instant")
    reconcile(owner)
    after = figures(owner)
    assert (after.rows, after.is_closed, after.settings.ivr_peak) == (rows, True, "minute")


# Pages


def test_an_administrator_changes_them_and_reads_the_history(
    client_of: Browser, dana: User, owner: Customer
) -> None:
    client = client_of(dana)
    page = text_of(client.get(PAGE).content.decode())
    assert "1 customer has a subscription to it and is recalculated. Cycles that are invoiced stay" in page
    assert "The settings were never changed." in page
    response = client.post(
        PAGE, {**AS_IT_IS, "billed_peak": "combined_day", "longest_open_hours": 8, "reason": "<b>new</b>"}
    )
    assert response["Location"] == PAGE
    html = client.get(PAGE).content.decode()
    assert "&lt;b&gt;new&lt;/b&gt;" in html
    page = text_of(html)
    assert "The settings of A-FLEX-3-CC are changed" in page
    assert (
        "Billed by: from “Each type's own largest day” to “The marked day”;"
        " A record without an end lasts: from “24 h” to “8 h”" in page
    )
    row = text_of(client.get(LIST).content.decode())
    assert "The marked day By clock minute 8 h 1" in row


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"billed_peak": "x"}, "billed_peak"),
        ({"ivr_peak": ""}, "ivr_peak"),
        ({"longest_open_hours": "745"}, "longest_open_hours"),
        ({"longest_open_hours": "1.5"}, "longest_open_hours"),
        ({"longest_open_hours": "9" * 40}, "longest_open_hours"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
        ({}, "__all__"),
    ],
)
def test_what_cannot_be_changed_says_so_at_its_field(
    client_of: Browser, dana: User, owner: Customer, given: dict[str, str], field: str
) -> None:
    response = client_of(dana).post(PAGE, {**AS_IT_IS, **REASON, **given})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]


def test_only_the_provider_has_the_pages(
    client_of: Browser, alice: User, bob: User, charlie: User, dana: User
) -> None:
    changed = {**AS_IT_IS, **REASON, "ivr_peak": "instant"}
    for user in (alice, bob, charlie):
        client = client_of(user)
        assert [client.get(address).status_code for address in (LIST, PAGE)] == [404, 404]
        assert client.post(PAGE, changed).status_code == 404
    with scope(PROVIDER):
        sam = User.objects.create_user(email="sam@example.com", role=Role.PROVIDER_SUPPORT)
    support = client_of(sam)
    assert support.post(PAGE, changed).status_code == 403
    page = support.get(PAGE).content.decode()
    assert 'name="ivr_peak"' not in page
    assert "By clock minute" in page
    assert flex().ivr_peak == "minute"


@pytest.mark.parametrize("code", ["A-WEBEX-CONNECT", "A-NOTHING", "%00"])
def test_another_offer_has_no_page(client_of: Browser, dana: User, owner: Customer, code: str) -> None:
    assert client_of(dana).get(f"/offers/{code}/").status_code == 404


def test_the_pages_cost_the_same_however_long_the_history(
    client_of: Browser, dana: User, owner: Customer
) -> None:
    client = client_of(dana)

    def queries() -> list[int]:
        counted = []
        for address in (LIST, PAGE):
            with CaptureQueriesContext(connection) as context:
                assert client.get(address).status_code == 200
            counted.append(len(context))
        return counted

    client.get(LIST)
    few = queries()
    assert max(few) <= 11
    for hours in range(1, 24):
        change(dana, longest_open_hours=hours)
    assert max(queries()) <= max(few) + 1  # the entries of the page, once there are some
