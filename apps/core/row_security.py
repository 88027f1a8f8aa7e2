"""Row-level security as a declaration in a migration: who sees and who may change a table's rows."""

from dataclasses import dataclass

from django.db import migrations

ALL = "SELECT, INSERT, UPDATE, DELETE"
READ = "SELECT"
APPEND = "SELECT, INSERT"

_PARTNER = "(SELECT NULLIF(current_setting('portal.partner', true), '')::int)"
_CUSTOMER = "(SELECT NULLIF(current_setting('portal.customer', true), '')::int)"


@dataclass(frozen=True)
class Rights:
    """What one role may do with a table, and on which rows. ``rows`` is SQL; the default is the tenant's own."""

    may: str
    rows: str


def own_partner(may: str, column: str = "partner_id") -> Rights:
    """Rows of the partner in the scope."""
    return Rights(may, f"{column} = {_PARTNER}")


def own_customer(may: str, column: str = "customer_id") -> Rights:
    """Rows of the customer in the scope."""
    return Rights(may, f"{column} = {_CUSTOMER}")


def every(may: str) -> Rights:
    """Every row."""
    return Rights(may, "true")


def protect(
    table: str,
    *,
    provider: Rights | None,
    partner: Rights | None = None,
    customer: Rights | None = None,
    auth: Rights | None = None,
) -> migrations.RunSQL:
    """Enable and force row-level security on ``table``; the owner keeps all rows for migrations."""
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
    ]
    roles = {"provider": provider, "partner": partner, "customer": customer, "auth": auth}
    for name, rights in roles.items():
        if rights is not None:
            statements += [
                f"CREATE POLICY {name}_rows ON {table} TO portal_{name} USING ({rights.rows})",
                f"GRANT {rights.may} ON {table} TO portal_{name}",
            ]
    return _run(*statements)


def share(table: str, *, may: dict[str, str]) -> migrations.RunSQL:
    """Rights on a table that no tenant owns (``may``: role's short name to rights)."""
    return _run(*(f"GRANT {rights} ON {table} TO portal_{name}" for name, rights in may.items()))


def same_partner(table: str, *, column: str = "customer_id") -> migrations.RunSQL:
    """A row's customer must be a customer of the row's partner: foreign keys look past row-level security."""
    return _run(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_of_partner FOREIGN KEY ({column}, partner_id)"
        " REFERENCES organisations_customer (id, partner_id) DEFERRABLE INITIALLY DEFERRED"
    )


def never_changes(table: str) -> migrations.RunSQL:
    """Rows of ``table`` are written once: a trigger refuses to change or delete one, whoever asks."""
    return _run(
        f"""
        CREATE FUNCTION {table}_is_frozen() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'rows of {table} never change'; END$$
        """,
        f"CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_is_frozen()",
    )


def _run(*statements: str) -> migrations.RunSQL:
    """Statements that are not undone: tables are made again from nothing, never stripped of their protection."""
    return migrations.RunSQL(list(statements), migrations.RunSQL.noop)
