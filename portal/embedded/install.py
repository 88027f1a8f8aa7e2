"""Installs the locked packages into the virtual environment that runs this script, and shows how far it is.

The portal's own packages are not there yet: ``python portal/embedded/install.py requirements.lock``.
"""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SECONDS_BETWEEN_LINES = 10
PACKAGE = re.compile(r"^[A-Za-z0-9][\w.-]*==")
COLLECTED = re.compile(r"^Collecting ")


def main(arguments: Sequence[str]) -> int:
    lock = Path(arguments[0])
    total = sum(1 for line in lock.read_text().splitlines() if PACKAGE.match(line))
    print(f"Installing {total} locked packages ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += [
        "--progress-bar",
        "off",
        "--no-deps",
        "--no-compile",
        "--require-hashes",
        "--requirement",
        str(lock),
    ]
    lines: list[str] = []
    collected, unpacking = 0, False
    told = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line.rstrip())
            collected += bool(COLLECTED.match(line))
            unpacks_now = line.startswith("Installing collected packages")
            unpacking = unpacking or unpacks_now
            if unpacks_now or time.monotonic() - told > SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                state = "unpacking" if unpacking else f"{collected} of {total} fetched"
                print(f"  {state} ...", file=sys.stderr, flush=True)
    if pip.returncode != 0:
        for line in [line for line in lines if line.startswith("ERROR")][-3:] or lines[-3:]:
            print(line, file=sys.stderr)
        print("The locked packages could not be installed.", file=sys.stderr)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
