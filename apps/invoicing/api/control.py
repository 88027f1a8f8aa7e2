"""The API of control totals: vendors' papers are sent to it, and how they compare is read. Not for customers."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.access import sender_before_scope
from apps.accounts.guards import not_for_customers, usage_sender_only
from apps.accounts.models import KeyScope, User
from apps.core.bell import ring_on_commit
from apps.core.described import KEYSET, described
from apps.core.keyset import Keyset
from apps.core.moments import moment_json
from apps.core.problems import Problem
from apps.invoicing import control_words
from apps.invoicing.api.control_shapes import ROW_PAGE, TOTAL_DETAIL, TOTAL_PAGE, sending_paper
from apps.invoicing.bell import compare_control_paper
from apps.invoicing.control import Upload, take_paper
from apps.invoicing.control_forms import MomentField
from apps.organisations.guards import visible_customer
from apps.reconciliation.api.cycles import read_day
from apps.reconciliation.control_causes import long_reason, short_reason
from apps.reconciliation.control_words import NoPaper
from apps.reconciliation.models import ControlPaper
from apps.usage.api.bodies import read_file
from apps.usage.api.views import ReadBefore
from apps.usage.domain.controls import LARGEST_PAPER
from apps.usage.services.opening import shown_name

Json = dict[str, Any]


class PaperForm(forms.Form):
    """What the address of a call says of its paper."""

    as_of = MomentField(label=gettext_lazy("Counted at (UTC)"), required=False)
    name = forms.CharField(label=gettext_lazy("Paper"), max_length=255, required=False)


class ControlTotalListView(APIView):
    """``GET /api/v1/customers/<ref>/control-totals/``: the papers of a customer, newest first. Post another to it."""

    key_scope = KeyScope.USAGE_READ
    key_scope_to_write = KeyScope.USAGE_WRITE
    parser_classes = (ReadBefore,)

    @staticmethod
    def before_scope(request: HttpRequest, until_answered: ExitStack, ref: str) -> None:
        """Read the file; who may not send is told so before."""
        if request.method == "POST":
            sender_before_scope(request)
            carrying: Any = request
            carrying.paper = read_file(request, most=LARGEST_PAPER)
            until_answered.callback(delattr, request, "paper")

    @described(
        TOTAL_PAGE,
        tag="control totals",
        name="control_totals_list",
        parameters=[*KEYSET],
        refuses=(400, 404),
    )
    def get(self, request: Request, ref: str) -> Response:
        not_for_customers(request.user)
        papers = _papers_of(ref).defer("rows", "result")
        keyset = Keyset(request, {"-id": int})
        return keyset.response([as_total(paper) for paper in keyset.take(papers)])

    @sending_paper
    def post(self, request: Request, ref: str) -> Response:
        sender = usage_sender_only(request.user)
        customer = visible_customer(ref)
        form = PaperForm(request.query_params)
        if not form.is_valid():
            raise ValidationError({name: [*map(str, wrong)] for name, wrong in form.errors.items()})
        cycle = read_day(request, "cycle")
        said, now = form.cleaned_data, timezone.now()
        content: bytes = request._request.paper  # type: ignore[attr-defined]  # by before_scope
        upload = Upload(shown_name(said["name"]), content, cycle, said["as_of"])
        try:
            paper, _is_new = take_paper(
                customer=customer,
                upload=upload,
                today=now.date(),
                now=now,
                by=sender if isinstance(sender, User) else str(sender),
            )
        except NoPaper as refusal:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(refusal)) from None
        ring_on_commit(compare_control_paper.delay, paper.pk)
        place = reverse("api:control-total", args=[ref, paper.pk])
        return Response(as_total(paper), status=HTTPStatus.ACCEPTED, headers={"Location": place})


class ControlTotalView(APIView):
    """``GET /api/v1/customers/<ref>/control-totals/<id>/``: a paper, how it compares, and why it differs."""

    key_scope = KeyScope.USAGE_READ

    @described(TOTAL_DETAIL, tag="control totals", name="control_totals_read", refuses=(404,))
    def get(self, request: Request, ref: str, paper_id: int) -> Response:
        not_for_customers(request.user)
        paper = get_object_or_404(_papers_of(ref).defer("rows"), pk=paper_id)
        return Response({**as_total(paper), "outcome": _as_outcome(paper)})


class ControlTotalRowsView(APIView):
    """``GET /api/v1/customers/<ref>/control-totals/<id>/rows/``: every row of both sides, and why it differs."""

    key_scope = KeyScope.USAGE_READ

    @described(
        ROW_PAGE, tag="control totals", name="control_totals_rows", parameters=[*KEYSET], refuses=(400, 404)
    )
    def get(self, request: Request, ref: str, paper_id: int) -> Response:
        not_for_customers(request.user)
        paper = get_object_or_404(_papers_of(ref).defer("rows"), pk=paper_id)
        keyset = Keyset(request, {"position": int})
        result = paper.result
        page = keyset.pick(enumerate(result.get("rows", ())), lambda row: (row[0],))
        return keyset.response([_as_row(row, result) for _position, row in page])


def _papers_of(ref: str) -> QuerySet[ControlPaper]:
    return ControlPaper.objects.filter(customer=visible_customer(ref)).select_related("customer")


def as_total(paper: ControlPaper) -> Json:
    """A paper as the API names it."""
    return {
        "id": paper.pk,
        "customer": paper.customer.ref,
        "kind": paper.kind,
        "cycle": {"first_day": paper.first_day.isoformat(), "last_day": paper.last_day.isoformat()},
        "name": paper.name,
        "sha256": paper.sha256,
        "as_of": moment_json(paper.as_of),
        "state": paper.state,
        "failure": paper.failure,
        "agrees": paper.agrees,
        "uploaded_at": moment_json(paper.uploaded_at),
        "uploaded_by": paper.uploaded_by,
        "compared_at": moment_json(paper.compared_at),
        "compared_by": paper.compared_by,
    }


def _as_outcome(paper: ControlPaper) -> Json | None:
    result = paper.result
    if not result:
        return None
    is_of_lines = paper.kind == ControlPaper.Kind.INVOICE_LINES
    said, _tone = control_words.verdict(paper.kind, result)
    return {
        "verdict": said,
        "rules_version": result["rules"],
        "closed_at": result.get("closed_at"),
        "invoice": result.get("invoice") or "",
        "compared": result["lines" if is_of_lines else "days"],
        "differing": result["differing" if is_of_lines else "differing_days"],
        "unexplained": result["unexplained" if is_of_lines else "unexplained_days"],
        "explanations": [
            {name: each[name] for name in ("cause", "certainty", "about", "column")}
            | {"text": long_reason(each)}
            for each in result.get("explanations", ())
        ],
        "taxes": {name: result["taxes"][name] for name in ("ours", "theirs", "differ")}
        if is_of_lines
        else None,
    }


def _as_row(row: Json, result: Json) -> Json:
    """A row of either kind: explanations of days stand together, those of lines at each of them."""

    def reason(found: Any) -> Json:
        plain = result["explanations"][found] if isinstance(found, int) else found
        text = short_reason(plain) if isinstance(found, int) else control_words.reason(plain)
        return {"cause": plain["cause"], "certainty": plain["certainty"], "text": text}

    return {
        "line": row["line"],
        "day": row.get("day"),
        "usage_type": row.get("type", row.get("usage_type")),
        "ours": row["ours"],
        "theirs": row["theirs"],
        "differs": [
            {"column": column, "reasons": [*map(reason, found)]} for column, found in row["differs"].items()
        ],
    }
