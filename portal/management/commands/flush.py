"""``flush``, as the owner of the tables: nobody else may empty one."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.flush import Command as DjangoCommand


class Command(DjangoCommand):
    """Django's own, on the owner's connection."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, **options: Any) -> None:
        super().handle(**{**options, "database": "owner"})
