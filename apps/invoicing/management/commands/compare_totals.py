"""``compare_totals``: a vendor's own Daily Detail, concurrent peaks or invoice lines against ours."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.core.commands import BY_COMMAND_LINE, PortalCommand, required_day
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.control import Upload, compare_paper, take_paper
from apps.invoicing.control_words import causes_of, verdict
from apps.organisations.selectors import get_customer
from apps.reconciliation.models import ControlPaper
from apps.usage.domain.controls import LARGEST_PAPER


class Command(PortalCommand):
    """Keeps the paper and prints what the comparison came to. Ends with 0 where all agrees and with 3 where not."""

    help = (
        "Compares a vendor's own figures of a billing cycle with ours and says why they differ. The exit status is 0"
        " when all agrees, 3 when something differs and 1 when the file cannot be compared."
    )
    scoped = False
    formats = ("json", "text")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="CSV, XLSX or the JSON of run_billing.")
        parser.add_argument("--customer", required=True)
        parser.add_argument("--cycle", required=True, help="First day of the cycle.")
        parser.add_argument("--as-of", help="When the vendor counted: a moment like 2024-06-20T06:00:00Z.")

    def work(
        self, *, file: str, customer: str, cycle: str, as_of: str | None, format: str, **options: Any
    ) -> None:
        path, now = Path(file), timezone.now()
        upload = Upload(path.name, _content(path), required_day(cycle, "--cycle"), _moment(as_of))
        with scope(PROVIDER):
            paper, _is_new = take_paper(
                customer=get_customer(customer), upload=upload, today=now.date(), now=now, by=BY_COMMAND_LINE
            )
        paper = compare_paper(paper_id=paper.pk, now=now)
        if paper.state != ControlPaper.State.COMPARED:
            raise CommandError(paper.failure or "Another one compares this paper at the moment.")
        if format == "json":
            self.print_json({"customer": customer, "cycle": paper.first_day.isoformat(), **paper.result})
        else:
            self._print_text(paper)
        if not paper.agrees:
            sys.exit(3)

    def _print_text(self, paper: ControlPaper) -> None:
        self.stdout.write(verdict(paper.kind, paper.result)[0])
        for cause in causes_of(paper.kind, paper.result):
            self.stdout.write(f"  {cause}")


def _content(path: Path) -> bytes:
    """At most one byte more than may be."""
    try:
        with path.open("rb") as paper:
            return paper.read(LARGEST_PAPER + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"--as-of: '{text}' is not a moment like 2024-06-20T06:00:00Z.") from None
