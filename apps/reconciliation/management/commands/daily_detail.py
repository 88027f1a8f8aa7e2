"""``daily_detail``: the Daily Detail of a cycle, as CSV or JSON."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.catalogue.domain.kinds import Service
from apps.core.commands import PortalCommand, day, required_day
from apps.organisations.selectors import get_customer
from apps.reconciliation.detail_export import detail_csv, detail_json, detail_records
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.selectors import cycle_starting, get_figures


class Command(PortalCommand):
    """Prints the stored figures, or calculates them where none that fit are stored."""

    help = "Prints the Daily Detail of a customer's billing cycle."
    formats = ("csv", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--cycle", required=True, help="First day of the cycle.")
        parser.add_argument("--until", help="Last complete day to use.")
        parser.add_argument("--family", choices=[family.value for family in Family])

    def work(
        self, *, customer: str, cycle: str, until: str | None, family: str | None, format: str, **options: Any
    ) -> None:
        today = timezone.now().date()
        found = get_customer(customer)
        figures = get_figures(
            found,
            cycle_starting(
                found, required_day(cycle, "--cycle"), today=today, service=Service.CONTACT_CENTRE
            ),
            today=today,
            until=day(until, "--until"),
        )
        records = detail_records(figures.rows, Family(family) if family else None)
        if format == "json":
            self.print_json(detail_json(records))
        else:
            self.stdout.write(detail_csv(records), ending="")
