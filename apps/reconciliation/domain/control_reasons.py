"""Why rows of theirs are not ours: theories weighed for what days used, readings of the lines for what is committed.

Substitution, overage and the mark follow from what else their row says, or do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.reconciliation.domain.control_rows import (
    UNSAID,
    Column,
    Columns,
    Explanation,
    Known,
    TheirRow,
    said,
)
from apps.reconciliation.domain.control_terms import (
    Terms,
    own_overage,
    own_substitution,
    theories_of_commitment,
)
from apps.reconciliation.domain.control_theories import (
    Cause,
    Certainty,
    Weighed,
    in_common,
    theories_of_use,
    weigh,
)
from apps.reconciliation.domain.control_world import TOGETHER, Counted, World
from apps.reconciliation.domain.detail import family_of
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.overage import port_commitment


@dataclass
class Case:
    """What is compared, up to a last day, and the explanations found so far, each once."""

    world: World
    terms: Terms
    ours: dict[str, Columns]
    theirs: dict[str, dict[Column, Int64]]
    last: date
    explanations: list[Explanation] = field(default_factory=list)
    # Of each column of a key and each position of a day: the explanations.
    found: dict[tuple[str, Column, int], list[int]] = field(default_factory=dict)

    def add(self, explanation: Explanation) -> int:
        if explanation not in self.explanations:
            self.explanations.append(explanation)
        return self.explanations.index(explanation)

    def explain(self, key: str, column: Column, position: int, explanation: Explanation) -> None:
        number = self.add(explanation)
        of_cell = self.found.setdefault((key, column, position), [])
        if number not in of_cell:
            of_cell.append(number)

    def differing(self, key: str, column: Column) -> list[int]:
        """The positions of days at which they say something else than we do."""
        theirs = self.theirs[key][column]
        return np.flatnonzero((theirs != UNSAID) & (theirs != self.ours[key][column])).tolist()


def counted_as(key: str) -> Counted:
    if key == TOGETHER:
        return Counted.TOGETHER
    return Counted(family_of(UsageType(key)).value)


def explain_use(case: Case, as_of: datetime | None) -> None:
    """What days used: by theories about the records, weighed for all types together that follow from them."""
    found: dict[Counted, list[Weighed]] = {}
    for counted, keys in _keys_by_counted(case).items():
        if any(case.differing(key, Column.USED) for key in keys):
            ours = {key: case.ours[key][Column.USED] for key in keys}
            theirs = {key: case.theirs[key][Column.USED] for key in keys}
            theories = theories_of_use(
                case.world, counted, ours=ours, theirs=theirs, as_of=as_of, last=case.last
            )
            found[counted] = weigh(theories, ours=ours, theirs=theirs)
    for counted, best in in_common(found).items():
        came_since = any(
            each.theory.cause is Cause.RECORDS_SINCE and each.certainty is Certainty.EXACT for each in best
        )
        there = case.world.latest.records_of_days(counted)
        for key in _keys_by_counted(case)[counted]:
            ours_used, their_used = case.ours[key][Column.USED], case.theirs[key][Column.USED]
            for position in case.differing(key, Column.USED):
                _explain_by(case, best, Column.USED, key, position, about=counted.value)
                if not came_since and not there[position] and their_used[position] > ours_used[position]:
                    _explain_without_records(case, key, position, there, about=counted.value)


def _keys_by_counted(case: Case) -> dict[Counted, list[str]]:
    """Their usage types by the records that they are counted from."""
    keys: dict[Counted, list[str]] = {}
    for key in case.theirs:
        keys.setdefault(counted_as(key), []).append(key)
    return keys


def _explain_by(
    case: Case, best: Sequence[Weighed], column: Column, key: str, position: int, *, about: str
) -> None:
    for weighed in best:
        theory = weighed.theory
        if theory.values[key][position] == case.theirs[key][column][position]:
            said = Explanation(
                theory.cause,
                weighed.certainty,
                column,
                about,
                weighed.reproduced,
                weighed.of,
                theory.details,
            )
            case.explain(key, column, position, said)


def _explain_without_records(case: Case, key: str, position: int, there: Int64, *, about: str) -> None:
    """We have no record of a day on which they count somebody."""
    explanation = fits(Cause.NO_RECORDS, Column.USED, about, around(case, position, there))
    case.explain(key, Column.USED, position, explanation)


def around(case: Case, position: int, there: Int64) -> dict[str, Any]:
    """How many records there are of a day, of the one before and of the one after; None: it is not in the cycle."""

    def of(other: int) -> int | None:
        return int(there[other]) if 0 <= other < len(there) else None

    day = list(case.world.days)[position]
    return {
        "day": day.isoformat(),
        "records": int(there[position]),
        "before": of(position - 1),
        "after": of(position + 1),
    }


def fits(cause: Cause, column: Column, about: str, details: Mapping[str, Any]) -> Explanation:
    return Explanation(cause, Certainty.FITS, column, about, 0, 0, details)


def _exactly(cause: Cause, column: Column, about: str, **details: Any) -> Explanation:
    return Explanation(cause, Certainty.EXACT, column, about, 0, 0, details)


def explain_commitments(case: Case) -> None:
    model = case.world.licence_model
    for key in case.theirs:
        differing = case.differing(key, Column.COMMITTED)
        if not differing:
            continue
        ours, theirs = case.ours[key][Column.COMMITTED], case.theirs[key][Column.COMMITTED]
        best = weigh(
            theories_of_commitment(case.terms, UsageType(key)), ours={key: ours}, theirs={key: theirs}
        )
        by_theirs = _ports_of_theirs(case, model) if key == UsageType.IVR_PORT else None
        for position in differing:
            if by_theirs is not None and by_theirs[position] == theirs[position]:
                case.explain(key, Column.COMMITTED, position, _exactly(Cause.FOLLOWS, Column.COMMITTED, key))
            else:
                _explain_by(case, best, Column.COMMITTED, key, position, about=key)


def _ports_of_theirs(case: Case, model: LicenceModel) -> Int64:
    """The ports that come with the licences of their own rows (R8); ``UNSAID`` where these are not said."""
    agents = [case.theirs.get(key) for key in (PREMIUM[model], STANDARD[model])]
    unsaid = np.full(case.world.days.days, UNSAID, np.int64)
    if not all(agents):
        return unsaid
    committed = [each[Column.COMMITTED] for each in agents if each]
    overage = [each[Column.OVERAGE] for each in agents if each]
    known = np.logical_and.reduce([values != UNSAID for values in (*committed, *overage)])
    ports = port_commitment(
        committed_agents=sum(committed[1:], committed[0]),
        overage_agents=sum(overage[1:], overage[0]),
        additional=case.terms.committed(UsageType.IVR_PORT),
    )
    return np.where(known, ports, unsaid)


def explain_the_rest(case: Case) -> None:
    """Substitution and overage: whether they follow from what else their row says."""
    model = case.world.licence_model
    agents = (PREMIUM[model], STANDARD[model])
    for key, columns in case.theirs.items():
        used, committed = columns[Column.USED], columns[Column.COMMITTED]
        substituted, overage = columns[Column.SUBSTITUTED], columns[Column.OVERAGE]
        expected = np.zeros_like(used)
        if key == STANDARD[model]:
            expected = np.full_like(used, UNSAID)
            if all(each in case.theirs for each in agents):
                expected = own_substitution(
                    {each: case.theirs[each][Column.USED] for each in agents},
                    {each: case.theirs[each][Column.COMMITTED] for each in agents},
                    model,
                )
        for position in case.differing(key, Column.SUBSTITUTED):
            if expected[position] == substituted[position]:
                case.explain(
                    key, Column.SUBSTITUTED, position, _exactly(Cause.FOLLOWS, Column.SUBSTITUTED, key)
                )
            elif not substituted[position]:
                case.explain(
                    key,
                    Column.SUBSTITUTED,
                    position,
                    _exactly(Cause.NO_SUBSTITUTION, Column.SUBSTITUTED, key),
                )
        expected = own_overage(used, committed, substituted)
        for position in case.differing(key, Column.OVERAGE):
            if expected[position] == overage[position]:
                case.explain(key, Column.OVERAGE, position, _exactly(Cause.FOLLOWS, Column.OVERAGE, key))


def explain_marks(case: Case) -> None:
    """Their mark stands elsewhere: their overage is another one, or several days have the largest (R7)."""
    for key in case.theirs:
        for position in case.differing(key, Column.MARK):
            family = [each for each in case.theirs if counted_as(each) is counted_as(key)]
            sums = [
                np.sum([case_side[each][Column.OVERAGE] for each in family], axis=0)
                for case_side in (case.ours, case.theirs)
            ]
            if (sums[0] != sums[1]).any():
                explanation = _exactly(Cause.FOLLOWS, Column.MARK, key)
            elif (sums[0] == sums[0].max()).sum() > 1 and sums[0][position] == sums[0].max() > 0:
                explanation = _exactly(Cause.ANOTHER_OF_EQUALS, Column.MARK, key)
            else:
                continue
            case.explain(key, Column.MARK, position, explanation)


def explain_repeated(
    case: Case, known: Known, repeated: Mapping[tuple[str, int], Sequence[TheirRow]]
) -> None:
    for (key, position), others in repeated.items():
        first = known[key, position]
        is_same = all(said(other) == said(first) for other in others)
        details = {"lines": [first.line, *(other.line for other in others)], "same": is_same}
        case.explain(key, Column.USED, position, fits(Cause.REPEATED_ROW, Column.USED, key, details))
