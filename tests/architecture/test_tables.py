"""Every table of the database: who may do what with which of its rows, or why it needs no rows kept apart.

A new table must be entered in ``TABLES``, a new reference between tenants' tables in ``REFERENCES``, a new unique value
in ``UNIQUE``: that is the moment to think about who sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, connections, transaction

from apps.accounts.models import AuditEntry
from apps.catalogue.models import Offer
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.models import Invoice, InvoiceLine
from apps.organisations.models import Customer, Partner
from apps.subscriptions.models import ClosedCycle, Subscription, SurgeChange
from portal.embedded import addresses
from portal.embedded.roles import LOGIN, OWNER, START_ROLE, TAKEN_ROLES
from tests.security.world import Party, World

EVERY = "true"
OWN_PARTNER = "partner_id = partner"
OWN_CUSTOMER = "customer_id = customer"
BOOKS_BOUGHT_BY = (
    "IN SELECT catalogue_partnerterms.price_book_id FROM catalogue_partnerterms"
    " UNION SELECT catalogue_customerterms.price_book_id FROM catalogue_customerterms"
)

READ = "SELECT"
APPEND = "SELECT INSERT"
CHANGE = "SELECT INSERT UPDATE"
ALL = "SELECT INSERT UPDATE DELETE"


@dataclass(frozen=True)
class Table:
    """Rights by role, with the rows they are on; ``shared`` says why rows are not kept apart."""

    rights: dict[str, tuple[str, str]] = field(default_factory=dict)
    shared: str = ""


def kept_apart(**rights: tuple[str, str]) -> Table:
    """A table with row-level security: for each role what it may and on which rows."""
    return Table(rights)


def of_customer(provider: str, partner: str = READ, customer: str = READ) -> Table:
    """The usual table: the provider has all rows, a partner and a customer their own."""
    return kept_apart(
        provider=(provider, EVERY), partner=(partner, OWN_PARTNER), customer=(customer, OWN_CUSTOMER)
    )


def shared(why: str, **rights: str) -> Table:
    """A table whose rows are the same for all that have a right."""
    return Table({role: (may, "") for role, may in rights.items()}, why)


TABLES = {
    "account_emailaddress": shared("signing in asks for any address", auth=CHANGE),
    "account_emailconfirmation": shared("signing in asks for any key", auth=ALL),
    "accounts_apikey": kept_apart(
        provider=(CHANGE, EVERY),
        partner=("SELECT INSERT UPDATE(revoked_at) UPDATE(revoked_by)", OWN_PARTNER),
        auth=("SELECT UPDATE(last_used_at)", EVERY),
    ),
    "accounts_auditentry": of_customer(APPEND, APPEND, APPEND),
    "accounts_user": kept_apart(
        provider=(ALL, EVERY),
        partner=(READ, OWN_PARTNER),
        customer=(READ, OWN_CUSTOMER),
        auth=("SELECT UPDATE(last_login) UPDATE(password)", EVERY),
    ),
    "auth_group": shared("of a library; nobody has a right"),
    "auth_group_permissions": shared("of a library; nobody has a right"),
    "auth_permission": shared("of a library; nobody has a right"),
    "catalogue_bookprice": kept_apart(provider=(CHANGE, EVERY), partner=(READ, f"book_id {BOOKS_BOUGHT_BY}")),
    "catalogue_customerterms": kept_apart(provider=(ALL, EVERY), partner=(READ, OWN_PARTNER)),
    "catalogue_offer": shared("what is sold is known to all", provider=CHANGE, partner=READ, customer=READ),
    "catalogue_partnerterms": kept_apart(provider=(CHANGE, EVERY), partner=(READ, OWN_PARTNER)),
    "catalogue_pricebook": kept_apart(provider=(CHANGE, EVERY), partner=(READ, f"id {BOOKS_BOUGHT_BY}")),
    "catalogue_sku": shared("what is sold is known to all", provider=CHANGE, partner=READ, customer=READ),
    "django_content_type": shared("of a library; nobody has a right"),
    "django_migrations": shared("of the owner; nobody has a right"),
    "django_session": shared("signing in asks for any key", auth=ALL),
    "invoicing_invoice": of_customer(APPEND),
    "invoicing_invoiceline": of_customer(APPEND),
    "invoicing_invoicepdf": of_customer(CHANGE),
    "invoicing_numberseries": kept_apart(provider=(CHANGE, EVERY)),
    "organisations_customer": kept_apart(
        provider=(CHANGE, EVERY), partner=(READ, OWN_PARTNER), customer=(READ, "id = customer")
    ),
    "organisations_partner": kept_apart(
        provider=(CHANGE, EVERY), partner=(READ, "id = partner"), customer=(READ, "id = partner")
    ),
    "organisations_provider": shared(
        "the one row that stands on everybody's invoices", provider=CHANGE, partner=READ, customer=READ
    ),
    "reconciliation_billedquantity": of_customer(ALL),
    "reconciliation_controlpaper": kept_apart(provider=(CHANGE, EVERY), partner=(CHANGE, OWN_PARTNER)),
    "reconciliation_cyclelogins": of_customer(ALL),
    "reconciliation_cycleresult": of_customer(ALL),
    "reconciliation_typefigures": of_customer(ALL),
    "reconciliation_cycleprofile": of_customer(ALL),
    "reconciliation_run": shared("the provider's alone", provider=ALL),
    "reconciliation_runitem": shared("the provider's alone", provider=ALL),
    "reconciliation_verification": shared("the provider's alone", provider=CHANGE),
    "subscriptions_closedcycle": of_customer(APPEND),
    "subscriptions_latechange": of_customer(ALL, APPEND),
    "subscriptions_stalespan": of_customer(ALL, APPEND),
    "subscriptions_subscription": of_customer(CHANGE),
    "subscriptions_subscriptionline": of_customer(CHANGE),
    "subscriptions_surgechange": of_customer(APPEND),
    "usage_agentlicence": kept_apart(provider=(ALL, EVERY), partner=(ALL, OWN_PARTNER)),
    "usage_conflict": kept_apart(
        provider=(ALL, EVERY),
        partner=(
            "SELECT INSERT UPDATE(decided_at) UPDATE(decided_by) UPDATE(took_arriving) UPDATE(reason) UPDATE(opposite)",
            OWN_PARTNER,
        ),
    ),
    "usage_customeralias": kept_apart(provider=(ALL, EVERY), partner=(ALL, OWN_PARTNER)),
    "usage_delivery": kept_apart(provider=(CHANGE, EVERY), partner=(CHANGE, OWN_PARTNER)),
    "usage_event": of_customer(
        "SELECT INSERT UPDATE(sku) UPDATE(quantity) UPDATE(occurred_at)",
        "SELECT INSERT UPDATE(sku) UPDATE(quantity) UPDATE(occurred_at)",
    ),
    "usage_formatdescription": kept_apart(provider=(ALL, EVERY), partner=(ALL, OWN_PARTNER)),
    "usage_interval": of_customer(
        "SELECT INSERT UPDATE(actor) UPDATE(premium) UPDATE(started_at) UPDATE(ended_at)",
        "SELECT INSERT UPDATE(actor) UPDATE(premium) UPDATE(started_at) UPDATE(ended_at)",
    ),
    "usage_rememberedanswer": kept_apart(provider=(ALL, EVERY), partner=(APPEND, OWN_PARTNER)),
    "usage_rowkeptaside": kept_apart(
        provider=(ALL, EVERY),
        partner=(
            "SELECT INSERT UPDATE(reason) UPDATE(cells) UPDATE(settled_at) UPDATE(settled_by) UPDATE(outcome)",
            OWN_PARTNER,
        ),
    ),
    "usage_source": kept_apart(
        provider=("SELECT INSERT UPDATE(time_zone)", EVERY),
        partner=("SELECT INSERT UPDATE(time_zone)", OWN_PARTNER),
        customer=(READ, OWN_PARTNER),
    ),
    "usage_sourceday": kept_apart(provider=(CHANGE, EVERY), partner=(CHANGE, OWN_PARTNER)),
}
KEPT_APART = sorted(table for table, declared in TABLES.items() if not declared.shared)
FROZEN = [
    "accounts_auditentry",
    "invoicing_invoice",
    "invoicing_invoiceline",
    "subscriptions_closedcycle",
    "subscriptions_surgechange",
]

# References between tables of tenants: a foreign key looks past row-level security, so who sees that both are of one?
THE_PORTFOLIO = "import_portfolio, which reads the subscription from the customer's own"
THE_CLOSING = "close_cycle, which takes the primary from the customer's own cycle"
THE_RUN = "reconcile_customer, which writes both"
THE_MARKING = "mark_late, which takes customer and partner from the closed cycle"
THE_ISSUING = "issue_invoices, which writes both"
THE_TERMS = "issue_invoices, which takes the price book from the terms of the buyer"
THE_IMPORT = "import_usage, which makes the delivery in the scope of its sender"
THE_MENDING = "send_again, which takes source and customer from the partner's own"
THE_PROVIDER = "import_portfolio; only the provider writes terms"
REFERENCES = {
    "catalogue_bookprice.book_id": THE_PROVIDER,
    "catalogue_customerterms.price_book_id": THE_PROVIDER,
    "catalogue_partnerterms.price_book_id": THE_PROVIDER,
    "invoicing_invoice.price_book_id": THE_TERMS,
    "invoicing_invoiceline.corrects_id": THE_ISSUING,
    "invoicing_invoiceline.invoice_id": THE_ISSUING,
    "invoicing_invoicepdf.invoice_id": THE_ISSUING,
    "reconciliation_billedquantity.result_id": THE_RUN,
    "reconciliation_cyclelogins.result_id": THE_RUN,
    "reconciliation_cycleresult.primary_id": THE_RUN,
    "subscriptions_closedcycle.primary_id": THE_CLOSING,
    "subscriptions_latechange.closed_id": THE_MARKING,
    "subscriptions_subscriptionline.subscription_id": THE_PORTFOLIO,
    "usage_conflict.delivery_id": THE_IMPORT,
    "usage_customeralias.source_id": THE_MENDING,
    "usage_rowkeptaside.delivery_id": THE_IMPORT,
}

# A value that is unique over tenants tells whoever may enter it that another has it. So only these are.
GIVEN_BY_PROVIDER = "given by the provider; no tenant enters one"
UNIQUE = {
    "accounts_apikey(prefix)": "made at random; nobody chooses one",
    "accounts_user(email)": "people are invited by the provider so far; an invitation must not tell",
    "catalogue_pricebook(ref)": GIVEN_BY_PROVIDER,
    "invoicing_invoice(number)": "counted by the database, in a series of the seller",
    "invoicing_numberseries(prefix)": GIVEN_BY_PROVIDER,
    "organisations_customer(ref)": GIVEN_BY_PROVIDER,
    "organisations_partner(ref)": GIVEN_BY_PROVIDER,
    "subscriptions_subscription(number)": GIVEN_BY_PROVIDER,
}


def rows(statement: str, *parameters: Any) -> list[Any]:
    """What a question to the catalogue is answered with."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


@contextmanager
def refused(*errors: type[DatabaseError], match: str) -> Iterator[None]:
    """The statement inside fails, and nothing else with it."""
    with pytest.raises(errors or ProgrammingError, match=match), transaction.atomic():
        yield


OUR_SCHEMAS = "n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'"


def test_every_table_of_the_database_is_declared(db: None) -> None:
    found = rows(
        "SELECT n.nspname, c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OUR_SCHEMAS}"
    )

    assert {name for _schema, name, _kind in found} == set(TABLES)
    assert {schema for schema, _name, _kind in found} == {"public"}
    # A view would look with the eyes of its owner.
    assert {kind for _schema, _name, kind in found} == {"r"}


def test_row_security_is_enabled_and_forced_where_rows_are_kept_apart(db: None) -> None:
    found = dict(
        rows(
            "SELECT relname, (relrowsecurity, relforcerowsecurity)::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
    )

    assert found == {table: "(f,f)" if declared.shared else "(t,t)" for table, declared in TABLES.items()}


def test_policies_are_the_declared_ones(db: None) -> None:
    found: dict[str, dict[str, str]] = {table: {} for table in TABLES}
    for table, role, permissive, command, condition, check in rows(
        "SELECT tablename, unnest(roles), permissive, cmd, qual, with_check FROM pg_policies"
    ):
        if role == OWNER:
            assert (condition, check, command) == ("true", "true", "ALL")
            continue
        assert (permissive, command, check) == ("PERMISSIVE", "ALL", None), table
        name = role.removeprefix("portal_")
        assert name not in found[table], "two permissive policies add up"
        found[table][name] = _plain(condition)

    assert found == {
        table: {} if declared.shared else {role: on for role, (_may, on) in declared.rights.items()}
        for table, declared in TABLES.items()
    }


def _plain(condition: str) -> str:
    """A policy's condition as ``TABLES`` writes it, whatever the server's version makes of it."""
    setting = (
        r"SELECT NULLIF current_setting 'portal\.(\w+)'::text, true , ''::text ::integer(?: AS \"?nullif\"?)?"
    )
    words = " ".join(condition.replace("(", " ").replace(")", " ").split())
    return re.sub(setting, r"\1", words)


def test_grants_are_the_declared_ones(db: None) -> None:
    found: dict[str, dict[str, set[str]]] = {table: {} for table in TABLES}
    for table, role, privilege in rows(
        "SELECT c.relname, coalesce(pg_roles.rolname, 'PUBLIC'), a.privilege_type"
        " FROM pg_class AS c, aclexplode(c.relacl) AS a LEFT JOIN pg_roles ON pg_roles.oid = a.grantee"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.grantee <> c.relowner"
        " UNION ALL SELECT c.relname, coalesce(pg_roles.rolname, 'PUBLIC'), a.privilege_type || '(' || attname || ')'"
        " FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl) AS a"
        " LEFT JOIN pg_roles ON pg_roles.oid = a.grantee"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner"
    ):
        found[table].setdefault(role.removeprefix("portal_"), set()).add(privilege)

    assert found == {
        table: {role: set(may.split()) for role, (may, _on) in declared.rights.items()}
        for table, declared in TABLES.items()
    }


def test_a_right_has_its_policy_and_no_role_can_hand_it_on(db: None) -> None:
    grantable = rows(
        "SELECT c.relname FROM pg_class AS c, aclexplode(c.relacl) AS a"
        " WHERE a.is_grantable AND a.grantee <> c.relowner AND c.relnamespace = 'public'::regnamespace"
    )

    assert grantable == []


def test_all_is_owned_by_the_owner(db: None) -> None:
    found = rows(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        f" WHERE {OUR_SCHEMAS}"
    )

    assert found == [(OWNER,)]


def test_sequences_are_nobodys(db: None) -> None:
    """Numbers of rows come from identity columns, which need no right."""
    assert rows("SELECT relname FROM pg_class WHERE relkind = 'S' AND relacl IS NOT NULL") == []


def test_no_function_runs_with_the_rights_of_another(db: None) -> None:
    found = rows(
        "SELECT p.proname, p.prosecdef, p.prorettype = 'trigger'::regtype FROM pg_proc AS p"
        f" JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE {OUR_SCHEMAS}"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')"
    )

    assert {name for name, is_definer, _is_trigger in found if is_definer} == set()
    assert {name for name, _is_definer, is_trigger in found if not is_trigger} == set()


def test_nobody_may_make_tables_beside_these(db: None) -> None:
    with connection.cursor() as cursor:
        for role in (LOGIN, *TAKEN_ROLES):
            cursor.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [role])
            assert cursor.fetchone() == (False,), role


def test_roles_have_no_power_of_their_own(db: None) -> None:
    found = {
        name: attributes
        for name, *attributes in rows(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcreatedb, rolinherit,"
            " rolcanlogin FROM pg_roles WHERE rolname = ANY(%s)",
            [LOGIN, OWNER, *TAKEN_ROLES],
        )
    }

    assert found[LOGIN] == [False, False, False, False, False, False, True]
    assert found[OWNER] == [False, False, False, False, True, True, True]
    for role in TAKEN_ROLES:
        assert found[role][:5] == [False] * 5
        assert found[role][-1] is False


def test_the_login_has_no_privilege_and_starts_as_the_role_that_signs_in(db: None) -> None:
    owned = rows("SELECT count(*) FROM pg_shdepend WHERE refobjid = %s::regrole AND deptype = 'o'", LOGIN)
    settings = rows("SELECT rolconfig FROM pg_roles WHERE rolname = %s", LOGIN)
    members = rows(
        "SELECT roleid::regrole::text, admin_option FROM pg_auth_members WHERE member = %s::regrole", LOGIN
    )

    assert owned == [(0,)]
    assert settings == [([f"role={START_ROLE}"],)]
    assert sorted(members) == sorted((role, False) for role in TAKEN_ROLES)
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT has_table_privilege(%s, %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
                " OR has_any_column_privilege(%s, %s, 'SELECT, INSERT, UPDATE, REFERENCES')",
                [LOGIN, table, LOGIN, table],
            )
            assert cursor.fetchone() == (False,), table


def test_tenants_are_members_of_nothing(db: None) -> None:
    assert (
        rows(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = ANY(%s::text[]::regrole[])",
            [OWNER, *TAKEN_ROLES],
        )
        == []
    )


def test_tests_run_as_the_application_does_and_in_a_database_of_their_own(db: None) -> None:
    assert rows("SELECT session_user::text, current_user::text, current_setting('is_superuser')") == [
        (LOGIN, START_ROLE, "off")
    ]
    working = addresses().database_url.partition("?")[0].rpartition("/")[2]
    (tested,) = rows("SELECT current_database()::text")[0]
    assert tested.startswith("test_")
    assert tested != working


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_owner_is_no_superuser_and_works_in_the_same_database() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT session_user::text, current_setting('is_superuser'), current_database()::text")
        assert cursor.fetchone() == (OWNER, "off", connection.settings_dict["NAME"])


def test_temporary_tables_are_for_tenants_and_not_for_signing_in(db: None) -> None:
    working = addresses().database_url.partition("?")[0].rpartition("/")[2]
    if not rows("SELECT 1 FROM pg_database WHERE datname = %s", working):
        pytest.skip("only the tests' own database is there")
    may = {
        role: rows("SELECT has_database_privilege(%s, %s, 'TEMP')", role, working)[0][0]
        for role in (LOGIN, *TAKEN_ROLES)
    }

    assert may == {LOGIN: False, **{role: role != START_ROLE for role in TAKEN_ROLES}}
    assert rows("SELECT has_database_privilege(%s, %s, 'CREATE')", LOGIN, working) == [(False,)]


@pytest.mark.parametrize(
    "table", [table for table, declared in TABLES.items() if "auth" not in declared.rights]
)
def test_without_a_scope_every_tenants_table_refuses(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        for statement in (
            f"SELECT FROM {table}",
            f"INSERT INTO {table} DEFAULT VALUES",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"COPY {table} TO STDOUT",
        ):
            with refused(match="permission denied"):
                cursor.execute(statement)


def test_signing_in_reads_people_and_changes_nothing_else_of_them(db: None) -> None:
    with connection.cursor() as cursor:
        for statement in (
            "UPDATE accounts_user SET role = 'provider_admin'",
            "UPDATE accounts_user SET email = 'x@example.com'",
            "UPDATE accounts_user SET partner_id = NULL",
            "INSERT INTO accounts_user DEFAULT VALUES",
            "DELETE FROM accounts_user",
        ):
            with refused(match="permission denied"):
                cursor.execute(statement)


SCOPES = [PROVIDER, Scope(Role.PARTNER, 1), Scope(Role.CUSTOMER, 1, 1), Scope(Role.AUTH)]


@pytest.mark.parametrize("reader", SCOPES, ids=lambda reader: reader.role.value)
def test_no_role_changes_what_is_written_once(db: None, reader: Scope) -> None:
    with scope(reader), connection.cursor() as cursor:
        for table in FROZEN:
            for statement in (
                f"UPDATE {table} SET partner_id = partner_id",
                f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
                f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            ):
                with refused(match="permission denied|must be owner"):
                    cursor.execute(statement)


@pytest.mark.parametrize("reader", SCOPES[:3], ids=lambda reader: reader.role.value)
def test_copy_into_rows_kept_apart_is_refused(db: None, reader: Scope) -> None:
    """So rows come by way of a staging table."""
    with scope(reader), connection.cursor() as cursor:
        for table in KEPT_APART:
            with refused(ProgrammingError, DatabaseError, match="permission denied|row-level security"):
                cursor.execute(f"COPY {table} FROM STDIN")


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("table", FROZEN)
def test_not_even_the_owner_changes_what_is_written_once(table: str) -> None:
    with transaction.atomic(using="owner"):
        _write_once()
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (1,)
            for statement in (f"UPDATE {table} SET partner_id = partner_id", f"DELETE FROM {table}"):
                with pytest.raises(DatabaseError, match="never change"), transaction.atomic(using="owner"):
                    cursor.execute(statement)
        transaction.set_rollback(True, using="owner")


def _write_once() -> None:
    """A row in each of the frozen tables."""
    partner = Partner.objects.using("owner").create(ref="P", name="P", country="SE")
    customer = Customer.objects.using("owner").create(partner=partner, ref="C", name="C", country="SE")
    day = date(2024, 6, 9)
    of_customer: dict[str, Any] = {"partner": partner, "customer": customer}
    subscription = Subscription.objects.using("owner").create(
        **of_customer, number="S", offer=Offer.objects.using("owner").all()[0], starts_on=day, bill_day=9
    )
    AuditEntry.objects.using("owner").create(**of_customer, by="x", action="x", subject="x")
    SurgeChange.objects.using("owner").create(
        **of_customer, by="x", before_basis_points=0, after_basis_points=1, reason="x"
    )
    ClosedCycle.objects.using("owner").create(
        **of_customer,
        service="contact-centre",
        first_day=day,
        last_day=day,
        primary=subscription,
        inputs_hash="",
        snapshot={},
    )
    period = {"period_from": day, "period_to": day}
    invoice = Invoice.objects.using("owner").create(
        **of_customer,
        **period,
        about=customer,
        number="P-INV-1",
        seller="partner",
        service="contact-centre",
        currency="USD",
        transaction_date=day,
        due_date=day,
        payment_terms_days=30,
        seller_details={},
        recipient_details={},
        customer_details={},
        tax_rate_pct=0,
        subtotal=1,
        taxes=0,
        total=1,
        issued_at=datetime(2024, 6, 9, tzinfo=UTC),
        issued_by="x",
    )
    InvoiceLine.objects.using("owner").create(
        **of_customer,
        **period,
        invoice=invoice,
        position=1,
        kind="other",
        quantity=1,
        unit_price=1,
        discount_pct=0,
        amount=1,
    )


def _columns(table: str) -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
    }


# What must differ in the copy of a row, so that nothing but the foreign customer stands in its way.
DIFFERENT = {
    "accounts_user": {"email": "'other' || email"},
    "invoicing_invoice": {
        "number": "number || 'x'",
        "period_from": "period_from - 1",
        "about_id": "(SELECT id FROM organisations_customer WHERE ref = 'C-901')",
    },
    "invoicing_invoiceline": {"position": "position + 1000"},
    "invoicing_invoicepdf": {"invoice_id": "(SELECT max(id) FROM invoicing_invoice)"},
    "reconciliation_billedquantity": {"usage_type": "'other'"},
    "reconciliation_cyclelogins": {"family": "'other'"},
    "reconciliation_cycleresult": {"first_day": "first_day - 1000"},
    "subscriptions_closedcycle": {"first_day": "first_day - 1000"},
    "subscriptions_subscription": {"number": "number || 'x'"},
    "usage_customeralias": {"name": "name || 'x'"},
}
# Written by the thousand; each has one door, which takes both ids from one customer.
CHECKED_IN_THE_DOOR = {
    "reconciliation_typefigures": "a run writes tens of thousands",
    "reconciliation_cycleprofile": "a run writes tens of thousands",
    "usage_event": "an import writes a million",
    "usage_interval": "an import writes a million",
}


def _copy(cursor: Any, table: str, party: Party, **changed: str) -> None:
    """A row of a customer of ``party`` once more, with some values (SQL) changed."""
    columns = sorted(_columns(table) - {"id"})
    values = ", ".join(changed.get(column, column) for column in columns)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}"
        " WHERE partner_id = %s AND customer_id IS NOT NULL ORDER BY id DESC LIMIT 1",
        [party.partner.pk],
    )
    assert cursor.rowcount == 1, f"{table} has no row to copy"


def test_no_row_names_a_customer_of_another_partner(world: World) -> None:
    """A foreign key looks past row-level security, so the pair of both is one."""
    foreign = world.strange.customers[1].pk
    with connection.cursor() as cursor:
        tables = [table for table in TABLES if {"partner_id", "customer_id"} <= _columns(table)]
        assert set(tables) > set(CHECKED_IN_THE_DOOR)
        for table in sorted(set(tables) - set(CHECKED_IN_THE_DOOR)):
            with scope(PROVIDER), refused(IntegrityError, match="customer_id_of_partner|about_id_of_partner"):
                if table == "catalogue_customerterms":  # one a customer: the stranger's own makes room
                    cursor.execute(f"DELETE FROM {table} WHERE customer_id = %s", [foreign])
                if table == "invoicing_invoicepdf":  # one an invoice
                    _copy(
                        cursor,
                        "invoicing_invoice",
                        world.home,
                        number="number || 'x'",
                        period_from="period_from - 1",
                    )
                _copy(cursor, table, world.home, **{"customer_id": str(foreign), **DIFFERENT.get(table, {})})
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("table", CHECKED_IN_THE_DOOR)
def test_rows_without_foreign_keys_name_a_customer_and_its_own_partner(world: World, table: str) -> None:
    """What the constraints do elsewhere, the one door does for them."""
    with scope(PROVIDER):
        stored, right = rows(
            f"SELECT count(*), count(c.id) FROM {table} AS row LEFT JOIN organisations_customer AS c"
            " ON c.id = row.customer_id AND c.partner_id = row.partner_id"
        )[0]
    assert stored == right > 0


WRITTEN_BY_PARTNERS = sorted(
    table
    for table, declared in TABLES.items()
    if not declared.shared and "INSERT" in declared.rights.get("partner", ("",))[0]
)


@pytest.mark.parametrize("table", WRITTEN_BY_PARTNERS)
def test_nobody_writes_rows_of_another_tenant(world: World, table: str) -> None:
    """The condition of a policy holds for what is written as it does for what is read."""
    foreign = {"partner_id": str(world.home.partner.pk), "customer_id": str(world.home.customers[0].pk)}
    columns = sorted(_columns(table) - {"id"})
    values = ", ".join(foreign.get(column, column) for column in columns)
    with scope(Scope(Role.PARTNER, world.strange.partner.pk)), connection.cursor() as cursor:
        with refused(match="violates row-level security policy"):
            cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} LIMIT 1")
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() > (0,), "there is no row to copy"
        if "UPDATE" in TABLES[table].rights["partner"][0].split():
            with refused(match="violates row-level security policy"):
                cursor.execute(f"UPDATE {table} SET partner_id = %s", [world.home.partner.pk])


def test_whatever_names_a_customer_names_its_partner(world: World) -> None:
    """A pair with an empty half is not looked at."""
    nullable = {
        table
        for (table,) in rows(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            " WHERE relkind = 'r' AND attname = 'partner_id' AND NOT attnotnull"
        )
        if "customer_id" in _columns(table)
    }
    assert nullable == {"accounts_auditentry", "accounts_user"}
    with connection.cursor() as cursor, scope(PROVIDER):
        for table in sorted(nullable):
            with refused(IntegrityError, match="violates check constraint"):
                _copy(cursor, table, world.home, **{"partner_id": "NULL", **DIFFERENT.get(table, {})})


def test_references_between_tenants_rows_have_a_door_that_checks_them(db: None) -> None:
    organisations = {"organisations_customer", "organisations_partner"}
    found = {
        f"{table}.{column}"
        for table, column, target in rows(
            "SELECT conrelid::regclass::text, attname, confrelid::regclass::text FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'"
        )
        if table in KEPT_APART and target in KEPT_APART and target not in organisations
    }

    assert found == set(REFERENCES)


def test_a_unique_value_tells_nothing_of_another_tenant(db: None) -> None:
    found = set()
    for table, columns in rows(
        "SELECT indrelid::regclass::text, array_agg(attname::text ORDER BY attnum) FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) WHERE indisunique"
        " AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
        " GROUP BY indexrelid, indrelid"
    ):
        owner = {"customer_id", "partner_id", "about_id", "book_id"}
        parent = {"invoice_id", "result_id", "delivery_id"}
        if table in KEPT_APART and columns != ["id"] and not (owner | parent) & set(columns):
            found.add(f"{table}({', '.join(columns)})")

    assert found == set(UNIQUE)
