"""Sending rows kept aside again, corrected: through the same door as any other usage (R13)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import groupby

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.core.tenancy import Scope, scope
from apps.usage.domain.faults import Fault
from apps.usage.domain.mending import CellsMeant, Correction
from apps.usage.domain.records import DESCRIBED, Kind, Outcome
from apps.usage.models import Channel, RowKeptAside
from apps.usage.services.calls import take_records
from apps.usage.services.checking import Checked, check
from apps.usage.services.meanings import remember
from apps.usage.services.opening import own_partner

MENDED_AT_ONCE = 20_000


class NothingToMend(Refusal):
    """The rows were settled meanwhile, or there are none."""


class ReasonForSettingAsideMissing(Refusal):
    """Rows are set aside for good with a reason."""


@dataclass(frozen=True)
class Preview:
    """What would become of rows: how many would be taken, and what the others lack."""

    taken: int
    lacking: Mapping[Fault, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.taken + sum(self.lacking.values())


@dataclass(frozen=True)
class Mended:
    """What became of rows: outcomes of those that were taken, and what the others, still open, lack."""

    outcomes: Mapping[Outcome, int]
    lacking: Mapping[Fault, int]

    @property
    def taken(self) -> int:
        """Those that are settled."""
        return sum(self.outcomes.values())


def open_rows(rows: QuerySet[RowKeptAside]) -> QuerySet[RowKeptAside]:
    """Those of the rows that wait, with their deliveries: so many as are mended at once."""
    return rows.filter(settled_at=None).prefetch_related("delivery").order_by("pk")[:MENDED_AT_ONCE]


def preview_sending(*, rows: QuerySet[RowKeptAside], correction: Correction, now: datetime) -> Preview:
    """What would become of the open ones of ``rows``, corrected, if they were sent now. Changes nothing."""
    checked = check(list(open_rows(rows)), correction, now=now)
    return Preview(len(checked.good), checked.lacking)


def send_again(
    *, rows: QuerySet[RowKeptAside], correction: Correction, by: User, sender: Scope, now: datetime
) -> Mended:
    """Send the open ones of ``rows`` again, corrected, with the rights of their ``sender``, all or nothing.

    What the correction tells of later files is remembered. Rows that are taken are settled; those that would be
    rejected again stay open and are not sent. Of two who mend a row at once one comes second, and finds it settled.

    Raises:
        NothingToMend: none of them waits any more.
    """
    with scope(sender):
        locked = list(open_rows(rows).select_for_update(of=("self",)))
        if not locked:
            raise NothingToMend(_("These rows are settled already."))
        partner = own_partner(sender)
        remember(locked, correction, by=by)
        checked = check(locked, correction, now=now)
        outcomes: Counter[Outcome] = Counter()
        for (kind, source), batch in _batches(checked.good):
            outcomes += _take(kind, source, batch, by=by, sender=sender, now=now)
        _note_what_is_left(checked)
        record_change(
            by=by,
            action="rows.sent_again",
            subject=locked[0].delivery.source_name,
            partner=partner,
            after={
                "correction": _plain(correction),
                "rows": len(locked),
                **{outcome.value: count for outcome, count in sorted(outcomes.items())},
                "still_open": len(checked.bad),
            },
        )
        return Mended(dict(outcomes), checked.lacking)


def set_aside_for_good(
    *, rows: QuerySet[RowKeptAside], by: User, reason: str, sender: Scope, now: datetime
) -> int:
    """Settle the open ones of ``rows`` without sending them again. Returns how many.

    Raises:
        NothingToMend: none of them waits any more.
        ReasonForSettingAsideMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonForSettingAsideMissing(_("Rows are set aside for good with a reason."))
    with scope(sender):
        locked = list(open_rows(rows).select_for_update(of=("self",)))
        if not locked:
            raise NothingToMend(_("These rows are settled already."))
        _settle(locked, outcome="", by=by, now=now)
        record_change(
            by=by,
            action="rows.set_aside",
            subject=locked[0].delivery.source_name,
            partner=own_partner(sender),
            after={"rows": len(locked), "reasons": dict(Counter(row.reason for row in locked))},
            reason=reason.strip(),
        )
        return len(locked)


def _take(
    kind: Kind,
    source: str,
    batch: Sequence[tuple[RowKeptAside, dict[str, str]]],
    *,
    by: User,
    sender: Scope,
    now: datetime,
) -> Counter[Outcome]:
    """Rows of one kind and source through the door, as one delivery, and settled by their outcomes."""
    records = [cells for _row, cells in batch]
    lines = [row.line_number for row, _cells in batch]
    taken = take_records(
        kind=DESCRIBED[kind].name,
        records=records,
        sender=sender,
        now=now,
        source=source,
        sent_by=by.email,
        channel=Channel.MENDED,
        sha256=_content([(row.pk, cells) for row, cells in batch]),
        line_numbers=lines if len(set(lines)) == len(lines) else range(1, len(lines) + 1),
    )
    came_to: dict[Outcome, list[RowKeptAside]] = {}
    for (row, _cells), outcome in zip(batch, taken.outcomes, strict=True):
        came_to.setdefault(outcome, []).append(row)
    for outcome, rows in came_to.items():
        # One that is rejected after all is kept aside anew, with what it says now.
        _settle(rows, outcome=outcome.value, by=by, now=now)
    return Counter({outcome: len(rows) for outcome, rows in came_to.items()})


def _note_what_is_left(checked: Checked) -> None:
    """Rows that are mended in one thing and lack another say so: the next correction goes on from there."""
    changed = []
    for row, cells, fault in checked.bad:
        if (row.cells, row.reason) != (cells, fault.value):
            row.cells, row.reason = cells, fault.value
            changed.append(row)
    RowKeptAside.objects.bulk_update(changed, ["cells", "reason"], batch_size=2_000)


def _settle(rows: Iterable[RowKeptAside], *, outcome: str, by: User, now: datetime) -> None:
    RowKeptAside.objects.filter(pk__in=[row.pk for row in rows]).update(
        settled_at=now, settled_by=by.email, outcome=outcome
    )


def _batches(
    good: Sequence[tuple[RowKeptAside, dict[str, str]]],
) -> list[tuple[tuple[Kind, str], list[tuple[RowKeptAside, dict[str, str]]]]]:
    def key(each: tuple[RowKeptAside, dict[str, str]]) -> tuple[Kind, str]:
        return Kind(each[0].delivery.kind), each[0].delivery.source_name

    return [(of, list(batch)) for of, batch in groupby(sorted(good, key=key), key=key)]


def _content(rows: Sequence[tuple[int, Mapping[str, str]]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _plain(correction: Correction) -> dict[str, object]:
    """For the audit trail, which holds no agent's id."""
    told = {} if isinstance(correction, CellsMeant) else asdict(correction)
    return {
        "kind": type(correction).__name__,
        **{name: value.isoformat() if isinstance(value, date) else value for name, value in told.items()},
    }
