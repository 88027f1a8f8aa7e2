"""Rows of a file as blocks of columns: what readers give and formats take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from apps.usage.domain.faults import Fault

LONGEST_TEXT = 2_000
LONGEST_CELL = 250  # no value is that long (R13): what is behind it need not be held
MOST_TEXT = 16_000_000  # characters of rows that are held at once
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
_PLAIN = {str, int, type(None)}


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, and no half of a character."""
    return _FORBIDDEN.search(text) is None


def storable(text: str) -> str:
    """Text without what PostgreSQL cannot hold; what is replaced stays recognisable."""
    return text.replace("\x00", "␀").encode("utf-8", "backslashreplace").decode()


@dataclass
class Block:
    """Rows of a file as columns: a text a row in each, empty where there is none.

    ``line_numbers`` say where each row stands, ``texts`` how (as it came, perhaps shortened). ``broken`` are the rows
    that are none, by their index, and why. ``knows_numbers``: as they were read, some cells may have been numbers
    instead of texts (JSON, XLSX); it is told of blocks as they are read, and not of what is made of them.
    """

    line_numbers: Sequence[int]
    texts: Sequence[str]
    columns: dict[str, Sequence[str]]
    broken: dict[int, Fault] = field(default_factory=dict)
    knows_numbers: bool = False

    def __len__(self) -> int:
        return len(self.line_numbers)

    def column(self, name: str) -> Sequence[str]:
        """A column; empty texts where the file lacks it."""
        found = self.columns.get(name)
        return [""] * len(self) if found is None else found

    def cells(self, index: int) -> dict[str, str]:
        """A row as its cells."""
        return {name: column[index] for name, column in self.columns.items()}

    def parts(self) -> list[int]:
        """Which of the rows of its line each row is, from 0."""
        numbers = np.array(self.line_numbers, np.int64)
        rows = np.arange(len(numbers))
        begins = np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]
        found: list[int] = (rows - np.maximum.accumulate(np.where(begins, rows, 0))).tolist()
        return found

    def part(self, since: int, upto: int) -> Block:
        """The rows from one index to before another."""
        return Block(
            self.line_numbers[since:upto],
            self.texts[since:upto],
            {name: column[since:upto] for name, column in self.columns.items()},
            {index - since: fault for index, fault in self.broken.items() if since <= index < upto},
        )


def gather(blocks: Iterable[Block], *, size: int, skip: int = 0) -> Iterator[Block]:
    """The same rows in blocks of ``size``, or fewer where they are long, without the first ``skip``.

    The rows of one line stay together.
    """
    waiting: list[Block] = []
    count = characters = 0
    for block in blocks:
        passed = min(skip, len(block))
        skip -= passed
        since = passed
        while since < len(block):
            upto = since + size - count
            while 0 < upto < len(block) and block.line_numbers[upto] == block.line_numbers[upto - 1]:
                upto += 1
            part = block.part(since, upto)
            waiting.append(part)
            since += len(part)
            count += len(part)
            characters += sum(map(len, part.texts))
            if count >= size or characters > MOST_TEXT:
                yield join(waiting)
                waiting, count, characters = [], 0, 0
    if waiting:
        yield join(waiting)


def join(blocks: Sequence[Block]) -> Block:
    """Several blocks, of the same columns, as one."""
    if len(blocks) == 1:
        return blocks[0]
    joined = Block([], [], {name: [] for name in blocks[0].columns})
    numbers: list[int] = []
    texts: list[str] = []
    columns: dict[str, list[str]] = {name: [] for name in blocks[0].columns}
    for block in blocks:
        joined.broken |= {len(numbers) + index: fault for index, fault in block.broken.items()}
        numbers += block.line_numbers
        texts += block.texts
        for name, column in columns.items():
            column += block.columns[name]
    joined.line_numbers, joined.texts, joined.columns = numbers, texts, dict(columns)
    return joined


def bar_forbidden(block: Block, *, texts: bool = True) -> Block:
    """Mark the rows that hold what no text of the database can: NUL, or broken UTF-8. ``texts``: there as well."""
    columns = [*block.columns.values(), *([block.texts] if texts else [])]
    if any(_FORBIDDEN.search("".join(column)) for column in columns):
        for index in range(len(block)):
            if any(_FORBIDDEN.search(column[index]) for column in columns):
                block.broken.setdefault(index, Fault.FORBIDDEN_CHARACTER)
    return block


class WrittenLater(Sequence[str]):
    """The texts of records of JSON, written only where one is asked for."""

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return WrittenLater(self._records[index])
        try:
            return json.dumps(self._records[index], ensure_ascii=False)[:LONGEST_TEXT]
        except (TypeError, ValueError, RecursionError):  # what could not be read is no value at all
            return "…"


def block_of_records(
    records: Sequence[Any],
    wanted: Iterable[str],
    *,
    line_numbers: Sequence[int],
    texts: Sequence[str] | None = None,
    plain: bool = True,
) -> Block:
    """Records of JSON as columns; what is no object is broken.

    ``plain``: a value is a text, a whole number or null, anything else breaks the record. Otherwise ``wanted`` may be
    dotted, ``true`` and fractions are texts, and what lies deeper is JSON again.
    """
    broken = {index: Fault.NOT_A_ROW for index, record in enumerate(records) if not isinstance(record, dict)}
    objects: Sequence[Mapping[str, Any]] = (
        records if not broken else [record if isinstance(record, dict) else {} for record in records]
    )
    columns: dict[str, Sequence[str]] = {}
    for name in wanted:
        values = (
            [_at(record, name) for record in objects] if "." in name else [each.get(name) for each in objects]
        )
        kinds = set(map(type, values))
        if plain and not kinds <= _PLAIN:
            for index, value in enumerate(values):
                if type(value) not in _PLAIN:
                    broken.setdefault(index, Fault.NOT_A_ROW)
                    values[index] = None
            kinds = (kinds & _PLAIN) | {type(None)}
        if kinds == {str}:
            columns[name] = [str(value).strip() for value in values]
        else:
            columns[name] = [_text(value) for value in values]
        if plain and max(map(len, columns[name]), default=0) > LONGEST_CELL:
            columns[name] = [value[:LONGEST_CELL] for value in columns[name]]
    block = Block(
        line_numbers, WrittenLater(records) if texts is None else texts, columns, broken, knows_numbers=True
    )
    return bar_forbidden(block, texts=texts is not None)


def _at(record: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; a key may have dots itself."""
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
