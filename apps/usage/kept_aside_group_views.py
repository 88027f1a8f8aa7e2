"""All open rows of a kind that were kept aside: mended together, after a look at what would become of them (R13)."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import User
from apps.core.formatting import number
from apps.organisations.models import Customer
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.filters import kind_in_words
from apps.usage.kept_aside import GroupKey, rows_of
from apps.usage.kept_aside_forms import CorrectionForm, CustomerForm, SetAsideForm, ZoneForm, form_of
from apps.usage.kept_aside_mending import lacking_in_words, send_and_tell, set_aside_and_tell
from apps.usage.kept_aside_tables import ROWS_A_PAGE, KeptAsideTable
from apps.usage.models import RowKeptAside
from apps.usage.reasons import told
from apps.usage.services.mending import MENDED_AT_ONCE, Preview, preview_sending

_SUGGESTED = 200


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
        send_and_tell(request, rows_of(group), form.correction(), by=user, partner=group.partner)
        return redirect(f"{reverse('usage:kept_aside')}?settled=false")

    def _set_aside(self, request: HttpRequest, user: User, group: GroupKey) -> HttpResponse:
        form = SetAsideForm(request.POST, prefix="aside")
        if not form.is_valid():
            return _group_page(request, user, group, set_aside=form)
        set_aside_and_tell(request, rows_of(group), form, by=user, partner=group.partner)
        return redirect(f"{reverse('usage:kept_aside')}?settled=false")


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
            "kind": kind_in_words(group.kind),
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
            "breadcrumbs": [(_("Rows kept aside"), reverse("usage:kept_aside"))],
        },
        status=422 if any(each and each.is_bound and each.errors for each in (form, set_aside)) else 200,
    )


def _suggested_customers(group: GroupKey) -> QuerySet[Customer]:
    customers = Customer.objects.order_by("ref")
    if group.partner is not None:
        customers = customers.filter(partner=group.partner)
    return customers[:_SUGGESTED]


def _told_preview(preview: Preview | None) -> dict[str, Any] | None:
    """What would become of the rows, in words."""
    if preview is None:
        return None
    said = ngettext(
        "%(rows)s row will be sent again; %(taken)s would be taken.",
        "%(rows)s rows will be sent again; %(taken)s would be taken.",
        preview.rows,
    ) % {"rows": number(preview.rows), "taken": number(preview.taken)}
    return {"text": said, "taken": preview.taken, "lacking": lacking_in_words(preview.lacking)}
