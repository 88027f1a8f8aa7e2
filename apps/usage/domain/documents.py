"""Usage in JSON: a record a line, an array of them, one after another, or wrapped into an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from apps.usage.domain.blocks import LONGEST_TEXT, Block, block_of_records
from apps.usage.domain.contents import BLOCK, LONGEST_LINE

LONGEST_DOCUMENT = 4_000_000  # characters of one value; the records of an array are values of their own
_BETWEEN = re.compile(r"[\s,]*")
MOST_RECORDS_IN_ONE = 50_000
_DEEPEST_ENVELOPE = 4


class _Nothing:
    """What a text that is no JSON holds."""


NOTHING = _Nothing()


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_decoder = json.JSONDecoder(parse_constant=_no_number)


def parse_json(text: str) -> Any:
    """The value; ``NOTHING`` where the text is no JSON. ``NaN`` and endless numbers are none."""
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        return NOTHING


class Lines:
    """A record a line (NDJSON)."""

    has_header = False

    def __init__(self, lines: Iterator[list[str]], line_number: int) -> None:
        self._first = next(lines, [])
        self._lines = lines
        self._line_number = line_number
        self.names = _names(map(parse_json, self._first[:50]))

    def rows(self, wanted: Sequence[str], *, plain: bool) -> Iterator[Block]:
        """The records in blocks, with the numbers of their lines."""
        start = self._line_number
        for lines in chain([self._first], self._lines):
            numbered = [
                (number, text.rstrip("\r\n")) for number, text in enumerate(lines, start) if text.strip()
            ]
            start += len(lines)
            yield block_of_records(
                [parse_json(text) if len(text) <= LONGEST_LINE else NOTHING for _number, text in numbered],
                wanted,
                line_numbers=[number for number, _text in numbered],
                texts=[text[:LONGEST_TEXT] for _number, text in numbered],
                plain=plain,
            )


class Records:
    """Records in an array, in an answer around one, or one after another. They are numbered from 1."""

    has_header = False

    def __init__(self, texts: Iterator[str]) -> None:
        self._blocks = _in_blocks(_values(texts))
        self._first = next(self._blocks, [])
        self.names = _names(self._first[:50])

    def rows(self, wanted: Sequence[str], *, plain: bool) -> Iterator[Block]:
        """The records in blocks, with their own numbers."""
        number = 1
        for records in chain([self._first], self._blocks):
            block = block_of_records(
                records, wanted, line_numbers=range(number, number + len(records)), plain=plain
            )
            block.texts = [*block.texts]  # then nobody holds the records, with all that is not wanted of them
            yield block
            number += len(records)


def _in_blocks(values: Iterator[tuple[Any, int]]) -> Iterator[list[Any]]:
    """Records of values, so many at once that their texts are about a block."""
    block: list[Any] = []
    length = 0
    for value, characters in values:
        block += records_in(value)
        length += characters
        if length > BLOCK:
            yield block
            block, length = [], 0
    if block:
        yield block


def _values(texts: Iterator[str]) -> Iterator[tuple[Any, int]]:
    """The values that stand one after another, or in one array, each with the length of its text.

    What cannot be read ends it with one ``NOTHING``. No more than one value is held at once.
    """
    buffer = next(texts, "").lstrip()
    at = 0
    in_array = buffer.startswith("[")
    if in_array:
        at = 1
    for more in chain(texts, [None]):
        while True:
            at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]  # it matches nothing at least
            if at == len(buffer) or (in_array and buffer[at] == "]"):
                break
            try:
                value, after = _decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError):
                if more is None or len(buffer) - at > LONGEST_DOCUMENT:
                    yield NOTHING, 0
                    return
                break
            yield value, after - at
            at = after
        if more is not None:
            buffer, at = buffer[at:] + more, 0


def records_in(value: Any) -> Sequence[Any]:
    """An object without values of its own that leads to one list of objects is an envelope: its records."""
    if not isinstance(value, dict) or any(
        not isinstance(each, dict | list | None) for each in value.values()
    ):
        return [value]
    found = list(_lists_of_objects(value, _DEEPEST_ENVELOPE))
    if len(found) == 1 and len(found[0]) <= MOST_RECORDS_IN_ONE:
        return found[0]
    return [value]


def _lists_of_objects(value: Any, depth: int) -> Iterator[list[Any]]:
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        yield value
    elif isinstance(value, dict) and depth:
        for each in value.values():
            yield from _lists_of_objects(each, depth - 1)


def _names(records: Iterable[Any]) -> tuple[str, ...]:
    """The names that the first records have, dotted where they lie deeper."""
    names: dict[str, None] = {}

    def look(record: dict[str, Any], before: str) -> None:
        for name, value in record.items():
            names[before + name] = None
            if isinstance(value, dict):
                look(value, f"{before}{name}.")

    for record in records:
        if isinstance(record, dict):
            look(record, "")
    return tuple(names)
