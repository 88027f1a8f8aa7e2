"""``reconcile``: recalculates what is stale."""

import time
from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.catalogue.domain.kinds import Service
from apps.core.commands import BY_COMMAND_LINE, PortalCommand, day
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.selectors import get_customer
from apps.reconciliation.models import Run, RunItem
from apps.reconciliation.selectors import cycle_starting
from apps.reconciliation.services import finish_run, open_run, reconcile_customer
from apps.reconciliation.tasks import ring
from portal.workers import at_work

POLL_SECONDS = 0.1
RING_AGAIN_SECONDS = 60


class Command(PortalCommand):
    """One customer in this process; without one, everything stale as tasks on the workers, waiting with progress."""

    help = "Recalculates the figures that are stale, or a customer's."
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer")
        parser.add_argument("--cycle", help="First day of the cycle; goes with --customer.")
        parser.add_argument("--until", help="Last complete day to use.")

    def work(
        self, *, customer: str | None, cycle: str | None, until: str | None, format: str, **options: Any
    ) -> None:
        if cycle and not customer:
            raise CommandError("--cycle goes with --customer.")
        last = day(until, "--until")
        if customer:
            counts = {"customers": 1, "days": self._one(customer, cycle, until), "parked": 0}
        else:
            with scope(PROVIDER):
                run = open_run(today=timezone.now().date(), until=last, by=BY_COMMAND_LINE)
            counts = self._all(run)
        if format == "json":
            self.print_json(counts)
        else:
            self.stdout.write(
                "{customers} customers, {days} days calculated, {parked} parked".format(**counts)
            )
        if counts["parked"]:
            raise CommandError(f"{counts['parked']} customers could not be calculated; they stay stale.")

    def _one(self, ref: str, cycle: str | None, until: str | None) -> int:
        today = timezone.now().date()
        with scope(PROVIDER):
            customer = get_customer(ref)
            first_day = day(cycle, "--cycle")
            named = first_day and cycle_starting(
                customer, first_day, today=today, service=Service.CONTACT_CENTRE
            )
            return reconcile_customer(
                customer=customer, today=today, cycle=named or None, until=day(until, "--until")
            )

    def _all(self, run: Run) -> dict[str, int]:
        states = _states(run)
        total = sum(states.values())
        if total:
            with at_work():
                rung = 0.0
                shown = -1
                while waiting := states[RunItem.State.WAITING]:
                    if time.monotonic() - rung > RING_AGAIN_SECONDS:
                        ring(run)
                        rung = time.monotonic()
                    if total - waiting != shown:
                        shown = total - waiting
                        self.tell(f"\r{shown} of {total} customers", ending="")
                    time.sleep(POLL_SECONDS)
                    states = _states(run)
                self.tell(f"\r{total} of {total} customers")
        with scope(PROVIDER):
            finish_run(run=run)
            for item in run.items.filter(state=RunItem.State.PARKED):
                self.tell(f"customer {item.customer_id} is parked: {item.reason}")
            days = sum(run.items.values_list("days", flat=True))
        return {"customers": total, "days": days, "parked": states[RunItem.State.PARKED]}


def _states(run: Run) -> Counter[str]:
    with scope(PROVIDER):
        return Counter(run.items.values_list("state", flat=True))
