#!/usr/bin/env python
"""Runs a management command, with the embedded services started for those that need them."""

import os
import sys

from django.core.management import execute_from_command_line
from django.core.management.base import CommandError

from portal.embedded import EmbeddedError, ensure_running

WITHOUT_SERVICES = {
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "prepare_database",
    "startapp",
    "version",
}


def needs_services(arguments: list[str]) -> bool:
    """False where only a text is asked for, or a command that works on files alone."""
    if not arguments or arguments[0].startswith("-") or {"-h", "--help"} & set(arguments):
        return False
    return arguments[0] not in WITHOUT_SERVICES


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.local")
    try:
        if needs_services(sys.argv[1:]):
            ensure_running()
        execute_from_command_line(sys.argv)
    except (EmbeddedError, CommandError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
