"""The answer to what a cycle would come to, as plain values: for the API and the command line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apps.catalogue.domain.kinds import UsageType
from apps.core.domain.money import money_text, plain_text
from apps.invoicing.domain.whatif import Position, Sums
from apps.invoicing.whatif import Money, WhatIf
from apps.reconciliation.domain.whatif import Comparison
from apps.reconciliation.whatif import ReRated

Json = dict[str, Any]


def what_if_json(answer: WhatIf) -> Json:
    """An answer in JSON: of everything that can change what it is (``before``) and would be (``after``).

    Lists by day start with the cycle's first day and end with ``until``.
    """
    return {
        "customer": answer.customer.ref,
        "cycles": [_cycle(each) for each in answer.cycles],
        "money": [_money(each) for each in answer.money],
    }


def _cycle(each: ReRated) -> Json:
    comparison = each.comparison
    return {
        **_days(each),
        "until": each.until.isoformat(),
        "subscription": each.cycle.primary.number,
        "is_closed": each.is_closed,
        "is_up_to_date": each.is_up_to_date,
        "usage": [_usage(usage_type, comparison) for usage_type in comparison.usage_types],
        "voice": _voice(comparison),
    }


def _days(each: ReRated) -> Json:
    return {"first_day": each.cycle.first.isoformat(), "last_day": each.cycle.last.isoformat()}


def _usage(usage_type: UsageType, comparison: Comparison) -> Json:
    rated = {"before": comparison.before, "after": comparison.after}
    found = {
        name: detail
        for name, each in rated.items()
        for detail in each.figures.types
        if detail.usage_type is usage_type
    }
    nothing = [0] * comparison.before.figures.period.days
    usage: Json = {"usage_type": usage_type.value, "used": next(iter(found.values())).used.tolist()}
    for name, each in rated.items():
        billed = each.billed_of(usage_type)
        usage[name] = {
            "committed": found[name].committed.tolist() if name in found else nothing,
            "overage": found[name].overage.tolist() if name in found else nothing,
            "billed": billed.quantity,
            "billed_on": billed.day and billed.day.isoformat(),
        }
    return usage


def _voice(comparison: Comparison) -> Json:
    return {
        "most_calls": comparison.calls.used.tolist(),
        **{
            name: {
                "surge_pct": [plain_text(Decimal(of_day) / 100) for of_day in rated.surge],
                "accepted": rated.voice.accepted.tolist(),
                "minutes_above": rated.voice.minutes_above.tolist(),
                "most_above": rated.voice.most_above.tolist(),
            }
            for name, rated in (("before", comparison.before), ("after", comparison.after))
        },
    }


def _money(money: Money) -> Json:
    return {
        "side": money.side.value,
        "currency": money.currency,
        **_sums(money.sums, money.currency),
        "cycles": [
            {
                **_days(each.cycle),
                **_sums(each.sums, money.currency),
                "lines": [_position(position, money.currency) for position in each.positions],
            }
            for each in money.cycles
        ],
    }


def _sums(sums: Sums, currency: str) -> Json:
    return {
        "before": money_text(sums.before, currency),
        "after": money_text(sums.after, currency),
        "difference": money_text(sums.difference, currency),
    }


def _position(position: Position, currency: str) -> Json:
    return {
        "kind": position.kind.value,
        "sku": position.sku,
        **{
            name: {"quantity": cost.quantity, "amount": money_text(cost.amount, currency)}
            for name, cost in (("before", position.before), ("after", position.after))
        },
    }
