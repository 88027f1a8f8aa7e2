"""How a figure follows from what was counted and committed, step by step (R4–R8, R10, R11): pure, and repeatable.

Each step names its rule, its formula and the numbers put into it, so that anybody can work it out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, SkuKind, UsageType
from apps.reconciliation.domain.detail import Family, Figures, TypeDetail, family_of
from apps.reconciliation.domain.formulas import Value, evaluate, names_in
from apps.reconciliation.domain.intervals import Int64
from apps.reconciliation.domain.overage import BUNDLED_PORTS
from apps.reconciliation.domain.settings import Settings
from apps.subscriptions.domain.commitments import Line


class Rule(StrEnum):
    """The rules that a figure of the Daily Detail, or a billed quantity, follows from."""

    CONCURRENT = "R2"
    NAMED = "R3"
    SUBSTITUTION = "R4"
    OVERAGE = "R5"
    BILLED = "R6"
    MARK = "R7"
    PORTS = "R8"
    COMMITMENTS = "R10"
    WFO = "R11"


@dataclass(frozen=True, slots=True)
class Step:
    """A step: ``formula`` over ``inputs`` gives ``result``; an input of an earlier step's name is its result."""

    key: str
    rule: Rule
    formula: str
    inputs: Mapping[str, Value]
    result: Value


@dataclass(frozen=True, slots=True)
class Commitment:
    """A line in force: of which subscription, how many, and the days on which it is (None: no end)."""

    subscription: str
    sku: str
    usage_type: UsageType
    quantity: int
    first: date
    last: date | None

    @classmethod
    def of(cls, line: Line) -> Commitment:
        """A line of a usage type; it lasts no longer than its subscription (R10)."""
        assert line.usage_type is not None
        ends = [day for day in (line.last, line.term.ends_on) if day is not None]
        first = max(line.first or line.term.starts_on, line.term.starts_on)
        return cls(line.term.number, line.sku, line.usage_type, line.quantity, first, min(ends, default=None))


def commitments_on(lines: Sequence[Line], day: date, types: Sequence[UsageType]) -> list[Commitment]:
    """The lines of these usage types in force on a day, by usage type, oldest subscription first."""
    in_force = [line for line in lines if line.kind is SkuKind.COMMITTED and line.in_force_on(day)]
    in_force.sort(key=lambda line: (line.term.seniority, line.sku, line.first or date.min))
    return [Commitment.of(line) for usage_type in types for line in in_force if line.usage_type is usage_type]


def types_behind(usage_type: UsageType, model: LicenceModel) -> tuple[UsageType, ...]:
    """The usage types that a figure of ``usage_type`` depends on, itself included."""
    premium, standard = PREMIUM[model], STANDARD[model]
    if usage_type is UsageType.IVR_PORT:
        return premium, standard, usage_type
    return (premium, standard) if usage_type is standard else (usage_type,)


class _Workings:
    """Steps as they are taken. A name in a formula is given with the step, or the result of a step before it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._known: dict[str, Value] = {}

    def take(self, key: str, rule: Rule, formula: str, **given: Value) -> Value:
        inputs = {name: given[name] if name in given else self._known[name] for name in names_in(formula)}
        result = evaluate(formula, inputs)
        self.steps.append(Step(key, rule, formula, inputs, result))
        self._known[key] = result
        return result

    def mark(self, overage: Mapping[UsageType, Sequence[int]]) -> None:
        by_type: dict[str, Value] = {
            usage_type.value.replace("-", "_"): tuple(days) for usage_type, days in overage.items()
        }
        self.take("family_overage", Rule.MARK, " + ".join(by_type), **by_type)
        self.take("largest", Rule.MARK, "highest(family_overage)")


def counting_rule(usage_type: UsageType) -> Rule:
    """The rule by which use of a usage type is counted."""
    if usage_type is UsageType.IVR_PORT:
        return Rule.PORTS
    if usage_type is UsageType.WORKFORCE_OPTIMIZATION:
        return Rule.WFO
    named = (PREMIUM[LicenceModel.NAMED], STANDARD[LicenceModel.NAMED])
    return Rule.NAMED if usage_type in named else Rule.CONCURRENT


def row_steps(
    usage_type: UsageType,
    model: LicenceModel,
    counted: Mapping[UsageType, int],
    commitments: Sequence[Commitment],
) -> list[Step]:
    """A row of the Daily Detail: the steps to its four figures, whose keys are ``used``, ``committed``,
    ``substituted`` and ``overage``. ``line_3`` in a formula is the third of ``commitments``.
    """
    workings = _Workings()
    premium, standard = PREMIUM[model], STANDARD[model]

    def use(key: str, of: UsageType) -> None:
        workings.take(key, counting_rule(of), "counted", counted=counted[of])

    def commit(key: str, of: UsageType) -> None:
        lines = {
            f"line_{number}": line.quantity
            for number, line in enumerate(commitments, start=1)
            if line.usage_type is of
        }
        workings.take(key, Rule.COMMITMENTS, " + ".join(lines) or "0", **lines)

    if usage_type is UsageType.IVR_PORT:
        use("premium_used", premium)
        commit("premium_committed", premium)
        use("standard_used", standard)
        commit("standard_committed", standard)
        workings.take("premium_overage", Rule.OVERAGE, "max(0, premium_used - premium_committed)")
        workings.take("standard_above", Rule.SUBSTITUTION, "max(0, standard_used - standard_committed)")
        workings.take("premium_left", Rule.SUBSTITUTION, "max(0, premium_committed - premium_used)")
        workings.take("standard_substituted", Rule.SUBSTITUTION, "min(standard_above, premium_left)")
        workings.take("standard_overage", Rule.OVERAGE, "standard_above - standard_substituted")
        workings.take(
            "bundled",
            Rule.PORTS,
            f"{BUNDLED_PORTS} * (premium_committed + standard_committed + premium_overage + standard_overage)",
        )
        commit("additional", usage_type)
        use("used", usage_type)
        workings.take("committed", Rule.PORTS, "bundled + additional")
        workings.take("substituted", Rule.PORTS, "0")
        workings.take("overage", Rule.PORTS, "max(0, used - committed)")
        return workings.steps
    use("used", usage_type)
    commit("committed", usage_type)
    if usage_type is not standard:
        is_premium = usage_type is premium
        workings.take("substituted", Rule.SUBSTITUTION if is_premium else Rule.WFO, "0")
        workings.take("overage", Rule.OVERAGE if is_premium else Rule.WFO, "max(0, used - committed)")
        return workings.steps
    workings.take("above", Rule.SUBSTITUTION, "max(0, used - committed)")
    use("premium_used", premium)
    commit("premium_committed", premium)
    workings.take("premium_left", Rule.SUBSTITUTION, "max(0, premium_committed - premium_used)")
    workings.take("substituted", Rule.SUBSTITUTION, "min(above, premium_left)")
    workings.take("overage", Rule.OVERAGE, "above - substituted")
    return workings.steps


def mark_steps(overage: Mapping[UsageType, Sequence[int]]) -> list[Step]:
    """Why a row is marked (R7): its day is the first with the ``largest`` overage of its family, given by type."""
    workings = _Workings()
    workings.mark(overage)
    return workings.steps


def billed_steps(usage_type: UsageType, figures: Figures, settings: Settings) -> list[Step]:
    """A billed quantity, the step ``billed``, from what each day of the cycle came to (R6, R8)."""
    workings = _Workings()
    by_type = {each.usage_type: each for each in figures.types}
    of_type = by_type[usage_type]
    if settings.billed_peak == "combined_day":
        workings.mark(
            {each.usage_type: _days(each.overage) for each in figures.types if _kin(each, usage_type)}
        )
        position = marked_position(figures, usage_type)
        on_the_day = 0 if position is None else int(of_type.overage[position])
        workings.take("billed", Rule.BILLED, "on_the_day", on_the_day=on_the_day)
    elif usage_type is UsageType.IVR_PORT:
        agents = [each for each in figures.types if each.family is Family.AGENTS]
        bundles = sum(each.committed + each.overage for each in agents)
        workings.take(
            "agents_billed",
            Rule.BILLED,
            "premium_billed + standard_billed",
            premium_billed=figures.billed[agents[0].usage_type].quantity,
            standard_billed=figures.billed[agents[1].usage_type].quantity,
        )
        workings.take(
            "ports",
            Rule.PORTS,
            f"{BUNDLED_PORTS} * (premium_committed + standard_committed + agents_billed) + additional",
            premium_committed=_days(agents[0].committed),
            standard_committed=_days(agents[1].committed),
            additional=_days(of_type.committed - BUNDLED_PORTS * bundles),
        )
        workings.take("above", Rule.PORTS, "max(0, used - ports)", used=_days(of_type.used))
        workings.take("billed", Rule.PORTS, "highest(above)")
    else:
        workings.take("billed", Rule.BILLED, "highest(overage)", overage=_days(of_type.overage))
    return workings.steps


def marked_position(figures: Figures, usage_type: UsageType) -> int | None:
    """The position of the day on which the family of a usage type is marked (R7), None where it is not."""
    return next(
        (each.marked for each in figures.types if each.marked is not None and _kin(each, usage_type)), None
    )


def results_of(steps: Sequence[Step]) -> dict[str, Value]:
    """The results of steps by their keys."""
    return {step.key: step.result for step in steps}


def _kin(each: TypeDetail, usage_type: UsageType) -> bool:
    return each.family is family_of(usage_type)


def _days(column: Int64) -> tuple[int, ...]:
    return tuple(column.tolist())
