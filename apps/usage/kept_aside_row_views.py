"""One row kept aside: its text, what it lacks, and its cells to be written anew (R13)."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import User
from apps.usage.domain.faults import Fault
from apps.usage.domain.mending import column_at_fault
from apps.usage.filters import kind_in_words
from apps.usage.kept_aside_forms import CellsForm, SetAsideForm, cells_in_words
from apps.usage.kept_aside_mending import send_and_tell, set_aside_and_tell
from apps.usage.kept_aside_tables import row_state
from apps.usage.models import RowKeptAside
from apps.usage.reasons import told
from apps.usage.services.mending import preview_sending


class KeptAsideRowView(View):
    """One row: its text, what it lacks, and its cells to be written anew."""

    def get(self, request: HttpRequest, row_id: int) -> HttpResponse:
        user = staff_only(request.user)
        return _row_page(request, user, visible_row(row_id))

    def post(self, request: HttpRequest, row_id: int) -> HttpResponse:
        staff_only(request.user)
        row = visible_row(row_id)
        user = administrator_only(request.user)
        rows = RowKeptAside.objects.filter(pk=row.pk)
        if request.POST.get("step") == "set-aside":
            aside = SetAsideForm(request.POST, prefix="aside")
            if not aside.is_valid():
                return _row_page(request, user, row, set_aside=aside)
            set_aside_and_tell(request, rows, aside, by=user, partner=row.partner_id)
            return redirect("usage:kept_aside_row", row_id=row_id)
        described = row.delivery.described
        form = CellsForm(request.POST, described=described, cells=row.cells or {})
        if not form.is_valid():
            return _row_page(request, user, row, form=form)
        preview = preview_sending(rows=rows, correction=form.correction(), now=timezone.now())
        for fault in preview.lacking:
            column = column_at_fault(fault, form.cleaned_data, described)
            form.add_error(column, told(fault.value))
            return _row_page(request, user, row, form=form)
        send_and_tell(request, rows, form.correction(), by=user, partner=row.partner_id)
        return redirect("usage:kept_aside_row", row_id=row_id)


def visible_row(row_id: int) -> RowKeptAside:
    """The row with its delivery.

    Raises:
        Http404: there is none that the scope may see.
    """
    if row_id > 2**63 - 1:
        raise Http404
    return get_object_or_404(RowKeptAside.objects.select_related("delivery"), pk=row_id)


def _row_page(
    request: HttpRequest,
    user: User,
    row: RowKeptAside,
    *,
    form: CellsForm | None = None,
    set_aside: SetAsideForm | None = None,
) -> HttpResponse:
    described = row.delivery.described
    may = user.is_administrator and row.settled_at is None
    if form is None and may:
        cells = row.cells or {}
        customer = cells.get("customer") or row.delivery.customer_ref
        form = CellsForm(described=described, cells={**cells, "customer": customer})
        _mark(form, row)
    label, tone = row_state(row)
    return render(
        request,
        "usage/kept_aside_row.html",
        {
            "row": row,
            "state": {"label": label, "tone": tone},
            "reason": told(row.reason),
            "kind": kind_in_words(row.delivery.kind),
            "form": form,
            "set_aside": set_aside or SetAsideForm(prefix="aside"),
            "may_mend": may,
            "cells": cells_in_words(row.cells or {}, described),
            "breadcrumbs": [(_("Rows kept aside"), reverse("usage:kept_aside"))],
        },
        status=422 if any(each and each.is_bound and each.errors for each in (form, set_aside)) else 200,
    )


def _mark(form: CellsForm, row: RowKeptAside) -> None:
    """What the row lacks stands as help at its field."""
    described = row.delivery.described
    try:
        column = column_at_fault(Fault(row.reason), row.cells or {}, described)
    except ValueError:
        return
    if column in form.fields:
        form.fields[column].help_text = told(row.reason)
