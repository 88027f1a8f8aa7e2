"""A vendor's invoice lines against ours, and why they differ as far as can be told (R14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from apps.core.domain.money import minor_digits, plain_text, round_to_minor_unit
from apps.core.domain.periods import Period
from apps.invoicing.domain.control_lines import TheirInvoice, TheirLine


class LineColumn(StrEnum):
    """What is compared of a line; ``LINE`` is that there is one at all."""

    LINE = "line"
    SKU = "sku"
    SUBSCRIPTION = "subscription"
    PERIOD = "period"
    QUANTITY = "quantity"
    UNIT_PRICE = "unit_price"
    DISCOUNT = "discount_pct"
    AMOUNT = "amount"


class LineCause(StrEnum):
    """Why a line of theirs is not ours."""

    MISSING_LINE = "missing-line"
    ADDED_LINE = "added-line"
    REPEATED_LINE = "repeated-line"
    OTHER_SKU = "other-sku"
    OTHER_SUBSCRIPTION = "other-subscription"
    OTHER_PERIOD = "other-period"
    TWICE = "quantity-twice"
    OTHER_PEAK = "other-peak"
    LAST_DAY = "last-day"
    SUM_OF_DAYS = "sum-of-days"
    RECORDS_SINCE = "records-since"
    NET_PRICE = "net-price"
    NO_DISCOUNT = "no-discount"
    FOLLOWS = "follows"
    ROUNDED_PER_UNIT = "rounded-per-unit"
    ROUNDED_DISCOUNT = "rounded-discount"
    HALF_TO_EVEN = "half-to-even"
    CUT = "cut"
    UNROUNDED = "unrounded"
    NOT_IN_PROPORTION = "not-in-proportion"
    BELOW_MINOR_UNIT = "below-minor-unit"
    TAX_PER_LINE = "tax-per-line"
    TAX_FOLLOWS = "tax-follows"


@dataclass(frozen=True, slots=True)
class OurLine:
    """A line of ours. ``share``: the part of a whole period charged; ``readings``: its quantity read otherwise."""

    sku: str
    subscription: str
    period: Period
    quantity: int
    unit_price: Decimal
    discount_pct: Decimal
    amount: Decimal
    share: Fraction = Fraction(1)
    readings: Mapping[LineCause, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why columns differ; ``certainty`` as that of a Daily Detail's: ``exact``, ``partly`` or ``fits``."""

    cause: LineCause
    certainty: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """Both sides of a line, one of them perhaps None; and of what differs the reasons. Without: nobody can tell."""

    ours: OurLine | None
    theirs: TheirLine | None
    differs: Mapping[LineColumn, Sequence[Reason]]


@dataclass(frozen=True)
class LineComparison:
    """All lines, and the taxes of both sides where they say them."""

    lines: Sequence[ComparedLine]
    our_taxes: Decimal
    their_taxes: Decimal | None
    tax_reasons: Sequence[Reason]

    @property
    def taxes_differ(self) -> bool:
        """They say other taxes."""
        return self.their_taxes is not None and self.their_taxes != self.our_taxes

    @property
    def differing(self) -> int:
        """How many lines differ."""
        return sum(bool(line.differs) for line in self.lines)

    @property
    def unexplained(self) -> int:
        """How many have a difference that nobody can tell the reason of."""
        return sum(any(not reasons for reasons in line.differs.values()) for line in self.lines)


def compare_lines(
    ours: Sequence[OurLine], theirs: TheirInvoice, *, currency: str, tax_rate_pct: Decimal, taxes: Decimal
) -> LineComparison:
    """Hold the lines of their invoice against ours."""
    pairs, added = _paired(ours, theirs.lines)
    methods = _methods_of_all(pairs, currency)
    compared = [
        ComparedLine(our, their, _differences(our, their, currency, methods))
        if their is not None
        else ComparedLine(our, None, {LineColumn.LINE: (Reason(LineCause.MISSING_LINE, "fits"),)})
        for our, their in pairs
    ]
    matched = [their for _our, their in pairs if their is not None]
    for their in added:
        twin = next((each for each in matched if _same(each, their)), None)
        reason = (
            Reason(LineCause.ADDED_LINE, "fits")
            if twin is None
            else Reason(LineCause.REPEATED_LINE, "exact", {"lines": [twin.line, their.line]})
        )
        compared.append(ComparedLine(None, their, {LineColumn.LINE: (reason,)}))
    reasons = _tax_reasons(theirs, tax_rate_pct, currency) if theirs.taxes not in (None, taxes) else []
    return LineComparison(compared, taxes, theirs.taxes, reasons)


def _same(one: TheirLine, other: TheirLine) -> bool:
    return (one.sku, one.subscription, one.period, one.quantity, one.amount) == (
        other.sku,
        other.subscription,
        other.period,
        other.quantity,
        other.amount,
    )


_Pair = tuple[OurLine, TheirLine | None]


def _paired(ours: Sequence[OurLine], theirs: Iterable[TheirLine]) -> tuple[list[_Pair], list[TheirLine]]:
    """Lines that are about the same, the most alike first; and those of theirs that none of ours is like."""
    found: dict[int, TheirLine] = {}
    left = list(theirs)
    alike: Sequence[Callable[[OurLine, TheirLine], bool]] = (
        lambda our, their: (
            (our.sku, our.subscription, our.period, our.quantity)
            == (their.sku, their.subscription, their.period, their.quantity)
        ),
        lambda our, their: (
            (our.sku, our.subscription, our.period) == (their.sku, their.subscription, their.period)
        ),
        lambda our, their: (our.sku, our.subscription) == (their.sku, their.subscription),
        lambda our, their: (our.sku, our.period) == (their.sku, their.period or our.period),
        lambda our, their: our.sku == their.sku,
        lambda our, their: (
            (our.subscription, our.period, our.quantity)
            == (their.subscription, their.period or our.period, their.quantity)
        ),
    )
    for is_alike in alike:
        for position, our in enumerate(ours):
            if position in found:
                continue
            fitting = next((their for their in left if is_alike(our, their)), None)
            if fitting is not None:
                found[position] = fitting
                left.remove(fitting)
    return [(our, found.get(position)) for position, our in enumerate(ours)], left


def _differences(
    our: OurLine, their: TheirLine, currency: str, methods: Mapping[LineCause, bool]
) -> dict[LineColumn, Sequence[Reason]]:
    differs: dict[LineColumn, Sequence[Reason]] = {}
    if their.sku != our.sku:
        differs[LineColumn.SKU] = (Reason(LineCause.OTHER_SKU, "fits"),)
    if their.subscription and their.subscription != our.subscription:
        differs[LineColumn.SUBSCRIPTION] = (Reason(LineCause.OTHER_SUBSCRIPTION, "fits"),)
    if their.period is not None and their.period != our.period:
        differs[LineColumn.PERIOD] = (Reason(LineCause.OTHER_PERIOD, "fits"),)
    if their.quantity != our.quantity:
        differs[LineColumn.QUANTITY] = _quantity_reasons(our, their.quantity)
    if their.unit_price not in (None, our.unit_price):
        differs[LineColumn.UNIT_PRICE] = _price_reasons(our, their)
    if their.discount_pct not in (None, our.discount_pct):
        differs[LineColumn.DISCOUNT] = _discount_reasons(our, their)
    if their.amount not in (None, our.amount):
        differs[LineColumn.AMOUNT] = _amount_reasons(our, their, currency, methods)
    return differs


def _quantity_reasons(our: OurLine, quantity: int) -> list[Reason]:
    readings = dict(our.readings) | ({LineCause.TWICE: 2 * our.quantity} if our.quantity else {})
    return [Reason(cause, "exact") for cause, found in readings.items() if found == quantity]


def _price_reasons(our: OurLine, their: TheirLine) -> list[Reason]:
    """Their price has our discount in it."""
    net = Fraction(our.unit_price) * (1 - Fraction(our.discount_pct) / 100)
    is_net = their.unit_price is not None and Fraction(their.unit_price) == net and not their.discount_pct
    return (
        [Reason(LineCause.NET_PRICE, "exact", {"net": plain_text(their.unit_price)})]
        if is_net and their.unit_price
        else []
    )


def _discount_reasons(our: OurLine, their: TheirLine) -> list[Reason]:
    if found := _price_reasons(our, their):
        return found
    return [] if their.discount_pct else [Reason(LineCause.NO_DISCOUNT, "exact")]


Method = Callable[[Fraction, Fraction, Fraction, Fraction, str], Fraction]


def _rounded(amount: Fraction, currency: str) -> Fraction:
    return Fraction(round_to_minor_unit(amount, currency))


def _unit(currency: str) -> Fraction:
    return Fraction(1, 10 ** minor_digits(currency))


def _by_rule(
    quantity: Fraction, price: Fraction, discount: Fraction, share: Fraction, currency: str
) -> Fraction:
    return _rounded(quantity * price * (1 - discount) * share, currency)


def _half_to_even(amount: Fraction, currency: str) -> Fraction:
    return round(amount / _unit(currency)) * _unit(currency)


def _cut(amount: Fraction, currency: str) -> Fraction:
    return int(amount / _unit(currency)) * _unit(currency)


# Quantity, unit price, discount as a part of 1, share of the period, currency: what a line comes to.
_METHODS: Mapping[LineCause, Method] = {
    LineCause.ROUNDED_PER_UNIT: lambda q, p, d, s, c: _rounded(q * _rounded(p * (1 - d), c) * s, c),
    LineCause.ROUNDED_DISCOUNT: lambda q, p, d, s, c: _rounded(q * p * s, c) - _rounded(q * p * s * d, c),
    LineCause.HALF_TO_EVEN: lambda q, p, d, s, c: _half_to_even(q * p * (1 - d) * s, c),
    LineCause.CUT: lambda q, p, d, s, c: _cut(q * p * (1 - d) * s, c),
    LineCause.UNROUNDED: lambda q, p, d, s, _c: q * p * (1 - d) * s,
    LineCause.NOT_IN_PROPORTION: lambda q, p, d, _s, c: _rounded(q * p * (1 - d), c),
}


def _amount(method: Method, our: OurLine, their: TheirLine, currency: str) -> Fraction:
    """What their line comes to by a method, from their own figures where they say them."""
    price = our.unit_price if their.unit_price is None else their.unit_price
    discount = our.discount_pct if their.discount_pct is None else their.discount_pct
    return method(Fraction(their.quantity), Fraction(price), Fraction(discount) / 100, our.share, currency)


def _methods_of_all(pairs: Iterable[_Pair], currency: str) -> dict[LineCause, bool]:
    """Of each method whether it makes all amounts that they say."""
    said = [(our, their) for our, their in pairs if their is not None and their.amount is not None]
    return {
        cause: all(_amount(method, our, their, currency) == their.amount for our, their in said)
        for cause, method in _METHODS.items()
    }


def _amount_reasons(
    our: OurLine, their: TheirLine, currency: str, methods: Mapping[LineCause, bool]
) -> list[Reason]:
    """It follows from what else their line says, or from another way of rounding, by the best that there is."""
    assert their.amount is not None  # only amounts that are said differ
    if _amount(_by_rule, our, their, currency) == their.amount:
        return [Reason(LineCause.FOLLOWS, "exact")]
    fitting = [
        cause for cause, method in _METHODS.items() if _amount(method, our, their, currency) == their.amount
    ]
    if exact := [cause for cause in fitting if methods[cause]]:
        return [Reason(cause, "exact") for cause in exact]
    if fitting:
        return [Reason(cause, "partly") for cause in fitting]
    own = _amount(_by_rule, our, their, currency)
    if abs(Fraction(their.amount) - own) < _unit(currency):
        return [Reason(LineCause.BELOW_MINOR_UNIT, "fits")]
    return []


def _tax_reasons(theirs: TheirInvoice, tax_rate_pct: Decimal, currency: str) -> list[Reason]:
    """Their taxes are those of their own sum, or rounded line by line."""
    amounts = [line.amount for line in theirs.lines]
    if any(amount is None for amount in amounts) or theirs.taxes is None:
        return []
    said = [Fraction(amount) for amount in amounts if amount is not None]
    rate = Fraction(tax_rate_pct) / 100
    reasons = []
    if _rounded(sum(said, Fraction(0)) * rate, currency) == theirs.taxes:
        reasons.append(Reason(LineCause.TAX_FOLLOWS, "exact"))
    elif sum((_rounded(each * rate, currency) for each in said), Fraction(0)) == theirs.taxes:
        reasons.append(Reason(LineCause.TAX_PER_LINE, "exact"))
    return reasons
