"""R14: what is charged, and the invoices that it makes. Fractions until the one rounding of each line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle.cycles import (
    CONTACT_CENTRE,
    DIGITAL,
    ONE_DAY,
    Cycle,
    NotACycle,
    active,
    cycle_containing,
    cycle_starting,
    cycles,
    days,
    licence_model,
    period,
)
from tests.oracle.digital import units
from tests.oracle.portfolio import AGENT_SKUS, DIGITAL_USAGE_SKUS, IVR_SKU, WFO_SKU, Customer, PriceBook
from tests.oracle.records import Fact

# ISO 4217: the currencies that do not have two minor digits.
# fmt: off
WITHOUT_DIGITS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
)
# fmt: on
THREE_DIGITS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
FOUR_DIGITS = ("CLF", "UYW")

ORDER_OF_KINDS = ("overage", "usage", "recurring", "other")


class MissingPrice(Exception):
    """R14: "A price that is missing stops the invoice and names SKU and day"."""

    def __init__(self, sku: str, day: date) -> None:
        super().__init__(f"{sku} has no price on {day}")
        self.sku = sku
        self.day = day


@dataclass(frozen=True)
class Charge:
    """A line that is not priced yet. `share` is the proportion of a period, 1 for a whole one."""

    kind: str
    sku: str
    subscription: str
    first: date
    last: date
    quantity: int
    price_of: date
    share: Fraction = Fraction(1)

    @property
    def place(self) -> tuple[str, int, str, date]:
        """By subscription number (as text), then overage, usage, recurring, other, SKU, first day."""
        return (self.subscription, ORDER_OF_KINDS.index(self.kind), self.sku, self.first)


@dataclass(frozen=True)
class Line:
    """A charge with its price ("unit price and discount of that day") and its amount, rounded once."""

    charge: Charge
    unit_price: Fraction
    discount_pct: Fraction
    amount: Decimal


def minor_digits(currency: str) -> int:
    if currency in WITHOUT_DIGITS:
        return 0
    if currency in THREE_DIGITS:
        return 3
    return 4 if currency in FOUR_DIGITS else 2


def round_half_up(amount: Fraction, digits: int) -> Decimal:
    """Halves away from zero; never -0."""
    units_of_minor = floor(abs(amount) * 10**digits + Fraction(1, 2))
    if amount < 0:
        units_of_minor = -units_of_minor
    return Decimal(units_of_minor).scaleb(-digits)


def money(amount: Decimal, digits: int) -> str:
    return f"{amount:.{digits}f}"


def plain(number: Fraction, at_least: int) -> str:
    """A decimal written out: `at_least` so many digits behind the point, and all that it has beyond."""
    digits = at_least
    while (number * 10**digits).denominator != 1:
        digits += 1
    return money(round_half_up(number, digits), digits)


# The days that an invoice looks at ----------------------------------------------------------------


def carrier(customer: Customer, digital_cycle: Cycle) -> Cycle | None:
    """R10: the contact-centre cycle whose invoice carries a digital cycle: that in which it ended. None: it has an
    invoice of its own. Once that invoice is issued, it stays so."""
    for closed in customer.closed:
        if closed.service == DIGITAL and closed.first == digital_cycle.first:
            if closed.carried_by is None:
                return None
            return cycle_starting(customer, CONTACT_CENTRE, closed.carried_by)
    return cycle_containing(customer, CONTACT_CENTRE, digital_cycle.last)


def cycles_invoiced_alone(customer: Customer, until: date) -> list[tuple[str, Cycle]]:
    """The cycles with an invoice of their own that ended by a day, each with its service: those of the contact
    centre, and of digital channels those whose last day lies in no contact-centre cycle."""
    found = [
        (CONTACT_CENTRE, cycle) for cycle in cycles(customer, CONTACT_CENTRE, until) if cycle.last <= until
    ]
    for cycle in cycles(customer, DIGITAL, until):
        if cycle.last <= until and carrier(customer, cycle) is None:
            found.append((DIGITAL, cycle))
    return sorted(found, key=lambda each: each[1].last)


def days_looked_at(customer: Customer, cycle: Cycle) -> list[date]:
    """The days that a cycle's invoice looks at: those that it looked at, once it is issued; until then those of the
    text, but for days that an issued invoice looked at (R13: "nothing that is issued changes")."""
    taken: set[date] = set()
    for closed in customer.closed:
        if (closed.first, closed.last, closed.primary_subscription) == (
            cycle.first,
            cycle.last,
            cycle.primary_subscription,
        ):
            return list(closed.looked_at)
        taken.update(closed.looked_at)
    return [day for day in days_by_the_text(customer, cycle) if day not in taken]


def days_by_the_text(customer: Customer, cycle: Cycle) -> list[date]:
    """R14: "The invoice of a customer's cycle `x ... y` looks at the days `x + 1 ... y + 1`, and also at `x`
    when no subscription was active on the day before `x`".

    With one service that is what follows. With both, the cycles that have an invoice of their own may lie
    apart or overlap; so that each day is looked at once, they begin where the invoice before them left off:
    it looked at the day after its cycle's last too, this one begins at the next. The first begins with the customer's
    first subscription: at `x`, or with a digital subscription that is older and whose cycles it carries.
    """
    before = [each for _, each in cycles_invoiced_alone(customer, cycle.last) if each.last < cycle.last]
    if not before:
        oldest = min(subscription.starts_on for subscription in customer.subscriptions)
        return days(min(cycle.first, oldest), cycle.last + ONE_DAY)
    previous = before[-1]
    between = days(previous.last + ONE_DAY, cycle.first - ONE_DAY)
    if between and not any(
        active(customer, service, day) for day in between for service in (CONTACT_CENTRE, DIGITAL)
    ):
        return days(cycle.first, cycle.last + ONE_DAY)
    return days(previous.last + 2 * ONE_DAY, cycle.last + ONE_DAY)


# Charges ------------------------------------------------------------------------------------------


def recurring(customer: Customer, looked_at: Sequence[date]) -> list[Charge]:
    """R14: in advance, per subscription and its own periods."""
    found = []
    for subscription in customer.subscriptions:
        # R12: a line with a digital SKU is included units, never a recurring charge.
        skus = sorted({line.sku for line in subscription.lines if line.sku not in DIGITAL_USAGE_SKUS})
        for day in looked_at:
            if not subscription.active(day):
                continue
            its_period = period(subscription, day)
            for sku in skus:
                quantity = subscription.quantity(sku, day)
                if day == its_period.first:
                    # "a subscription period that starts on such a day is charged: each SKU's quantity and
                    # price in force on its first day"; "in proportion: x its days / days of the whole, uncut
                    # period"
                    its_days = len(days(its_period.first, its_period.last))
                else:
                    # "a SKU's quantity that changes on such a day, inside a period, is settled: difference x
                    # price in force on that day x days from then to the period's (perhaps cut) end / days of
                    # the whole period"
                    quantity -= subscription.quantity(sku, day - ONE_DAY)
                    its_days = len(days(day, its_period.last))
                found.append(
                    Charge(
                        "recurring",
                        sku,
                        subscription.number,
                        day,
                        its_period.last,
                        quantity,
                        day,
                        Fraction(its_days, its_period.whole_days),
                    )
                )
    return found


def overage_charges(customer: Customer, cycle: Cycle, billed: Mapping[str, int]) -> list[Charge]:
    """R14: in arrears, at the price in force on the cycle's last day. R10: on the primary subscription."""
    sku_of = {"workforce-optimization": WFO_SKU, "ivr-port": IVR_SKU}
    model = licence_model(customer, cycle)
    for licence, sku in AGENT_SKUS[model].items():
        sku_of[f"{licence}-{model}"] = sku
    return [
        Charge(
            "overage",
            sku_of[usage_type] + "-O",
            cycle.primary_subscription,
            cycle.first,
            cycle.last,
            quantity,
            cycle.last,
        )
        for usage_type, quantity in billed.items()
    ]


def usage_charges(
    customer: Customer, facts: Sequence[Fact], digital_cycle: Cycle, until: date | None
) -> list[Charge]:
    """R12, R14: the billable units of a digital cycle, with its own period."""
    return [
        Charge(
            "usage",
            sku,
            digital_cycle.primary_subscription,
            digital_cycle.first,
            digital_cycle.last,
            of_sku["billable"],
            digital_cycle.last,
        )
        for sku, of_sku in units(customer, facts, digital_cycle, until).items()
    ]


def charges(
    customer: Customer,
    facts: Sequence[Fact],
    cycle: Cycle,
    service: str,
    until: date | None,
    billed: Mapping[str, int],
) -> list[Charge]:
    """All that a cycle's invoice charges, in the order of its lines. Lines of quantity 0 are left out.

    `billed`: of a contact-centre cycle, usage type -> quantity (R6).
    """
    found = recurring(customer, days_looked_at(customer, cycle))
    if service == CONTACT_CENTRE:
        found += overage_charges(customer, cycle, billed)
        for digital_cycle in digital_cycles_carried(customer, cycle):
            found += usage_charges(customer, facts, digital_cycle, until)
    else:
        found += usage_charges(customer, facts, cycle, until)
    return sorted((charge for charge in found if charge.quantity != 0), key=lambda charge: charge.place)


def digital_cycles_carried(customer: Customer, cycle: Cycle) -> list[Cycle]:
    """R10: the invoice of a contact-centre cycle "also carries the digital cycles that ended since the last invoice,
    each line with its own period"."""
    return [each for each in cycles(customer, DIGITAL, cycle.last) if carrier(customer, each) == cycle]


def invoiced_cycle(customer: Customer, first: date, service: str | None) -> tuple[Cycle, str]:
    """The cycle that begins on `first` and has an invoice of its own: the contact centre's, else the digital
    channels'."""
    if service != DIGITAL:
        try:
            return cycle_starting(customer, CONTACT_CENTRE, first), CONTACT_CENTRE
        except NotACycle:
            if service == CONTACT_CENTRE or not cycles(customer, DIGITAL, first):
                raise
    cycle = cycle_starting(customer, DIGITAL, first)
    carried_by = carrier(customer, cycle)
    if carried_by is not None:
        raise NotACycle(first, carried_by)  # its lines are on the contact-centre cycle's invoice
    return cycle, DIGITAL


# Invoices -----------------------------------------------------------------------------------------


def priced(charged: Iterable[Charge], book: PriceBook) -> list[Line]:
    """The charges as lines, or MissingPrice."""
    found = []
    for charge in charged:
        price = book.price(charge.sku, charge.price_of)
        if price is None:
            raise MissingPrice(charge.sku, charge.price_of)
        # line = round_half_up(quantity x unit price x (1 - discount), currency's minor unit)
        exact = charge.quantity * price.unit_price * (1 - price.discount_pct / 100) * charge.share
        amount = round_half_up(exact, minor_digits(book.currency))
        found.append(Line(charge, price.unit_price, price.discount_pct, amount))
    return found


def invoice(
    customer: Customer, cycle: Cycle, lines: Sequence[Line], book: PriceBook, *, retail: bool
) -> dict[str, Any]:
    """An invoice of these lines in the form of `run_billing --format json`."""
    partner = customer.partner
    digits = minor_digits(book.currency)
    subtotal = sum((line.amount for line in lines), Decimal(0))
    # "Tax is calculated once per rate, on the sum of its rounded lines."
    taxes = round_half_up(Fraction(subtotal) * partner.tax_rate_pct / 100, digits)
    # "Transaction date = the day after the cycle's end; due date = that plus the payment terms"
    transaction_date = cycle.last + ONE_DAY
    due_date = transaction_date + timedelta(days=partner.payment_terms_days)
    return {
        "number": None,
        "seller": partner.ref if retail else "provider",
        "recipient": customer.ref if retail else partner.ref,
        "customer": customer.ref,
        "currency": book.currency,
        "period_from": cycle.first.isoformat(),
        "period_to": cycle.last.isoformat(),
        "transaction_date": transaction_date.isoformat(),
        "due_date": due_date.isoformat(),
        "lines": [written(line, digits) for line in lines],
        "subtotal": money(subtotal, digits),
        "taxes": money(taxes, digits),
        "total": money(subtotal + taxes, digits),
    }


def written(line: Line, digits: int) -> dict[str, Any]:
    charge = line.charge
    found = {
        "kind": charge.kind,
        "sku": charge.sku,
        "subscription": charge.subscription,
        "period_from": charge.first.isoformat(),
        "period_to": charge.last.isoformat(),
        "quantity": charge.quantity,
        "unit_price": plain(line.unit_price, digits),
        "discount_pct": plain(line.discount_pct, 0),
        "amount": money(line.amount, digits),
    }
    if charge.kind == "other":  # R13: it "names the original period"
        found["original_period"] = [found["period_from"], found["period_to"]]
    return found
