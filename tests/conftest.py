"""What all tests share: the embedded services, four people, and the sample data. A stranger is always present."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils import translation
from hypothesis import Phase, settings
from pytest_django import DjangoDbBlocker

from apps.accounts.models import Role, User
from apps.core.tenancy import PROVIDER, Scope, scope
from apps.organisations.models import Customer
from apps.subscriptions.services import import_portfolio
from apps.usage.services import UsageImported, import_usage
from portal.embedded import ensure_running

SAMPLE = Path(__file__).resolve().parent.parent / "portal" / "sample"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery"

STRANGERS = """{"price_books": [{"ref": "strange-eur", "currency": "EUR", "prices": []}],
 "partners": [{"ref": "P-900", "name": "Stranger SARL", "country": "FR", "price_book": "strange-eur",
  "customers": [{"ref": "C-900", "name": "Inconnu SA", "country": "FR"}]}]}"""


# No example fails for having been slow: that says something of the machine alone.
settings.register_profile("portal", deadline=None)
settings.load_profile("portal")
# For whoever only asks whether a test fails: no time is spent on the smallest example that does.
settings.register_profile(
    "first-failure",
    parent=settings.get_profile("portal"),
    phases=[Phase.explicit, Phase.generate],
    database=None,
)


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--without-database"):
        ensure_running()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The test database is made by the owner of its tables; the tests sign in to it as the application does."""
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=0,
            interactive=False,
            aliases=dict.fromkeys(("default", "owner")),
            serialized_aliases=set(),
        )
    assert connections["default"].settings_dict["NAME"].startswith("test_")
    yield
    with django_db_blocker.unblock():
        connections["default"].close()
        teardown_databases(made, verbosity=0)


def import_file(
    kind: str,
    path: Path,
    *,
    customer: str = "",
    source: str = "import",
    sender: Scope = PROVIDER,
    now: datetime = NOW,
) -> UsageImported:
    """Import a usage file, as the provider unless another sends it."""
    return import_usage(
        kind=kind,
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        sender=sender,
        now=now,
        customer_ref=customer,
        source=source,
    )


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A request leaves its language behind in the thread; no test hears what another one asked for."""
    with translation.override("en"):
        yield


@pytest.fixture
def as_provider(db: None) -> Iterator[None]:
    """The test's own queries see everything."""
    with scope(PROVIDER):
        yield


@pytest.fixture
def guide_example(db: None) -> Customer:
    """C-100 of the licence guide: 5 Premium and 20 Standard named agents, bill day 9, usage to 13 June 2024."""
    with scope(PROVIDER):
        import_portfolio(text=(SAMPLE / "guide-example" / "portfolio.json").read_bytes(), by="test")
    import_file("agent-sessions", SAMPLE / "guide-example" / "agent-sessions.csv", customer="C-100")
    with scope(PROVIDER):
        return Customer.objects.select_related("partner").get(ref="C-100")


@pytest.fixture
def strangers(db: None) -> Customer:
    """C-900, a customer of another partner."""
    with scope(PROVIDER):
        import_portfolio(text=STRANGERS, by="test")
        return Customer.objects.select_related("partner").get(ref="C-900")


@pytest.fixture
def alice(guide_example: Customer) -> User:
    """The administrator of C-100."""
    with scope(PROVIDER):
        return User.objects.create_user(
            email="alice@example.com",
            role=Role.CUSTOMER_ADMIN,
            password=PASSWORD,
            partner=guide_example.partner,
            customer=guide_example,
        )


@pytest.fixture
def bob(guide_example: Customer) -> User:
    """The administrator of her partner."""
    with scope(PROVIDER):
        return User.objects.create_user(
            email="bob@example.com", role=Role.PARTNER_ADMIN, password=PASSWORD, partner=guide_example.partner
        )


@pytest.fixture
def charlie(strangers: Customer) -> User:
    """The administrator of another partner."""
    with scope(PROVIDER):
        return User.objects.create_user(
            email="charlie@example.com", role=Role.PARTNER_ADMIN, password=PASSWORD, partner=strangers.partner
        )


@pytest.fixture
def dana(db: None) -> User:
    """A provider administrator."""
    with scope(PROVIDER):
        return User.objects.create_user(email="dana@example.com", role=Role.PROVIDER_ADMIN, password=PASSWORD)


@pytest.fixture
def client_of(db: None) -> Callable[[User], Client]:
    """A browser in which somebody is signed in: ``client_of(alice).get(...)``."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-database", action="store_true", help="only tests of plain Python")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--without-database"):
        of_database = {"db", "committed", "django_db_setup"}
        items[:] = [
            item
            for item in items
            if isinstance(item, pytest.Function)
            and not of_database & {*item.fixturenames} - _parameters(item)
            and not item.get_closest_marker("django_db")
        ]


def _parameters(item: pytest.Function) -> set[str]:
    """Names that a table of cases gives, and no fixture."""
    return set(item.callspec.params) if hasattr(item, "callspec") else set()
