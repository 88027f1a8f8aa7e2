"""Whole units as other people write them: ``1,234``, ``1.234,00``, ``1 234``. What can be read in two ways is not."""

from __future__ import annotations

import re

from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault, RejectedRowError

_SPACES = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?:\D|$))")
_SIGNS = re.compile(r"[.,]")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+", re.ASCII)


def decimal_of(block: Block, said: str) -> str:
    """The sign before fractions of a block's rows, where the description has ``said`` one; empty: nobody knows.

    A number of JSON or XLSX has a dot, however texts beside it are written, and which cells were numbers is not told.
    """
    return "" if block.knows_numbers else said


def whole_units(text: str, decimal: str = "") -> str:
    """The digits of a whole number. ``decimal`` is the sign before fractions, ``.`` or ``,``; empty: nobody said.

    Spaces and apostrophes between groups of three digits mean nothing, and a fraction of zeros is none. Without
    ``decimal`` the signs must tell themselves: ``1.234,00`` and ``1,234.00`` do, ``1.234.567`` and ``12,5`` do, but
    ``1.234`` may be a thousand or one and a bit and is rejected.

    Raises:
        RejectedRowError: no whole number of units, or one that can be read in two ways.
    """
    if text.isascii() and text.isdigit():
        return text
    plain = _SPACES.sub("", text.strip())
    signs = _SIGNS.findall(plain)
    if not signs:
        return _digits(plain)
    sign = decimal or _decimal_sign(plain, signs)
    grouping = "," if sign == "." else "."
    if signs.count(sign) > 1 or (
        grouping in signs and sign in signs and plain.rindex(grouping) > plain.index(sign)
    ):
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    whole, _sign, fraction = plain.partition(sign)
    if fraction.strip("0") or (grouping in whole and not _GROUPED.fullmatch(whole)):
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    return _digits(whole.replace(grouping, ""))


def _decimal_sign(plain: str, signs: list[str]) -> str:
    """Which of the signs stands before the fraction.

    Raises:
        RejectedRowError: it cannot be told.
    """
    if len(set(signs)) == 2:
        return signs[-1]
    if len(signs) > 1:  # groups alone
        return "," if signs[0] == "." else "."
    whole, _sign, rest = plain.partition(signs[0])
    if len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    return signs[0]


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise RejectedRowError(Fault.NOT_A_QUANTITY)
    return text
