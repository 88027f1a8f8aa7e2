"""Compared invoice lines in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.formatting import number
from apps.invoicing.domain.control import LineCause, LineColumn
from apps.reconciliation import control_words
from apps.reconciliation.control_causes import joined
from apps.reconciliation.models import ControlPaper

Plain = Mapping[str, Any]

_COLUMNS = {
    LineColumn.LINE: gettext_lazy("Line"),
    LineColumn.SKU: gettext_lazy("SKU"),
    LineColumn.SUBSCRIPTION: gettext_lazy("Subscription"),
    LineColumn.PERIOD: gettext_lazy("Billing period"),
    LineColumn.QUANTITY: gettext_lazy("Quantity"),
    LineColumn.UNIT_PRICE: gettext_lazy("Unit price"),
    LineColumn.DISCOUNT: gettext_lazy("Discount"),
    LineColumn.AMOUNT: gettext_lazy("Amount"),
}
_CAUSES = {
    LineCause.MISSING_LINE: gettext_lazy("their invoice has no such line"),
    LineCause.ADDED_LINE: gettext_lazy("our invoice has no such line"),
    LineCause.REPEATED_LINE: gettext_lazy("their invoice has this line twice"),
    LineCause.OTHER_SKU: gettext_lazy("the same under another SKU"),
    LineCause.OTHER_SUBSCRIPTION: gettext_lazy("the same on another subscription"),
    LineCause.OTHER_PERIOD: gettext_lazy("another billing period"),
    LineCause.TWICE: gettext_lazy("twice our quantity"),
    LineCause.OTHER_PEAK: gettext_lazy("the peak by the other reading of R6: its own or the marked day's"),
    LineCause.LAST_DAY: gettext_lazy("the overage of the last day, not the largest"),
    LineCause.SUM_OF_DAYS: gettext_lazy("the overage of all days added up, not the largest"),
    LineCause.RECORDS_SINCE: gettext_lazy("with what came after the cycle was closed"),
    LineCause.NET_PRICE: gettext_lazy("their price has our discount in it"),
    LineCause.NO_DISCOUNT: gettext_lazy("their line has no discount"),
    LineCause.FOLLOWS: gettext_lazy("follows from their own quantity and price"),
    LineCause.ROUNDED_PER_UNIT: gettext_lazy("the price after discount rounded before it is multiplied"),
    LineCause.ROUNDED_DISCOUNT: gettext_lazy("the discount rounded by itself"),
    LineCause.HALF_TO_EVEN: gettext_lazy("halves rounded to the even digit"),
    LineCause.CUT: gettext_lazy("cut off instead of rounded"),
    LineCause.UNROUNDED: gettext_lazy("not rounded"),
    LineCause.NOT_IN_PROPORTION: gettext_lazy("the whole period charged, not the part of it"),
    LineCause.BELOW_MINOR_UNIT: gettext_lazy("less than the smallest unit of the currency: rounding"),
    LineCause.TAX_PER_LINE: gettext_lazy("tax rounded line by line, not on their sum"),
    LineCause.TAX_FOLLOWS: gettext_lazy("follows from the sum of their lines"),
}


def column_name(column: str) -> str:
    """What of a line differs."""
    return str(_COLUMNS[LineColumn(column)])


def reason(plain: Plain) -> str:
    """Why, in a few words."""
    return str(_CAUSES[LineCause(plain["cause"])])


def reasons(found: Sequence[Plain]) -> str:
    """Reasons that are as good as each other."""
    return joined(reason(each) for each in found)


def verdict(kind: str, result: Plain) -> tuple[str, str]:
    """What a comparison came to, in a sentence and a tone."""
    if kind != ControlPaper.Kind.INVOICE_LINES:
        return control_words.verdict(result)
    counts = {
        "lines": number(result["lines"]),
        "count": number(result["differing"]),
        "unexplained": number(result["unexplained"]),
    }
    taxes = result["taxes"]
    if not result["differing"]:
        said = ngettext(
            "%(lines)s of %(lines)s line agrees.", "%(lines)s of %(lines)s lines agree.", result["lines"]
        )
        if taxes["differ"]:
            tone = "warning" if taxes["reasons"] else "danger"
            return said % counts + " " + _("The taxes differ."), tone
        return said % counts, "ok"
    said = ngettext(
        "%(count)s of %(lines)s lines differs.", "%(count)s of %(lines)s lines differ.", result["differing"]
    )
    if not result["unexplained"]:
        return said % counts + " " + _("All of it is explained."), "warning"
    left = ngettext(
        "%(unexplained)s line cannot be explained.",
        "%(unexplained)s lines cannot be explained.",
        result["unexplained"],
    )
    return f"{said % counts} {left % counts}", "danger"


def causes_of(kind: str, result: Plain) -> list[str]:
    """The reasons in a few words, each once, without what only follows."""
    if kind != ControlPaper.Kind.INVOICE_LINES:
        return control_words.causes_of(result)
    found = [
        reason(each)
        for row in result["rows"]
        for of_column in row["differs"].values()
        for each in of_column
        if each["cause"] != LineCause.FOLLOWS
    ]
    return list(dict.fromkeys([*found, *(reason(each) for each in result["taxes"]["reasons"])]))
