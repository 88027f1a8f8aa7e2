"""R12: units of digital channels against those that are included; as figures, on their page, as a file, in the API."""

from __future__ import annotations

import re
from datetime import date

import pytest

from apps.accounts.models import Role as UserRole
from apps.accounts.models import User
from apps.catalogue.domain.charges import ChargeKind
from apps.catalogue.domain.kinds import Service
from apps.catalogue.models import Sku
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer
from apps.reconciliation.digital import (
    DigitalFigures,
    get_digital_figures,
    has_digital_channels,
    offered_digital_cycles,
    usage_charges,
)
from apps.reconciliation.domain.digital import Units, settle_units
from apps.reconciliation.selectors import NothingToUse, cycle_starting
from apps.subscriptions.models import ClosedCycle
from tests.factories.clock import ToDay
from tests.factories.pages import Browser, get, rows_of, text_of
from tests.factories.people import made_user
from tests.factories.portfolios import (
    CONNECT,
    INTERACTIONS,
    SMS,
    STANDARD,
    VOICE,
    Part,
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
from tests.factories.usage import UsageFiles

TODAY = date(2024, 12, 1)
JUNE = date(2024, 6, 3)
CENTRE = subscription("Sub-1", line(STANDARD, 1))


def connect(*lines: Part, number: str = "Dig-1", starts_on: str = "2024-01-03", **fields: Part | str) -> Part:
    """A digital subscription with bill day 3."""
    return digital(number, *lines, **{"starts_on": starts_on, "bill_day": 3, **fields})


def figures_of(
    owner: Customer, first: date = JUNE, *, today: date = TODAY, until: date | None = None
) -> DigitalFigures:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, first, today=today, service=Service.DIGITAL)
        return get_digital_figures(owner, cycle, today=today, until=until)


def units(found: DigitalFigures) -> dict[str, tuple[int, int, int]]:
    """Raw, included, billable by SKU."""
    return {each.sku: (each.raw, each.included, each.billable) for each in found.units}


# The rule


@pytest.mark.parametrize(
    ("raw", "included", "billable"),
    [(2133, 2000, 133), (2000, 2000, 0), (0, 2000, 0), (1999, 2000, 0), (25, 0, 25), (0, 0, 0)],
)
def test_R12_billed_are_the_units_above_those_included(raw: int, included: int, billable: int) -> None:
    assert Units(SMS, raw, included).billable == billable


def test_R12_the_skus_that_were_used_or_are_included_in_their_order() -> None:
    assert settle_units(raw={VOICE: 70, SMS: 0}, included={INTERACTIONS: 100, SMS: 0}) == [
        Units(VOICE, 70, 0),
        Units(INTERACTIONS, 0, 100),
    ]


# Figures


@pytest.mark.django_db
def test_R12_units_are_counted_by_sku_over_the_days_of_the_cycle(files: UsageFiles) -> None:
    owner = entered(connect(line(SMS, 20), line(CONNECT, 1)))
    files.units(
        (SMS, 1, "2024-06-02T23:59:59.999999Z"),
        (SMS, 25, "2024-06-03T00:00:00Z"),
        (SMS, 5, "2024-07-02T23:59:59.999999Z"),
        (SMS, 1, "2024-07-03T00:00:00Z"),
        (VOICE, 70, "2024-06-20"),
    )
    assert units(figures_of(owner)) == {SMS: (30, 20, 10), VOICE: (70, 0, 70)}


@pytest.mark.django_db
def test_R12_of_a_cycle_still_open_the_complete_days_count_and_all_that_is_included(
    files: UsageFiles,
) -> None:
    owner = entered(connect(line(SMS, 20)))
    files.units((SMS, 10, "2024-06-03"), (SMS, 100, "2024-06-04"), (SMS, 1000, "2024-06-05"))
    found = figures_of(owner, today=date(2024, 6, 5))
    assert (found.until, found.is_closed, units(found)) == (date(2024, 6, 4), False, {SMS: (110, 20, 90)})
    assert units(figures_of(owner, until=date(2024, 6, 3))) == {SMS: (10, 20, 0)}
    with pytest.raises(NothingToUse):
        figures_of(owner, today=JUNE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lines", "included"),
    [
        ([line(SMS, 20)], 20),
        ([line(SMS, 20, first="2024-06-04")], 0),
        ([line(SMS, 20, last="2024-06-03"), line(SMS, 500, first="2024-06-04")], 20),
        ([line(SMS, 20), line(SMS, 5, first="2024-06-03", last="2024-06-03")], 25),
        ([line(SMS, 20, last="2024-06-02")], 0),
    ],
    ids=["all along", "from the second day", "until the first day", "two lines", "until the day before"],
)
def test_R12_included_are_the_units_in_force_on_the_cycles_first_day_never_in_proportion(
    lines: list[Part], included: int
) -> None:
    found = units(figures_of(entered(connect(*lines))))
    assert found == ({SMS: (0, included, 0)} if included else {})


@pytest.mark.django_db
def test_R12_included_units_are_added_up_over_the_subscriptions(files: UsageFiles) -> None:
    owner = entered(
        connect(line(SMS, 20)),
        connect(line(SMS, 7), number="Dig-2", starts_on="2024-06-03"),
        connect(line(SMS, 400), number="Dig-3", starts_on="2024-06-04"),
        connect(line(SMS, 8000), number="Dig-4", ends_on="2024-06-02"),
    )
    files.units((SMS, 100, "2024-06-10"))
    found = figures_of(owner)
    assert units(found) == {SMS: (100, 27, 73)}
    assert found.cycle.primary.number == "Dig-1"


@pytest.mark.django_db
def test_R12_a_short_first_cycle_includes_all_units(files: UsageFiles) -> None:
    owner = entered(connect(line(SMS, 20), starts_on="2024-06-30"))
    files.units((SMS, 30, "2024-07-01"))
    assert units(figures_of(owner, date(2024, 6, 30))) == {SMS: (30, 20, 10)}


@pytest.mark.django_db
def test_R12_usage_of_somebody_else_or_of_the_contact_centre_does_not_count(files: UsageFiles) -> None:
    enter(
        portfolio(partner("P-1", customer("C-1", CENTRE, connect()), customer("C-2", connect(number="D2"))))
    )
    files.units((SMS, 30, "2024-06-10"), customer="C-2")
    assert units(figures_of(stored_customer("C-1"))) == {}
    assert units(figures_of(stored_customer("C-2"))) == {SMS: (30, 0, 30)}


@pytest.mark.django_db
def test_R12_what_is_billed_falls_on_the_primary_subscription_and_its_cycle(files: UsageFiles) -> None:
    owner = entered(connect(line(SMS, 20)), connect(number="Dig-0", starts_on="2024-02-01"))
    files.units((SMS, 30, "2024-06-10"), (VOICE, 0, "2024-06-10"))
    (charge,) = usage_charges(figures_of(owner))
    assert (charge.kind, charge.sku, charge.subscription, charge.quantity) == (
        ChargeKind.USAGE,
        SMS,
        "Dig-1",
        10,
    )
    assert (charge.period.first, charge.period.last) == (JUNE, date(2024, 7, 2))
    assert charge.price_day == date(2024, 7, 2)


@pytest.mark.django_db
def test_a_closed_cycle_keeps_its_figures_and_what_explains_them(files: UsageFiles) -> None:
    owner = entered(connect(line(SMS, 20), line(CONNECT, 1)))
    files.units((SMS, 30, "2024-06-10"))
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=JUNE, today=TODAY, by="test")
    files.units((SMS, 500, "2024-06-11"))
    found = figures_of(owner)
    assert (found.is_closed, units(found)) == (True, {SMS: (30, 20, 10)})
    assert units(figures_of(owner, until=date(2024, 6, 11))) == {SMS: (530, 20, 510)}
    with scope(PROVIDER):
        closed = ClosedCycle.objects.get()
    assert closed.snapshot["inputs"]["cycle"] == ["2024-06-03", "2024-07-02", "Dig-1"]
    assert closed.snapshot["units"] == {SMS: {"raw": 30, "included": 20, "billable": 10}}
    assert closed.inputs_hash == found.inputs_hash


@pytest.mark.django_db
def test_R10_the_cycles_offered_reach_13_months_back_from_the_newest_with_usage(files: UsageFiles) -> None:
    owner = entered(connect(starts_on="2021-01-03"))
    with scope(PROVIDER):
        without = offered_digital_cycles(owner, today=TODAY)
    assert without.newest is not None
    assert (without.newest.first, len(without.listed)) == (date(2024, 11, 3), 14)
    files.units((SMS, 1, "2022-06-10"), (SMS, 1, "2021-06-10"))
    with scope(PROVIDER):
        found = offered_digital_cycles(owner, today=TODAY)
    assert found.newest is not None
    assert found.newest.first == date(2022, 6, 3)
    assert [cycle.first for cycle in found.listed if not found.has_usage(cycle)] == [
        *(cycle.first for cycle in without.listed),
        date(2021, 5, 3),
    ]
    assert len(found.started) > len(found.listed)


@pytest.mark.django_db
def test_a_customer_has_digital_channels_by_a_subscription_or_by_usage(files: UsageFiles) -> None:
    enter(
        portfolio(
            partner("P-1", customer("C-1", CENTRE), customer("C-2", connect()), customer("C-3")),
            partner("P-9", customer("C-9", connect(number="Dig-9"))),
        )
    )
    files.units((SMS, 1, "2024-06-10"), customer="C-3")
    ours = stored_customer("C-1")
    for ref, expected in (("C-1", False), ("C-2", True), ("C-3", True), ("C-9", False)):
        shown = stored_customer(ref)
        with scope(Scope(Role.PARTNER, ours.partner_id)):
            assert has_digital_channels(shown) is expected


# Pages, files, API


PAGE, CSV, API = "/customers/C-1/digital/", "/customers/C-1/digital.csv", "/api/v1/customers/C-1/digital/"


@pytest.fixture
def owner(db: None, files: UsageFiles, to_day: ToDay) -> Customer:
    """C-1 with both services in July 2024; C-2, which has no digital channels; a stranger, C-9."""
    enter(
        portfolio(
            partner(
                "P-1",
                customer("C-1", CENTRE, connect(line(SMS, 20), line(INTERACTIONS, 2000))),
                customer("C-2", subscription("Sub-2")),
            ),
            partner("P-9", customer("C-9", connect(number="Dig-9"))),
        )
    )
    files.units((SMS, 25, "2024-06-10"), (INTERACTIONS, 1999, "2024-06-11"), (VOICE, 70, "2024-06-12"))
    files.units((SMS, 7, "2024-05-10"))
    to_day(date(2024, 7, 20))
    return stored_customer("C-1")


def made(role: UserRole, of: Customer) -> User:
    """Somebody of a customer, or of its partner."""
    return made_user(f"{role}-{of.ref.lower()}@example.com", role, of)


@pytest.fixture
def alva(owner: Customer) -> User:
    """A reader of C-1."""
    return made(UserRole.CUSTOMER_READER, owner)


@pytest.fixture
def erik(owner: Customer) -> User:
    """The administrator of its partner."""
    return made(UserRole.PARTNER_ADMIN, owner)


def test_the_page_shows_raw_included_and_billable_side_by_side(client_of: Browser, alva: User) -> None:
    page = get(client_of(alva), PAGE)
    assert rows_of(page) == [
        f"{SMS} SMS International Usage 25 20 5",
        f"{VOICE} Voice International Usage 70 0 70",
        f"{INTERACTIONS} Premium Automated Interactions 1,999 2,000 0",
    ]
    words = text_of(page)
    assert "SKU Description Raw Included Billable" in words
    assert "Provisional Data until 2 Jul 2024" in words
    assert "Primary subscription Dig-1" in words


def test_the_chooser_offers_the_digital_cycles(client_of: Browser, alva: User) -> None:
    page = get(client_of(alva), PAGE)
    options = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)</option>', page)
    assert options[:3] == [
        ("2024-07-03", "", "07/03/2024 - 08/02/2024, no usage"),
        ("2024-06-03", " selected", "06/03/2024 - 07/02/2024"),
        ("2024-05-03", "", "05/03/2024 - 06/02/2024"),
    ]
    assert rows_of(get(client_of(alva), f"{PAGE}?cycle=2024-05-03"))[0].endswith("Usage 7 20 0")
    for unknown in ("2024-06-04", "2030-06-03", "2020-06-03", "x", "%00"):
        assert client_of(alva).get(f"{PAGE}?cycle={unknown}").status_code == 404


def test_a_cycle_that_is_invoiced_is_final_on_the_page_and_in_the_api(
    client_of: Browser, alva: User, owner: Customer, files: UsageFiles
) -> None:
    with scope(PROVIDER):
        issue_invoices(customer=owner, first_day=date(2024, 6, 1), today=date(2024, 7, 20), by="test")
    files.units((SMS, 500, "2024-05-11"))
    page = get(client_of(alva), f"{PAGE}?cycle=2024-05-03")
    assert "Final" in text_of(page)
    assert rows_of(page)[0].endswith("Usage 7 20 0")
    answer = client_of(alva).get(f"{API}?cycle=2024-05-03").json()
    assert (answer["is_provisional"], answer["results"][0]["raw"]) == (False, 7)


def test_the_csv_has_what_the_page_shows(client_of: Browser, alva: User) -> None:
    answer = client_of(alva).get(f"{CSV}?cycle=2024-06-03")
    assert answer.content.decode() == (
        "SKU,Description,Raw,Included,Billable\n"
        f"{SMS},SMS International Usage,25,20,5\n"
        f"{VOICE},Voice International Usage,70,0,70\n"
        f"{INTERACTIONS},Premium Automated Interactions,1999,2000,0\n"
    )
    assert answer["Content-Disposition"] == 'attachment; filename="digital-channels-C-1-2024-06-03.csv"'
    assert client_of(alva).get(f"{CSV}?cycle=2024-06-04").status_code == 404


def test_a_description_is_no_formula_in_a_spreadsheet(client_of: Browser, alva: User) -> None:
    with scope(PROVIDER):
        Sku.objects.filter(code=SMS).update(name="=1+1")
    assert f"{SMS},'=1+1,25,20,5\n" in get(client_of(alva), CSV)


def test_the_api_has_what_the_page_shows(client_of: Browser, erik: User) -> None:
    assert client_of(erik).get(f"{API}?until=2024-06-10").json() == {
        "customer": "C-1",
        "cycle": {"first_day": "2024-06-03", "last_day": "2024-07-02", "subscription": "Dig-1"},
        "until": "2024-06-10",
        "is_provisional": True,
        "results": [
            {
                "sku": SMS,
                "description": "SMS International Usage",
                "raw": 25,
                "included": 20,
                "billable": 5,
            },
            {
                "sku": INTERACTIONS,
                "description": "Premium Automated Interactions",
                "raw": 0,
                "included": 2000,
                "billable": 0,
            },
        ],
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?cycle=2024-06-04", 404),
        ("?cycle=2030-06-03", 404),
        ("?cycle=June", 400),
        ("?until=20240610", 400),
        ("?cycle=2024-07-03&until=2024-07-02", 409),
    ],
)
def test_the_api_refuses_what_is_no_cycle_or_no_day(
    client_of: Browser, erik: User, query: str, status: int
) -> None:
    answer = client_of(erik).get(API + query)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_without_digital_channels_there_is_no_tab_and_nothing_to_show(
    client_of: Browser, erik: User, owner: Customer
) -> None:
    client = client_of(erik)
    for page in ("", "daily-detail/", "voice/"):
        assert "/customers/C-1/digital/" in get(client, f"/customers/C-1/{page}")
        assert "/customers/C-2/digital/" not in get(client, f"/customers/C-2/{page}")
    assert "/customers/C-1/digital/" in get(client, "/invoices/?customer=C-1")
    assert "No billing cycle yet" in get(client, "/customers/C-2/digital/")
    assert client.get("/customers/C-2/digital.csv").status_code == 404
    assert client.get("/api/v1/customers/C-2/digital/").status_code == 404


def test_a_customer_with_digital_channels_alone_has_their_page(
    client_of: Browser, db: None, files: UsageFiles, to_day: ToDay
) -> None:
    alone = entered(connect(line(SMS, 20)))
    files.units((SMS, 30, "2024-06-10"))
    to_day(date(2024, 7, 20))
    client = client_of(made(UserRole.CUSTOMER_ADMIN, alone))
    assert "/customers/C-1/digital/" in get(client, "/customers/C-1/")
    assert rows_of(get(client, PAGE)) == [f"{SMS} SMS International Usage 30 20 10"]


@pytest.mark.parametrize("address", [PAGE, CSV, API])
def test_a_stranger_gets_what_is_not_there(client_of: Browser, owner: Customer, address: str) -> None:
    stranger = made(UserRole.PARTNER_ADMIN, stored_customer("C-9"))
    neighbour = made(UserRole.CUSTOMER_ADMIN, stored_customer("C-2"))
    for user in (stranger, neighbour):
        assert client_of(user).get(address).status_code == 404
        assert client_of(user).get(address.replace("C-1", "C-404")).status_code == 404
    assert client_of(stranger).get(address.replace("C-1", "C-9")).status_code == 200
