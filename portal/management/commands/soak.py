"""``soak``: random customers and histories, calculated by the portal and by the rules' second implementation."""

from __future__ import annotations

import random
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.core.commands import PortalCommand


class Command(PortalCommand):
    """In a database of its own, dropped at the end. Stops at the first difference and leaves a file to repeat it."""

    help = (
        "Compares random customers and histories with a second implementation of the rules, until time is up."
    )
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--minutes", type=float, default=1, help="How long (%(default)s).")
        parser.add_argument(
            "--seed", type=int, help="Of the first random histories; the same seed, the same ones."
        )
        parser.add_argument("--repeat", type=Path, help="Live through the history in this file instead.")

    def work(
        self, *, minutes: float, seed: int | None, repeat: Path | None, format: str, **options: Any
    ) -> None:
        try:
            loop, stories = import_module("tests.soak.loop"), import_module("tests.soak.stories")
        except ModuleNotFoundError as missing:
            raise CommandError(
                f"soak needs the tests and the libraries for development ({missing.name} is not installed)."
            ) from missing
        story = None if repeat is None else _read(stories, repeat)
        with loop.own_database():
            counts = self._soak(loop, minutes, seed) if story is None else self._repeat(loop, story)
        if format == "json":
            self.print_json(counts)
        else:
            self.stdout.write(", ".join(f"{count} {what}" for what, count in counts.items()))
        if counts["differences"]:
            raise CommandError(
                f"Portal and rules differ: soak --repeat {repeat or self._reproduction} shows how."
            )

    @property
    def _reproduction(self) -> Path:
        return Path(settings.PORTAL_HOME) / "soak-difference.json"

    def _soak(self, loop: Any, minutes: float, seed: int | None) -> Counter[str]:
        first_seed = random.randrange(1_000_000_000) if seed is None else seed  # noqa: S311
        self.tell(f"seed {first_seed}")
        counts: Counter[str] = Counter(customers=0, histories=0, comparisons=0, differences=0)

        def progress(so_far: Counter[str]) -> None:
            counts.update(so_far)
            self.tell("\r{histories} histories, {comparisons} comparisons".format(**counts), ending="")

        try:
            loop.soak(
                seconds=60 * minutes,
                first_seed=first_seed,
                reproduction=self._reproduction,
                progress=progress,
            )
        except loop.Differs as difference:
            self.tell(f"\n{difference}")
            counts["differences"] += 1
        self.tell("")
        return counts

    def _repeat(self, loop: Any, story: Any) -> Counter[str]:
        try:
            return Counter({**loop.live([story]), "differences": 0})
        except Exception as difference:
            self.tell(f"{type(difference).__name__}: {difference}")
            return Counter(customers=1, histories=1, comparisons=0, differences=1)


def _read(stories: Any, path: Path) -> Any:
    try:
        return stories.read_story(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{path} is no history that soak wrote.") from None
