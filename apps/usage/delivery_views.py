"""Deliveries: sending files, and how far each of them was read. For the provider and partners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.accounts.models import User
from apps.core.bell import ring_on_commit
from apps.core.formatting import duration, moment, number
from apps.core.problems import Refusal
from apps.usage.delivery_forms import UploadForm
from apps.usage.delivery_tables import (
    DeliveryTable,
    ReasonTable,
    conflicts_address,
    delivery_state,
    kept_aside_address,
    sent_by,
)
from apps.usage.filters import DeliveryFilter, kind_in_words
from apps.usage.formats import list_formats
from apps.usage.models import Channel, Delivery, DeliveryState, Source
from apps.usage.progress import Progress, count_reasons, get_progress
from apps.usage.services import receive_file
from apps.usage.services.kept_files import read_again, stored_file
from apps.usage.tasks import read_delivery
from apps.usage.uploads import MOST_FILES, NO_ROOM, no_room, refusal_of, refuse, wants_json

DELIVERIES_A_PAGE = 25
SOURCES_PROPOSED = 200
REFUSALS_NAMED = 5
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Received:
    """What became of a file that somebody sent: a delivery, new or of before, or why it was refused."""

    name: str
    delivery: Delivery | None = None
    came_before: bool = False
    refusal: str = ""

    @property
    def line(self) -> str:
        """Why it was refused, and which file."""
        return self.refusal if self.refusal.startswith(self.name) else f"{self.name}: {self.refusal}"


class DeliveryListView(View):
    """What was delivered, newest first. Posting to it sends files."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        return _show(request, user, UploadForm(formats=_formats()) if user.is_administrator else None)

    def post(self, request: HttpRequest) -> HttpResponse:
        user = administrator_only(request.user)
        if line := refusal_of(request):
            return refuse(request, line, NO_ROOM if line == no_room() else 413)
        form = UploadForm(request.POST, request.FILES, formats=_formats())
        if not form.is_valid():
            if wants_json(request):
                return JsonResponse({"detail": form.line}, status=400)
            return _show(request, user, form, status=400)
        received = [_receive(file, form.cleaned_data, user) for file in form.cleaned_data["file"]]
        for each in received:
            if each.delivery is not None and each.delivery.state == DeliveryState.WAITING:
                ring_on_commit(read_delivery.delay, each.delivery.pk)
        return _answer_in_json(received[0]) if wants_json(request) else _answer(request, received)


class DeliveryView(View):
    """One delivery. While it is read the page asks for itself again every two seconds."""

    def get(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        user = staff_only(request.user)
        delivery = _visible_delivery(delivery_id)
        progress = get_progress(delivery, now=timezone.now())
        reasons = count_reasons(delivery)
        label, tone = delivery_state(delivery)
        is_kept = stored_file(delivery) is not None
        return render(
            request,
            "usage/delivery.html",
            {
                "delivery": delivery,
                "name": _name(delivery),
                "about": _about(delivery),
                "state": {"label": label, "tone": tone},
                "progress": progress,
                "sentence": _sentence(progress),
                "stats": _stats(progress),
                "facts": _facts(delivery),
                "reasons": ReasonTable(reasons, delivery=delivery) if reasons else None,
                "to_mend": sum(left for _reason, _rows, left in reasons),
                "kept_aside_url": kept_aside_address(delivery),
                "conflicts_url": conflicts_address(delivery),
                "is_kept": is_kept and user.is_administrator,
                "may_read_again": user.is_administrator
                and is_kept
                and delivery.state == DeliveryState.FAILED,
                "breadcrumbs": [(_("Deliveries"), reverse("usage:deliveries"))],
            },
        )


class DeliveryAgainView(View):
    """Lets a delivery that failed be read once more."""

    def post(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        user = administrator_only(request.user)
        delivery = _visible_delivery(delivery_id)
        try:
            read_again(delivery=delivery, by=user)
        except Refusal as refusal:
            messages.info(request, str(refusal))
        else:
            ring_on_commit(read_delivery.delay, delivery.pk)
        return redirect("usage:delivery", delivery_id=delivery_id)


class DeliveryFileView(View):
    """The file as it came, while it is kept: until it is read, and for a while after it failed."""

    def get(self, request: HttpRequest, delivery_id: int) -> FileResponse:
        administrator_only(request.user)
        delivery = _visible_delivery(delivery_id)
        path = stored_file(delivery)
        if path is None:
            raise Http404
        return FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=delivery.file_name,
            content_type="application/octet-stream",
        )


def _visible_delivery(delivery_id: int) -> Delivery:
    """The delivery of a number that the scope may see.

    Raises:
        Http404: there is none.
    """
    if delivery_id > LARGEST_ID:
        raise Http404
    return get_object_or_404(Delivery, pk=delivery_id)


def _formats() -> list[tuple[str, str]]:
    """Formats of other systems' files to choose from, by title."""
    found = [(each.name, each.title) for each in list_formats() if not each.is_control]
    return sorted(found, key=lambda each: each[1].casefold())


def _show(request: HttpRequest, user: User, form: UploadForm | None, status: int = 200) -> HttpResponse:
    """The list, with the form where somebody may send."""
    filters = DeliveryFilter(request.GET, queryset=Delivery.objects.order_by("-arrived_at", "-pk"))
    is_filtered = any(request.GET.get(name) for name in filters.filters)
    table = DeliveryTable(filters.qs)
    if not is_filtered:
        table.empty_text = _("Nothing was delivered yet.")
    table.paginate(per_page=DELIVERIES_A_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    shown = [row.record for row in table.paginated_rows]
    return render(
        request,
        "usage/deliveries.html",
        {
            "form": form,
            "sources": _known_sources() if form else [],
            "most_bytes": settings.MOST_UPLOADED,
            "most": filesizeformat(settings.MOST_UPLOADED),
            "most_files": MOST_FILES,
            "filters": filters,
            "is_filtered": is_filtered,
            "table": table,
            "goes_on": any(each.state in (DeliveryState.WAITING, DeliveryState.READING) for each in shown),
        },
        status=status,
    )


def _known_sources() -> list[str]:
    """Names of sources to choose from; each partner has its own of a name."""
    names = Source.objects.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:SOURCES_PROPOSED])


def _receive(file: UploadedFile[Any], said: dict[str, Any], user: User) -> Received:
    """One file through the door."""
    name = file.name or ""
    asked_at = timezone.now()
    try:
        delivery = receive_file(
            path=Path(file.temporary_file_path()),  # type: ignore[attr-defined]
            name=name,
            kind=said["kind"],
            sender=user.scope,
            by=user.email,
            channel=Channel.UPLOAD,
            customer_ref=said["customer"],
            source=said["source"],
            format_name=said["format"],
        )
    except Refusal as refusal:
        return Received(name, refusal=str(refusal))
    return Received(name, delivery, came_before=delivery.arrived_at < asked_at)


def _answer_in_json(received: Received) -> JsonResponse:
    """What became of the one file that a script sent."""
    if received.delivery is None:
        return JsonResponse({"detail": received.refusal}, status=409)
    answer = {"url": reverse("usage:delivery", args=[received.delivery.pk])}
    if received.came_before:
        return JsonResponse({**answer, "detail": _came_before(received)})
    return JsonResponse({**answer, "detail": ""}, status=201)


def _answer(request: HttpRequest, received: Sequence[Received]) -> HttpResponse:
    """To the delivery when there is one, else to the list, with what became of the files."""
    found = [each for each in received if each.delivery is not None]
    for each in received:
        if each.came_before:
            messages.info(request, _came_before(each))
    taken = sum(not each.came_before for each in found)
    if taken:
        messages.success(
            request,
            ngettext("%(count)s file is taken.", "%(count)s files are taken.", taken)
            % {"count": number(taken)},
        )
    refused = [each for each in received if each.delivery is None]
    for each in refused[:REFUSALS_NAMED]:
        messages.error(request, each.line)
    if len(refused) > REFUSALS_NAMED:
        left = len(refused) - REFUSALS_NAMED
        messages.error(
            request,
            ngettext("%(count)s more file was refused.", "%(count)s more files were refused.", left)
            % {"count": number(left)},
        )
    if len(received) == 1 and found and found[0].delivery:
        return redirect("usage:delivery", delivery_id=found[0].delivery.pk)
    return redirect("usage:deliveries")


def _came_before(received: Received) -> str:
    assert received.delivery is not None
    return _("%(name)s came before, on %(moment)s: nothing is counted twice.") % {
        "name": received.name,
        "moment": moment(received.delivery.arrived_at),
    }


def _name(delivery: Delivery) -> str:
    return delivery.file_name or _("Delivery %(number)s") % {"number": delivery.pk}


def _about(delivery: Delivery) -> list[str]:
    """What it holds, from where, for whom."""
    about = [
        kind_in_words(delivery.kind),
        _("source %(name)s") % {"name": delivery.source_name},
    ]
    if delivery.customer_ref:
        about.append(_("for %(customer)s where a row names none") % {"customer": delivery.customer_ref})
    if delivery.format_name:
        about.append(_("format %(name)s") % {"name": delivery.format_name})
    return about


def _sentence(progress: Progress) -> str:
    """How far it is, in words."""
    state = progress.delivery.state
    if state == DeliveryState.WAITING and not progress.delivery.rows:
        return _("Waits for a worker.")
    if state == DeliveryState.DONE:
        return _("Read to its end in %(time)s.") % {"time": duration(progress.seconds)}
    said = _("%(share)s %% read.") % {"share": progress.per_cent}
    if state == DeliveryState.FAILED:
        return said
    if progress.seconds_left is not None:
        said += " " + _("About %(time)s left.") % {"time": duration(round(progress.seconds_left))}
    return said


def _stats(progress: Progress) -> list[dict[str, str]]:
    """What became of the rows so far."""
    delivery = progress.delivery
    return [
        {
            "label": _("Rows read"),
            "value": number(delivery.rows),
            "hint": _("%(rows)s a second") % {"rows": number(round(progress.rows_per_second))}
            if delivery.rows
            else "",
        },
        {"label": _("Accepted"), "value": number(delivery.accepted), "hint": _("New, and stored")},
        {"label": _("Duplicate"), "value": number(delivery.duplicate), "hint": _("Were there already")},
        {
            "label": _("Conflict"),
            "value": number(delivery.conflict),
            "tone": "warning" if delivery.conflict else "",
            "hint": _("Contradict what is stored"),
        },
        {
            "label": _("Rejected"),
            "value": number(delivery.rejected),
            "tone": "danger" if delivery.rejected else "",
            "hint": _("Kept aside, to be mended"),
        },
    ]


def _facts(delivery: Delivery) -> list[tuple[str, str]]:
    """When and how it came, and by what it is recognised."""
    facts = [
        (_("Came"), moment(delivery.arrived_at)),
        (_("Way"), str(Channel(delivery.channel).label)),
        (_("Sent by"), sent_by(delivery)),
        (_("Size"), filesizeformat(delivery.size) if delivery.size else ""),
        (_("Reading began"), moment(delivery.started_at) if delivery.started_at else ""),
        (_("Reading ended"), moment(delivery.finished_at) if delivery.finished_at else ""),
        (_("SHA-256"), delivery.sha256),
    ]
    return [(term, value) for term, value in facts if value]
