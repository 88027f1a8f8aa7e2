"""Rows kept aside: what lacks what, mended one by one or all of a kind, and sent again (R13)."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.contrib import messages
from django.db.models import QuerySet
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
from apps.core.formatting import number
from apps.core.problems import Refusal
from apps.core.tenancy import PROVIDER, Role, Scope
from apps.organisations.models import Customer
from apps.usage.domain.faults import Fault
from apps.usage.domain.mending import column_at_fault
from apps.usage.domain.records import KINDS_OF_FILE, Kind
from apps.usage.filters import KeptAsideFilter
from apps.usage.kept_aside import DESCRIBED, GROUPS_SHOWN, GroupKey, list_groups, rows_of
from apps.usage.kept_aside_forms import (
    CellsForm,
    CorrectionForm,
    CustomerForm,
    SetAsideForm,
    ZoneForm,
    cells_in_words,
    form_of,
)
from apps.usage.kept_aside_tables import (
    ROWS_A_PAGE,
    GroupTable,
    KeptAsideTable,
    kind_label,
    row_state,
    write_csv,
)
from apps.usage.models import RowKeptAside
from apps.usage.reasons import told
from apps.usage.services.mending import (
    MENDED_AT_ONCE,
    Mended,
    Preview,
    preview_sending,
    send_again,
    set_aside_for_good,
)

EXPORTED_AT_ONCE = 50_000
_SUGGESTED = 200
LIST = "usage:kept_aside"


class KeptAsideView(View):
    """What waits to be mended by kind, then the rows."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        filters, rows = _filtered(request)
        table = KeptAsideTable(rows)
        table.paginate(per_page=ROWS_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        asked = filters.form.cleaned_data if filters.is_valid() else {}
        groups = [] if asked.get("settled") == "true" else list_groups(rows)
        query = request.GET.urlencode()
        return render(
            request,
            "usage/kept_aside.html",
            {
                "groups": GroupTable(groups[:GROUPS_SHOWN], with_sender=user.is_provider) if groups else None,
                "more_groups": len(groups) > GROUPS_SHOWN,
                "table": table,
                "filters": filters.form,
                "is_filtered": not filters.is_valid() or any(asked.values()),
                "csv_url": f"{reverse('usage:kept_aside_csv')}{f'?{query}' if query else ''}",
            },
        )


class KeptAsideCsvView(View):
    """The same rows, all of their pages, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        staff_only(request.user)
        _filters, rows = _filtered(request)
        name = f"rows-kept-aside-{timezone.now().date().isoformat()}.csv"
        answer = HttpResponse(
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name)},
        )
        write_csv(rows[:EXPORTED_AT_ONCE].iterator(chunk_size=2_000), answer)
        return answer


class KeptAsideGroupView(View):
    """All open rows of a kind: mended together, after a look at what would become of them."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        return _group_page(request, user, _group_asked(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        staff_only(request.user)
        group = _group_asked(request)
        user = administrator_only(request.user)
        if request.POST.get("step") == "set-aside":
            return self._set_aside(request, user, group)
        form = _mending_form(request, group)
        if not form.is_valid():
            return _group_page(request, user, group, **_placed(form))
        if request.POST.get("step") != "send":
            preview = preview_sending(rows=rows_of(group), correction=form.correction(), now=timezone.now())
            return _group_page(request, user, group, preview=preview, **_placed(form))
        try:
            mended = send_again(
                rows=rows_of(group),
                correction=form.correction(),
                by=user,
                sender=_sender(group.partner),
                now=timezone.now(),
            )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            _tell(request, mended)
        return redirect(f"{reverse(LIST)}?settled=false")

    def _set_aside(self, request: HttpRequest, user: User, group: GroupKey) -> HttpResponse:
        form = SetAsideForm(request.POST, prefix="aside")
        if not form.is_valid():
            return _group_page(request, user, group, set_aside=form)
        _set_aside_told(request, user, rows_of(group), form, group.partner)
        return redirect(f"{reverse(LIST)}?settled=false")


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
            _set_aside_told(request, user, rows, aside, row.partner_id)
            return redirect("usage:kept_aside_row", row_id=row_id)
        described = DESCRIBED[Kind(row.delivery.kind)]
        form = CellsForm(request.POST, described=described, cells=row.cells or {})
        if not form.is_valid():
            return _row_page(request, user, row, form=form)
        preview = preview_sending(rows=rows, correction=form.correction(), now=timezone.now())
        for fault in preview.lacking:
            column = column_at_fault(fault, form.cleaned_data, described)
            form.add_error(column, told(fault.value))
            return _row_page(request, user, row, form=form)
        try:
            mended = send_again(
                rows=rows,
                correction=form.correction(),
                by=user,
                sender=_sender(row.partner_id),
                now=timezone.now(),
            )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            _tell(request, mended)
        return redirect("usage:kept_aside_row", row_id=row_id)


def visible_row(row_id: int) -> RowKeptAside:
    """The row with its delivery.

    Raises:
        Http404: there is none that the scope may see.
    """
    if row_id > 2**63 - 1:
        raise Http404
    return get_object_or_404(RowKeptAside.objects.select_related("delivery"), pk=row_id)


def _filtered(request: HttpRequest) -> tuple[KeptAsideFilter, QuerySet[RowKeptAside]]:
    """The filters that the address asks for and what they leave: nothing where one cannot be understood."""
    listed = RowKeptAside.objects.select_related("delivery").order_by("-delivery_id", "line_number")
    filters = KeptAsideFilter(request.GET, queryset=listed, request=request)
    return filters, filters.qs if filters.is_valid() else listed.none()


def _group_asked(request: HttpRequest) -> GroupKey:
    """The group that the address names. Somebody else's has no row in this scope.

    Raises:
        Http404: no such group can be.
    """
    asked = request.GET
    sender, described = asked.get("sender", ""), KINDS_OF_FILE.get(asked.get("kind", ""))
    names = (asked.get("source", ""), asked.get("reason", ""), asked.get("value", ""))
    if described is None or any("\x00" in name for name in names):
        raise Http404
    if sender and not (sender.isascii() and sender.isdigit() and len(sender) < 10):
        raise Http404
    group = GroupKey(int(sender) if sender else None, names[0], described.kind, names[1], names[2])
    if not rows_of(group).exists() and not _ever(group):
        raise Http404
    return group


def _ever(group: GroupKey) -> bool:
    """Whether there were such rows: a group that somebody else has mended meanwhile is empty, not unknown."""
    return RowKeptAside.objects.filter(
        partner=group.partner, reason=group.reason, delivery__source_name=group.source
    ).exists()


def _mending_form(request: HttpRequest, group: GroupKey) -> CorrectionForm:
    """The form that was sent: that of the reason, or the one that sends rows as they are."""
    made = form_of(group.reason)
    if request.POST.get("mend") == "as-they-are" or made is None:
        return CorrectionForm(request.POST, group=group)
    return made(request.POST, group=group)


def _placed(form: CorrectionForm) -> dict[str, Any]:
    return {"as_they_are" if type(form) is CorrectionForm else "form": form}


def _sender(partner: int | None) -> Scope:
    """Rows are sent again with the rights of who sent them."""
    return PROVIDER if partner is None else Scope(Role.PARTNER, partner)


def _group_page(
    request: HttpRequest,
    user: User,
    group: GroupKey,
    *,
    form: CorrectionForm | None = None,
    as_they_are: CorrectionForm | None = None,
    set_aside: SetAsideForm | None = None,
    preview: Preview | None = None,
) -> HttpResponse:
    rows = rows_of(group).select_related("delivery")
    table = KeptAsideTable(rows, exclude=("reason", "state"))
    table.paginate(per_page=ROWS_A_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    made = form_of(group.reason)
    may = user.is_administrator and table.paginator.count > 0
    if may and form is None and made is not None:
        form = made(group=group)
    return render(
        request,
        "usage/kept_aside_group.html",
        {
            "group": group,
            "reason": told(group.reason),
            "kind": kind_label(group.kind),
            "count": table.paginator.count,
            "at_once": number(MENDED_AT_ONCE) if table.paginator.count > MENDED_AT_ONCE else "",
            "table": table,
            "may_mend": may,
            "form": form,
            "as_they_are": (as_they_are or CorrectionForm(group=group)) if may else None,
            "set_aside": set_aside or SetAsideForm(prefix="aside"),
            "preview": _told_preview(preview),
            "previewed": as_they_are if preview and as_they_are else form,
            "mend": "as-they-are" if as_they_are else "",
            "action": request.get_full_path(),
            "customers": _suggested_customers(group) if isinstance(form, CustomerForm) else [],
            "zones": sorted(available_timezones()) if isinstance(form, ZoneForm) else [],
            "breadcrumbs": [(_("Rows kept aside"), reverse(LIST))],
        },
        status=422 if any(each and each.is_bound and each.errors for each in (form, set_aside)) else 200,
    )


def _suggested_customers(group: GroupKey) -> QuerySet[Customer]:
    customers = Customer.objects.order_by("ref")
    if group.partner is not None:
        customers = customers.filter(partner=group.partner)
    return customers[:_SUGGESTED]


def _row_page(
    request: HttpRequest,
    user: User,
    row: RowKeptAside,
    *,
    form: CellsForm | None = None,
    set_aside: SetAsideForm | None = None,
) -> HttpResponse:
    described = DESCRIBED[Kind(row.delivery.kind)]
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
            "kind": kind_label(row.delivery.kind),
            "form": form,
            "set_aside": set_aside or SetAsideForm(prefix="aside"),
            "may_mend": may,
            "cells": cells_in_words(row.cells or {}, described),
            "breadcrumbs": [(_("Rows kept aside"), reverse(LIST))],
        },
        status=422 if any(each and each.is_bound and each.errors for each in (form, set_aside)) else 200,
    )


def _mark(form: CellsForm, row: RowKeptAside) -> None:
    """What the row lacks stands as help at its field."""
    described = DESCRIBED[Kind(row.delivery.kind)]
    try:
        column = column_at_fault(Fault(row.reason), row.cells or {}, described)
    except ValueError:
        return
    if column in form.fields:
        form.fields[column].help_text = told(row.reason)


def _set_aside_told(
    request: HttpRequest, user: User, rows: QuerySet[RowKeptAside], form: SetAsideForm, partner: int | None
) -> None:
    try:
        count = set_aside_for_good(
            rows=rows,
            by=user,
            reason=form.cleaned_data["reason"],
            sender=_sender(partner),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return
    said = ngettext("%(count)s row is set aside for good.", "%(count)s rows are set aside for good.", count)
    messages.success(request, said % {"count": number(count)})


def _told_preview(preview: Preview | None) -> dict[str, Any] | None:
    """What would become of the rows, in words."""
    if preview is None:
        return None
    said = ngettext(
        "%(rows)s row will be sent again; %(taken)s would be taken.",
        "%(rows)s rows will be sent again; %(taken)s would be taken.",
        preview.rows,
    ) % {"rows": number(preview.rows), "taken": number(preview.taken)}
    return {"text": said, "taken": preview.taken, "lacking": _lacking(preview.lacking)}


def _lacking(lacking: Any) -> list[str]:
    return [
        ngettext("%(count)s still not: %(reason)s", "%(count)s still not: %(reason)s", count)
        % {"count": number(count), "reason": told(fault.value)}
        for fault, count in sorted(lacking.items(), key=lambda each: -each[1])
    ]


def _tell(request: HttpRequest, mended: Mended) -> None:
    """What became of the rows, as messages."""
    words = {"accepted": _("accepted"), "duplicate": _("duplicate"), "conflict": _("conflict")}
    parts = ", ".join(
        f"{number(count)} {words.get(outcome.value, told(outcome.value))}"
        for outcome, count in sorted(mended.outcomes.items())
    )
    if mended.taken:
        said = ngettext(
            "%(count)s row was sent again: %(parts)s.",
            "%(count)s rows were sent again: %(parts)s.",
            mended.taken,
        )
        messages.success(request, said % {"count": number(mended.taken), "parts": parts})
    if mended.lacking:
        messages.warning(
            request, _("Still open: %(parts)s.") % {"parts": "; ".join(_lacking(mended.lacking))}
        )
