"""The figures of a cycle: those stored, or calculated on the spot where none that fit are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.catalogue.domain.charges import Charge, ChargeKind
from apps.catalogue.domain.kinds import LicenceModel, Service, SkuKind, UsageType
from apps.catalogue.models import Offer, Sku
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.problems import NotFoundRefusal, Refusal
from apps.organisations.models import Customer
from apps.reconciliation.domain.agents import LOOK_BACK, SAMPLE
from apps.reconciliation.domain.counting import Facts, Named, calculate
from apps.reconciliation.domain.detail import Billed, Family, Figures, Row, TypeDetail, Use, list_rows
from apps.reconciliation.domain.intervals import Int64, Intervals
from apps.reconciliation.domain.logins import Logins
from apps.reconciliation.domain.settings import RULES_VERSION, Settings
from apps.reconciliation.models import CycleLogins, CycleResult, TypeFigures
from apps.subscriptions.domain.commitments import committed_by_day
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import closed_as, cycles_of, find_cycle, has_stale_days, list_lines
from apps.usage.domain.moments import STILL_OPEN
from apps.usage.domain.records import Kind
from apps.usage.selectors import Records, Window, days_with_usage, read_records

LOOK_BACK_TIME = timedelta(microseconds=LOOK_BACK * SAMPLE)
_AVAILABLE = timedelta(days=400)  # R10: 13 months back from the newest cycle with usage


class NoSuchCycle(NotFoundRefusal):
    """The customer has no cycle that starts on that day; the line names the one that the day lies in."""


class NothingToUse(Refusal):
    """No day of the cycle is complete yet, or none up to the day asked for."""


@dataclass(frozen=True)
class CycleFigures:
    """A cycle, the last day used of it, and what it came to. Provisional until the cycle is closed."""

    customer: Customer
    cycle: Cycle
    until: date
    rows: list[Row]
    billed: dict[UsageType, Billed]
    is_closed: bool
    is_stored: bool
    has_usage: bool
    inputs_hash: str
    settings: Settings

    @property
    def is_complete(self) -> bool:
        """Every day of the cycle is used."""
        return self.until == self.cycle.last


@dataclass(frozen=True)
class Calculated:
    """A calculation with all that went into it."""

    figures: Figures
    has_usage: bool
    inputs_hash: str
    facts_hash: str
    records: int
    inputs: dict[str, Any]
    settings: Settings


def cycle_starting(customer: Customer, first_day: date, *, today: date, service: Service) -> Cycle:
    """The customer's cycle that starts on ``first_day``.

    Raises:
        NoSuchCycle: there is none.
    """
    cycles = cycles_of(customer, service, until=max(today, first_day))
    cycle = find_cycle(cycles, first_day)
    if cycle is None:
        raise NoSuchCycle(
            _("%(day)s lies in no billing cycle of %(ref)s.") % {"day": first_day, "ref": customer.ref}
        )
    if cycle.first != first_day:
        raise NoSuchCycle(
            _("No billing cycle of %(ref)s starts on %(day)s; it lies in the cycle %(first)s – %(last)s.")
            % {"ref": customer.ref, "day": first_day, "first": cycle.first, "last": cycle.last}
        )
    return cycle


def last_day_used(cycle: Cycle, *, today: date, until: date | None = None) -> date:
    """The cycle's last day; while it is open, yesterday; never later than ``until``.

    Raises:
        NothingToUse: that would be before the cycle's first day.
    """
    last = min(cycle.last, today - ONE_DAY, until or date.max)
    if last < cycle.first:
        raise NothingToUse(
            _("No day of the cycle %(first)s – %(last)s is complete by %(day)s.")
            % {"first": cycle.first, "last": cycle.last, "day": last}
        )
    return last


def get_figures(customer: Customer, cycle: Cycle, *, today: date, until: date | None = None) -> CycleFigures:
    """The figures of a contact-centre cycle: a closed one's as they were, a fresh result, or calculated now."""
    last = last_day_used(cycle, today=today, until=until)
    stored, closed = find_result(customer, cycle, until=last)
    if stored is not None:
        return _stored_figures(customer, cycle, stored, is_closed=closed)
    calculated = calculate_cycle(customer, cycle, until=last)
    return CycleFigures(
        customer=customer,
        cycle=cycle,
        until=last,
        rows=list(calculated.figures.rows),
        billed=dict(calculated.figures.billed),
        is_closed=closed,
        is_stored=False,
        has_usage=calculated.has_usage,
        inputs_hash=calculated.inputs_hash,
        settings=calculated.settings,
    )


def find_result(customer: Customer, cycle: Cycle, *, until: date) -> tuple[CycleResult | None, bool]:
    """The stored result of a contact-centre cycle up to ``until``, and whether the cycle is closed.

    None: nothing is stored, or what is stored does not hold any more.
    """
    closed = closed_as(customer, Service.CONTACT_CENTRE, cycle.first).exists()
    stored = stored_as(customer, cycle).filter(until=until).first()
    holds = stored is not None and (closed or is_fresh(stored, customer, cycle))
    return (stored if holds else None), closed


def stored_as(customer: Customer, cycle: Cycle) -> QuerySet[CycleResult]:
    """The stored result of a contact-centre cycle with its days and its primary, however far it goes: one or none."""
    return CycleResult.objects.filter(
        customer=customer,
        service=Service.CONTACT_CENTRE,
        first_day=cycle.first,
        last_day=cycle.last,
        primary__number=cycle.primary.number,
    )


def is_fresh(stored: CycleResult, customer: Customer, cycle: Cycle) -> bool:
    """Nothing of it is stale, and the rules and settings are those of today."""
    return (
        stored.rules_version == RULES_VERSION
        and stored.settings == settings_of(cycle.primary.offer).snapshot(model_of(cycle))
        and not has_stale_days(customer, cycle.period)
    )


def _stored_figures(
    customer: Customer, cycle: Cycle, stored: CycleResult, *, is_closed: bool
) -> CycleFigures:
    return CycleFigures(
        customer=customer,
        cycle=cycle,
        until=stored.until,
        rows=list_rows(Period(stored.first_day, stored.until), read_types(customer.pk, stored.first_day)),
        billed={UsageType(row.usage_type): Billed(row.quantity, row.day) for row in stored.billed.all()},
        is_closed=is_closed,
        is_stored=True,
        has_usage=stored.has_usage,
        inputs_hash=stored.inputs_hash,
        settings=Settings.of_snapshot(stored.settings),
    )


def read_types(customer_id: int, first_day: date) -> list[TypeDetail]:
    """What is stored of a cycle's usage types, in the order of a day's rows; nothing where nothing is stored."""
    return [
        TypeDetail(
            usage_type=UsageType(stored.usage_type),
            used=np.array(stored.used, np.int64),
            peak_at=None if stored.peak_at is None else np.array(stored.peak_at, np.int64),
            committed=np.array(stored.committed, np.int64),
            substituted=np.array(stored.substituted, np.int64),
            overage=np.array(stored.overage, np.int64),
            marked=stored.marked,
        )
        for stored in TypeFigures.objects.filter(customer_id=customer_id, first_day=first_day)
    ]


def read_known_use(cycles: Sequence[tuple[int, Period]]) -> list[dict[UsageType, Use]]:
    """What is stored of the days' use of the types with a peak, for cycles of customers; other days are 0."""
    found: list[dict[UsageType, Use]] = [{} for _cycle in cycles]
    numbers = {(customer_id, period.first): number for number, (customer_id, period) in enumerate(cycles)}
    stored = TypeFigures.objects.filter(
        customer_id__in={customer_id for customer_id, _first in numbers},
        first_day__in={first for _customer, first in numbers},
        peak_at__isnull=False,
    )
    for each in stored.only("customer_id", "first_day", "usage_type", "used", "peak_at"):
        number = numbers.get((each.customer_id, each.first_day))
        if number is not None:
            days = cycles[number][1].days
            found[number][UsageType(each.usage_type)] = Use(
                _of_days(each.used, days), _of_days(each.peak_at or (), days)
            )
    return found


def _of_days(stored: Sequence[int], days: int) -> Int64:
    """A number for each of so many days; those of which none is stored have 0."""
    numbers = np.zeros(days, np.int64)
    numbers[: len(stored)] = stored[:days]
    return numbers


def read_known_logins(cycles: Sequence[tuple[int, Period]]) -> list[dict[Family, Logins]]:
    """The first logins kept of cycles of customers; a family without any is left out."""
    found: dict[tuple[int, date], dict[Family, Logins]] = {}
    for kept in CycleLogins.objects.filter(
        customer__in={customer_id for customer_id, _period in cycles},
        result__first_day__in={period.first for _customer, period in cycles},
    ).select_related("result"):
        of_cycle = found.setdefault((kept.customer_id, kept.result.first_day), {})
        of_cycle[Family(kept.family)] = Logins(
            tuple(kept.agents), np.array(kept.first, np.int64), np.array(kept.premium, np.int64)
        )
    return [found.get((customer_id, period.first), {}) for customer_id, period in cycles]


def list_settings() -> dict[str, Settings]:
    """The settings of every offer, by its code."""
    return {offer.code: _as_settings(offer) for offer in Offer.objects.all()}


def settings_of(offer_code: str) -> Settings:
    """The settings of an offer."""
    return _as_settings(Offer.objects.get(code=offer_code))


def _as_settings(offer: Offer) -> Settings:
    return Settings(
        billed_peak="combined_day" if offer.billed_peak == "combined_day" else "per_type",
        ivr_peak="instant" if offer.ivr_peak == "instant" else "minute",
        longest_open_hours=offer.longest_open_hours,
    )


def model_of(cycle: Cycle) -> LicenceModel:
    """The licence model of a contact-centre cycle."""
    model = cycle.primary.licence_model
    assert model is not None  # the portfolio refuses a contact-centre subscription without one
    return model


def inputs_of(
    cycle: Cycle, until: date, settings: Settings, committed: Mapping[UsageType, Sequence[int]]
) -> dict[str, Any]:
    """All that goes into a calculation but the records, as plain values (R15)."""
    return {
        "rules": RULES_VERSION,
        "settings": settings.snapshot(model_of(cycle)),
        "cycle": [cycle.first.isoformat(), cycle.last.isoformat(), cycle.primary.number],
        "until": until.isoformat(),
        "committed": {usage_type.value: list(days) for usage_type, days in sorted(committed.items())},
    }


def settings_at_closing(customer: Customer, cycle: Cycle) -> Settings | None:
    """The settings by which a contact-centre cycle was closed; None while it is open, or where they were not kept."""
    closed = closed_as(customer, Service.CONTACT_CENTRE, cycle.first).first()
    inputs = None if closed is None else closed.snapshot.get("inputs")
    return None if inputs is None else Settings.of_snapshot(inputs["settings"])


def calculate_cycle(
    customer: Customer, cycle: Cycle, *, until: date, settings: Settings | None = None
) -> Calculated:
    """Calculate a contact-centre cycle from the records, up to ``until`` (R2–R8, R11, R15).

    By the settings of its offer, where none are given.
    """
    period = Period(cycle.first, until)
    settings = settings or settings_of(cycle.primary.offer)
    committed = committed_by_day(list_lines(customer, Service.CONTACT_CENTRE), period)
    records = read_facts(customer, period, settings)
    figures = calculate(
        period=period,
        licence_model=model_of(cycle),
        committed=committed,
        facts=as_facts(records, settings),
        settings=settings,
    )
    inputs = inputs_of(cycle, until, settings, committed)
    return Calculated(
        figures=figures,
        has_usage=figures.has_usage,
        inputs_hash=figures.hash_of(inputs),
        facts_hash=hash_records(records),
        records=sum(map(len, records.values())),
        inputs=inputs,
        settings=settings,
    )


def read_facts(customer: Customer, period: Period, settings: Settings) -> dict[Kind, Records]:
    """The records that days of a cycle are counted from, by kind."""
    (records,) = read_records(
        [Window(customer.pk, period)],
        tuple(Kind),
        look_back=LOOK_BACK_TIME,
        longest_open=settings.longest_open,
    )
    return records


def as_facts(records: Mapping[Kind, Records], settings: Settings) -> Facts:
    """Records in the form in which the rules take them."""

    def named(kind: Kind) -> Named:
        return as_named(records[kind], settings.longest_open) if kind in records else Named.none()

    return Facts(
        agents=named(Kind.AGENT_SESSION),
        wfo=named(Kind.WFO_SESSION),
        ivr=named(Kind.IVR_LEG),
        voice=named(Kind.VOICE_CALL),
    )


def as_named(records: Records, longest_open: timedelta) -> Named:
    """Those of one kind. One still open lasts ``longest_open`` at most.

    It lasts to the end of the last day used too, but no later sample or minute is looked at anyway.
    """
    count = len(records)
    codes: dict[str, int] = {}  # of each name the first row that has it
    actor = np.fromiter(map(codes.setdefault, records.actors, range(count)), np.int64, count)
    longest = longest_open // timedelta(microseconds=1)
    end = np.where(records.end == STILL_OPEN, records.start + longest, records.end)
    return Named(Intervals(actor, records.start, end, records.premium), records.actors)


def hash_records(records: Mapping[Kind, Records]) -> str:
    """One hash over the records themselves, whatever their order (R15)."""
    digest = hashlib.sha256()
    for kind in sorted(records):
        of_kind = records[kind]
        rows = sorted(zip(of_kind.actors, of_kind.start, of_kind.end, of_kind.premium, strict=True))
        digest.update(json.dumps([int(kind), [[actor, *map(int, rest)] for actor, *rest in rows]]).encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class CycleOffer:
    """The contact-centre cycles of a customer, newest first, and from when to when records of it start.

    ``started`` have a complete day; ``available`` lie in the availability window (R10); ``newest`` is the one that
    pages open on: the newest in which a record starts, without any the newest of all.
    """

    started: list[Cycle]
    available: list[Cycle]
    newest: Cycle | None
    usage: Period | None

    def listed(self, *, today: date) -> list[Cycle]:
        """Those of ``available`` worth listing: of the cycles after the last record only the last 13 months."""
        return [
            cycle
            for cycle in self.available
            if self.newest is None or cycle.first <= self.newest.first or cycle.last >= today - _AVAILABLE
        ]

    def newest_of(self, subscription: str) -> Cycle | None:
        """Of the cycles whose primary is ``subscription`` the one to open on."""
        cycles = [cycle for cycle in self.started if cycle.primary.number == subscription]
        used = (cycle for cycle in cycles if self.usage is not None and cycle.first <= self.usage.last)
        return next(used, cycles[0] if cycles else None)


def offered_cycles(customer: Customer, *, today: date) -> CycleOffer:
    """What pages let their readers choose from (R10).

    Thirteen months back from the newest cycle with usage; without usage, from the newest that has started.
    """
    started = [
        cycle
        for cycle in reversed(cycles_of(customer, Service.CONTACT_CENTRE, until=today))
        if cycle.first < today
    ]
    usage = days_with_usage(customer) if started else None
    newest = next(
        (cycle for cycle in started if usage is not None and cycle.first <= usage.last),
        started[0] if started else None,
    )
    available = [cycle for cycle in started if newest and cycle.last >= newest.last - _AVAILABLE]
    return CycleOffer(started, available, newest, usage)


def list_available_cycles(customer: Customer, *, today: date) -> list[Cycle]:
    """The contact-centre cycles of the availability window, newest first (R10)."""
    return offered_cycles(customer, today=today).available


def newest_cycle_with_usage(customer: Customer, cycles: Iterable[Cycle]) -> Cycle | None:
    """Of cycles, newest first: the newest in which a record starts; without any, the newest of all."""
    listed = list(cycles)
    usage = days_with_usage(customer)
    if usage is not None:
        for cycle in listed:
            if cycle.first <= usage.last:
                return cycle
    return listed[0] if listed else None


def results_of(customer: Customer) -> QuerySet[CycleResult]:
    """The stored results of a customer."""
    return CycleResult.objects.filter(customer=customer)


def overage_charges(figures: CycleFigures) -> list[Charge]:
    """The overage of a cycle on the overage SKUs of its primary subscription (R6, R10, R14)."""
    return charge_overage(figures.cycle, figures.billed)


def charge_overage(cycle: Cycle, billed: Mapping[UsageType, Billed]) -> list[Charge]:
    """What is billed of a cycle, on the overage SKUs of its primary subscription (R6, R10, R14)."""
    skus = {
        UsageType(sku.usage_type): sku.code
        for sku in Sku.objects.filter(kind=SkuKind.OVERAGE).only("usage_type", "code")
    }
    primary = cycle.primary
    return [
        Charge(
            kind=ChargeKind.OVERAGE,
            sku=skus[usage_type],
            subscription=primary.number,
            offer=primary.offer,
            period=cycle.period,
            quantity=of_type.quantity,
            price_day=cycle.last,
        )
        for usage_type, of_type in billed.items()
    ]
