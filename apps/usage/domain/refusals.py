"""Errors that tell a person why, in English, and in parts that pages put together in their reader's language."""

from __future__ import annotations

from collections.abc import Sequence

Hole = str | int | Sequence[str]


class TellingError(ValueError):
    """Something that cannot be used. ``str()`` is one line that says why, in English.

    ``line`` is that line with named holes, marked for translation where it is raised; ``holes`` are what stands in
    them: a text, a number, or several names. Holes called ``kind`` or ``kinds`` hold names of kinds of file.
    """

    def __init__(self, line: str, /, **holes: Hole) -> None:
        self.line, self.holes = line, holes
        super().__init__(line % {name: _plain(hole) for name, hole in holes.items()})


def marked(line: str) -> str:
    """The same line. Under the name of ``_`` it tells translators of it; the domain itself speaks English."""
    return line


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(hole: Hole) -> str | int:
    return hole if isinstance(hole, str | int) else listed(hole)
