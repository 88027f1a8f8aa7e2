"""Formats: how other people's files are read. For the provider and partners; administrators add their own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.guards import administrator_only, staff_only
from apps.core.formatting import number
from apps.usage.domain.descriptions import parse_format
from apps.usage.domain.formats import FormatError
from apps.usage.domain.refusals import TellingError
from apps.usage.format_forms import FormatForm
from apps.usage.format_tables import FormatTable, list_as_shown, trial_table
from apps.usage.formats import list_formats, own_descriptions, shipped_formats, shipped_texts
from apps.usage.models import FormatDescription
from apps.usage.reasons import in_words, kind_of_file
from apps.usage.services.formats import FormatRefused, checked_format, delete_format, save_format
from apps.usage.trying import Trial, try_format


class FormatListView(View):
    """The shipped formats, and those that the organisation has added."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = staff_only(request.user)
        table = FormatTable(list_as_shown(list_formats(), own_descriptions()))
        return render(request, "usage/formats.html", {"table": table, "may_add": user.is_administrator})


class FormatAddView(View):
    """A new description; ``?from=`` names the format that it starts from."""

    def get(self, request: HttpRequest) -> HttpResponse:
        administrator_only(request.user)
        start = request.GET.get("from", "")
        form = FormatForm(initial={"text": _start_from(start)})
        return _edit(request, form, None)

    def post(self, request: HttpRequest) -> HttpResponse:
        return _save(request, None)


class FormatView(View):
    """One format, and its description to change where it is the organisation's own."""

    def get(self, request: HttpRequest, format_name: str) -> HttpResponse:
        user = staff_only(request.user)
        if format_name not in shipped_texts():
            description = _own_description(format_name)
            if user.is_administrator:
                return _edit(request, FormatForm(initial={"text": description.text}), description)
            return _show(request, description.name, description.text, may_add=False)
        return _show(request, format_name, shipped_texts()[format_name], may_add=user.is_administrator)

    def post(self, request: HttpRequest, format_name: str) -> HttpResponse:
        administrator_only(request.user)
        return _save(request, _own_description(format_name))


class FormatDeleteView(View):
    """Removes a description of the organisation's own."""

    def post(self, request: HttpRequest, format_name: str) -> HttpResponse:
        user = administrator_only(request.user)
        delete_format(description=_own_description(format_name), by=user)
        messages.success(request, _("The format %(name)s is removed.") % {"name": format_name})
        return redirect("usage:formats")


def _own_description(name: str) -> FormatDescription:
    """The organisation's own description of a name.

    Raises:
        Http404: there is none.
    """
    if "\x00" in name:  # no text of PostgreSQL holds it, and asking for one is an error
        raise Http404
    return get_object_or_404(own_descriptions(), name=name)


def _start_from(name: str) -> str:
    """The text of a shipped format under a name that is free, or the smallest description that is one."""
    text = shipped_texts().get(name)
    if text is None:
        return _SMALLEST
    return text.replace(f'name = "{name}"', f'name = "our-{name}"')


_SMALLEST = """\
name = "our-sessions"
title = "Our own system's sessions"
kind = "agent-sessions"
recognise = ["Session", "Agent", "Login"]

[columns]
record_id = "Session"
agent_id = "Agent"
licence = { constant = "standard" }
started_at = "Login"
ended_at = "Logout"
"""


def _save(request: HttpRequest, description: FormatDescription | None) -> HttpResponse:
    """Keep what was written, or show how it would read a sample, or say at the field what is wrong with it."""
    user = administrator_only(request.user)
    form = FormatForm(request.POST)
    trial = None
    if form.is_valid():
        try:
            if "try" in request.POST:
                trial = _trial(form, description)
            else:
                saved = save_format(text=form.cleaned_data["text"], by=user, replaces=description)
                messages.success(request, _("The format %(name)s is saved.") % {"name": saved.name})
                return redirect("usage:format", format_name=saved.name)
        except FormatRefused as refusal:
            form.add_error("text", str(refusal))
    return _edit(request, form, description, trial)


def _trial(form: FormatForm, description: FormatDescription | None) -> Trial | None:
    format_ = checked_format(text=form.cleaned_data["text"], replaces=description)
    sample = form.cleaned_data["sample"]
    if not sample:
        form.add_error("sample", _("Paste a few lines of such a file."))
        return None
    try:
        return try_format(format_=format_, sample=sample, now=timezone.now())
    except TellingError as error:
        form.add_error("sample", in_words(error))
        return None


def _edit(
    request: HttpRequest, form: FormatForm, description: FormatDescription | None, trial: Trial | None = None
) -> HttpResponse:
    return render(
        request,
        "usage/format_edit.html",
        {
            "form": form,
            "description": description,
            "title": _title(description) if description else _("Describe a format"),
            "trial": trial and trial_table(trial),
            "trial_note": trial and _trial_note(trial),
            "starts": [] if description else [(each.name, each.title) for each in shipped_formats()],
            "breadcrumbs": _breadcrumbs(),
        },
    )


def _title(description: FormatDescription) -> str:
    """What the format calls itself; its name where the description can no longer be used."""
    try:
        return parse_format(description.text).title
    except FormatError:
        return description.name


def _show(request: HttpRequest, name: str, text: str, *, may_add: bool) -> HttpResponse:
    try:
        format_ = parse_format(text)
        title, facts = format_.title, [(_("Holds"), kind_of_file(format_.kind))]
        facts.append((_("Recognised by the columns"), ", ".join(format_.recognise)))
    except FormatError as error:
        title, facts = name, [(_("Not usable"), in_words(error))]
    context: dict[str, Any] = {
        "name": name,
        "title": title,
        "facts": facts,
        "text": text,
        "may_add": may_add,
        "breadcrumbs": _breadcrumbs(),
    }
    return render(request, "usage/format.html", context)


def _breadcrumbs() -> list[tuple[str, str]]:
    return [(_("Formats"), reverse("usage:formats"))]


def _trial_note(trial: Trial) -> str:
    """How many rows there are, and how many were left out."""
    said = ngettext("%(count)s row is read.", "%(count)s rows are read.", trial.count) % {
        "count": number(trial.count)
    }
    if trial.left_out:
        said += " " + ngettext(
            "%(count)s is not asked for.", "%(count)s are not asked for.", trial.left_out
        ) % {"count": number(trial.left_out)}
    return said
