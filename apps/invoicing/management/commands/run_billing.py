"""``run_billing``: makes, and issues, the invoices of a cycle."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.core.commands import BY_COMMAND_LINE, PortalCommand, required_day
from apps.invoicing.services import as_printed, issue_invoices, list_issued, make_drafts
from apps.organisations.selectors import get_customer


class Command(PortalCommand):
    """Prints the papers of a cycle with their lines: those issued, and drafts of the others."""

    help = "Makes the invoices of a customer's billing cycle; with --issue, issues them and closes the cycle."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--cycle", required=True, help="First day of the cycle.")
        parser.add_argument("--issue", action="store_true")

    def work(self, *, customer: str, cycle: str, issue: bool, format: str, **options: Any) -> None:
        today = timezone.now().date()
        found = get_customer(customer)
        first_day = required_day(cycle, "--cycle")
        if issue:
            issue_invoices(customer=found, first_day=first_day, today=today, by=BY_COMMAND_LINE)
        printed = [
            as_printed(invoice, list(invoice.lines.all()))
            for invoice in list_issued(customer=found, first_day=first_day, today=today)
        ]
        if not issue:
            printed += [
                as_printed(draft.invoice, draft.lines, is_provisional=draft.is_provisional)
                for draft in make_drafts(customer=found, first_day=first_day, today=today)
            ]
        if format == "json":
            self.print_json(printed)
        else:
            self._print_text(printed)

    def _print_text(self, papers: list[dict[str, Any]]) -> None:
        for paper in papers:
            state = "provisional draft" if paper.get("provisional") else "draft"
            self.stdout.write(
                f"{paper['number'] or state}: {paper['seller']} to {paper['recipient']},"
                f" {paper['period_from']} – {paper['period_to']}"
            )
            for line in paper["lines"]:
                self.stdout.write(
                    f"  {line['subscription']}  {line['kind']:<9}  {line['sku']:<20}  {line['period_from']} –"
                    f" {line['period_to']}  {line['quantity']:>6} × {line['unit_price']} −{line['discount_pct']} %"
                    f" = {line['amount']}"
                )
            self.stdout.write(
                f"  subtotal {paper['subtotal']}, taxes {paper['taxes']}, total {paper['total']} {paper['currency']}"
            )
        if not papers:
            self.stdout.write("no lines, no invoice")
