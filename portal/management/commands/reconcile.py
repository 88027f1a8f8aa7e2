"""``reconcile``: recalculates what is stale."""

import time
from contextlib import suppress
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.catalogue.domain.kinds import Service
from apps.core import formatting
from apps.core.commands import BY_COMMAND_LINE, PortalCommand, day
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.selectors import get_customer
from apps.reconciliation.models import Run
from apps.reconciliation.runs import Progress, get_progress, parked_customers
from apps.reconciliation.selectors import cycle_starting
from apps.reconciliation.services import RunOver, cancel_run, finish_run, open_run, reconcile_customer
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
            counts = self._all(last)
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

    def _all(self, until: date | None) -> dict[str, int]:
        """Everything stale: what waits in runs that go on already, and the rest in a run of our own."""
        with scope(PROVIDER):
            own = open_run(today=timezone.now().date(), until=until, by=BY_COMMAND_LINE)
            runs = list(Run.objects.filter(finished_at=None).order_by("pk"))
        try:
            if any(_progress(run).waiting for run in runs):
                with at_work():
                    for run in runs:
                        self._watch(run)
        except KeyboardInterrupt:
            self._cancel(own)
        came_to = [self._finish(run) for run in runs]
        if cancelled := sum(progress.cancelled for progress in came_to):
            raise CommandError(f"cancelled; {cancelled} customers waited and stay stale")
        return {
            "customers": sum(progress.customers for progress in came_to),
            "days": sum(progress.days for progress in came_to),
            "parked": sum(progress.parked for progress in came_to),
        }

    def _watch(self, run: Run) -> None:
        """Until no customer of a run waits any more, because it is done or because somebody has cancelled it."""
        rung = 0.0
        shown = -1
        while (progress := _progress(run)).waiting:
            if time.monotonic() - rung > RING_AGAIN_SECONDS:
                ring(run)
                rung = time.monotonic()
            if progress.finished != shown:
                shown = progress.finished
                self.tell(_line(progress), ending="")
            time.sleep(POLL_SECONDS)
        self.tell(_line(progress))

    def _finish(self, run: Run) -> Progress:
        with scope(PROVIDER):
            finish_run(run_id=run.pk)
            for parked in parked_customers(run):
                self.tell("customer {ref} is parked: {reason}".format(**parked))
        return _progress(run)

    def _cancel(self, run: Run) -> None:
        """Ctrl-C: what is being done is finished, what waits stays stale."""
        self.tell("")
        with suppress(RunOver), scope(PROVIDER):
            cancel_run(run=run, by=BY_COMMAND_LINE)


def _progress(run: Run) -> Progress:
    with scope(PROVIDER):
        return get_progress(Run.objects.get(pk=run.pk), now=timezone.now())


def _line(progress: Progress) -> str:
    """One line, each over the one before."""
    text = (
        f"{progress.finished} of {progress.customers} customers, {progress.records:,} records,"
        f" {progress.records_per_second:,.0f} a second"
    )
    if progress.seconds_left:
        text += f", about {formatting.duration(progress.seconds_left)} left"
    return f"\r{text:<79}"
