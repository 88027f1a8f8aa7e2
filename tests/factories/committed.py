"""A database whose rows are really committed: for two connections at once, for other processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

# What migrations fill stays; emptying it would take the catalogue from every test that follows.
KEPT = {
    "catalogue_offer",
    "catalogue_sku",
    "organisations_provider",
    "django_migrations",
    "django_content_type",
    "auth_permission",
}


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test commits; afterwards its rows are removed by the owner of the tables."""
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            connections["default"].close()
            owner = connections["owner"]
            with owner.cursor() as cursor:
                tables = [name for name in owner.introspection.table_names(cursor) if name not in KEPT]
                cursor.execute(f"TRUNCATE {', '.join(tables)}")
            owner.close()
