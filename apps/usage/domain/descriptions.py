"""Descriptions of formats: small TOML texts.

What one may say stands in ``apps/usage/formats/README.md``; the shipped ones beside it are examples of all of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from apps.usage.domain.formats import CONTROL_TOTALS, OWN_NAME, Cell, Format, FormatError, Pair, Span
from apps.usage.domain.records import KINDS_OF_FILE, Kind
from apps.usage.domain.refusals import marked as _

CONTROL_COLUMNS = ("day", "used", "usage_type", "committed", "substituted", "overage")
LONGEST_DESCRIPTION = 20_000
MOST_DOTS = 100  # of a line: names in names take the reader the square of their depth
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}[a-z0-9]", re.ASCII)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def parse_format(text: str, *, is_built_in: bool = False) -> Format:
    """Read a description.

    Raises:
        FormatError: it is none, or says something that cannot be.
    """
    if len(text) > LONGEST_DESCRIPTION:
        raise FormatError(_("a description has at most %(most)s characters"), most=LONGEST_DESCRIPTION)
    if max((line.count(".") for line in text.splitlines()), default=0) > MOST_DOTS:
        raise FormatError(_("a line of a description has at most %(most)s dots"), most=MOST_DOTS)
    try:
        said = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_toml(str(error)) from None
    reader = _Reader(said)
    kind = reader.text("kind")
    pair = reader.part("pair")
    span = reader.part("span")
    found = Format(
        name=reader.text("name"),
        title=reader.text("title"),
        kind=kind,
        recognise=reader.texts("recognise"),
        columns={ours: _cell(ours, value) for ours, value in reader.table("columns").items()},
        keep=_sets("keep", reader.table("keep")),
        values={ours: _folded(f"values.{ours}", each) for ours, each in reader.table("values").items()},
        open_while=_sets("open_while", reader.table("open_while")),
        unfold=reader.text("unfold", ""),
        pair=_pair(pair) if pair else None,
        span=Span(span.text("first"), span.text("last")) if span else None,
        channels=_texts("channels", reader.table("channels")),
        identity=reader.texts("identity", ()),
        decimal=reader.text("decimal", ""),
        from_licence_list=reader.flag("licence_list"),
        is_built_in=is_built_in,
    )
    for each in (pair, span):
        if each:
            each.nothing_else()
    reader.nothing_else()
    _check(found)
    return found


def _no_toml(said: str) -> FormatError:
    """What a text is that cannot be parsed. Of the parser's words only the place is kept."""
    place = _PLACE.search(said)
    if place is None:
        return FormatError(_("this is no TOML: it ends before it is complete, or says something twice"))
    return FormatError(
        _("this is no TOML: see line %(line)s, column %(column)s"), line=place[1], column=place[2]
    )


def _check(found: Format) -> None:
    """What the parts of a description say about each other."""
    if not _NAME.fullmatch(found.name) or found.name in (OWN_NAME, "new"):
        raise FormatError(_("name: 2 to 64 small letters, digits and hyphens, and neither portal nor new"))
    if found.kind not in (*KINDS_OF_FILE, CONTROL_TOTALS):
        raise FormatError(_("kind: one of %(choices)s"), choices=", ".join((*KINDS_OF_FILE, CONTROL_TOTALS)))
    if not found.recognise:
        raise FormatError(_("recognise: at least one column that only such files have"))
    if found.decimal not in ("", ".", ","):
        raise FormatError(_('decimal: "." or ","'))
    known = CONTROL_COLUMNS if found.is_control else (*found.described.columns, "customer")
    needed = {"day", "used"} if found.is_control else {*known} - {"customer", "ended_at"}
    derived = _derived(found)
    for ours in (*found.columns, *found.values):
        if ours not in known:
            raise FormatError(
                _("columns: %(file)s has no %(column)s; it has %(columns)s"),
                file=found.kind,
                column=ours,
                columns=", ".join(known),
            )
    missing = sorted(needed - {*found.columns} - derived)
    if missing:
        raise FormatError(_("columns: still to be said: %(columns)s"), columns=missing)
    twice = sorted(derived & {*found.columns})
    if twice:
        raise FormatError(_("columns: said in another part of the description: %(columns)s"), columns=twice)
    interval = not found.is_control and found.described.kind is not Kind.DIGITAL_USAGE
    if found.open_while and not interval:
        raise FormatError(_("open_while is for what has a start and an end"))
    if found.pair and found.kind != "agent-sessions":
        raise FormatError(_("pair is for agent-sessions"))
    if (found.span or found.channels) and found.kind != "digital-usage":
        raise FormatError(_("span and channels are for digital-usage"))
    if found.from_licence_list and found.kind != "agent-sessions":
        raise FormatError(_("licence_list is for agent-sessions"))
    if found.pair and found.unfold:
        raise FormatError(_("pair and unfold cannot be said together"))
    if found.pair and (not found.pair.opens or not found.pair.closes):
        raise FormatError(_("pair: opens and closes name at least one event each"))
    if bool(found.channels) != bool(found.identity):
        raise FormatError(
            _("channels and identity are said together: a row becomes one record for each channel")
        )


def _derived(found: Format) -> set[str]:
    """Columns of ours that come from another part than ``columns``."""
    derived = set()
    if found.from_licence_list:
        derived.add("licence")
    if found.pair:
        derived.add("ended_at")
    if found.span:
        derived.add("occurred_at")
    if found.channels:
        derived |= {"record_id", "sku", "quantity"}
    return derived


class _Reader:
    """Takes what a table says, and holds that nothing is left."""

    def __init__(self, said: Mapping[str, Any], path: str = "") -> None:
        self._said = dict(said)
        self._path = path

    def text(self, name: str, default: str | None = None) -> str:
        value = self._said.pop(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise FormatError(_("%(key)s: a text"), key=f"{self._path}{name}")
        return value.strip()

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        return _list(f"{self._path}{name}", self._said.pop(name, default))

    def flag(self, name: str) -> bool:
        value = self._said.pop(name, False)
        if not isinstance(value, bool):
            raise FormatError(_("%(key)s: true or false"), key=f"{self._path}{name}")
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        value = self._said.pop(name, _NOTHING)
        if not isinstance(value, Mapping):
            raise FormatError(_("%(key)s: a table"), key=f"{self._path}{name}")
        return value

    def part(self, name: str) -> _Reader | None:
        return _Reader(self.table(name), f"{name}.") if name in self._said else None

    def nothing_else(self) -> None:
        if self._said:
            raise FormatError(_("%(key)s is not known"), key=f"{self._path}{next(iter(self._said))}")


def _pair(reader: _Reader) -> Pair:
    opens, closes = (frozenset(reader.texts(name)) for name in ("opens", "closes"))
    return Pair(reader.text("event"), opens, closes)


def _cell(ours: str, value: Any) -> Cell:
    if isinstance(value, str) and value:
        return Cell((value,))
    if isinstance(value, Mapping) and [*value] == ["constant"] and isinstance(value["constant"], str):
        return Cell((), value["constant"])
    if isinstance(value, list):
        return Cell(_list(f"columns.{ours}", value))
    raise FormatError(
        _("%(key)s: the name of a column, a list of them, or { constant = … }"), key=f"columns.{ours}"
    )


def _list(path: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise FormatError(_("%(key)s: a list of texts"), key=path)
    return tuple(value)


def _texts(path: str, table: Any) -> dict[str, str]:
    if not isinstance(table, Mapping) or not all(isinstance(each, str) for each in table.values()):
        raise FormatError(_("%(key)s: a table of texts"), key=path)
    return dict(table)


def _folded(path: str, table: Any) -> dict[str, str]:
    return {theirs.casefold(): ours for theirs, ours in _texts(path, table).items()}


def _sets(path: str, table: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(each.casefold() for each in _list(f"{path}.{name}", values))
        for name, values in table.items()
    }
