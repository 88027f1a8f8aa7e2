"""A portal with sample data, served until it is told to stop: ``python -m tests.browser PORT``.

It lives in the ``PORTAL_HOME`` that the environment names. All of it is real: the commands, PostgreSQL and Redis, the
web server, the worker that renders the PDFs, the scheduler.
"""

from __future__ import annotations

import sys

import django
from django.core.management import call_command

from portal.embedded import ensure_running


def main(port: int) -> None:
    ensure_running()
    django.setup()
    from tests.browser.stage import fill  # noqa: PLC0415 - models can be imported from here on

    call_command("migrate", verbosity=0)
    fill()
    call_command("serve", port=port)


if __name__ == "__main__":
    main(int(sys.argv[1]))
