"""What the portal's management commands share: refusals as one clear line, JSON on demand, the provider's eyes."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, scope

BY_COMMAND_LINE = "command line"


class PortalCommand(BaseCommand):
    """Runs ``work`` and turns a refusal into one line and a non-zero exit.

    ``work`` runs in one transaction with the provider's eyes, unless ``scoped`` is False because it opens its own.
    """

    scoped = True
    formats: tuple[str, ...] = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=self.formats, default=self.formats[0])

    def handle(self, *arguments: Any, **options: Any) -> None:
        try:
            if self.scoped:
                with scope(PROVIDER):
                    self.work(**options)
            else:
                self.work(**options)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal

    def work(self, *arguments: Any, **options: Any) -> None:
        """What the command does."""
        raise NotImplementedError

    def print_json(self, value: Any) -> None:
        """One JSON document on standard output."""
        self.stdout.write(json.dumps(value, ensure_ascii=False))

    def tell(self, text: str, ending: str = "\n") -> None:
        """Progress, on standard error."""
        self.stderr.write(self.style.NOTICE(text) if ending == "\n" else text, ending=ending)
        sys.stderr.flush()


def day(text: str | None, option: str) -> date | None:
    """A day given as an option.

    Raises:
        CommandError: it is none.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option}: '{text}' is not a day like 2024-06-09.") from None


def required_day(text: str, option: str) -> date:
    """As ``day``, for an option that must be there."""
    found = day(text, option)
    assert found is not None  # argparse holds that the option is given
    return found
