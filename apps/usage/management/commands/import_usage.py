"""``import_usage KIND FILE``: one file of usage. Bad rows are kept aside; good rows are stored."""

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.core.commands import PortalCommand
from apps.core.tenancy import PROVIDER
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.services import DEFAULT_SOURCE, UsageImported, import_usage


class Command(PortalCommand):
    """Imports a file with the provider's rights and prints what became of its rows."""

    help = "Imports one usage file (CSV or NDJSON)."
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("kind", help=", ".join(KINDS_OF_FILE))
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", default="", help="Customer of rows that name none.")
        parser.add_argument("--source", default=DEFAULT_SOURCE)

    def work(self, *, kind: str, file: Path, customer: str, source: str, **options: Any) -> None:
        try:
            with file.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        imported = import_usage(
            kind=kind,
            path=file,
            sha256=sha256,
            sender=PROVIDER,
            now=timezone.now(),
            customer_ref=customer,
            source=source,
            progress=self._progress,
        )
        if imported.unknown_columns:
            self.tell(f"{file.name}: ignored columns: {', '.join(imported.unknown_columns)}")
        for reason, count in sorted(imported.reasons.items()):
            self.tell(f"{file.name}: {count} rows kept aside: {reason}")
        self.print_json(imported.counts())

    def _progress(self, so_far: UsageImported) -> None:
        self.tell(f"{so_far.rows} rows read")
