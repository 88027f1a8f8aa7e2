"""What addresses about a customer's cycles ask for, and how the API names a cycle."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from apps.catalogue.domain.kinds import Service
from apps.organisations.models import Customer
from apps.reconciliation.digital import offered_digital_cycles
from apps.reconciliation.selectors import cycle_starting, list_available_cycles, newest_cycle_with_usage
from apps.subscriptions.domain.cycles import Cycle

Chosen = TypeVar("Chosen", bound=StrEnum)


def read_day(request: Request, name: str) -> date | None:
    """A day that the address names, None where it names none.

    Raises:
        ValidationError: what stands there is no day.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise ValidationError({name: [_("Write a day like 2024-06-09.")]})
    return day


def read_choice(request: Request, name: str, members: type[Chosen]) -> Chosen | None:
    """A member of an enumeration that the address names, None where it names none.

    Raises:
        ValidationError: what stands there is none of them.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return members(text)
    except ValueError:
        choices = ", ".join(members)
        raise ValidationError({name: [_("Choose one of %(choices)s.") % {"choices": choices}]}) from None


def chosen_cycle(
    customer: Customer,
    first_day: date | None,
    *,
    today: date,
    service: Service = Service.CONTACT_CENTRE,
) -> Cycle:
    """The cycle of a service that starts on ``first_day``; without one the newest with usage.

    Raises:
        NotFound, NoSuchCycle: there is none.
    """
    if first_day is None:
        newest = _newest(customer, today, service)
        if newest is None:
            raise NotFound
        return newest
    if first_day > today:
        raise NotFound
    return cycle_starting(customer, first_day, today=today, service=service)


def _newest(customer: Customer, today: date, service: Service) -> Cycle | None:
    if service is Service.DIGITAL:
        return offered_digital_cycles(customer, today=today).newest
    return newest_cycle_with_usage(customer, list_available_cycles(customer, today=today))


def as_cycle(cycle: Cycle) -> dict[str, Any]:
    """A cycle as the API names it."""
    return {
        "first_day": cycle.first.isoformat(),
        "last_day": cycle.last.isoformat(),
        "subscription": cycle.primary.number,
    }


def of_cycle(customer: Customer, cycle: Cycle, *, until: date, is_closed: bool) -> dict[str, Any]:
    """What stands above rows of one cycle of a customer; ``until`` is the last day used."""
    return {
        "customer": customer.ref,
        "cycle": as_cycle(cycle),
        "until": until.isoformat(),
        "is_provisional": not is_closed,
    }
