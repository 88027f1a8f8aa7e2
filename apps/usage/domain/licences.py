"""Licences that a list gives to agents, each from a day on."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.records import LONGEST_VALUE
from apps.usage.domain.refusals import TellingError
from apps.usage.domain.refusals import marked as _

# First days in order, each with whether the licence is premium from then on.
LicenceHistory = Sequence[tuple[date, bool]]


def licence_on(day: date, history: LicenceHistory) -> bool:
    """Whether the licence on a day is premium.

    Raises:
        RejectedRowError: none is known on that day.
    """
    place = bisect_right(history, day, key=itemgetter(0))
    if not place:
        raise RejectedRowError(Fault.NO_LICENCE)
    return history[place - 1][1]


class LicenceListError(TellingError):
    """A licence list that cannot be taken; the line says where and why."""


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """The licence that an agent has from a day on. ``customer`` is a reference, or "" for the list's customer."""

    line_number: int
    customer: str
    agent_id: str
    first_day: date
    premium: bool


def read_licence_list(text: str) -> list[LicenceRow]:
    """The rows of a CSV file with the columns ``agent_id, licence, from`` and perhaps ``customer``, in any order.

    The delimiter is a comma or a semicolon. A list is taken as a whole or not at all: half of it would count agents by
    a licence that they no longer have.

    Raises:
        LicenceListError: a column or a value is missing or wrong.
    """
    lines = text.lstrip("\ufeff").splitlines()
    header = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=";" if header.count(";") > header.count(",") else ",")
    try:
        names = [name.strip() for name in next(reader, [])]
        missing = [name for name in ("agent_id", "licence", "from") if name not in names]
        if missing:
            raise LicenceListError(_("the header lacks %(columns)s"), columns=missing)
        return [_licence_row(reader.line_num, names, values) for values in reader if any(values)]
    except csv.Error:
        raise LicenceListError(_("line %(line)s cannot be read"), line=reader.line_num) from None


def _licence_row(line_number: int, names: Sequence[str], values: Sequence[str]) -> LicenceRow:
    if len(values) != len(names):
        raise LicenceListError(_("line %(line)s: not as many values as columns"), line=line_number)
    cells = {name: value.strip() for name, value in zip(names, values, strict=True)}
    agent, licence = cells["agent_id"], cells["licence"].casefold()
    if not agent or len(agent) > LONGEST_VALUE or "\x00" in "".join(values):
        raise LicenceListError(
            _("line %(line)s: an agent has 1 to %(most)s characters"), line=line_number, most=LONGEST_VALUE
        )
    if licence not in ("premium", "standard"):
        raise LicenceListError(_("line %(line)s: the licence is premium or standard"), line=line_number)
    try:
        first_day = date.fromisoformat(cells["from"])
    except ValueError:
        raise LicenceListError(
            _("line %(line)s: '%(text)s' is not a day like 2024-06-09"),
            line=line_number,
            text=cells["from"][:40],
        ) from None
    return LicenceRow(line_number, cells.get("customer", ""), agent, first_day, licence == "premium")
