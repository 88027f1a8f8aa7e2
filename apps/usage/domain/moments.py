"""Times as they are written: ISO 8601 with a zone, or counted since 1970. One by one, or a column at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.zones import localise

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
STILL_OPEN = 2**63 - 1

# Counted since 1970: ten digits are seconds (perhaps with a fraction), thirteen milliseconds, sixteen microseconds.
_COUNTED = re.compile(
    r"(?P<seconds>\d{10})(?:[.,](?P<fraction>\d{1,9}))?|(?P<milli>\d{13})|(?P<micro>\d{16})", re.ASCII
)

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
_Symbols = NDArray[np.uint8]
_Way = Callable[[_Symbols], tuple[Int64s, Bools]]


def parse_moment(text: str, zone: ZoneInfo | None = None) -> datetime:
    """A time as UTC; what is finer than a microsecond is cut. ``zone`` is that of a time which says none.

    Raises:
        RejectedRowError: not a time; one without a zone where none is known; one that its zone skips or has twice.
    """
    if counted := _COUNTED.fullmatch(text):
        return moment_at(_since_epoch(counted))
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RejectedRowError(Fault.NOT_A_TIME) from None
    if zone is None:
        raise RejectedRowError(Fault.NO_TIME_ZONE)
    return localise(moment, zone)


def _since_epoch(counted: re.Match[str]) -> int:
    """Microseconds."""
    if counted["micro"]:
        return int(counted["micro"])
    if counted["milli"]:
        return int(counted["milli"]) * 1_000
    return int(counted["seconds"]) * 1_000_000 + int((counted["fraction"] or "").ljust(6, "0")[:6])


def microseconds(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment_at(since_epoch: int) -> datetime:
    """Microseconds since 1970 as a moment."""
    return EPOCH + since_epoch * MICROSECOND


def plain_moments(texts: Sequence[str]) -> tuple[Int64s, Bools]:
    """Microseconds since 1970 of those times that are written in the usual ways, and which these are.

    The usual ways: ``2024-06-09T08:00:00`` with ``Z`` or an offset, with or without milli- or microseconds, and digits
    counted since 1970. The others need ``parse_moment``; what is told here is what that tells. Shapes: ``(n,)``.
    """
    moments = np.zeros(len(texts), np.int64)
    plain = np.zeros(len(texts), np.bool_)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    for length in np.unique(lengths).tolist():
        way = _WAYS.get(length)
        if way is None:
            continue
        chosen = np.flatnonzero(lengths == length)
        same = texts if len(chosen) == len(texts) else [texts[each] for each in chosen.tolist()]
        written = "".join(same)
        if not written.isascii():
            continue
        symbols = np.frombuffer(written.encode(), np.uint8).reshape(len(chosen), length).T.copy()
        moments[chosen], plain[chosen] = way(symbols)
    return moments, plain


def _digits(symbols: _Symbols, *places: slice) -> tuple[list[Int64s], Bools]:
    """The numbers that stand at ``places``, and where all of these are digits. Symbols: shape ``(places, n)``."""
    numbers = []
    fine = np.ones(symbols.shape[1], np.bool_)
    for place in places:
        number = np.zeros(symbols.shape[1], np.int64)
        for digits in symbols[place] - np.uint8(ord("0")):
            fine &= digits <= 9
            number = number * 10 + digits
        numbers.append(number)
    return numbers, fine


def _counted(unit: int) -> _Way:
    def read(symbols: _Symbols) -> tuple[Int64s, Bools]:
        (number,), fine = _digits(symbols, slice(None))
        return number * unit, fine

    return read


def _written(fraction: int, *, offset: bool) -> _Way:
    """``YYYY-MM-DDTHH:MM:SS``, a dot and ``fraction`` digits where there are some, and ``Z`` or ``+HH:MM``."""
    end = 19 + (fraction and fraction + 1)

    def read(symbols: _Symbols) -> tuple[Int64s, Bools]:
        (year, month, day, hour, minute, second), fine = _digits(
            symbols,
            slice(0, 4),
            slice(5, 7),
            slice(8, 10),
            slice(11, 13),
            slice(14, 16),
            slice(17, 19),
        )
        for place, symbol in ((4, "-"), (7, "-"), (13, ":"), (16, ":")):
            fine &= symbols[place] == ord(symbol)
        fine &= (symbols[10] == ord("T")) | (symbols[10] == ord(" "))
        fine &= (hour < 24) & (minute < 60) & (second < 60) & (year > 1) & (year < 9999)
        fine &= (month >= 1) & (month <= 12)
        months = (np.where(fine, year, 1970) - 1970) * 12 + np.where(fine, month, 1) - 1
        first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        fine &= (day >= 1) & (day <= following - first)
        seconds = (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
        if offset:
            (hours, minutes), right = _digits(symbols, slice(end + 1, end + 3), slice(end + 4, end + 6))
            east, west = symbols[end] == ord("+"), symbols[end] == ord("-")
            fine &= right & (east | west) & (symbols[end + 3] == ord(":")) & (hours < 24) & (minutes < 60)
            seconds -= np.where(west, -1, 1) * (hours * 3_600 + minutes * 60)
        else:
            fine &= symbols[end] == ord("Z")
        moments = seconds * 1_000_000
        if fraction:
            (part,), right = _digits(symbols, slice(20, end))
            fine &= right & (symbols[19] == ord("."))
            moments += part * 10 ** (6 - fraction)
        return moments, fine

    return read


# By the length of the text. A length has one way, so that a column is told apart by its lengths alone.
_WAYS: dict[int, _Way] = {
    10: _counted(1_000_000),
    13: _counted(1_000),
    16: _counted(1),
    20: _written(0, offset=False),
    24: _written(3, offset=False),
    27: _written(6, offset=False),
    25: _written(0, offset=True),
    29: _written(3, offset=True),
    32: _written(6, offset=True),
}
