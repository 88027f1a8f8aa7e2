"""Conflicts: two contents of one record side by side, what each comes to, and a person's decision (R13)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import User
from apps.catalogue.domain.kinds import SkuKind, UsageType
from apps.catalogue.models import Sku
from apps.core.formatting import moment, number, period, signed
from apps.core.problems import Refusal
from apps.invoicing.conflict_effect import PricedEffect, list_priced_effects
from apps.invoicing.conflict_forms import DecisionForm
from apps.invoicing.conflict_tables import (
    ROWS_A_PAGE,
    ConflictTable,
    compare,
    conflict_state,
    conflicts_csv,
    file_of,
)
from apps.reconciliation.conflict_effect import CycleEffect
from apps.usage.conflict_sides import get_stored, list_closed_cycles_touched
from apps.usage.domain.records import Content
from apps.usage.filters import ConflictFilter, kind_in_words
from apps.usage.models import Conflict, Source
from apps.usage.services import decide_conflict, decide_conflicts

DECIDED_AT_ONCE = 500
EXPORTED_AT_ONCE = 100_000
LONGEST_SUMMARY = 4


class ConflictListView(View):
    """All conflicts, those that wait first. Posting decides all that wait of one delivery."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        filters, conflicts = _filtered(request)
        return _list_page(request, user, filters, conflicts)

    def post(self, request: HttpRequest) -> HttpResponse:
        user = administrator_only(request.user)
        filters, conflicts = _filtered(request)
        delivery = filters.form.cleaned_data.get("delivery")
        settled = Conflict.objects.filter(delivery=delivery).exclude(decided_at=None).order_by("-decided_at")
        # Where somebody was faster, the refusal about what was decided says who.
        waiting = list(conflicts.filter(decided_at=None)[:DECIDED_AT_ONCE] or settled[:1])
        if not waiting or not delivery:
            raise Http404
        form = DecisionForm(request.POST)
        if not form.is_valid():
            return _list_page(request, user, filters, conflicts, form)
        try:
            decided = decide_conflicts(
                conflicts=waiting,
                take_arriving=form.takes,
                by=user.email,
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request,
                ngettext("%(count)s conflict is decided.", "%(count)s conflicts are decided.", len(decided))
                % {"count": number(len(decided))},
            )
        return redirect(request.get_full_path())


class ConflictView(View):
    """One conflict: both sides, what the decision would do to the figures, and the decision."""

    def get(self, request: HttpRequest, conflict_id: int) -> HttpResponse:
        user = staff_only(request.user)
        return _page(request, user, visible_conflict(conflict_id), DecisionForm())

    def post(self, request: HttpRequest, conflict_id: int) -> HttpResponse:
        staff_only(request.user)
        conflict = visible_conflict(conflict_id)
        user = administrator_only(request.user)
        form = DecisionForm(request.POST)
        if not form.is_valid():
            return _page(request, user, conflict, form)
        try:
            decide_conflict(
                conflict=conflict,
                take_arriving=form.takes,
                by=user.email,
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The conflict is decided."))
        return redirect("invoicing:conflict", conflict_id=conflict_id)


class ConflictsCsvView(View):
    """The same list, all of its pages, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        staff_only(request.user)
        _filters, conflicts = _filtered(request)
        name = f"conflicts-{timezone.now().date().isoformat()}.csv"
        return HttpResponse(
            conflicts_csv(conflicts[:EXPORTED_AT_ONCE]),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name)},
        )


def visible_conflict(conflict_id: int) -> Conflict:
    """The conflict with its customer and its delivery.

    Raises:
        Http404: there is none that the scope may see.
    """
    if conflict_id > 2**63 - 1:
        raise Http404
    return get_object_or_404(
        Conflict.objects.select_related("customer__partner").prefetch_related("delivery"), pk=conflict_id
    )


def _filtered(request: HttpRequest) -> tuple[ConflictFilter, QuerySet[Conflict]]:
    """The filters that the address asks for and what they leave: nothing where one cannot be understood."""
    listed = (
        Conflict.objects.select_related("customer")
        .prefetch_related("delivery")
        .defer("opposite")
        .order_by(F("decided_at").desc(nulls_first=True), "delivery_id", "line_number", "pk")
    )
    filters = ConflictFilter(request.GET, queryset=listed, request=request)
    return filters, filters.qs if filters.is_valid() else listed.none()


def _list_page(
    request: HttpRequest,
    user: User,
    filters: ConflictFilter,
    conflicts: QuerySet[Conflict],
    form: DecisionForm | None = None,
) -> HttpResponse:
    table = ConflictTable(conflicts)
    table.paginate(per_page=ROWS_A_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    asked = filters.form.cleaned_data if filters.is_valid() else {}
    waiting = conflicts.filter(decided_at=None).count()
    shown = [row.record for row in table.paginated_rows]
    of_one_file = bool(asked.get("delivery") and shown)
    query = request.GET.urlencode()
    return render(
        request,
        "invoicing/conflicts.html",
        {
            "table": table,
            "filters": filters.form,
            "is_filtered": not filters.is_valid() or any(asked.values()),
            "file": file_of(shown[0]) if of_one_file else "",
            "waiting": waiting,
            "decided_at_once": number(min(waiting, DECIDED_AT_ONCE)),
            "form": (form or DecisionForm()) if of_one_file and waiting and user.is_administrator else None,
            "action": request.get_full_path(),
            "csv_url": f"{reverse('invoicing:conflicts-csv')}{f'?{query}' if query else ''}",
        },
        status=422 if form is not None else 200,
    )


def _page(request: HttpRequest, user: User, conflict: Conflict, form: DecisionForm) -> HttpResponse:
    is_open = conflict.decided_at is None
    stored = get_stored(conflict)
    sides = [Content.of(conflict.opposite) if conflict.opposite else stored.content, conflict.content]
    if conflict.took_arriving:
        sides.reverse()  # what the decision made count comes first
    effects = list_priced_effects(conflict, today=timezone.now().date()) if is_open else []
    closed = list_closed_cycles_touched(conflict) if is_open else []
    may_decide = is_open and user.is_administrator and (user.is_provider or not closed)
    label, tone = conflict_state(conflict)
    others = (
        Conflict.objects.filter(delivery=conflict.delivery_id, decided_at=None)
        .exclude(pk=conflict.pk)
        .count()
        if is_open and conflict.delivery_id
        else 0
    )
    return render(
        request,
        "invoicing/conflict.html",
        {
            "conflict": conflict,
            "state": {"label": label, "tone": tone},
            "kind": kind_in_words(conflict.kind),
            "file": file_of(conflict),
            "source": Source.objects.get(pk=conflict.source_id).name,
            "opposite_from": _opposite_from(conflict, stored.recorded_at),
            "compared": compare(*sides, kind=conflict.kind),
            "is_over": not is_open and stored.content != sides[0],
            "effects": [_effect(each) for each in effects],
            "others": others,
            "form": form if may_decide else None,
            "closed": [period(each) for each in closed]
            if not user.is_provider and user.is_administrator
            else [],
            "breadcrumbs": [(_("Conflicts"), reverse("invoicing:conflicts"))],
        },
        status=422 if form.is_bound and form.errors else 200,
    )


def _opposite_from(conflict: Conflict, recorded_at: datetime) -> str:
    """Where the other content than the conflict's own came from."""
    if conflict.decided_at is None:
        return _("Recorded %(moment)s") % {"moment": moment(recorded_at)}
    return _("Stored before the decision") if conflict.delivery_id else _("Arrived, and was taken")


def _effect(priced: PricedEffect) -> dict[str, Any]:
    """A cycle's effect as the page shows it."""
    effect = priced.effect
    names = {
        UsageType(sku.usage_type): sku.detail_name or sku.usage_type
        for sku in Sku.objects.filter(kind=SkuKind.COMMITTED).only("usage_type", "detail_name")
    }
    billed = [(names.get(each, each.value), was, now) for each, was, now in effect.billed]
    billed += [
        (sku, was.billable, now.billable) for sku, was, now in effect.units if was.billable != now.billable
    ]
    return {
        "title": period(effect.cycle.period),
        "until": effect.until,
        "is_closed": effect.is_closed,
        "changes": effect.changes,
        "summary": _summary(effect, names, billed),
        "rows": [
            {
                "day": was.day,
                "name": names.get(was.usage_type, was.usage_type.value),
                "cells": [
                    (was.used, now.used),
                    (was.committed, now.committed),
                    (was.substituted, now.substituted),
                    (was.overage, now.overage),
                ],
            }
            for was, now in effect.rows
        ],
        "units": effect.units,
        "billed": [(name, was, now, signed(now - was)) for name, was, now in billed],
        "currency": priced.currency,
        "before": priced.before,
        "after": priced.after,
        "difference": priced.difference,
    }


def _summary(effect: CycleEffect, names: dict[UsageType, str], billed: list[tuple[str, int, int]]) -> str:
    """The change in one sentence: ``15 – 30 Jun 2024 Standard used 31 → 30; Standard billed 3 → 2``."""
    parts = [
        _("%(days)s %(type)s used %(before)s → %(after)s")
        % {
            "days": period(run.days),
            "type": names.get(run.usage_type, run.usage_type.value),
            "before": number(run.before),
            "after": number(run.after),
        }
        for run in effect.runs
    ]
    if len(parts) > LONGEST_SUMMARY:
        left = len(parts) - LONGEST_SUMMARY
        more = ngettext("%(count)s change more", "%(count)s changes more", left)
        parts = [*parts[:LONGEST_SUMMARY], more % {"count": number(left)}]
    parts += [
        _("%(name)s billed %(before)s → %(after)s")
        % {"name": name, "before": number(was), "after": number(now)}
        for name, was, now in billed
    ]
    return "; ".join(parts)
