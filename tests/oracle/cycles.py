"""R1 and R10: usage periods, the primary subscription, and what is committed on a day."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from tests.oracle.portfolio import CONTACT_CENTRE, DIGITAL, Customer, Settings, Subscription

__all__ = ["CONTACT_CENTRE", "DIGITAL", "Cycle", "NotACycle", "Period", "cycles", "days", "period", "primary"]

ONE_DAY = timedelta(days=1)
LONGEST_CYCLE = 31 * ONE_DAY


class NotACycle(Exception):
    """The day is not the first of a cycle; names the cycle that it lies in, if it lies in one."""

    def __init__(self, day: date, cycle: "Cycle | None") -> None:
        super().__init__(f"{day} is not the first day of a cycle (it lies in {cycle})")
        self.day = day
        self.cycle = cycle


@dataclass(frozen=True)
class Cycle:
    """A usage period of a customer and service, `first` to `last`, both included."""

    first: date
    last: date
    primary_subscription: str


@dataclass(frozen=True)
class Period:
    """A subscription's own period: perhaps cut short by its start or end; `whole_days` as if it were not."""

    first: date
    last: date
    whole_days: int


def days(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    found = []
    day = first
    while day <= last:
        found.append(day)
        day += ONE_DAY
    return found


def is_bill_day(day: date, bill_day: int) -> bool:
    """R1: a bill day that a month lacks falls on its last day, and the anchor is kept."""
    days_of_month = monthrange(day.year, day.month)[1]
    return day.day == min(bill_day, days_of_month)


@cache
def uncut_period(bill_day: int, day: date) -> tuple[date, date]:
    """R1: from the bill day (this one or the one before) to the day before the next bill day."""
    first = day
    while not is_bill_day(first, bill_day):
        first -= ONE_DAY
    last = day
    while not is_bill_day(last + ONE_DAY, bill_day):
        last += ONE_DAY
    return first, last


def period(subscription: Subscription, day: date) -> Period:
    """The subscription's own period that a day of its life lies in."""
    first, last = uncut_period(subscription.bill_day, day)
    whole_days = len(days(first, last))
    first = max(first, subscription.starts_on)
    if subscription.ends_on is not None:
        last = min(last, subscription.ends_on)
    return Period(first, last, whole_days)


def active(customer: Customer, service: str, day: date) -> list[Subscription]:
    """The customer's subscriptions of a service that are active on a day."""
    return [each for each in customer.subscriptions if each.service == service and each.active(day)]


def primary(customer: Customer, service: str, day: date) -> Subscription | None:
    """R10: the oldest active one (earliest start; then the number that comes first as text)."""
    found = active(customer, service, day)
    return min(found, key=lambda each: (each.starts_on, each.number)) if found else None


def cycles(customer: Customer, service: str, until: date) -> list[Cycle]:
    """R1: the cycles from the first subscription's start up to the one in which `until` lies, in whole.

    Goes from day to day. A cycle begins where there is a primary subscription and no cycle yet: on the day
    that it became primary, or on the day after the cycle before. It ends with the bill day's period, or with
    the primary. R10: "A subscription entered later, even an older one, never changes a cycle that is closed":
    such a cycle stands where it stood, and the one before it ends where it begins.
    """
    found: list[Cycle] = []
    closed = [each for each in customer.closed if each.service == service]
    starts = [each.starts_on for each in customer.subscriptions if each.service == service]
    starts += [each.first for each in closed]
    if not starts:
        return found
    day = min(starts)
    while day <= until:
        for each in closed:
            if each.first == day:
                found.append(Cycle(each.first, each.last, each.primary_subscription))
                break
        else:
            subscription = primary(customer, service, day)
            if subscription is None:
                day += ONE_DAY  # a gap: in no cycle
                continue
            _, last = uncut_period(subscription.bill_day, day)
            if subscription.ends_on is not None:
                last = min(last, subscription.ends_on)
            for each in closed:
                if day < each.first:
                    last = min(last, each.first - ONE_DAY)
            found.append(Cycle(day, last, subscription.number))
        day = found[-1].last + ONE_DAY
    return found


def cycle_starting(customer: Customer, service: str, first: date) -> Cycle:
    """The cycle with that first day, or NotACycle."""
    containing = cycle_containing(customer, service, first)
    if containing is None or containing.first != first:
        raise NotACycle(first, containing)
    return containing


def cycle_containing(customer: Customer, service: str, day: date) -> Cycle | None:
    for cycle in cycles(customer, service, day):
        if cycle.first <= day <= cycle.last:
            return cycle
    return None


def primary_of(customer: Customer, cycle: Cycle) -> Subscription:
    """The cycle's primary subscription."""
    for subscription in customer.subscriptions:
        if subscription.number == cycle.primary_subscription:
            return subscription
    raise ValueError(f"{customer.ref} has no subscription {cycle.primary_subscription}")


def settings_of(customer: Customer, cycle: Cycle) -> Settings:
    """The settings that a cycle is calculated with: those of the offer of its primary subscription."""
    return primary_of(customer, cycle).offer.settings


def licence_model(customer: Customer, cycle: Cycle) -> str:
    """R10: subscriptions active together have one licence model, so the primary's is the cycle's."""
    model = primary_of(customer, cycle).licence_model
    if model is None:
        raise ValueError(f"{cycle.primary_subscription} has no licence model")
    return model


def committed(customer: Customer, service: str, sku: str, day: date) -> int:
    """R10: added up over the subscriptions active on the day, by the quantities in force on it."""
    return sum(subscription.quantity(sku, day) for subscription in active(customer, service, day))
