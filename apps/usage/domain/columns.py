"""Records of a block of rows, column by column: what ``parse_record`` says of each row (R13)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from apps.usage.domain.blocks import Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.moments import (
    MICROSECOND,
    STILL_OPEN,
    Bools,
    Int64s,
    microseconds,
    moment_at,
    plain_moments,
)
from apps.usage.domain.records import (
    LONGEST_RECORD,
    LONGEST_VALUE,
    Content,
    Kind,
    KindOfFile,
    parse_record,
)

_LONGEST = LONGEST_RECORD // MICROSECOND
NO_LICENCE = -1


class _Licences(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return NO_LICENCE


_LICENCES = _Licences(premium=1, standard=0)


@dataclass(frozen=True, slots=True)
class Columns:
    """What rows say, in the order of the block. Times are microseconds since 1970 UTC; shapes ``(n,)``.

    ``premium`` is 1, 0, or -1 where a kind knows no licence; ``end`` is ``STILL_OPEN`` for a record without one.
    Digital usage has a ``quantity``, and lasts no time. Rows of ``faults`` say nothing.
    """

    record_ids: Sequence[str]
    actors: Sequence[str]
    premium: NDArray[np.int8]
    start: Int64s
    end: Int64s
    quantity: Int64s
    faults: dict[int, Fault]

    def __len__(self) -> int:
        return len(self.record_ids)

    def content(self, index: int, kind: Kind) -> Content:
        """What a row says."""
        start, end, premium = int(self.start[index]), int(self.end[index]), int(self.premium[index])
        return Content(
            self.actors[index],
            None if premium == NO_LICENCE else bool(premium),
            moment_at(start),
            None if end == STILL_OPEN else moment_at(end),
            int(self.quantity[index]) if kind is Kind.DIGITAL_USAGE else None,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What rows are read by: ``now`` says what the future is, ``zone`` is that of times which say none.

    ``customers`` are the names that rows may give their customer, ``customer`` is that of rows that give none;
    ``digital_skus`` are those that digital usage may name (R12).
    """

    described: KindOfFile
    now: datetime
    customer: str = ""
    zone: ZoneInfo | None = None
    digital_skus: Container[str] = ()


def customers_of(block: Block, reading: Reading) -> Sequence[str]:
    """The name of each row's customer; empty where nobody says one."""
    named = block.columns.get("customer")
    if named is None:
        return [reading.customer] * len(block)
    return [name or reading.customer for name in named] if reading.customer else named


def read_columns(block: Block, reading: Reading) -> Columns:
    """The records of a block, and what is wrong with the other rows.

    Rows that are written in the usual way are read column by column; each other one by ``parse_record``, which decides.
    """
    described = reading.described
    size = len(block)
    record_ids, actors = block.columns["record_id"], block.columns[described.actor_column]
    fine = _lengths_between(record_ids, 1, LONGEST_VALUE) & _lengths_between(actors, 1, LONGEST_VALUE)
    premium = np.full(size, NO_LICENCE, np.int8)
    quantity = np.zeros(size, np.int64)
    now = microseconds(reading.now)
    if described.kind is Kind.DIGITAL_USAGE:
        start, plain = plain_moments(block.columns["occurred_at"])
        end = start
        quantity, whole = _quantities(block.columns["quantity"])
        fine &= plain & whole
        fine &= np.fromiter((sku in reading.digital_skus for sku in actors), np.bool_, size)
    else:
        start, plain = plain_moments(block.columns["started_at"])
        end, ended = plain_moments(block.columns["ended_at"])
        still_open = _lengths(block.columns["ended_at"]) == 0
        fine &= plain & (ended | still_open)
        fine &= still_open | ((end >= start) & (end - start <= _LONGEST))
        end = np.where(still_open, STILL_OPEN, end)
        if described.has_licence:
            premium = np.fromiter(map(_LICENCES.__getitem__, block.columns["licence"]), np.int8, size)
            fine &= premium != NO_LICENCE
    fine &= start <= now
    faults = dict(block.broken)
    columns = Columns(record_ids, actors, premium, start, end, quantity, faults)
    for index in np.flatnonzero(~fine).tolist():
        if index not in faults:
            _read_singly(columns, index, block.cells(index), reading)
    return columns


def _read_singly(columns: Columns, index: int, cells: Mapping[str, str], reading: Reading) -> None:
    try:
        _record_id, content = parse_record(
            cells, reading.described, now=reading.now, digital_skus=reading.digital_skus, zone=reading.zone
        )
    except RejectedRowError as error:
        columns.faults[index] = error.fault
        return
    columns.premium[index] = NO_LICENCE if content.premium is None else content.premium
    columns.start[index] = microseconds(content.started_at)
    columns.end[index] = STILL_OPEN if content.ended_at is None else microseconds(content.ended_at)
    columns.quantity[index] = content.quantity or 0


def _lengths(texts: Sequence[str]) -> Int64s:
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _lengths_between(texts: Sequence[str], least: int, most: int) -> Bools:
    lengths = _lengths(texts)
    return (lengths >= least) & (lengths <= most)


def _quantities(texts: Sequence[str]) -> tuple[Int64s, Bools]:
    """Whole numbers of up to nine digits, and which these are."""
    whole = [text.isascii() and text.isdigit() and len(text) < 10 for text in texts]
    numbers = [int(text) if is_whole else 0 for text, is_whole in zip(texts, whole, strict=True)]
    return np.array(numbers, np.int64), np.array(whole, np.bool_)
