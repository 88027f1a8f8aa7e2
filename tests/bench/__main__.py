"""Runs every measurement on a database of its own and prints ``{"name", "value", "unit", "ratio"}`` a line."""

from __future__ import annotations

import json
import sys

import django
from django.test.utils import setup_databases, teardown_databases

from portal.embedded import ensure_running


def main(names: list[str]) -> None:
    """Measure ``names``, or everything."""
    ensure_running()
    django.setup()
    from tests.bench.measurements import MEASUREMENTS  # noqa: PLC0415 - models can be imported from here on

    made = setup_databases(
        verbosity=0, interactive=False, aliases=dict.fromkeys(("default", "owner")), serialized_aliases=set()
    )
    try:
        for name, measure in MEASUREMENTS.items():
            if not names or name in names:
                found = measure()
                print(
                    json.dumps(
                        {"name": name, "value": found.value, "unit": found.unit, "ratio": found.ratio}
                    ),
                    flush=True,
                )
    finally:
        django.db.connections["default"].close()
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main(sys.argv[1:])
