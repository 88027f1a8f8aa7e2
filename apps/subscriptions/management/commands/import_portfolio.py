"""``import_portfolio FILE [--late]``: partners, customers, subscriptions and prices; all or nothing."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import BY_COMMAND_LINE, PortalCommand
from apps.subscriptions.services import import_portfolio


class Command(PortalCommand):
    """Creates or updates what the file says. Running it twice changes nothing."""

    help = "Creates or updates partners, customers, subscriptions and prices from a portfolio file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--late",
            action="store_true",
            help="Take changes of days already invoiced too: the difference becomes an adjustment.",
        )

    def work(self, *, file: Path, late: bool, format: str, **options: Any) -> None:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        imported = import_portfolio(text=text, by=BY_COMMAND_LINE, late=late)
        created, changed = dict(imported.created), dict(imported.changed)
        if format == "json":
            self.print_json({"created": created, "changed": changed})
            return
        for verb, counts in (("created", created), ("changed", changed)):
            said = ", ".join(f"{count} {what}" for what, count in counts.items())
            self.stdout.write(f"{verb}: {said or 'nothing'}")
