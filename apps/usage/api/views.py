"""The address of usage: records are sent to it and read back from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from apps.accounts.api.access import sender_before_scope
from apps.accounts.guards import usage_sender_only
from apps.accounts.keys import KeyHolder
from apps.accounts.limits import spend
from apps.accounts.models import KeyScope, User
from apps.core.problems import Problem
from apps.usage.api.bodies import Sent, read_records
from apps.usage.api.reading import UsageReadView, described_kind
from apps.usage.api.shapes import sending
from apps.usage.domain.records import LONGEST_VALUE, Outcome
from apps.usage.services import DEFAULT_SOURCE, Taken, take_records
from apps.usage.services.remembering import AnotherCall, Caller, recall, remember

_VISIBLE = re.compile(r"[!-~]{1,255}")


class ReadBefore(BaseParser):
    """The body was read before the tenant's transaction opened; there is nothing more to parse."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


class SendForm(forms.Form):
    """What the address of a call says of its records."""

    customer = forms.CharField(label=gettext_lazy("Customer"), max_length=64, required=False)
    source = forms.CharField(label=gettext_lazy("Source"), max_length=64, required=False)


class UsageView(UsageReadView):
    """``POST /api/v1/usage/<kind>?customer=&source=``: takes up to 10,000 records, a JSON array or NDJSON.

    Each record has an outcome of its own; ``customer`` is whose those without a customer are. With an
    ``Idempotency-Key`` the same call is answered the same. Reading them back: see ``UsageReadView``.
    """

    key_scope_to_write = KeyScope.USAGE_WRITE
    parser_classes = (ReadBefore,)

    @staticmethod
    def before_scope(request: HttpRequest, until_answered: ExitStack, kind: str) -> None:
        """Read the body; who may not send, or names no kind, is told so before."""
        if request.method != "POST":
            return
        sender_before_scope(request)
        described_kind(kind)
        carrying: Any = request
        carrying.sent = read_records(request, until_answered)
        until_answered.callback(delattr, request, "sent")

    @sending
    def post(self, request: Request, kind: str) -> HttpResponse:
        sender = usage_sender_only(request.user)
        sent: Sent = request._request.sent  # type: ignore[attr-defined]  # by before_scope
        about = _about(request)
        caller = _caller(request, sender)
        if caller is None:
            return _answer(_take(kind, sent, sender, about))
        request_sha256 = _fingerprint(kind, about, sent)
        try:
            answer = recall(caller=caller, request_sha256=request_sha256)
        except AnotherCall as refusal:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(refusal)) from None
        if answer is not None:
            return _answer(answer, replayed=True)
        answer = _take(kind, sent, sender, about)
        remember(caller=caller, request_sha256=request_sha256, answer=answer, now=timezone.now())
        return _answer(answer)


def _about(request: Request) -> Mapping[str, str]:
    """Customer and source of a call.

    Raises:
        ValidationError: one of them cannot be.
    """
    form = SendForm(request.query_params)
    if not form.is_valid():
        raise ValidationError({name: [*map(str, problems)] for name, problems in form.errors.items()})
    return {
        "customer": form.cleaned_data["customer"],
        "source": form.cleaned_data["source"] or DEFAULT_SOURCE,
    }


def _caller(request: Request, sender: User | KeyHolder) -> Caller | None:
    """Who makes this call under which key; None where it has none.

    Raises:
        Problem: 400, the key is none.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _VISIBLE.fullmatch(key):
        raise Problem(HTTPStatus.BAD_REQUEST, _("An Idempotency-Key has 1 to 255 visible characters."))
    of_whom = "key" if isinstance(sender, KeyHolder) else "user"
    return Caller(sender.partner_id, f"{of_whom}:{sender.pk}", key)


def _fingerprint(kind: str, about: Mapping[str, str], sent: Sent) -> str:
    """What makes a call the same as another: all that decides about its answer."""
    form = "array" if sent.line_numbers is None else "lines"
    return hashlib.sha256(json.dumps([kind, about, form, sent.sha256]).encode()).hexdigest()


def _take(kind: str, sent: Sent, sender: User | KeyHolder, about: Mapping[str, str]) -> bytes:
    """Take the records in, and tell what became of each.

    Raises:
        Problem: 429, the API key has sent enough in this minute.
    """
    now = timezone.now()
    if isinstance(sender, KeyHolder):
        _count_records(sender, len(sent.records))
    if not sent.records:
        return _told(sent, None)
    taken = take_records(
        kind=kind,
        records=sent.records,
        line_numbers=sent.line_numbers,
        sender=sender.scope,
        now=now,
        customer_ref=about["customer"],
        source=about["source"],
        sent_by=str(sender) if isinstance(sender, KeyHolder) else sender.email,
        sha256=sent.sha256,
    )
    return _told(sent, taken)


def _count_records(holder: KeyHolder, records: int) -> None:
    spent = spend(
        what="records", key_id=holder.pk, amount=records, limit=holder.records_a_minute, now=timezone.now()
    )
    if spent.is_over:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            _("This API key may send %(limit)s records a minute.") % {"limit": spent.limit},
            wait=spent.wait,
            headers=spent.headers,
        )


def _told(sent: Sent, taken: Taken | None) -> bytes:
    """The answer: how many came to which outcome, and each record's own, in the order in which they came."""
    outcomes = taken.outcomes if taken else []
    faults = taken.faults if taken else {}
    results: list[dict[str, Any]] = [
        {"index": index, "record_id": _record_id(record), "outcome": outcome}  # a word, as JSON has it
        for index, (record, outcome) in enumerate(zip(sent.records, outcomes, strict=True))
    ]
    for index, fault in faults.items():
        results[index]["reason"] = fault.value
    counts = {outcome.value: outcomes.count(outcome) for outcome in Outcome}
    return json.dumps({**counts, "results": results}, separators=(",", ":")).encode()


def _record_id(record: object) -> str | None:
    """What a record calls itself, where that can be told."""
    value = record.get("record_id") if isinstance(record, dict) else None
    if type(value) is int:  # and no truth value
        value = str(value)
    elif type(value) is not str:
        return None
    value = value.strip()
    return value if 0 < len(value) <= LONGEST_VALUE else None


def _answer(told: bytes, *, replayed: bool = False) -> HttpResponse:
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return HttpResponse(told, content_type="application/json", headers=headers)
