"""Runs: what was recalculated when, how far one has come, and which customers it has parked. The provider's alone."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import provider_admin_only, provider_only
from apps.core.bell import ring_on_commit
from apps.core.domain.periods import ONE_DAY
from apps.core.formatting import day, duration, moment, number
from apps.core.problems import Refusal
from apps.organisations.guards import visible_customer
from apps.reconciliation.filters import RunFilter
from apps.reconciliation.models import Run
from apps.reconciliation.run_tables import ParkedTable, RunTable, run_state, who
from apps.reconciliation.runs import (
    Progress,
    get_progress,
    list_set_aside,
    list_stale,
    list_waiting,
    parked_customers,
)
from apps.reconciliation.services import cancel_run, retry_parked, start_run
from apps.reconciliation.tasks import reconcile_stale

RUNS_A_PAGE = 25
PARKED_A_PAGE = 50


class RunListView(View):
    """What is stale now, and all runs, newest first. Posting to it starts one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = provider_only(request.user)
        now = timezone.now()
        filters = RunFilter(request.GET, queryset=Run.objects.all())
        is_filtered = any(request.GET.get(name) for name in filters.filters)
        table = RunTable(filters.qs if filters.is_valid() else Run.objects.none())
        if is_filtered:
            table.empty_text = _("No run fits these filters.")
        table.paginate(per_page=RUNS_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        table.measure(now=now)
        yesterday = now.date() - ONE_DAY
        stale = set(list_stale(yesterday))
        waiting = list_waiting(yesterday) & stale if stale else set()
        return render(
            request,
            "reconciliation/runs.html",
            {
                "table": table,
                "form": filters.form,
                "is_filtered": is_filtered,
                "stale": number(len(stale)),
                "waiting": number(len(waiting)),
                "set_aside": number(len(list_set_aside() & stale) if stale else 0),
                "may_start": user.is_provider_admin and bool(stale - waiting),
            },
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        user = provider_admin_only(request.user)
        try:
            run = start_run(today=timezone.now().date(), by=user.email)
        except Refusal as refusal:
            messages.info(request, str(refusal))
            return redirect("reconciliation:runs")
        return _begun(run)


class RunView(View):
    """One run. While it goes on the page asks for itself again every two seconds."""

    def get(self, request: HttpRequest, run_id: int) -> HttpResponse:
        user = provider_only(request.user)
        run = get_object_or_404(Run, pk=run_id)
        progress = get_progress(run, now=timezone.now())
        may_retry = user.is_provider_admin and progress.is_over
        table = ParkedTable(parked_customers(run), retries="retry" if may_retry else "")
        table.paginate(per_page=PARKED_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        label, tone = run_state(progress)
        return render(
            request,
            "reconciliation/run.html",
            {
                "run": run,
                "progress": progress,
                "state": {"label": label, "tone": tone},
                "facts": _facts(progress),
                "stats": _stats(progress),
                "sentence": _sentence(progress),
                "table": table if progress.parked else None,
                "may_cancel": user.is_provider_admin and not progress.is_over,
                "may_retry": may_retry,
                "breadcrumbs": [(_("Runs"), reverse("reconciliation:runs"))],
            },
        )


class RunCancelView(View):
    """Lets nothing more of a run begin."""

    def post(self, request: HttpRequest, run_id: int) -> HttpResponse:
        user = provider_admin_only(request.user)
        run = get_object_or_404(Run, pk=run_id)
        try:
            cancel_run(run=run, by=user.email)
        except Refusal as refusal:
            messages.info(request, str(refusal))
        else:
            messages.success(request, _("The run is cancelled. What waited stays stale."))
        return redirect("reconciliation:run", run_id=run_id)


class RunRetryView(View):
    """Starts another run of the customers that this one has parked, or of the one that is named."""

    def post(self, request: HttpRequest, run_id: int) -> HttpResponse:
        user = provider_admin_only(request.user)
        run = get_object_or_404(Run, pk=run_id)
        ref = request.POST.get("customer", "")
        customer = visible_customer(ref) if ref else None
        try:
            another = retry_parked(run=run, customer=customer, today=timezone.now().date(), by=user.email)
        except Refusal as refusal:
            messages.info(request, str(refusal))
            return redirect("reconciliation:run", run_id=run_id)
        return _begun(another)


def _begun(run: Run) -> HttpResponse:
    """To a run's page."""
    ring_on_commit(reconcile_stale.delay)
    return redirect("reconciliation:run", run_id=run.pk)


def _facts(progress: Progress) -> list[str]:
    """Who asked for it and when, how far it calculates, how it ended."""
    run = progress.run
    facts = [_("Started %(moment)s: %(by)s") % {"moment": moment(run.started_at), "by": who(run.started_by)}]
    if run.until:
        facts.append(_("Calculated up to %(day)s") % {"day": day(run.until)})
    if run.cancelled_at:
        facts.append(
            _("Cancelled %(moment)s: %(by)s")
            % {"moment": moment(run.cancelled_at), "by": who(run.cancelled_by)}
        )
    elif run.finished_at:
        facts.append(_("Finished %(moment)s") % {"moment": moment(run.finished_at)})
    return facts


def _sentence(progress: Progress) -> str:
    """How far it is."""
    said = ngettext(
        "%(finished)s of %(customers)s customer.",
        "%(finished)s of %(customers)s customers.",
        progress.customers,
    ) % {"finished": number(progress.finished), "customers": number(progress.customers)}
    if not progress.is_over and progress.seconds_left is not None and progress.waiting:
        said += " " + _("About %(time)s left.") % {"time": duration(progress.seconds_left)}
    return said


def _stats(progress: Progress) -> list[dict[str, str]]:
    """Counts in and out."""
    return [
        {
            "label": _("Customers done"),
            "value": number(progress.done),
            "hint": _("of %(customers)s") % {"customers": number(progress.customers)},
        },
        {
            "label": _("Records read"),
            "value": number(progress.records),
            "hint": _("About %(records)s were expected") % {"records": number(progress.expected)},
        },
        {
            "label": _("Days calculated"),
            "value": number(progress.days),
            "hint": _("Of each customer all days of the cycles concerned"),
        },
        {
            "label": _("Records a second"),
            "value": number(round(progress.records_per_second)),
            "hint": _("In %(time)s") % {"time": duration(progress.seconds)},
        },
        {
            "label": _("Parked"),
            "value": number(progress.parked),
            "tone": "danger" if progress.parked else "",
            "hint": _("Set aside; they stay stale") if progress.parked else "",
        },
    ]
