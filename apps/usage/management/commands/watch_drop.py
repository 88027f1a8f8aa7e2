"""``watch_drop FOLDER --source NAME [--kind KIND]``: imports files that somebody puts into a folder, by SFTP say."""

from __future__ import annotations

import hashlib
import logging
import signal
import threading
import time
from argparse import ArgumentTypeError
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from apps.core.commands import PortalCommand
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.organisations.models import Partner
from apps.organisations.selectors import get_customer
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.drop_folder import DONE, FAILED, DropFolder
from apps.usage.models import Channel
from apps.usage.services import UsageImported, import_usage

logger = logging.getLogger(__name__)

BY_WATCHER = "watched folder"
LOOK_EVERY = 2.0  # seconds
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Told to stop in the middle of a file; it is taken up again by the next start."""


class Command(PortalCommand):
    """Imports with the provider's rights, or with those of ``--partner``."""

    help = "Imports the files that are put into a folder, and moves them to done or failed."
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--kind", default="", help=f"{', '.join(KINDS_OF_FILE)}; told by the file when left out."
        )
        parser.add_argument("--source", required=True, help="The system that the files come from.")
        parser.add_argument("--customer", default="", help="Customer of rows that name none.")
        parser.add_argument("--format", dest="format_name", default="", help="Recognised when left out.")
        parser.add_argument("--partner", default="", help="Reference; the rights are this partner's.")
        parser.add_argument("--once", action="store_true", help="Import what is there, and end.")
        parser.add_argument(
            "--settle",
            type=_seconds,
            default=10.0,
            help="Seconds for which a file must not have changed (%(default)s).",
        )

    def work(self, *, folder: Path, partner: str, once: bool, settle: float, **options: Any) -> None:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        if options["kind"] and options["kind"] not in KINDS_OF_FILE:
            raise CommandError(
                f"{options['kind']} is not a kind of usage; there are {', '.join(KINDS_OF_FILE)}."
            )
        self.sender = _sender(partner)
        if options["customer"]:
            with scope(self.sender):
                get_customer(options["customer"])
        self.said = {name: options[name] for name in ("kind", "source", "customer", "format_name")}
        self.stopping = threading.Event()
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            self._watch(DropFolder(folder, settle=settle), once=once)
        except Interrupted:
            self.tell("stopped; the file in work is taken up again by the next start")
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror}") from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _watch(self, folder: DropFolder, *, once: bool) -> None:
        """Round after round until told to stop; with ``once`` until what was there at first is imported or growing."""
        folder.look(at=time.monotonic())
        if once:
            self.stopping.wait(folder.settle)
        while not self.stopping.is_set():
            try:
                self._round(folder)
            except (OperationalError, InterfaceError) as error:
                if once:
                    raise CommandError(f"The database does not answer: {error}".strip()) from None
                self.tell(f"the database does not answer; tried again: {error}".strip())
            if once:
                return
            close_old_connections()
            self.stopping.wait(LOOK_EVERY)

    def _round(self, folder: DropFolder) -> None:
        for taken in folder.left_behind():
            self._import(folder, taken)
        for name in folder.look(at=time.monotonic()):
            if self.stopping.is_set():
                return
            with folder.take(name) as ours:
                if ours is not None:
                    self._import(folder, ours)

    def _import(self, folder: DropFolder, taken: Path) -> None:
        """One file to its end, and to where it belongs. What is wrong with it never stops the others."""
        try:
            with taken.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            imported = import_usage(
                kind=self.said["kind"],
                path=taken,
                sha256=sha256,
                sender=self.sender,
                now=timezone.now(),
                customer_ref=self.said["customer"],
                source=self.said["source"],
                format_name=self.said["format_name"],
                channel=Channel.DROP,
                sent_by=BY_WATCHER,
                progress=self._progress,
            )
        except (Interrupted, OperationalError, InterfaceError):
            raise  # it stays where it is
        except Refusal as refusal:
            self._finish(folder, taken, {"failure": str(refusal)}, FAILED)
        except Exception as error:
            logger.exception("%s cannot be imported", taken.name)
            self._finish(folder, taken, {"failure": f"{type(error).__name__}: {error}"[:500]}, FAILED)
        else:
            outcome = {"rows": imported.rows, **imported.counts(), "reasons": imported.reasons}
            self._finish(folder, taken, outcome, DONE)

    def _finish(self, folder: DropFolder, taken: Path, outcome: dict[str, Any], into: str) -> None:
        told = {"file": taken.name, "finished_at": timezone.now().isoformat(timespec="seconds"), **outcome}
        target = folder.finish(taken, told, into=into)
        self.tell(f"{into}: {target.name}" + (f": {outcome['failure']}" if into == FAILED else ""))

    def _progress(self, so_far: UsageImported) -> None:
        self.tell(f"{so_far.rows} rows read")
        if self.stopping.is_set():
            raise Interrupted

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping.set()


def _sender(partner: str) -> Scope:
    """The provider's eyes, or those of a partner.

    Raises:
        CommandError: there is no such partner.
    """
    if not partner:
        return PROVIDER
    with scope(PROVIDER):
        found = Partner.objects.filter(ref=partner).first()
    if found is None:
        raise CommandError(f"There is no partner {partner}.")
    return Scope(Role.PARTNER, found.pk)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise ArgumentTypeError("0 to 86400 seconds")
    return seconds
