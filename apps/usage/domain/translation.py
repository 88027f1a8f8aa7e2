"""From blocks with other people's columns to blocks with ours. Column by column: a mere renaming costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from apps.usage.domain.blocks import LONGEST_TEXT, Block
from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.formats import Format, Span
from apps.usage.domain.licences import LicenceHistory, licence_on
from apps.usage.domain.moments import parse_moment
from apps.usage.domain.numbers import decimal_of, whole_units
from apps.usage.domain.pairing import pair_events
from apps.usage.domain.records import KINDS_OF_FILE, LONGEST_VALUE


@dataclass
class Context:
    """What translating needs to know besides the file.

    ``zone`` is that of times that say none. ``customers`` are the keys of customers by what stands in the column
    ``customer`` ("" where nothing does), ``licences`` by the same the histories of their agents. ``left_out`` is
    counted up: rows that the format does not ask for.
    """

    zone: ZoneInfo | None = None
    customers: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, Mapping[str, LicenceHistory]] = field(default_factory=dict)
    left_out: int = 0

    def leave_out(self, count: int) -> None:
        """So many more."""
        self.left_out += count


def translate(blocks: Iterator[Block], format_: Format, context: Context) -> Iterator[Block]:
    """The rows of ``blocks`` in the portal's columns, each with its line number and its text.

    A row may become several (``unfold``, ``channels``), which then share the number of its line. Rows of events
    (``pair``) come at the end of the file, because their order in it means nothing.
    """
    if format_.is_own:
        return blocks
    if format_.pair:
        paired = pair_events(blocks, format_, zone=context.zone, leave_out=context.leave_out)
        return (_finish(block, format_, context) for block in paired)
    return (_translated(block, format_, context) for block in blocks)


def _translated(block: Block, format_: Format, context: Context) -> Block:
    decimal = decimal_of(block, format_.decimal)
    if format_.unfold:
        block = _unfolded(block, format_)
    block = _kept(block, format_, context)
    columns: dict[str, Sequence[str]] = {ours: cell.of(block) for ours, cell in format_.columns.items()}
    if format_.span:
        columns["occurred_at"], block = _last_days(block, format_.span)
    if format_.channels:
        return _finish(_by_channel(block, columns, format_, context, decimal), format_, context)
    if "quantity" in columns:
        columns["quantity"], block = _units(block, columns["quantity"], decimal)
    for name, meaning in format_.open_while.items():
        ended = columns.get("ended_at", [""] * len(block))
        open_ = [value.casefold() in meaning for value in block.column(name)]
        columns["ended_at"] = ["" if each else end for each, end in zip(open_, ended, strict=True)]
    return _finish(Block(block.line_numbers, block.texts, columns, block.broken), format_, context)


def _finish(block: Block, format_: Format, context: Context) -> Block:
    """Values by their meaning, columns that nothing is said of, licences from the list."""
    for ours, meanings in format_.values.items():
        if ours in block.columns:
            block.columns[ours] = [meanings.get(each.casefold(), each) for each in block.columns[ours]]
    nothing = [""] * len(block)
    for name in (*KINDS_OF_FILE[format_.kind].columns, "customer"):
        block.columns.setdefault(name, nothing)
    return fill_licences(block, context) if format_.from_licence_list else block


def fill_licences(block: Block, context: Context) -> Block:
    """Sessions that say no licence take the one that their agent has on the day they start (UTC).

    Before the first known day there is none, and the row is kept aside until somebody tells.
    """
    columns, broken = block.columns, dict(block.broken)
    licences = list(columns["licence"])
    rows = zip(columns["customer"], columns["agent_id"], columns["started_at"], licences, strict=True)
    for number, (customer, agent, started_at, licence) in enumerate(rows):
        if licence or number in broken or not agent:
            continue
        try:
            day = parse_moment(started_at, context.zone).date()
            history = context.licences.get(customer, {}).get(agent, ())
            licences[number] = "premium" if licence_on(day, history) else "standard"
        except RejectedRowError as error:
            broken[number] = error.fault
    return Block(block.line_numbers, block.texts, {**columns, "licence": licences}, broken)


def _kept(block: Block, format_: Format, context: Context) -> Block:
    """Rows that the format asks for, and broken ones: nobody knows what those are."""
    for name, wanted in format_.keep.items():
        chosen = [
            number
            for number, value in enumerate(block.column(name))
            if value.casefold() in wanted or number in block.broken
        ]
        context.leave_out(len(block) - len(chosen))
        block = _only(block, chosen)
    return block


def _only(block: Block, chosen: Sequence[int]) -> Block:
    """Those rows of the block; a row may be chosen several times."""
    if len(chosen) == len(block) and all(a == b for a, b in enumerate(chosen)):
        return block
    return Block(
        [block.line_numbers[each] for each in chosen],
        [block.texts[each] for each in chosen],
        {name: [column[each] for each in chosen] for name, column in block.columns.items()},
        {place: block.broken[each] for place, each in enumerate(chosen) if each in block.broken},
    )


def _unfolded(block: Block, format_: Format) -> Block:
    """A row for each element of the list that a column holds as JSON. Without an element a row is none."""
    chosen: list[int] = []
    elements: list[Any] = []
    for number, text in enumerate(block.column(format_.unfold)):
        found = [None] if number in block.broken else _elements(text)
        chosen += [number] * len(found)
        elements += found
    inner = [name for name in _names(format_) if name.startswith(f"{format_.unfold}.")]
    wide = _only(block, chosen)
    columns = {name: column for name, column in wide.columns.items() if name != format_.unfold}
    for name in inner:
        path = name.removeprefix(f"{format_.unfold}.").split(".")
        columns[name] = [_inside(element, path) for element in elements]
    texts = [
        text if element is None else json.dumps(element, ensure_ascii=False)[:LONGEST_TEXT]
        for text, element in zip(wide.texts, elements, strict=True)
    ]
    broken = {
        **wide.broken,
        **{
            number: Fault.NOT_A_ROW
            for number, element in enumerate(elements)
            if number not in wide.broken and not isinstance(element, dict)
        },
    }
    return Block(wide.line_numbers, texts, columns, broken)


def _names(format_: Format) -> Iterator[str]:
    """All columns of theirs that a description names."""
    cells = chain.from_iterable(cell.columns for cell in format_.columns.values())
    return chain(cells, format_.keep, format_.open_while)


def _elements(text: str) -> list[Any]:
    if not text:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [None]
    return found if isinstance(found, list) else [None]


def _inside(element: Any, path: Sequence[str]) -> str:
    for name in path:
        element = element.get(name) if isinstance(element, dict) else None
    if element is None:
        return ""
    return element.strip() if isinstance(element, str) else json.dumps(element, ensure_ascii=False)


def _last_days(block: Block, span: Span) -> tuple[list[str], Block]:
    """The last day of what each row adds up, as a moment on it."""
    moments, broken = [], dict(block.broken)
    rows = zip(block.column(span.first), block.column(span.last), strict=True)
    for number, (first, last) in enumerate(rows):
        try:
            moments.append("" if number in broken else _last_day(first, last))
        except RejectedRowError as error:
            broken[number] = error.fault
            moments.append(last)
    return moments, Block(block.line_numbers, block.texts, block.columns, broken)


def _last_day(first: str, last: str) -> str:
    """A total counts on its last day: there it is known, and never in a cycle that was over before.

    An end at midnight sharp on the first of a later month is the end of the day before. Days are in UTC.
    """
    try:
        since, until = (datetime.fromisoformat(text) for text in (first, last))
        since, until = (
            each.astimezone(UTC).replace(tzinfo=None) if each.tzinfo else each for each in (since, until)
        )
    except (ValueError, OverflowError):
        raise RejectedRowError(Fault.NOT_A_TIME) from None
    if until < since:
        raise RejectedRowError(Fault.ENDED_BEFORE_START)
    day: date = until.date()
    if until.time() == time() and day.day == 1 and (day.year, day.month) != (since.year, since.month):
        day -= timedelta(days=1)
    return f"{day.isoformat()}T00:00:00Z"


def _by_channel(
    block: Block, columns: dict[str, Sequence[str]], format_: Format, context: Context, decimal: str
) -> Block:
    """A record for each channel of which a row has units; its id is what the row is known by, and the channel."""
    identities = [
        " | ".join(parts) for parts in zip(*(block.column(name) for name in format_.identity), strict=True)
    ]
    chosen: list[int] = []
    broken: dict[int, Fault] = {}
    made: dict[str, list[str]] = {"record_id": [], "sku": [], "quantity": []}
    channels = [(name, sku, block.column(name)) for name, sku in format_.channels.items()]
    for number, identity in enumerate(identities):
        if number in block.broken:
            broken[len(chosen)] = block.broken[number]
            chosen.append(number)
            for column in made.values():
                column.append("")
            continue
        before = len(chosen)
        for name, sku, units in channels:
            quantity = units[number]
            if not quantity.strip("0"):
                continue
            try:
                quantity = whole_units(quantity, decimal)
            except RejectedRowError as error:
                broken[len(chosen)] = error.fault
            chosen.append(number)
            made["record_id"].append(_short(f"{name} | {identity}"))
            made["sku"].append(sku)
            made["quantity"].append(quantity)
        context.leave_out(len(chosen) == before)
    return Block(
        [block.line_numbers[each] for each in chosen],
        [block.texts[each] for each in chosen],
        {**{name: [column[each] for each in chosen] for name, column in columns.items()}, **made},
        broken,
    )


def _short(record_id: str) -> str:
    """An id as long as an id may be: the end of a longer one is its hash."""
    if len(record_id) <= LONGEST_VALUE:
        return record_id
    return (
        f"{record_id[: LONGEST_VALUE - 33]} {sha256(record_id.encode('utf-8', 'replace')).hexdigest()[:32]}"
    )


def _units(block: Block, quantities: Sequence[str], decimal: str) -> tuple[list[str], Block]:
    units, broken = [], dict(block.broken)
    for number, text in enumerate(quantities):
        try:
            units.append(text if number in broken else whole_units(text, decimal))
        except RejectedRowError as error:
            broken[number] = error.fault
            units.append(text)
    return units, Block(block.line_numbers, block.texts, block.columns, broken)
