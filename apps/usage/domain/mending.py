"""Corrections of rows kept aside: each a pure change of a row's cells. What they cannot mend stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.licences import LicenceHistory, licence_on
from apps.usage.domain.moments import parse_moment
from apps.usage.domain.records import KindOfFile
from apps.usage.domain.zones import localise

Cells = Mapping[str, str]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AsTheyAre:
    """Sent again unchanged: their time has come, or their customer, zone, SKU or licence is known by now."""


@dataclass(frozen=True, slots=True)
class CustomerMeant:
    """The rows are of the customer with this reference. ``remember``: later files that say so mean it too."""

    ref: str
    remember: bool = False


@dataclass(frozen=True, slots=True)
class ZoneMeant:
    """Times of the source that say no zone are of this one, now and in later files."""

    name: str


@dataclass(frozen=True, slots=True)
class HourMeant:
    """Of times that stand twice the first is meant, or the second."""

    second: bool


@dataclass(frozen=True, slots=True)
class OneHourLater:
    """Times that do not exist mean the clock after it was put forward."""


@dataclass(frozen=True, slots=True)
class LicenceMeant:
    """The licence, whatever the rows call it."""

    premium: bool


@dataclass(frozen=True, slots=True)
class AgentsLicence:
    """The licence that the agents of these rows have from a day on, now and in later files."""

    premium: bool
    first_day: date


@dataclass(frozen=True, slots=True)
class SkuMeant:
    """The SKU, whatever the rows call it."""

    code: str


@dataclass(frozen=True, slots=True)
class CellsMeant:
    """What a row says, written anew."""

    cells: Cells = field(default_factory=dict)


Correction = (
    AsTheyAre
    | CustomerMeant
    | ZoneMeant
    | HourMeant
    | OneHourLater
    | LicenceMeant
    | AgentsLicence
    | SkuMeant
    | CellsMeant
)


def time_columns(described: KindOfFile) -> list[str]:
    """The columns that hold a time, in their order."""
    return [name for name in described.columns if name.endswith("_at")]


def correct(
    cells: Cells, described: KindOfFile, correction: Correction, *, zone: ZoneInfo | None = None
) -> dict[str, str]:
    """The cells with the correction. ``zone`` is that of times that say none."""
    match correction:
        case CustomerMeant(ref=ref):
            return {**cells, "customer": ref}
        case LicenceMeant(premium=premium) if described.has_licence:
            return {**cells, "licence": _licence(premium)}
        case SkuMeant(code=code) if "sku" in described.columns:
            return {**cells, "sku": code}
        case CellsMeant(cells=meant):
            return {**cells, **meant}
        case HourMeant() | OneHourLater() if zone is not None:
            return {
                **cells,
                **{
                    name: _told(cells.get(name, ""), correction, zone)
                    for name in time_columns(described)
                    if cells.get(name)
                },
            }
    return dict(cells)


def _told(text: str, correction: HourMeant | OneHourLater, zone: ZoneInfo) -> str:
    """A time with its offset, where the correction is about it."""
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return text
    if naive.tzinfo is not None:
        return text
    try:
        localise(naive, zone)
        return text
    except RejectedRowError as error:
        fault = error.fault
    if fault is Fault.AMBIGUOUS_TIME and isinstance(correction, HourMeant):
        moment = localise(naive, zone, fold=int(correction.second))
    elif fault is Fault.SKIPPED_TIME and isinstance(correction, OneHourLater):
        moment = localise(naive + _HOUR, zone)
    else:
        return text
    return moment.astimezone(zone).isoformat()


def with_licence(
    cells: Cells, described: KindOfFile, history: LicenceHistory, *, zone: ZoneInfo | None = None
) -> dict[str, str]:
    """The cells with the licence that their agent has on the day they start, where they say none.

    Raises:
        RejectedRowError: none is known on that day, or the day is not known.
    """
    if not described.has_licence or cells.get("licence"):
        return dict(cells)
    day = parse_moment(cells.get("started_at", ""), zone).date()
    return {**cells, "licence": _licence(licence_on(day, history))}


def _licence(premium: bool) -> str:
    return "premium" if premium else "standard"


def with_zones(cells: Cells, described: KindOfFile, *, zone: ZoneInfo | None) -> dict[str, str]:
    """The cells with times that no longer depend on the zone of their source.

    Raises:
        RejectedRowError: one is no time, or its zone skips it or has it twice.
    """
    if zone is None:
        return dict(cells)
    told = {
        name: parse_moment(cells[name], zone).isoformat()
        for name in time_columns(described)
        if cells.get(name)
    }
    return {**cells, **told}


_OF_TIMES = (Fault.NO_TIME_ZONE, Fault.NOT_A_TIME, Fault.AMBIGUOUS_TIME, Fault.SKIPPED_TIME)
_COLUMNS = {
    Fault.UNKNOWN_CUSTOMER: "customer",
    Fault.NO_CUSTOMER: "customer",
    Fault.NO_RECORD_ID: "record_id",
    Fault.UNKNOWN_LICENCE: "licence",
    Fault.NO_LICENCE: "licence",
    Fault.UNKNOWN_SKU: "sku",
    Fault.NOT_A_QUANTITY: "quantity",
    Fault.ENDED_BEFORE_START: "ended_at",
    Fault.TOO_LONG: "ended_at",
}


def column_at_fault(
    fault: Fault, cells: Cells, described: KindOfFile, *, zone: ZoneInfo | None = None
) -> str | None:
    """The column that a fault is about; None: no single one."""
    if fault in _OF_TIMES:
        for name in time_columns(described):
            try:
                if cells.get(name) or name != "ended_at":
                    parse_moment(cells.get(name, ""), zone)
            except RejectedRowError:
                return name
    if fault is Fault.NO_ACTOR:
        return described.actor_column
    if fault is Fault.IN_FUTURE:
        return time_columns(described)[0]
    return _COLUMNS.get(fault)
