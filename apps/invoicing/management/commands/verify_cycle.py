"""``verify_cycle``: calculates closed cycles again and reports what differs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.core.commands import PortalCommand, required_day
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.verification import verify_closed_cycle
from apps.organisations.selectors import get_customer
from apps.reconciliation.domain.closing import Cause
from apps.reconciliation.models import Verification
from apps.subscriptions.models import ClosedCycle

SAID = {
    Cause.RECORDS: "records arrived or changed later, to be adjusted",
    Cause.COMMITMENTS: "commitments were changed later, to be adjusted",
    Cause.STORED: "ERROR: what is stored differs from the snapshot",
    Cause.INVOICED: "ERROR: what was invoiced differs from the snapshot",
    Cause.RULES: "ERROR: the rules give other figures for the same inputs",
    Cause.SNAPSHOT: "ERROR: the snapshot does not agree with its hash",
}
FAILED = "ERROR: could not be verified"
WRONG = (Verification.Outcome.DIFFERENT, Verification.Outcome.FAILED)


class Command(PortalCommand):
    """Exits with 1 where something is not as it was closed; what only came later is no error (R13)."""

    help = "Calculates closed billing cycles again and reports any difference."
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer", help="Its closed cycles.")
        parser.add_argument("--cycle", help="First day of one of them.")
        parser.add_argument("--all", action="store_true", help="The closed cycles of all customers.")

    def work(
        self, *, customer: str | None, cycle: str | None, all: bool, format: str, **options: Any
    ) -> None:
        if (customer is None) != all:
            raise CommandError("Name a --customer, or say --all.")
        if cycle is not None and customer is None:
            raise CommandError("--cycle goes with --customer.")
        with scope(PROVIDER):
            wanted = ClosedCycle.objects.order_by("customer__ref", "first_day", "service")
            if customer is not None:
                wanted = wanted.filter(customer=get_customer(customer))
            if cycle is not None:
                wanted = wanted.filter(first_day=required_day(cycle, "--cycle"))
            ids = list(wanted.values_list("pk", flat=True))
        if cycle is not None and not ids:
            raise CommandError(f"No closed cycle of {customer} starts on {cycle}.")
        verified = []
        for number, closed_id in enumerate(ids, start=1):
            one = self._verify(closed_id)
            verified.append(one)
            if format == "text":
                for line in _lines(one):
                    self.stdout.write(line)
            if number % 100 == 0:
                self.tell(f"{number} of {len(ids)} closed cycles")
        wrong = sum(one["outcome"] in WRONG for one in verified)
        if format == "json":
            self.print_json(verified)
        else:
            changed = sum(one["outcome"] != Verification.Outcome.SAME for one in verified)
            self.stdout.write(f"{len(verified)} closed cycles verified, {changed} with differences")
        if wrong:
            raise CommandError(f"{wrong} of {len(verified)} closed cycles are not as they were closed.")

    def _verify(self, closed_id: int) -> dict[str, Any]:
        with scope(PROVIDER):
            closed = ClosedCycle.objects.select_related("customer", "primary__offer").get(pk=closed_id)
            verification = verify_closed_cycle(closed=closed, at=timezone.now())
        return {
            "customer": closed.customer.ref,
            "service": closed.service,
            "first_day": closed.first_day.isoformat(),
            "last_day": closed.last_day.isoformat(),
            "outcome": str(verification.outcome),
            "differences": verification.differences,
        }


def _lines(one: dict[str, Any]) -> Iterator[str]:
    """A line for each cause, with its first difference: billed quantities before others."""
    ordered = sorted(one["differences"], key=lambda each: (each["cause"], "billed" not in each["name"]))
    for cause, found in groupby(ordered, key=lambda each: each["cause"]):
        first, *others = found
        said = SAID[Cause(cause)] if cause in list(Cause) else FAILED
        more = f" (and {len(others)} more)" if others else ""
        yield (
            f"{one['customer']} {one['service']} {one['first_day']} – {one['last_day']}: {said}: {_told(first)}{more}"
        )


def _told(difference: dict[str, Any]) -> str:
    if "before" not in difference:
        return str(difference["name"])
    on = f"{difference['day']} " if difference["day"] else ""
    return f"{on}{difference['name']} {_value(difference['before'])} → {_value(difference['after'])}"


def _value(value: Any) -> str:
    """A number or a hash; of records and logins how many there are."""
    if isinstance(value, dict):
        return str(value["count"])
    return str(value)[:12] if isinstance(value, str) else str(value)
