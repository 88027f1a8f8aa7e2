"""Roles and database of the portal, made the same way on the embedded PostgreSQL and on an ordinary server.

The application signs in as ``portal_login``, which has no right of its own: it must take one of the four roles
of ``TAKEN_ROLES``, and starts as ``portal_auth``. ``portal_owner`` owns the tables and is no superuser, so
row-level security holds for it too. ``portal_backup`` may read everything. Rights on tables are given by
migrations.
"""

from psycopg import Connection, Error, errors, sql
from psycopg.rows import TupleRow

from portal.embedded.errors import EmbeddedError

OWNER = "portal_owner"
LOGIN = "portal_login"
BACKUP = "portal_backup"
START_ROLE = "portal_auth"
TENANT_ROLES = ("portal_partner", "portal_customer", "portal_provider")
TAKEN_ROLES = (START_ROLE, *TENANT_ROLES)
OLDEST_VERSION = 150_000


def prepare(
    connection: Connection[TupleRow], *, login_password: str, owner_password: str, database: str = "portal"
) -> None:
    """Makes what is missing and mends what differs; repeating it changes nothing.

    ``connection`` is an autocommitting one of a role that may create roles and databases. An empty password
    leaves the role's password as it is. Raises EmbeddedError when the server is too old or refuses.
    """
    version = connection.info.server_version
    if version < OLDEST_VERSION:
        raise EmbeddedError(
            f"PostgreSQL {OLDEST_VERSION // 10_000} or later is needed, this is {version // 10_000}."
        )
    try:
        with connection.transaction():
            # Two installations of one server must not make the same roles at once.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('partner-portal roles'))")
            _prepare_roles(connection, version)
            _set_password(connection, LOGIN, login_password)
            _set_password(connection, OWNER, owner_password)
        _prepare_database(connection, version, database)
    except Error as error:
        raise EmbeddedError(
            f"Roles and database cannot be prepared: {str(error).strip().splitlines()[0]}"
        ) from error


def _prepare_roles(connection: Connection[TupleRow], version: int) -> None:
    _make_role(connection, OWNER, "LOGIN CREATEDB NOCREATEROLE INHERIT")
    _make_role(connection, LOGIN, "LOGIN NOCREATEDB NOCREATEROLE NOINHERIT")
    options = "WITH INHERIT FALSE, SET TRUE" if version >= 160_000 else ""
    for role in TAKEN_ROLES:
        _make_role(connection, role, "NOLOGIN NOCREATEDB NOCREATEROLE INHERIT")
        _run(connection, f"GRANT {{}} TO {{}} {options}", role, LOGIN)
    _run(connection, "ALTER ROLE {} SET role = {}", LOGIN, START_ROLE)
    try:
        with connection.transaction():
            _make_role(connection, BACKUP, "NOLOGIN NOCREATEDB NOCREATEROLE INHERIT BYPASSRLS")
            _run(connection, "GRANT pg_read_all_data TO {}", BACKUP)
    except errors.InsufficientPrivilege:
        # Not every server lets an administrator who is no superuser hand this out: backups use their own role.
        pass


def _make_role(connection: Connection[TupleRow], role: str, attributes: str) -> None:
    found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if found and found[0]:
        raise EmbeddedError(f"The role {role} is a superuser; row-level security would not hold for it.")
    _run(connection, f"{'ALTER' if found else 'CREATE'} ROLE {{}} {attributes}", role)


def _set_password(connection: Connection[TupleRow], role: str, password: str) -> None:
    if password:
        # Hashed here, so that the password itself appears in no log of the server.
        hashed = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed))
        )


def _prepare_database(connection: Connection[TupleRow], version: int, database: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        superuser = connection.execute(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if not (superuser and superuser[0]):
            # Giving a database to a role takes membership in it.
            _run(connection, "GRANT {} TO CURRENT_USER", OWNER)
        locale = (
            "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            if version >= 170_000
            else "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        )
        _run(
            connection,
            f"CREATE DATABASE {{}} OWNER {{}} TEMPLATE template0 ENCODING 'UTF8' {locale}",
            database,
            OWNER,
        )
    _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, LOGIN)
    for role in TENANT_ROLES:
        # Staging tables of an import are temporary ones.
        _run(connection, "GRANT TEMPORARY ON DATABASE {} TO {}", database, role)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [BACKUP]).fetchone():
        _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, BACKUP)


def _run(connection: Connection[TupleRow], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
