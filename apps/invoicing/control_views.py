"""Control totals: a vendor's own figures or invoice lines beside ours, for the customer's partner and the provider.

Their administrators bring papers; a worker compares them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import User
from apps.core.bell import ring_on_commit
from apps.core.formatting import moment
from apps.core.problems import Refusal
from apps.invoicing.bell import compare_control_paper
from apps.invoicing.control import Upload, take_paper
from apps.invoicing.control_export import control_csv
from apps.invoicing.control_forms import ControlForm
from apps.invoicing.control_tables import (
    PAPERS_A_PAGE,
    ControlLineTable,
    ControlPaperTable,
    ControlRowTable,
)
from apps.invoicing.control_words import causes_of, reasons, verdict
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.control import list_paper_cycles
from apps.reconciliation.control_causes import long_reason
from apps.reconciliation.control_words import about_name, certainty_name, grouped, notes
from apps.reconciliation.models import ControlPaper
from apps.reconciliation.proof_addresses import ProofAddresses
from apps.reconciliation.services import compare_once_more
from apps.usage.services.opening import shown_name

MOST_REASONS, MOST_CAUSES = 12, 4


class ControlView(View):
    """The papers compared of a customer, and the form that compares another."""

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        user = staff_only(request.user)
        customer = visible_customer(ref)
        return _list_page(request, user, customer, _form(customer) if user.is_administrator else None)

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        user = administrator_only(request.user)
        customer = visible_customer(ref)
        form = _form(customer, request)
        if not form.is_valid():
            return _list_page(request, user, customer, form)
        given, now = form.cleaned_data, timezone.now()
        name = shown_name(given["paper"].name)
        upload = Upload(name, given["paper"].read(), form.first_day, given["as_of"])
        try:
            paper, is_new = take_paper(customer=customer, upload=upload, today=now.date(), now=now, by=user)
        except Refusal as refusal:
            form.add_error("paper", str(refusal))
            return _list_page(request, user, customer, form)
        ring_on_commit(compare_control_paper.delay, paper.pk)
        if not is_new:
            messages.info(request, _("This paper was here before. It is compared with the figures of now."))
        return redirect("invoicing:control-paper", ref=ref, paper_id=paper.pk)


class ControlPaperView(View):
    """One paper beside our figures: what differs and why."""

    def get(self, request: HttpRequest, ref: str, paper_id: int) -> HttpResponse:
        user = staff_only(request.user)
        customer = visible_customer(ref)
        paper = get_object_or_404(_papers_of(customer), pk=paper_id)
        about = {
            **_page(user, customer),
            "paper": paper,
            "kind": ControlPaper.Kind(paper.kind).label,
            "may_compare": user.is_administrator,
            "facts": _facts(paper),
        }
        result = paper.result
        if not result or paper.state == ControlPaper.State.WAITING:
            return render(request, "invoicing/control_paper.html", about)
        rows = result["rows"]
        differing = [row for row in rows if row["differs"]]
        is_all = request.GET.get("rows") == "all" or not differing
        said, tone = verdict(paper.kind, result)
        is_of_lines = paper.kind == ControlPaper.Kind.INVOICE_LINES
        shown = rows if is_all else differing
        proofs = ProofAddresses(customer.ref, paper.first_day)
        return render(
            request,
            "invoicing/control_paper.html",
            {
                **about,
                "result": result,
                "verdict": said,
                "causes": ", ".join(causes_of(paper.kind, result)[:MOST_CAUSES]),
                "tone": tone,
                "notes": [_held_against(result)] if is_of_lines else notes(result),
                "reasons": [] if is_of_lines else _reasons(result),
                "taxes": _taxes(result) if is_of_lines else None,
                "segments": [
                    {"label": _("Differences"), "url": "?rows=differing", "current": not is_all},
                    {"label": _("All rows"), "url": "?rows=all", "current": is_all},
                ]
                if differing
                else [],
                "table": ControlLineTable(shown, currency=result["currency"], proofs=proofs)
                if is_of_lines
                else ControlRowTable(shown, explanations=result["explanations"], proofs=proofs),
            },
        )


class ControlPaperAgainView(View):
    """Lets a paper be compared with what the figures are now."""

    def post(self, request: HttpRequest, ref: str, paper_id: int) -> HttpResponse:
        user = administrator_only(request.user)
        customer = visible_customer(ref)
        paper = get_object_or_404(_papers_of(customer), pk=paper_id)
        compare_once_more(paper=paper, by=user)
        ring_on_commit(compare_control_paper.delay, paper.pk)
        return redirect("invoicing:control-paper", ref=ref, paper_id=paper_id)


class ControlPaperCsvView(View):
    """A compared paper as a file."""

    def get(self, request: HttpRequest, ref: str, paper_id: int) -> HttpResponse:
        staff_only(request.user)
        customer = visible_customer(ref)
        paper = get_object_or_404(_papers_of(customer).exclude(compared_at=None), pk=paper_id)
        name = f"control-{ref}-{paper.first_day.isoformat()}-{paper.pk}.csv"
        return HttpResponse(
            control_csv(paper),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name) or "attachment"},
        )


def _papers_of(customer: Customer) -> QuerySet[ControlPaper]:
    """Its papers without the lines that were read: pages show what came of them."""
    return ControlPaper.objects.filter(customer=customer).defer("rows")


def _form(customer: Customer, request: HttpRequest | None = None) -> ControlForm:
    """The form, with the cycles that a paper can be about, newest first."""
    cycles = list_paper_cycles(customer, today=timezone.now().date())
    periods = [cycle.period for cycle in reversed(cycles)][:36]
    if request is None:
        return ControlForm(cycles=periods)
    return ControlForm(request.POST, request.FILES, cycles=periods)


def _list_page(
    request: HttpRequest, user: User, customer: Customer, form: ControlForm | None
) -> HttpResponse:
    """The papers, with the form where somebody may bring one."""
    table = ControlPaperTable(_papers_of(customer).select_related("customer"))
    table.paginate(per_page=PAPERS_A_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    return render(
        request,
        "invoicing/control.html",
        {**_page(user, customer), "table": table, "form": form},
        status=400 if form is not None and form.errors else 200,
    )


def _page(user: User, customer: Customer) -> dict[str, Any]:
    return {
        "customer": customer,
        "partner": customer.partner if user.is_provider else None,
        "breadcrumbs": [(_("Customers"), reverse("dashboard:customers"))],
    }


def _facts(paper: ControlPaper) -> list[str]:
    """Who brought it and when, by which rules it was compared, and who waits for that."""
    facts = [
        _("Uploaded %(moment)s: %(by)s") % {"moment": moment(paper.uploaded_at), "by": paper.uploaded_by},
        f"SHA-256 {paper.sha256[:12]}…",
    ]
    if paper.compared_at and paper.result:
        facts[1:1] = [
            _("Compared %(moment)s: %(by)s") % {"moment": moment(paper.compared_at), "by": paper.compared_by},
            _("Rules %(version)s") % {"version": paper.result["rules"]},
        ]
    if paper.state != ControlPaper.State.COMPARED:
        facts.append(_("Comparison asked for: %(by)s") % {"by": paper.asked_by})
    if paper.as_of:
        facts.insert(1, _("Counted %(moment)s") % {"moment": moment(paper.as_of)})
    return facts


def _held_against(result: dict[str, Any]) -> str:
    """Which invoice of ours it was."""
    if result["invoice"]:
        return _("Held against invoice %(number)s.") % {"number": result["invoice"]}
    return _("Held against our draft: the invoice is not issued yet.")


def _reasons(result: dict[str, Any]) -> list[dict[str, str]]:
    """What to read first."""
    found = []
    for each in grouped(result["explanations"])[:MOST_REASONS]:
        label, tone = certainty_name(each["certainty"])
        found.append(
            {"label": label, "tone": tone, "about": about_name(each["about"]), "text": long_reason(each)}
        )
    return found


def _taxes(result: dict[str, Any]) -> dict[str, Any] | None:
    """Taxes that differ, with the reason."""
    taxes = result["taxes"]
    if not taxes["differ"]:
        return None
    return {**taxes, "currency": result["currency"], "why": reasons(taxes["reasons"])}
