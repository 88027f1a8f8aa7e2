"""Processes that import: each with its own connection to the database of the test."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.test")
django.setup()

from django.db import connections  # noqa: E402 - models can be imported from here on

from apps.core.tenancy import PROVIDER  # noqa: E402
from apps.usage.services import import_usage, opening  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def begin(database: str, rows_at_once: int) -> None:
    """Before a process does anything else."""
    connections["default"].settings_dict["NAME"] = database
    opening.ROWS_AT_ONCE = rows_at_once


def import_for(path: str) -> dict[str, int]:
    """Import agent sessions of C-1 as the provider."""
    file = Path(path)
    imported = import_usage(
        kind="agent-sessions",
        path=file,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        sender=PROVIDER,
        now=NOW,
        customer_ref="C-1",
    )
    connections["default"].close()
    return imported.counts()
