"""Commitments, ports and substitution read otherwise: theories about the columns beside the use (R4, R5, R8, R10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, SkuKind, UsageType
from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_theories import Cause, Theory
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.overage import BUNDLED_PORTS, port_commitment
from apps.subscriptions.domain.commitments import Line, committed_by_day


@dataclass(frozen=True, slots=True)
class Terms:
    """What days are held against: the lines, whenever in force, and the agent overage that the cycle bills."""

    days: Period
    licence_model: LicenceModel
    lines: Sequence[Line]
    billed_agents: int

    def committed(self, usage_type: UsageType, lines: Iterable[Line] | None = None) -> Int64:
        """The quantity of each day, of these lines or of all: int64 of shape ``(days,)``."""
        found = committed_by_day(self.lines if lines is None else lines, self.days)
        return np.array(found.get(usage_type, [0] * self.days.days), np.int64)


def theories_of_commitment(terms: Terms, usage_type: UsageType) -> Iterator[Theory]:
    """Other numbers that a commitment could be, of one usage type."""
    if usage_type is UsageType.IVR_PORT:
        yield from _of_ports(terms)
        return
    own = [line for line in terms.lines if line.kind is SkuKind.COMMITTED and line.usage_type is usage_type]
    in_force = terms.committed(usage_type)

    def theory(cause: Cause, values: Int64, **details: object) -> Theory:
        return Theory(cause, details, {usage_type: values})

    yield theory(Cause.LINES_SINCE, in_force)
    for line in own:
        said = {"subscription": line.term.number, "sku": line.sku, "quantity": line.quantity}
        without = in_force - terms.committed(usage_type, [line])
        yield theory(Cause.LINE_LEFT_OUT, without, **said)
        yield theory(Cause.LINE_ALWAYS, without + line.quantity, **said)
    for number in dict.fromkeys(line.term.number for line in own):
        of_one = [line for line in own if line.term.number == number]
        yield theory(Cause.ONE_SUBSCRIPTION, terms.committed(usage_type, of_one), subscription=number)
    for position in np.flatnonzero(np.diff(in_force, prepend=in_force[0] - 1)).tolist():
        day = list(terms.days)[position]
        yield theory(Cause.OF_ANOTHER_DAY, np.full_like(in_force, in_force[position]), day=day.isoformat())


def _of_ports(terms: Terms) -> Iterator[Theory]:
    ivr, model = UsageType.IVR_PORT, terms.licence_model
    additional = terms.committed(ivr)
    agents = terms.committed(PREMIUM[model]) + terms.committed(STANDARD[model])

    def ports(overage: int) -> Int64:
        return port_commitment(committed_agents=agents, overage_agents=overage, additional=additional)

    yield Theory(Cause.NO_BUNDLED_PORTS, {}, {ivr: additional})
    yield Theory(Cause.PORTS_OF_COMMITTED, {"ports": BUNDLED_PORTS}, {ivr: ports(0)})
    yield Theory(Cause.PORTS_OF_BILLED, {"agents": terms.billed_agents}, {ivr: ports(terms.billed_agents)})


def own_substitution(used: Mapping[str, Int64], committed: Mapping[str, Int64], model: LicenceModel) -> Int64:
    """What their own figures substitute (R4); -1 where one of the four is not said."""
    premium, standard = PREMIUM[model], STANDARD[model]
    known = np.ones_like(used[standard], np.bool_)
    for columns in (used, committed):
        for key in (premium, standard):
            known &= columns[key] >= 0
    above = np.maximum(used[standard] - committed[standard], 0)
    free = np.maximum(committed[premium] - used[premium], 0)
    return np.where(known, np.minimum(above, free), -1)


def own_overage(used: Int64, committed: Int64, substituted: Int64) -> Int64:
    """The overage of their own row (R5); -1 where one of the three is not said."""
    known = (used >= 0) & (committed >= 0) & (substituted >= 0)
    return np.where(known, np.maximum(used - committed - substituted, 0), -1)
