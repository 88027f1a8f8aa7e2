"""``import_licences FILE``: which licence each agent has from which day on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import BY_COMMAND_LINE, PortalCommand
from apps.usage.services.licences import import_licences


class Command(PortalCommand):
    """Imports a licence list with the provider's rights and prints how many of its rows were new."""

    help = "Imports a licence list (CSV: agent_id, licence, from, and perhaps customer)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", default="", help="Customer of rows that name none.")

    def work(self, *, file: Path, customer: str, **options: Any) -> None:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        self.print_json(asdict(import_licences(text=text, by=BY_COMMAND_LINE, customer_ref=customer)))
