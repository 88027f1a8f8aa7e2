"""Reading a vendor's invoice lines: CSV or a workbook with the columns of ``run_billing``, or its JSON itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from apps.core.domain.periods import Period
from apps.reconciliation.domain.control_papers import (
    LONGEST_CELL,
    MOST_ROWS,
    PaperFault,
    PaperRefused,
    Sheet,
    read_days,
    text_of,
)
from apps.usage.domain.blocks import is_storable
from apps.usage.domain.controls import LARGEST_PAPER

LINES_HEADER = (
    "sku",
    "subscription",
    "period_from",
    "period_to",
    "quantity",
    "unit_price",
    "discount_pct",
    "amount",
)
# The words of an invoice's own export for the same.
_ALSO = {
    "subscription id": "subscription",
    "period from": "period_from",
    "period to": "period_to",
    "qty": "quantity",
    "unit price": "unit_price",
    "discount %": "discount_pct",
    "extended amount": "amount",
}
_MOST_PARTS = 10 * MOST_ROWS  # of JSON: objects and arrays
_NUMBER = re.compile(r"([-+\u2212]?)([0-9][0-9.,' \u00a0\u202f\u2019]{0,24})", re.ASCII)
_PLAIN = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,8})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TheirLine:
    """A line of their invoice; ``line`` tells where it stands. What is None they do not say."""

    line: int
    sku: str
    subscription: str
    period: Period | None
    quantity: int
    unit_price: Decimal | None
    discount_pct: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class TheirInvoice:
    """The lines of a paper, and its taxes where they are said; ``seller`` is empty where it is not said."""

    lines: Sequence[TheirLine]
    taxes: Decimal | None = None
    seller: str = ""


def is_json(content: bytes) -> bool:
    """It can only be JSON."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def has_lines(sheet: Sheet) -> bool:
    """The header is that of invoice lines; more columns do no harm."""
    return {_named(name) for name in sheet.header} >= set(LINES_HEADER)


def _named(name: str) -> str:
    plain = " ".join(name.casefold().split())
    return _ALSO.get(plain, plain)


def read_lines(sheet: Sheet, *, cycles: Iterable[Period] = ()) -> TheirInvoice:
    """The lines of a table.

    Raises:
        PaperRefused: a row that cannot be read.
    """
    cells = [(line, {_named(name): text for name, text in of.items()}) for line, of in sheet.cells()]
    said = [(line, of[name]) for name in ("period_from", "period_to") for line, of in cells if of[name]]
    days = iter(read_days(said, cycles))
    found = {
        name: {line: next(days) for line, of in cells if of[name]} for name in ("period_from", "period_to")
    }
    sign = _decimal_sign(
        of[name] for _line, of in cells for name in ("unit_price", "discount_pct", "amount", "quantity")
    )
    return TheirInvoice(
        [
            _line(
                line,
                of,
                _period(line, found["period_from"].get(line), found["period_to"].get(line)),
                sign=sign,
            )
            for line, of in cells
        ]
    )


def read_json(content: bytes) -> TheirInvoice:
    """The lines of ``run_billing --format json``: of its invoices those of the first one's seller.

    Raises:
        PaperRefused: it is something else. Lines are counted from 1 through all invoices.
    """
    if len(content) > LARGEST_PAPER:
        raise PaperRefused(PaperFault.TOO_LARGE)
    if content.count(b"{") + content.count(b"[") > _MOST_PARTS:
        raise PaperRefused(PaperFault.TOO_MANY_ROWS)
    try:
        told = json.loads(text_of(content), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, PaperRefused):
            raise
        raise PaperRefused(PaperFault.NO_JSON) from None
    invoices = told if isinstance(told, list) else [told]
    if not invoices or not all(
        isinstance(each, dict) and isinstance(each.get("lines"), list) for each in invoices
    ):
        raise PaperRefused(PaperFault.NO_JSON)
    seller = str(invoices[0].get("seller") or "")
    if not is_storable(seller) or len(seller) > LONGEST_CELL:
        raise PaperRefused(PaperFault.NO_JSON)
    of_seller = [each for each in invoices if str(each.get("seller") or "") == seller]
    told_lines = [line for each in of_seller for line in each["lines"]]
    if len(told_lines) > MOST_ROWS:
        raise PaperRefused(PaperFault.TOO_MANY_ROWS)
    lines = [_told_line(number, told) for number, told in enumerate(told_lines, start=1)]
    if not lines:
        raise PaperRefused(PaperFault.EMPTY)
    taxes = [_decimal(0, _text(each.get("taxes"))) for each in of_seller]
    is_said = all(amount is not None for amount in taxes)
    return TheirInvoice(
        lines, sum((each or Decimal(0) for each in taxes), Decimal(0)) if is_said else None, seller
    )


def _refuse_constant(_name: str) -> NoReturn:
    raise PaperRefused(PaperFault.NO_JSON)


def _told_line(number: int, told: Any) -> TheirLine:
    if not isinstance(told, dict):
        raise PaperRefused(PaperFault.NO_JSON, number)
    cells = {name: _text(told.get(name)) for name in LINES_HEADER}
    if not all(map(is_storable, cells.values())):
        raise PaperRefused(PaperFault.NO_TEXT, number)
    if any(len(text) > LONGEST_CELL for text in cells.values()):
        raise PaperRefused(PaperFault.CELL_TOO_LONG, number)
    days = [
        read_days([(number, cells[name])])[0] if cells[name] else None
        for name in ("period_from", "period_to")
    ]
    return _line(number, cells, _period(number, *days))


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}" if -20 < value.adjusted() < 20 else str(value)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _period(line: int, first: date | None, last: date | None) -> Period | None:
    if first is None or last is None:
        return None
    if last < first:
        raise PaperRefused(PaperFault.NO_DAY, line, f"{first} – {last}")
    return Period(first, last)


def _line(line: int, cells: Mapping[str, str], period: Period | None, *, sign: str = ".") -> TheirLine:
    quantity = _decimal(line, cells["quantity"], sign=sign)
    if quantity is None or quantity != int(quantity) or abs(quantity) > 10**12:
        raise PaperRefused(PaperFault.NO_UNITS, line, cells["quantity"])
    return TheirLine(
        line,
        cells["sku"],
        cells["subscription"],
        period,
        int(quantity),
        *(_decimal(line, cells[name], sign=sign) for name in ("unit_price", "discount_pct", "amount")),
    )


def _decimal(line: int, text: str, *, sign: str = ".") -> Decimal | None:
    """A number whose decimals come after ``sign``; None where nothing is said."""
    if not text:
        return None
    found = _NUMBER.fullmatch(text)
    plain = "" if found is None else re.sub(rf"[^0-9{re.escape(sign)}]", "", found[2]).replace(sign, ".")
    if found is None or not _PLAIN.fullmatch(plain):
        raise PaperRefused(PaperFault.NO_AMOUNT, line, text)
    amount = Decimal(plain)
    return -amount if found[1] in ("-", "\N{MINUS SIGN}") and amount else amount


def _decimal_sign(texts: Iterable[str]) -> str:
    """What decimals come after in the whole paper: the last of two signs in a number, or one before other than three
    digits; a point where nothing tells.
    """
    for text in texts:
        signs = [each for each in text if each in ".,"]
        if not signs:
            continue
        after = len(text) - 1 - text.rindex(signs[-1])
        if len(set(signs)) > 1 or (len(signs) == 1 and after != 3):
            return signs[-1]
    return "."
