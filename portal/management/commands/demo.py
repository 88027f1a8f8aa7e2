"""``demo``: sets everything up, does the main job on the sample data, tells what came of it, and serves the portal."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db.models import Sum
from django.utils import timezone

from apps.accounts.models import Role, User
from apps.core.commands import PortalCommand
from apps.core.domain.money import money_text
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.bell import render_pending_pdfs
from apps.invoicing.models import Invoice, InvoicePdf
from apps.invoicing.services import issue_invoices
from apps.organisations.models import Customer, Partner, Provider
from apps.organisations.selectors import get_customer
from apps.organisations.services import describe_organisation
from apps.reconciliation.models import CycleResult
from apps.subscriptions.models import StaleSpan
from apps.subscriptions.services import import_portfolio
from apps.usage.models import Delivery, Interval, RowKeptAside
from apps.usage.services import import_usage
from portal.demo.partner import PARTNER, RETAIL_EVERY, make_customers, make_portfolio, write_usage
from portal.workers import at_work

SAMPLE = Path(__file__).resolve().parent.parent.parent / "sample"
BY_DEMO = "demonstration"
PASSWORD = "see-every-figure"  # noqa: S105 - of made-up people on one's own machine
RENDERING_SECONDS = 180
RING_AGAIN_SECONDS = 30

PEOPLE: list[tuple[str, str, Role, str | None]] = [
    ("dana@provider.example", "Dana Ferro", Role.PROVIDER_ADMIN, None),
    ("bob@nordlys.example", "Bob Lindqvist", Role.PARTNER_ADMIN, "P-100"),
    ("alice@kungsgatan.example", "Alice Nyberg", Role.CUSTOMER_READER, "C-100"),
    ("noa@carmel.example", "Noa Peled", Role.PARTNER_ADMIN, "P-200"),
    ("charlie@meridian.example", "Charlie Vogt", Role.PARTNER_ADMIN, PARTNER),
    ("erin@customer.example", "Erin Brandt", Role.CUSTOMER_ADMIN, "C-3001"),
]
DETAILS: dict[str, dict[str, str]] = {
    "P-100": {"address": "Skeppsbron 18\n111 30 Stockholm", "contact_name": "Bob Lindqvist"},
    "P-200": {"address": "12 Derech Yafo\nHaifa 3303112", "contact_name": "Noa Peled"},
    PARTNER: {"address": "Speicherstraße 7\n20457 Hamburg", "contact_name": "Charlie Vogt"},
    "C-100": {"address": "Kungsgatan 44\n111 35 Stockholm", "contact_name": "Alice Nyberg"},
    "C-200": {"address": "1 Bank Street\nHaifa"},
    "C-3001": {"address": "Lindenallee 3\n20259 Hamburg", "contact_name": "Erin Brandt"},
}
PROVIDER_DETAILS = {
    "name": "Skylark Contact Services Inc.",
    "country": "US",
    "address": "500 Harbor Boulevard\nOakland, CA 94607",
    "contact_name": "Dana Ferro",
    "contact_email": "billing@provider.example",
    "contact_phone": "+1 510 555 0100",
}


@dataclass
class Summary:
    """What the job came to."""

    took: dict[str, float] = field(default_factory=dict)
    invoices: list[Invoice] = field(default_factory=list)


class Command(PortalCommand):
    """Running it again changes nothing."""

    help = "Sets up the demonstration: sample data, figures, invoices and somebody to sign in as."
    scoped = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-serve", action="store_true", help="Stop after the job.")
        parser.add_argument("--port", type=int, default=8000)

    def work(self, *, no_serve: bool, port: int, **options: Any) -> None:
        if settings.SETTINGS_MODULE == "portal.settings.production":
            raise CommandError("The demonstration has known passwords and is not for production.")
        self.summary = Summary()
        with self._step("database"):
            call_command("migrate", verbosity=0)
        with self._step("organisations and prices"):
            self._portfolios()
        with self._step("people"), scope(PROVIDER):
            self._people()
        with self._step("usage"):
            self._usage()
        with scope(PROVIDER):
            pending = StaleSpan.objects.exists()
        with self._step("reconciliation"):
            if pending:
                call_command("reconcile", stdout=self.stderr)
        with self._step("invoices"):
            self._invoices()
        self._tell_summary(port)
        if not no_serve:
            call_command("serve", port=port)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.tell(f"• {name} …")
        begun = time.monotonic()
        yield
        self.summary.took[name] = time.monotonic() - begun

    def _portfolios(self) -> None:
        self.made = make_customers()
        texts: list[str | bytes] = [path.read_bytes() for path in sorted(SAMPLE.glob("*/portfolio.json"))]
        for text in [*texts, make_portfolio(self.made)]:
            with scope(PROVIDER):
                import_portfolio(text=text, by=BY_DEMO)

    def _people(self) -> None:
        describe_organisation(organisation=Provider.objects.get(), **PROVIDER_DETAILS)
        partners = {partner.ref: partner for partner in Partner.objects.all()}
        customers = {customer.ref: customer for customer in Customer.objects.filter(ref__in=DETAILS)}
        for ref, details in DETAILS.items():
            describe_organisation(organisation=partners.get(ref) or customers[ref], **details)
        for email, name, role, its_ref in PEOPLE:
            if not User.objects.filter(email=email).exists():
                customer = customers.get(its_ref or "")
                User.objects.create_user(
                    email=email,
                    full_name=name,
                    role=role,
                    password=PASSWORD,
                    customer=customer,
                    partner=customer.partner if customer else partners.get(its_ref or ""),
                )

    def _usage(self) -> None:
        files = [
            ("agent-sessions", SAMPLE / "guide-example" / "agent-sessions.csv", "C-100"),
            ("agent-sessions", SAMPLE / "bank-august" / "agent-sessions.csv", "C-200"),
            ("ivr-legs", SAMPLE / "bank-august" / "ivr-legs.csv", "C-200"),
        ]
        made = write_usage(self.made, Path(settings.PORTAL_HOME) / "demo")
        for kind, path, ref in files + [(kind, path, "") for kind, path in made.items()]:
            self.tell(f"  {path.parent.name}/{path.name}")
            with path.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            import_usage(
                kind=kind, path=path, sha256=sha256, sender=PROVIDER, now=timezone.now(), customer_ref=ref
            )

    def _invoices(self) -> None:
        """The two examples, the oldest cycle of those who buy at retail prices, and every PDF."""
        today = timezone.now().date()
        cycles = [("C-100", date(2024, 6, 9)), ("C-200", date(1999, 8, 1))]
        with scope(PROVIDER):
            bought = [made.ref for number, made in enumerate(self.made) if number % RETAIL_EVERY == 0]
            oldest: dict[str, date] = {}
            for ref, first_day in (
                CycleResult.objects.filter(customer__ref__in=bought, first_day__gte=date(2024, 4, 1))
                .order_by("-first_day")
                .values_list("customer__ref", "first_day")
            ):
                oldest[ref] = first_day
        for ref, first_day in cycles + sorted(oldest.items()):
            with scope(PROVIDER):
                self.summary.invoices += issue_invoices(
                    customer=get_customer(ref), first_day=first_day, today=today, by=BY_DEMO
                )
        if total := _waiting_for_pdf():
            with at_work():
                self._wait_for_pdfs(total)

    def _wait_for_pdfs(self, total: int) -> None:
        begun = rung = time.monotonic() - RING_AGAIN_SECONDS
        shown = -1
        while left := _waiting_for_pdf():
            now = time.monotonic()
            if now - begun > RENDERING_SECONDS:
                raise CommandError(f"{left} PDFs were not rendered within {RENDERING_SECONDS} seconds.")
            if now - rung >= RING_AGAIN_SECONDS:
                render_pending_pdfs.delay()
                rung = now
            if total - left != shown:
                shown = total - left
                self.tell(f"\r  {shown} of {total} PDFs", ending="")
            time.sleep(0.2)
        self.tell(f"\r  {total} of {total} PDFs")

    def _tell_summary(self, port: int) -> None:
        say = self.stdout.write
        with scope(PROVIDER):
            say("")
            say("The job")
            said = " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.summary.took.items())
            say(f"  took            {said}")
            records = sum(Delivery.objects.aggregate(a=Sum("accepted"), r=Sum("rejected")).values())
            say(f"  records read    {records:,} ({Interval.objects.count():,} stored)")
            say(f"  rows kept aside {RowKeptAside.objects.count():,}")
            cycles = CycleResult.objects.values_list("first_day", "until")
            say(f"  days calculated {sum((until - first).days + 1 for first, until in cycles):,}")
            totals: dict[str, list[Any]] = {}
            for invoice in Invoice.objects.all():
                counted = totals.setdefault(invoice.currency, [0, 0])
                counted[0] += 1
                counted[1] += invoice.total
            for currency, (count, total) in sorted(totals.items()):
                say(f"  invoices issued {count:,}, in all {money_text(total, currency)} {currency}")
            for ref in ("C-100", "C-200"):
                for invoice in Invoice.objects.filter(about__ref=ref).select_related("pdf", "about"):
                    total = money_text(invoice.total, invoice.currency)
                    say(f"  {invoice.number}      {invoice.about.name}, {total} {invoice.currency}")
                    say(f"                  {invoice.pdf.file.path}")
            say("")
            say(f"Address   http://127.0.0.1:{port}/")
            say(f"Password  {PASSWORD} (for each of these)")
            for email, _name, role, its_ref in PEOPLE:
                say(f"  {email:<26} {role.label}{f' of {its_ref}' if its_ref else ''}")
            say("")


def _waiting_for_pdf() -> int:
    with scope(PROVIDER):
        return InvoicePdf.objects.filter(state=InvoicePdf.State.PENDING).count()
