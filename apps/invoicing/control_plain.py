"""Control totals as plain values: what a paper says, so that it can be compared again, and compared lines as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from apps.core.domain.money import money_text, plain_text
from apps.core.domain.periods import Period
from apps.invoicing.domain.control import ComparedLine, OurLine, Reason
from apps.invoicing.domain.control_lines import TheirInvoice, TheirLine
from apps.reconciliation.domain.control_rows import TheirRow
from apps.reconciliation.models import ControlPaper

Kind = ControlPaper.Kind
Told = Sequence[TheirRow] | TheirInvoice


def plain_reasons(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    return [
        {"cause": each.cause.value, "certainty": each.certainty, "details": dict(each.details)}
        for each in reasons
    ]


def plain_line(line: ComparedLine, currency: str, types: dict[str, str]) -> dict[str, Any]:
    ours, theirs = line.ours, line.theirs
    return {
        "line": None if theirs is None else theirs.line,
        "usage_type": None if ours is None else types.get(ours.sku),
        "ours": None
        if ours is None
        else _plain_side(ours.sku, ours.subscription, ours.period, ours, currency),
        "theirs": None
        if theirs is None
        else _plain_side(theirs.sku, theirs.subscription, theirs.period, theirs, currency),
        "differs": {column.value: plain_reasons(reasons) for column, reasons in line.differs.items()},
    }


def _plain_side(
    sku: str, subscription: str, period: Period | None, line: OurLine | TheirLine, currency: str
) -> dict[str, Any]:
    def money(amount: Decimal | None) -> str | None:
        return None if amount is None else money_text(amount, currency)

    return {
        "sku": sku,
        "subscription": subscription,
        "period": None if period is None else [period.first.isoformat(), period.last.isoformat()],
        "quantity": line.quantity,
        "unit_price": money(line.unit_price),
        "discount_pct": None if line.discount_pct is None else plain_text(line.discount_pct),
        "amount": money(line.amount),
    }


def plain_rows(told: Told) -> list[Any]:
    """What a paper says as plain values, so that it can be compared again."""
    if isinstance(told, TheirInvoice):
        return [
            {"taxes": None if told.taxes is None else str(told.taxes), "seller": told.seller},
            *(
                [
                    line.line,
                    line.sku,
                    line.subscription,
                    None
                    if line.period is None
                    else [line.period.first.isoformat(), line.period.last.isoformat()],
                    line.quantity,
                    *(
                        None if each is None else str(each)
                        for each in (line.unit_price, line.discount_pct, line.amount)
                    ),
                ]
                for line in told.lines
            ),
        ]
    return [
        [
            row.line,
            row.day.isoformat(),
            row.key,
            row.used,
            row.committed,
            row.substituted,
            row.overage,
            row.mark,
        ]
        for row in told
    ]


def as_read(kind: Kind, rows: Sequence[Any]) -> Told:
    """``plain_rows`` read again."""
    if kind is not Kind.INVOICE_LINES:
        return [TheirRow(line, date.fromisoformat(day), *rest) for line, day, *rest in rows]
    head, *lines = rows
    return TheirInvoice(
        [
            TheirLine(
                line,
                sku,
                subscription,
                None if period is None else Period(*map(date.fromisoformat, period)),
                quantity,
                *(None if each is None else Decimal(each) for each in amounts),
            )
            for line, sku, subscription, period, quantity, *amounts in lines
        ],
        None if head["taxes"] is None else Decimal(head["taxes"]),
        head["seller"],
    )
