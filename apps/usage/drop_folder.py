"""A folder that somebody else puts files into: which are complete, whose turn it is, and where they go afterwards.

```
<folder>/usage.csv                       put there, perhaps still growing
<folder>/processing/<some name>/usage.csv    taken: renamed, so that exactly one watcher has it
<folder>/done/usage.csv, usage.csv.json      read to its end, and what became of its rows
<folder>/failed/usage.csv, usage.csv.json    not read, and why
```
The folder is looked at every few seconds. Being told of changes by the system (inotify) would be no better: servers for
SFTP often write to network file systems, where it says nothing of what another machine did, and what came while nobody
watched has to be looked for anyway. One listing costs nothing beside a file's import.

A watcher holds a lock on the folder of each file that it has taken, which ends with it, however it ends. So whoever
starts next finds what was left in ``processing`` and takes it up, and leaves alone what another watcher works on.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROCESSING, DONE, FAILED = "processing", "done", "failed"
# What a program that sends files calls one that is not complete.
UNFINISHED = (".part", ".tmp", ".filepart")
_LONGEST_NAME = 200  # bytes; room for a number and ".json" within the 255 of file systems


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file looked, and since when (of the monotonic clock) it has looked so."""

    size: int
    changed_ns: int
    inode: int
    since: float


class DropFolder:
    """One folder, watched by this process. Made with its three folders where they are missing."""

    def __init__(self, folder: Path, *, settle: float) -> None:
        self.folder, self.settle = folder, settle
        self._seen: dict[str, Seen] = {}
        for name in (PROCESSING, DONE, FAILED):
            (folder / name).mkdir(mode=0o750, exist_ok=True)

    def look(self, *, at: float) -> list[str]:
        """Names of files that have not changed for ``settle`` seconds, in their order; ``at`` of the monotonic clock.

        A file is only told from one that grows by looking twice, whatever its own time says: that may be the sender's.
        """
        seen: dict[str, Seen] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                    continue
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        seen[entry.name] = self._compare(entry.name, status, at)
        self._seen = seen
        return sorted(name for name, found in seen.items() if at - found.since >= self.settle)

    def _compare(self, name: str, status: os.stat_result, at: float) -> Seen:
        before = self._seen.get(name)
        now = (status.st_size, status.st_mtime_ns, status.st_ino)
        if before is not None and (before.size, before.changed_ns, before.inode) == now:
            return before
        return Seen(*now, since=at)

    @contextmanager
    def take(self, name: str) -> Iterator[Path | None]:
        """The file as this watcher's alone, in ``processing``. None: another one was faster."""
        place = Path(tempfile.mkdtemp(dir=self.folder / PROCESSING))
        with _locked(place) as is_ours:
            taken = place / name
            try:
                if is_ours:
                    (self.folder / name).rename(taken)
            except FileNotFoundError:
                is_ours = False
            yield taken if is_ours and _is_plain(taken) else None
            _remove_empty(place)

    def left_behind(self) -> Iterator[Path]:
        """Files in ``processing`` that nobody works on, one by one, each this watcher's alone for its turn."""
        for place in sorted((self.folder / PROCESSING).iterdir()):
            if place.is_symlink() or not place.is_dir():
                continue
            with _locked(place) as is_ours:
                if not is_ours:
                    continue
                yield from filter(_is_plain, sorted(place.iterdir()))
                _remove_empty(place)

    def finish(self, taken: Path, outcome: dict[str, Any], *, into: str) -> Path:
        """Move a file to ``done`` or ``failed``, with its outcome as JSON beside it; nothing there is overwritten."""
        for name in _names_like(taken.name):
            target = self.folder / into / name
            told = target.with_name(f"{name}.json")
            if target.exists():
                continue
            try:
                with told.open(
                    "x", encoding="utf-8", errors="backslashreplace"
                ) as file:  # the name is ours from here on
                    json.dump(outcome, file, ensure_ascii=False, indent=1)
                    file.write("\n")
            except FileExistsError:
                continue
            taken.rename(target)
            return target
        raise AssertionError("numbers do not end")


@contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Whether the folder is ours alone for as long as the block lasts; the lock ends with the process, too."""
    try:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield place.exists()
    finally:
        os.close(folder)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _remove_empty(place: Path) -> None:
    with suppress(OSError):  # not empty: interrupted, and taken up again by whoever starts next
        place.rmdir()


def _names_like(name: str) -> Iterator[str]:
    """``usage.csv.gz``, ``usage-2.csv.gz``, ``usage-3.csv.gz``, … none of them too long."""
    stem, dot, ending = name.partition(".")
    if len(os.fsencode(name)) > _LONGEST_NAME:
        stem = os.fsdecode(os.fsencode(name)[: _LONGEST_NAME - 40])
        dot, ending = "", ""
    yield f"{stem}{dot}{ending}"
    number = 2
    while True:
        yield f"{stem}-{number}{dot}{ending}"
        number += 1
