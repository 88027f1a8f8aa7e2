"""Control totals of all kinds: a vendor's paper is read, compared with our figures or invoice lines, and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalogue.domain.kinds import SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core.domain.money import money_text
from apps.core.domain.periods import Period
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.control_plain import Kind, Told, as_read, plain_line, plain_reasons, plain_rows
from apps.invoicing.domain.control import LineCause, OurLine, compare_lines
from apps.invoicing.domain.control_lines import (
    TheirInvoice,
    has_lines,
    is_json,
    read_json,
    read_lines,
)
from apps.invoicing.models import Invoice, InvoiceLine
from apps.invoicing.selectors import list_billing_cycles
from apps.invoicing.services import list_issued, make_drafts
from apps.organisations.models import Customer
from apps.reconciliation.control import (
    NoCycleOfPaper,
    as_plain,
    compare_rows,
    cycle_of_days,
    list_paper_cycles,
    type_names,
)
from apps.reconciliation.control_words import NoPaper, refusal_of
from apps.reconciliation.domain.control_formats import as_own_columns
from apps.reconciliation.domain.control_papers import (
    DETAIL_HEADER,
    PEAK_HEADER,
    PaperRefused,
    read_daily_detail,
    read_peaks,
    read_sheet,
)
from apps.reconciliation.domain.detail import Billed, Row, family_of, mark_overage_peaks
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.models import ControlPaper
from apps.reconciliation.selectors import NothingToUse, calculate_cycle, get_figures
from apps.reconciliation.services import (
    ReadPaper,
    keep_comparison,
    keep_paper,
    lease_paper,
    note_failed_comparison,
)
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import find_cycle
from apps.usage.domain.refusals import TellingError
from apps.usage.formats import list_formats
from apps.usage.reasons import in_words


class NoInvoiceToCompare(Refusal):
    """We have no invoice of the cycle, issued or as a draft."""


@dataclass(frozen=True)
class Upload:
    """A file that came, the first day of the cycle it is said to be about, and when its vendor counted."""

    name: str
    content: bytes
    first_day: date | None = None
    as_of: datetime | None = None


def take_paper(
    *, customer: Customer, upload: Upload, today: date, now: datetime, by: User | str
) -> tuple[ControlPaper, bool]:
    """Read a paper and keep it for ``compare_paper``, and whether its content is new.

    Raises:
        NoPaper: it cannot be read; the line says where.
        NoCycleOfPaper: its days lie in no cycle of the customer.
    """
    kind, cycles, told = _read(customer, upload, today=today)
    cycle = _cycle_of(customer, kind, told, cycles, upload.first_day)
    paper = ReadPaper(
        kind,
        upload.name or _("Paper"),
        hashlib.sha256(upload.content).hexdigest(),
        cycle.period,
        plain_rows(told),
        upload.as_of,
    )
    return keep_paper(customer=customer, paper=paper, by=by, now=now)


def compare_paper(*, paper_id: int, now: datetime) -> ControlPaper:
    """Compare a paper that waits with what our figures are now, and keep what comes of it, or why nothing does.

    Done already, or with another worker: nothing happens. The customer's partner is whose eyes it is done with.
    """
    with scope(PROVIDER):
        paper = lease_paper(paper_id=paper_id, now=now)
    if paper is not None:
        try:
            with scope(Scope(Role.PARTNER, paper.partner_id)):
                cycle, result = _compare_again(paper, today=now.date())
                keep_comparison(paper=paper, last_day=cycle.last, result=result, now=timezone.now())
        except (OperationalError, InterfaceError):
            raise  # the database went away: the lease runs out, and another one compares
        except Exception as error:
            why = _("It could not be compared because of an error of the portal, which is on record.")
            with scope(PROVIDER):
                note_failed_comparison(paper=paper, why=str(error) if isinstance(error, Refusal) else why)
            if not isinstance(error, Refusal):
                raise
    with scope(PROVIDER):
        return ControlPaper.objects.get(pk=paper_id)


def _compare_again(paper: ControlPaper, *, today: date) -> tuple[Cycle, dict[str, Any]]:
    """The cycle of a paper that was kept, and how the two compare.

    Raises:
        NoCycleOfPaper, NothingToUse, NoInvoiceToCompare: there is nothing to compare it with.
    """
    customer, kind = paper.customer, Kind(paper.kind)
    cycle = find_cycle(_cycles_for(customer, kind, today=today), paper.first_day)
    if cycle is None or cycle.first != paper.first_day:
        raise NoCycleOfPaper(
            _("%(ref)s has no billing cycle any more that starts on %(day)s.")
            % {"ref": customer.ref, "day": paper.first_day}
        )
    told = as_read(kind, paper.rows)
    return cycle, _compare(customer, kind, cycle, told, as_of=paper.as_of, today=today)


def _cycles_for(customer: Customer, kind: Kind, *, today: date) -> list[Cycle]:
    if kind is Kind.INVOICE_LINES:
        return [cycle for _service, cycle in list_billing_cycles(customer, until=today)]
    return list_paper_cycles(customer, today=today)


def _read(customer: Customer, upload: Upload, *, today: date) -> tuple[Kind, list[Cycle], Told]:
    """What the paper is, by its columns, and what it says."""
    content = upload.content
    try:
        if is_json(content):
            return (
                Kind.INVOICE_LINES,
                _cycles_for(customer, Kind.INVOICE_LINES, today=today),
                read_json(content),
            )
        sheet = read_sheet(content)
        kind = Kind.INVOICE_LINES if has_lines(sheet) else Kind.DAILY_DETAIL
        if not (has_lines(sheet) or sheet.has(DETAIL_HEADER) or sheet.has(PEAK_HEADER)):
            sheet = as_own_columns(sheet, list_formats())
        if sheet.has(PEAK_HEADER):
            kind = Kind.PEAKS
        cycles = _cycles_for(customer, kind, today=today)
        periods = [cycle.period for cycle in cycles if upload.first_day in (None, cycle.first)]
        if kind is Kind.INVOICE_LINES:
            return kind, cycles, read_lines(sheet, cycles=periods)
        if kind is Kind.PEAKS:
            return kind, cycles, read_peaks(sheet, cycles=periods)
        return kind, cycles, read_daily_detail(sheet, type_names(), cycles=periods)
    except PaperRefused as refused:
        raise refusal_of(refused) from None
    except TellingError as error:
        raise NoPaper(in_words(error)) from None


def _cycle_of(
    customer: Customer, kind: Kind, told: Told, cycles: Sequence[Cycle], first_day: date | None
) -> Cycle:
    if first_day is not None:
        cycles = [cycle for cycle in cycles if cycle.first == first_day]
    if isinstance(told, TheirInvoice):
        periods = {line.period for line in told.lines}
        if matching := [cycle for cycle in cycles if cycle.period in periods]:
            return matching[0]
        if first_day is not None and cycles:
            return cycles[0]
        return cycle_of_days(cycles, [each.first for each in periods if each], ref=customer.ref)
    return cycle_of_days(cycles, [row.day for row in told], ref=customer.ref)


def _compare(
    customer: Customer, kind: Kind, cycle: Cycle, told: Told, *, as_of: datetime | None, today: date
) -> dict[str, Any]:
    if isinstance(told, TheirInvoice):
        return _compare_invoice(customer, cycle, told, today=today)
    compared = as_plain(compare_rows(customer, cycle, told, today=today, as_of=as_of))
    return {**compared, "kind": kind.value}


def _compare_invoice(
    customer: Customer, cycle: Cycle, theirs: TheirInvoice, *, today: date
) -> dict[str, Any]:
    seller = theirs.seller or Invoice.Seller.PROVIDER.value
    papers = [
        (paper, lines)
        for paper, lines in _our_papers(customer, cycle.first, today=today)
        if paper.seller == seller
    ]
    if not papers:
        raise NoInvoiceToCompare(
            _("There is no invoice of the cycle %(first)s – %(last)s of %(ref)s to compare with.")
            % {"first": cycle.first, "last": cycle.last, "ref": customer.ref}
        )
    invoice = papers[0][0]
    readings = _readings(customer, cycle, today=today)
    compared = compare_lines(
        [_our_line(line, readings) for _paper, lines in papers for line in lines],
        theirs,
        currency=invoice.currency,
        tax_rate_pct=invoice.tax_rate_pct,
        taxes=sum((paper.taxes for paper, _lines in papers), Decimal(0)),
    )
    types = {sku.code: sku.usage_type for sku in Sku.objects.filter(kind=SkuKind.OVERAGE)}
    currency = invoice.currency
    return {
        "kind": Kind.INVOICE_LINES.value,
        "rules": RULES_VERSION,
        "invoice": invoice.number,
        "seller": seller,
        "currency": currency,
        "agree": not compared.differing and not compared.taxes_differ,
        "lines": len(compared.lines),
        "differing": compared.differing,
        "unexplained": compared.unexplained,
        "taxes": {
            "ours": money_text(compared.our_taxes, currency),
            "theirs": None if compared.their_taxes is None else money_text(compared.their_taxes, currency),
            "differ": compared.taxes_differ,
            "reasons": plain_reasons(compared.tax_reasons),
        },
        "rows": [plain_line(line, currency, types) for line in compared.lines],
    }


def _our_papers(
    customer: Customer, first_day: date, *, today: date
) -> list[tuple[Invoice, list[InvoiceLine]]]:
    """The papers of a cycle with their lines: those issued, and drafts of the others."""
    issued = list_issued(customer=customer, first_day=first_day, today=today)
    drafts = make_drafts(customer=customer, first_day=first_day, today=today)
    return [(paper, list(paper.lines.all())) for paper in issued] + [
        (draft.invoice, draft.lines) for draft in drafts
    ]


def _our_line(line: InvoiceLine, readings: dict[str, dict[LineCause, int]]) -> OurLine:
    period = Period(line.period_from, line.period_to)
    return OurLine(
        sku=line.sku,
        subscription=line.subscription,
        period=period,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount_pct=line.discount_pct,
        amount=line.amount,
        share=Fraction(period.days, line.whole_days or period.days),
        readings=readings.get(line.sku, {}) if line.kind == InvoiceLine.Kind.OVERAGE else {},
    )


def _readings(customer: Customer, cycle: Cycle, *, today: date) -> dict[str, dict[LineCause, int]]:
    """Other quantities that the overage of a cycle could be billed with, by SKU."""
    if cycle.primary.licence_model is None:
        return {}
    try:
        figures = get_figures(customer, cycle, today=today)
    except NothingToUse:
        return {}
    by_type: dict[UsageType, list[Row]] = {}
    for row in figures.rows:
        by_type.setdefault(row.usage_type, []).append(row)
    since: Mapping[UsageType, Billed] = {}
    if figures.is_closed:
        now = calculate_cycle(customer, cycle, until=cycle.last, settings=figures.settings)
        since = now.figures.billed
    other_peaks = _other_peaks(by_type, is_per_type=figures.settings.billed_peak == "per_type")
    skus = {UsageType(sku.usage_type): sku.code for sku in Sku.objects.filter(kind=SkuKind.OVERAGE)}
    return {
        skus[usage_type]: {
            LineCause.OTHER_PEAK: other_peaks[usage_type],
            LineCause.LAST_DAY: rows[-1].overage,
            LineCause.SUM_OF_DAYS: sum(row.overage for row in rows),
            **({LineCause.RECORDS_SINCE: since[usage_type].quantity} if usage_type in since else {}),
        }
        for usage_type, rows in by_type.items()
    }


def _other_peaks(by_type: dict[UsageType, list[Row]], *, is_per_type: bool) -> dict[UsageType, int]:
    """Each type's overage on its family's marked day, or its largest: what the setting is not (R6)."""
    overage = {usage_type: [row.overage for row in rows] for usage_type, rows in by_type.items()}
    if not is_per_type:
        return {usage_type: max(days) for usage_type, days in overage.items()}
    marked = mark_overage_peaks({each: np.array(days, np.int64) for each, days in overage.items()})
    peaks = {family_of(usage_type): position for usage_type, position in marked.items()}
    return {
        usage_type: days[peaks[family_of(usage_type)]] if family_of(usage_type) in peaks else 0
        for usage_type, days in overage.items()
    }
