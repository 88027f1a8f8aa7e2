"""Formats of other people's files: which columns tell one, and what each of ours is called there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.usage.domain.blocks import Block
from apps.usage.domain.records import KINDS_OF_FILE, KindOfFile
from apps.usage.domain.refusals import TellingError
from apps.usage.domain.refusals import marked as _

CONTROL_TOTALS = "control-totals"
OWN_NAME = "portal"


class FormatError(TellingError):
    """A description that cannot be used, or a file that no description fits."""


class UnknownFormatError(FormatError):
    """No format fits; nothing that the file has speaks against any."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a column of ours is filled from: the first of their ``columns`` that says something, else ``constant``."""

    columns: tuple[str, ...] = ()
    constant: str = ""

    def of(self, block: Block) -> Sequence[str]:
        """The column of ours for the rows of a block of theirs."""
        if not self.columns:
            return [self.constant] * len(block)
        first, *others = (block.column(name) for name in self.columns)
        for other in others:
            first = [one or another for one, another in zip(first, other, strict=True)]
        return first


@dataclass(frozen=True, slots=True)
class Pair:
    """Events of which two make a session: ``event`` is the column that tells them apart."""

    event: str
    opens: frozenset[str]
    closes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Span:
    """The columns with the first and the last day of what a row adds up."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one kind are read. All names of columns are theirs but the keys of ``columns`` and ``values``."""

    name: str
    title: str
    kind: str
    recognise: tuple[str, ...]
    columns: Mapping[str, Cell]
    keep: Mapping[str, frozenset[str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    open_while: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unfold: str = ""
    pair: Pair | None = None
    span: Span | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    decimal: str = ""
    from_licence_list: bool = False
    is_built_in: bool = False

    @property
    def is_own(self) -> bool:
        """The portal's own columns: nothing is translated."""
        return self.name == OWN_NAME

    @property
    def is_control(self) -> bool:
        """Totals to compare with, and no usage."""
        return self.kind == CONTROL_TOTALS

    @property
    def described(self) -> KindOfFile:
        """The kind of file that it becomes. Not for control totals."""
        return KINDS_OF_FILE[self.kind]

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns of theirs that are read."""
        names = [name for cell in self.columns.values() for name in cell.columns]
        names += [*self.keep, *self.open_while, *self.channels, *self.identity]
        if self.pair:
            names.append(self.pair.event)
        if self.span:
            names += [self.span.first, self.span.last]
        if self.unfold:
            names = [self.unfold, *(name for name in names if not name.startswith(f"{self.unfold}."))]
        return tuple(dict.fromkeys(names))


def own_format(kind: str) -> Format:
    """The portal's own columns of a kind."""
    described = KINDS_OF_FILE[kind]
    columns = {name: Cell((name,)) for name in (*described.columns, "customer")}
    return Format(OWN_NAME, "Portal", kind, described.columns, columns, is_built_in=True)


def hold_once(format_: Format, names: Sequence[str]) -> None:
    """Each column that a format reads stands in the header once: nobody could tell which of two is meant.

    Raises:
        FormatError: one stands there twice.
    """
    twice = sorted({each for each in format_.wanted if names.count(each) > 1})
    if twice:
        raise FormatError(_("the header has twice: %(columns)s"), columns=twice)


def choose(names: Iterable[str], formats: Sequence[Format], *, kind: str = "", name: str = "") -> Format:
    """The format of a file with these columns. ``kind`` and ``name`` are what the sender has said, if anything.

    Of a named format it is only held that the columns are there. Else the portal's own columns come first where the
    kind was said, then the formats that ask for most of the columns, a partner's own description before a shipped
    one, and last the portal's own columns of the one kind that they fit: never a guess among several.

    Raises:
        FormatError: none fits, several fit alike, another kind was said, or the file has control totals.
    """
    present = frozenset(names)
    if name and name != OWN_NAME:
        chosen = next((each for each in formats if each.name == name), None)
        if chosen is None:
            raise FormatError(_("there is no format %(name)s"), name=name)
        missing = [column for column in chosen.recognise if column not in present]
        if missing:
            raise FormatError(
                _("the file lacks %(columns)s, which a file of the format %(title)s has"),
                columns=missing,
                title=chosen.title,
            )
    elif kind and (name or present.issuperset(own_format(kind).recognise)):
        chosen = own_format(kind)
    else:
        found = None if name else recognise(present, formats)
        found = found or (None if kind else _own_recognised(present))
        if found is None:
            raise _unknown(present, kind)
        chosen = found
    if chosen.is_control:
        raise FormatError(
            _(
                "%(title)s: these are control totals, no usage. They are compared with the portal's figures under"
                " Control totals"
            ),
            title=chosen.title,
        )
    if kind and chosen.kind != kind:
        raise FormatError(
            _("this is a file of the format %(title)s, which holds %(kinds)s, not %(kind)s"),
            title=chosen.title,
            kinds=chosen.kind,
            kind=kind,
        )
    return chosen


def recognise(names: Iterable[str], formats: Sequence[Format]) -> Format | None:
    """The format whose columns are all there, or None.

    Raises:
        FormatError: several fit alike.
    """
    present = frozenset(names)
    fitting = [each for each in formats if present.issuperset(each.recognise)]
    best = max(((len(each.recognise), not each.is_built_in) for each in fitting), default=None)
    found = [each for each in fitting if (len(each.recognise), not each.is_built_in) == best]
    if len(found) > 1:
        raise FormatError(
            _("the file fits the formats %(names)s: say which it is"),
            names=sorted(each.name for each in found),
        )
    return found[0] if found else None


def _own_recognised(present: frozenset[str]) -> Format | None:
    """The portal's own columns where they are those of one kind alone.

    A licence tells no kind: it is easily forgotten, and a file of WFO sessions may have one that nobody asks for.

    Raises:
        FormatError: they fit several kinds.
    """
    fitting = [
        kind for kind, each in KINDS_OF_FILE.items() if present.issuperset({*each.columns} - {"licence"})
    ]
    if len(fitting) > 1:
        raise FormatError(_("these columns fit %(kinds)s: say which of them the file holds"), kinds=fitting)
    return own_format(fitting[0]) if fitting else None


def _unknown(present: frozenset[str], kind: str) -> UnknownFormatError:
    if not kind:
        return UnknownFormatError(_("no format has these columns"))
    missing = [column for column in KINDS_OF_FILE[kind].columns if column not in present]
    return UnknownFormatError(_("the header lacks %(columns)s"), columns=missing)
