"""Makes the portal's roles and database on a PostgreSQL server of your own. Repeating it changes nothing."""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError

from portal.embedded import EmbeddedError
from portal.embedded.roles import LOGIN, OWNER, prepare


class Command(BaseCommand):
    help = (
        "Makes the portal's roles and database on the PostgreSQL server of DATABASE_ADMIN_URL, "
        "with the names and passwords of DATABASE_URL and DATABASE_OWNER_URL."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        admin_url = _required("DATABASE_ADMIN_URL")
        login_password, login_database = _credentials("DATABASE_URL", LOGIN)
        owner_password, owner_database = _credentials("DATABASE_OWNER_URL", OWNER)
        if login_database != owner_database:
            raise CommandError(
                f"DATABASE_URL names the database {login_database}, but DATABASE_OWNER_URL {owner_database}."
            )
        try:
            with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
                prepare(
                    connection,
                    login_password=login_password,
                    owner_password=owner_password,
                    database=login_database,
                )
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        except psycopg.Error as error:
            raise CommandError(f"DATABASE_ADMIN_URL: {str(error).strip().splitlines()[0]}") from error
        self.stdout.write(f"Roles and database {login_database} are ready.")


def _required(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise CommandError(f"{variable} is not set.")
    return value


def _credentials(variable: str, role: str) -> tuple[str, str]:
    """Password and database in the URL of ``variable``, which must be that of ``role``."""
    try:
        parts = urlsplit(_required(variable))
    except ValueError as error:
        raise CommandError(f"{variable} is not a URL: {error}.") from error
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise CommandError(f"{variable} names no database.")
    if unquote(parts.username or "") != role:
        raise CommandError(f"{variable} must sign in as {role}.")
    return unquote(parts.password or ""), database
