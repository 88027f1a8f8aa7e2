"""The door for papers with a vendor's own figures: one waits, is compared with ours, and keeps how it compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper

LEASE = timedelta(minutes=11)  # longer than a task may take
MOST_ATTEMPTS = 3  # of workers that died over a paper


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """A paper as it was read: ``rows`` are its lines as plain values, ``cycle`` the days that it is about."""

    kind: ControlPaper.Kind
    name: str
    sha256: str
    cycle: Period
    rows: list[Any]
    as_of: datetime | None = None


def _waiting(by: User | str) -> dict[str, Any]:
    """What a paper is that somebody wants compared, whatever it was before."""
    return {
        "state": ControlPaper.State.WAITING,
        "failure": "",
        "attempts": 0,
        "leased_until": None,
        "asked_by": by.email if isinstance(by, User) else by,
    }


@transaction.atomic
def keep_paper(
    *, customer: Customer, paper: ReadPaper, by: User | str, now: datetime
) -> tuple[ControlPaper, bool]:
    """Keep a paper for a worker to compare, and whether it is new: one of the same content is compared again."""
    said = {
        "kind": paper.kind,
        "last_day": paper.cycle.last,
        "as_of": paper.as_of,
        "rows": paper.rows,
        **_waiting(by),
    }
    return ControlPaper.objects.update_or_create(
        customer=customer,
        first_day=paper.cycle.first,
        sha256=paper.sha256,
        defaults=said,
        create_defaults={
            **said,
            "partner_id": customer.partner_id,
            "name": paper.name[-255:],
            "uploaded_at": now,
            "uploaded_by": said["asked_by"],
        },
    )


def compare_once_more(*, paper: ControlPaper, by: User | str) -> None:
    """Let a paper be compared with what our figures are then. Whoever compares it now is not heard any more."""
    ControlPaper.objects.filter(pk=paper.pk).update(**_waiting(by))


def papers_to_compare(*, now: datetime) -> QuerySet[ControlPaper]:
    """What a worker has to compare: it waits, or the worker that compared it is given up. Oldest first."""
    return ControlPaper.objects.filter(
        Q(leased_until=None) | Q(leased_until__lt=now), state=ControlPaper.State.WAITING
    ).order_by("pk")


@transaction.atomic
def lease_paper(*, paper_id: int, now: datetime) -> ControlPaper | None:
    """A paper that waits, for the caller alone to compare; None where there is nothing to do, or another is at it."""
    paper = (
        ControlPaper.objects.select_for_update(of=("self",))
        .select_related("customer__partner")
        .get(pk=paper_id)
    )
    if paper.state != ControlPaper.State.WAITING or (paper.leased_until and paper.leased_until > now):
        return None
    if paper.attempts >= MOST_ATTEMPTS:
        note_failed_comparison(
            paper=paper, why=_("It could not be compared: the work was broken off again and again.")
        )
        return None
    paper.attempts += 1
    paper.leased_until = now + LEASE
    paper.save(update_fields=["attempts", "leased_until"])
    return paper


@transaction.atomic
def keep_comparison(*, paper: ControlPaper, last_day: date, result: dict[str, Any], now: datetime) -> None:
    """Keep how a leased paper compared. Where it was asked for again meanwhile, nothing is kept.

    The customer itself sees nothing of it, in the audit trail neither.
    """
    is_kept = _of_lease(paper).update(
        state=ControlPaper.State.COMPARED,
        leased_until=None,
        last_day=last_day,
        result=result,
        agrees=result["agree"],
        compared_at=now,
        compared_by=paper.asked_by,
    )
    if is_kept:
        record_change(
            by=paper.asked_by,
            action="control.compared",
            subject=f"{paper.customer.ref} {paper.first_day.isoformat()}",
            partner=paper.customer.partner,
            after={
                "paper": paper.pk,
                "kind": paper.kind,
                "sha256": paper.sha256,
                "agrees": result["agree"],
            },
        )


def note_failed_comparison(*, paper: ControlPaper, why: str) -> None:
    """Say why a leased paper could not be compared. What it came to before stays."""
    _of_lease(paper).update(state=ControlPaper.State.FAILED, failure=why, leased_until=None)


def _of_lease(paper: ControlPaper) -> QuerySet[ControlPaper]:
    return ControlPaper.objects.filter(
        pk=paper.pk, state=ControlPaper.State.WAITING, leased_until=paper.leased_until
    )
