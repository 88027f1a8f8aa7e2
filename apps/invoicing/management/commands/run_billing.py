"""``run_billing``: makes, and issues, the invoices of a cycle, or adjustments on papers of their own."""

from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.core.commands import BY_COMMAND_LINE, PortalCommand, required_day
from apps.invoicing.services import (
    as_printed,
    issue_adjustments,
    issue_invoices,
    list_issued,
    make_adjustments,
    make_drafts,
)
from apps.organisations.models import Customer
from apps.organisations.selectors import get_customer


class Command(PortalCommand):
    """Prints the papers with their lines: those issued, and drafts of the others."""

    help = (
        "Makes the invoices of a customer's billing cycle; with --issue, issues them and closes the cycle. With"
        " --adjustments, what issued papers must be corrected by, for a customer without a later cycle."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer", required=True)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--cycle", help="First day of the cycle.")
        what.add_argument("--adjustments", action="store_true", help="Adjustments on papers of their own.")
        parser.add_argument("--issue", action="store_true")

    def work(self, *, customer: str, cycle: str | None, issue: bool, format: str, **options: Any) -> None:
        today = timezone.now().date()
        found = get_customer(customer)
        if cycle is None:
            printed = _adjustments(found, issue=issue, today=today)
        else:
            printed = _of_cycle(found, required_day(cycle, "--cycle"), issue=issue, today=today)
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
                    f" = {line['amount']}{' (adjustment)' if 'original_period' in line else ''}"
                )
            self.stdout.write(
                f"  subtotal {paper['subtotal']}, taxes {paper['taxes']}, total {paper['total']} {paper['currency']}"
            )
        if not papers:
            self.stdout.write("no lines, no invoice")


def _of_cycle(customer: Customer, first_day: date, *, issue: bool, today: date) -> list[dict[str, Any]]:
    """The papers of a cycle: all that are issued, and unless ``issue`` drafts of the others."""
    if issue:
        issue_invoices(customer=customer, first_day=first_day, today=today, by=BY_COMMAND_LINE)
    printed = [
        as_printed(invoice, list(invoice.lines.all()))
        for invoice in list_issued(customer=customer, first_day=first_day, today=today)
    ]
    if not issue:
        printed += [
            as_printed(draft.invoice, draft.lines, is_provisional=draft.is_provisional)
            for draft in make_drafts(customer=customer, first_day=first_day, today=today)
        ]
    return printed


def _adjustments(customer: Customer, *, issue: bool, today: date) -> list[dict[str, Any]]:
    """What is to be corrected now: issued, or as drafts; nothing when it is done."""
    if issue:
        issued = issue_adjustments(customer=customer, today=today, by=BY_COMMAND_LINE)
        return [as_printed(invoice, list(invoice.lines.all())) for invoice in issued]
    return [
        as_printed(draft.invoice, draft.lines) for draft in make_adjustments(customer=customer, today=today)
    ]
