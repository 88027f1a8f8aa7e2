"""API keys: those of a partner for its administrators, all of them for the provider's."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.guards import administrator_only
from apps.accounts.key_forms import KeyLimitsForm, NewKeyForm
from apps.accounts.key_tables import KeyTable, key_state, last_day, public_name, scopes_in_words
from apps.accounts.models import ApiKey, KeyScope, User
from apps.accounts.services import KeyRefused, create_api_key, limit_api_key, revoke_api_key
from apps.core.formatting import moment, number

KEYS_A_PAGE = 50


class KeyListView(View):
    """All keys, newest first. Posting to it makes one, whose token is shown in the answer and never again."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = administrator_only(request.user)
        return self.show(request, user, NewKeyForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        user = administrator_only(request.user)
        form = NewKeyForm(request.POST)
        token = ""
        if form.is_valid():
            try:
                _key, token = create_api_key(
                    partner=user.partner,
                    name=form.cleaned_data["name"],
                    scopes=[KeyScope(each) for each in form.cleaned_data["scopes"]],
                    by=user,
                    now=timezone.now(),
                    expires_at=form.expires_at,
                )
            except KeyRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                form = NewKeyForm()
        return self.show(request, user, form, token=token)

    def show(self, request: HttpRequest, user: User, form: NewKeyForm, *, token: str = "") -> HttpResponse:
        table = KeyTable(_visible_keys(), now=timezone.now(), by_partner=user.is_provider)
        table.paginate(per_page=KEYS_A_PAGE)
        table.page = table.paginator.get_page(request.GET.get("page"))
        return render(request, "accounts/keys.html", {"table": table, "form": form, "token": token})


class KeyView(View):
    """One key. The provider says here how much it may ask for: posting to it changes that."""

    def get(self, request: HttpRequest, prefix: str) -> HttpResponse:
        user = administrator_only(request.user)
        key = _visible_key(prefix)
        limits = {"requests_a_minute": key.requests_a_minute, "records_a_minute": key.records_a_minute}
        return self.show(request, key, KeyLimitsForm(initial=limits) if user.is_provider else None)

    def post(self, request: HttpRequest, prefix: str) -> HttpResponse:
        user = administrator_only(request.user)
        key = _visible_key(prefix)
        if not user.is_provider:
            raise Http404
        form = KeyLimitsForm(request.POST)
        if not form.is_valid():
            return self.show(request, key, form)
        limit_api_key(key=key, by=user, **form.cleaned_data)
        messages.success(request, _("The limits are changed."))
        return redirect("keys:key", prefix=prefix)

    def show(self, request: HttpRequest, key: ApiKey, form: KeyLimitsForm | None) -> HttpResponse:
        label, tone = key_state(key, now=timezone.now())
        return render(
            request,
            "accounts/key.html",
            {
                "key": key,
                "public_name": public_name(key),
                "state": {"label": label, "tone": tone},
                "facts": _facts(key),
                "form": form,
                "breadcrumbs": [(_("API keys"), reverse("keys:list"))],
            },
        )


class KeyRevokeView(View):
    """Ends a key for ever."""

    def post(self, request: HttpRequest, prefix: str) -> HttpResponse:
        user = administrator_only(request.user)
        key = _visible_key(prefix)
        try:
            revoke_api_key(key=key, by=user, now=timezone.now())
        except KeyRefused as refusal:
            messages.info(request, str(refusal))
        else:
            messages.success(request, _("The API key “%(name)s” is revoked.") % {"name": key.name})
        return redirect("keys:key", prefix=prefix)


def _visible_keys() -> QuerySet[ApiKey]:
    """Those of the scope, each with the partner it acts for."""
    return ApiKey.objects.select_related("partner")


def _visible_key(prefix: str) -> ApiKey:
    """The key of a public name.

    Raises:
        Http404: there is none that the scope may see.
    """
    key = None if "\x00" in prefix else _visible_keys().filter(prefix=prefix).first()
    if key is None:
        raise Http404
    return key


def _facts(key: ApiKey) -> list[tuple[str, str]]:
    """What there is to know of a key."""

    def told(at: datetime | None, by: str) -> str:
        return _("%(moment)s: %(by)s") % {"moment": moment(at), "by": by} if at else _("Never")

    facts = [
        (_("Acts for"), key.partner.name if key.partner else _("Provider")),
        (_("May"), scopes_in_words(key)),
        (_("Made"), told(key.created_at, key.created_by)),
        (_("Last day"), last_day(key)),
        (_("Last used"), moment(key.last_used_at) if key.last_used_at else _("Never")),
        (_("Requests a minute"), number(key.requests_a_minute)),
        (_("Records a minute"), number(key.records_a_minute)),
    ]
    if key.revoked_at:
        facts.append((_("Revoked"), told(key.revoked_at, key.revoked_by)))
    return facts
