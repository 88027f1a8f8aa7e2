"""The door for papers with a vendor's own figures: keeping one, and how it compared with ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.domain.periods import Period
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """A paper as it was read: ``rows`` are its lines as plain values, ``cycle`` the days that it is about."""

    kind: ControlPaper.Kind
    name: str
    sha256: str
    cycle: Period
    rows: list[Any]
    as_of: datetime | None = None


@transaction.atomic
def keep_comparison(
    *, customer: Customer, paper: ReadPaper, result: dict[str, Any], by: User | str, now: datetime
) -> tuple[ControlPaper, bool]:
    """Keep a paper and how it compared, and whether it is new: one whose content was kept before is compared again.

    The customer itself sees nothing of it, in the audit trail neither.
    """
    said_by = by.email if isinstance(by, User) else by
    kept, is_new = ControlPaper.objects.update_or_create(
        customer=customer,
        first_day=paper.cycle.first,
        sha256=paper.sha256,
        defaults={
            "kind": paper.kind,
            "last_day": paper.cycle.last,
            "as_of": paper.as_of,
            "rows": paper.rows,
            "result": result,
            "agrees": result["agree"],
            "compared_at": now,
            "compared_by": said_by,
        },
        create_defaults={
            "partner_id": customer.partner_id,
            "kind": paper.kind,
            "last_day": paper.cycle.last,
            "name": paper.name[-255:],
            "as_of": paper.as_of,
            "rows": paper.rows,
            "result": result,
            "agrees": result["agree"],
            "uploaded_at": now,
            "uploaded_by": said_by,
            "compared_at": now,
            "compared_by": said_by,
        },
    )
    record_change(
        by=by,
        action="control.compared",
        subject=f"{customer.ref} {paper.cycle.first.isoformat()}",
        partner=customer.partner,
        after={"paper": kept.pk, "kind": paper.kind.value, "sha256": paper.sha256, "agrees": result["agree"]},
    )
    return kept, is_new
